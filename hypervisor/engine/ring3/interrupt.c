/* SPDX-License-Identifier: ISC */
/* interrupt.c - what a processor does for an interrupt, on a guest's memory. Structures are as the manuals have them. */
#include "engine/ring3/interrupt.h"

/* Selectors in a frame: what a guest would find after the boot protocols. Neither can be loaded in ring 3. */
enum { FRAME_CS = 0x10, FRAME_SS = 0x18 };

enum { GATE_PRESENT = 1 << 15, GATE_KIND = 0x1f << 8, GATE_INTERRUPT = 14 << 8, GATE_TRAP = 15 << 8 };

/* Exceptions that have an error code. */
static const uint32_t has_error = 1U << 8 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 17 |
				  1U << 21;

#define FLAG_TRAP (UINT64_C(1) << 8)
#define FLAG_INTERRUPT (UINT64_C(1) << 9)
/* What IRETQ may change: the arithmetic flags, direction and trap. */
#define FLAGS_OF_PROGRAMS UINT64_C(0xdd5)

/* An entry of the table. */
struct gate {
	uint16_t offset_low, selector, kind, offset_middle;
	uint32_t offset_high, reserved;
};

/* On the stack, the last pushed first. The first word is there for some exceptions only. */
struct frame {
	uint64_t error, rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct gate) == 16 && sizeof(struct frame) == 48, "as the processor has them");

static bool copy_in(const struct guest_memory *memory, void *to, uint64_t from, size_t size)
{
	return memory_copy_in(memory, to, (gpa_t){ from - ENGINE_PHYSMAP }, size);
}

bool ring3_load_idt(const struct guest_memory *memory, uint64_t operand, struct ring3_idt *idt)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table;

	if (!copy_in(memory, &table, operand, sizeof table))
		return false;
	*idt = (struct ring3_idt){ .base = table.base, .limit = table.limit, .is_loaded = true };
	return true;
}

static bool find_gate(const struct guest_memory *memory, const struct ring3_idt *idt, uint8_t vector,
		      struct gate *gate)
{
	const uint32_t at = vector * (uint32_t)sizeof *gate;
	uint16_t kind;

	if (!idt->is_loaded || at + sizeof *gate - 1 > idt->limit ||
	    !copy_in(memory, gate, idt->base + at, sizeof *gate))
		return false;
	kind = gate->kind & GATE_KIND;
	return (gate->kind & GATE_PRESENT) && (kind == GATE_INTERRUPT || kind == GATE_TRAP);
}

bool ring3_interrupt(const struct guest_memory *memory, const struct ring3_idt *idt, uint8_t vector,
		     uint32_t error, struct engine_state *state, bool *enabled)
{
	const struct frame frame = {
		.error = error,
		.rip = state->rip,
		.cs = FRAME_CS,
		.rflags = (state->rflags & ~FLAG_INTERRUPT) | (*enabled ? FLAG_INTERRUPT : 0),
		.rsp = state->rsp,
		.ss = FRAME_SS,
	};
	const size_t skipped = vector < 32 && (has_error >> vector & 1) ? 0 : sizeof frame.error;
	const uint64_t stack = (state->rsp & ~UINT64_C(15)) - (sizeof frame - skipped);
	struct gate gate;

	if (!find_gate(memory, idt, vector, &gate) ||
	    !memory_copy_out(memory, (gpa_t){ stack - ENGINE_PHYSMAP }, (const char *)&frame + skipped,
			     sizeof frame - skipped))
		return false;
	state->rip = (uint64_t)gate.offset_high << 32 | (uint64_t)gate.offset_middle << 16 | gate.offset_low;
	state->rsp = stack;
	state->rflags &= ~FLAG_TRAP;
	*enabled &= (gate.kind & GATE_KIND) == GATE_TRAP;
	return true;
}

bool ring3_return(const struct guest_memory *memory, struct engine_state *state, bool *enabled)
{
	struct frame frame;

	if (!copy_in(memory, &frame.rip, state->rsp, sizeof frame - sizeof frame.error))
		return false;
	state->rip = frame.rip;
	state->rsp = frame.rsp;
	state->rflags = (state->rflags & ~FLAGS_OF_PROGRAMS) | (frame.rflags & FLAGS_OF_PROGRAMS);
	*enabled = frame.rflags & FLAG_INTERRUPT;
	return true;
}
