/* SPDX-License-Identifier: ISC */
/* spin.S - a guest that never makes a call. */
#include "guest.inc"

	NOTE
	END_NOTE

	.type main, @function
main:
	pause
	jmp main
	.size main, . - main
