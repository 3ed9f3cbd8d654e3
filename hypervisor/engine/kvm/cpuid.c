/* SPDX-License-Identifier: ISC */
/* cpuid.c - the processor that a guest sees: the host's, as far as KVM can have it, with the caller's leaves. */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_TRY = 100, MOST_ENTRIES = 1000 };

/* Bits that are taken away from what KVM could give. The rest of a leaf stays. */
static const struct {
	uint32_t leaf, subleaf;
	bool paravirtual_only;
	uint32_t eax, ebx, ecx, edx;
} hidden[] = {
	/* MONITOR, VMX: they only cost exits. */
	{ 0x1, 0, false, 0, 0, 1U << 3 | 1U << 5, 0 },
	/* Without a chipset: x2APIC, the timer of the APIC, the APIC. */
	{ 0x1, 0, true, 0, 0, 1U << 21 | 1U << 24, 1U << 9 },
	/* AMX, whose state no stack of a signal's handler has room for. */
	{ 0x7, 0, false, 0, 0, 0, 1U << 22 | 1U << 24 | 1U << 25 },
	{ 0xd, 0, false, 3U << 17, 0, 0, 0 },
	/* SVM, extended APIC registers. */
	{ 0x80000001, 0, false, 0, 0, 1U << 2 | 1U << 3, 0 },
};

static bool is_hypervisors(uint32_t leaf)
{
	return leaf >> 8 == 0x400000;
}

/* KVM tells how many there are only by failing while there is room for less. */
static int read_supported(struct engine_vm *vm, unsigned extra)
{
	for (unsigned count = FIRST_TRY; count <= MOST_ENTRIES; count *= 2) {
		struct kvm_cpuid2 *cpuid =
			calloc(1, sizeof *cpuid + (count + extra) * sizeof *cpuid->entries);
		int error;

		if (!cpuid)
			return -ENOMEM;
		cpuid->nent = count;
		error = kvm_ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
		if (!error) {
			vm->cpuid = cpuid;
			return 0;
		}
		free(cpuid);
		if (error != -E2BIG)
			return error;
	}
	return -E2BIG;
}

/*
 * The caller's leaves take the place of those of the same number. KVM's own go, unless the guest knows nothing of us:
 * it may well know of KVM, whose clock is then the best that it has.
 */
static void remove_replaced(struct kvm_cpuid2 *cpuid, const struct engine_config *config)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
		bool goes = is_hypervisors(entry->function) && config->start == ENGINE_START_PARAVIRTUAL;

		for (unsigned j = 0; j < config->cpuid_count; j++)
			goes |= config->cpuid[j].leaf == entry->function &&
				config->cpuid[j].subleaf == entry->index;
		if (!goes)
			cpuid->entries[kept++] = *entry;
	}
	cpuid->nent = kept;
}

static void add(struct kvm_cpuid2 *cpuid, const struct engine_cpuid *leaf)
{
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf->leaf,
		.index = leaf->subleaf,
		.eax = leaf->eax,
		.ebx = leaf->ebx,
		.ecx = leaf->ecx,
		.edx = leaf->edx,
	};
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == subleaf)
			return &cpuid->entries[i];
	}
	return NULL;
}

static void hide(struct kvm_cpuid2 *cpuid, bool paravirtual)
{
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
		struct kvm_cpuid_entry2 *entry = find(cpuid, hidden[i].leaf, hidden[i].subleaf);

		if (!entry || (hidden[i].paravirtual_only && !paravirtual))
			continue;
		entry->eax &= ~hidden[i].eax;
		entry->ebx &= ~hidden[i].ebx;
		entry->ecx &= ~hidden[i].ecx;
		entry->edx &= ~hidden[i].edx;
	}
}

/* Bits of CR4: what a start in long mode turns on of what this processor has. */
enum {
	CR4_PAE = 1 << 5,
	CR4_PGE = 1 << 7,
	CR4_OSFXSR = 1 << 9,
	CR4_OSXMMEXCPT = 1 << 10,
	CR4_FSGSBASE = 1 << 16,
	CR4_OSXSAVE = 1 << 18,
};

static void learn_features(struct engine_vm *vm)
{
	const struct kvm_cpuid_entry2 *basic = find(vm->cpuid, 1, 0);
	const struct kvm_cpuid_entry2 *more = find(vm->cpuid, 7, 0);
	const struct kvm_cpuid_entry2 *states = find(vm->cpuid, 0xd, 0);

	vm->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (more && more->ebx & 1)
		vm->cr4 |= CR4_FSGSBASE;
	if (basic && states && basic->ecx & 1U << 26) {
		vm->cr4 |= CR4_OSXSAVE;
		vm->xcr0 = states->eax | (uint64_t)states->edx << 32;
	}
}

int kvm_cpuid_create(struct engine_vm *vm, const struct engine_config *config)
{
	struct kvm_cpuid_entry2 *basic;
	int size, error;

	if (config->cpuid_count > ENGINE_MAX_CPUID)
		return -EINVAL;
	error = read_supported(vm, ENGINE_MAX_CPUID);
	if (error)
		return error;
	remove_replaced(vm->cpuid, config);
	for (unsigned i = 0; i < config->cpuid_count; i++)
		add(vm->cpuid, &config->cpuid[i]);
	hide(vm->cpuid, config->start == ENGINE_START_PARAVIRTUAL);
	basic = find(vm->cpuid, 1, 0);
	if (basic)
		basic->ecx |= 1U << 31; /* there is a hypervisor */
	learn_features(vm);
	size = kvm_request(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	vm->xsave_size = size > (int)sizeof(struct kvm_xsave) ? (size_t)size : sizeof(struct kvm_xsave);
	return 0;
}

/* The same for all vCPUs but for their numbers. By the thread that creates the VM. */
int kvm_cpuid_set(struct engine_vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = vcpu->vm->cpuid;

	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0x00ffffff) | vcpu->number << 24;
		if (entry->function == 0xb || entry->function == 0x1f)
			entry->edx = vcpu->number;
	}
	return kvm_ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid);
}
