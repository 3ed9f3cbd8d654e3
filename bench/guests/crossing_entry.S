/* SPDX-License-Identifier: ISC */
/*
 * crossing_entry.S - what the guest of `postern bench crossing` needs in assembly: a call gate into its kernel, and a
 * program that does nothing but system calls.
 */
	.text

/*
 * long crossing_gate(long number, long a, long b): as a guest's libc would call its kernel in place of a system call.
 * All registers are saved, the kernel's stack is taken, and crossing_serve() is called with what was saved.
 */
	.globl crossing_gate
	.type crossing_gate, @function
crossing_gate:
	movq %rsp, %rax
	movq crossing_kernel_stack(%rip), %rsp
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, %rdi
	xorl %ebp, %ebp
	subq $8, %rsp
	call crossing_serve
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	popq %rsp
	ret
	.size crossing_gate, . - crossing_gate

/*
 * void crossing_program_run(void *program, uint64_t count): goes to the program, which the kernel leaves by the system
 * call -1: its handler comes back to crossing_program_end with the stack pointer of here.
 */
	.globl crossing_program_run, crossing_program_end
	.type crossing_program_run, @function
crossing_program_run:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, crossing_program_stack(%rip)
	movq %rsi, %r12
	jmp *%rdi
crossing_program_end:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.size crossing_program_run, . - crossing_program_run

/* The program: r12 times getppid. It is copied to where programs are. */
	.globl crossing_program, crossing_program_limit
	.balign 64
crossing_program:
1:	movl $110, %eax
	syscall
	subq $1, %r12
	jnz 1b
	movq $-1, %rax
	syscall
	ud2
crossing_program_limit:

	.section .note.GNU-stack, "", @progbits
