/* SPDX-License-Identifier: ISC */
/*
 * measure.h - times operations of one thread against each other, in processor time. Machines are shared
 * and clocks vary, so cases are interleaved: each round runs every case once, and what counts is a case's
 * median over the rounds.
 */
#ifndef POSTERN_MEASURE_H
#define POSTERN_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct measure_case {
	const char *name;                           /* for machines: lower case, no blanks */
	const char *what;                           /* for people */
	void (*run)(void *context, uint64_t count); /* does the operation count times */
	void *context;
	uint64_t per_run; /* operations that one count stands for; 0 means 1 */
	/* Set by measure(). */
	double nanoseconds; /* an operation, median of the rounds */
	double least;       /* the same, fastest round */
	double most;        /* slowest */
};

struct measure_spread {
	double least, median, most;
};

/* Of an odd number of values, which it sorts. */
struct measure_spread measure_spread(double *values, size_t count);

/* Runs each case for about milliseconds in each of rounds (odd) rounds. */
void measure(struct measure_case *cases, size_t count, unsigned rounds, unsigned milliseconds);

/* The case called name; it must exist. */
const struct measure_case *measure_find(const struct measure_case *cases, size_t count, const char *name);

#endif
