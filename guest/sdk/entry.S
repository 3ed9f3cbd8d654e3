/* SPDX-License-Identifier: ISC */
/*
 * entry.S - where the host continues a vCPU that it has interrupted: for an event, a system call, a page
 * fault or an exception. internal.h has the layouts.
 */
#include "internal.h"

	.text

/*
 * Any interruption. The vCPU page says which, and what was interrupted; rsp is at least 128 bytes below what
 * is in use there, and a multiple of 16; all other registers are still the interrupted ones. A struct
 * guest_registers is made of it, and the handlers get that.
 */
	.globl guest_entry
	.hidden guest_entry
	.type guest_entry, @function
guest_entry:
	leaq -GUEST_FRAME_SIZE(%rsp), %rsp
	movq %r15, GUEST_FRAME_GENERAL(%rsp)
	movq %r14, GUEST_FRAME_GENERAL + 8(%rsp)
	movq %r13, GUEST_FRAME_GENERAL + 16(%rsp)
	movq %r12, GUEST_FRAME_GENERAL + 24(%rsp)
	movq %rbp, GUEST_FRAME_GENERAL + 32(%rsp)
	movq %rbx, GUEST_FRAME_GENERAL + 40(%rsp)
	movq %r11, GUEST_FRAME_GENERAL + 48(%rsp)
	movq %r10, GUEST_FRAME_GENERAL + 56(%rsp)
	movq %r9, GUEST_FRAME_GENERAL + 64(%rsp)
	movq %r8, GUEST_FRAME_GENERAL + 72(%rsp)
	movq %rax, GUEST_FRAME_GENERAL + 80(%rsp)
	movq %rcx, GUEST_FRAME_GENERAL + 88(%rsp)
	movq %rdx, GUEST_FRAME_GENERAL + 96(%rsp)
	movq %rsi, GUEST_FRAME_GENERAL + 104(%rsp)
	movq %rdi, GUEST_FRAME_GENERAL + 112(%rsp)
	movl %cs, %eax
	movq %rax, GUEST_FRAME_CS(%rsp)
	movl %ss, %eax
	movq %rax, GUEST_FRAME_SS(%rsp)
	/* Whatever flags the interrupted code had set, but the processor's interrupt flag stays. */
	pushfq
	andl $0x202, (%rsp)
	popfq
	movq %rsp, %rdi
	call guest_take_state

	/* It may be another frame: see guest_return. */
	movq %rax, %rsp
dispatch:
	movq %rsp, %rdi
	leaq -512(%rsp), %rsp
	fxsave64 (%rsp)
	call guest_dispatch
	fxrstor64 (%rsp)
	leaq 512(%rsp), %rsp

/*
 * The way back, with the frame at rsp and events disabled. If they were enabled before, they are from
 * guest_return_begin on, and one can be delivered at any instruction from there to the end. It must not be
 * returned to, or the stack would grow with each: guest_take_state() then takes up the frame that was being
 * left, and the new one is forgotten. That frame is whole as long as rsp stands where the general registers
 * begin; and at iretq it is, except for the part below them, because the host leaves 128 bytes below rsp
 * alone and they take 120.
 */
guest_return:
	leaq GUEST_FRAME_GENERAL(%rsp), %rsp
	cmpl $0, GUEST_FRAME_EVENTS - GUEST_FRAME_GENERAL(%rsp)
	je 1f
	movl $1, %gs:GUEST_PAGE_ENABLED
	.globl guest_return_begin, guest_return_iret, guest_return_end
	.hidden guest_return_begin, guest_return_iret, guest_return_end
guest_return_begin:
	mfence
	movq %gs:GUEST_PAGE_MASKED, %rax
	notq %rax
	testq %rax, %gs:GUEST_PAGE_PENDING
	jnz 2f
1:	movq (%rsp), %r15
	movq 8(%rsp), %r14
	movq 16(%rsp), %r13
	movq 24(%rsp), %r12
	movq 32(%rsp), %rbp
	movq 40(%rsp), %rbx
	movq 48(%rsp), %r11
	movq 56(%rsp), %r10
	movq 64(%rsp), %r9
	movq 72(%rsp), %r8
	movq 80(%rsp), %rax
	movq 88(%rsp), %rcx
	movq 96(%rsp), %rdx
	movq 104(%rsp), %rsi
	movq 112(%rsp), %rdi
	leaq GUEST_FRAME_IRET(%rsp), %rsp
guest_return_iret:
	iretq
2:	movl $0, %gs:GUEST_PAGE_ENABLED
guest_return_end:
	/* Pending already: as if it had just been delivered. */
	leaq -GUEST_FRAME_GENERAL(%rsp), %rsp
	movq $1, (%rsp) /* cause: an event */
	jmp dispatch
	.size guest_entry, . - guest_entry

	.section .note.GNU-stack, "", @progbits
