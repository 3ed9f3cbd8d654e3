/* SPDX-License-Identifier: ISC */
/* demanding.S - a guest that needs more than it is granted unless somebody asks for it: a feature and a call. */
#include "guest.inc"

	NOTE
	NEED 12, 1, 4, 0
	END_NOTE

	.type main, @function
main:
	xorl %eax, %eax
	ret
	.size main, . - main
