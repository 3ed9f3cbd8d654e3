/* SPDX-License-Identifier: ISC */
/*
 * host.h - calls to the host that may take time: they go over the vCPU's ring, and the task sleeps until the host has
 * done them, while others run. Calls that answer at once are made by trap, with the stubs.
 */
#ifndef KEEP_HOST_H
#define KEEP_HOST_H

#include "keep.h"

/*
 * Makes a call over the ring: the entry as a postern_prepare_ stub fills it in; its token is not looked at. Returns its
 * result. Memory that it names stays where it is until this returns. Signals do not end it: the host answers every
 * call. Before there are tasks, it waits without sleeping.
 */
int64_t host_call(const struct postern_ring_entry *entry);

/*
 * A call that may take for ever, as console.read: done() is called with its result, in the kernel, by whoever finds the
 * completion; it must not sleep. Errors: -EAGAIN when too many calls are under way. Its owner keeps it until then.
 */
struct host_work {
	void (*done)(struct host_work *work, int64_t result);
};
int host_start(struct host_work *work, const struct postern_ring_entry *entry);

/* Sets up the calling vCPU's ring, with the handle of the event that is to be raised for completions. */
int host_start_vcpu(postern_handle_t event);

/* Takes the completions of the calling vCPU's ring. Called for its event, and before it idles. */
void host_complete(void);

#endif
