/* SPDX-License-Identifier: ISC */
/* panic.S - a guest that reports its own crash, with a message that would act on a terminal. */
#include "guest.inc"

	NOTE
	NEED 2, 1, 2, 0
	END_NOTE

	.type main, @function
main:
	movabsq $0x200000000000, %rax
	leaq report(%rip), %rdi
	leaq text(%rip), %rsi
	leaq main(%rip), %rcx
	movq %rcx, 32(%rdi)
	subq %rax, %rdi
	subq %rax, %rsi
	movl $text_end - text, %edx
	xorl %r10d, %r10d
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	movl $VM_CRASH, %eax
	call *%rbx
	movl $1, %eax
	ret
	.size main, . - main

	.section .rodata
text:	.ascii "no init found\033[2J\n"
text_end:

	.data
	.balign 8
report:
	.long 56, 1, 0, 0
	.quad 0, 0, 0, 0, 0
