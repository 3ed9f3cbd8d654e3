/* SPDX-License-Identifier: ISC */
/* wait.c - sleeping, and being woken: by a queue, a deadline, or a signal. */
#include "task/wait.h"

#include "task/task.h"

void waiters_init(struct waiters *waiters)
{
	list_init(&waiters->list);
}

void waiter_init(struct waiter *waiter)
{
	*waiter = (struct waiter){ .task = current_task() };
	list_init(&waiter->link);
}

void waiter_add(struct waiters *waiters, struct waiter *waiter)
{
	/* Those who all want to be woken come first, so that the walk ends with the last exclusive one that counts. */
	if (waiter->exclusive)
		list_add(&waiters->list, &waiter->link);
	else
		list_add_behind(&waiters->list, &waiter->link);
}

void waiter_remove(struct waiter *waiter)
{
	list_remove(&waiter->link);
}

static bool wake(struct waiter *waiter, unsigned what)
{
	if (waiter->wake)
		return waiter->wake(waiter, what);
	/* Who was woken by another and has not run yet does not take this one as well. */
	if (waiter->woken && waiter->exclusive)
		return false;
	waiter->woken = true;
	task_wake(waiter->task);
	return true;
}

void waiters_wake(struct waiters *waiters, unsigned count, unsigned what)
{
	struct waiter *waiter;

	list_for_each(waiter, &waiters->list, struct waiter, link)
	{
		const bool exclusive = waiter->exclusive;

		if (exclusive && !count)
			return;
		if (wake(waiter, what) && exclusive)
			count--;
	}
}

void task_prepare_sleep(void)
{
	current_task()->woken = false;
}

static void on_deadline(struct timer *timer)
{
	struct task *task = container_of(timer, struct task, deadline);

	task->timed_out = true;
	task_make_ready(task);
}

static int why_awake(const struct task *task)
{
	if (task->woken)
		return 0;
	if (task->interruptible && signal_is_due(task))
		return -EINTR;
	return task->timed_out ? -ETIMEDOUT : 0;
}

int task_sleep(uint64_t deadline, bool interruptible)
{
	struct task *task = current_task();

	task->interruptible = interruptible;
	task->timed_out = deadline != FOREVER && deadline <= clock_monotonic();
	if (task->woken || task->timed_out || (interruptible && signal_is_due(task)))
		return why_awake(task);
	if (deadline != FOREVER) {
		timer_init(&task->deadline, on_deadline);
		timer_set(&task->deadline, deadline);
	}
	task->state = TASK_SLEEPING;
	schedule_away();
	if (deadline != FOREVER)
		timer_cancel(&task->deadline);
	return why_awake(task);
}

int wait_on(struct waiters *waiters, uint64_t deadline, bool interruptible)
{
	struct waiter waiter;
	int result;

	waiter_init(&waiter);
	task_prepare_sleep();
	waiter_add(waiters, &waiter);
	result = task_sleep(deadline, interruptible);
	waiter_remove(&waiter);
	return result;
}
