/* SPDX-License-Identifier: ISC */
/*
 * services.h - the state behind the handlers of one VM: console, clock, entropy, memory, vCPUs, events, timers,
 * files.
 * Handlers find it by gate_owner(); a machine embeds it, and serves its hooks.
 *
 * A VM's life, in this order:
 *   services_create()   before the gate; service_all() fills in the table of handlers
 *   gate_create()       with the struct services as owner, and services_cancel(), _notify(), _interrupted() and
 *                       _describe()
 *   services_start()    once the guest's memory has been laid out, and before its first instruction
 *   ...                 the VM runs
 *   services_stop()     by any thread: all that waits ends
 *   services_join()     when no thread makes calls any more
 *   gate_destroy()      which lets go of what handles still name
 *   services_destroy()
 *
 * The process has to ignore SIGPIPE; and if a VM may write to files, also SIGXFSZ, and to have a umask of zero: bits of
 * new files are the guest's to choose.
 */
#ifndef POSTERN_SERVICE_SERVICES_H
#define POSTERN_SERVICE_SERVICES_H

#include "gate/gate.h"
#include "service/mount.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct console;
struct files;
struct service_vcpu;
struct services;
struct timers;

/*
 * The resolution of a VM's clocks if the config states none, in ns. What a cache miss costs, or a call of
 * somebody else's, is well below it; what programs measure and wait for is above.
 */
#define SERVICES_RESOLUTION UINT64_C(1000)

/*
 * What services ask of the machine. owner is the config's. None of these may wait for another vCPU, or call
 * anything of this header but services_stop().
 */
struct services_hooks {
	/* The guest ends the VM; called once, with the first of both. Any thread that serves calls. */
	void (*exit)(void *owner, int code);
	/* message is as the guest wrote it, at most 1024 bytes, for people; nothing in it is to be trusted. */
	void (*crash)(void *owner, unsigned vcpu, const struct postern_vm_crash *report, const char *message);

	/*
	 * Starts a vCPU that has never run or has been reported by services_vcpu_stopped(): registers and
	 * callbacks as vcpu.start says. Any vCPU's thread, or the poller. Errors: any negative errno, as which
	 * the guest gets ENOMEM.
	 */
	int (*start_vcpu)(void *owner, unsigned vcpu, uint64_t entry, uint64_t stack, uint64_t argument);
	/*
	 * Has a running vCPU leave the guest, and not enter it again; does not wait for that. When its thread
	 * is there, it calls services_vcpu_stopped(). May be the calling thread's own vCPU.
	 */
	void (*stop_vcpu)(void *owner, unsigned vcpu);

	/* Sets the entries of a vCPU, which are zero or in the kernel's part. That vCPU's thread. */
	void (*set_callbacks)(void *owner, unsigned vcpu, const struct postern_vcpu_callbacks *entries);
	/*
	 * Has a vCPU look at its pending word, if it runs guest code: an event can be delivered, or could a
	 * moment ago. Any thread; seldom twice for the same event, and at times for nothing.
	 */
	void (*raise)(void *owner, unsigned vcpu);
};

struct services_config {
	struct services_hooks hooks;
	void *owner; /* for the hooks */

	unsigned vcpus;         /* as in the gate's config */
	unsigned in_flight;     /* as in the gate's config */
	uint64_t vcpu_pages;    /* guest-physical: the page of vCPU n is n pages after it */
	uint64_t vcpu_features; /* enum postern_vcpu_features: what the engine offers; steal is not served */
	uint64_t kernel_start;  /* guest-virtual: the lowest address of the kernel's part */

	/* Of the console. They stay the caller's; -1: an input at its end, or an output that goes nowhere. */
	int input;
	int output;
	int error;

	/* Of the host's files. What they point to has to last until services_create() returns, but for descriptors. */
	const struct service_mount *mounts;
	unsigned mount_count;

	uint64_t resolution; /* of the clocks, ns; 0: SERVICES_RESOLUTION */
	/*
	 * The guest may read the processor's counter and sees the host's own. With a resolution of 1 and a host
	 * whose counter is steady, clock.scale then tells how to read the time from it.
	 */
	bool counter;

	uint64_t max_owned; /* pages that the VM may own at once; 0: all of its RAM */
};

/* Members are for the files in service/ alone, unless they say otherwise. Constant from services_start() on, but: */
struct services {
	struct services_config config;
	struct gate_vm *gate;
	struct service_vcpu *vcpus;
	struct timers *timers;
	struct console *console;
	struct files *files;
	uint64_t clock_offset; /* ns: host's CLOCK_MONOTONIC less the VM's monotonic clock */
	struct {
		bool usable;    /* whether clock.scale may tell of it */
		uint64_t ticks; /* one reading of counter and CLOCK_MONOTONIC together, from the start */
		uint64_t nanoseconds;
	} counter;
	uint64_t total_pages;         /* of RAM */
	_Atomic uint64_t owned_pages; /* any thread that serves memory calls; relaxed, it orders nothing */
	_Atomic bool ended;           /* the guest has ended the VM; by the thread that exchanged it */
	_Atomic bool stopping;        /* set once, by services_stop(); looked at by whatever waits, seq_cst */
	pthread_mutex_t lifecycle;    /* protects live_vcpus, and changes of each vCPU's phase; see vcpu.h */
	unsigned live_vcpus;          /* that run and are not asked to stop */
};

/*
 * Makes the services of a VM. The terminal's mode is taken down here, and the descriptors are looked at; nothing
 * is changed yet. Errors: -EINVAL for a config out of range, or a negative errno; services then is as after
 * services_destroy().
 */
int services_create(struct services *services, const struct services_config *config);

/*
 * Joins them to their gate: makes vCPU handles and pages, and starts threads, with all signals blocked. vCPU 0
 * counts as running from here on. Errors: -EFAULT if the vCPUs' pages are no RAM, -EAGAIN or another of
 * pthread_create(3) or timerfd_create(2); services_destroy() is still needed.
 */
int services_start(struct services *services, struct gate_vm *gate);

/*
 * Ends every wait in a call, and gate_stop()s the gate: console calls that wait complete with ECANCELED, and
 * no wait begins any more. Does not block. By any thread, also in a hook; again, it does nothing.
 */
void services_stop(struct services *services);

/* Stops, and ends all threads of the services. They hold nothing of the guest from here on. */
void services_join(struct services *services);

/* Joins, frees everything, and gives the terminal its mode back. One that is all zero is left alone. */
void services_destroy(struct services *services);

/* Lets the guest have every character that is typed, as it is, until the terminal gets its mode back. */
void services_make_terminal_raw(struct services *services);
/* The host's terminal may have another size: SIGWINCH came. By any thread. */
void services_terminal_resized(struct services *services);

/*
 * Input and output that calls wait for without a thread: the descriptor becomes readable when some of it is done; -1: there
 * is none. Whoever polls it, one thread at a time from services_start() to services_join(), then has it completed; the
 * second says how many calls were.
 */
int services_io_descriptor(const struct services *services);
unsigned services_serve_io(struct services *services);

/* Gives the terminal its mode back, as services_destroy() does. May be called from a signal's handler. */
void services_restore_terminal(struct services *services);

/* Of a vCPU that stop_vcpu() was called for: its thread has left the guest. Once for each call. By that thread. */
void services_vcpu_stopped(struct services *services, unsigned vcpu);

/* For the gate's config; owner is the struct services. */
void services_cancel(void *owner, struct gate_vcpu *vcpu);
void services_notify(void *owner, struct gate_vcpu *vcpu, postern_handle_t event);
bool services_interrupted(void *owner, struct gate_vcpu *vcpu);
void services_describe(void *owner, struct postern_abi_info *info);

/* Sets the handlers of all sections that have any. */
void service_all(struct abi_handlers *handlers);

#endif
