/* SPDX-License-Identifier: ISC */
/* times.c - when the steps of a VM's life ended. */
#include "machine/internal.h"

#include <time.h>

uint64_t machine_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

void machine_step_ended(struct machine *machine, enum machine_step step)
{
	machine->times.end[step] = machine_now();
}

const struct machine_times *machine_times(const struct machine *machine)
{
	return &machine->times;
}

const char *machine_step_name(enum machine_step step)
{
	static const char *const names[MACHINE_STEPS] = {
		[MACHINE_STEP_IMAGE] = "image",   [MACHINE_STEP_MEMORY] = "memory",
		[MACHINE_STEP_GATE] = "gate",     [MACHINE_STEP_LOAD] = "load",
		[MACHINE_STEP_ENGINE] = "engine", [MACHINE_STEP_THREADS] = "threads",
		[MACHINE_STEP_JAIL] = "jail",     [MACHINE_STEP_GUEST] = "guest",
		[MACHINE_STEP_STOP] = "stop",
	};

	return names[step];
}
