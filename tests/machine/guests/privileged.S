/* SPDX-License-Identifier: ISC */
/* privileged.S - a guest that writes to a port where there is no device. */
#include "guest.inc"

	NOTE
	END_NOTE

	.type main, @function
main:
	movl $0x1234, %edx
	movl $65, %eax
	outb %al, %dx
	ret
	.size main, . - main
