/* SPDX-License-Identifier: ISC */
/*
 * host.c - calls over rings. A vCPU has a ring that is not polled: submitting is one exit, in which the host does what
 * it can do at once, so that most calls are done when it returns and nobody sleeps. For the others the ring's event is
 * armed.
 *
 * The host is trusted with the VM's memory, but not to keep to the protocol: a token names a place in a table, and one
 * that names no call under way is a broken host.
 */
#include "host.h"

#include "task/task.h"

#include <postern/guest_ring.h>

enum { SUBMIT_ORDER = 6, COMPLETE_ORDER = 7, CALLS = 1 << COMPLETE_ORDER };

/* A call under way. */
struct call {
	struct host_work *work; /* NULL: the place is free */
};

struct host_ring {
	struct guest_ring ring;
	struct call calls[CALLS];
	unsigned count; /* under way */
};

static struct host_ring *rings[POSTERN_HANDLE_VCPU_MAX];

/* Those who wait for a place in a ring. */
static struct waiters room;
static bool room_ready;

static struct host_ring *own_ring(void)
{
	return rings[guest_vcpu_number()];
}

int host_start_vcpu(postern_handle_t event)
{
	struct host_ring *ring = calloc(1, sizeof *ring);
	int error = ring ? guest_ring_init(&ring->ring, SUBMIT_ORDER, COMPLETE_ORDER, 0, event) : -ENOMEM;

	if (error) {
		free(ring);
		return error;
	}
	if (!room_ready)
		waiters_init(&room);
	room_ready = true;
	rings[guest_vcpu_number()] = ring;
	return 0;
}

/* ---- completions ---- */

static void complete(struct host_ring *ring, const struct postern_ring_completion *completion)
{
	struct host_work *work;

	if (completion->token >= CALLS || !ring->calls[completion->token].work)
		guest_panic("the host completes a call that is not under way");
	work = ring->calls[completion->token].work;
	ring->calls[completion->token].work = NULL;
	ring->count--;
	work->done(work, completion->result);
}

void host_complete(void)
{
	struct host_ring *ring = own_ring();
	struct postern_ring_completion completions[8];
	uint32_t count;

	if (!ring)
		return;
	guest_ring_disarm(&ring->ring);
	do {
		count = guest_ring_take(&ring->ring, completions, COUNT_OF(completions));
		for (uint32_t i = 0; i < count; i++)
			complete(ring, &completions[i]);
		if (count)
			waiters_wake_all(&room, 0);
		/* Armed while anything is under way, so that the event comes; what came just before is taken here. */
	} while (count || (ring->count && !guest_ring_arm(&ring->ring) && !ring->ring.error));
	if (ring->ring.error)
		guest_panic("the host breaks the protocol of the ring");
}

/* ---- calls ---- */

static struct call *free_call(struct host_ring *ring)
{
	for (unsigned i = 0; i < CALLS; i++) {
		if (!ring->calls[i].work)
			return &ring->calls[i];
	}
	return NULL;
}

int host_start(struct host_work *work, const struct postern_ring_entry *entry)
{
	struct host_ring *ring = own_ring();
	struct call *call = free_call(ring);
	struct postern_ring_entry *slot = call ? guest_ring_get_entry(&ring->ring) : NULL;
	int64_t result;

	if (!slot)
		return -EAGAIN;
	*slot = *entry;
	slot->token = (uint64_t)(call - ring->calls);
	call->work = work;
	ring->count++;
	result = guest_ring_submit(&ring->ring);
	if (result < 0)
		guest_panic("the host refuses ring.enter: %s", guest_error_name(result));
	host_complete();
	return 0;
}

/* A call that somebody waits for. */
struct waiting {
	struct host_work work;
	struct task *task; /* NULL: waits without sleeping */
	bool is_done;
	int64_t result;
};

static void on_done(struct host_work *work, int64_t result)
{
	struct waiting *waiting = container_of(work, struct waiting, work);

	waiting->result = result;
	waiting->is_done = true;
	if (waiting->task)
		task_wake(waiting->task);
}

static void sleep_until_done(struct waiting *waiting)
{
	while (!waiting->is_done) {
		task_prepare_sleep();
		if (!waiting->is_done)
			(void)task_sleep(FOREVER, false);
	}
}

static void wait_until_done(struct waiting *waiting)
{
	while (!waiting->is_done) {
		(void)guest_ring_wait_until(&own_ring()->ring, 1, GUEST_FOREVER);
		host_complete();
	}
}

int64_t host_call(const struct postern_ring_entry *entry)
{
	struct waiting waiting = { .work.done = on_done, .task = current_task() };

	while (host_start(&waiting.work, entry)) {
		if (waiting.task)
			(void)wait_on(&room, FOREVER, false);
		else
			host_complete();
	}
	if (waiting.task)
		sleep_until_done(&waiting);
	else
		wait_until_done(&waiting);
	return waiting.result;
}
