/* SPDX-License-Identifier: ISC */
/* pair.c - confines the threads of a pair to one core, and lets them go. None of it has to succeed. */
#include "engine/ring3/pair.h"

#include <time.h>
#include <unistd.h>

enum {
	SLEEPS = 4, /* one after the other, until it is worth it, */
	SLEEPS_IN =
		200000, /* ns: if they come as fast as this, so that a good part of the time goes into waking */
	LOOKS = 64,     /* to time */
	TRIALS = 5,
};

/* In ns; 0 for one that there is not. */
static uint64_t read_clock(clockid_t clock)
{
	struct timespec time = { 0 };

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t now(void)
{
	return read_clock(CLOCK_MONOTONIC);
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

void pair_init(struct pair *pair, struct pair_places *places, uint32_t looks, pid_t guest_thread)
{
	*pair = (struct pair){
		.places = places,
		.spin = spin_new(looks),
		.guest_thread = guest_thread,
	};
}

static bool is_confined(struct pair *pair)
{
	return atomic_load_explicit(&pair->confined, memory_order_relaxed);
}

static bool take(struct pair_places *places, int processor)
{
	const uint64_t bit = UINT64_C(1) << (processor % 64);

	return !(atomic_fetch_or_explicit(&places->taken[processor / 64], bit, memory_order_relaxed) & bit);
}

static void give_back(struct pair_places *places, int processor)
{
	atomic_fetch_and_explicit(&places->taken[processor / 64], ~(UINT64_C(1) << (processor % 64)),
				  memory_order_relaxed);
}

/*
 * Where the guest's thread is, if no other pair is confined there: the scheduler has placed it, and it is the monitor's
 * thread that moves. Else another one that is not taken; or there all the same, if they all are. What the guest says of
 * where it is may be wrong, but does not help it to a processor that it may not use.
 */
static bool choose(struct pair *pair)
{
	const int wanted = pair->guest_processor ? (int)pair->guest_processor - 1 : sched_getcpu();

	if (wanted < 0 || wanted >= CPU_SETSIZE || !CPU_ISSET((size_t)wanted, &pair->guest_set))
		return false;
	pair->processor = wanted;
	pair->has_taken = take(pair->places, wanted);
	for (int other = 0; !pair->has_taken && other < CPU_SETSIZE; other++) {
		if (!CPU_ISSET((size_t)other, &pair->guest_set) || !take(pair->places, other))
			continue;
		pair->processor = other;
		pair->has_taken = true;
	}
	return true;
}

static bool confine(struct pair *pair)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof pair->host_set, &pair->host_set) ||
	    sched_getaffinity(pair->guest_thread, sizeof pair->guest_set, &pair->guest_set) || !choose(pair))
		return false;
	CPU_ZERO(&set);
	CPU_SET((size_t)pair->processor, &set);
	if (sched_setaffinity(0, sizeof set, &set)) {
		if (pair->has_taken)
			give_back(pair->places, pair->processor);
		return false;
	}
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
	if (pair->has_taken)
		give_back(pair->places, pair->processor);
}

void pair_round_ended(struct pair_places *places)
{
	if (++places->rounds % PAIR_ROUNDS == 0)
		atomic_store_explicit(&places->paused_until, now() + PAIR_PAUSE * UINT64_C(1000000),
				      memory_order_relaxed);
}

/* Whether waking takes a good part of the time, and the guest's vCPUs together do not fill a processor anyhow. */
static bool is_worth_it(struct pair *pair)
{
	const uint64_t time = now();
	const uint64_t used = read_clock(pair->places->guest_clock) - pair->first_used;
	const uint64_t passed = time - pair->first_sleep;

	return passed <= SLEEPS_IN && used < passed / 4 * 3 &&
	       time >= atomic_load_explicit(&pair->places->paused_until, memory_order_relaxed);
}

/* Another turn that ended asleep. */
static bool slept(struct pair *pair)
{
	if (is_confined(pair))
		return false;
	if (pair->was_confined)
		pair->sleeps = 0;
	pair->was_confined = false;
	/* In this order, so that the time used is that of a little more than what has passed: see is_worth_it(). */
	if (pair->sleeps++ == 0) {
		pair->first_used = read_clock(pair->places->guest_clock);
		pair->first_sleep = now();
	}
	if (pair->sleeps < SLEEPS)
		return false;
	pair->sleeps = 0;
	return is_worth_it(pair) && confine(pair);
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
