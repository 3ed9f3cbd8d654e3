/* SPDX-License-Identifier: ISC */
/* deliver.c - what signals do on the way back to the program, and what becomes of a call that they interrupted. */
#include "arch/arch.h"
#include "task/signal.h"
#include "task/task.h"

#include <asm/signal.h>
#include <asm/unistd.h>

enum { SYSTEM_CALL_INSTRUCTION = 2 /* bytes */ };

/* ---- interrupted calls ---- */

static void begin_again(struct registers *registers, uint64_t number)
{
	registers->rax = number;
	registers->rip -= SYSTEM_CALL_INSTRUCTION;
}

static bool was_interrupted(const struct task *task, const struct registers *registers)
{
	return task->system_call != NO_SYSTEM_CALL && is_restart((int64_t)registers->rax);
}

static void restart_before_handler(struct task *task, struct registers *registers, uint64_t flags)
{
	const int64_t result = (int64_t)registers->rax;

	if (!was_interrupted(task, registers))
		return;
	if (result == RESTART_ALWAYS || (result == RESTART_IF_ASKED && flags & SA_RESTART))
		begin_again(registers, task->system_call);
	else
		registers->rax = (uint64_t)-EINTR;
	task->system_call = NO_SYSTEM_CALL;
}

static void restart_without_handler(struct task *task, struct registers *registers)
{
	if (!was_interrupted(task, registers))
		return;
	if ((int64_t)registers->rax == RESTART_WITH_BLOCK)
		begin_again(registers, __NR_restart_syscall);
	else
		begin_again(registers, task->system_call);
	task->system_call = NO_SYSTEM_CALL;
}

/* ---- delivery ---- */

static void stop(struct process *process)
{
	struct task *task;

	process->signals.stopped = true;
	list_for_each(task, &process->tasks, struct task, link_process)
	{
		if (task != current_task())
			task_interrupt(task);
	}
}

static void stay_stopped(struct process *process)
{
	while (process->signals.stopped && !process->ending)
		(void)wait_on(&process->signals.continued, FOREVER, false);
}

static void do_default(struct process *process, int number)
{
	switch (signal_default(number)) {
	case SIGNAL_ENDS:
		process_exit(number);
	case SIGNAL_STOPS:
		stop(process);
		break;
	case SIGNAL_IGNORED:
	case SIGNAL_CONTINUES:
		break;
	}
}

/* The mask within the handler. */
static signal_set mask_in_handler(const struct task *task, const struct signal_action *action, int number)
{
	signal_set mask = task->signals.blocked | action->mask;

	if (!(action->flags & SA_NODEFER))
		mask |= signal_bit(number);
	return mask;
}

/* A handler that cannot be entered is a fault of the program; one of SIGSEGV itself is its end. */
static void frame_failed(struct task *task, int number)
{
	if (number == SIGSEGV)
		task->process->signals.actions[SIGSEGV - 1].handler = (uint64_t)SIG_DFL;
	signal_fault(SIGSEGV, SIGNAL_KERNEL, 0);
}

static void enter_handler(struct task *task, struct registers *registers, const struct signal_info *info)
{
	struct signal_action *shared = &task->process->signals.actions[info->number - 1];
	const struct signal_action action = *shared;
	const signal_set mask = task->signals.has_saved ? task->signals.saved : task->signals.blocked;

	restart_before_handler(task, registers, action.flags);
	if (action.flags & SA_RESETHAND)
		shared->handler = (uint64_t)SIG_DFL;
	if (signal_frame_push(registers, &action, info, mask)) {
		frame_failed(task, info->number);
		return;
	}
	task->signals.has_saved = false;
	signal_set_blocked(mask_in_handler(task, &action, info->number));
}

static void do_signal(struct task *task, struct registers *registers, const struct signal_info *info)
{
	const uint64_t handler = task->process->signals.actions[info->number - 1].handler;

	if (handler == (uint64_t)SIG_IGN)
		return;
	if (handler == (uint64_t)SIG_DFL)
		do_default(task->process, info->number);
	else
		enter_handler(task, registers, info);
}

static void restore_mask(struct task *task)
{
	if (!task->signals.has_saved)
		return;
	task->signals.has_saved = false;
	signal_set_blocked(task->signals.saved);
}

void signal_deliver(struct registers *registers)
{
	struct task *task = current_task();
	struct process *process = task->process;
	struct signal_info info;

	for (;;) {
		while (signal_is_due(task)) {
			if (process->ending)
				task_exit(process->status);
			stay_stopped(process);
			if (signal_take(task, ~task->signals.blocked, &info))
				do_signal(task, registers, &info);
		}
		restart_without_handler(task, registers);
		task->signals.called = false;
		if (!task->signals.has_saved)
			return;
		/* The old mask may let signals through that the other did not. */
		restore_mask(task);
	}
}
