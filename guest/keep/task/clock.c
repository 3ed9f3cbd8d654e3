/* SPDX-License-Identifier: ISC */
/*
 * clock.c - the time, from the processor's counter where the host tells how (clock.scale), else by a call. With the
 * kernel's lock.
 */
#include "task/clock.h"

static struct {
	struct postern_clock_scale scale;
	bool known;
	uint64_t good_until; /* monotonic */
	uint64_t last;       /* monotonic time that somebody was told: it never goes back */
	int64_t ahead;       /* of realtime before monotonic, when both were read last */
} clock;

static uint64_t counter(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void ask_scale(void)
{
	struct postern_clock_scale *scale = &clock.scale;

	*scale = POSTERN_INIT(clock_scale);
	if (postern_clock_scale(scale))
		scale->flags = 0;
	clock.known = true;
	clock.good_until = scale->lifetime ? scale->monotonic + scale->lifetime : FOREVER;
}

static uint64_t elapsed(void)
{
	const struct postern_clock_scale *scale = &clock.scale;
	const uint64_t now = counter();
	const uint64_t ticks = now > scale->counter ? now - scale->counter : 0;

	return (uint64_t)((unsigned __int128)ticks * scale->multiplier >> scale->shift);
}

/* A VM that asks too often is told nothing new (EAGAIN): then time stands still for a moment. */
static bool ask(uint32_t which, uint64_t *nanoseconds)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	if (postern_clock_read(which, &info))
		return false;
	*nanoseconds = info.nanoseconds;
	return true;
}

static bool use_counter(void)
{
	if (!clock.known)
		ask_scale();
	return clock.scale.flags & POSTERN_CLOCK_SCALE_FLAGS_COUNTER;
}

uint64_t clock_monotonic(void)
{
	uint64_t now = clock.last;

	if (use_counter()) {
		now = clock.scale.monotonic + elapsed();
		if (now >= clock.good_until) {
			ask_scale();
			now = use_counter() ? clock.scale.monotonic + elapsed() : clock.last;
		}
	} else {
		(void)ask(POSTERN_CLOCK_ID_MONOTONIC, &now);
	}
	if (now > clock.last)
		clock.last = now;
	return clock.last;
}

uint64_t clock_realtime(void)
{
	const uint64_t monotonic = clock_monotonic();
	uint64_t realtime;

	if (use_counter())
		clock.ahead = (int64_t)(clock.scale.realtime - clock.scale.monotonic);
	else if (ask(POSTERN_CLOCK_ID_REALTIME, &realtime))
		clock.ahead = (int64_t)(realtime - monotonic);
	return monotonic + (uint64_t)clock.ahead;
}

uint64_t clock_resolution(void)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	if (use_counter() || postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info) || !info.resolution)
		return 1;
	return info.resolution;
}

/* ---- times of programs ---- */

uint64_t time_add(uint64_t left, uint64_t right)
{
	return left + right < left ? FOREVER : left + right;
}

uint64_t time_nanoseconds(const struct time_value *value)
{
	uint64_t nanoseconds;

	if (__builtin_mul_overflow((uint64_t)value->seconds, NANOSECONDS, &nanoseconds))
		return FOREVER;
	return time_add(nanoseconds, (uint64_t)value->part);
}

struct time_value time_of(uint64_t nanoseconds)
{
	return (struct time_value){ (int64_t)(nanoseconds / NANOSECONDS),
				    (int64_t)(nanoseconds % NANOSECONDS) };
}

struct time_value time_of_micro(uint64_t nanoseconds)
{
	struct time_value value = time_of(nanoseconds);

	value.part /= 1000;
	return value;
}

uint64_t deadline_after(const struct time_value *value)
{
	return time_add(clock_monotonic(), time_nanoseconds(value));
}

uint64_t deadline_at(const struct time_value *value, bool realtime)
{
	const uint64_t time = time_nanoseconds(value);
	uint64_t now;

	if (!realtime || time == FOREVER)
		return time;
	now = clock_realtime();
	return time > now ? time_add(clock_monotonic(), time - now) : 0;
}

/* A timer with a shorter period fires about that often, and counts what it left out. */
enum { SHORTEST_PERIOD = 50000 };

uint64_t time_of_next(uint64_t deadline, uint64_t interval, uint64_t *count)
{
	const uint64_t soonest = clock_monotonic() + (interval < SHORTEST_PERIOD ? SHORTEST_PERIOD : 0);
	const uint64_t more = soonest > deadline ? (soonest - deadline) / interval : 0;

	*count = more + 1;
	return time_add(time_add(deadline, more * interval), interval);
}
