/* SPDX-License-Identifier: ISC */
/* crossing.h - the guest's way across, for tests: straight into the gate. Pointers are host addresses in guest RAM. */
#ifndef POSTERN_CROSSING_H
#define POSTERN_CROSSING_H

#include <stdint.h>

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5);
uint64_t postern_address(const void *pointer);

#endif
