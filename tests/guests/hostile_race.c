/* SPDX-License-Identifier: ISC */
/*
 * hostile_race.c - spoils a ring while the host works on it: one vCPU submits, enters, closes and sets up again, the other
 * writes garbage all over the ring's memory, indices, entries and completions, all the time. Command line: how many
 * rings, and the seed. Entries may be any call, so the VM may end in any way.
 */
#include "hostile.h"

#include <postern/guest_ring.h>

enum { ORDER = 4, SLOTS = 1 << ORDER, ENTERS = 50, SECTIONS = 16, CALLS = 32 };

static struct guest_ring ring;
static uint64_t seed;
/* What there is to spoil, of the ring that was set up last; its memory is never given back. */
static struct {
	struct postern_ring_entry *entries;
	struct postern_ring_completion *completions;
	uint32_t *lines; /* the guest's, and behind it the host's */
} target;

/* Small numbers are indices, flags and lengths that nearly make sense. */
static uint64_t random_word(uint64_t *from)
{
	uint64_t bits = expect_random(from);

	switch (bits % 4) {
	case 0:
		return bits >> 8 & 0x3f;
	case 1:
		return (bits >> 8 & 0x3f) << 32 | (bits >> 16 & 0x3f);
	case 2:
		return bits >> 8 & (guest_boot()->memory - 8);
	default:
		return bits;
	}
}

/* A call that may be there, but none of the VM itself, which would only end it. */
static uint16_t random_call(uint64_t *from)
{
	uint64_t bits = expect_random(from);
	uint16_t section = (uint16_t)(bits % SECTIONS);

	return (uint16_t)((section == POSTERN_SECTION_VM ? 0U : section) << 8 | (bits >> 8) % CALLS);
}

/* Indices seldom, since the host gives up a ring that has a bad one. */
static void spoil(uint64_t *from)
{
	struct postern_ring_entry *entry = &target.entries[expect_random(from) % SLOTS];

	entry->call = random_call(from);
	entry->args[expect_random(from) % 6] = random_word(from);
	target.completions[expect_random(from) % SLOTS].token = random_word(from);
	if (expect_random(from) % 512 == 0)
		target.lines[expect_random(from) % 32] = (uint32_t)random_word(from);
}

static void spoil_on(void *unused)
{
	uint64_t own = seed ^ 0x5555;

	(void)unused;
	for (;;) {
		spoil(&own);
		/* The other vCPU may have set up another ring by now. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
}

static bool set_up(uint32_t flags)
{
	if (guest_ring_init(&ring, ORDER, ORDER, flags, POSTERN_NO_HANDLE) < 0)
		return false;
	target.entries = ring.entries;
	target.completions = (struct postern_ring_completion *)(uintptr_t)ring.completions;
	target.lines = (uint32_t *)ring.guest;
	return true;
}

static void use(void)
{
	uint32_t tail = 0;

	for (unsigned i = 0; i < ENTERS; i++) {
		if (guest_boot()->vcpus < 2)
			spoil(&seed);
		/* All completions are seen, so that there is always room. */
		__atomic_store_n(&ring.guest->complete_head,
				 __atomic_load_n(&ring.host->complete_tail, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		tail = __atomic_load_n(&ring.host->submit_head, __ATOMIC_ACQUIRE) +
		       (uint32_t)(expect_random(&seed) % SLOTS);
		__atomic_store_n(&ring.guest->submit_tail, tail, __ATOMIC_RELEASE);
		postern_ring_enter(SLOTS, 0, 0);
	}
}

int main(void)
{
	const char *command = guest_command();
	unsigned long rings = expect_number(&command, 200);
	unsigned long opened = 0;

	seed = expect_number(&command, 1) << 8 | 1;
	for (unsigned long i = 0; i < rings; i++) {
		if (!set_up(i % 2 ? POSTERN_RING_SETUP_FLAGS_POLLED : 0))
			continue;
		if (!opened++ && guest_boot()->vcpus > 1)
			EXPECT_RESULT(guest_vcpu_start(1, spoil_on, NULL), 0);
		use();
		postern_ring_close();
	}
	guest_printf("%lu rings\n", opened);
	return 0;
}
