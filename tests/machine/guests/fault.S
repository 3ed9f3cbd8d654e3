/* SPDX-License-Identifier: ISC */
/* fault.S - a guest that reads from an address that is not mapped, three functions deep. */
#include "guest.inc"

	NOTE
	END_NOTE

	.macro ENTER
	pushq %rbp
	movq %rsp, %rbp
	.endm

	.type inner, @function
inner:
	ENTER
	movl $0x10, %ecx
	movq (%rcx), %rax
	popq %rbp
	ret
	.size inner, . - inner

	.type outer, @function
outer:
	ENTER
	call inner
	popq %rbp
	ret
	.size outer, . - outer

	.type main, @function
main:
	ENTER
	call outer
	popq %rbp
	ret
	.size main, . - main
