/* SPDX-License-Identifier: ISC */
/* start.c - a vCPU as it is when it begins: all its registers, whatever it did before. */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CR0_PE = 1 << 0,
	CR0_MP = 1 << 1,
	CR0_ET = 1 << 4,
	CR0_NE = 1 << 5,
	CR0_WP = 1 << 16,
};

#define CR0_PG (UINT64_C(1) << 31)

enum { CR4_PAE = 1 << 5 };

enum {
	EFER_SCE = 1 << 0,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	EFER_NXE = 1 << 11,
};

enum {
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_STAR = 0xc0000081U,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SFMASK,
	MSR_KERNEL_GS_BASE = 0xc0000102U,
};

/* Of RFLAGS, what is off in the kernel's entry for SYSCALL: trap, interrupts, direction, alignment check. */
enum { SYSCALL_MASK = 0x40700 };

enum { CODE = 0xb, DATA = 0x3, BUSY_TSS = 0xb };

#define LINUX_GDT UINT64_C(0x500)

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool is_64_bit)
{
	const bool code = type == CODE;

	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code && is_64_bit,
		.db = !(code && is_64_bit),
	};
}

static void set_data(struct kvm_sregs *sregs, struct kvm_segment data)
{
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
}

static void set_long_mode(const struct engine_vm *vm, struct kvm_sregs *sregs, uint64_t cr3)
{
	sregs->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs->cr3 = cr3;
	sregs->cr4 = vm->cr4;
	sregs->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}

static void start_paravirtual(const struct engine_vcpu *vcpu, struct kvm_sregs *sregs)
{
	const uint64_t area = KVM_CODE + KVM_AREAS_AT + (uint64_t)vcpu->number * KVM_AREA_SIZE;

	set_long_mode(vcpu->vm, sregs, vcpu->vm->cr3);
	sregs->cs = flat(KVM_CS, CODE, true);
	set_data(sregs, flat(KVM_SS, DATA, true));
	sregs->fs.base = 0;
	sregs->gs.base = ENGINE_PHYSMAP + vcpu->page;
	sregs->tr = (struct kvm_segment){
		.base = area + offsetof(struct kvm_area, tss),
		.limit = sizeof vcpu->area->tss - 1,
		.selector = KVM_TSS,
		.type = BUSY_TSS,
		.present = 1,
	};
	sregs->gdt = (struct kvm_dtable){ area + offsetof(struct kvm_area, gdt), sizeof vcpu->area->gdt - 1 };
	sregs->idt = (struct kvm_dtable){ KVM_CODE + KVM_IDT_AT, KVM_VECTORS * 16 - 1 };
}

/* What Linux loads its segments from before it has a GDT of its own. */
static void start_linux64(const struct engine_vcpu *vcpu, struct kvm_sregs *sregs)
{
	static const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

	memcpy(vcpu->vm->memory->base + LINUX_GDT, gdt, sizeof gdt);
	set_long_mode(vcpu->vm, sregs, vcpu->vm->page_tables);
	sregs->cr4 = CR4_PAE;
	sregs->cs = flat(0x10, CODE, true);
	set_data(sregs, flat(0x18, DATA, true));
	sregs->gdt = (struct kvm_dtable){ LINUX_GDT, sizeof gdt - 1 };
}

static void start_pvh(const struct engine_vcpu *vcpu, struct kvm_sregs *sregs)
{
	(void)vcpu;
	sregs->cr0 = CR0_PE | CR0_ET;
	sregs->cr4 = 0;
	sregs->efer = 0;
	sregs->cs = flat(0x8, CODE, false);
	set_data(sregs, flat(0x10, DATA, false));
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = BUSY_TSS, .present = 1 };
}

static void (*const starts[])(const struct engine_vcpu *vcpu, struct kvm_sregs *sregs) = {
	[ENGINE_START_PARAVIRTUAL] = start_paravirtual,
	[ENGINE_START_LINUX64] = start_linux64,
	[ENGINE_START_PVH] = start_pvh,
};

static int set_segments(struct engine_vcpu *vcpu)
{
	struct kvm_sregs sregs;
	int error = kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);

	if (error)
		return error;
	sregs.ldt = (struct kvm_segment){ .type = 2, .unusable = 1 };
	sregs.idt = sregs.gdt = (struct kvm_dtable){ 0 };
	sregs.cr2 = sregs.cr8 = 0;
	memset(sregs.interrupt_bitmap, 0, sizeof sregs.interrupt_bitmap);
	starts[vcpu->vm->start](vcpu, &sregs);
	return kvm_ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
}

int kvm_set_msrs(struct engine_vcpu *vcpu, const struct kvm_msr_entry *entries, unsigned count)
{
	struct kvm_msrs *msrs = calloc(1, sizeof *msrs + count * sizeof *entries);
	int set;

	if (!msrs)
		return -ENOMEM;
	msrs->nmsrs = count;
	memcpy(msrs->entries, entries, count * sizeof *entries);
	set = kvm_ioctl(vcpu->fd, KVM_SET_MSRS, msrs);
	free(msrs);
	if (set < 0)
		return set;
	return set == (int)count ? 0 : -EIO;
}

static int set_registers_of_model(struct engine_vcpu *vcpu)
{
	const struct kvm_msr_entry entries[] = {
		{ .index = MSR_SYSENTER_CS },
		{ .index = MSR_SYSENTER_ESP },
		{ .index = MSR_SYSENTER_EIP },
		{ .index = MSR_CSTAR },
		{ .index = MSR_STAR, .data = (uint64_t)KVM_CS << 32 | (uint64_t)KVM_USER_CS32 << 48 },
		{ .index = MSR_LSTAR, .data = kvm_code_address(kvm_system_call) },
		{ .index = MSR_SFMASK, .data = SYSCALL_MASK },
		{ .index = MSR_KERNEL_GS_BASE,
		  .data = KVM_CODE + KVM_AREAS_AT + (uint64_t)vcpu->number * KVM_AREA_SIZE },
	};

	return kvm_set_msrs(vcpu, entries, sizeof entries / sizeof *entries);
}

/* x87, SSE and whatever else the processor has, as after reset. */
static int set_extended_state(struct engine_vcpu *vcpu)
{
	struct kvm_xsave *area = calloc(1, vcpu->vm->xsave_size);
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
	int error;

	if (!area)
		return -ENOMEM;
	area->region[0] = 0x37f;  /* control word */
	area->region[6] = 0x1f80; /* MXCSR */
	area->region[128] = 3;    /* XSTATE_BV: x87 and SSE are what follows, the rest is as after reset */
	error = kvm_ioctl(vcpu->fd, KVM_SET_XSAVE, area);
	free(area);
	if (error || !vcpu->vm->xcr0)
		return error;
	xcrs.xcrs[0].value = vcpu->vm->start == ENGINE_START_PARAVIRTUAL ? vcpu->vm->xcr0 : 1;
	return kvm_ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs);
}

static int reset_rest(struct engine_vcpu *vcpu)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_debugregs debug = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	int error = kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events);

	return error ? error : kvm_ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug);
}

static void set_general(struct engine_vcpu *vcpu, const struct engine_state *state)
{
	const bool paravirtual = vcpu->vm->start == ENGINE_START_PARAVIRTUAL;

	vcpu->run->s.regs.regs = (struct kvm_regs){
		.rax = state->rax,
		.rbx = state->rbx,
		.rcx = state->rcx,
		.rdx = state->rdx,
		.rsi = state->rsi,
		.rdi = state->rdi,
		.rsp = state->rsp,
		.rbp = state->rbp,
		.r8 = state->r8,
		.r9 = state->r9,
		.r10 = state->r10,
		.r11 = state->r11,
		.r12 = state->r12,
		.r13 = state->r13,
		.r14 = state->r14,
		.r15 = state->r15,
		.rip = state->rip,
		.rflags = paravirtual ? state->rflags | 2 : 2,
	};
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

int kvm_start(struct engine_vcpu *vcpu, const struct engine_state *state)
{
	int error = reset_rest(vcpu);

	vcpu->kernel_cs = KVM_CS;
	vcpu->kernel_ss = KVM_SS;
	if (!error)
		error = set_segments(vcpu);
	if (!error && vcpu->area)
		error = set_registers_of_model(vcpu);
	if (!error)
		error = set_extended_state(vcpu);
	if (!error)
		set_general(vcpu, state);
	return error;
}
