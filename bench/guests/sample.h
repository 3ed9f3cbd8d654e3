/* SPDX-License-Identifier: ISC */
/*
 * sample.h - how guests of benchmarks time things: by the processor's counter, in samples that are short and of which
 * the median counts, so that what the host's other work takes in between shows in few of them.
 */
#ifndef POSTERN_BENCH_SAMPLE_H
#define POSTERN_BENCH_SAMPLE_H

#include <stdint.h>

enum { SAMPLE_MOST = 64 };

/* The counter, not before all that stands before it is done. */
static inline uint64_t sample_ticks(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Of up to SAMPLE_MOST values, which it sorts. */
static inline uint64_t sample_median(uint64_t *values, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		uint64_t value = values[i];
		uint32_t at = i;

		for (; at > 0 && values[at - 1] > value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
	return values[count / 2];
}

#endif
