/* SPDX-License-Identifier: ISC */
/* bare.S - a program that was not built for Postern: it has no note. */
#include "guest.inc"

	.type main, @function
main:
	xorl %eax, %eax
	ret
	.size main, . - main
