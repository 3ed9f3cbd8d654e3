/* SPDX-License-Identifier: ISC */
/*
 * frame.h - the gate's own structures: a VM, a vCPU, its lanes, and the frame of a call. Only the gate
 * and the generated decoders look inside them.
 */
#ifndef POSTERN_GATE_FRAME_H
#define POSTERN_GATE_FRAME_H

#include "gate/gate.h"
#include "gate/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define gate_likely(condition) __builtin_expect(!!(condition), 1)
#define gate_unlikely(condition) __builtin_expect(!!(condition), 0)

enum { GATE_MAX_HELD = 8 }; /* handles of one call: six registers, and those inside a struct */

/* One object that a VM's guest can name. */
struct gate_slot {
	/* Generation in bits 32 and up, GATE_SLOT_OPEN, and the number of calls that use the object below it. */
	_Atomic uint64_t word;
	_Atomic uint32_t state; /* written by handlers, with gate_handle_change() */
	uint32_t rights; /* this and the rest: written before the slot opens, constant until it is free */
	void *object;
	void (*release)(void *object);
};

/* The handles of one kind. */
struct gate_handles {
	struct gate_slot *slots;
	uint32_t capacity;
	pthread_mutex_t mutex; /* the queue of free slots; never taken to look a handle up */
	uint16_t *free;        /* a queue, so that a slot rests as long as possible before it is used again */
	uint32_t free_count;
	uint32_t free_first;
};

/*
 * A call from its decoding to its completion. Trap and batch use the lane's own; an async call that came
 * through a ring has one to itself, since others are decoded while it is in flight.
 */
struct gate_frame {
	struct gate_vm *vm;
	struct gate_vcpu *vcpu;
	uint8_t ordinal;
	uint8_t crossing;
	bool quiet;   /* no completion is wanted if the call succeeds */
	bool refused; /* the decoder, not the handler, answered */
	bool pooled;  /* belongs to the vCPU's pool */
	uint8_t held_count;
	int state_error; /* errno for the first object that is in another state than its call needs */
	uint64_t token;
	int64_t result;             /* set by gate_complete() */
	_Atomic uint32_t completed; /* a futex: set by gate_complete() for a call that came by a trap */
	struct gate_frame *next;    /* in the pool, or in the list of completed calls */
	struct gate_slot *held[GATE_MAX_HELD];
	enum abi_handle_kind held_kind[GATE_MAX_HELD];
	union abi_args args;
};

/* Figures of one call; written by the lane's thread alone, read by any. */
struct gate_counter {
	_Atomic uint64_t calls;
	_Atomic uint64_t failed;
	_Atomic uint64_t nanoseconds;
};

/*
 * What one thread needs to serve one vCPU by one crossing. ring.enter comes by the trap lane and serves
 * entries by the batch lane, so a thread has one frame for each.
 */
struct gate_lane {
	struct gate_frame frame;
	struct gate_counter counters[ABI_CALLS];
	_Atomic uint64_t refused[GATE_REFUSALS];
	_Atomic uint64_t undeclared;
};

struct gate_vcpu {
	struct gate_vm *vm;
	unsigned number;
	struct gate_ring ring;
	_Atomic bool pends;      /* its thread waits for an async call that it made by a trap */
	struct gate_frame *pool; /* memory of all pooled frames */
	struct gate_lane lanes[GATE_CROSSINGS];
};

/* What stands between a number that is known and its decoder; 0: nothing. */
enum gate_obstacle {
	GATE_OBSTACLE_UNKNOWN = 1,
	GATE_OBSTACLE_DENIED = 2,
	GATE_OBSTACLE_CROSSING = 4,
	GATE_OBSTACLE_OBSERVED = 8, /* timing or tracing is on: go, but by the slow path */
};

struct gate_vm {
	struct guest_memory *memory;
	const struct abi_handlers *handlers;
	const struct abi_level *level;
	void *owner;
	void (*doorbell)(void *owner, struct gate_vcpu *vcpu);
	void (*notify)(void *owner, struct gate_vcpu *vcpu, postern_handle_t event);
	void (*cancel)(void *owner, struct gate_vcpu *vcpu);
	bool (*interrupted)(void *owner, struct gate_vcpu *vcpu);
	void (*describe)(void *owner, struct postern_abi_info *info);
	uint8_t obstacles[GATE_CROSSINGS][ABI_CALLS]; /* enum gate_obstacle; by ordinal */
	_Atomic bool timed;
	_Atomic uint32_t stopping;
	gate_trace_hook *trace;
	void *trace_context;
	struct gate_policy policy;
	uint64_t created_at; /* ns of CLOCK_MONOTONIC: zero of the VM's monotonic clock */
	/* The token bucket, as the time at which it will be full again (GCRA), in ns of CLOCK_MONOTONIC. */
	_Atomic uint64_t rate_full_at;
	uint64_t rate_interval; /* ns a token; 0: no limit */
	uint64_t rate_depth;    /* ns that the bucket holds */
	uint64_t resolution;    /* ns, at least 1 */
	unsigned in_flight;
	unsigned vcpu_count;
	/* Protects which event each ring uses, against closing of events. Taken by a thread that owns a ring, too. */
	pthread_mutex_t ring_events;
	struct gate_handles handles[ABI_HANDLE_KINDS];
	struct gate_vcpu **vcpus;
};

/* Adds to a figure that only this thread writes; no locked instruction. */
static inline void gate_count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
			      memory_order_relaxed);
}

/* A result that means failure; GATE_PENDING is none. */
static inline bool gate_is_error(int64_t result)
{
	return result < 0 && result != GATE_PENDING;
}

/*
 * The call of a number, or ABI_NO_CALL. The bound also holds while the processor runs ahead of its own
 * test, so a wild number cannot be made to index past the table.
 */
static inline unsigned gate_ordinal(uint64_t number)
{
	uint64_t within = memory_within(ABI_NUMBERS, number, 1);

	return (unsigned)(abi_ordinals[number & within] & within);
}

/* Parts of gate_serve() and gate_finish() that are seldom needed. */
int64_t gate_serve_obstructed(struct gate_lane *lane, struct gate_frame *frame, unsigned ordinal,
			      uint64_t number, const uint64_t args[6], uint8_t obstacles);
void gate_count_error(struct gate_lane *lane, const struct gate_frame *frame, int64_t result);
void gate_drop_handles(struct gate_frame *frame);

/* Writes outputs, lets objects go, and counts, once a call's result is known. Returns the result. */
static inline int64_t gate_finish(struct gate_lane *lane, struct gate_frame *frame, int64_t result)
{
	const struct abi_call *call = &abi_calls[frame->ordinal];

	if (gate_unlikely(result < 0))
		gate_count_error(lane, frame, result);
	else if (call->give)
		call->give(frame);
	if (frame->held_count)
		gate_drop_handles(frame);
	return result;
}

/* The decoder and the handler that it calls; nothing stands in the call's way. */
static inline int64_t gate_run(struct gate_lane *lane, struct gate_frame *frame, unsigned ordinal,
			       const uint64_t args[6])
{
	int64_t result;

	frame->ordinal = (uint8_t)ordinal;
	frame->refused = false;
	result = abi_calls[ordinal].call(frame, args);
	return result == GATE_PENDING ? result : gate_finish(lane, frame, result);
}

/* Serves a call on a lane, from obstacles to outputs. frame is the lane's or a pooled one. */
static inline int64_t gate_serve(struct gate_lane *lane, struct gate_frame *frame, unsigned ordinal,
				 uint64_t number, const uint64_t args[6])
{
	uint8_t obstacles = frame->vm->obstacles[frame->crossing][ordinal];

	if (gate_unlikely(obstacles))
		return gate_serve_obstructed(lane, frame, ordinal, number, args, obstacles);
	gate_count(&lane->counters[ordinal].calls, 1);
	return gate_run(lane, frame, ordinal, args);
}

/* gate_finish() for a call that had pended: with frame->result. */
int64_t gate_finish_pending(struct gate_lane *lane, struct gate_frame *frame);

/* CLOCK_MONOTONIC, in ns. */
uint64_t gate_now(void);

int gate_handles_create(struct gate_vm *vm);
void gate_handles_destroy(struct gate_vm *vm);

#endif
