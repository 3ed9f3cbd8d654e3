/* SPDX-License-Identifier: ISC */
/*
 * lock.c - the kernel's lock. It belongs to a vCPU, not to a task, so a context switch hands it on without a word. Events
 * are disabled wherever it is held.
 */
#include "task/lock.h"

#include "task/task.h"

/* Looks at the lock before the wait is given to the host: most stays in the kernel are over by then. */
enum { SPINS = 400 };

static uint32_t holder; /* the number of the vCPU, plus 1; 0: nobody */

static bool try_lock(uint32_t self)
{
	uint32_t nobody = 0;

	return __atomic_load_n(&holder, __ATOMIC_RELAXED) == 0 &&
	       __atomic_compare_exchange_n(&holder, &nobody, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool spin(uint32_t self)
{
	for (unsigned i = 0; i < SPINS; i++) {
		if (try_lock(self))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

void kernel_lock(void)
{
	const uint32_t self = guest_vcpu_number() + 1;

	if (__atomic_load_n(&holder, __ATOMIC_RELAXED) == self)
		guest_panic("vCPU %u takes the kernel's lock, which it holds", self - 1);
	while (!spin(self)) {
		uint32_t other = __atomic_load_n(&holder, __ATOMIC_RELAXED);

		/* A VM that may not yield goes on spinning. */
		if (other)
			(void)postern_vcpu_yield(other - 1);
	}
}

void kernel_lock_release(void)
{
	KEEP_ASSERT(__atomic_load_n(&holder, __ATOMIC_RELAXED) == guest_vcpu_number() + 1);
	__atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
}

void kernel_unlock(void)
{
	schedule_leave();
	kernel_lock_release();
}
