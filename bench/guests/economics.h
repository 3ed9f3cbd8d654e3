/* SPDX-License-Identifier: ISC */
/*
 * economics.h - what `postern bench economics` and its guest say to each other over the console: a question, which
 * names something to do and how, and then its answer.
 */
#ifndef POSTERN_BENCH_ECONOMICS_H
#define POSTERN_BENCH_ECONOMICS_H

#include <stdint.h>

/* What is done. */
enum economics_work {
	ECONOMICS_CONSOLE, /* a byte to the console: its standard error */
	ECONOMICS_FILE,    /* ECONOMICS_WORD bytes out of a file: mount 0 */
	ECONOMICS_WORKS
};

/* How. */
enum economics_way {
	ECONOMICS_PORT,  /* by an instruction that traps: to a serial port, from a data port */
	ECONOMICS_CALL,  /* by a hypercall each */
	ECONOMICS_BATCH, /* by hypercalls, `batch` of them by one exit */
	ECONOMICS_RING,  /* over a polled ring, up to `batch` under way */
	ECONOMICS_WAYS
};

enum {
	ECONOMICS_WORD = 4,
	ECONOMICS_SPAN = 4096 /* of the file, again and again */,
	ECONOMICS_DATA_PORT = 0x5a0
};

struct economics_question {
	uint32_t work;
	uint32_t way;
	uint32_t samples; /* odd, up to SAMPLE_MOST of sample.h */
	uint32_t repeats; /* operations that a sample times together: a multiple of batch */
	uint32_t batch;   /* 1 to 256 */
};

struct economics_answer {
	uint64_t ticks; /* of the time-stamp counter: a sample, median of them */
	uint64_t sum;   /* of the words that were read, so that nobody saves the reading */
};

#endif
