/* SPDX-License-Identifier: ISC */
/* pair.c - confines the threads of a pair to one core, and lets them go. None of it has to succeed. */
#include "engine/ring3/pair.h"

#include <time.h>
#include <unistd.h>

enum {
	SLEEPS = 4, /* one after the other, until it is worth it */
	LOOKS = 64, /* to time */
	TRIALS = 5,
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The fastest of some trials, since any of them can be interrupted. */
static uint64_t time_looks(void)
{
	volatile uint32_t word = 0;
	uint64_t least = UINT64_MAX;

	for (unsigned trial = 0; trial < TRIALS; trial++) {
		const uint64_t start = now();
		uint64_t time;

		for (unsigned i = 0; i < LOOKS && !word; i++)
			__builtin_ia32_pause();
		time = now() - start;
		least = time < least ? time : least;
	}
	return least ? least : 1;
}

uint32_t pair_looks(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) < 2)
		return 0;
	return (uint32_t)((uint64_t)SPIN_NANOSECONDS * LOOKS / time_looks());
}

void pair_init(struct pair *pair, uint32_t looks, pid_t guest_thread)
{
	*pair = (struct pair){
		.spin = spin_new(looks),
		.guest_thread = guest_thread,
	};
}

static bool is_confined(struct pair *pair)
{
	return atomic_load_explicit(&pair->confined, memory_order_relaxed);
}

/* To the processor that the monitor's thread is on. */
static bool confine(struct pair *pair)
{
	const int processor = sched_getcpu();
	cpu_set_t set;

	if (processor < 0 || processor >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof pair->host_set, &pair->host_set) ||
	    sched_getaffinity(pair->guest_thread, sizeof pair->guest_set, &pair->guest_set))
		return false;
	CPU_ZERO(&set);
	CPU_SET((size_t)processor, &set);
	if (!CPU_ISSET((size_t)processor, &pair->guest_set) || sched_setaffinity(0, sizeof set, &set))
		return false;
	sched_setaffinity(pair->guest_thread, sizeof set, &set);
	pair->was_confined = true;
	atomic_store_explicit(&pair->confined, true, memory_order_release);
	return true;
}

void pair_release(struct pair *pair)
{
	if (!atomic_exchange_explicit(&pair->confined, false, memory_order_acquire))
		return;
	sched_setaffinity(pair->host_thread, sizeof pair->host_set, &pair->host_set);
	sched_setaffinity(pair->guest_thread, sizeof pair->guest_set, &pair->guest_set);
}

/* Another turn that ended asleep. */
static bool slept(struct pair *pair)
{
	if (is_confined(pair))
		return false;
	if (pair->was_confined)
		pair->sleeps = 0;
	pair->was_confined = false;
	if (++pair->sleeps < SLEEPS)
		return false;
	pair->sleeps = 0;
	return confine(pair);
}

bool pair_waited(struct pair *pair, bool answered)
{
	if (!pair->spin.most)
		return false;
	if (!pair->host_thread)
		pair->host_thread = gettid();
	if (spin_learn(&pair->spin, answered && !pair->guest_slept))
		pair_release(pair);
	return !pair->spin.budget && slept(pair);
}
