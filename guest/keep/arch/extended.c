/* SPDX-License-Identifier: ISC */
/*
 * extended.c - the extended state of programs, as XSAVE writes it (Intel SDM, volume 1, chapter 13). The kernel itself
 * uses general registers only, so a program's state stays in the processor until another task runs.
 */
#include "arch/arch.h"

enum { LEGACY_SIZE = 512, HEADER_SIZE = 64, X87_CONTROL = 0x37f, MXCSR = 0x1f80, MXCSR_AT = 24 };

/* AMX: the host does not grant it, and its 8 KiB would be in every signal's frame. */
#define NOT_OURS (UINT64_C(3) << 17)

static uint64_t features; /* 0: no XSAVE */
static size_t size = LEGACY_SIZE;

struct leaf {
	uint32_t a, b, c, d;
};

static struct leaf cpuid(uint32_t number, uint32_t sub)
{
	struct leaf leaf;

	__asm__ volatile("cpuid"
			 : "=a"(leaf.a), "=b"(leaf.b), "=c"(leaf.c), "=d"(leaf.d)
			 : "a"(number), "c"(sub));
	return leaf;
}

static uint64_t enabled_features(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

void arch_extended_start(void)
{
	const uint32_t os_has_xsave = UINT32_C(1) << 27;

	if (!(cpuid(1, 0).c & os_has_xsave))
		return;
	features = enabled_features() & ~NOT_OURS;
	size = LEGACY_SIZE + HEADER_SIZE;
	for (unsigned i = 2; i < 63; i++) {
		struct leaf leaf;

		if (!(features >> i & 1))
			continue;
		leaf = cpuid(0xd, i); /* a: bytes, b: where */
		size = most(size, (uint64_t)leaf.a + leaf.b);
	}
}

size_t arch_extended_size(void)
{
	return size;
}

uint64_t arch_extended_features(void)
{
	return features;
}

void arch_extended_save(void *to)
{
	if (features)
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(to), "a"((uint32_t)features), "d"((uint32_t)(features >> 32))
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(to) : "memory");
}

void arch_extended_load(const void *from)
{
	if (features)
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(from), "a"((uint32_t)features), "d"((uint32_t)(features >> 32))
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(from) : "memory");
}

void arch_extended_reset(void *to)
{
	memset(to, 0, size);
	*(uint16_t *)to = X87_CONTROL;
	*(uint32_t *)((char *)to + MXCSR_AT) = MXCSR;
}
