/* SPDX-License-Identifier: ISC */
/*
 * interrupt.h - interrupts and exceptions of a guest that knows nothing of Postern, as a processor would deliver them:
 * through the guest's own interrupt descriptor table, with a frame on its stack, from which IRETQ returns.
 *
 * The frame has a code selector that no program may load, so that IRETQ traps, and the interrupt flag of the frame is
 * not lost. Otherwise selectors mean nothing: there is one privilege level, and no stack but the guest's.
 */
#ifndef POSTERN_RING3_INTERRUPT_H
#define POSTERN_RING3_INTERRUPT_H

#include "engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

/* What LIDT loaded. */
struct ring3_idt {
	uint64_t base; /* guest-virtual */
	uint16_t limit;
	bool is_loaded;
};

/* All three answer false where an address is none of the guest's RAM, with nothing changed. */

/* LIDT with its operand at a guest-virtual address. */
bool ring3_load_idt(const struct guest_memory *memory, uint64_t operand, struct ring3_idt *idt);
/*
 * Continues the guest at the vector's entry; with an error code below the frame, if that is one of an exception that
 * has one. *enabled is whether interrupts are on, before and after. False also if there is no such entry.
 */
bool ring3_interrupt(const struct guest_memory *memory, const struct ring3_idt *idt, uint8_t vector,
		     uint32_t error, struct engine_state *state, bool *enabled);
/* IRETQ. Sets whether interrupts are on from here on. */
bool ring3_return(const struct guest_memory *memory, struct engine_state *state, bool *enabled);

#endif
