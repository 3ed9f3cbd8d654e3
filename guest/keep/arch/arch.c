/* SPDX-License-Identifier: ISC */
/* arch.c - chooses between the engines, and what is the same on both. */
#include "arch/arch.h"

#include "arch/engine.h"
#include "arch/offsets.h"

#include <postern/stubs.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN void arch_begin(void);
HIDDEN void arch_switch_stacks(struct context *from, const struct context *to);

_Static_assert(offsetof(struct registers, cause) == 0, "see entry.S");
_Static_assert(offsetof(struct registers, gs_base) == REGISTERS_GS_BASE, "see entry.S");
_Static_assert(offsetof(struct registers, r15) == REGISTERS_GENERAL, "see entry.S");
_Static_assert(offsetof(struct registers, rdi) == REGISTERS_GENERAL + 112, "see entry.S");
_Static_assert(offsetof(struct registers, rip) == REGISTERS_RIP, "see entry.S");
_Static_assert(offsetof(struct registers, cs) == REGISTERS_CS, "see entry.S");
_Static_assert(offsetof(struct registers, ss) == REGISTERS_SS, "see entry.S");
_Static_assert(sizeof(struct registers) == REGISTERS_SIZE && REGISTERS_SIZE % 16 == 0, "see entry.S");
_Static_assert(offsetof(struct context, rsp) == CONTEXT_RSP, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, pending) == PAGE_PENDING, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, masked) == PAGE_MASKED, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, enabled) == PAGE_ENABLED, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, entry_stack) == PAGE_ENTRY_STACK, "see entry.S");
_Static_assert(POSTERN_VCPU_CAUSE_EVENT == 1, "see entry.S");

/* ---- the engine ---- */

static const struct arch_engine *engine = &arch_ring3;

/* FSGSBASE is in CPUID; that the host's kernel lets processes use it goes with it from Linux 5.9 on. */
static bool has_fsgsbase(void)
{
	uint32_t a = 7;
	uint32_t b;
	uint32_t c = 0;
	uint32_t d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1;
}

static bool has_tables(void)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	return !postern_abi_query(POSTERN_SECTION_VCPU, &info) &&
	       (info.features & POSTERN_VCPU_FEATURES_TABLES);
}

bool arch_choose(void)
{
	if (has_tables() && guest_boot()->page_table)
		engine = &arch_hvm;
	else if (!guest_boot()->mapper)
		return false;
	return has_fsgsbase();
}

void arch_start_vcpu(void)
{
	engine->start_vcpu();
}

void arch_registers_reset(struct registers *registers)
{
	engine->registers_reset(registers);
}

void arch_system_call(struct registers *registers)
{
	if (engine->system_call)
		engine->system_call(registers);
}

bool arch_keeps(uint64_t address, uint64_t length)
{
	return engine->keeps && engine->keeps(address, length);
}

void arch_enter_program(struct registers *registers)
{
	engine->enter_program(registers);
}

int arch_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added)
{
	return engine->tables_changed(root, address, pages, added);
}

void arch_tables_begin(uint64_t *root)
{
	engine->tables_begin(root);
}

void arch_tables_end(uint64_t *root)
{
	engine->tables_end(root);
}

void arch_tables_use(const uint64_t *root)
{
	engine->tables_use(root);
}

/* ---- the vCPU's page ---- */

void arch_set_callbacks(void (*entry)(void))
{
	struct postern_vcpu_callbacks callbacks = POSTERN_INIT(vcpu_callbacks);
	int64_t result;

	callbacks.event = callbacks.system_call = (uint64_t)entry;
	callbacks.page_fault = callbacks.exception = (uint64_t)entry;
	result = postern_vcpu_callbacks(&callbacks);
	if (result)
		guest_panic("the host refuses vcpu.callbacks: %s", guest_error_name(result));
}

void arch_fill_frame(struct registers *registers)
{
	const struct postern_vcpu_page *page = guest_vcpu_page();

	registers->mode = page->mode;
	registers->gs_base = page->gs_base;
	registers->rip = page->instruction;
	registers->rsp = page->stack;
	registers->rflags = page->flags;
	registers->cause = page->cause;
	registers->vector = page->vector;
	registers->error = page->error;
	registers->address = page->address;
}

void arch_state_taken(void)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	uint32_t delivered = page->delivered;

	__atomic_store_n(&page->enabled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->taken, delivered, __ATOMIC_RELEASE);
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
	engine->set_entry_stack((uint64_t)entry_stack);
	arch_switch_stacks(from, to);
}
