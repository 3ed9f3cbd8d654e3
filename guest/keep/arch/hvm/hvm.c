/* SPDX-License-Identifier: ISC */
/* hvm.c - entries where the processor's rings, descriptors and page tables are the guest's own. */
#include "arch/hvm/hvm.h"

#include "arch/hvm/selectors.h"
#include "arch/offsets.h"

HIDDEN void hvm_take_state(struct registers *registers);
HIDDEN void hvm_entered(struct registers *registers);
HIDDEN void hvm_leaving(struct registers *registers);

_Static_assert(POSTERN_VCPU_CAUSE_SYSTEM_CALL == 2 && POSTERN_VCPU_CAUSE_PAGE_FAULT == 3 &&
		       POSTERN_VCPU_CAUSE_EXCEPTION == 4 && POSTERN_VCPU_MODE_PROGRAM == 1,
	       "see entry.S");

static struct hvm_vcpu *vcpus[POSTERN_HANDLE_VCPU_MAX];

struct hvm_vcpu *hvm_vcpu_of(unsigned number)
{
	return __atomic_load_n(&vcpus[number], __ATOMIC_ACQUIRE);
}

struct hvm_vcpu *hvm_vcpu(void)
{
	return vcpus[guest_vcpu_number()];
}

static void start_vcpu(void)
{
	/* On pages of its own, for the alignment of what is in it. */
	struct hvm_vcpu *vcpu = guest_pages_alloc((sizeof *vcpu + PAGE_SIZE - 1) / PAGE_SIZE);

	if (!vcpu)
		guest_panic("no memory for vCPU %u", guest_vcpu_number());
	memset(vcpu, 0, sizeof *vcpu);
	__asm__ volatile("cli");
	hvm_descriptors_load(vcpu);
	if (guest_vcpu_number() == 0)
		hvm_tables_start();
	__atomic_store_n(&vcpus[guest_vcpu_number()], vcpu, __ATOMIC_RELEASE);
	hvm_tables_use_none();
	/* Only events come this way here. */
	arch_set_callbacks(hvm_event);
}

static void registers_reset(struct registers *registers)
{
	*registers = (struct registers){
		.cs = USER_CODE, .ss = USER_DATA, .rflags = 0x202, .mode = POSTERN_VCPU_MODE_PROGRAM
	};
}

/* Without a task there is none, and no page tables of a program either. */
static void set_entry_stack(uint64_t end)
{
	guest_vcpu_page()->entry_stack = end;
	hvm_vcpu()->task_state.rsp[0] = end;
	if (!end)
		hvm_tables_use_none();
}

/* ---- entry.S's ---- */

void hvm_take_state(struct registers *registers)
{
	arch_fill_frame(registers);
	arch_state_taken();
}

void hvm_entered(struct registers *registers)
{
	__atomic_store_n(&guest_vcpu_page()->enabled, 0, __ATOMIC_RELAXED);
	if (registers->mode == POSTERN_VCPU_MODE_PROGRAM)
		hvm_tables_leave_program(hvm_vcpu());
	kernel_entered(registers);
}

/* Enables events. The host delivers none before the program runs; so what is pending by then is taken here. */
static bool is_event_pending(void)
{
	struct postern_vcpu_page *page = guest_vcpu_page();

	__atomic_store_n(&page->enabled, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&page->pending, __ATOMIC_SEQ_CST) & ~page->masked))
		return false;
	__atomic_store_n(&page->enabled, 0, __ATOMIC_RELAXED);
	return true;
}

void hvm_leaving(struct registers *registers)
{
	while (is_event_pending()) {
		registers->cause = POSTERN_VCPU_CAUSE_EVENT;
		registers->mode = POSTERN_VCPU_MODE_PROGRAM;
		kernel_entered(registers);
	}
	hvm_tables_enter_program(hvm_vcpu());
}

const struct arch_engine arch_hvm = {
	.start_vcpu = start_vcpu,
	.registers_reset = registers_reset,
	.set_entry_stack = set_entry_stack,
	.enter_program = hvm_enter_program,
	.tables_changed = hvm_tables_changed,
	.tables_begin = hvm_tables_begin,
	.tables_end = hvm_tables_end,
	.tables_use = hvm_tables_use,
};
