/* SPDX-License-Identifier: ISC */
/*
 * cpuid.c - the processor that a guest sees is the host's, and behind it a hypervisor with a name. Engines that cannot
 * answer CPUID by themselves ask here; others are given the hypervisor's leaves.
 */
#include "machine/internal.h"

#include "postern/abi.h"

#include <cpuid.h>
#include <string.h>

enum {
	FEATURES = 1,
	HYPERVISOR = 0x40000000,
	HYPERVISOR_LEVEL,
	HYPERVISOR_LAST = HYPERVISOR_LEVEL,
	HYPERVISOR_END = 0x400000ff,
};

#define HAS_HYPERVISOR (UINT32_C(1) << 31) /* of ecx, in FEATURES */

_Static_assert(HYPERVISOR_LAST - HYPERVISOR + 1 == MACHINE_CPUID_LEAVES, "one for each");

void machine_cpuid_leaves(const struct machine *machine, struct engine_cpuid leaves[MACHINE_CPUID_LEAVES])
{
	static const char name[12] = "Postern     ";

	leaves[0] = (struct engine_cpuid){ .leaf = HYPERVISOR, .eax = HYPERVISOR_LAST };
	memcpy(&leaves[0].ebx, name, 4);
	memcpy(&leaves[0].ecx, name + 4, 4);
	memcpy(&leaves[0].edx, name + 8, 4);
	leaves[1] = (struct engine_cpuid){
		.leaf = HYPERVISOR_LEVEL,
		.eax = (uint32_t)POSTERN_ABI_MAJOR << 16 | gate_level(machine->gate),
	};
}

/* A leaf that the hypervisor has not is zero. */
static struct engine_cpuid find_leaf(const struct machine *machine, uint32_t number)
{
	struct engine_cpuid leaves[MACHINE_CPUID_LEAVES];

	machine_cpuid_leaves(machine, leaves);
	for (unsigned i = 0; i < MACHINE_CPUID_LEAVES; i++) {
		if (leaves[i].leaf == number)
			return leaves[i];
	}
	return (struct engine_cpuid){ .leaf = number };
}

void machine_serve_cpuid(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	const uint32_t leaf = exit->cpuid.leaf;

	if (leaf >= HYPERVISOR && leaf <= HYPERVISOR_END) {
		const struct engine_cpuid found = find_leaf(vcpu->machine, leaf);

		exit->cpuid.eax = found.eax;
		exit->cpuid.ebx = found.ebx;
		exit->cpuid.ecx = found.ecx;
		exit->cpuid.edx = found.edx;
		return;
	}
	__cpuid_count(leaf, exit->cpuid.subleaf, exit->cpuid.eax, exit->cpuid.ebx, exit->cpuid.ecx,
		      exit->cpuid.edx);
	if (leaf == FEATURES)
		exit->cpuid.ecx |= HAS_HYPERVISOR;
}
