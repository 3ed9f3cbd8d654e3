/* SPDX-License-Identifier: ISC */
/* signal.c - system calls of signals. */
#include "task/signal.h"

#include "arch/arch.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <asm/signal.h>
#include <asm/unistd.h>

/* Flags that Linux keeps; it clears others, so that programs can tell which it knows. */
#define ACTION_FLAGS                                                                                 \
	(UINT64_C(SA_NOCLDSTOP) | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
	 (uint64_t)(uint32_t)SA_RESETHAND | SA_RESTORER)
#define KILL_AND_STOP (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* siginfo_t of a program, and what of it is kept. */
enum { INFO_SIZE = 128 };

/* ---- actions and masks ---- */

static int check_set_size(uint64_t size)
{
	return size == sizeof(signal_set) ? 0 : -EINVAL;
}

static int64_t sys_rt_sigaction(const uint64_t argument[6])
{
	const int number = (int)argument[0];
	struct signal_action new, old;
	struct signal_action *action;
	int error = check_set_size(argument[3]);

	if (error || number < 1 || number > SIGNALS || (argument[1] && KILL_AND_STOP & signal_bit(number)))
		return -EINVAL;
	if (argument[1] && user_read(&new, argument[1], sizeof new))
		return -EFAULT;
	action = &current_process()->signals.actions[number - 1];
	old = *action;
	if (argument[1]) {
		new.flags &= ACTION_FLAGS;
		new.mask &= ~KILL_AND_STOP;
		*action = new;
		if (signal_is_ignored(current_process(), number))
			signal_forget(current_process(), signal_bit(number));
	}
	return argument[2] ? user_write(argument[2], &old, sizeof old) : 0;
}

static int64_t sys_rt_sigprocmask(const uint64_t argument[6])
{
	const signal_set old = current_task()->signals.blocked;
	signal_set set;
	int error = check_set_size(argument[3]);

	if (error)
		return error;
	if (argument[1]) {
		error = user_read(&set, argument[1], sizeof set);
		if (error)
			return error;
		switch ((int)argument[0]) {
		case SIG_BLOCK:
			set = old | set;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(set);
	}
	return argument[2] ? user_write(argument[2], &old, sizeof old) : 0;
}

static int64_t sys_rt_sigpending(const uint64_t argument[6])
{
	const struct task *task = current_task();
	const signal_set set = signal_pending(task) & task->signals.blocked;

	if (argument[1] > sizeof set)
		return -EINVAL;
	return user_write(argument[0], &set, argument[1]);
}

/* ---- waiting ---- */

static int64_t wait_for_signal(void)
{
	while (!signal_is_due(current_task())) {
		task_prepare_sleep();
		(void)task_sleep(FOREVER, true);
	}
	return RESTART_IF_UNHANDLED;
}

static int64_t sys_pause(const uint64_t argument[6])
{
	(void)argument;
	return wait_for_signal();
}

static int64_t sys_rt_sigsuspend(const uint64_t argument[6])
{
	int error = check_set_size(argument[1]);

	if (!error)
		error = argument[0] ? signal_mask_for_call(argument[0], argument[1]) : -EFAULT;
	return error ? error : wait_for_signal();
}

static int write_info(uint64_t to, const struct signal_info *info)
{
	uint8_t whole[INFO_SIZE] = { 0 };

	memcpy(whole, info, sizeof *info);
	return user_write(to, whole, sizeof whole);
}

static int64_t take_awaited(signal_set set, uint64_t deadline, struct signal_info *info)
{
	struct task *task = current_task();
	int number;

	for (;;) {
		int error;

		number = signal_take(task, set, info);
		if (number)
			return number;
		error = wait_on(&task->process->signals.waiters, deadline, true);
		if (!error)
			continue;
		/* Both may have happened. */
		number = signal_take(task, set, info);
		return number ? number : error == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
}

static int64_t sys_rt_sigtimedwait(const uint64_t argument[6])
{
	uint64_t deadline = FOREVER;
	struct time_value timeout;
	struct signal_info info;
	signal_set set;
	int64_t number;
	int error = check_set_size(argument[3]);

	if (!error)
		error = user_read(&set, argument[0], sizeof set);
	if (!error && argument[2])
		error = user_read(&timeout, argument[2], sizeof timeout);
	if (!error && argument[2] && !time_is_valid(&timeout))
		error = -EINVAL;
	if (error)
		return error;
	if (argument[2])
		deadline = deadline_after(&timeout);
	number = take_awaited(set & ~KILL_AND_STOP, deadline, &info);
	if (number > 0 && argument[1])
		error = write_info(argument[1], &info);
	return error ? error : number;
}

/* ---- sending ---- */

static struct signal_info info_of_sender(int number, int code)
{
	struct signal_info info = { .number = number, .code = code };

	info.sender.process = current_process()->id;
	info.sender.user = current_process()->identity.user[ID_REAL];
	return info;
}

static bool is_number(uint64_t number)
{
	return (int)number >= 0 && (int)number <= SIGNALS;
}

/* There is one process; 0 and the group's number with a minus mean its group, and -1 all others. */
static int64_t sys_kill(const uint64_t argument[6])
{
	struct process *process = current_process();
	const int id = (int)argument[0];
	struct signal_info info;

	if (!is_number(argument[1]))
		return -EINVAL;
	if (id != process->id && id && (id == -1 || id != -process->group))
		return -ESRCH;
	if (!(int)argument[1])
		return 0;
	info = info_of_sender((int)argument[1], SIGNAL_USER);
	return signal_process(process, &info);
}

static int64_t send_to_task(int id, uint64_t number)
{
	struct signal_info info;
	struct task *task;

	if (id <= 0 || !is_number(number))
		return -EINVAL;
	task = task_find(id);
	if (!task)
		return -ESRCH;
	if (!(int)number)
		return 0;
	info = info_of_sender((int)number, SIGNAL_TKILL);
	return signal_task(task, &info);
}

static int64_t sys_tkill(const uint64_t argument[6])
{
	return send_to_task((int)argument[0], argument[1]);
}

static int64_t sys_tgkill(const uint64_t argument[6])
{
	if ((int)argument[0] <= 0)
		return -EINVAL;
	if ((int)argument[0] != current_process()->id)
		return (int)argument[1] <= 0 || !is_number(argument[2]) ? -EINVAL : -ESRCH;
	return send_to_task((int)argument[1], argument[2]);
}

/* A process may tell itself anything. Returns 0 and the information, or an error. */
static int read_info(uint64_t from, uint64_t number, struct signal_info *info)
{
	int error = user_read(info, from, sizeof *info);

	if (error)
		return error;
	if (!is_number(number))
		return -EINVAL;
	info->number = (int)number;
	return 0;
}

static int64_t sys_rt_sigqueueinfo(const uint64_t argument[6])
{
	struct signal_info info;
	int error = read_info(argument[2], argument[1], &info);

	if (error)
		return error;
	if ((int)argument[0] != current_process()->id)
		return task_find((int)argument[0]) ? -EPERM : -ESRCH;
	return info.number ? signal_process(current_process(), &info) : 0;
}

static int64_t sys_rt_tgsigqueueinfo(const uint64_t argument[6])
{
	struct signal_info info;
	struct task *task;
	int error = read_info(argument[3], argument[2], &info);

	if (error)
		return error;
	if ((int)argument[0] <= 0 || (int)argument[1] <= 0)
		return -EINVAL;
	task = (int)argument[0] == current_process()->id ? task_find((int)argument[1]) : NULL;
	if (!task)
		return -ESRCH;
	return info.number ? signal_task(task, &info) : 0;
}

/* ---- stacks and frames ---- */

static int64_t sys_sigaltstack(const uint64_t argument[6])
{
	const uint64_t pointer = current_task()->registers->rsp;
	const struct signal_stack old = signal_stack_get(pointer);
	struct signal_stack new;
	int error;

	if (argument[0]) {
		error = user_read(&new, argument[0], sizeof new);
		if (!error)
			error = signal_stack_set(&new, pointer);
		if (error)
			return error;
	}
	return argument[1] ? user_write(argument[1], &old, sizeof old) : 0;
}

/* Answers what rax was. */
static int64_t sys_rt_sigreturn(const uint64_t argument[6])
{
	struct task *task = current_task();

	(void)argument;
	if (signal_frame_pop(task->registers))
		signal_fault(SIGSEGV, SIGNAL_KERNEL, 0);
	/* What rax was is not an answer of this call, whatever it looks like. */
	task->system_call = NO_SYSTEM_CALL;
	return (int64_t)task->registers->rax;
}

static int64_t sys_restart_syscall(const uint64_t argument[6])
{
	struct task *task = current_task();
	const struct restart restart = task->restart;

	(void)argument;
	task->restart.run = NULL;
	if (!restart.run)
		return -EINTR;
	/* If it is interrupted again, it goes on from there. */
	task->restart = restart;
	return restart.run(restart.argument);
}

const struct system_call_row system_calls_signal[] = {
	{ __NR_rt_sigaction, "rt_sigaction", sys_rt_sigaction },
	{ __NR_rt_sigprocmask, "rt_sigprocmask", sys_rt_sigprocmask },
	{ __NR_rt_sigpending, "rt_sigpending", sys_rt_sigpending },
	{ __NR_rt_sigsuspend, "rt_sigsuspend", sys_rt_sigsuspend },
	{ __NR_rt_sigtimedwait, "rt_sigtimedwait", sys_rt_sigtimedwait },
	{ __NR_rt_sigqueueinfo, "rt_sigqueueinfo", sys_rt_sigqueueinfo },
	{ __NR_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo },
	{ __NR_rt_sigreturn, "rt_sigreturn", sys_rt_sigreturn },
	{ __NR_restart_syscall, "restart_syscall", sys_restart_syscall },
	{ __NR_pause, "pause", sys_pause },
	{ __NR_kill, "kill", sys_kill },
	{ __NR_tkill, "tkill", sys_tkill },
	{ __NR_tgkill, "tgkill", sys_tgkill },
	{ __NR_sigaltstack, "sigaltstack", sys_sigaltstack },
	{ 0 },
};
