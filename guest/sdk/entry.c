/* SPDX-License-Identifier: ISC */
/*
 * entry.c - what the vCPU was interrupted for, and who handles it. The protocol is that of struct vcpu_page
 * in the contract: copy what the host stored, disable events, and only then say that it was taken.
 */
#include "internal.h"

/* Of cause, by enum postern_vcpu_cause; written by any vCPU, at any time. */
static guest_entry_handler *handlers[POSTERN_VCPU_CAUSE_EXCEPTION + 1];

_Static_assert(offsetof(struct guest_registers, cause) == 0, "see entry.S");
_Static_assert(offsetof(struct guest_registers, events) == GUEST_FRAME_EVENTS, "see entry.S");
_Static_assert(offsetof(struct guest_registers, r15) == GUEST_FRAME_GENERAL, "see entry.S");
_Static_assert(offsetof(struct guest_registers, rdi) == GUEST_FRAME_GENERAL + 112, "see entry.S");
_Static_assert(offsetof(struct guest_registers, rip) == GUEST_FRAME_RIP, "see entry.S");
_Static_assert(offsetof(struct guest_registers, cs) == GUEST_FRAME_CS, "see entry.S");
_Static_assert(offsetof(struct guest_registers, ss) == GUEST_FRAME_SS, "see entry.S");
_Static_assert(sizeof(struct guest_registers) == GUEST_FRAME_SIZE && GUEST_FRAME_SIZE % 16 == 0,
	       "see entry.S");
_Static_assert(GUEST_FRAME_IRET <= 128, "the host leaves the general registers alone at iretq");
_Static_assert(offsetof(struct postern_vcpu_page, pending) == GUEST_PAGE_PENDING, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, masked) == GUEST_PAGE_MASKED, "see entry.S");
_Static_assert(offsetof(struct postern_vcpu_page, enabled) == GUEST_PAGE_ENABLED, "see entry.S");
_Static_assert(POSTERN_VCPU_CAUSE_EVENT == 1, "see entry.S");

/*
 * The frame that guest_return was leaving when an event came; NULL if it was something else that the event
 * met.
 */
static struct guest_registers *interrupted_return(const struct postern_vcpu_page *page)
{
	uint64_t general = page->stack;

	if (page->cause != POSTERN_VCPU_CAUSE_EVENT || page->instruction < (uint64_t)guest_return_begin ||
	    page->instruction >= (uint64_t)guest_return_end)
		return NULL;
	if (page->instruction == (uint64_t)guest_return_iret)
		general -= GUEST_FRAME_IRET;
	return (struct guest_registers *)(general - GUEST_FRAME_GENERAL);
}

/*
 * Completes the frame of which entry.S has filled in the general registers. Returns the frame to go on with,
 * which is another one if this event came on the way back.
 */
struct guest_registers *guest_take_state(struct guest_registers *registers)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	struct guest_registers *leaving = interrupted_return(page);
	uint32_t delivered = page->delivered;

	if (leaving)
		registers = leaving;
	registers->cause = page->cause;
	registers->mode = page->mode;
	registers->vector = page->vector;
	registers->error = page->error;
	registers->address = page->address;
	registers->events = page->enabled != 0;
	if (!leaving) {
		registers->rip = page->instruction;
		registers->rsp = page->stack;
		registers->rflags = page->flags;
	}
	__atomic_store_n(&page->enabled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->taken, delivered, __ATOMIC_RELEASE);
	return registers;
}

static bool is_handled_by(uint64_t cause, struct guest_registers *registers)
{
	guest_entry_handler *handler = __atomic_load_n(&handlers[cause], __ATOMIC_RELAXED);

	return handler && handler(registers);
}

/* What has no handler of its own, or one that does not want it, is for that of exceptions. */
static bool is_handled(struct guest_registers *registers)
{
	uint64_t cause = registers->cause;

	return (cause < POSTERN_VCPU_CAUSE_EXCEPTION && is_handled_by(cause, registers)) ||
	       is_handled_by(POSTERN_VCPU_CAUSE_EXCEPTION, registers);
}

static const char *cause_in_words(const struct guest_registers *registers)
{
	switch (registers->cause) {
	case POSTERN_VCPU_CAUSE_SYSTEM_CALL:
		return "a system call that no handler takes";
	case POSTERN_VCPU_CAUSE_PAGE_FAULT:
		return "a page fault that no handler takes";
	default:
		return "an exception that no handler takes";
	}
}

static _Noreturn void crash(const struct guest_registers *registers)
{
	struct postern_vm_crash report = POSTERN_INIT(vm_crash);

	report.cause = POSTERN_VM_CRASH_CAUSE_EXCEPTION;
	report.vector = (uint32_t)registers->vector;
	report.error = registers->error;
	report.address = registers->address;
	report.instruction = registers->rip;
	report.stack = registers->rsp;
	report.frame = registers->rbp;
	if (registers->cause == POSTERN_VCPU_CAUSE_SYSTEM_CALL)
		report.cause = POSTERN_VM_CRASH_CAUSE_UNKNOWN;
	guest_crash(&report, cause_in_words(registers));
}

void guest_dispatch(struct guest_registers *registers)
{
	if (registers->cause == POSTERN_VCPU_CAUSE_EVENT)
		guest_events_handle();
	else if (!is_handled(registers))
		crash(registers);
	/* A handler may have enabled them. */
	guest_events_disable();
}

static void set_handler(unsigned cause, guest_entry_handler *handler)
{
	__atomic_store_n(&handlers[cause], handler, __ATOMIC_RELAXED);
}

void guest_on_exception(guest_entry_handler *handler)
{
	set_handler(POSTERN_VCPU_CAUSE_EXCEPTION, handler);
}

void guest_on_page_fault(guest_entry_handler *handler)
{
	set_handler(POSTERN_VCPU_CAUSE_PAGE_FAULT, handler);
}

void guest_on_system_call(guest_entry_handler *handler)
{
	set_handler(POSTERN_VCPU_CAUSE_SYSTEM_CALL, handler);
}
