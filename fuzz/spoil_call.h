/* SPDX-License-Identifier: ISC */
/*
 * spoil_call.h - makes one thing of a valid call wrong: every sort of bad input, for every argument, by the
 * grammar. Each says with what docs/contract.md has it refused.
 */
#ifndef POSTERN_FUZZ_SPOIL_CALL_H
#define POSTERN_FUZZ_SPOIL_CALL_H

#include "make_call.h"

#include "gate/gate.h"

struct spoiled {
	enum gate_refusal refusal;
	int error;         /* errno */
	const char *what;  /* for people */
	const char *where; /* an argument or a field */
};

/*
 * Spoils an argument in the way with a number. Ways count from 0 without gaps; which there are depends on the
 * call and the level only, if the maker draws always the same. arg: an argument, or their number for the
 * registers that are not used. Returns false, with nothing changed, if there is no such way. A maker that
 * has no handle of the sort that is needed leaves the call as it is.
 */
bool spoil_call(struct maker *maker, struct made_call *call, size_t arg, unsigned way,
		struct spoiled *spoiled);

/* The errno of a refusal; not for GATE_BAD_STATE, where the contract declares it call by call. */
int refusal_errno(enum gate_refusal refusal);

#endif
