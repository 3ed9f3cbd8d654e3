/* SPDX-License-Identifier: ISC */
/* lock.c - a lock that is spun for, and given the holder's vCPU to when that takes long. */
#include "internal.h"

/* Looks at a lock before the wait is given to the host: a short critical section is over by then. */
enum { SPINS = 200 };

static bool try_lock(struct guest_lock *lock, uint32_t self)
{
	uint32_t free = 0;

	return __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == 0 &&
	       __atomic_compare_exchange_n(&lock->holder, &free, self, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static bool spin_for(struct guest_lock *lock, uint32_t self)
{
	for (unsigned i = 0; i < SPINS; i++) {
		if (try_lock(lock, self))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

void guest_lock(struct guest_lock *lock)
{
	const uint32_t self = guest_vcpu_number() + 1;
	bool events = guest_events_disable();

	if (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == self)
		guest_panic("vCPU %u takes a lock that it holds", self - 1);
	while (!spin_for(lock, self)) {
		uint32_t holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);

		/* A VM that may not yield goes on spinning. */
		if (holder)
			(void)postern_vcpu_yield(holder - 1);
	}
	lock->events = events;
}

void guest_unlock(struct guest_lock *lock)
{
	bool events = lock->events;

	__atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
	guest_events_restore(events);
}
