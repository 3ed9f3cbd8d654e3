/* SPDX-License-Identifier: ISC */
/*
 * host.h - calls to the host that may take time: they go over the vCPU's ring, and the task sleeps until the host has
 * done them, while others run. Calls that answer at once are made by trap, with the stubs.
 */
#ifndef KEEP_HOST_H
#define KEEP_HOST_H

#include "keep.h"

/*
 * Makes a call over the ring: the entry as a postern_prepare_ stub fills it in, its token aside. Returns its result.
 * Memory that it names must not be on a program's pages that nobody holds, and stays until it returns. Not
 * interruptible: the host answers every call. Before there are tasks, it waits without sleeping.
 */
int64_t host_call(const struct postern_ring_entry *entry);

/* The same, ended early by a signal to the task if that can be: -EINTR if it was cancelled. For console.read. */
int64_t host_call_interruptible(const struct postern_ring_entry *entry);

/* Sets up the calling vCPU's ring. */
int host_start_vcpu(void);
/* Takes completions and wakes who waits for them. Called for its event, and when idle. */
void host_complete(void);

#endif
