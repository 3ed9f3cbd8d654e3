/* SPDX-License-Identifier: ISC */
/*
 * kvm.c - the engine kvm: hardware virtualization by Linux. This file is what the machine sees of it; vm.c makes
 * a VM, start.c and tables.c a vCPU as it begins, run.c and event.c run it, code.S and code.c run inside.
 */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <string.h>

static struct engine_vcpu *get_vcpu(struct engine_vm *vm, unsigned number)
{
	return number < vm->vcpu_count ? &vm->vcpus[number] : NULL;
}

static int get_state(struct engine_vcpu *vcpu, struct engine_state *state)
{
	const struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	struct kvm_sregs sregs;
	int error = kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (error)
		return error;
	*state = (struct engine_state){
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rcx = regs->rcx,
		.rdx = regs->rdx,
		.rsi = regs->rsi,
		.rdi = regs->rdi,
		.rbp = regs->rbp,
		.rsp = regs->rsp,
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rip = regs->rip,
		.rflags = regs->rflags,
		.fs_base = sregs.fs.base,
		.gs_base = sregs.gs.base,
	};
	if (vcpu->interrupted.is) {
		state->rip = vcpu->interrupted.rip;
		state->rsp = vcpu->interrupted.rsp;
		state->rflags = vcpu->interrupted.rflags;
	}
	return 0;
}

static int set_state(struct engine_vcpu *vcpu, const struct engine_state *state)
{
	int error = kvm_forget_exit(vcpu);

	return error ? error : kvm_start(vcpu, state);
}

/* By the vCPU's own call, or before it runs: its segments are those of its kernel. */
static int set_callbacks(struct engine_vcpu *vcpu, const struct engine_callbacks *callbacks)
{
	struct kvm_sregs sregs;
	int error = vcpu->area ? kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) : -ENOTSUP;

	if (error)
		return error;
	vcpu->callbacks = *callbacks;
	vcpu->kernel_cs = sregs.cs.l ? sregs.cs.selector : KVM_CS;
	vcpu->kernel_ss = sregs.cs.l ? sregs.ss.selector : KVM_SS;
	memory_store_words(&vcpu->area->callbacks, callbacks, sizeof *callbacks / 8);
	vcpu->area->cs = vcpu->kernel_cs;
	vcpu->area->ss = vcpu->kernel_ss;
	return 0;
}

/* An exception comes to the monitor only where the guest has no entry for it. One that it has by now gets it. */
static int deliver(struct engine_vcpu *vcpu)
{
	return vcpu->callbacks.exception ? 0 : -ENOENT;
}

static void kill_vcpus(struct engine_vm *vm)
{
	atomic_store_explicit(&vm->gone, true, memory_order_release);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		kvm_kick(&vm->vcpus[i]);
}

const struct engine engine_kvm = {
	.name = "kvm",
	.needs_files = true,
	.has_tables = true,
	.page_table = KVM_CODE + KVM_ROOT_AT,
	.is_likely = kvm_is_likely,
	.probe = kvm_probe,
	.create = kvm_create,
	.destroy = kvm_destroy,
	.vcpu = get_vcpu,
	.get_state = get_state,
	.set_state = set_state,
	.set_callbacks = set_callbacks,
	.run = kvm_run_vcpu,
	.deliver = deliver,
	.kick = kvm_kick,
	.kill = kill_vcpus,
	.raise = kvm_raise,
	.interrupt_line = kvm_interrupt_line,
	.track_dirty = kvm_track_dirty,
	.take_dirty = kvm_take_dirty,
};
