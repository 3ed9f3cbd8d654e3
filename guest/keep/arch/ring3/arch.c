/* SPDX-License-Identifier: ISC */
/* arch.c - entries and contexts on the engine ring3: keep and its program run in one process of the host, in ring 3. */
#include "arch/arch.h"

#include "arch/ring3/offsets.h"

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN void arch_entry(void);
HIDDEN void arch_begin(void);
HIDDEN void arch_switch_stacks(struct context *from, const struct context *to);
HIDDEN struct registers *arch_take_state(struct registers *registers);
extern const char arch_return_begin[] HIDDEN, arch_return_iret[] HIDDEN, arch_return_end[] HIDDEN;

_Static_assert(offsetof(struct registers, cause) == 0, "see entry.S");
_Static_assert(offsetof(struct registers, gs_base) == REGISTERS_GS_BASE, "see entry.S");
_Static_assert(offsetof(struct registers, r15) == REGISTERS_GENERAL, "see entry.S");
_Static_assert(offsetof(struct registers, rdi) == REGISTERS_GENERAL + 112, "see entry.S");
_Static_assert(offsetof(struct registers, rip) == REGISTERS_RIP, "see entry.S");
_Static_assert(offsetof(struct registers, cs) == REGISTERS_CS, "see entry.S");
_Static_assert(offsetof(struct registers, ss) == REGISTERS_SS, "see entry.S");
_Static_assert(sizeof(struct registers) == REGISTERS_SIZE && REGISTERS_SIZE % 16 == 0, "see entry.S");
_Static_assert(REGISTERS_IRET <= 128, "the host leaves the general registers alone at iretq");
_Static_assert(offsetof(struct context, rsp) == CONTEXT_RSP, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, pending) == PAGE_PENDING, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, masked) == PAGE_MASKED, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, enabled) == PAGE_ENABLED, "see entry.S");
_Static_assert(POSTERN_VCPU_CAUSE_EVENT == 1, "see entry.S");

/* ---- entries ---- */

/* The frame that arch_return was leaving when an event came; NULL if it was something else that was met. */
static struct registers *interrupted_return(const struct postern_vcpu_page *page)
{
	uint64_t general = page->stack;

	if (page->cause != POSTERN_VCPU_CAUSE_EVENT || page->instruction < (uint64_t)arch_return_begin ||
	    page->instruction >= (uint64_t)arch_return_end)
		return NULL;
	if (page->instruction == (uint64_t)arch_return_iret)
		general -= REGISTERS_IRET;
	return (struct registers *)(general - REGISTERS_GENERAL);
}

/* Completes the frame of which entry.S has filled in the general registers; or returns another one to go on with. */
struct registers *arch_take_state(struct registers *registers)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	struct registers *leaving = interrupted_return(page);
	uint32_t delivered = page->delivered;

	if (leaving) {
		registers = leaving;
		registers->mode = POSTERN_VCPU_MODE_PROGRAM;
	} else {
		registers->mode = page->mode;
		registers->gs_base = page->gs_base;
		registers->rip = page->instruction;
		registers->rsp = page->stack;
		registers->rflags = page->flags;
	}
	registers->cause = page->cause;
	registers->vector = page->vector;
	registers->error = page->error;
	registers->address = page->address;
	__atomic_store_n(&page->enabled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->taken, delivered, __ATOMIC_RELEASE);
	return registers;
}

void arch_start_vcpu(void)
{
	struct postern_vcpu_callbacks callbacks = POSTERN_INIT(vcpu_callbacks);
	int64_t result;

	callbacks.event = callbacks.system_call = (uint64_t)arch_entry;
	callbacks.page_fault = callbacks.exception = (uint64_t)arch_entry;
	result = postern_vcpu_callbacks(&callbacks);
	if (result)
		guest_panic("the host refuses vcpu.callbacks: %s", guest_error_name(result));
}

void arch_registers_reset(struct registers *registers)
{
	uint16_t code;
	uint16_t data;

	__asm__("movw %%cs, %0" : "=r"(code));
	__asm__("movw %%ss, %0" : "=r"(data));
	*registers = (struct registers){ .cs = code, .ss = data, .rflags = 0x202 };
}

/* ---- contexts ---- */

uint64_t arch_fs_base(void)
{
	uint64_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

void arch_set_fs_base(uint64_t base)
{
	__asm__ volatile("wrfsbase %0" : : "r"(base));
}

void arch_context_make(struct context *context, void *stack_end, void (*start)(void *argument),
		       void *argument)
{
	/* What arch_switch_stacks() takes from the stack, and 16 bytes, so that arch_begin's call is aligned. */
	uint64_t *stack = (uint64_t *)stack_end - 9;

	stack[0] = stack[1] = stack[2] = stack[5] = 0;
	stack[3] = (uint64_t)argument; /* r12 */
	stack[4] = (uint64_t)start;    /* rbx */
	stack[6] = (uint64_t)arch_begin;
	context->rsp = (uint64_t)stack;
}

void arch_context_switch(struct context *from, const struct context *to, void *entry_stack)
{
	if (from->extended) {
		arch_extended_save(from->extended);
		from->fs_base = arch_fs_base();
	}
	if (to->extended) {
		arch_extended_load(to->extended);
		arch_set_fs_base(to->fs_base);
	}
	guest_vcpu_page()->entry_stack = (uint64_t)entry_stack;
	arch_switch_stacks(from, to);
}
