/* SPDX-License-Identifier: ISC */
/* time.c - system calls of clocks, and of sleeping until they show a time. */
#include "mm/space.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <linux/resource.h>
#include <linux/time.h>

#include <asm/unistd.h>

enum { TICKS_PER_SECOND = 100 };

/* A negative clock is that of the processor time of a process or task: its id inverted, and three bits. */
enum { CPU_CLOCK_SHIFT = 3, CPU_CLOCK_TASK = 4, CPU_CLOCK_KIND = 3 };

static uint64_t read_process_time(void)
{
	return process_time(current_process());
}

static uint64_t read_task_time(void)
{
	return task_time(current_task());
}

static const struct {
	uint64_t (*read)(void);
	bool can_sleep, is_realtime;
} clocks[] = {
	[CLOCK_REALTIME] = { clock_realtime, true, true },
	[CLOCK_MONOTONIC] = { clock_monotonic, true, false },
	[CLOCK_PROCESS_CPUTIME_ID] = { read_process_time, false, false },
	[CLOCK_THREAD_CPUTIME_ID] = { read_task_time, false, false },
	[CLOCK_MONOTONIC_RAW] = { clock_monotonic, false, false },
	[CLOCK_REALTIME_COARSE] = { clock_realtime, false, false },
	[CLOCK_MONOTONIC_COARSE] = { clock_monotonic, false, false },
	[CLOCK_BOOTTIME] = { clock_monotonic, true, false },
	[CLOCK_TAI] = { clock_realtime, true, true },
};

static bool is_clock(int id)
{
	return id >= 0 && (size_t)id < COUNT_OF(clocks) && clocks[id].read;
}

static int read_cpu_clock(int id, uint64_t *nanoseconds)
{
	const int whose = ~(id >> CPU_CLOCK_SHIFT);
	const struct task *task = whose ? task_find(whose) : current_task();

	if ((id & CPU_CLOCK_KIND) == CPU_CLOCK_KIND || !task)
		return -EINVAL;
	if (id & CPU_CLOCK_TASK)
		*nanoseconds = task_time(task);
	else if (!whose || whose == task->process->id)
		*nanoseconds = process_time(task->process);
	else
		return -EINVAL;
	return 0;
}

static int read_clock(int id, uint64_t *nanoseconds)
{
	if (id < 0)
		return read_cpu_clock(id, nanoseconds);
	if (!is_clock(id))
		return -EINVAL;
	*nanoseconds = clocks[id].read();
	return 0;
}

static int write_time(uint64_t to, uint64_t nanoseconds)
{
	const struct time_value value = time_of(nanoseconds);

	return user_write(to, &value, sizeof value);
}

/* ---- clocks ---- */

static int64_t sys_clock_gettime(const uint64_t argument[6])
{
	uint64_t nanoseconds;
	int error = read_clock((int)argument[0], &nanoseconds);

	return error ? error : write_time(argument[1], nanoseconds);
}

static int64_t sys_clock_getres(const uint64_t argument[6])
{
	uint64_t nanoseconds;
	int error = read_clock((int)argument[0], &nanoseconds);

	if (error || !argument[1])
		return error;
	return write_time(argument[1], clock_resolution());
}

/* The host's clock is not the guest's to set. */
static int64_t sys_clock_settime(const uint64_t argument[6])
{
	const int id = (int)argument[0];
	struct time_value value;

	if (!is_clock(id) || id != CLOCK_REALTIME)
		return -EINVAL;
	if (user_read(&value, argument[1], sizeof value))
		return -EFAULT;
	return time_is_valid(&value) ? -EPERM : -EINVAL;
}

static int64_t sys_gettimeofday(const uint64_t argument[6])
{
	const struct time_value value = time_of_micro(clock_realtime());
	const int32_t zone[2] = { 0, 0 };
	int error = argument[0] ? user_write(argument[0], &value, sizeof value) : 0;

	if (!error && argument[1])
		error = user_write(argument[1], zone, sizeof zone);
	return error;
}

static int64_t sys_settimeofday(const uint64_t argument[6])
{
	(void)argument;
	return -EPERM;
}

static int64_t sys_time(const uint64_t argument[6])
{
	const int64_t seconds = (int64_t)(clock_realtime() / NANOSECONDS);
	int error = argument[0] ? user_write(argument[0], &seconds, sizeof seconds) : 0;

	return error ? error : seconds;
}

/* ---- sleeping ---- */

static int sleep_until(uint64_t deadline)
{
	int error;

	do {
		task_prepare_sleep();
		error = task_sleep(deadline, true);
	} while (!error);
	return error;
}

static int64_t go_on_sleeping(const uint64_t argument[4])
{
	const uint64_t deadline = argument[0];
	const uint64_t left_to = argument[1];
	uint64_t now;

	if (sleep_until(deadline) != -EINTR)
		return 0;
	now = clock_monotonic();
	if (left_to && write_time(left_to, deadline > now ? deadline - now : 0))
		return -EFAULT;
	return RESTART_WITH_BLOCK;
}

static int64_t sleep_for(const struct time_value *length, uint64_t left_to)
{
	struct task *task = current_task();

	task->restart = (struct restart){ go_on_sleeping, { deadline_after(length), left_to } };
	return go_on_sleeping(task->restart.argument);
}

static int64_t sys_nanosleep(const uint64_t argument[6])
{
	struct time_value length;
	int error = user_read(&length, argument[0], sizeof length);

	if (error)
		return error;
	return time_is_valid(&length) ? sleep_for(&length, argument[1]) : -EINVAL;
}

static int check_sleep_clock(int id)
{
	if (id < 0 || id == CLOCK_PROCESS_CPUTIME_ID)
		return system_call_missing("clock_nanosleep of processor time");
	if (!is_clock(id) || id == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	return clocks[id].can_sleep ? 0 : -EOPNOTSUPP;
}

static int64_t sys_clock_nanosleep(const uint64_t argument[6])
{
	const int id = (int)argument[0];
	struct time_value time;
	int error = check_sleep_clock(id);

	if (!error)
		error = user_read(&time, argument[2], sizeof time);
	if (!error && !time_is_valid(&time))
		error = -EINVAL;
	if (error)
		return error;
	if (!(argument[1] & TIMER_ABSTIME))
		return sleep_for(&time, argument[3]);
	error = sleep_until(deadline_at(&time, clocks[id].is_realtime));
	return error == -EINTR ? RESTART_IF_UNHANDLED : 0;
}

/* ---- processor time ---- */

/* How much of it was the kernel's is not measured: all counts as the program's. */
static int64_t sys_times(const uint64_t argument[6])
{
	const uint64_t tick = NANOSECONDS / TICKS_PER_SECOND;
	const uint64_t times[4] = { process_time(current_process()) / tick };
	int error = argument[0] ? user_write(argument[0], times, sizeof times) : 0;

	return error ? error : (int64_t)(clock_monotonic() / tick);
}

/* Linux's struct rusage. */
struct usage {
	struct time_value user, system;
	int64_t resident_most, unused[3], minor_faults, major_faults, swaps, blocks_in, blocks_out,
		messages_sent, messages_received, signals, voluntary_switches, involuntary_switches;
};
_Static_assert(sizeof(struct usage) == 144, "as Linux has it");

static void add_task(struct usage *usage, const struct task *task)
{
	usage->voluntary_switches += (int64_t)task->switches;
	usage->involuntary_switches += (int64_t)task->preemptions;
}

static int64_t sys_getrusage(const uint64_t argument[6])
{
	struct process *process = current_process();
	struct usage usage = { 0 };
	struct task *task;

	switch ((int)argument[0]) {
	case RUSAGE_SELF:
		usage.user = time_of_micro(process_time(process));
		list_for_each(task, &process->tasks, struct task, link_process) add_task(&usage, task);
		break;
	case 1 /* RUSAGE_THREAD */:
		usage.user = time_of_micro(task_time(current_task()));
		add_task(&usage, current_task());
		break;
	case RUSAGE_CHILDREN:
		break;
	default:
		return -EINVAL;
	}
	if (argument[0] == RUSAGE_SELF)
		usage.resident_most = (int64_t)(space_resident(process->space) >> 10);
	return user_write(argument[1], &usage, sizeof usage);
}

const struct system_call_row system_calls_time[] = {
	{ __NR_clock_gettime, "clock_gettime", sys_clock_gettime },
	{ __NR_clock_getres, "clock_getres", sys_clock_getres },
	{ __NR_clock_settime, "clock_settime", sys_clock_settime },
	{ __NR_clock_nanosleep, "clock_nanosleep", sys_clock_nanosleep },
	{ __NR_nanosleep, "nanosleep", sys_nanosleep },
	{ __NR_gettimeofday, "gettimeofday", sys_gettimeofday },
	{ __NR_settimeofday, "settimeofday", sys_settimeofday },
	{ __NR_time, "time", sys_time },
	{ __NR_times, "times", sys_times },
	{ __NR_getrusage, "getrusage", sys_getrusage },
	{ 0 },
};
