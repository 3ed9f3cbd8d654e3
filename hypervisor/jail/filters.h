/* SPDX-License-Identifier: ISC */
/* filters.h - the filters of system calls that the build made of calls.c, and whether they are relaxed. */
#ifndef POSTERN_JAIL_FILTERS_H
#define POSTERN_JAIL_FILTERS_H

#include "jail/jail.h"

#include <linux/filter.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define JAIL_IS_RELAXED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_IS_RELAXED 1
#endif
#ifndef JAIL_IS_RELAXED
#define JAIL_IS_RELAXED 0
#endif

/* By enum jail_access. */
extern const struct sock_fprog jail_filters[];

#endif
