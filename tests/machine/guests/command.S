/* SPDX-License-Identifier: ISC */
/* command.S - a guest that writes its command line, and a line end behind it. */
#include "guest.inc"

	NOTE
	NEED 1, 1, 1, 0
	END_NOTE

	.type main, @function
main:
	movq BOOT_INFO_COMMAND(%rdi), %rsi
	movq BOOT_INFO_COMMAND + 8(%rdi), %rdx
	movabsq $0x200000000000, %rax
	addq %rax, %rsi
	movb $10, (%rsi, %rdx)
	incq %rdx
	call write
	xorl %eax, %eax
	ret
	.size main, . - main
