/* SPDX-License-Identifier: ISC */
/*
 * event.c - events of paravirtual guests. No interrupt controller takes part: when a vCPU is outside the guest, and
 * the vCPU page says that an event can be delivered, its registers are changed as the prose of struct
 * vcpu_page says. At the end of a hypercall the engine's code in the guest does the same without us.
 */
#include "engine/kvm/internal.h"

#include <errno.h>

static struct postern_vcpu_page *page_of(const struct engine_vcpu *vcpu)
{
	return (struct postern_vcpu_page *)(vcpu->vm->memory->base + vcpu->page);
}

bool kvm_event_pending(struct engine_vcpu *vcpu)
{
	const struct postern_vcpu_page *page;

	if (!vcpu->callbacks.event)
		return false;
	page = page_of(vcpu);
	return memory_load_u32(&page->enabled) &&
	       (memory_load_u64(&page->pending) & ~memory_load_u64(&page->masked)) &&
	       memory_load_u32(&page->taken) == memory_load_u32(&page->delivered);
}

static bool is_programs(uint64_t address)
{
	return address < KVM_CODE;
}

/* A kernel with tables of its own keeps interrupts off where it cannot have an event, whatever its page says. */
bool kvm_event_allowed(const struct engine_vcpu *vcpu)
{
	return vcpu->run->s.regs.regs.rflags & 0x200;
}

/* In the engine's own code, where events are looked for, or something else is being delivered: see code.S. */
static bool is_engines(uint64_t address)
{
	return address >= KVM_CODE && address < KVM_CODE + KVM_CODE_END &&
	       !(address >= kvm_code_address(kvm_hypercall_checks) &&
		 address < kvm_code_address(kvm_hypercall_checked));
}

/*
 * An exception that KVM is about to deliver would strike the entry. Forgotten, it happens again when the guest is back
 * at the instruction that caused it.
 */
static int forget_exception(struct engine_vcpu *vcpu)
{
	struct kvm_vcpu_events events;
	int error = kvm_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events);

	if (error || !(events.exception.injected || events.exception.pending))
		return error;
	events.exception.injected = events.exception.pending = 0;
	return kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events);
}

static struct kvm_segment segment(uint16_t selector, bool code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = code ? 0xb : 0x3,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code,
		.db = !code,
	};
}

/* Everything that the guest is told, but for the registers that tell it that there is something. */
static void fill_page(struct postern_vcpu_page *page, const struct kvm_regs *regs, uint64_t gs_base,
		      bool from_program)
{
	memory_store_u32(&page->cause, POSTERN_VCPU_CAUSE_EVENT);
	memory_store_u32(&page->mode, from_program ? POSTERN_VCPU_MODE_PROGRAM : POSTERN_VCPU_MODE_KERNEL);
	memory_store_u32(&page->vector, 0);
	memory_store_u32(&page->error, 0);
	memory_store_u64(&page->address, 0);
	memory_store_u64(&page->instruction, regs->rip);
	memory_store_u64(&page->stack, regs->rsp);
	memory_store_u64(&page->flags, regs->rflags);
	memory_store_u64(&page->gs_base, gs_base);
	memory_store_u32(&page->delivered, memory_load_u32(&page->delivered) + 1);
}

/* From ring 3 to ring 0, with the segments that the kernel said it has. */
static int enter_kernel(struct engine_vcpu *vcpu, struct kvm_sregs *sregs)
{
	const bool leaves_program = sregs->cs.dpl == 3;
	const uint64_t page = ENGINE_PHYSMAP + vcpu->page;

	if (!leaves_program && sregs->gs.base == page)
		return 0;
	sregs->gs.base = page;
	if (leaves_program) {
		sregs->cs = segment(vcpu->kernel_cs, true);
		sregs->ss = segment(vcpu->kernel_ss, false);
	}
	return kvm_ioctl(vcpu->fd, KVM_SET_SREGS, sregs);
}

int kvm_event_deliver(struct engine_vcpu *vcpu)
{
	struct postern_vcpu_page *page = page_of(vcpu);
	struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	struct kvm_sregs sregs;
	uint64_t gs_base;
	bool from_program;
	int error;

	if (is_engines(regs->rip))
		return 0;
	error = forget_exception(vcpu);
	if (!error)
		error = kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	if (error)
		return error;
	gs_base = sregs.gs.base;
	from_program = sregs.cs.dpl == 3 || is_programs(regs->rip);
	error = enter_kernel(vcpu, &sregs);
	if (error)
		return error;
	fill_page(page, regs, gs_base, from_program);
	if (from_program || is_programs(regs->rsp))
		regs->rsp = memory_load_u64(&page->entry_stack);
	else
		regs->rsp = (regs->rsp - 128) & ~UINT64_C(15);
	regs->rip = vcpu->callbacks.event;
	regs->rflags &=
		~UINT64_C(0x50500); /* direction, trap, alignment check, resume: as an entry expects */
	vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	return 0;
}
