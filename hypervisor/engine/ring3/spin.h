/* SPDX-License-Identifier: ISC */
/*
 * spin.h - how long to look for the peer before sleeping. A peer on another core answers within a fraction
 * of a microsecond, and sleeping costs many times that; a peer that waits for this very core never answers
 * while one looks. Which it is shows in the outcome: what pays is done more, what does not is given up,
 * and tried again now and then, at ever longer intervals.
 */
#ifndef POSTERN_RING3_SPIN_H
#define POSTERN_RING3_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SPIN_NANOSECONDS = 10000, /* the longest look that pays */
	SPIN_RETRY = 256,         /* waits until it is tried again, at first */
	SPIN_LAST_RETRY = 16384,  /* and after it was in vain again and again */
	/*
	 * Turns that a try takes before it counts. Both sides were asleep and have to be woken, so who is awake looks
	 * that many times as long.
	 */
	SPIN_RETRY_TURNS = 2,
	SPIN_RETRY_TIMES = 5,
};

struct spin {
	uint32_t most;   /* looks that take SPIN_NANOSECONDS; 0: the peer has no other core, so never look */
	uint32_t budget; /* looks before sleeping */
	uint32_t waits;  /* since it was given up */
	uint32_t retry;  /* how many of those until it is tried again */
	uint32_t turns;  /* that the try still takes */
};

static inline struct spin spin_new(uint32_t most)
{
	return (struct spin){ .most = most, .budget = most, .retry = SPIN_RETRY };
}

/* How often to look now. */
static inline uint32_t spin_looks(const struct spin *spin)
{
	return spin->turns ? spin->most * SPIN_RETRY_TIMES : spin->budget;
}

/* Learns from a wait: whether the peer answered while one looked. Returns whether it is tried again from now on. */
static inline bool spin_learn(struct spin *spin, bool answered)
{
	const uint32_t least = spin->most / 16;

	if (spin->turns) {
		spin->turns--;
		return false;
	}
	if (answered) {
		spin->budget = spin->budget < spin->most / 2 ? 2 * spin->budget + least : spin->most;
		spin->retry = SPIN_RETRY;
		return false;
	}
	spin->budget = spin->budget / 2 < least ? 0 : spin->budget / 2;
	if (spin->budget || !spin->most || ++spin->waits < spin->retry)
		return false;
	spin->retry = spin->retry < SPIN_LAST_RETRY ? 2 * spin->retry : SPIN_LAST_RETRY;
	spin->budget = spin->most;
	spin->waits = 0;
	spin->turns = SPIN_RETRY_TURNS;
	return true;
}

#endif
