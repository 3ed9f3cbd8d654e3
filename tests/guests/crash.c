/* SPDX-License-Identifier: ISC */
/* crash.c - a page fault that nobody handles, three calls deep: main, a, b, c. */
#include "expect.h"

/*
 * Keeps a call before it from becoming a jump, and the function's frame, which gcc leaves out where it can.
 */
#define STAY() __asm__ volatile("" : : "r"(__builtin_frame_address(0)) : "memory")

static __attribute__((noinline)) void c(volatile int *nowhere)
{
	STAY();
	*nowhere = 1;
	STAY();
}

static __attribute__((noinline)) void b(volatile int *nowhere)
{
	c(nowhere);
	STAY();
}

static __attribute__((noinline)) void a(volatile int *nowhere)
{
	b(nowhere);
	STAY();
}

int main(void)
{
	uintptr_t nowhere = 8;

	__asm__("" : "+r"(nowhere));
	a((volatile int *)nowhere);
	guest_print("the store to address 8 went through\n");
	return 1;
}
