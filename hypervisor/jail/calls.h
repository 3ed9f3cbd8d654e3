/* SPDX-License-Identifier: ISC */
/* calls.h - the system calls that a monitor may make while its guest runs, each with its reason. */
#ifndef POSTERN_JAIL_CALLS_H
#define POSTERN_JAIL_CALLS_H

#include "jail/jail.h"

#include <seccomp.h>

struct jail_call {
	int number;
	const char *reason;     /* what needs it */
	enum jail_access files; /* only for a guest that was given files, or such as it may change */
	unsigned tests;         /* 1: only if an argument passes the test */
	struct scmp_arg_cmp test;
};

/* Ends with a row without a reason. A call with several rows is allowed by any of them. */
extern const struct jail_call jail_calls[];

#endif
