/* SPDX-License-Identifier: ISC */
/* call.c - the path of one call: obstacles, decoder and handler, outputs, counting. */
#include "gate/frame.h"
#include "gate/futex.h"
#include "gate/take.h"

#include <errno.h>

static const struct {
	const char *name;
	int error;
} refusals[GATE_REFUSALS] = {
	[GATE_UNKNOWN] = { "unknown call", -ENOSYS },        [GATE_DENIED] = { "not permitted", -EPERM },
	[GATE_MALFORMED] = { "malformed", -EINVAL },         [GATE_FAULT] = { "memory not owned", -EFAULT },
	[GATE_TOO_BIG] = { "struct too large", -E2BIG },     [GATE_BAD_HANDLE] = { "bad handle", -EBADF },
	[GATE_NO_RIGHT] = { "handle lacks right", -EACCES }, [GATE_BAD_STATE] = { "wrong state", -EBUSY },
	[GATE_LIMIT] = { "limit reached", -EAGAIN },
};

/* Errors that any call may answer, beside those that its contract declares: the gate's, and a VM's end. */
static bool is_gates_own(int error)
{
	for (unsigned i = 0; i < GATE_REFUSALS; i++) {
		if (refusals[i].error == -error)
			return true;
	}
	return error == ECANCELED;
}

const char *gate_refusal_name(enum gate_refusal refusal)
{
	return refusal < GATE_REFUSALS ? refusals[refusal].name : "permitted";
}

/* Counts a call that is turned away before its decoder. */
static int64_t turn_away(struct gate_lane *lane, unsigned ordinal, enum gate_refusal refusal)
{
	gate_count(&lane->counters[ordinal].calls, 1);
	gate_count(&lane->counters[ordinal].failed, 1);
	gate_count(&lane->refused[refusal], 1);
	return refusals[refusal].error;
}

int64_t gate_refuse(struct gate_frame *frame, unsigned wrong)
{
	enum gate_refusal refusal = (enum gate_refusal)__builtin_ctz(wrong);
	struct gate_lane *lane = &frame->vcpu->lanes[frame->crossing];
	int state_error = frame->state_error;

	gate_count(&lane->refused[refusal], 1);
	frame->refused = true;
	frame->state_error = 0;
	return refusal == GATE_BAD_STATE ? -state_error : refusals[refusal].error;
}

static bool is_declared(const struct gate_frame *frame, uint64_t error)
{
	const struct abi_call *call = &abi_calls[frame->ordinal];

	return error < 192 && ((call->errors[error / 64] >> (error % 64)) & 1);
}

bool gate_may_answer(const struct gate_frame *frame, int error)
{
	return is_declared(frame, (uint64_t)error);
}

/* A handler's error that its contract does not declare is a bug of ours, and made visible. */
void gate_count_error(struct gate_lane *lane, const struct gate_frame *frame, int64_t result)
{
	uint64_t error = (uint64_t)-result;

	gate_count(&lane->counters[frame->ordinal].failed, 1);
	if (!is_declared(frame, error) && !frame->refused && !(error < 192 && is_gates_own((int)error)))
		gate_count(&lane->undeclared, 1);
}

/* args: NULL where they are no longer known. */
static void trace(const struct gate_vm *vm, const struct gate_frame *frame, unsigned ordinal, uint64_t number,
		  const uint64_t args[6], bool refused, int64_t result)
{
	struct gate_trace trace = {
		.vcpu = frame->vcpu,
		.crossing = frame->crossing,
		.ordinal = ordinal,
		.number = number,
		.args = args,
		.checked = refused ? NULL : &frame->args,
		.result = result,
	};

	vm->trace(vm->trace_context, &trace);
}

/* The slow path: the call is turned away, or is watched. */
int64_t gate_serve_obstructed(struct gate_lane *lane, struct gate_frame *frame, unsigned ordinal,
			      uint64_t number, const uint64_t args[6], uint8_t obstacles)
{
	struct gate_vm *vm = frame->vm;
	bool timed = atomic_load_explicit(&vm->timed, memory_order_relaxed);
	bool refused = true;
	int64_t result;

	if (obstacles & GATE_OBSTACLE_UNKNOWN) {
		result = turn_away(lane, ordinal, GATE_UNKNOWN);
	} else if (obstacles & GATE_OBSTACLE_DENIED) {
		result = turn_away(lane, ordinal, GATE_DENIED);
	} else if (obstacles & GATE_OBSTACLE_CROSSING) {
		result = turn_away(lane, ordinal, GATE_MALFORMED);
	} else {
		uint64_t start = timed ? gate_now() : 0;

		gate_count(&lane->counters[ordinal].calls, 1);
		result = gate_run(lane, frame, ordinal, args);
		/* A pending frame may be another call's by now. */
		refused = result != GATE_PENDING && frame->refused;
		if (timed)
			gate_count(&lane->counters[ordinal].nanoseconds, gate_now() - start);
	}
	/* A pending call is shown when it completes. */
	if (vm->trace && result != GATE_PENDING)
		trace(vm, frame, ordinal, number, args, refused, result);
	return result;
}

int64_t gate_finish_pending(struct gate_lane *lane, struct gate_frame *frame)
{
	int64_t result = gate_finish(lane, frame, frame->result);

	if (gate_unlikely(frame->vm->trace != NULL))
		trace(frame->vm, frame, frame->ordinal, abi_calls[frame->ordinal].number, NULL, false,
		      result);
	return result;
}

/* The vCPU's thread waits for an async call that it made by a trap. */
static int64_t wait_for_trap(struct gate_lane *lane, struct gate_frame *frame)
{
	atomic_store_explicit(&frame->vcpu->pends, true, memory_order_relaxed);
	while (!atomic_load_explicit(&frame->completed, memory_order_acquire))
		futex_wait(&frame->completed, 0, NULL);
	atomic_store_explicit(&frame->vcpu->pends, false, memory_order_relaxed);
	return gate_finish_pending(lane, frame);
}

int64_t gate_call(struct gate_vm *vm, struct gate_vcpu *vcpu, uint64_t number, const uint64_t args[6])
{
	struct gate_lane *lane = &vcpu->lanes[GATE_TRAP];
	struct gate_frame *frame = &lane->frame;
	unsigned ordinal = gate_ordinal(number);
	int64_t result;

	(void)vm;
	if (gate_unlikely(abi_calls[ordinal].async))
		atomic_store_explicit(&frame->completed, 0, memory_order_relaxed);
	result = gate_serve(lane, frame, ordinal, number, args);
	if (gate_unlikely(result == GATE_PENDING))
		result = wait_for_trap(lane, frame);
	return result;
}

void gate_complete(struct gate_frame *frame, int64_t result)
{
	frame->result = result;
	if (frame->crossing != GATE_TRAP) {
		gate_ring_complete(frame);
		return;
	}
	atomic_store_explicit(&frame->completed, 1, memory_order_release);
	futex_wake_all(&frame->completed);
}
