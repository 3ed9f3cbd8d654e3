/* SPDX-License-Identifier: ISC */
/* panic.c - gives up, and says why. */
#include "expect.h"

static __attribute__((noinline)) void give_up(int answer)
{
	guest_panic("the answer is %d, not %s", answer, "six by nine");
}

int main(void)
{
	give_up(42);
	return 1;
}
