/* SPDX-License-Identifier: ISC */
/*
 * ends.c - how a VM is let go and how it ends: one reason is decided on, the guest is stopped, and the thread
 * in machine_run() waits for all others.
 */
#include "machine/internal.h"

#include "jail/jail.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS UINT64_C(1000000000)

/* For how long threads may go on after the end. What they wait for has been cancelled, so this is for bugs. */
static const uint64_t patience = 10 * NANOSECONDS;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* ---- the decision ---- */

void machine_wake(struct machine *machine)
{
	const uint64_t one = 1;

	/* It cannot fail: nobody counts to 2^64. */
	(void)!write(machine->events, &one, sizeof one);
}

struct machine_result *machine_decide(struct machine *machine, enum machine_end end)
{
	if (atomic_exchange_explicit(&machine->decided, true, memory_order_acq_rel))
		return NULL;
	atomic_store_explicit(&machine->stopping, true, memory_order_relaxed);
	machine->result.end = end;
	return &machine->result;
}

void machine_announce(struct machine *machine)
{
	atomic_store_explicit(&machine->announced, true, memory_order_release);
	machine_wake(machine);
}

void machine_end(struct machine *machine, enum machine_end end, int code)
{
	struct machine_result *result = machine_decide(machine, end);

	if (!result)
		return;
	result->code = code;
	machine_announce(machine);
}

void machine_stop(struct machine *machine, int signal)
{
	machine_end(machine, MACHINE_SIGNALLED, signal);
}

/* ---- waiting ---- */

/* The number of a signal that came; 0: none. */
static int take_signal(const struct machine *machine)
{
	struct signalfd_siginfo signal;

	if (machine->signals < 0 || read(machine->signals, &signal, sizeof signal) != sizeof signal)
		return 0;
	return (int)signal.ssi_signo;
}

/* Waits for machine_wake(), a signal, or a time of CLOCK_MONOTONIC in ns. Returns false when that has passed. */
static bool wait_for_event(const struct machine *machine, uint64_t until)
{
	struct pollfd sources[] = {
		{ .fd = machine->events, .events = POLLIN },
		{ .fd = machine->signals, .events = POLLIN },
	};
	const uint64_t time = now();
	const uint64_t left = until > time ? until - time : 0;
	const struct timespec timeout = { (time_t)(left / NANOSECONDS), (long)(left % NANOSECONDS) };
	uint64_t count;

	if (!left)
		return false;
	ppoll(sources, sizeof sources / sizeof *sources, until == UINT64_MAX ? NULL : &timeout, NULL);
	(void)!read(machine->events, &count, sizeof count);
	return true;
}

static bool is_announced(const struct machine *machine)
{
	return atomic_load_explicit(&machine->announced, memory_order_acquire);
}

static void wait_for_end(struct machine *machine)
{
	uint64_t until = machine->timeout ? now() + machine->timeout : UINT64_MAX;

	while (!is_announced(machine)) {
		int signal;

		if (!wait_for_event(machine, until)) {
			machine_end(machine, MACHINE_TIMED_OUT, 0);
			until = UINT64_MAX;
		}
		signal = take_signal(machine);
		if (signal == SIGWINCH)
			services_terminal_resized(&machine->services);
		else if (signal)
			machine_stop(machine, signal);
	}
}

/* Waits until all threads have ended. A signal, or too long a wait, gives up. */
static int wait_for_threads(struct machine *machine, struct message *message)
{
	const uint64_t until = now() + patience;

	while (atomic_load_explicit(&machine->alive, memory_order_acquire)) {
		int signal;

		if (!wait_for_event(machine, until))
			return message_say(message, -ETIMEDOUT, "a thread of the VM does not end");
		signal = take_signal(machine);
		if (signal && signal != SIGWINCH)
			return message_say(message, -ETIMEDOUT, "ended by force");
	}
	return 0;
}

int machine_run(struct machine *machine, struct machine_result *result, struct message *message)
{
	char reason[256];
	int error = machine->jail ? jail_close(machine->files, reason, sizeof reason) : 0;

	if (error)
		return message_say(message, error, "cannot give up rights: %s", reason);
	machine_step_ended(machine, MACHINE_STEP_JAIL);
	if (machine->kernel.kind != KERNEL_NONE)
		services_make_terminal_raw(&machine->services);
	for (unsigned i = 0; i < (machine->start.start == ENGINE_START_PARAVIRTUAL ? 1 : machine->vcpu_count);
	     i++)
		machine_vcpu_start(&machine->vcpus[i]);
	wait_for_end(machine);
	machine_step_ended(machine, MACHINE_STEP_GUEST);
	machine_quit(machine);
	error = wait_for_threads(machine, message);
	machine_step_ended(machine, MACHINE_STEP_STOP);
	if (machine->kernel.kind != KERNEL_NONE)
		services_restore_terminal(&machine->services);
	*result = machine->result;
	return error;
}
