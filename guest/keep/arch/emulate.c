/* SPDX-License-Identifier: ISC */
/*
 * emulate.c - instructions of a program that trap in this VM though programs may use them: CPUID, and where the VM has
 * coarse clocks, RDTSC and RDTSCP. The kernel executes them in the program's place, and the host answers.
 */
#include "arch/arch.h"
#include "mm/user.h"

static void do_cpuid(struct registers *registers)
{
	uint32_t a = (uint32_t)registers->rax;
	uint32_t c = (uint32_t)registers->rcx;
	uint32_t b;
	uint32_t d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	registers->rax = a;
	registers->rbx = b;
	registers->rcx = c;
	registers->rdx = d;
}

static void do_rdtsc(struct registers *registers)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	registers->rax = low;
	registers->rdx = high;
}

/* Its third result tells the processor, which is the vCPU here. */
static void do_rdtscp(struct registers *registers)
{
	do_rdtsc(registers);
	registers->rcx = guest_vcpu_number();
}

static const struct {
	uint8_t bytes[3];
	uint8_t length;
	void (*run)(struct registers *registers);
} instructions[] = {
	{ { 0x0f, 0xa2 }, 2, do_cpuid },
	{ { 0x0f, 0x31 }, 2, do_rdtsc },
	{ { 0x0f, 0x01, 0xf9 }, 3, do_rdtscp },
};

bool arch_emulate(struct registers *registers)
{
	for (size_t i = 0; i < COUNT_OF(instructions); i++) {
		uint8_t bytes[3];

		if (user_read(bytes, registers->rip, instructions[i].length))
			return false;
		if (memcmp(bytes, instructions[i].bytes, instructions[i].length))
			continue;
		instructions[i].run(registers);
		registers->rip += instructions[i].length;
		return true;
	}
	return false;
}
