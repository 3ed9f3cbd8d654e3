/* SPDX-License-Identifier: ISC */
/* measure.c - interleaved rounds and medians. */
#include "measure.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_ROUNDS = 99 };

/* Processor time of this thread: what others take of a shared machine meanwhile is not counted. */
static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static uint64_t time_of(const struct measure_case *item, uint64_t count)
{
	uint64_t start = now();

	item->run(item->context, count);
	return now() - start;
}

/* How often a case has to run to fill a time: also warms it up. */
static uint64_t calibrate(const struct measure_case *item, uint64_t nanoseconds)
{
	uint64_t count = 1;

	for (;;) {
		uint64_t time = time_of(item, count);

		if (time >= nanoseconds / 2)
			return count * nanoseconds / time + 1;
		count *= time > nanoseconds / 64 ? 2 : 8;
	}
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

struct measure_spread measure_spread(double *values, size_t count)
{
	qsort(values, count, sizeof *values, by_value);
	return (struct measure_spread){ values[0], values[count / 2], values[count - 1] };
}

void measure(struct measure_case *cases, size_t count, unsigned rounds, unsigned milliseconds)
{
	uint64_t *runs = calloc(count, sizeof *runs);
	double(*times)[MOST_ROUNDS] = calloc(count, sizeof *times);

	if (!runs || !times || rounds > MOST_ROUNDS)
		abort();
	for (size_t i = 0; i < count; i++)
		runs[i] = calibrate(&cases[i], (uint64_t)milliseconds * 1000000U);
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			uint64_t operations = runs[i] * (cases[i].per_run ? cases[i].per_run : 1);

			times[i][round] = (double)time_of(&cases[i], runs[i]) / (double)operations;
		}
	}
	for (size_t i = 0; i < count; i++) {
		struct measure_spread spread = measure_spread(times[i], rounds);

		cases[i].least = spread.least;
		cases[i].nanoseconds = spread.median;
		cases[i].most = spread.most;
	}
	free(times);
	free(runs);
}

const struct measure_case *measure_find(const struct measure_case *cases, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	}
	abort();
}
