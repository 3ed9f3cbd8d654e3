/* SPDX-License-Identifier: ISC */
/*
 * crossing.h - how a guest crosses the gate by trap: a call into the hypercall page, whose address the host
 * tells when it starts the guest. The stubs in <postern/stubs.h> are built on this.
 *
 * A call pushes its return address, so whoever includes this is compiled with -mno-red-zone; `pkg-config
 * --cflags postern-guest` has it.
 */
#ifndef POSTERN_CROSSING_H
#define POSTERN_CROSSING_H

#include <stdint.h>

/*
 * Guest-virtual addresses of the hypercall page and of guest-physical address 0. Start-up code sets them,
 * once.
 */
extern uint64_t postern_hypercall_page __attribute__((visibility("hidden")));
extern uint64_t postern_physmap __attribute__((visibility("hidden")));

/*
 * Makes hypercall `number`. Arguments that the call does not have must be zero. Returns what the call
 * answers: zero or more, or a negative errno. The GS base must be the vCPU's page, as it is at the start.
 */
static inline int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
					uint64_t a4, uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a3;
	register uint64_t r8 __asm__("r8") = a4;
	register uint64_t r9 __asm__("r9") = a5;
	int64_t result;

	__asm__ volatile("call *%[page]"
			 : "=a"(result)
			 : "a"(number), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8),
			   "r"(r9), [page] "m"(postern_hypercall_page)
			 : "rcx", "r11", "cc", "memory");
	return result;
}

/*
 * Turns a pointer into the guest-physical address that calls take; NULL into 0. What it points to must lie
 * in the physmap, where the image, every stack of the SDK and all allocated memory are; for anything else
 * the result is an address that no VM has, and the call answers EFAULT.
 */
static inline uint64_t postern_address(const void *pointer)
{
	return pointer ? (uint64_t)pointer - postern_physmap : 0;
}

#endif
