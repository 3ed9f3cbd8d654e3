/* SPDX-License-Identifier: ISC */
/*
 * guest.h - the guest of a benchmark: an image that is part of this program, in a VM like any other, jail and all, in a
 * process of its own. Benchmark and guest talk over the guest's console.
 */
#ifndef POSTERN_BENCH_GUEST_H
#define POSTERN_BENCH_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_guest_config {
	const void *image;
	size_t image_size;
	uint64_t memory;     /* bytes */
	const char *command; /* the guest's command line */
	const char *file;    /* of the host, which the guest may read: its mount 0; NULL: none */
	const char *json;    /* where the VM's result is written at its end; NULL: nowhere */
	int error;           /* the console's standard error; 0: ours */
	struct bus *ports;   /* that the guest may touch; NULL: none */
	int processor;       /* the only one that the VM may use; -1: all that we may */
};

struct bench_guest {
	pid_t pid; /* of its monitor */
	int to, from;
};

/* Starts it. Returns 0, or an exit status after a message; then bench_guest_end() has nothing to do. */
int bench_guest_start(const struct bench_guest_config *config, struct bench_guest *guest);

/* Sends the guest a question and waits for its answer. Returns false, after a message, if it does not give one. */
bool bench_guest_ask(struct bench_guest *guest, const void *question, size_t question_size, void *answer,
		     size_t answer_size);

/*
 * Puts the vCPU of a guest that has given an answer on one processor, and the monitor's threads that serve it and poll
 * its ring on another. They would find there by themselves, but not on a machine where something else runs at the time.
 */
void bench_guest_part(struct bench_guest *guest, int vcpu, int monitor);

/* Lets it end, as guests do that find nothing more to read. One that is all zero is left alone. */
void bench_guest_end(struct bench_guest *guest);

#endif
