/* SPDX-License-Identifier: ISC */
/* process.h - a guest process: made from a fork of the monitor, which it empties of everything but the guest. */
#ifndef POSTERN_RING3_PROCESS_H
#define POSTERN_RING3_PROCESS_H

#include "engine/engine.h"

#include <sys/types.h>

struct ring3_process {
	pid_t pid;
	int pidfd;
	int area_fd; /* the memfd of the areas */
	void *areas; /* where the monitor has them mapped */
	size_t areas_size;
};

/* Starts a guest process, which sets itself up. Errors: negative errno; then there is nothing to end. */
int ring3_process_start(const struct engine_config *config, struct ring3_process *process);

/*
 * Waits until it is locked down, and all its vCPUs' threads wait for their first state. Errors: -ENOTSUP when the host
 * does not let it set itself up.
 */
int ring3_process_settle(struct ring3_process *process, unsigned vcpus);

/* Kills it, waits for its end, and frees everything. */
void ring3_process_end(struct ring3_process *process);

#endif
