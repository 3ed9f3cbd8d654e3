/* SPDX-License-Identifier: ISC */
/*
 * spin.h - how long to look for the peer before sleeping. A peer on another core answers within a fraction
 * of a microsecond, and sleeping costs many times that; a peer that waits for this very core never answers
 * while one looks. Which it is shows in the outcome: what pays is done more, what does not is given up,
 * and tried again now and then.
 */
#ifndef POSTERN_RING3_SPIN_H
#define POSTERN_RING3_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SPIN_MOST = 2000, /* looks, of about 5 ns on current processors: some 10 us */
	SPIN_LEAST = 64,  /* below this it is given up */
	SPIN_RETRY = 256, /* waits until it is tried again */
};

struct spin {
	uint32_t budget; /* looks before sleeping */
	uint32_t waits;  /* since it was given up */
};

static inline struct spin spin_new(void)
{
	return (struct spin){ .budget = SPIN_MOST };
}

/* Learns from a wait: whether the peer answered while one looked. */
static inline void spin_learn(struct spin *spin, bool answered)
{
	if (answered) {
		spin->budget = spin->budget < SPIN_MOST / 2 ? 2 * spin->budget + SPIN_LEAST : SPIN_MOST;
		return;
	}
	spin->budget = spin->budget / 2 < SPIN_LEAST ? 0 : spin->budget / 2;
	if (!spin->budget && ++spin->waits >= SPIN_RETRY) {
		spin->waits = 0;
		spin->budget = SPIN_MOST;
	}
}

#endif
