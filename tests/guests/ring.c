/* SPDX-License-Identifier: ISC */
/*
 * ring.c - calls over a ring, polled and not: bunches of all sizes round and round the slots, entries that
 * wait for room, quiet ones, completions out of order, and closing with a call in flight.
 */
#include "expect.h"

#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE, CONSOLE_READ),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE));

enum { ORDER = 3, SLOTS = 1 << ORDER, CALLS = 2000 };

static struct guest_ring ring;

/* Submits `count` calls in bunches of up to a ring, and takes their completions as they come. */
static void run_round_and_round(void)
{
	uint64_t submitted = 0;
	uint64_t seen = 0;
	uint64_t seed = 1;

	while (seen < CALLS) {
		uint64_t bunch = 1 + expect_random(&seed) % SLOTS;
		struct postern_ring_completion completion;
		struct postern_ring_entry *entry;

		while (bunch-- && submitted < CALLS && (entry = guest_ring_get_entry(&ring)) != NULL)
			postern_prepare_abi_nop(entry, submitted++);
		EXPECT(guest_ring_submit(&ring) >= 0);
		if (guest_ring_ready(&ring) < SLOTS / 2 && submitted < CALLS && expect_random(&seed) % 2)
			continue;
		EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
		while (guest_ring_peek(&ring, &completion)) {
			EXPECT(completion.token == seen && completion.result == 0);
			guest_ring_seen(&ring);
			seen++;
		}
	}
	EXPECT(submitted == CALLS && !guest_ring_ready(&ring));
}

/* More entries are published than there is room for completions; the host takes the rest when there is. */
static void lack_room(void)
{
	struct postern_ring_completion completions[SLOTS];
	unsigned seen = 0;

	for (unsigned bunch = 0; bunch < 2; bunch++) {
		for (unsigned i = 0; i < SLOTS; i++) {
			struct postern_ring_entry *entry = guest_ring_get_entry(&ring);

			if (entry)
				postern_prepare_abi_nop(entry, i);
		}
		EXPECT(guest_ring_submit_and_wait(&ring, SLOTS) == SLOTS);
	}
	while (guest_ring_submit_and_wait(&ring, 1) > 0)
		seen += guest_ring_take(&ring, completions, SLOTS);
	EXPECT(seen == 2 * SLOTS);
}

static void keep_quiet(void)
{
	struct postern_ring_completion completion;
	struct postern_ring_entry *entry;

	for (unsigned i = 0; i < 3 * SLOTS; i++) {
		while ((entry = guest_ring_get_entry(&ring)) == NULL)
			EXPECT(guest_ring_submit(&ring) >= 0);
		postern_prepare_abi_nop(entry, i);
		entry->flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	}
	while ((entry = guest_ring_get_entry(&ring)) == NULL)
		EXPECT(guest_ring_submit(&ring) >= 0);
	postern_prepare_abi_nop(entry, 99);
	EXPECT(guest_ring_submit_and_wait(&ring, 1) == 1);
	EXPECT(guest_ring_peek(&ring, &completion) && completion.token == 99);
	guest_ring_seen(&ring);
	EXPECT_RESULT(guest_ring_wait(&ring, &completion), -ENODATA);
}

/* A read of the console may take for ever; the call behind it does not. */
static void overtake(void)
{
	static char input[16];
	struct postern_ring_completion completion;
	bool has_read = false;
	bool has_overtaken = false;

	postern_prepare_console_read(guest_ring_get_entry(&ring), 1, input, sizeof input);
	postern_prepare_abi_nop(guest_ring_get_entry(&ring), 2);
	EXPECT(guest_ring_submit(&ring) == 2);
	while (!has_overtaken) {
		EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
		has_read |= completion.token == 1;
		has_overtaken |= completion.token == 2;
		guest_ring_seen(&ring);
	}
	EXPECT_RESULT(guest_ring_close(&ring), 0);
	if (!has_read) {
		EXPECT(guest_ring_peek(&ring, &completion) && completion.token == 1);
		EXPECT(completion.result >= 0 || completion.result == -ECANCELED);
		guest_ring_seen(&ring);
	}
	EXPECT(!guest_ring_ready(&ring));
	guest_printf("ring: the read %s\n", has_read ? "ended by itself" : "was overtaken");
}

static void run(const char *name, uint32_t flags)
{
	size_t pages = guest_pages_available();

	EXPECT_RESULT(guest_ring_init(&ring, ORDER, ORDER, flags, POSTERN_NO_HANDLE), 0);
	run_round_and_round();
	lack_room();
	keep_quiet();
	overtake();
	guest_ring_free(&ring);
	EXPECT(guest_pages_available() == pages);
	guest_printf("ring: %d calls, %s\n", CALLS, name);
}

int main(void)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	run("not polled", 0);
	EXPECT_RESULT(postern_abi_query(POSTERN_SECTION_RING, &info), 0);
	if (info.features & POSTERN_RING_FEATURES_POLLED)
		run("polled", POSTERN_RING_SETUP_FLAGS_POLLED);
	else
		guest_print("ring: no poller here\n");
	return 0;
}
