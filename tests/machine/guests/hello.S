/* SPDX-License-Identifier: ISC */
/* hello.S - a guest that says hello and ends. */
#include "guest.inc"

	NOTE
	NEED 1, 1, 1, 0
	NEED 2, 1, 1, 0
	END_NOTE

	.type main, @function
main:
	leaq text(%rip), %rsi
	movl $text_end - text, %edx
	call write
	xorl %eax, %eax
	ret
	.size main, . - main

	.section .rodata
text:	.ascii "hello\n"
text_end:
