/* SPDX-License-Identifier: ISC */
/*
 * gate.h - the gate: the one path by which a guest's call reaches a service.
 *
 * An engine hands each call to gate_call(). The gate looks the number up, applies the VM's level and
 * policy, has generated code take and check the arguments, calls the service's handler, writes its
 * outputs, and counts. It knows no engine and no service: handlers come in a generated table.
 *
 * The path allocates nothing and takes no lock. A struct gate is shared by the threads of one VM; each
 * gate_vcpu belongs to the thread that runs the vCPU, apart from its ring (see ring.h).
 */
#ifndef POSTERN_GATE_H
#define POSTERN_GATE_H

#include "abi_host.h"
#include "gate/abi_types.h"
#include "gate/policy.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct gate_vm;
struct gate_vcpu;
struct gate_frame;

/* What an async handler answers when it will call gate_complete() later. No errno, and no result. */
#define GATE_PENDING INT64_MIN

/* Why the gate turned a call away, in the order of docs/contract.md: the first that applies is answered. */
enum gate_refusal {
	GATE_UNKNOWN,    /* ENOSYS */
	GATE_DENIED,     /* EPERM */
	GATE_MALFORMED,  /* EINVAL */
	GATE_FAULT,      /* EFAULT */
	GATE_TOO_BIG,    /* E2BIG */
	GATE_BAD_HANDLE, /* EBADF */
	GATE_NO_RIGHT,   /* EACCES */
	GATE_BAD_STATE,  /* what the contract declares for it */
	GATE_LIMIT,      /* EAGAIN */
	GATE_REFUSALS
};

/* How often one call crossed, one way. */
struct gate_count {
	uint64_t calls;  /* all of them */
	uint64_t failed; /* of those, answered with an error */
	uint64_t
		nanoseconds; /* in the gate and its handlers, while timing is on; async calls until they pend */
};

/* A moment's figures. They are read while the VM runs, so sums may be a few calls apart. */
struct gate_stats {
	struct gate_count counts[GATE_CROSSINGS][ABI_CALLS]; /* ABI_NO_CALL: unknown numbers */
	uint64_t refused[GATE_REFUSALS];
	uint64_t undeclared; /* errors from handlers that the contract does not declare: bugs of ours */
};

/* A call that has been answered, as the trace hook sees it. */
struct gate_trace {
	const struct gate_vcpu *vcpu;
	enum gate_crossing crossing;
	unsigned ordinal;     /* enum abi_ordinal */
	uint64_t number;      /* as the guest gave it */
	const uint64_t *args; /* the six registers; NULL for an async call that had pended */
	const union abi_args
		*checked; /* the copies that the handler got; NULL if the gate turned the call away */
	int64_t result;   /* or GATE_PENDING */
};

typedef void gate_trace_hook(void *context, const struct gate_trace *trace);

struct gate_config {
	struct guest_memory *memory;
	const struct abi_handlers *handlers;
	struct gate_policy policy;
	unsigned level;           /* minor version to behave as, below ABI_LEVELS */
	unsigned vcpus;           /* 1 to the contract's max of vCPU handles */
	unsigned in_flight;       /* async calls at once from each vCPU's ring; at most 4096 */
	uint32_t rate_per_second; /* of the calls that the contract declares rate-limited; 0: no limit */
	uint32_t rate_burst;      /* calls that may come at once */
	uint64_t resolution;      /* of the VM's clocks, ns: ring.enter rounds deadlines up to it; 0: 1 */
	void *owner;              /* for the handlers: gate_owner() */
	/* The guest asks for the poller of its ring: on the vCPU's thread, must not block. NULL: there is no poller. */
	void (*doorbell)(void *owner, struct gate_vcpu *vcpu);
	/* The guest asked to be told of completions: raises the event that it named. On any thread. May be NULL. */
	void (*notify)(void *owner, struct gate_vcpu *vcpu, postern_handle_t event);
	/* The ring is being closed: calls from it that might never end are to be completed, -ECANCELED. May be NULL. */
	void (*cancel)(void *owner, struct gate_vcpu *vcpu);
	/*
	 * Whether a vCPU that waits in ring.enter has something else to do, an event for instance. On its thread;
	 * asked again after each gate_ring_interrupt(). NULL: it never has.
	 */
	bool (*interrupted)(void *owner, struct gate_vcpu *vcpu);
	/* Fills in features and limits of a section that the gate does not serve by itself. May be NULL. */
	void (*describe)(void *owner, struct postern_abi_info *info);
};

/*
 * Makes a VM's gate. Everything that the path will need is allocated here. The memory, handlers and
 * owner stay the caller's and must outlive the gate.
 *
 * Errors: -EINVAL for a config that is out of range, -ENOMEM.
 */
int gate_create(const struct gate_config *config, struct gate_vm **vm);

/* Destroys the gate. No call may be under way or in flight. Open handles are released. NULL is allowed. */
void gate_destroy(struct gate_vm *vm);

/*
 * Answers one call that a vCPU made by a trap: result or negative errno, for the guest's register.
 * An async call that pends makes this wait until it has completed.
 * Called by the vCPU's thread only.
 */
int64_t gate_call(struct gate_vm *vm, struct gate_vcpu *vcpu, uint64_t number, const uint64_t args[6]);

/*
 * Ends an async call: by any thread, once for each GATE_PENDING. result as a handler's. The frame and
 * the objects that its handles name are the gate's again.
 */
void gate_complete(struct gate_frame *frame, int64_t result);

/*
 * Ends every wait in ring.enter now, and lets no later one begin. A trap that waits for an async call goes
 * on waiting for gate_complete(): whoever stops a VM cancels its I/O (ECANCELED).
 */
void gate_stop(struct gate_vm *vm);

/* Parts of a VM. */
struct gate_vcpu *gate_vcpu(struct gate_vm *vm, unsigned number);
unsigned gate_vcpu_number(const struct gate_vcpu *vcpu);
/* Whether the vCPU's thread waits for gate_complete(), after a trap. A moment's answer. */
bool gate_vcpu_pends(const struct gate_vcpu *vcpu);
unsigned gate_vcpu_count(const struct gate_vm *vm);
struct guest_memory *gate_memory(const struct gate_vm *vm);
void *gate_owner(const struct gate_vm *vm);
unsigned gate_level(const struct gate_vm *vm);

/* The VM's monotonic clock: ns since the gate was created. */
uint64_t gate_monotonic(const struct gate_vm *vm);

/* A time of that clock as the host's CLOCK_MONOTONIC; the far future for what does not fit. */
struct timespec gate_host_time(const struct gate_vm *vm, uint64_t nanoseconds);

/* Parts of a call, for its handler. */
struct gate_vm *gate_frame_vm(const struct gate_frame *frame);
struct gate_vcpu *gate_frame_vcpu(const struct gate_frame *frame);
enum gate_crossing gate_frame_crossing(const struct gate_frame *frame);

/* Whether the contract declares an error for the frame's call; errno, positive. */
bool gate_may_answer(const struct gate_frame *frame, int error);

/* Whether a call is known at the VM's level, has a handler, and is permitted: enum gate_refusal or GATE_REFUSALS. */
enum gate_refusal gate_verdict(const struct gate_vm *vm, unsigned ordinal);

/* Whether the VM's policy lets it make a call, whatever else stands in the way. */
bool gate_permits(const struct gate_vm *vm, unsigned ordinal);

/* What a section of the contract has to tell in abi.query: its features and limits. */
void gate_describe(const struct gate_vm *vm, struct postern_abi_info *info);

/* Measures the time in each call from now on, or no more. Costs two reads of the clock a call. */
void gate_set_timing(struct gate_vm *vm, bool on);

/* Calls hook after each call, on the thread that served it; NULL: no more. Only while no call is under way. */
void gate_set_trace(struct gate_vm *vm, gate_trace_hook *hook, void *context);

/* Adds up the figures of all vCPUs. By any thread. */
void gate_read_stats(const struct gate_vm *vm, struct gate_stats *stats);

/* Names for people: "unknown call", "malformed". */
const char *gate_refusal_name(enum gate_refusal refusal);
const char *gate_crossing_name(enum gate_crossing crossing);

/*
 * Writes a traced call as strace does: `clock.read(monotonic, {nanoseconds=...}) = 0`, without a line end.
 * Returns what snprintf() would.
 */
int gate_trace_print(const struct gate_trace *trace, char *to, size_t size);

#endif
