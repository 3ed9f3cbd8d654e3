/* SPDX-License-Identifier: ISC */
/*
 * judge_call.h - says of any call what the gate has to answer. It is a second implementation of the rules in
 * docs/contract.md, from the grammar's tables, slow and plain, that shares nothing with the generated
 * decoders.
 */
#ifndef POSTERN_FUZZ_JUDGE_CALL_H
#define POSTERN_FUZZ_JUDGE_CALL_H

#include "grammar.h"

#include "gate/gate.h"

/* An object as the VM's services made it. */
struct judge_object {
	void *object;
	uint32_t rights;
	uint32_t state;
};

/* What the judge knows of a VM. The functions get the judge itself, which is part of something larger. */
struct judge {
	const struct guest_memory *memory;
	unsigned level;
	const struct gate_policy *policy;
	bool handled[ABI_CALLS]; /* by ordinal: whether there is a handler */
	/* Finds an open object of a kind. */
	bool (*find)(struct judge *judge, enum abi_handle_kind kind, uint32_t handle,
		     struct judge_object *object);
	/* Told of all guest memory that is read for a judgement, once for each argument. May be NULL. */
	void (*looked)(struct judge *judge, uint64_t at, uint64_t size);
};

struct judgement {
	unsigned ordinal;
	enum gate_refusal refusal; /* GATE_REFUSALS: the handler gets the call, unless a limit is reached */
	int error;                 /* errno */
	union abi_args args;       /* what the handler gets; the spans of segments are in their order */
};

void judge_call(struct judge *judge, enum gate_crossing crossing, uint64_t number, const uint64_t args[6],
		struct judgement *judgement);

/* The same for an entry of a ring. */
void judge_entry(struct judge *judge, enum gate_crossing crossing, const struct postern_ring_entry *entry,
		 struct judgement *judgement);

/* Whether a private copy of a struct is valid at a level. */
bool judge_record(const struct grammar_record *record, unsigned level, const uint8_t *copy);

/* Whether the value of a scalar argument or field is valid; base: the value of what it is counted from. */
bool judge_value(const struct grammar_field *field, unsigned level, uint64_t value, uint64_t base);

/* Whether every byte is in a page that the guest has. */
bool judge_memory(const struct guest_memory *memory, uint64_t at, uint64_t size);

#endif
