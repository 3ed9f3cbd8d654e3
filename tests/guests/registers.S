/* SPDX-License-Identifier: ISC */
/* registers.S - see registers.h. */
	.text
	.globl registers_call
	.type registers_call, @function
registers_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	pushq %rsi
	movq %rsp, registers_stack(%rip)
	movq (%rdi), %rax
	movq 8(%rdi), %rcx
	movq 16(%rdi), %rdx
	movq 24(%rdi), %rbx
	movq 32(%rdi), %rbp
	movq 40(%rdi), %rsi
	movq 56(%rdi), %r8
	movq 64(%rdi), %r9
	movq 72(%rdi), %r10
	movq 80(%rdi), %r11
	movq 88(%rdi), %r12
	movq 96(%rdi), %r13
	movq 104(%rdi), %r14
	movq 112(%rdi), %r15
	movq 48(%rdi), %rdi
	call *(%rsp)
	pushq %rax
	movq 16(%rsp), %rax
	popq (%rax)
	movq %rcx, 8(%rax)
	movq %rdx, 16(%rax)
	movq %rbx, 24(%rax)
	movq %rbp, 32(%rax)
	movq %rsi, 40(%rax)
	movq %rdi, 48(%rax)
	movq %r8, 56(%rax)
	movq %r9, 64(%rax)
	movq %r10, 72(%rax)
	movq %r11, 80(%rax)
	movq %r12, 88(%rax)
	movq %r13, 96(%rax)
	movq %r14, 104(%rax)
	movq %r15, 112(%rax)
	movl $1, %eax
	jmp 1f
	.globl registers_recovered
registers_recovered:
	xorl %eax, %eax
1:	cld
	addq $16, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.size registers_call, . - registers_call

	.bss
	.balign 8
	.globl registers_stack
registers_stack:
	.skip 8

	.section .note.GNU-stack, "", @progbits
