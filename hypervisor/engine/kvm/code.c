/* SPDX-License-Identifier: ISC */
/*
 * code.c - what the stubs of code.S do with an interruption: continue the guest's kernel at one of its entries, as
 * the prose of struct vcpu_page in the contract says. It runs inside the guest, without libc and without data
 * of its own, and finds its vCPU by its stack, which lies in the vCPU's area.
 */
#include "engine/kvm/layout.h"

#include <stdbool.h>

#define IN_GUEST __attribute__((section("kvm_code")))

enum { MSR_GS_BASE = 0xc0000101 };

#pragma GCC visibility push(hidden)
int kvm_trap(struct kvm_frame *frame);

/* What has to be told of an interruption to whoever deals with it. */
struct interruption {
	enum postern_vcpu_cause cause;
	uint32_t vector;
	uint64_t address;
	uint64_t entry;
};

static inline struct kvm_area *area_around(const void *address)
{
	return (struct kvm_area *)((uint64_t)address & ~(uint64_t)(KVM_AREA_SIZE - 1));
}

static inline struct postern_vcpu_page *page_of(const struct kvm_area *area)
{
	return (struct postern_vcpu_page *)area->vcpu_page;
}

/* What lies below the engine's pages is a program's. */
static inline bool is_programs(uint64_t address)
{
	return address < KVM_CODE;
}

static inline bool is_engines(uint64_t address)
{
	return address >= (uint64_t)kvm_hypercall_checked && address < KVM_CODE + KVM_CODE_END;
}

/* The GS base, and the page's address in its place, so that the kernel finds its vCPU whatever a program did. */
static inline uint64_t swap_gs(const struct kvm_area *area)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_GS_BASE));
	__asm__ volatile("wrmsr"
			 :
			 : "a"((uint32_t)area->vcpu_page), "d"((uint32_t)(area->vcpu_page >> 32)),
			   "c"(MSR_GS_BASE));
	return (uint64_t)high << 32 | low;
}

/* Returns false, with nothing changed, if the guest has not yet taken the state of the one before. */
IN_GUEST static bool deliver(struct kvm_area *area, const struct interruption *what, struct kvm_frame *frame)
{
	struct postern_vcpu_page *page = page_of(area);
	bool from_program = is_programs(frame->rip);

	if (page->taken != page->delivered)
		return false;
	page->cause = what->cause;
	page->mode = from_program ? POSTERN_VCPU_MODE_PROGRAM : POSTERN_VCPU_MODE_KERNEL;
	page->vector = what->vector;
	page->error = (uint32_t)frame->error;
	page->address = what->address;
	page->instruction = frame->rip;
	page->stack = frame->rsp;
	page->flags = frame->rflags;
	page->gs_base = swap_gs(area);
	page->delivered++;
	if (from_program || is_programs(frame->rsp))
		frame->rsp = page->entry_stack;
	else
		frame->rsp = (frame->rsp - 128) & ~UINT64_C(15);
	frame->rip = what->entry;
	frame->cs = area->cs;
	frame->ss = area->ss;
	frame->rflags &=
		~UINT64_C(0x50500); /* direction, trap, alignment check, resume: as an entry expects */
	return true;
}

IN_GUEST static bool can_take_event(const struct kvm_area *area)
{
	const struct postern_vcpu_page *page = page_of(area);

	return area->callbacks.event && page->enabled && (page->pending & ~page->masked) &&
	       page->taken == page->delivered;
}

/* The end of a hypercall in which something came: returns from it, and then is where that came. */
IN_GUEST static void on_return(struct kvm_area *area, struct kvm_frame *frame)
{
	const uint64_t interrupts_on = 0x200;
	const struct interruption event = { .cause = POSTERN_VCPU_CAUSE_EVENT,
					    .entry = area->callbacks.event };

	frame->rip = *(const uint64_t *)frame->rsp;
	frame->rsp += 8;
	if ((frame->rflags & interrupts_on) && can_take_event(area))
		deliver(area, &event, frame);
}

/* Returns 0 to go where the frame says, or the port by which the monitor is told before that. */
IN_GUEST int kvm_trap(struct kvm_frame *frame)
{
	struct kvm_area *area = area_around(frame);
	struct interruption what = { .cause = POSTERN_VCPU_CAUSE_EXCEPTION,
				     .vector = (uint32_t)frame->vector };

	if (frame->vector == KVM_VECTOR_RETURN) {
		on_return(area, frame);
		return 0;
	}
	if (is_engines(frame->rip))
		return KVM_PORT_FAULT;
	if (frame->vector == 14) {
		what.cause = POSTERN_VCPU_CAUSE_PAGE_FAULT;
		what.entry = area->callbacks.page_fault;
		__asm__ volatile("movq %%cr2, %0" : "=r"(what.address));
	} else if (frame->vector == KVM_VECTOR_SYSTEM_CALL) {
		what.cause = POSTERN_VCPU_CAUSE_SYSTEM_CALL;
		what.vector = 0;
		what.entry = area->callbacks.system_call;
	}
	if (!what.entry)
		what.entry = area->callbacks.exception;
	if (!what.entry)
		return KVM_PORT_TRAP;
	return deliver(area, &what, frame) ? 0 : KVM_PORT_FAULT;
}

#pragma GCC visibility pop
