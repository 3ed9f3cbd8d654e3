/* SPDX-License-Identifier: ISC */
/*
 * batch.c - many calls by one exit, without the SDK's ring library: a ring that is not polled, entered once.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE));

enum { ORDER = 6, SLOTS = 1 << ORDER };

static char *base;
static struct postern_ring_entry *entries;
static const struct postern_ring_completion *completions;

static void set_up(void)
{
	struct postern_ring_setup setup = POSTERN_INIT(ring_setup);

	base = guest_pages_alloc(2);
	EXPECT(base);
	entries = (struct postern_ring_entry *)(base + 128);
	completions = (const struct postern_ring_completion *)(entries + SLOTS);
	setup.base = postern_address(base);
	setup.submit_order = setup.complete_order = ORDER;
	setup.event = POSTERN_NO_HANDLE;
	EXPECT_RESULT(postern_ring_setup(&setup), 0);
	EXPECT_RESULT(postern_ring_setup(&setup), -EBUSY);
}

int main(void)
{
	static const char text[] = "batch: written by an entry\n";
	struct postern_ring_guest *guest;
	struct postern_ring_host *host;

	EXPECT_RESULT(postern_ring_enter(1, 0, 0), -ENXIO);
	set_up();
	guest = (struct postern_ring_guest *)base;
	host = (struct postern_ring_host *)(base + 64);
	for (uint32_t i = 0; i < SLOTS; i++)
		postern_prepare_abi_nop(&entries[i], 100 + i);
	postern_prepare_console_write(&entries[7], 107, POSTERN_CONSOLE_STREAM_OUTPUT, text, sizeof text - 1);
	entries[8].call = 0xffff;
	entries[9].reserved = 1;
	entries[10].call = POSTERN_CALL_RING_ENTER;
	entries[11].flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	__atomic_store_n(&guest->submit_tail, SLOTS, __ATOMIC_RELEASE);
	EXPECT_RESULT(postern_ring_enter(SLOTS, SLOTS - 1, UINT64_MAX), SLOTS);
	EXPECT(host->submit_head == SLOTS && host->complete_tail == SLOTS - 1);
	for (uint32_t i = 0; i < SLOTS - 1; i++) {
		int64_t expected = 0;
		uint64_t token = completions[i].token;

		if (token == 107)
			expected = sizeof text - 1;
		else if (token == 108)
			expected = -ENOSYS;
		else if (token == 109 || token == 110)
			expected = -EINVAL;
		EXPECT(token >= 100 && token < 100 + SLOTS && token != 111);
		EXPECT_RESULT(completions[i].result, expected);
	}
	EXPECT_RESULT(postern_ring_close(), 0);
	EXPECT_RESULT(postern_ring_close(), -ENXIO);
	guest_printf("batch: %d calls\n", SLOTS);
	return 0;
}
