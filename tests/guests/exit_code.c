/* SPDX-License-Identifier: ISC */
/* exit_code.c - ends with the status that its command line says, or 42. */
#include "expect.h"

int main(void)
{
	const char *command = guest_command();

	guest_printf("command line: %s\n", command);
	return (int)expect_number(&command, 42);
}
