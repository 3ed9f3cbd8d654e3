/* SPDX-License-Identifier: ISC */
/* cpuid.c - what the processor says of itself: the hypervisor's leaves, where CPUID can be intercepted. */
#include "expect.h"

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

static struct leaf read_leaf(uint32_t number, uint32_t sub)
{
	struct leaf leaf;

	__asm__ volatile("cpuid"
			 : "=a"(leaf.eax), "=b"(leaf.ebx), "=c"(leaf.ecx), "=d"(leaf.edx)
			 : "a"(number), "c"(sub));
	return leaf;
}

static void print_vendor(uint32_t number)
{
	struct leaf leaf = read_leaf(number, 0);
	char name[12];
	bool is_low = number == 0;

	/* The processor's is in ebx, edx, ecx; a hypervisor's in ebx, ecx, edx. */
	memcpy(name, &leaf.ebx, 4);
	memcpy(name + 4, is_low ? &leaf.edx : &leaf.ecx, 4);
	memcpy(name + 8, is_low ? &leaf.ecx : &leaf.edx, 4);
	guest_printf("cpuid: 0x%08x: highest 0x%x, \"%.12s\"\n", number, leaf.eax, name);
}

int main(void)
{
	const uint32_t has_hypervisor = UINT32_C(1) << 31;
	struct leaf features = read_leaf(1, 0);

	print_vendor(0);
	EXPECT(read_leaf(0, 0).eax >= 1);
	if (!(features.ecx & has_hypervisor)) {
		guest_print("cpuid: no hypervisor is announced\n");
		return 0;
	}
	print_vendor(0x40000000);
	EXPECT(read_leaf(0x40000000, 0).eax >= 0x40000000);
	return 0;
}
