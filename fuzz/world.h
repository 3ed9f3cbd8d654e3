/* SPDX-License-Identifier: ISC */
/*
 * world.h - the VM that the gate's fuzzer drives, and what has to be true of it: objects, calls in flight,
 * handlers that do what the input says, and the checks around each step.
 */
#ifndef POSTERN_FUZZ_WORLD_H
#define POSTERN_FUZZ_WORLD_H

#include "input.h"
#include "judge_call.h"
#include "make_call.h"
#include "ram.h"
#include "watch_call.h"

#include "gate/gate.h"

enum {
	MOST_VCPUS = 4,
	MOST_OBJECTS = 32,
	MOST_PENDING = 64,
	MOST_USED = 8,  /* objects of one call */
	HOLE_PAGE = 24, /* released when the VM begins */
};

/* An object of the host, and its handle. */
struct object {
	enum abi_handle_kind kind;
	postern_handle_t handle;
	uint32_t rights;
	uint32_t state;
	bool open;
	unsigned users; /* calls in flight */
	unsigned serial;
	void *body;
};

/* An async call that has not completed. */
struct pending {
	struct gate_frame *frame;
	unsigned ordinal;
	void *args;
	uint64_t sum; /* of args, which nobody may change meanwhile */
	unsigned vcpu;
	uint64_t token;
	bool quiet;
	struct object *used[MOST_USED];
	unsigned used_count;
};

/* What the gate has to have counted. */
struct tally {
	uint64_t calls[GATE_CROSSINGS][ABI_CALLS];
	uint64_t failed[GATE_CROSSINGS][ABI_CALLS];
	uint64_t refused[GATE_REFUSALS];
	bool unsure; /* for once, nobody could tell what the gate would do */
};

struct world {
	struct watcher watcher; /* first: the VM's owner */
	struct maker maker;
	struct judge judge;
	struct input input;
	struct abi_handlers handlers;
	struct abi_handlers real; /* of the gate's own services */
	struct gate_config config;
	struct gate_vm *gate;
	struct object objects[MOST_OBJECTS];
	size_t object_count;
	struct pending pending[MOST_PENDING];
	size_t pending_count;
	struct tally tally;
	uint64_t token;  /* of the last entry */
	uint64_t arena;  /* where the next argument is placed */
	bool no_pending; /* handlers of async calls complete at once */
	bool observed;   /* the trace hook is on */
	uint64_t traces_wanted;
	uint64_t traces;
	unsigned doorbells;
	unsigned notified;
	bool stopped;
	uint64_t tokens; /* of the rate limit that are surely left */
	/* The call that is being made by a trap. */
	struct judgement judgement;
	unsigned handled;
	int64_t result; /* the handler's */
};

extern struct world world;

/* How often the handler of each call has run, since the program began. */
extern uint64_t reached[ABI_CALLS];

/* Makes the VM as the input says, and takes it down: every call in flight is completed. */
void world_begin(const uint8_t *data, size_t size);
void world_end(void);

/* A call by a trap, with all checks. */
void world_trap(unsigned vcpu, uint64_t number, const uint64_t args[6]);

/* Steps of the host. */
void world_open_object(void);
void world_close_object(void);
void world_change_object(void);
void world_reuse_slots(void);
void world_complete(size_t index, int64_t result);
void world_observe(bool traced, bool timed);

/* Around anything that makes the gate work: what is changed has been expected. */
void world_enter(void);
void world_leave(void);

/* A result that a handler of the call may answer. */
int64_t world_draw_result(unsigned ordinal);

/* Calls in flight from a vCPU's ring. */
unsigned world_in_flight(unsigned vcpu);

/* Counts a call that has been answered. */
void world_count_call(enum gate_crossing crossing, unsigned ordinal);
void world_count_answer(enum gate_crossing crossing, unsigned ordinal, int64_t result);
void world_count_refusal(enum gate_crossing crossing, unsigned ordinal, enum gate_refusal refusal);

/* Whether a rate-limited call finds a token: 1 yes, 0 no, -1 nobody knows. Takes it. */
int world_take_token(void);

#endif
