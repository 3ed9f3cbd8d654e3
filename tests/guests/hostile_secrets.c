/* SPDX-License-Identifier: ISC */
/*
 * hostile_secrets.c - looks in everything that it can read, and in the registers that it starts with, for what its
 * monitor may have left: addresses of the monitor's own memory, which would help to attack it.
 */
#include "hostile.h"

/* Where an ordinary process of x86-64 Linux has its program, libraries, heap and stack; a guest has nothing there. */
#define FIRST UINT64_C(0x550000000000)
#define LAST UINT64_C(0x7fffffffffff)

static unsigned long found;

/* Registers are saved at multiples of 8. */
static void look(const char *name, uint64_t begin, uint64_t size)
{
	for (uint64_t at = begin; at + 8 <= begin + size; at += 8) {
		uint64_t word;

		memcpy(&word, (const void *)at, sizeof word);
		if (word < FIRST || word > LAST)
			continue;
		found++;
		guest_printf("%s: 0x%lx at 0x%lx\n", name, (unsigned long)word, (unsigned long)at);
	}
}

int main(void)
{
	hostile_need_ring3();
	for (uint64_t vcpu = 0; vcpu < guest_boot()->vcpus; vcpu++)
		look("area", HOSTILE_AREAS + vcpu * HOSTILE_AREA_SIZE, HOSTILE_AREA_SIZE);
	look("boot information", (uint64_t)guest_boot(), 4096);
	look("vCPU page", (uint64_t)guest_vcpu_page(), 4096);
	guest_printf("%lu addresses of the monitor's\n", found);
	return found ? 1 : 0;
}
