/* SPDX-License-Identifier: ISC */
/* echo.c - writes what it reads from the console, to the end of the input. */
#include <postern/guest.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_READ, CONSOLE_WRITE));

int main(void)
{
	char text[4096];
	int64_t length;

	while ((length = postern_console_read(text, sizeof text)) > 0) {
		if (guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, text, (size_t)length) < 0)
			return 1;
	}
	return length < 0;
}
