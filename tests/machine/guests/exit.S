/* SPDX-License-Identifier: ISC */
/* exit.S - a guest that ends at once, with status 3. */
#include "guest.inc"

	NOTE
	NEED 2, 1, 1, 0
	END_NOTE

	.type main, @function
main:
	movl $3, %eax
	ret
	.size main, . - main
