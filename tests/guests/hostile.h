/* SPDX-License-Identifier: ISC */
/*
 * hostile.h - what hostile guests know of the engine ring3: where its code and its areas are, and where in the code
 * the instructions are that may make system calls. A guest that says "must end" has to be ended by what it does next.
 */
#ifndef TEST_GUESTS_HOSTILE_H
#define TEST_GUESTS_HOSTILE_H

#include "expect.h"
#include "registers.h"

/* See hypervisor/engine/ring3/layout.h. */
#define HOSTILE_AREAS UINT64_C(0x1ffff0000000)
#define HOSTILE_AREA_SIZE UINT64_C(0x20000)
enum { HOSTILE_CODE_SIZE = 0x4000 };

/* Where in the engine's code some bytes are for the number-th time, from 0; 0: not so often. */
static inline uint64_t hostile_find(const char *bytes, size_t length, unsigned long number)
{
	for (size_t at = 0; at + length <= HOSTILE_CODE_SIZE; at++) {
		if (!memcmp((const char *)postern_hypercall_page + at, bytes, length) && !number--)
			return postern_hypercall_page + at;
	}
	return 0;
}

/* A SYSCALL; and one with rax set to rt_sigreturn's number before it. */
static inline uint64_t hostile_find_syscall(unsigned long number)
{
	return hostile_find("\x0f\x05", 2, number);
}

static inline uint64_t hostile_find_sigreturn(void)
{
	return hostile_find("\xb8\x0f\x00\x00\x00\x0f\x05", 7, 0);
}

/* Only the engine ring3 has what is attacked here. */
static inline void hostile_need_ring3(void)
{
	if (guest_boot()->mapper)
		return;
	guest_print("nothing to attack on this engine\n");
	guest_exit(77);
}

/* Makes a system call by one of the engine's instructions. Returns its result; or it does not return. */
static inline int64_t hostile_call(uint64_t place, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
				   uint64_t a3)
{
	uint64_t registers[REGISTERS] = { [RAX] = number, [RDI] = a0, [RSI] = a1, [RDX] = a2, [R10] = a3 };

	return registers_call(registers, place) ? (int64_t)registers[RAX] : INT64_MIN;
}

/* ---- a watch over a guest that may get stuck ---- */

static inline void hostile_watch_on(void *argument)
{
	const uint64_t patience = 50000000; /* ns */
	const volatile unsigned long *progress = argument;
	unsigned long before;

	do {
		struct postern_clock_info info = POSTERN_INIT(clock_info);

		before = *progress;
		postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info);
		guest_idle(info.nanoseconds + patience);
	} while (*progress != before);
	guest_print("stuck\n");
	guest_exit(3);
}

/* Has a second vCPU, if there is one, end the VM when a number does not change for a while. */
static inline void hostile_watch(volatile unsigned long *progress)
{
	if (guest_boot()->vcpus > 1)
		EXPECT_RESULT(guest_vcpu_start(1, hostile_watch_on, (void *)progress), 0);
}

#endif
