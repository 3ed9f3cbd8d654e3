/* SPDX-License-Identifier: ISC */
/* decode.h - instructions that trap in ring 3, and what they ask for. */
#ifndef POSTERN_RING3_DECODE_H
#define POSTERN_RING3_DECODE_H

#include "engine/engine.h"

#include <stddef.h>

enum { RING3_LONGEST_INSTRUCTION = 15 };

/* What an instruction does that the engine itself can see to. */
enum ring3_effect {
	RING3_EFFECT_EXIT,    /* the exit is filled in */
	RING3_EFFECT_NONE,    /* nothing: caches are coherent here */
	RING3_EFFECT_MASK,    /* CLI */
	RING3_EFFECT_UNMASK,  /* STI */
	RING3_EFFECT_TABLE,   /* LIDT; exit->mmio.address is where its operand is, guest-virtual */
	RING3_EFFECT_RETURN,  /* IRETQ */
	RING3_EFFECT_UNKNOWN, /* not one that is emulated */
};

/*
 * Decodes the instruction in size bytes, with the registers of state, and fills in the exit that it is.
 * length: its bytes, unless it is unknown.
 */
enum ring3_effect ring3_decode(const uint8_t *bytes, size_t size, const struct engine_state *state,
			       struct engine_exit *exit, uint8_t *length);

/* Puts the answer to an exit into the registers. */
void ring3_apply(const struct engine_exit *exit, struct engine_state *state);

#endif
