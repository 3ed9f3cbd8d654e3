/* SPDX-License-Identifier: ISC */
/* clock.h - times as programs give them, and the deadlines that they mean. */
#ifndef KEEP_TASK_CLOCK_H
#define KEEP_TASK_CLOCK_H

#include "task/wait.h"

#define NANOSECONDS UINT64_C(1000000000) /* in a second */

/* Linux's struct timespec, and with microseconds, struct timeval. */
struct time_value {
	int64_t seconds, part;
};

static inline bool time_is_valid(const struct time_value *value)
{
	return value->seconds >= 0 && value->part >= 0 && (uint64_t)value->part < NANOSECONDS;
}

/* Nanoseconds of a valid time; FOREVER if they are too many. */
uint64_t time_nanoseconds(const struct time_value *value);
struct time_value time_of(uint64_t nanoseconds);
struct time_value time_of_micro(uint64_t nanoseconds); /* with microseconds */

/* Nanoseconds between two values of the clocks. */
uint64_t clock_resolution(void);

/* The deadline after that time, from now; at that time of the monotonic clock or of the other. */
uint64_t deadline_after(const struct time_value *value);
uint64_t deadline_at(const struct time_value *value, bool realtime);
/* A sum that ends at FOREVER. */
uint64_t time_add(uint64_t left, uint64_t right);

/* Of a timer with a period: the next time that is not too soon, and how many there were up to it. */
uint64_t time_of_next(uint64_t deadline, uint64_t interval, uint64_t *count);

#endif
