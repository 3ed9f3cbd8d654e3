/* SPDX-License-Identifier: ISC */
/* loop.S - a guest that says that it is there, and then never makes a call again. */
#include "guest.inc"

	NOTE
	NEED 1, 1, 1, 0
	END_NOTE

	.type main, @function
main:
	leaq text(%rip), %rsi
	movl $text_end - text, %edx
	call write
1:	pause
	jmp 1b
	.size main, . - main

	.section .rodata
text:	.ascii "looping\n"
text_end:
