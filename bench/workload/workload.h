/* SPDX-License-Identifier: ISC */
/* workload.h - the workloads of the program that `postern bench programs` runs, on the host and in a VM. */
#ifndef POSTERN_WORKLOAD_H
#define POSTERN_WORKLOAD_H

#include <stdint.h>

/* Does the work, of a size; returns how often it did what the figure is for. Ends the program when it fails. */
uint64_t workload_getppid(uint64_t calls);
uint64_t workload_mutex(uint64_t turns);  /* of each of 8 threads */
uint64_t workload_faults(uint64_t pages); /* of 4 KiB, touched for the first time */
uint64_t workload_sqlite(uint64_t rows);  /* into a table of the database bench.db in the current directory */

_Noreturn void workload_fail(const char *what);

#endif
