/* SPDX-License-Identifier: ISC */
/* futex.h - waiting for a word of this process to change; see futex(2). */
#ifndef POSTERN_GATE_FUTEX_H
#define POSTERN_GATE_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Sleeps while *word is value, until a wake or the deadline (CLOCK_MONOTONIC; NULL: none). May also return
 * for no reason; the caller looks again.
 */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *deadline)
{
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, deadline, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static inline void futex_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

#endif
