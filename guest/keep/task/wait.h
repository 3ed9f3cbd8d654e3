/* SPDX-License-Identifier: ISC */
/* wait.h - sleeping until something happens: queues of waiters, deadlines, signals; and timers. */
#ifndef KEEP_TASK_WAIT_H
#define KEEP_TASK_WAIT_H

#include "keep.h"

struct task;

/* Never. Deadlines are nanoseconds of the monotonic clock. */
#define FOREVER UINT64_MAX

/* Those who wait for one thing. All zero is not valid: waiters_init(). */
struct waiters {
	struct list list;
};

/* One who waits, on its stack. A task may wait in several queues at once, with a waiter for each. */
struct waiter {
	struct list link;
	struct task *task;
	/*
	 * NULL: the task is woken. Otherwise it is called when the queue is woken (epoll). Returns whether it took the
	 * wake-up, so that it counts.
	 */
	bool (*wake)(struct waiter *waiter, unsigned what);
	bool exclusive; /* one wake-up is enough for all such */
	bool woken;
};

void waiters_init(struct waiters *waiters);
/* Makes a waiter of the current task. */
void waiter_init(struct waiter *waiter);
void waiter_add(struct waiters *waiters, struct waiter *waiter);
void waiter_remove(struct waiter *waiter);

/*
 * The current task sleeps until it is woken, at once if one of its waiters has been since task_prepare_sleep(). Returns
 * 0, -ETIMEDOUT, or if `interruptible`, -EINTR when a signal is to be handled. May return 0 for no reason.
 */
void task_prepare_sleep(void);
int task_sleep(uint64_t deadline, bool interruptible);

/* All of it, for one queue: sleeps until it is woken. The caller looks again at what it waits for. */
int wait_on(struct waiters *waiters, uint64_t deadline, bool interruptible);

/* Sleeps until the condition is true; the value is that of wait_on(). */
#define WAIT_UNTIL(waiters, deadline, interruptible, condition)                         \
	({                                                                              \
		int wait_result_ = 0;                                                   \
		while (!(condition) && !wait_result_)                                   \
			wait_result_ = wait_on((waiters), (deadline), (interruptible)); \
		(condition) ? 0 : wait_result_;                                         \
	})

/* Wakes `count` exclusive waiters, and all others. `what`: poll(2)'s bits of what has happened, for callbacks. */
void waiters_wake(struct waiters *waiters, unsigned count, unsigned what);
static inline void waiters_wake_all(struct waiters *waiters, unsigned what)
{
	waiters_wake(waiters, UINT32_MAX, what);
}

/* A poll(2), select(2) or epoll(7) under way: a file's poll() passes each queue that it may be woken by. */
struct poll_table {
	void (*add)(struct poll_table *table, struct waiters *waiters);
};
static inline void poll_add(struct poll_table *table, struct waiters *waiters)
{
	if (table)
		table->add(table, waiters);
}

/* ---- timers ---- */

/*
 * Calls `run` when its time has come, in the kernel, with its lock. run() may set it again, or free it; it must not
 * sleep. Timers are in a pairing heap, so that setting one needs no memory.
 */
struct timer {
	struct timer *child, *next; /* the first below it, and the next beside it */
	struct timer **link;        /* who points to it; NULL: not set */
	uint64_t deadline;
	void (*run)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*run)(struct timer *timer));
void timer_set(struct timer *timer, uint64_t deadline); /* in place of the time that it had */
bool timer_cancel(struct timer *timer);                 /* returns whether it was set */
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->link != NULL;
}

/* The deadline of the first timer, or FOREVER. Runs those whose deadline has come. */
uint64_t timers_first(void);
void timers_run(uint64_t now);

/* Nanoseconds of the monotonic clock, and since 1970. */
uint64_t clock_monotonic(void);
uint64_t clock_realtime(void);

#endif
