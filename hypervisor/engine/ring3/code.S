/* SPDX-License-Identifier: ISC */
/*
 * code.S - the part of the engine's code in a guest process that no compiler can write: the hypercall
 * entry, waiting, system calls, and loading a whole register state. It is copied to behind RING3_CODE, so it
 * knows no address but those of layout.h. Only from here (and from code.c, behind it) does the process's
 * filter let system calls through, and a guest can jump to any byte of it: nothing here may be of use to
 * whoever arrives with registers of his own.
 */
#include "layout.h"

#define SYS_rt_sigreturn 15
#define SYS_futex 202
#define SYS_mmap 9
#define SYS_mprotect 10
#define SYS_munmap 11
#define MAP_SHARED_FIXED_POPULATE 0x8011
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define CPU_SEGMENT 0x7b
#define CPU_MASK 0xfff

	.section ring3_code, "ax", @progbits
	.balign 64


/*
 * Where the hypercall page jumps to: the number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; the result in rax. Only
 * rcx and r11 change. The GS base is the vCPU's page, as it was when the vCPU started.
 */
	.globl ring3_hypercall
ring3_hypercall:
	movl %gs:RING3_VCPU_PAGE_NUMBER, %ecx
	shlq $RING3_AREA_SHIFT, %rcx
	movabsq $RING3_AREAS, %r11
	addq %r11, %rcx
	movq %rax, RING3_MAILBOX_NUMBER(%rcx)
	movq %rdi, RING3_MAILBOX_ARGS(%rcx)
	movq %rsi, RING3_MAILBOX_ARGS + 8(%rcx)
	movq %rdx, RING3_MAILBOX_ARGS + 16(%rcx)
	movq %r10, RING3_MAILBOX_ARGS + 24(%rcx)
	movq %r8, RING3_MAILBOX_ARGS + 32(%rcx)
	movq %r9, RING3_MAILBOX_ARGS + 40(%rcx)
	movl $0, RING3_MAILBOX_KIND(%rcx)
	movl $RING3_TURN_HOST, %r11d
	xchgl %r11d, (%rcx)
	testl $RING3_HOST_WAITS, %r11d
	jnz .Lwake
	movl RING3_AREA_SPIN(%rcx), %r11d
.Lspin:
	testl $RING3_TURN_HOST, (%rcx)
	jz .Ldone
	pause
	subl $1, %r11d
	ja .Lspin
	jmp .Lsleep

.Lwake:
	call ring3_wake_host
	movl RING3_AREA_SPIN(%rcx), %r11d
.Lspin_again:
	testl $RING3_TURN_HOST, (%rcx)
	jz .Lrestore
	pause
	subl $1, %r11d
	ja .Lspin_again
.Lsleep:
	call ring3_sleep
.Lrestore:
	/* The arguments are as they were in the mailbox, unless the guest itself changed them there. */
	movq RING3_MAILBOX_ARGS(%rcx), %rdi
	movq RING3_MAILBOX_ARGS + 8(%rcx), %rsi
	movq RING3_MAILBOX_ARGS + 16(%rcx), %rdx
	movq RING3_MAILBOX_ARGS + 24(%rcx), %r10
	movq RING3_MAILBOX_ARGS + 32(%rcx), %r8
	movq RING3_MAILBOX_ARGS + 40(%rcx), %r9
	jmp .Ldone

/*
 * Wakes the monitor, which sleeps on the mailbox at rcx, and tells it where the vCPU is: Linux keeps the number of each
 * processor in the limit of a segment, from where its vDSO reads it, too. Changes all argument registers, rax and r11.
 */
ring3_wake_host:
	movl $CPU_SEGMENT, %eax
	lsll %eax, %eax
	jnz 1f
	andl $CPU_MASK, %eax
	addl $1, %eax
	movl %eax, RING3_AREA_PROCESSOR(%rcx)
1:
	movq %rcx, %rdi
	movl $FUTEX_WAKE, %esi
	movl $1, %edx
	xorl %r10d, %r10d
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	movl $SYS_futex, %eax
	syscall
	movq %rdi, %rcx
	ret

/* Sleeps until the mailbox at rcx is the guest's again. Changes the same. */
ring3_sleep:
	movl $RING3_TURN_HOST, %eax
	movl $(RING3_TURN_HOST | RING3_GUEST_WAITS), %r11d
	lock cmpxchgl %r11d, (%rcx)
	testl $RING3_TURN_HOST, (%rcx)
	jz 1f
	movq %rcx, %rdi
	movl $FUTEX_WAIT, %esi
	movl $(RING3_TURN_HOST | RING3_GUEST_WAITS), %edx
	xorl %r10d, %r10d
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	movl $SYS_futex, %eax
	syscall
	movq %rdi, %rcx
	jmp ring3_sleep
1:	ret

.Ldone:
	movq RING3_MAILBOX_NUMBER(%rcx), %rax
	/*
	 * From ring3_hypercall to here the mailbox is in use, and a handler that finds the vCPU in between
	 * leaves it there (code.c): a kick is noted in the area, an event in the vCPU's page. From here on it
	 * is continued elsewhere at any instruction; but what was noted before has to be looked at, once.
	 */
	.globl ring3_hypercall_end
ring3_hypercall_end:
	cmpl $0, RING3_AREA_KICKED(%rcx)
	jne ring3_hypercall_trap
	cmpl $0, %gs:RING3_VCPU_PAGE_ENABLED
	je 1f
	movq %gs:RING3_VCPU_PAGE_MASKED, %r11
	notq %r11
	testq %r11, %gs:RING3_VCPU_PAGE_PENDING
	jnz .Levent
1:	ret
.Levent:
	cmpq $0, RING3_AREA_EVENT(%rcx) /* no entry: the guest looks at its events by itself */
	je 1b
	.globl ring3_hypercall_trap
ring3_hypercall_trap:
	int3 /* to the handler of signals, which returns for us and does what is to be done */

/*
 * The mapper of boot information: what to do in rax, address in rdi, bytes in rsi, access in rdx, guest-physical
 * address in r10. What these may be is the filter's to say (filter.c).
 */
	.globl ring3_mapper
ring3_mapper:
	cmpq $1, %rax
	je .Lmap
	ja .Lprotect
	movl $SYS_munmap, %eax
	syscall
	ret
.Lprotect:
	movl $SYS_mprotect, %eax
	syscall
	ret
.Lmap:
	pushq %r8
	pushq %r9
	pushq %r10
	movq %r10, %r9
	movl $MAP_SHARED_FIXED_POPULATE, %r10d
	movl $RING3_RAM_FD, %r8d
	movl $SYS_mmap, %eax
	syscall
	popq %r10
	popq %r9
	popq %r8
	/* It answers with the address. */
	cmpq $-4095, %rax
	jae 1f
	xorl %eax, %eax
1:	ret

/* void ring3_hand_over(struct ring3_mailbox *): gives the mailbox to the monitor and waits to get it back. */
	.globl ring3_hand_over
ring3_hand_over:
	movq %rdi, %rcx
	movl $RING3_TURN_HOST, %r11d
	xchgl %r11d, (%rcx)
	testl $RING3_HOST_WAITS, %r11d
	jz 1f
	call ring3_wake_host
1:	movl RING3_AREA_SPIN(%rcx), %r11d
2:	testl $RING3_TURN_HOST, (%rcx)
	jz 3f
	pause
	subl $1, %r11d
	ja 2b
	jmp ring3_sleep
3:	ret

/* long ring3_syscall(number, six arguments): for setting up, before the filter is there. */
	.globl ring3_syscall
ring3_syscall:
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	movq 8(%rsp), %r9
	syscall
	ret

/* long ring3_clone(flags, stack, area): a thread that goes on in ring3_thread(area). */
	.globl ring3_clone
ring3_clone:
	movq %rdx, %r9
	xorl %edx, %edx
	xorl %r10d, %r10d
	xorl %r8d, %r8d
	movl $56, %eax
	syscall
	testq %rax, %rax
	jz 1f
	ret
1:	xorl %ebp, %ebp
	movq %r9, %rdi
	call ring3_thread
	ud2

/* The end of a signal's handler. */
	.globl ring3_restorer
ring3_restorer:
	movl $SYS_rt_sigreturn, %eax
	syscall
	ud2

/* void ring3_load(const struct engine_state *): goes where a state says, with all its registers. */
	.globl ring3_load
ring3_load:
	movl $0x2b, %eax
	pushq %rax              /* ss */
	pushq 7*8(%rdi)         /* rsp */
	pushq 17*8(%rdi)        /* rflags */
	movl $0x33, %eax
	pushq %rax              /* cs */
	pushq 16*8(%rdi)        /* rip */
	movq 0*8(%rdi), %rax
	movq 1*8(%rdi), %rbx
	movq 2*8(%rdi), %rcx
	movq 3*8(%rdi), %rdx
	movq 4*8(%rdi), %rsi
	movq 6*8(%rdi), %rbp
	movq 8*8(%rdi), %r8
	movq 9*8(%rdi), %r9
	movq 10*8(%rdi), %r10
	movq 11*8(%rdi), %r11
	movq 12*8(%rdi), %r12
	movq 13*8(%rdi), %r13
	movq 14*8(%rdi), %r14
	movq 15*8(%rdi), %r15
	movq 5*8(%rdi), %rdi
	iretq

	.section .note.GNU-stack, "", @progbits
