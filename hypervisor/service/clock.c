/* SPDX-License-Identifier: ISC */
/* clock.c - section clock: the time, as finely as the VM may know it, and how to read it from the counter. */
#include "service/clock.h"

#include "service/service.h"
#include "service/services.h"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#define SECOND UINT64_C(1000000000)

enum { SCALE_SHIFT = 32 };

/*
 * A scale drifts off by what the two readings of the clock were wrong, about 100 ns, in each stretch as long as
 * the time between them. So it is good for a few such stretches.
 */
enum { STRETCHES = 4 };
#define LONGEST_LIFETIME (10 * SECOND)

static struct services *services_of(const struct gate_frame *frame)
{
	return gate_owner(gate_frame_vm(frame));
}

static uint64_t read_host(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static uint64_t round_down(const struct services *services, uint64_t nanoseconds)
{
	return nanoseconds - nanoseconds % services->config.resolution;
}

uint64_t clock_round_up(const struct services *services, uint64_t nanoseconds)
{
	const uint64_t over = nanoseconds % services->config.resolution;
	const uint64_t more = over ? services->config.resolution - over : 0;

	return nanoseconds > UINT64_MAX - more ? UINT64_MAX : nanoseconds + more;
}

/* Whether the counter runs at one rate in all states of the processor: CPUID's invariant TSC. */
static bool is_steady(void)
{
	unsigned a;
	unsigned b;
	unsigned c;
	unsigned d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
}

struct reading {
	uint64_t ticks;
	uint64_t monotonic; /* of the host */
	uint64_t realtime;
};

/* Both clocks and the counter at one moment, as well as that goes: the quickest of a few tries. */
static struct reading read_all(void)
{
	struct reading best = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 4; i++) {
		const uint64_t before = __rdtsc();
		const uint64_t monotonic = read_host(CLOCK_MONOTONIC);
		const uint64_t realtime = read_host(CLOCK_REALTIME);
		const uint64_t took = __rdtsc() - before;

		if (took < least) {
			best = (struct reading){ before + took / 2, monotonic, realtime };
			least = took;
		}
	}
	return best;
}

void clock_start(struct services *services)
{
	struct reading start;

	services->counter.usable = services->config.counter && services->config.resolution == 1 &&
				   is_steady();
	if (!services->counter.usable)
		return;
	start = read_all();
	services->counter.ticks = start.ticks;
	services->counter.nanoseconds = start.monotonic;
}

static int64_t serve_read(struct gate_frame *frame, struct abi_clock_read *call)
{
	const struct services *services = services_of(frame);
	const uint64_t time = call->clock == POSTERN_CLOCK_ID_REALTIME ? read_host(CLOCK_REALTIME)
								       : gate_monotonic(gate_frame_vm(frame));

	call->info.clock = call->clock;
	call->info.nanoseconds = round_down(services, time);
	call->info.resolution = services->config.resolution;
	return 0;
}

static int64_t serve_scale(struct gate_frame *frame, struct abi_clock_scale *call)
{
	const struct services *services = services_of(frame);
	struct reading now;
	uint64_t ticks;
	uint64_t passed;

	if (!services->counter.usable)
		return 0;
	now = read_all();
	ticks = now.ticks - services->counter.ticks;
	passed = now.monotonic - services->counter.nanoseconds;
	/* The counters of two processors may be a little apart, just after the start. */
	if (now.ticks <= services->counter.ticks || !passed)
		return 0;
	call->scale.flags = POSTERN_CLOCK_SCALE_FLAGS_COUNTER;
	call->scale.counter = now.ticks;
	call->scale.monotonic = now.monotonic - services->clock_offset;
	call->scale.realtime = now.realtime;
	call->scale.multiplier = (uint64_t)(((unsigned __int128)passed << SCALE_SHIFT) / ticks);
	call->scale.shift = SCALE_SHIFT;
	call->scale.lifetime = passed > LONGEST_LIFETIME / STRETCHES ? LONGEST_LIFETIME : STRETCHES * passed;
	return 0;
}

void service_clock(struct abi_handlers *handlers)
{
	handlers->clock_read = serve_read;
	handlers->clock_scale = serve_scale;
}
