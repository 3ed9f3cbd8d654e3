/* SPDX-License-Identifier: ISC */
/* loop.c - never ends, and never calls: for the host's means against that. */
#include "expect.h"

int main(void)
{
	guest_print("loop: from here on nothing\n");
	for (;;)
		__asm__ volatile("pause");
}
