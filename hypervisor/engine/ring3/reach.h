/* SPDX-License-Identifier: ISC */
/*
 * reach.h - which system calls the filter of a guest process lets through: found by running the filter, not by reading
 * it. For who wants to know, and for tests.
 */
#ifndef POSTERN_RING3_REACH_H
#define POSTERN_RING3_REACH_H

#include <linux/seccomp.h>
#include <stdbool.h>

/* What the filter may do with a call. */
enum ring3_answers {
	RING3_ALLOWS = 1,
	RING3_TRAPS = 2,   /* makes a signal of it, which the guest's kernel gets */
	RING3_KILLS = 4,   /* the process */
	RING3_DIFFERS = 8, /* anything else */
};

/*
 * Answers a set of them: one for a call whose arguments are as they are in `call`; or, with any_arguments, all that
 * there are for whatever arguments.
 */
unsigned ring3_filter_answers(const struct seccomp_data *call, bool any_arguments);

#endif
