/* SPDX-License-Identifier: ISC */
/*
 * crossing.h - what `postern bench crossing` and its guest say to each other over the console: a question, which
 * names a way to cross, and then its answer.
 */
#ifndef POSTERN_BENCH_CROSSING_H
#define POSTERN_BENCH_CROSSING_H

#include <stdint.h>

enum crossing_way {
	CROSSING_GATE,   /* a call into the guest's own kernel, which switches stacks: no trap, no exit */
	CROSSING_SYSTEM, /* a system call of the guest's program, trapped and served by its kernel */
	CROSSING_TRAP,   /* a hypercall */
	CROSSING_BATCH,  /* hypercalls, `batch` of them by one exit */
	CROSSING_RING,   /* hypercalls over a polled ring */
	CROSSING_PORT,   /* an OUT instruction, which traps and is emulated */
	CROSSING_WAYS
};

enum { CROSSING_MOST_BATCH = 1024, CROSSING_PORT_NUMBER = 0x80 };

struct crossing_question {
	uint32_t way;
	uint32_t samples; /* odd, up to SAMPLE_MOST of sample.h: how often to measure */
	uint32_t repeats; /* crossings, or batches, that a sample times together */
	uint32_t batch;
};

struct crossing_answer {
	uint64_t ticks; /* of the time-stamp counter: a sample, median of them */
};

#endif
