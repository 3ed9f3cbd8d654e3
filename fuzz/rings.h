/* SPDX-License-Identifier: ISC */
/*
 * rings.h - what the host's side of each vCPU's ring has to do, step by step: entries taken in their order,
 * each answered as the judge says, one completion for each that is owed one, and nothing else touched.
 */
#ifndef POSTERN_FUZZ_RINGS_H
#define POSTERN_FUZZ_RINGS_H

#include "judge_call.h"

#include "gate/gate.h"

struct ring_now {
	bool active;
	bool polled;
	bool broken;
	uint64_t base;
	uint64_t size; /* bytes */
	uint32_t entries;
	uint32_t completions;
	uint32_t submit_head;
};

void rings_begin(void);

/* What is known of a vCPU's ring. */
struct ring_now rings_now(unsigned vcpu);

/* Guest memory was written: by the guest, or by what it told the host to write. */
void rings_written(uint64_t at, uint64_t size);

/* What a judgement looked at. */
void rings_looked(uint64_t at, uint64_t size);

/* Before each step. */
void rings_step(void);

/* Around ring.enter, and around gate_ring_poll(). */
void rings_begin_enter(unsigned vcpu, const struct abi_ring_enter *call);
void rings_end_enter(unsigned vcpu, const struct abi_ring_enter *call, int64_t result);
void rings_begin_poll(unsigned vcpu, uint32_t most);
void rings_end_poll(uint32_t taken);

/* Whether entries are being taken just now, and how they cross. */
bool rings_are_taken(void);
enum gate_crossing rings_crossing(void);

/*
 * A handler has been called for an entry: finds out for which. Returns NULL when it cannot be told, and
 * otherwise what its arguments have to be.
 */
struct judgement *rings_next_handled(unsigned ordinal, uint64_t *token, bool *quiet);

/* A call from a ring has a result. */
void rings_expect(unsigned vcpu, uint64_t token, bool quiet, int64_t result);

/* A call that pends has been completed while its entry's ring is in the gate's hands. */
void rings_completed_early(void);

/* ring.setup and ring.close were answered by the service. */
void rings_set_up(unsigned vcpu, const struct postern_ring_setup *setup, int64_t result);
void rings_closed(unsigned vcpu, int64_t result);

/* The poller's other two steps; may: whether the gate lets it sleep. */
void rings_dozed(unsigned vcpu, bool may);
void rings_woken(unsigned vcpu);

/* After each step: the host's part of every ring is as it has to be. */
void rings_check(void);

#endif
