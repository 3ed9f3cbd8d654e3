/* SPDX-License-Identifier: ISC */
/*
 * guest_ring.h - the guest's side of a ring pair, after liburing: take an entry, let a stub fill it in,
 * submit, wait, look at the completion, say that it was seen.
 *
 *	guest_ring_init(&ring, 5, 6, 0, POSTERN_NO_HANDLE);
 *	postern_prepare_console_write(guest_ring_get_entry(&ring), token, stream, text, length);
 *	guest_ring_submit(&ring);
 *	guest_ring_wait(&ring, &completion);
 *	guest_ring_seen(&ring);
 *
 * The same code serves a ring that the host polls and one that it does not, where submitting is one exit for
 * all entries. A ring belongs to the vCPU that set it up; handlers of events may use it only while nobody
 * else does. The rules are those of the section ring of the contract; R0 to R7 in comments are their names in
 * tests/model/ring.pml. A guest that never has more than 2^complete_order entries under way could leave out
 * R6's look (R7); here it is always made, since it seldom costs more than one load.
 *
 * The host is not trusted to keep to them. Whatever it writes is read once and checked: an index that cannot
 * be makes the ring fail with -EPROTO from then on. Tokens come back from the host, so they should not be
 * pointers unless the guest trusts it.
 */
#ifndef POSTERN_GUEST_RING_H
#define POSTERN_GUEST_RING_H

#include <postern/abi.h>
#include <postern/errno.h>
#include <postern/stubs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The library's own: a program looks at `error` only. Indices run freely and wrap at 2^32. */
struct guest_ring {
	struct postern_ring_guest *guest;     /* this side's line: written, and never read */
	const struct postern_ring_host *host; /* the other side's: anything may be there */
	struct postern_ring_entry *entries;
	const struct postern_ring_completion *completions;
	uint32_t submit_size;   /* slots, a power of two */
	uint32_t complete_size; /* likewise */
	uint32_t prepared;      /* entries handed out by guest_ring_get_entry() */
	uint32_t submitted;     /* of those, published: our submit_tail */
	uint32_t taken;         /* of those, taken: the host's submit_head when it was last loaded */
	uint32_t consumed;      /* our complete_head */
	uint32_t owed;          /* completions that are to come or unread, of entries that are not quiet */
	uint32_t spin;          /* how often to look at a polled ring before sleeping */
	bool polled;
	bool open;
	int error; /* 0, or what makes the ring unusable: a negative errno */
	size_t pages;
};

/*
 * Sets up the calling vCPU's ring pair of 2^submit_order entries and 2^complete_order completions. `flags`
 * are those of ring_setup; `event` is raised for completions when guest_ring_idle() waits for them, or
 * POSTERN_NO_HANDLE. Returns 0. Errors: -ENOMEM, or those of ring.setup; then nothing is set up.
 */
int guest_ring_init(struct guest_ring *ring, unsigned submit_order, unsigned complete_order, uint32_t flags,
		    postern_handle_t event);

/*
 * Closes the pair: nothing is in flight afterwards. Completions can still be looked at. Returns 0 or the
 * error of ring.close. guest_ring_free() then gives its memory back.
 */
int64_t guest_ring_close(struct guest_ring *ring);
void guest_ring_free(struct guest_ring *ring);

/* For the functions below: ring.enter for all entries that are published and not taken. */
int64_t guest_ring_enter(struct guest_ring *ring);

/* Gives the ring up, since the host broke the protocol. */
static inline void guest_ring_fail(struct guest_ring *ring)
{
	ring->error = -EPROTO;
}

/* Loads the host's submit_head. It can only be between what it was and what was submitted. */
static inline void guest_ring_load_taken(struct guest_ring *ring)
{
	uint32_t taken = __atomic_load_n(&ring->host->submit_head, __ATOMIC_ACQUIRE);

	if (taken - ring->taken > ring->submitted - ring->taken)
		guest_ring_fail(ring);
	else
		ring->taken = taken;
}

static inline uint32_t guest_ring_load_flags(struct guest_ring *ring)
{
	uint32_t flags = __atomic_load_n(&ring->host->flags, __ATOMIC_RELAXED);

	if (flags & POSTERN_RING_HOST_FLAGS_BROKEN)
		guest_ring_fail(ring);
	return flags;
}

/*
 * The next free entry, for a postern_prepare_ stub to fill in; after that its flags may be set. NULL when all
 * are in use, or the ring has failed: then the guest submits and waits. An entry that was got is submitted.
 */
static inline struct postern_ring_entry *guest_ring_get_entry(struct guest_ring *ring)
{
	if (ring->prepared - ring->taken >= ring->submit_size) {
		guest_ring_load_taken(ring);
		if (ring->prepared - ring->taken >= ring->submit_size)
			return NULL;
	}
	if (ring->error)
		return NULL;
	return &ring->entries[ring->prepared++ & (ring->submit_size - 1)];
}

/* R1's look: FENCE, need_wakeup. */
static inline int64_t guest_ring_look(struct guest_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (guest_ring_load_flags(ring) & POSTERN_RING_HOST_FLAGS_NEED_WAKEUP)
		return guest_ring_enter(ring);
	return ring->error;
}

/* Publishes the entries that were got, without a look. Returns how many there were. */
static inline uint32_t guest_ring_publish(struct guest_ring *ring)
{
	uint32_t count = ring->prepared - ring->submitted;

	for (uint32_t i = 0; i < count; i++) {
		const struct postern_ring_entry *entry =
			&ring->entries[(ring->submitted + i) & (ring->submit_size - 1)];

		ring->owed += !(entry->flags & POSTERN_RING_ENTRY_FLAGS_QUIET);
	}
	ring->submitted = ring->prepared;
	__atomic_store_n(&ring->guest->submit_tail, ring->submitted, __ATOMIC_RELEASE);
	return count;
}

/*
 * Submits the entries that were got. Returns how many, which may be more than the host takes at once: it
 * takes the rest when there is room for their completions. Errors: -EPROTO, or those of ring.enter.
 */
static inline int64_t guest_ring_submit(struct guest_ring *ring)
{
	uint32_t count;
	int64_t result;

	if (ring->error)
		return ring->error;
	count = guest_ring_publish(ring);
	result = guest_ring_look(ring);
	return result < 0 ? result : count;
}

/* How many completions there are to look at. 0 also when the ring has failed. */
static inline uint32_t guest_ring_ready(struct guest_ring *ring)
{
	uint32_t ready = __atomic_load_n(&ring->host->complete_tail, __ATOMIC_ACQUIRE) - ring->consumed;

	if (ready > ring->complete_size)
		guest_ring_fail(ring);
	return ring->error ? 0 : ready;
}

/* A copy of completion number `i` of those that are ready: the host may change it in the ring at any time. */
static inline void guest_ring_copy(const struct guest_ring *ring, uint32_t i,
				   struct postern_ring_completion *to)
{
	const struct postern_ring_completion *from =
		&ring->completions[(ring->consumed + i) & (ring->complete_size - 1)];

	to->token = __atomic_load_n(&from->token, __ATOMIC_RELAXED);
	to->result = __atomic_load_n(&from->result, __ATOMIC_RELAXED);
}

/* Says that `count` completions, of those that are ready, were seen: their slots are the host's again. */
static inline void guest_ring_advance(struct guest_ring *ring, uint32_t count)
{
	ring->consumed += count;
	ring->owed -= count < ring->owed ? count : ring->owed;
	__atomic_store_n(&ring->guest->complete_head, ring->consumed, __ATOMIC_RELEASE);
	/* R6. What fails here is found by the next function that can say so. */
	guest_ring_load_taken(ring);
	if (ring->taken != ring->submitted && ring->open && !ring->error)
		(void)guest_ring_look(ring);
}

/* Copies the oldest completion, if there is one, and returns whether there was. It stays until it is seen. */
static inline bool guest_ring_peek(struct guest_ring *ring, struct postern_ring_completion *completion)
{
	if (!guest_ring_ready(ring))
		return false;
	guest_ring_copy(ring, 0, completion);
	return true;
}

/* Says that the oldest completion was seen. Without one it does nothing. */
static inline void guest_ring_seen(struct guest_ring *ring)
{
	if (guest_ring_ready(ring))
		guest_ring_advance(ring, 1);
}

/* Copies up to `most` completions, says that they were seen, and returns how many there were. */
static inline uint32_t guest_ring_take(struct guest_ring *ring, struct postern_ring_completion *completions,
				       uint32_t most)
{
	uint32_t ready = guest_ring_ready(ring);
	uint32_t count = ready < most ? ready : most;

	for (uint32_t i = 0; i < count; i++)
		guest_ring_copy(ring, i, &completions[i]);
	if (count)
		guest_ring_advance(ring, count);
	return count;
}

/*
 * Submits the entries that were got, and waits until `count` completions are ready, or all that are owed, or
 * as many as the ring holds; on a ring that is not polled it does both by one exit, if there is room. Returns
 * how many are ready. Errors: -EPROTO, or those of ring.enter.
 *
 * Quiet entries are owed no completion. One that fails completes all the same, and counts for another: then
 * this may return with one too few.
 */
int64_t guest_ring_submit_and_wait(struct guest_ring *ring, uint32_t count);

/*
 * Waits in the same way, without submitting; until the deadline, in nanoseconds of the monotonic clock, or
 * GUEST_FOREVER. A wait with a deadline may end early for no reason.
 */
int64_t guest_ring_wait_until(struct guest_ring *ring, uint32_t count, uint64_t deadline);

/*
 * Waits for a completion, and copies the oldest. It stays until it is seen. Returns 0. Errors: -ENODATA when
 * none is owed, -EPROTO, or those of ring.enter.
 */
int64_t guest_ring_wait(struct guest_ring *ring, struct postern_ring_completion *completion);

/*
 * Waits for a completion or for any other event of the calling vCPU, and handles the events, as guest_idle()
 * does: for a vCPU that has more to do than this ring. The ring must have been given an event of this vCPU
 * that is not masked. It may also return for no reason. Returns 0. Errors: -EPROTO, or those of vcpu.halt.
 */
int64_t guest_ring_idle(struct guest_ring *ring, uint64_t deadline);

/*
 * For a kernel with an idle loop of its own, R5: asks for the event. If this returns true, there is nothing
 * new, and the guest may halt, but must not clear the event before; whether it halted or not, it then calls
 * guest_ring_disarm() and looks again.
 */
static inline bool guest_ring_arm(struct guest_ring *ring)
{
	__atomic_store_n(&ring->guest->flags, POSTERN_RING_GUEST_FLAGS_WANT_EVENT, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !guest_ring_ready(ring) && !ring->error;
}

static inline void guest_ring_disarm(struct guest_ring *ring)
{
	__atomic_store_n(&ring->guest->flags, 0, __ATOMIC_RELAXED);
}

#endif
