/* SPDX-License-Identifier: ISC */
/*
 * poller.c - polls rings, dozes, and is woken. With the guest, it keeps to the rules of tests/model/ring.pml;
 * the doorbell follows the same pattern: who rings says so and then looks whether the poller sleeps, and the
 * poller says that it sleeps and then looks whether somebody rang.
 */
#include "machine/poller.h"

#include "gate/ring.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Entries taken from one ring before the next has its turn. */
enum { ENTRIES_AT_ONCE = 256 };

/*
 * In ns. To be woken costs some microseconds and the guest an exit; looking longer than a few times that
 * does not pay. The halt polling of KVM in Linux grows and shrinks in the same way.
 */
enum { SPIN_MOST = 50000, SPIN_FIRST = 10000, SPIN_LEAST = 2000 };

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static unsigned poll_rings(struct poller *poller)
{
	unsigned taken = poller->source.fd < 0 ? 0 : poller->source.serve(poller->source.owner);

	for (unsigned i = 0; i < gate_vcpu_count(poller->gate); i++)
		taken += gate_ring_poll(gate_vcpu(poller->gate, i), ENTRIES_AT_ONCE);
	return taken;
}

static bool is_stopping(struct poller *poller)
{
	return atomic_load_explicit(&poller->stopping, memory_order_relaxed);
}

/* Looks for entries for a while. Returns whether there were any. */
static bool look(struct poller *poller)
{
	const uint64_t end = poller->spin ? now() + poller->spin : 0;

	do {
		if (poll_rings(poller))
			return true;
		for (unsigned i = 0; i < 16; i++)
			__builtin_ia32_pause();
	} while (!is_stopping(poller) && poller->spin && now() < end);
	return false;
}

/* Adapts to a sleep: had it been worth to look for longer? */
static void learn(struct poller *poller, uint64_t slept)
{
	if (slept < poller->spin_most)
		poller->spin = poller->spin ? 2 * poller->spin : SPIN_FIRST;
	else
		poller->spin /= 2;
	if (poller->spin > poller->spin_most)
		poller->spin = poller->spin_most;
	if (poller->spin < SPIN_LEAST)
		poller->spin = 0;
}

/* Asks all guests' rings for a doorbell. Returns false if one of them has work after all. */
static bool doze(struct poller *poller)
{
	bool idle = true;

	for (unsigned i = 0; i < gate_vcpu_count(poller->gate); i++)
		idle &= gate_ring_doze(gate_vcpu(poller->gate, i));
	return idle;
}

static void wake(struct poller *poller)
{
	for (unsigned i = 0; i < gate_vcpu_count(poller->gate); i++)
		gate_ring_wake(gate_vcpu(poller->gate, i));
}

/* Until the doorbell rings, or there is something else to do. */
static void wait_for_doorbell(struct poller *poller)
{
	struct pollfd sources[] = {
		{ .fd = poller->doorbell, .events = POLLIN },
		{ .fd = poller->source.fd, .events = POLLIN },
	};
	uint64_t count;

	poll(sources, sizeof sources / sizeof *sources, -1);
	if (read(poller->doorbell, &count, sizeof count) < 0 && errno != EAGAIN)
		atomic_store_explicit(&poller->stopping, true, memory_order_relaxed);
}

static void sleep_until_rung(struct poller *poller)
{
	const uint64_t start = now();
	bool slept = false;

	atomic_store_explicit(&poller->asleep, true, memory_order_seq_cst);
	if (doze(poller) && !atomic_load_explicit(&poller->rung, memory_order_seq_cst)) {
		wait_for_doorbell(poller);
		slept = true;
	}
	atomic_store_explicit(&poller->asleep, false, memory_order_relaxed);
	atomic_exchange_explicit(&poller->rung, false, memory_order_seq_cst);
	wake(poller);
	if (slept)
		learn(poller, now() - start);
}

static void *run(void *argument)
{
	struct poller *poller = argument;

	prctl(PR_SET_NAME, "rings");
	poller->started(poller->owner);
	while (!is_stopping(poller)) {
		if (!look(poller))
			sleep_until_rung(poller);
	}
	poller->ended(poller->owner);
	return NULL;
}

static bool has_several_processors(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 1;
}

int poller_create(struct poller *poller, struct gate_vm *gate, const struct poller_source *source,
		  void (*started)(void *owner), void (*ended)(void *owner), void *owner)
{
	int error;

	*poller = (struct poller){
		.gate = gate,
		.source = source ? *source : (struct poller_source){ .fd = -1 },
		.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.spin_most = has_several_processors() ? SPIN_MOST : 0,
		.started = started,
		.ended = ended,
		.owner = owner,
	};
	if (poller->doorbell < 0) {
		error = -errno;
		*poller = (struct poller){ 0 };
		return error;
	}
	error = -pthread_create(&poller->thread, NULL, run, poller);
	poller->has_thread = !error;
	if (error)
		poller_destroy(poller);
	return error;
}

void poller_ring(struct poller *poller)
{
	const uint64_t one = 1;

	atomic_store_explicit(&poller->rung, true, memory_order_seq_cst);
	if (atomic_load_explicit(&poller->asleep, memory_order_seq_cst) &&
	    write(poller->doorbell, &one, sizeof one) < 0)
		return; /* EAGAIN: it has been written 2^64 - 2 times, and once suffices */
}

void poller_stop(struct poller *poller)
{
	atomic_store_explicit(&poller->stopping, true, memory_order_relaxed);
	if (poller->has_thread)
		poller_ring(poller);
}

void poller_destroy(struct poller *poller)
{
	poller_stop(poller);
	if (poller->has_thread)
		pthread_join(poller->thread, NULL);
	if (poller->gate)
		close(poller->doorbell);
	*poller = (struct poller){ 0 };
}
