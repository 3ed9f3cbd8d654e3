/* SPDX-License-Identifier: ISC */
/*
 * pair.h - where the two threads run that hand a mailbox back and forth: a vCPU's in the guest process, and the
 * monitor's that serves it.
 *
 * On two cores, both looking, a crossing takes 0.15 us; but only as long as both cores are free, and calls come
 * often. Else one of them sleeps, and then it matters where: to wake a thread on the waker's own core takes 2 us, and
 * on another, which has to be interrupted or has been halted, 8 to 24. A scheduler that wakes a thread prefers an idle
 * core, so it has to be told: while looking does not pay, both are confined to one core.
 *
 * A confined thread can be in the wrong place, when another core becomes free or when two pairs meet. So it lasts some
 * milliseconds at a time, and now and then there is a pause in which the scheduler can sort them out. Pairs of one VM keep
 * away from each other's cores. A guest that computes for most of the time has little to gain, and is not confined.
 */
#ifndef POSTERN_RING3_PAIR_H
#define POSTERN_RING3_PAIR_H

#include "engine/ring3/spin.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

enum {
	PAIR_MILLISECONDS = 20, /* how long they stay confined */
	PAIR_ROUNDS = 5,        /* times, until there is a pause */
	PAIR_PAUSE = 10,        /* milliseconds */
};

/* What the pairs of a VM have in common. All of it but the clock is zero at first. */
struct pair_places {
	clockid_t guest_clock; /* of the processor time of all threads of the guest's process */
	_Atomic uint64_t taken[CPU_SETSIZE / 64]; /* a bit for each processor that a pair is confined to */
	_Atomic uint64_t paused_until;            /* ns of CLOCK_MONOTONIC */
	unsigned rounds;                          /* by the thread that lets them go */
};

struct pair {
	struct spin spin;   /* how long each side looks for the other: both or none, see pair_waited() */
	pid_t host_thread;  /* 0: not known yet */
	pid_t guest_thread; /* of the guest process */
	/* Set by the monitor's thread, cleared by whoever lets them go; the exchange decides who does. */
	_Atomic bool confined;
	bool has_taken; /* its processor's bit; this and the next three are written before confined is set */
	int processor;
	cpu_set_t host_set, guest_set; /* where they may run otherwise */
	struct pair_places *places;
	bool was_confined;        /* the rest is for the monitor's thread alone: what it has seen of that */
	bool guest_slept;         /* when it was last handed over to */
	uint32_t guest_processor; /* 1 more than where the guest says that it was; 0: not known */
	unsigned sleeps;          /* since they were let go, */
	uint64_t first_sleep;     /* when the first of them was, in ns, */
	uint64_t first_used;      /* and of the guest's clock */
};

/* looks: how many take SPIN_NANOSECONDS, see pair_looks(). */
void pair_init(struct pair *pair, struct pair_places *places, uint32_t looks, pid_t guest_thread);

/* How many looks at a mailbox take SPIN_NANOSECONDS here; 0 if there is but one processor for both sides. */
uint32_t pair_looks(void);

/*
 * Takes note of a turn, by the monitor's thread: guest_slept says how it began, when the mailbox was handed over, and
 * `answered` whether the guest's turn then ended while the monitor looked. If one side sleeps, the other one's looking
 * saves little, since the sleeper has to be woken on another core each time; so both look, or none. Returns true when
 * that has confined both, so that they have to be let go after PAIR_MILLISECONDS.
 */
bool pair_waited(struct pair *pair, bool answered);

/* Lets both run where they want, if they are confined. By any thread. */
void pair_release(struct pair *pair);

/* All pairs have been let go, after PAIR_MILLISECONDS. By the thread that did it. */
void pair_round_ended(struct pair_places *places);

#endif
