/* SPDX-License-Identifier: ISC */
/*
 * hostile_ring.c - spoils rings: indices out of range, the host's words overwritten, entries of garbage. The
 * host says that it is wrong, and a new ring works.
 */
#include "expect.h"

#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE));

enum { ORDER = 4, SLOTS = 1 << ORDER };

static struct guest_ring ring;

static void set_up(uint32_t flags)
{
	EXPECT_RESULT(guest_ring_init(&ring, ORDER, ORDER, flags, POSTERN_NO_HANDLE), 0);
}

static void close(void)
{
	EXPECT_RESULT(guest_ring_close(&ring), 0);
	guest_ring_free(&ring);
}

static void use(uint32_t flags)
{
	struct postern_ring_completion completion;

	set_up(flags);
	postern_prepare_abi_nop(guest_ring_get_entry(&ring), 1);
	EXPECT(guest_ring_submit(&ring) == 1);
	EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
	EXPECT(completion.token == 1 && completion.result == 0);
	close();
}

/* More than the ring holds; and more consumed than there was. */
static void spoil_indices(void)
{
	static const uint32_t tails[] = { SLOTS + 1, 0x7fffffff, 0x80000000, UINT32_MAX };
	static const uint32_t heads[] = { 1, 0x7fffffff, 0x80000000, -(uint32_t)SLOTS - 1 };

	for (unsigned i = 0; i < sizeof tails / sizeof *tails; i++) {
		set_up(0);
		__atomic_store_n(&ring.guest->submit_tail, tails[i], __ATOMIC_RELEASE);
		EXPECT_RESULT(postern_ring_enter(1, 0, 0), -EINVAL);
		close();
		set_up(0);
		__atomic_store_n(&ring.guest->submit_tail, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&ring.guest->complete_head, heads[i], __ATOMIC_RELEASE);
		EXPECT_RESULT(postern_ring_enter(1, 0, 0), -EINVAL);
		close();
	}
}

/* The poller says so once, in its flags. */
static void spoil_polled(void)
{
	set_up(POSTERN_RING_SETUP_FLAGS_POLLED);
	__atomic_store_n(&ring.guest->submit_tail, SLOTS + 1, __ATOMIC_RELEASE);
	while (!(guest_ring_load_flags(&ring) & POSTERN_RING_HOST_FLAGS_BROKEN)) {
		int64_t result = postern_ring_enter(1, 0, 0);

		EXPECT(result == 0 || result == -EINVAL);
	}
	EXPECT_RESULT(postern_ring_enter(1, 0, 0), -EINVAL);
	EXPECT(guest_ring_get_entry(&ring) == NULL && guest_ring_submit(&ring) == -EPROTO);
	close();
	use(POSTERN_RING_SETUP_FLAGS_POLLED);
}

/* What the guest writes into the host's line changes nothing for the host. */
static void spoil_hosts_line(void)
{
	uint32_t *line;

	set_up(0);
	line = (uint32_t *)(ring.guest + 1);
	for (unsigned i = 0; i < 16; i++)
		line[i] = 0xdeadbeef;
	postern_prepare_abi_nop(&ring.entries[0], 1);
	__atomic_store_n(&ring.guest->submit_tail, 1, __ATOMIC_RELEASE);
	EXPECT_RESULT(postern_ring_enter(1, 1, GUEST_FOREVER), 1);
	EXPECT(ring.host->submit_head == 1 && ring.host->complete_tail == 1);
	EXPECT(ring.completions[0].token == 1 && ring.completions[0].result == 0);
	close();
}

/* Garbage, but with numbers that no version has: what others do with garbage is the fuzzer's. */
static void submit_garbage(void)
{
	struct postern_ring_completion completion;
	uint64_t seed = 1;

	set_up(0);
	for (unsigned i = 0; i < 100 * SLOTS; i++) {
		struct postern_ring_entry *entry = guest_ring_get_entry(&ring);

		for (unsigned j = 0; j < sizeof *entry / 8; j++)
			((uint64_t *)entry)[j] = expect_random(&seed);
		entry->call |= 0xf000;
		entry->flags &= (uint16_t)~POSTERN_RING_ENTRY_FLAGS_QUIET;
		EXPECT(guest_ring_submit(&ring) == 1);
		EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
		EXPECT_RESULT(completion.result, -ENOSYS);
		guest_ring_seen(&ring);
	}
	close();
}

int main(void)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	spoil_indices();
	spoil_hosts_line();
	submit_garbage();
	use(0);
	EXPECT_RESULT(postern_abi_query(POSTERN_SECTION_RING, &info), 0);
	if (info.features & POSTERN_RING_FEATURES_POLLED)
		spoil_polled();
	guest_print("hostile_ring: the host bears with it\n");
	return 0;
}
