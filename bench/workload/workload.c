/* SPDX-License-Identifier: ISC */
/*
 * workload.c - an ordinary static Linux program: does one kind of work, and prints how often and in how many
 * nanoseconds. It knows nothing of Postern.
 */
#include "workload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, PAGE = 4096, EXIT_USAGE = 2 };

void workload_fail(const char *what)
{
	fprintf(stderr, "bench-workload: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

uint64_t workload_getppid(uint64_t calls)
{
	for (uint64_t i = 0; i < calls; i++)
		syscall(SYS_getppid);
	return calls;
}

/* ---- a contended lock ---- */

struct contest {
	pthread_mutex_t lock;
	uint64_t turns;
	uint64_t count; /* the lock's */
};

static void *contend(void *argument)
{
	struct contest *contest = argument;

	for (uint64_t i = 0; i < contest->turns; i++) {
		pthread_mutex_lock(&contest->lock);
		contest->count++;
		pthread_mutex_unlock(&contest->lock);
	}
	return NULL;
}

uint64_t workload_mutex(uint64_t turns)
{
	struct contest contest = { PTHREAD_MUTEX_INITIALIZER, turns, 0 };
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		errno = pthread_create(&threads[i], NULL, contend, &contest);
		if (errno)
			workload_fail("cannot start a thread");
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (contest.count != THREADS * turns) {
		errno = EDOM;
		workload_fail("the lock does not lock");
	}
	return contest.count;
}

/* ---- page faults ---- */

uint64_t workload_faults(uint64_t pages)
{
	volatile char *memory =
		mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		workload_fail("cannot map memory");
	for (uint64_t i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	munmap((void *)memory, pages * PAGE);
	return pages;
}

/* ---- the program ---- */

static const struct {
	const char *name;
	uint64_t (*run)(uint64_t size);
} workloads[] = {
	{ "getppid", workload_getppid },
	{ "mutex", workload_mutex },
	{ "faults", workload_faults },
	{ "sqlite", workload_sqlite },
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv)
{
	char *end;
	uint64_t size = argc == 3 ? strtoull(argv[2], &end, 10) : 0;

	for (size_t i = 0; size && !*end && i < sizeof workloads / sizeof *workloads; i++) {
		uint64_t start = now();
		uint64_t count;

		if (strcmp(workloads[i].name, argv[1]) != 0)
			continue;
		count = workloads[i].run(size);
		printf("%llu %llu\n", (unsigned long long)count, (unsigned long long)(now() - start));
		return EXIT_SUCCESS;
	}
	fputs("usage: bench-workload NAME SIZE\n", stderr);
	return EXIT_USAGE;
}
