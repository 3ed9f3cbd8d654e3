/* SPDX-License-Identifier: ISC */
/* entry.S - from the program into the kernel and back. */
#include "arch/offsets.h"
#include "arch/ring3/gate.h"

	.text

/*
 * Any interruption. The vCPU page says which, and what was interrupted. From a program, rsp is the end of the task's
 * kernel stack; from the kernel, which is interrupted on its way back only, it is at least 128 bytes below what is in
 * use. All other registers are still the interrupted ones; the GS base is the vCPU's page.
 */
	.globl ring3_entry
	.hidden ring3_entry
	.type ring3_entry, @function
ring3_entry:
	leaq -REGISTERS_SIZE(%rsp), %rsp
	movq %r15, REGISTERS_GENERAL(%rsp)
	movq %r14, REGISTERS_GENERAL + 8(%rsp)
	movq %r13, REGISTERS_GENERAL + 16(%rsp)
	movq %r12, REGISTERS_GENERAL + 24(%rsp)
	movq %rbp, REGISTERS_GENERAL + 32(%rsp)
	movq %rbx, REGISTERS_GENERAL + 40(%rsp)
	movq %r11, REGISTERS_GENERAL + 48(%rsp)
	movq %r10, REGISTERS_GENERAL + 56(%rsp)
	movq %r9, REGISTERS_GENERAL + 64(%rsp)
	movq %r8, REGISTERS_GENERAL + 72(%rsp)
	movq %rax, REGISTERS_GENERAL + 80(%rsp)
	movq %rcx, REGISTERS_GENERAL + 88(%rsp)
	movq %rdx, REGISTERS_GENERAL + 96(%rsp)
	movq %rsi, REGISTERS_GENERAL + 104(%rsp)
	movq %rdi, REGISTERS_GENERAL + 112(%rsp)
	movl %cs, %eax
	movq %rax, REGISTERS_CS(%rsp)
	movl %ss, %eax
	movq %rax, REGISTERS_SS(%rsp)
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call ring3_take_state
	/* It may be another frame: see below. */
	movq %rax, %rsp
enter:
	movq %rsp, %rdi
	call kernel_entered

/*
 * The way back, with the registers at rsp and events disabled. They are enabled from ring3_return_begin on, and one can
 * be delivered at any instruction from there to the end. That must not be returned to, or the stack would grow with
 * each: ring3_take_state() then takes up the frame that was being left, and the new one is forgotten. That frame is whole
 * as long as rsp stands where the general registers begin; and at iretq it is, except for the part below them, because
 * the host leaves 128 bytes below rsp alone and they take 120.
 */
leave:
	leaq REGISTERS_GENERAL(%rsp), %rsp
	movl $1, %eax
	xchgl %eax, %gs:PAGE_ENABLED /* with a full fence */
	.globl ring3_return_begin, ring3_return_iret, ring3_return_end
	.hidden ring3_return_begin, ring3_return_iret, ring3_return_end
ring3_return_begin:
	movq %gs:PAGE_MASKED, %rax
	notq %rax
	testq %rax, %gs:PAGE_PENDING
	jnz 2f
	/* A program without a GS base of its own has the kernel's: see ring3_gate. */
	movq REGISTERS_GS_BASE - REGISTERS_GENERAL(%rsp), %rax
	testq %rax, %rax
	jz 1f
	wrgsbase %rax
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
	leaq REGISTERS_IRET(%rsp), %rsp
ring3_return_iret:
	iretq
2:	movl $0, %gs:PAGE_ENABLED
ring3_return_end:
	/* Pending already: as if it had just been delivered. */
	leaq -REGISTERS_GENERAL(%rsp), %rsp
	movq $1, (%rsp) /* cause: an event */
	jmp enter
	.size ring3_entry, . - ring3_entry

/*
 * A system call by a site that was rewritten (sites.c): the number in rax, the address behind the site in rcx, all else
 * as the program has it. The GS base tells the vCPU, unless the program has one of its own; then the call is made by the
 * instruction that is still in front of that address, and so it is if an event comes before they are disabled:
 * ring3_take_state() sees to that.
 */
	.globl ring3_gate, ring3_gate_end
	.hidden ring3_gate, ring3_gate_end
	.type ring3_gate, @function
ring3_gate:
	rdgsbase %r11
	cmpq ring3_first_page(%rip), %r11
	jb 1f
	cmpq ring3_last_page(%rip), %r11
	jbe 2f
1:	leaq -2(%rcx), %r11
	jmp *%r11
2:	movl $0, %gs:PAGE_ENABLED
ring3_gate_end:
	movq %rsp, %r11
	movq %gs:PAGE_ENTRY_STACK, %rsp
	leaq -REGISTERS_SIZE(%rsp), %rsp
	movq %r15, REGISTERS_GENERAL(%rsp)
	movq %r14, REGISTERS_GENERAL + 8(%rsp)
	movq %r13, REGISTERS_GENERAL + 16(%rsp)
	movq %r12, REGISTERS_GENERAL + 24(%rsp)
	movq %rbp, REGISTERS_GENERAL + 32(%rsp)
	movq %rbx, REGISTERS_GENERAL + 40(%rsp)
	movq %r10, REGISTERS_GENERAL + 56(%rsp)
	movq %r9, REGISTERS_GENERAL + 64(%rsp)
	movq %r8, REGISTERS_GENERAL + 72(%rsp)
	movq %rax, REGISTERS_GENERAL + 80(%rsp)
	movq %rcx, REGISTERS_GENERAL + 88(%rsp)
	movq %rdx, REGISTERS_GENERAL + 96(%rsp)
	movq %rsi, REGISTERS_GENERAL + 104(%rsp)
	movq %rdi, REGISTERS_GENERAL + 112(%rsp)
	movq %rcx, REGISTERS_RIP(%rsp)
	movq %r11, REGISTERS_RSP(%rsp)
	pushfq
	popq %rax
	cld
	movq %rax, REGISTERS_FLAGS(%rsp)
	movq %rax, REGISTERS_GENERAL + 48(%rsp) /* r11 */
	movl %cs, %eax
	movq %rax, REGISTERS_CS(%rsp)
	movl %ss, %eax
	movq %rax, REGISTERS_SS(%rsp)
	movq $POSTERN_SYSTEM_CALL, (%rsp) /* cause */
	movq $POSTERN_PROGRAM, 8(%rsp)    /* mode */
	movq $RING3_BY_GATE, 16(%rsp)     /* vector */
	xorl %ebp, %ebp
	movq %rbp, REGISTERS_GS_BASE(%rsp)
	jmp enter
	.size ring3_gate, . - ring3_gate

/* void ring3_enter_program(struct registers *) */
	.globl ring3_enter_program
	.hidden ring3_enter_program
	.type ring3_enter_program, @function
ring3_enter_program:
	movq %rdi, %rsp
	jmp leave
	.size ring3_enter_program, . - ring3_enter_program

	.section .note.GNU-stack, "", @progbits
