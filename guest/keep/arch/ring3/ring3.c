/* SPDX-License-Identifier: ISC */
/* ring3.c - entries where keep and its program run in one process of the host, both in ring 3. The host delivers all. */
#include "arch/ring3/ring3.h"

#include "arch/offsets.h"
#include "arch/ring3/gate.h"

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN void ring3_entry(void);
HIDDEN void ring3_enter_program(struct registers *registers) __attribute__((noreturn));
HIDDEN struct registers *ring3_take_state(struct registers *registers);
extern const char ring3_return_begin[] HIDDEN, ring3_return_iret[] HIDDEN, ring3_return_end[] HIDDEN;

_Static_assert(POSTERN_SYSTEM_CALL == POSTERN_VCPU_CAUSE_SYSTEM_CALL, "see entry.S");
_Static_assert(POSTERN_PROGRAM == POSTERN_VCPU_MODE_PROGRAM, "see entry.S");
_Static_assert(offsetof(struct registers, mode) == 8 && offsetof(struct registers, vector) == 16,
	       "see entry.S");
_Static_assert(offsetof(struct registers, rflags) == REGISTERS_FLAGS, "see entry.S");
_Static_assert(offsetof(struct registers, rsp) == REGISTERS_RSP, "see entry.S");
_Static_assert(REGISTERS_IRET <= 128, "the host leaves the general registers alone at iretq");

/* The frame that the way back was leaving when an event came; NULL if it was something else that was met. */
static struct registers *interrupted_return(const struct postern_vcpu_page *page)
{
	uint64_t general = page->stack;

	if (page->cause != POSTERN_VCPU_CAUSE_EVENT || page->instruction < (uint64_t)ring3_return_begin ||
	    page->instruction >= (uint64_t)ring3_return_end)
		return NULL;
	if (page->instruction == (uint64_t)ring3_return_iret)
		general -= REGISTERS_IRET;
	return (struct registers *)(general - REGISTERS_GENERAL);
}

/* The lowest and the highest of the vCPUs' pages: what a GS base of the kernel's is. */
uint64_t ring3_first_page HIDDEN = UINT64_MAX;
uint64_t ring3_last_page HIDDEN;

/* A program that has no GS base of its own has the kernel's. */
static void take_gs(struct registers *registers)
{
	if (registers->gs_base >= ring3_first_page && registers->gs_base <= ring3_last_page)
		registers->gs_base = 0;
}

/* An event before events were disabled: it finds the program in front of the instruction that makes the call. */
static void take_gate(struct registers *registers)
{
	enum { SYSTEM_CALL_SIZE = 2 };

	if (registers->rip < (uint64_t)ring3_gate || registers->rip >= (uint64_t)ring3_gate_end)
		return;
	registers->mode = POSTERN_VCPU_MODE_PROGRAM;
	registers->rip = registers->rcx - SYSTEM_CALL_SIZE;
}

/* Completes the frame of which entry.S has filled in the general registers; or returns another one to go on with. */
struct registers *ring3_take_state(struct registers *registers)
{
	struct registers *leaving = interrupted_return(guest_vcpu_page());

	if (leaving) {
		leaving->cause = POSTERN_VCPU_CAUSE_EVENT;
		leaving->mode = POSTERN_VCPU_MODE_PROGRAM;
		registers = leaving;
	} else {
		arch_fill_frame(registers);
		take_gs(registers);
		take_gate(registers);
	}
	arch_state_taken();
	return registers;
}

static void start_vcpu(void)
{
	const uint64_t page = (uint64_t)guest_vcpu_page();

	ring3_first_page = least(ring3_first_page, page);
	ring3_last_page = most(ring3_last_page, page);
	arch_set_callbacks(ring3_entry);
}

static void registers_reset(struct registers *registers)
{
	uint16_t code;
	uint16_t data;

	__asm__("movw %%cs, %0" : "=r"(code));
	__asm__("movw %%ss, %0" : "=r"(data));
	*registers = (struct registers){
		.cs = code, .ss = data, .rflags = 0x202, .mode = POSTERN_VCPU_MODE_PROGRAM
	};
}

static void set_entry_stack(uint64_t end)
{
	guest_vcpu_page()->entry_stack = end;
}

const struct arch_engine arch_ring3 = {
	.start_vcpu = start_vcpu,
	.registers_reset = registers_reset,
	.set_entry_stack = set_entry_stack,
	.enter_program = ring3_enter_program,
	.system_call = ring3_system_call,
	.keeps = ring3_keeps,
	.tables_changed = ring3_tables_changed,
	.tables_begin = ring3_tables_begin,
	.tables_end = ring3_tables_end,
	.tables_use = ring3_tables_use,
};
