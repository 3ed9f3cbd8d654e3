/* SPDX-License-Identifier: ISC */
/* ring.c - setting a ring pair up, and waiting on it: what of guest_ring.h is no fast path. */
#include "internal.h"

#include <postern/guest_ring.h>

/* A poller that is awake answers within this many looks; see spin_for(). */
enum { SPIN_LEAST = 16, SPIN_MOST = 4096 };

enum { MOST_SUBMIT_ORDER = 12, MOST_COMPLETE_ORDER = 13 };

/* ---- setting up ---- */

static void lay_out(struct guest_ring *ring, char *base, unsigned submit_order, unsigned complete_order)
{
	ring->guest = (struct postern_ring_guest *)base;
	ring->host = (const struct postern_ring_host *)(base + sizeof *ring->guest);
	ring->entries = (struct postern_ring_entry *)(base + sizeof *ring->guest + sizeof *ring->host);
	ring->submit_size = UINT32_C(1) << submit_order;
	ring->complete_size = UINT32_C(1) << complete_order;
	ring->completions = (const struct postern_ring_completion *)(ring->entries + ring->submit_size);
}

int guest_ring_init(struct guest_ring *ring, unsigned submit_order, unsigned complete_order, uint32_t flags,
		    postern_handle_t event)
{
	struct postern_ring_setup setup = POSTERN_INIT(ring_setup);
	size_t bytes;
	char *base;
	int64_t error;

	if (submit_order > MOST_SUBMIT_ORDER || complete_order > MOST_COMPLETE_ORDER)
		return -EINVAL;
	bytes = sizeof(struct postern_ring_guest) + sizeof(struct postern_ring_host) +
		(sizeof(struct postern_ring_entry) << submit_order) +
		(sizeof(struct postern_ring_completion) << complete_order);
	*ring = (struct guest_ring){ .pages = (bytes + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE };
	base = guest_pages_alloc(ring->pages);
	if (!base)
		return -ENOMEM;
	setup.flags = flags;
	setup.base = postern_address(base);
	setup.submit_order = submit_order;
	setup.complete_order = complete_order;
	setup.event = event;
	error = postern_ring_setup(&setup);
	if (error < 0) {
		guest_pages_free(base, ring->pages);
		return (int)error;
	}
	lay_out(ring, base, submit_order, complete_order);
	ring->polled = flags & POSTERN_RING_SETUP_FLAGS_POLLED;
	ring->spin = ring->polled ? SPIN_MOST : 0;
	ring->open = true;
	return 0;
}

int64_t guest_ring_close(struct guest_ring *ring)
{
	int64_t error = postern_ring_close();

	if (error >= 0)
		ring->open = false;
	return error;
}

void guest_ring_free(struct guest_ring *ring)
{
	guest_pages_free(ring->guest, ring->pages);
	ring->guest = NULL;
	ring->pages = 0;
}

/* ---- entering ---- */

/* Entries that are published and not taken. At most the ring's slots: both indices have been checked. */
static uint32_t untaken(struct guest_ring *ring)
{
	guest_ring_load_taken(ring);
	return ring->submitted - ring->taken;
}

int64_t guest_ring_enter(struct guest_ring *ring)
{
	uint32_t count = untaken(ring);

	if (ring->error)
		return ring->error;
	return count ? postern_ring_enter(count, 0, 0) : 0;
}

/* Looks until enough is ready; for longer if that was worth it, and for less long if it was not. */
static bool spin_for(struct guest_ring *ring, uint32_t count)
{
	for (uint32_t i = 0; i < ring->spin; i++) {
		if (guest_ring_ready(ring) >= count) {
			ring->spin = ring->spin < SPIN_MOST ? 2 * ring->spin : SPIN_MOST;
			return true;
		}
		if (ring->error)
			return false;
		__builtin_ia32_pause();
	}
	if (ring->spin > SPIN_LEAST)
		ring->spin /= 2;
	return guest_ring_ready(ring) >= count;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Of `count` completions, as many as are to come, and as the ring holds. */
static uint32_t enough(const struct guest_ring *ring, uint32_t count)
{
	return least(least(count, ring->owed), ring->complete_size);
}

/*
 * One wait. What is left in a ring that is not polled has to be taken by this vCPU; but if nothing of it can
 * be taken before something completes, ring.enter does not wait, and so is called again just to wait.
 */
static int64_t enter_and_wait(struct guest_ring *ring, uint32_t count, uint64_t deadline)
{
	uint32_t submit = ring->polled ? 0 : untaken(ring);
	int64_t result;

	if (ring->error)
		return ring->error;
	if (!submit && !count)
		return 0;
	result = postern_ring_enter(submit, count, deadline);
	if (submit && count && result == 0)
		result = postern_ring_enter(0, count, deadline);
	return result;
}

int64_t guest_ring_wait_until(struct guest_ring *ring, uint32_t count, uint64_t deadline)
{
	bool waited = false;

	for (;;) {
		uint32_t wanted = enough(ring, count);
		uint32_t ready = guest_ring_ready(ring);
		int64_t result;

		if (ring->error)
			return ring->error;
		/* With a deadline, one wait: only the host knows the time. */
		if (ready >= wanted || (waited && deadline != GUEST_FOREVER))
			return ready;
		if (spin_for(ring, wanted))
			continue;
		result = enter_and_wait(ring, wanted, deadline);
		if (result < 0)
			return result;
		waited = true;
	}
}

int64_t guest_ring_submit_and_wait(struct guest_ring *ring, uint32_t count)
{
	int64_t result;

	if (ring->error)
		return ring->error;
	guest_ring_publish(ring);
	/*
	 * A poller may have to be woken. Without one, the wait takes the entries, and so comes before any
	 * look.
	 */
	if (ring->polled)
		result = guest_ring_look(ring);
	else
		result = enter_and_wait(ring, enough(ring, count), GUEST_FOREVER);
	return result < 0 ? result : guest_ring_wait_until(ring, count, GUEST_FOREVER);
}

int64_t guest_ring_wait(struct guest_ring *ring, struct postern_ring_completion *completion)
{
	int64_t ready = guest_ring_wait_until(ring, 1, GUEST_FOREVER);

	if (ready < 0)
		return ready;
	return guest_ring_peek(ring, completion) ? 0 : -ENODATA;
}

int64_t guest_ring_idle(struct guest_ring *ring, uint64_t deadline)
{
	bool events = guest_events_disable();
	int64_t result = 0;

	if (guest_ring_arm(ring))
		result = guest_idle(deadline);
	guest_ring_disarm(ring);
	guest_events_restore(events);
	if (ring->error)
		return ring->error;
	return result < 0 ? result : 0;
}
