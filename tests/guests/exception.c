/* SPDX-License-Identifier: ISC */
/*
 * exception.c [--without-simd] - exceptions of the processor come to the guest's handler with their vectors, and it
 * goes on. That of SSE is left out for a processor that has none, which is one that qemu interprets.
 */
#include "expect.h"

#include <string.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_CALLBACKS));

static struct guest_registers last;
static unsigned exceptions;
static uint64_t resume;

static bool handle(struct guest_registers *registers)
{
	last = *registers;
	exceptions++;
	registers->rip = resume;
	return true;
}

/* Executes what cannot be executed, and goes on behind it. */
#define PROVOKE(instructions, ...)                                                         \
	__asm__ volatile("leaq 9f(%%rip), %%rax\n\tmovq %%rax, %0\n\t" instructions "\n9:" \
			 : "=m"(resume)                                                    \
			 : __VA_ARGS__                                                     \
			 : "rax", "rcx", "rdx", "cc", "memory")

static void divide_by_zero(void)
{
	PROVOKE("xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\tdivl %%ecx");
}

static void breakpoint(void)
{
	PROVOKE("int3");
}

static void invalid_opcode(void)
{
	PROVOKE("ud2");
}

static void general_protection(void)
{
	PROVOKE("movabsq $0x8000000000000000, %%rax\n\tmovb (%%rax), %%al");
}

static void simd(void)
{
	static const uint32_t all_masked = 0x1f80;
	static const uint32_t zero_divide_unmasked = 0x1d80;
	static const float one = 1;

	__asm__ volatile("ldmxcsr %0" : : "m"(zero_divide_unmasked));
	PROVOKE("xorps %%xmm1, %%xmm1\n\tmovss %1, %%xmm0\n\tdivss %%xmm1, %%xmm0", "m"(one));
	__asm__ volatile("ldmxcsr %0" : : "m"(all_masked));
}

static const struct {
	const char *name;
	void (*provoke)(void);
	uint64_t vector;
} cases[] = {
	{ "divide error", divide_by_zero, 0 },   { "breakpoint", breakpoint, 3 },
	{ "invalid opcode", invalid_opcode, 6 }, { "general protection", general_protection, 13 },
	{ "SIMD floating point", simd, 19 },
};

int main(void)
{
	const bool without_simd = !strcmp(guest_command(), "--without-simd");
	const unsigned count = sizeof cases / sizeof *cases - without_simd;

	guest_on_exception(handle);
	for (unsigned i = 0; i < count; i++) {
		cases[i].provoke();
		guest_printf("exception: %s: vector %lu\n", cases[i].name, (unsigned long)last.vector);
		EXPECT(exceptions == i + 1 && last.vector == cases[i].vector);
		EXPECT(last.cause == POSTERN_VCPU_CAUSE_EXCEPTION);
	}
	return 0;
}
