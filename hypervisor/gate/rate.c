/* SPDX-License-Identifier: ISC */
/*
 * rate.c - the token bucket of a VM, as a generic cell rate algorithm: one atomic word holds the time at
 * which the bucket will be full again, so that a token is one compare-and-swap. After ITU-T I.371, annex A.
 */
#include "gate/take.h"

bool gate_rate_take(struct gate_vm *vm)
{
	uint64_t full_at;
	uint64_t next;

	if (!vm->rate_interval)
		return true;

	uint64_t now = gate_now();

	full_at = atomic_load_explicit(&vm->rate_full_at, memory_order_relaxed);
	do {
		next = (full_at > now ? full_at : now) + vm->rate_interval;
		if (next - now > vm->rate_depth)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&vm->rate_full_at, &full_at, next,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}
