/* SPDX-License-Identifier: ISC */
/* memory_of.h - how much memory a VM takes of the host's, beyond what its guest has touched. */
#ifndef POSTERN_BENCH_MEMORY_OF_H
#define POSTERN_BENCH_MEMORY_OF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Proportional set sizes, PSS: memory that several processes share is divided among them. In KiB. */
struct memory_of {
	uint64_t monitor; /* without the guest's RAM */
	uint64_t process; /* the guest's process, likewise */
	uint64_t guest;   /* the guest's RAM, in both */
};

/* Of a monitor and its one child. Returns false, with errno, if they may not be looked at. */
bool memory_of_vm(pid_t monitor, struct memory_of *memory);

#endif
