/* SPDX-License-Identifier: ISC */
/* start.S - where the host starts vCPUs: number 0 at the start of the image, others where vcpu.c says. */
#include "internal.h"

	.text

/* The start: rdi is the boot information, rsp nothing, and no pointer in memory has been relocated yet. */
	.globl _start
	.type _start, @function
_start:
	xorl %ebp, %ebp
	leaq first_stack_end(%rip), %rsp
	movq %rdi, %rbx
	leaq __ehdr_start(%rip), %rdi
	leaq _DYNAMIC(%rip), %rsi
	call guest_relocate
	movq %rbx, %rdi
	call guest_start
	ud2
	.size _start, . - _start

/* The start of a further vCPU: rdi is its task, rsp the end of its stack. */
	.globl guest_vcpu_entry
	.hidden guest_vcpu_entry
	.type guest_vcpu_entry, @function
guest_vcpu_entry:
	xorl %ebp, %ebp
	call guest_vcpu_run
	ud2
	.size guest_vcpu_entry, . - guest_vcpu_entry

	.bss
	.balign 16
	.skip GUEST_STACK_PAGES * GUEST_PAGE_SIZE
first_stack_end:
	.skip GUEST_ENTRY_STACK_PAGES * GUEST_PAGE_SIZE
	.globl guest_entry_stack_end
	.hidden guest_entry_stack_end
guest_entry_stack_end:

	.section .note.GNU-stack, "", @progbits
