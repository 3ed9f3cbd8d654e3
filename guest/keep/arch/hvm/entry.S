/* SPDX-License-Identifier: ISC */
/*
 * entry.S - from the program into the kernel and back, by the processor's own ways. In the kernel the processor's
 * interrupt flag is clear, so the host continues nothing but programs at hvm_event.
 *
 * The GS base: in the kernel the vCPU's page; while a program runs, the program's, and the page in KERNEL_GS_BASE.
 */
#include "arch/hvm/selectors.h"
#include "arch/offsets.h"

	.text

/* From rdx on, as struct registers has them, downwards. */
.macro push_general_below_rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
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
.endm

/*
 * SYSCALL: rcx is where to go on, r11 the flags, and all else is the program's. The stack pointer changes places with
 * entry_stack, which is put right again before anybody looks.
 */
	.globl hvm_system_call
	.hidden hvm_system_call
	.type hvm_system_call, @function
hvm_system_call:
	swapgs
	xchgq %rsp, %gs:PAGE_ENTRY_STACK
	pushq $USER_DATA
	pushq %gs:PAGE_ENTRY_STACK
	pushq %r11
	pushq $USER_CODE
	pushq %rcx
	pushq %rdi
	pushq %rsi
	push_general_below_rsi
	leaq REGISTERS_SIZE - REGISTERS_GENERAL(%rsp), %rax
	movq %rax, %gs:PAGE_ENTRY_STACK
	swapgs
	rdgsbase %rax
	swapgs
	pushq %rax
	xorl %eax, %eax
	pushq %rax /* address */
	pushq %rax /* error */
	pushq %rax /* vector */
	pushq $1   /* mode: program */
	pushq $2   /* cause: a system call */
	jmp enter
	.size hvm_system_call, . - hvm_system_call

/* Exceptions: the processor has pushed what iretq takes, and for some an error code. */
	.balign STUB_SIZE
	.globl hvm_stubs
	.hidden hvm_stubs
hvm_stubs:
	.set vector, 0
	.rept EXCEPTIONS
	.balign STUB_SIZE
	.if !((1 << vector) & 0x60227d00)
	pushq $0
	.endif
	pushq $vector
	jmp exception
	.set vector, vector + 1
	.endr

	.balign STUB_SIZE
exception:
	xchgq %rsi, (%rsp)  /* the vector */
	xchgq %rdi, 8(%rsp) /* the error code */
	push_general_below_rsi
	cld
	rdgsbase %rax
	xorl %ecx, %ecx
	testb $3, REGISTERS_CS - REGISTERS_GENERAL(%rsp)
	jz 1f
	swapgs
	incl %ecx
1:	pushq %rax
	movl $4, %eax /* cause: an exception */
	xorl %edx, %edx
	cmpl $14, %esi
	jne 2f
	movl $3, %eax /* a page fault */
	movq %cr2, %rdx
2:	pushq %rdx
	pushq %rdi
	pushq %rsi
	pushq %rcx /* mode */
	pushq %rax
	jmp enter

/* A program was interrupted for an event. rsp is entry_stack, the GS base the page, all else as it was there. */
	.globl hvm_event
	.hidden hvm_event
	.type hvm_event, @function
hvm_event:
	cli /* the flags are the program's; no further event comes before this one is taken */
	leaq REGISTERS_RIP - REGISTERS_SIZE(%rsp), %rsp
	movq $USER_CODE, REGISTERS_CS - REGISTERS_RIP(%rsp)
	movq $USER_DATA, REGISTERS_SS - REGISTERS_RIP(%rsp)
	pushq %rdi
	pushq %rsi
	push_general_below_rsi
	leaq -REGISTERS_GENERAL(%rsp), %rsp
	movq %rsp, %rdi
	call hvm_take_state

enter:
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call hvm_entered
leave:
	movq %rsp, %rdi
	call hvm_leaving
	leaq REGISTERS_GS_BASE(%rsp), %rsp
	popq %rax
	swapgs
	wrgsbase %rax
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
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	iretq
	.size hvm_event, . - hvm_event

/* void hvm_enter_program(struct registers *) */
	.globl hvm_enter_program
	.hidden hvm_enter_program
	.type hvm_enter_program, @function
hvm_enter_program:
	movq %rdi, %rsp
	jmp leave
	.size hvm_enter_program, . - hvm_enter_program

	.section .note.GNU-stack, "", @progbits
