/* SPDX-License-Identifier: ISC */
/* ring.c - several calls by one exit: lines that are written over a ring. */
#include <postern/guest.h>
#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE));

static const char *const lines[] = { "Each of these lines\n", "is a call of its own,\n",
				     "and all cross at once.\n" };

enum { LINES = sizeof lines / sizeof *lines };

int main(void)
{
	struct postern_ring_completion completion;
	struct guest_ring ring;
	int error = guest_ring_init(&ring, 3, 3, 0, POSTERN_NO_HANDLE);

	if (error)
		guest_panic("no ring: %s", guest_error_name(error));
	for (uint64_t i = 0; i < LINES; i++)
		postern_prepare_console_write(guest_ring_get_entry(&ring), i, POSTERN_CONSOLE_STREAM_OUTPUT,
					      lines[i], strlen(lines[i]));
	guest_ring_submit_and_wait(&ring, LINES);
	while (guest_ring_peek(&ring, &completion)) {
		if (completion.result < 0)
			guest_panic("line %lu: %s", completion.token, guest_error_name(completion.result));
		guest_ring_seen(&ring);
	}
	guest_ring_close(&ring);
	return 0;
}
