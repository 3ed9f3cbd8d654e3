/* SPDX-License-Identifier: ISC */
/* ring.c - takes entries, writes completions, and sleeps and wakes by the rules of tests/model/ring.pml. */
#include "gate/ring.h"

#include "gate/frame.h"
#include "gate/futex.h"
#include "gate/handle.h"
#include "gate/take.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct postern_ring_entry) == 64, "an entry is a cache line");
_Static_assert(sizeof(struct postern_ring_completion) == 16, "four completions are a cache line");
_Static_assert(sizeof(struct postern_ring_guest) == 64 && sizeof(struct postern_ring_host) == 64,
	       "each side writes a cache line of its own");

/* Entries between two publications: enough to spread their cost, few enough to keep the guest busy. */
enum { PUBLISH_EVERY = 64 };

/* Entries to fetch ahead; those behind the guest's last are harmless. */
enum { AHEAD = 4 };

/* ---- who works on the ring ---- */

static bool try_own(struct gate_ring *ring)
{
	return !atomic_exchange_explicit(&ring->owned, 1, memory_order_acquire);
}

/* Only the vCPU's thread waits, and only for a completion or a poller's sweep to be written. */
static void own(struct gate_ring *ring)
{
	while (!try_own(ring))
		sched_yield();
}

/* Gives the ring up, and takes care of calls that completed meanwhile: their threads did not wait. */
static void disown(struct gate_vcpu *vcpu);

/* ---- completions ---- */

/* Lets the vCPU's thread, if it waits in ring.enter, look again. */
static void wake_waiter(struct gate_ring *ring)
{
	atomic_fetch_add_explicit(&ring->progress, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&ring->waiting, memory_order_seq_cst))
		futex_wake_all(&ring->progress);
}

/* R3: a look at want_event after completions were published. */
static void look_for_sleeper(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_vm *vm = vcpu->vm;

	if (ring->event == POSTERN_NO_HANDLE || !vm->notify)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (memory_load_u32(&ring->guest->flags) & POSTERN_RING_GUEST_FLAGS_WANT_EVENT)
		vm->notify(vm->owner, vcpu, ring->event);
}

/* Tells the guest of what was taken and completed since the last time. */
static void publish(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;

	memory_store_release_u32(&ring->host->submit_head, ring->submit_head);
	if (ring->published == ring->complete_tail)
		return;
	ring->published = ring->complete_tail;
	memory_store_release_u32(&ring->host->complete_tail, ring->complete_tail);
	wake_waiter(ring);
	look_for_sleeper(vcpu);
}

static inline void write_completion(struct gate_ring *ring, uint64_t token, int64_t result)
{
	struct postern_ring_completion *at =
		&ring->completions[ring->complete_tail & (ring->complete_size - 1)];

	memory_store_u64(&at->token, token);
	memory_store_u64(&at->result, (uint64_t)result);
	ring->complete_tail++;
}

static void give_frame_back(struct gate_ring *ring, struct gate_frame *frame)
{
	frame->next = ring->free;
	ring->free = frame;
}

/* There is one frame more than calls may pend, so that a call too many can be decoded, too. */
static struct gate_frame *take_frame(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_frame *frame = ring->free;

	if (frame) {
		ring->free = frame->next;
		return frame;
	}
	frame = &vcpu->pool[ring->used_frames++];
	frame->vm = vcpu->vm;
	frame->vcpu = vcpu;
	frame->pooled = true;
	return frame;
}

/* Completes the frames in the list, oldest first. */
static void drain_completed(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_frame *newest = atomic_exchange_explicit(&ring->completed, NULL, memory_order_acquire);
	struct gate_frame *oldest = NULL;

	while (newest) {
		struct gate_frame *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct gate_frame *frame = oldest;
		int64_t result = gate_finish_pending(&vcpu->lanes[frame->crossing], frame);

		oldest = frame->next;
		ring->in_flight--;
		if (!frame->quiet || result < 0)
			write_completion(ring, frame->token, result);
		give_frame_back(ring, frame);
	}
}

static void disown(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;

	do {
		if (atomic_load_explicit(&ring->completed, memory_order_relaxed)) {
			drain_completed(vcpu);
			publish(vcpu);
			/* Quiet calls are not published, but the last of them ends a wait. */
			wake_waiter(ring);
		}
		atomic_store_explicit(&ring->owned, 0, memory_order_seq_cst);
		/* A thread that pushed before this store and found the ring owned relies on this look. */
	} while (atomic_load_explicit(&ring->completed, memory_order_seq_cst) && try_own(ring));
}

void gate_ring_complete(struct gate_frame *frame)
{
	struct gate_vcpu *vcpu = frame->vcpu;
	struct gate_ring *ring = &vcpu->ring;

	frame->next = atomic_load_explicit(&ring->completed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&ring->completed, &frame->next, frame,
						      memory_order_seq_cst, memory_order_relaxed))
		;
	if (try_own(ring))
		disown(vcpu);
}

/* ---- submissions ---- */

/*
 * R2: how many entries may be taken: those that the guest submitted, as far as there is room for their
 * completions. Returns false when the guest's indices make no sense.
 */
static bool count_takeable(const struct gate_ring *ring, uint32_t *takeable)
{
	uint32_t submitted = memory_load_acquire_u32(&ring->guest->submit_tail) - ring->submit_head;
	uint32_t unread = ring->complete_tail - memory_load_acquire_u32(&ring->guest->complete_head);

	if (submitted > ring->submit_size || unread > ring->complete_size)
		return false;

	/* in_flight and unread are together at most complete_size, unless the guest took complete_head back. */
	uint32_t used = unread + ring->in_flight;
	uint32_t room = used < ring->complete_size ? ring->complete_size - used : 0;

	*takeable = submitted < room ? submitted : room;
	return true;
}

/* A reserved bit or field that is set. */
static bool is_malformed(const struct gate_vm *vm, const struct postern_ring_entry *entry)
{
	return (entry->flags & ~vm->level->mask.ring_entry_flags) || entry->reserved;
}

static inline int64_t serve_on(struct gate_vcpu *vcpu, struct gate_frame *frame, enum gate_crossing crossing,
			       unsigned ordinal, const struct postern_ring_entry *entry)
{
	struct gate_lane *lane = &vcpu->lanes[crossing];

	frame->token = entry->token;
	frame->quiet = entry->flags & POSTERN_RING_ENTRY_FLAGS_QUIET;
	/* As bad as a crossing that the call does not have; what has a lower rank goes before. */
	if (gate_unlikely(entry->flags | entry->reserved) && is_malformed(vcpu->vm, entry))
		return gate_serve_obstructed(lane, frame, ordinal, entry->call, entry->args,
					     vcpu->vm->obstacles[crossing][ordinal] | GATE_OBSTACLE_CROSSING);
	return gate_serve(lane, frame, ordinal, entry->call, entry->args);
}

/* Takes the next entry, and completes it unless it pends. */
static inline void take_entry(struct gate_vcpu *vcpu, enum gate_crossing crossing)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_frame *frame = &vcpu->lanes[crossing].frame;
	struct postern_ring_entry entry;
	unsigned ordinal;
	int64_t result;

	memory_load_line(&entry, &ring->entries[ring->submit_head & (ring->submit_size - 1)]);
	/* A line that another core has written takes longer to come than a short call takes to serve. */
	__builtin_prefetch(&ring->entries[(ring->submit_head + AHEAD) & (ring->submit_size - 1)]);
	ordinal = gate_ordinal(entry.call);
	ring->submit_head++;
	if (gate_unlikely(abi_calls[ordinal].async)) {
		frame = take_frame(vcpu);
		frame->crossing = (uint8_t)crossing;
	}
	result = serve_on(vcpu, frame, crossing, ordinal, &entry);
	if (result == GATE_PENDING) {
		ring->in_flight++;
		return;
	}
	if (gate_unlikely(frame->pooled))
		give_frame_back(ring, frame);
	if (!(entry.flags & POSTERN_RING_ENTRY_FLAGS_QUIET) || result < 0)
		write_completion(ring, entry.token, result);
}

bool gate_may_pend(const struct gate_frame *frame)
{
	/* The vCPU that trapped waits for its call, so it has no second one. */
	return !frame->pooled || frame->vcpu->ring.in_flight < frame->vm->in_flight;
}

static bool is_broken(const struct gate_ring *ring)
{
	return atomic_load_explicit(&ring->broken, memory_order_relaxed);
}

static void store_host_flags(struct gate_ring *ring, uint32_t clear, uint32_t set)
{
	ring->flags = (ring->flags & ~clear) | set;
	memory_store_u32(&ring->host->flags, ring->flags);
}

/* The poller found that the guest's indices make no sense: it takes no more, and says so, once. */
static void mark_broken(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_vm *vm = vcpu->vm;

	atomic_store_explicit(&ring->broken, true, memory_order_relaxed);
	store_host_flags(ring, 0, POSTERN_RING_HOST_FLAGS_BROKEN);
	wake_waiter(ring);
	if (ring->event != POSTERN_NO_HANDLE && vm->notify)
		vm->notify(vm->owner, vcpu, ring->event);
}

/*
 * Takes up to most entries, in chunks that are published one by one; adds their number to taken. Returns
 * false when it had to stop because the guest's indices make no sense. The ring is owned.
 */
static bool sweep(struct gate_vcpu *vcpu, enum gate_crossing crossing, uint32_t most, uint32_t *taken)
{
	struct gate_ring *ring = &vcpu->ring;

	while (*taken < most) {
		uint32_t takeable;

		if (!count_takeable(ring, &takeable))
			return false;
		if (takeable > most - *taken)
			takeable = most - *taken;
		if (takeable > PUBLISH_EVERY)
			takeable = PUBLISH_EVERY;
		if (!takeable)
			break;
		for (uint32_t i = 0; i < takeable; i++)
			take_entry(vcpu, crossing);
		*taken += takeable;
		if (atomic_load_explicit(&ring->completed, memory_order_relaxed))
			drain_completed(vcpu);
		publish(vcpu);
	}
	return true;
}

/* ---- the vCPU's side ---- */

/* What ring.enter waits for has come, or cannot come. The ring is owned. */
static bool waited_enough(const struct gate_ring *ring, uint32_t wait)
{
	uint32_t unread = ring->complete_tail - memory_load_acquire_u32(&ring->guest->complete_head);
	bool untaken = ring->polled && ring->active && !is_broken(ring) &&
		       memory_load_acquire_u32(&ring->guest->submit_tail) != ring->submit_head;

	return unread >= wait || (!ring->in_flight && !untaken);
}

static bool has_passed(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec ||
	       (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* Whether ring.enter is to return for something that the gate knows nothing of. */
static bool is_interrupted(struct gate_vcpu *vcpu)
{
	const struct gate_vm *vm = vcpu->vm;

	return vm->interrupted && vm->interrupted(vm->owner, vcpu);
}

bool gate_ring_interrupt(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;

	/* Either this sees that the vCPU waits, or the vCPU, which says so first, sees what the caller stored. */
	if (!atomic_load_explicit(&ring->waiting, memory_order_seq_cst))
		return false;
	wake_waiter(ring);
	return true;
}

static void wait_for_completions(struct gate_vcpu *vcpu, uint32_t wait, uint64_t deadline, bool may_interrupt)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_vm *vm = vcpu->vm;
	uint64_t past = deadline % vm->resolution;
	bool endless = __builtin_add_overflow(deadline, past ? vm->resolution - past : 0, &deadline) ||
		       deadline == UINT64_MAX;
	struct timespec until = gate_host_time(vm, deadline);

	atomic_store_explicit(&ring->waiting, 1, memory_order_seq_cst);
	while (!atomic_load_explicit(&vm->stopping, memory_order_seq_cst)) {
		uint32_t progress = atomic_load_explicit(&ring->progress, memory_order_seq_cst);

		own(ring);

		bool enough = waited_enough(ring, wait);

		disown(vcpu);
		if (enough || (!endless && has_passed(&until)) || (may_interrupt && is_interrupted(vcpu)))
			break;
		futex_wait(&ring->progress, progress, endless ? NULL : &until);
	}
	atomic_store_explicit(&ring->waiting, 0, memory_order_relaxed);
}

/* A batch: takes what the guest submitted. Returns how many entries, or -EINVAL. */
static int64_t take_batch(struct gate_vcpu *vcpu, uint32_t submit)
{
	struct gate_ring *ring = &vcpu->ring;
	uint32_t taken = 0;
	bool sane;

	own(ring);
	sane = sweep(vcpu, GATE_BATCH, submit, &taken);
	disown(vcpu);
	return sane || taken ? (int64_t)taken : -EINVAL;
}

static void ring_doorbell(struct gate_vcpu *vcpu)
{
	vcpu->vm->doorbell(vcpu->vm->owner, vcpu);
}

int64_t gate_ring_enter(struct gate_vcpu *vcpu, uint32_t submit, uint32_t wait, uint64_t deadline)
{
	struct gate_ring *ring = &vcpu->ring;
	int64_t taken = 0;

	/* Only this thread changes what is looked at here, apart from broken. */
	if (!ring->active)
		return -ENXIO;
	if (is_broken(ring) || wait > ring->complete_size)
		return -EINVAL;
	if (submit && ring->polled) {
		ring_doorbell(vcpu);
	} else if (submit) {
		taken = take_batch(vcpu, submit);
		if (taken < submit)
			return taken;
	}
	if (wait)
		wait_for_completions(vcpu, wait, deadline, true);
	return taken;
}

/* ---- the poller's side ---- */

unsigned gate_ring_poll(struct gate_vcpu *vcpu, unsigned most)
{
	struct gate_ring *ring = &vcpu->ring;
	uint32_t taken = 0;

	if (!try_own(ring))
		return 0;
	if (ring->active && ring->polled && !is_broken(ring) && !sweep(vcpu, GATE_RING, most, &taken))
		mark_broken(vcpu);
	disown(vcpu);
	return taken;
}

bool gate_ring_doze(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	uint32_t takeable = 0;

	/* Whoever owns the ring now may leave work for the poller. */
	if (!try_own(ring))
		return false;
	if (ring->active && ring->polled && !is_broken(ring)) {
		store_host_flags(ring, 0, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
		atomic_thread_fence(memory_order_seq_cst);
		if (!count_takeable(ring, &takeable))
			mark_broken(vcpu);
	}
	disown(vcpu);
	return !takeable;
}

void gate_ring_wake(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;

	own(ring);
	if (ring->active && ring->polled)
		store_host_flags(ring, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP, 0);
	disown(vcpu);
}

/* ---- set-up ---- */

/* Makes the ring's pages shared, so that the guest cannot release them; all or none. */
static int share_pages(struct guest_memory *memory, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (p2m_change(memory, first + i, P2M_OWNED, P2M_SHARED))
			continue;
		while (i--)
			p2m_change(memory, first + i, P2M_SHARED, P2M_OWNED);
		return -EBUSY;
	}
	return 0;
}

static void unshare_pages(struct guest_memory *memory, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		p2m_change(memory, first + i, P2M_SHARED, P2M_OWNED);
}

/* The ring's event, from here until leave_event(). Errors: -EBADF. The ring is owned. */
static int use_event(struct gate_vcpu *vcpu, postern_handle_t event)
{
	struct gate_vm *vm = vcpu->vm;
	void *object = NULL;
	bool is_open = true;

	pthread_mutex_lock(&vm->ring_events);
	if (event != POSTERN_NO_HANDLE)
		is_open = gate_handle_is_open(vm, ABI_HANDLE_EVENT, event, &object);
	if (is_open) {
		vcpu->ring.event = event;
		vcpu->ring.event_object = object;
	}
	pthread_mutex_unlock(&vm->ring_events);
	return is_open ? 0 : -EBADF;
}

static void leave_event(struct gate_vcpu *vcpu)
{
	use_event(vcpu, POSTERN_NO_HANDLE);
}

int gate_event_close(struct gate_vm *vm, postern_handle_t event)
{
	int error = 0;

	pthread_mutex_lock(&vm->ring_events);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i]->ring.event == event)
			error = -EBUSY;
	}
	if (!error)
		error = gate_handle_close(vm, ABI_HANDLE_EVENT, event);
	pthread_mutex_unlock(&vm->ring_events);
	return error;
}

void *gate_ring_event(const struct gate_vcpu *vcpu)
{
	return vcpu->ring.event_object;
}

static void lay_out(struct gate_ring *ring, const struct postern_ring_setup *setup, uint8_t *base)
{
	ring->submit_size = UINT32_C(1) << setup->submit_order;
	ring->complete_size = UINT32_C(1) << setup->complete_order;
	ring->guest = (struct postern_ring_guest *)base;
	ring->host = (struct postern_ring_host *)(base + sizeof *ring->guest);
	ring->entries = (const struct postern_ring_entry *)(base + sizeof *ring->guest + sizeof *ring->host);
	ring->completions = (struct postern_ring_completion *)(ring->entries + ring->submit_size);
	ring->submit_head = ring->complete_tail = ring->published = ring->in_flight = 0;
	ring->polled = setup->flags & POSTERN_RING_SETUP_FLAGS_POLLED;
	atomic_store_explicit(&ring->broken, false, memory_order_relaxed);
}

static void open_to_guest(struct gate_ring *ring)
{
	memset(ring->guest, 0, sizeof *ring->guest);
	memset(ring->host, 0, sizeof *ring->host);
	/* Nobody polls yet, or ever: the first submission has to enter. */
	ring->flags = 0;
	store_host_flags(ring, 0, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
	ring->active = true;
}

int gate_ring_setup(struct gate_vcpu *vcpu, const struct postern_ring_setup *setup)
{
	struct gate_ring *ring = &vcpu->ring;
	struct guest_memory *memory = vcpu->vm->memory;
	struct iovec span;
	uint64_t bytes;
	int error;

	if (setup->complete_order < setup->submit_order)
		return -EINVAL;
	if (ring->active)
		return -EBUSY;
	if ((setup->flags & POSTERN_RING_SETUP_FLAGS_POLLED) && !vcpu->vm->doorbell)
		return -EOPNOTSUPP;
	bytes = sizeof(struct postern_ring_guest) + sizeof(struct postern_ring_host) +
		(sizeof(struct postern_ring_entry) << setup->submit_order) +
		(sizeof(struct postern_ring_completion) << setup->complete_order);
	if (!memory_span(memory, (gpa_t){ setup->base }, bytes, MEMORY_READ | MEMORY_WRITE, &span))
		return -EFAULT;
	own(ring);
	/* A ring that was closed while its VM stops may have calls in flight. */
	error = ring->in_flight ? -EBUSY : 0;
	if (!error) {
		ring->first_page = setup->base >> MEMORY_PAGE_SHIFT;
		ring->page_count = (bytes + MEMORY_PAGE_SIZE - 1) >> MEMORY_PAGE_SHIFT;
		error = share_pages(memory, ring->first_page, ring->page_count);
	}
	if (!error) {
		error = use_event(vcpu, setup->event);
		if (error)
			unshare_pages(memory, ring->first_page, ring->page_count);
	}
	if (!error) {
		lay_out(ring, setup, span.iov_base);
		open_to_guest(ring);
	}
	disown(vcpu);
	return error;
}

int gate_ring_close(struct gate_vcpu *vcpu)
{
	struct gate_ring *ring = &vcpu->ring;
	struct gate_vm *vm = vcpu->vm;

	if (!ring->active)
		return -ENXIO;
	own(ring);
	ring->active = false;
	disown(vcpu);
	if (vm->cancel)
		vm->cancel(vm->owner, vcpu);
	/* More than there can be: so the end of the last call in flight ends the wait. */
	wait_for_completions(vcpu, UINT32_MAX, UINT64_MAX, false);
	own(ring);
	leave_event(vcpu);
	disown(vcpu);
	unshare_pages(vm->memory, ring->first_page, ring->page_count);
	return 0;
}

int gate_ring_create(struct gate_vcpu *vcpu, unsigned in_flight)
{
	struct gate_ring *ring = &vcpu->ring;

	vcpu->pool = calloc((size_t)in_flight + 1, sizeof *vcpu->pool);
	if (!vcpu->pool)
		return -ENOMEM;
	ring->event = POSTERN_NO_HANDLE;
	return 0;
}

void gate_ring_destroy(struct gate_vcpu *vcpu)
{
	free(vcpu->pool);
}
