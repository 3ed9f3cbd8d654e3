/* SPDX-License-Identifier: ISC */
/* hello.c - says hello on both of the console's outputs. */
#include "expect.h"

int main(void)
{
	static const char other[] = "Hello, error!\n";

	guest_print("Hello, world!\n");
	EXPECT_RESULT(guest_write(POSTERN_CONSOLE_STREAM_ERROR, other, sizeof other - 1), 0);
	return 0;
}
