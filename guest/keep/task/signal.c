/* SPDX-License-Identifier: ISC */
/* signal.c - signals: sending, pending, taking. What a taken one does is in deliver.c. */
#include "task/signal.h"

#include "mm/user.h"
#include "task/task.h"

#include <linux/poll.h>

#include <asm/signal.h>

struct queued {
	struct list link;
	struct signal_info info;
};

/* Those that the program brought about where it stands: they come before all others. */
#define SYNCHRONOUS                                                                            \
	(signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | \
	 signal_bit(SIGFPE) | signal_bit(SIGSYS))
#define NEVER_BLOCKED (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* SIGTSTP, SIGTTIN and SIGTTOU do nothing: nobody outside of the process group could continue it (POSIX: orphaned). */
enum signal_default signal_default(int number)
{
	static const enum signal_default others[SIGNALS + 1] = {
		[SIGCHLD] = SIGNAL_IGNORED, [SIGURG] = SIGNAL_IGNORED,    [SIGWINCH] = SIGNAL_IGNORED,
		[SIGTSTP] = SIGNAL_IGNORED, [SIGTTIN] = SIGNAL_IGNORED,   [SIGTTOU] = SIGNAL_IGNORED,
		[SIGSTOP] = SIGNAL_STOPS,   [SIGCONT] = SIGNAL_CONTINUES,
	};

	return others[number];
}

bool signal_is_ignored(const struct process *process, int number)
{
	const uint64_t handler = process->signals.actions[number - 1].handler;
	const enum signal_default by_default = signal_default(number);

	if (handler == (uint64_t)SIG_IGN)
		return true;
	return handler == (uint64_t)SIG_DFL &&
	       (by_default == SIGNAL_IGNORED || by_default == SIGNAL_CONTINUES);
}

/* ---- queues ---- */

void signal_queue_init(struct signal_queue *queue)
{
	queue->pending = 0;
	queue->count = 0;
	list_init(&queue->infos);
}

static void drop(struct signal_queue *queue, struct queued *queued)
{
	list_remove(&queued->link);
	queue->count--;
	free(queued);
}

static void forget(struct signal_queue *queue, signal_set set)
{
	struct queued *queued;

	list_for_each(queued, &queue->infos, struct queued, link)
	{
		if (set & signal_bit(queued->info.number))
			drop(queue, queued);
	}
	queue->pending &= ~set;
}

void signal_queue_clear(struct signal_queue *queue)
{
	forget(queue, ~UINT64_C(0));
}

void signal_forget(struct process *process, signal_set set)
{
	struct task *task;

	forget(&process->signals.queue, set);
	list_for_each(task, &process->tasks, struct task, link_process) forget(&task->signals.queue, set);
}

bool signal_add_overrun(struct signal_queue *queue, int number, int timer, int count)
{
	struct queued *queued;

	list_for_each(queued, &queue->infos, struct queued, link)
	{
		struct signal_info *info = &queued->info;

		if (info->number != number || info->code != SIGNAL_TIMER || info->timer.timer != timer)
			continue;
		if (__builtin_add_overflow(info->timer.overrun, count, &info->timer.overrun))
			info->timer.overrun = INT32_MAX;
		return true;
	}
	return false;
}

/* What the kernel sends is limited, too, but only what a program sends with a value, to be queued, can fail. */
static bool may_fail(const struct signal_info *info)
{
	return info->number >= SIGRTMIN && info->code < SIGNAL_USER && info->code != SIGNAL_TIMER;
}

static int enqueue(struct signal_queue *queue, const struct signal_info *info, uint64_t limit)
{
	const signal_set bit = signal_bit(info->number);
	struct queued *queued;

	if (info->number < SIGRTMIN && queue->pending & bit)
		return 0;
	queued = queue->count < limit ? malloc(sizeof *queued) : NULL;
	if (!queued && may_fail(info))
		return -EAGAIN;
	queue->pending |= bit;
	if (!queued)
		return 0;
	queued->info = *info;
	queue->count++;
	list_add(&queue->infos, &queued->link);
	return 0;
}

/* Takes the oldest of a number that is pending. */
static void dequeue(struct signal_queue *queue, int number, struct signal_info *info)
{
	struct queued *found = NULL;
	bool more = false;
	struct queued *queued;

	list_for_each(queued, &queue->infos, struct queued, link)
	{
		if (queued->info.number != number)
			continue;
		more = found != NULL;
		if (more)
			break;
		found = queued;
	}
	*info = (struct signal_info){ .number = number };
	if (found) {
		*info = found->info;
		drop(queue, found);
	}
	if (!more)
		queue->pending &= ~signal_bit(number);
}

/* ---- pending ---- */

signal_set signal_pending(const struct task *task)
{
	return task->signals.queue.pending | task->process->signals.queue.pending;
}

bool signal_is_due(const struct task *task)
{
	const struct process *process = task->process;
	const signal_set common = task->signals.called ? process->signals.queue.pending : 0;

	return process->ending || process->signals.stopped ||
	       ((task->signals.queue.pending | common) & ~task->signals.blocked);
}

static void call_task(struct task *task)
{
	task->signals.called = true;
	task_interrupt(task);
}

void signal_call_others(const struct task *task, signal_set set)
{
	const signal_set left = set & task->process->signals.queue.pending;
	struct task *other;

	if (!left)
		return;
	list_for_each(other, &task->process->tasks, struct task, link_process)
	{
		if (other != task && left & ~other->signals.blocked)
			call_task(other);
	}
}

static int lowest(signal_set set)
{
	return set ? __builtin_ctzll(set) + 1 : 0;
}

int signal_take(struct task *task, signal_set set, struct signal_info *info)
{
	const signal_set pending = signal_pending(task) & set;
	const int number = lowest(pending & SYNCHRONOUS ? pending & SYNCHRONOUS : pending);

	if (!number)
		return 0;
	if (task->signals.queue.pending & signal_bit(number))
		dequeue(&task->signals.queue, number, info);
	else
		dequeue(&task->process->signals.queue, number, info);
	if (info->code == SIGNAL_TIMER)
		process_timer_delivered(task->process, info);
	return number;
}

void signal_set_blocked(signal_set blocked)
{
	struct task *task = current_task();
	const signal_set left = blocked & ~task->signals.blocked;

	task->signals.blocked = blocked & ~NEVER_BLOCKED;
	if (task->process->signals.queue.pending & ~task->signals.blocked)
		task->signals.called = true;
	signal_call_others(task, left);
}

/* ---- sending ---- */

/* Stopping and continuing undo each other, even when nobody takes them. */
static void before_sending(struct process *process, int number)
{
	if (number == SIGCONT) {
		signal_forget(process, signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) |
					       signal_bit(SIGTTOU));
		process->signals.stopped = false;
		waiters_wake_all(&process->signals.continued, 0);
	}
	if (signal_default(number) == SIGNAL_STOPS)
		signal_forget(process, signal_bit(SIGCONT));
	if (number == SIGKILL) {
		process->signals.stopped = false;
		waiters_wake_all(&process->signals.continued, 0);
	}
}

/* An ignored signal is gone at once, but one that is blocked waits: what is done with it may change. */
static bool is_lost(const struct process *process, const struct task *task, int number)
{
	const signal_set bit = signal_bit(number);

	return signal_is_ignored(process, number) && !(task->signals.blocked & bit) &&
	       !(task->signals.has_saved && task->signals.saved & bit);
}

int signal_task(struct task *task, const struct signal_info *info)
{
	struct process *process = task->process;
	int error;

	before_sending(process, info->number);
	if (is_lost(process, task, info->number))
		return 0;
	error = enqueue(&task->signals.queue, info, process->limits[TASK_LIMIT_SIGNALS].soft);
	if (error)
		return error;
	if (!(task->signals.blocked & signal_bit(info->number)))
		task_interrupt(task);
	waiters_wake_all(&process->signals.waiters, POLLIN);
	return 0;
}

/* Who is to take a process's signal: as on Linux, its first task if that lives and wants it, whoever runs now. */
static struct task *taker(struct process *process, int number)
{
	const signal_set bit = signal_bit(number);
	struct task *task;

	list_for_each(task, &process->tasks, struct task, link_process)
	{
		if (!(task->signals.blocked & bit))
			return task;
	}
	return NULL;
}

int signal_process(struct process *process, const struct signal_info *info)
{
	struct task *task;
	int error;

	before_sending(process, info->number);
	if (list_is_empty(&process->tasks))
		return 0;
	task = taker(process, info->number);
	if (task && is_lost(process, task, info->number))
		return 0;
	error = enqueue(&process->signals.queue, info, process->limits[TASK_LIMIT_SIGNALS].soft);
	if (error)
		return error;
	if (task)
		call_task(task);
	waiters_wake_all(&process->signals.waiters, POLLIN);
	return 0;
}

void signal_fault(int number, int code, uint64_t address)
{
	struct task *task = current_task();
	struct signal_action *action = &task->process->signals.actions[number - 1];
	struct signal_info info = { .number = number, .code = code };

	info.fault.address = address;
	/* The program cannot go on: if it does not want to know, it ends. */
	if (action->handler == (uint64_t)SIG_IGN || task->signals.blocked & signal_bit(number)) {
		action->handler = (uint64_t)SIG_DFL;
		task->signals.blocked &= ~signal_bit(number);
	}
	(void)signal_task(task, &info);
}

int signal_mask_for_call(uint64_t set, uint64_t size)
{
	struct task_signals *signals = &current_task()->signals;
	signal_set blocked;
	int error;

	if (!set)
		return 0;
	if (size != sizeof blocked)
		return -EINVAL;
	error = user_read(&blocked, set, sizeof blocked);
	if (error)
		return error;
	signals->saved = signals->blocked;
	signals->has_saved = true;
	signal_set_blocked(blocked);
	return 0;
}
