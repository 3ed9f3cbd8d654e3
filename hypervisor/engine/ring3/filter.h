/* SPDX-License-Identifier: ISC */
/* filter.h - the seccomp filter of a guest process. */
#ifndef POSTERN_RING3_FILTER_H
#define POSTERN_RING3_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

/* The program, and its length in instructions. */
const struct sock_filter *ring3_filter(size_t *length);

#endif
