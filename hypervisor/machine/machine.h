/* SPDX-License-Identifier: ISC */
/*
 * machine.h - a VM's life: it is created from a configuration, run until something ends it, and destroyed.
 *
 * A VM has a thread for each vCPU and one that polls rings; whoever calls machine_run() waits in it. All
 * threads are started by machine_create() and wait there, so that the jail can be closed before the guest's
 * first instruction. One process can have several VMs, if none of them has a jail.
 */
#ifndef POSTERN_MACHINE_H
#define POSTERN_MACHINE_H

#include "device/bus.h"
#include "engine/engine.h"
#include "gate/gate.h"
#include "machine/crash.h"
#include "machine/message.h"
#include "service/mount.h"

#include <stdbool.h>
#include <stdint.h>

struct machine;

struct machine_config {
	uint8_t *image; /* the file, from malloc(); machine_create() takes it, also when it fails */
	size_t image_size;
	bool image_stays;    /* it is the caller's, for longer than the machine, and is only read */
	bool unmodified;     /* the image is a kernel that knows nothing of Postern: see kernel.h */
	const char *command; /* the guest's command line */
	const void *
		module; /* handed to the guest beside the image, to a kernel as its initrd; module_size 0: none */
	size_t module_size;
	uint64_t memory; /* bytes, a multiple of the page size */
	unsigned vcpus;  /* 1 to ENGINE_MAX_VCPUS */
	const struct engine *engine;
	struct gate_policy policy;
	unsigned level;           /* minor version of the ABI, below ABI_LEVELS */
	unsigned in_flight;       /* async calls at once from each vCPU's ring */
	uint32_t rate_per_second; /* of calls that are rate-limited; 0: no limit */
	uint32_t rate_burst;
	uint64_t resolution; /* of the guest's clocks, in ns; 0: the services' own */
	uint64_t timeout;    /* ns after which the VM is ended; 0: never */
	bool timing;         /* measure the time in calls */
	bool signals;        /* SIGINT, SIGTERM and SIGHUP, unless ignored, end the VM */
	bool jail;           /* give up what a monitor does not need; cannot be taken back */
	int input;           /* the console's descriptors, which stay the caller's; -1: none */
	int output;
	int error;
	const struct service_mount *mounts; /* the host's files; descriptors stay the caller's */
	unsigned mount_count;               /* at most SERVICE_MOUNTS_MAX */
	/* Ports of a guest that is built for Postern, which the caller keeps. NULL: to touch one is a crash. */
	struct bus *ports;
	gate_trace_hook *trace; /* NULL: none */
	void *trace_context;
};

/* What ended a VM. The first that happens decides. */
enum machine_end {
	MACHINE_EXITED,  /* vm.exit, or an unmodified guest has turned itself off */
	MACHINE_RESET,   /* an unmodified guest has reset itself */
	MACHINE_CRASHED, /* vm.crash, or something that the guest did and nobody serves */
	MACHINE_TIMED_OUT,
	MACHINE_SIGNALLED, /* a signal to this process */
	MACHINE_FAILED,    /* this host could not go on */
	MACHINE_ENDS
};

struct machine_result {
	enum machine_end end;
	int code;           /* EXITED: the guest's; SIGNALLED: which; FAILED: negative errno */
	struct crash crash; /* CRASHED; names live as long as the machine */
};

/* What a VM's life takes time for, in this order; for whoever wants to know where it goes. */
enum machine_step {
	MACHINE_STEP_IMAGE,   /* looking at the image */
	MACHINE_STEP_MEMORY,  /* RAM */
	MACHINE_STEP_GATE,    /* gate and services */
	MACHINE_STEP_LOAD,    /* the image into RAM */
	MACHINE_STEP_ENGINE,  /* the engine's part, which on ring3 is a process; and the jail's first step */
	MACHINE_STEP_THREADS, /* that serve the VM, and what the engine has left to wait for */
	MACHINE_STEP_JAIL,    /* its second step */
	MACHINE_STEP_GUEST,   /* from its first instruction to its end */
	MACHINE_STEP_STOP,    /* until all threads have ended */
	MACHINE_STEPS
};

/*
 * Makes a VM, ready to run. The calling thread has to outlive it, and the process has to ignore SIGPIPE. With
 * config->signals, the thread has these signals blocked until machine_destroy().
 *
 * Errors: -ENOEXEC for an image that is refused, or another negative errno, each with a message.
 */
int machine_create(const struct machine_config *config, struct machine **machine, struct message *message);

/*
 * Closes the jail, lets the guest begin, and returns when nothing of it runs any more. Once for each machine,
 * by the thread that created it. Errors: negative errno, with a message: -ETIMEDOUT when a thread did not end,
 * so that the machine cannot be destroyed; any other before the guest began.
 */
int machine_run(struct machine *machine, struct machine_result *result, struct message *message);

/* Ends the VM, as if the signal had come. By any thread, at any time between create and destroy. */
void machine_stop(struct machine *machine, int signal);

/* Frees everything. NULL is allowed. */
void machine_destroy(struct machine *machine);

/* The VM's gate, for statistics. */
struct gate_vm *machine_gate(struct machine *machine);

/* How much RAM the host gave the guest, in bytes; see memory_resident(). */
int64_t machine_resident(const struct machine *machine);

/* How often vCPUs left the guest for each reason, so that traps can be told from hypercalls. */
void machine_exits(const struct machine *machine, uint64_t counts[ENGINE_EXITS]);
const char *machine_exit_name(enum engine_exit_kind kind);

/* The accesses to device number `number` of an unmodified guest. Returns its name; NULL behind the last. */
const char *machine_device(const struct machine *machine, unsigned number, struct bus_count *count);

/*
 * The engine of a name; "auto" is the best that this host can run. NULL with a message if there is none of that
 * name, or it cannot be run here.
 */
const struct engine *machine_find_engine(const char *name, struct message *message);

/* All engines, the best first; ends with NULL. */
extern const struct engine *const machine_engines[];

/* When the VM's life began, and when each step ended: ns of CLOCK_MONOTONIC, 0 for a step that it has not come to. */
struct machine_times {
	uint64_t begin;
	uint64_t end[MACHINE_STEPS];
};
const struct machine_times *machine_times(const struct machine *machine);
/* As "gate". */
const char *machine_step_name(enum machine_step step);

#endif
