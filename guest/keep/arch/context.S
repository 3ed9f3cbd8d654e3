/* SPDX-License-Identifier: ISC */
/* context.S - from one kernel stack to another. */
#include "arch/offsets.h"

	.text

/* void arch_switch_stacks(struct context *from, const struct context *to) */
	.globl arch_switch_stacks
	.hidden arch_switch_stacks
	.type arch_switch_stacks, @function
arch_switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, CONTEXT_RSP(%rdi)
	movq CONTEXT_RSP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size arch_switch_stacks, . - arch_switch_stacks

/* Where a new context begins: start in rbx, its argument in r12. */
	.globl arch_begin
	.hidden arch_begin
	.type arch_begin, @function
arch_begin:
	xorl %ebp, %ebp
	movq %r12, %rdi
	call *%rbx
	ud2
	.size arch_begin, . - arch_begin

	.section .note.GNU-stack, "", @progbits
