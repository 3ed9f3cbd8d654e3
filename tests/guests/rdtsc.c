/* SPDX-License-Identifier: ISC */
/*
 * rdtsc.c - the time-stamp counter: if clock.scale says that the guest may read it, it runs, and the time
 * that is made of it is the clock's. If not, reading it does no harm.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(CLOCK, CLOCK_READ, CLOCK_SCALE));

enum { READS = 1000 };

static bool refused;

/* An exception stands for a counter that may not be read; rdtsc has two bytes. */
static bool handle(struct guest_registers *registers)
{
	refused = registers->vector == 13;
	registers->rip += 2;
	return refused;
}

static uint64_t read_counter(void)
{
	uint32_t low = 0;
	uint32_t high = 0;

	__asm__ volatile("rdtsc" : "+a"(low), "+d"(high));
	return (uint64_t)high << 32 | low;
}

static uint64_t read_clock(void)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	EXPECT_RESULT(postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info), 0);
	return info.nanoseconds;
}

static uint64_t to_time(const struct postern_clock_scale *scale, uint64_t counter)
{
	uint64_t ticks = counter < scale->counter ? 0 : counter - scale->counter;

	return scale->monotonic + (uint64_t)((unsigned __int128)ticks * scale->multiplier >> scale->shift);
}

static void compare(const struct postern_clock_scale *scale)
{
	const uint64_t tolerance = 1000000; /* ns; the two are read one after the other, on a busy machine */
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < READS; i++) {
		uint64_t before = read_clock();
		uint64_t between = to_time(scale, read_counter());
		uint64_t after = read_clock();
		uint64_t off = between < before ? before - between : between > after ? between - after : 0;

		if (off < least)
			least = off;
	}
	guest_printf("rdtsc: within %lu ns of the clock\n", (unsigned long)least);
	EXPECT(least < tolerance);
}

/* A counter that the host answers for tells no more than the clock does. */
static bool is_coarse(void)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	EXPECT_RESULT(postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info), 0);
	for (unsigned i = 0; i < READS; i++) {
		if (read_counter() % info.resolution)
			return false;
	}
	return true;
}

int main(void)
{
	struct postern_clock_scale scale = POSTERN_INIT(clock_scale);
	uint64_t first;
	uint64_t second;

	guest_on_exception(handle);
	EXPECT_RESULT(postern_clock_scale(&scale), 0);
	first = read_counter();
	second = read_counter();
	if (!(scale.flags & POSTERN_CLOCK_SCALE_FLAGS_COUNTER)) {
		EXPECT(!scale.counter && !scale.multiplier);
		guest_printf("rdtsc: not to be used; it is %s\n", refused       ? "an exception"
								  : is_coarse() ? "as coarse as the clock"
										: "the processor's own");
		return 0;
	}
	EXPECT(!refused && second >= first && scale.multiplier);
	compare(&scale);
	return 0;
}
