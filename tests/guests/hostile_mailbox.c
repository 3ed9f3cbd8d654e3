/* SPDX-License-Identifier: ISC */
/*
 * hostile_mailbox.c - writes garbage where the engine ring3 keeps its own things in the guest's reach, and
 * calls. Command line: how many bytes of the area, how often, and the seed. The VM may end by it at any time;
 * what counts is that the host and other VMs do not notice.
 */
#include "expect.h"

#define AREAS UINT64_C(0x1ffff0000000) /* see hypervisor/engine/ring3/layout.h */
enum { AREA_SIZE = 0x20000, MAILBOX = 64 };

static bool is_absent;
static uint64_t resume;

static bool handle(struct guest_registers *registers)
{
	is_absent = true;
	registers->rip = resume;
	return registers->address >= AREAS && registers->address < guest_boot()->physmap;
}

static void look(uint64_t address)
{
	__asm__ volatile("leaq 9f(%%rip), %%rax\n\tmovq %%rax, %0\n\tmovq (%1), %%rax\n9:"
			 : "=m"(resume)
			 : "r"(address)
			 : "rax", "memory");
}

/* Garbage that is half sensible gets further. */
static uint64_t random_word(uint64_t *seed)
{
	uint64_t bits = expect_random(seed);

	return bits % 2 ? bits >> 1 & 0xf0000000f : bits;
}

int main(void)
{
	const char *command = guest_command();
	unsigned long size = expect_number(&command, MAILBOX);
	unsigned long rounds = expect_number(&command, 1000);
	uint64_t seed = expect_number(&command, 1) | 1;
	unsigned long answered = 0;

	guest_on_page_fault(handle);
	look(AREAS);
	if (is_absent) {
		guest_print("hostile_mailbox: nothing is there\n");
		return 0;
	}
	guest_printf("hostile_mailbox: %lu bytes, %lu times\n", size, rounds);
	for (unsigned long i = 0; i < rounds; i++) {
		for (uint64_t vcpu = 0; vcpu < guest_boot()->vcpus; vcpu++) {
			for (uint64_t at = 0; at + 8 <= size && at < AREA_SIZE; at += 8)
				*(volatile uint64_t *)(AREAS + vcpu * AREA_SIZE + at) = random_word(&seed);
		}
		answered += postern_abi_nop() == 0;
	}
	guest_printf("hostile_mailbox: %lu calls were answered\n", answered);
	return 0;
}
