/* SPDX-License-Identifier: ISC */
/* hello.c - the smallest guest: says hello, and ends. */
#include <postern/guest.h>

int main(void)
{
	guest_print("Hello from a guest of Postern!\n");
	return 0;
}
