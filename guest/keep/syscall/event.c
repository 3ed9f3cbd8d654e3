/* SPDX-License-Identifier: ISC */
/* event.c - system calls of files that are about events: eventfd(2), timerfd_create(2), signalfd(2), epoll(7). */
#include "fs/event.h"

#include "fs/descriptors.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <linux/signalfd.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include <asm/fcntl.h>
#include <asm/unistd.h>

/* Gives a new file a descriptor. */
static int64_t add(struct file *file, uint64_t flags)
{
	return file ? descriptor_add(file, 0, flags & O_CLOEXEC) : -ENOMEM;
}

/* A descriptor's file of the wanted kind, held; or NULL with *error. */
static struct file *file_of(uint64_t number, bool (*is_kind)(const struct file *file), int *error)
{
	struct file *file = descriptor_file(number);

	*error = -EBADF;
	if (!file || is_kind(file))
		return file;
	*error = -EINVAL;
	file_drop(file);
	return NULL;
}

/* ---- eventfd ---- */

/* Its flags are in a header of Linux from 6.7 on only. */
enum { EFD_SEMAPHORE = 1, EFD_CLOEXEC = O_CLOEXEC, EFD_NONBLOCK = O_NONBLOCK };

static int64_t sys_eventfd2(const uint64_t argument[6])
{
	const uint64_t flags = (uint32_t)argument[1];

	if (flags & ~(uint64_t)(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	return add(counter_create((uint32_t)argument[0], flags & EFD_SEMAPHORE, (unsigned)flags & O_NONBLOCK),
		   flags);
}

static int64_t sys_eventfd(const uint64_t argument[6])
{
	return add(counter_create((uint32_t)argument[0], false, 0), 0);
}

/* ---- timerfd ---- */

/* Linux's struct itimerspec. */
struct timer_value {
	struct time_value interval, value;
};

/* Without the clocks that wake a machine which sleeps. */
static int64_t sys_timerfd_create(const uint64_t argument[6])
{
	const int clock = (int)argument[0];
	const uint64_t flags = (uint32_t)argument[1];

	if (flags & ~(uint64_t)(TFD_CLOEXEC | TFD_NONBLOCK))
		return -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	return add(timer_file_create(clock == CLOCK_REALTIME, (unsigned)flags & O_NONBLOCK), flags);
}

static int tell_timer(const struct file *file, uint64_t address)
{
	uint64_t times[2];
	struct timer_value value;

	timer_file_get(file, times);
	value = (struct timer_value){ time_of(times[1]), time_of(times[0]) };
	return user_write(address, &value, sizeof value);
}

static uint64_t deadline_of(const struct file *file, const struct time_value *value, bool is_absolute)
{
	if (!value->seconds && !value->part)
		return FOREVER;
	return is_absolute ? deadline_at(value, timer_file_is_realtime(file)) : deadline_after(value);
}

static int set_timer(struct file *file, const uint64_t argument[6])
{
	struct timer_value wanted;
	int error = 0;

	if (user_read(&wanted, argument[2], sizeof wanted))
		return -EFAULT;
	if (!time_is_valid(&wanted.interval) || !time_is_valid(&wanted.value))
		return -EINVAL;
	if (argument[3])
		error = tell_timer(file, argument[3]);
	if (!error)
		timer_file_set(file, deadline_of(file, &wanted.value, argument[1] & TFD_TIMER_ABSTIME),
			       time_nanoseconds(&wanted.interval));
	return error;
}

/* TFD_TIMER_CANCEL_ON_SET changes nothing, since nobody sets the clock. */
static int64_t sys_timerfd_settime(const uint64_t argument[6])
{
	struct file *file;
	int error;

	if ((uint32_t)argument[1] & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	file = file_of(argument[0], timer_file_is, &error);
	if (!file)
		return error;
	error = set_timer(file, argument);
	file_drop(file);
	return error;
}

static int64_t sys_timerfd_gettime(const uint64_t argument[6])
{
	int error;
	struct file *file = file_of(argument[0], timer_file_is, &error);

	if (!file)
		return error;
	error = tell_timer(file, argument[1]);
	file_drop(file);
	return error;
}

/* ---- signalfd ---- */

static int64_t change_signals(uint64_t descriptor, signal_set set)
{
	int error;
	struct file *file = file_of(descriptor, signal_file_is, &error);

	if (!file)
		return error;
	signal_file_set(file, set);
	file_drop(file);
	return (int64_t)(uint32_t)descriptor;
}

static int64_t sys_signalfd4(const uint64_t argument[6])
{
	const uint64_t flags = (uint32_t)argument[3];
	signal_set set;

	if (flags & ~(uint64_t)(SFD_CLOEXEC | SFD_NONBLOCK) || argument[2] != sizeof set)
		return -EINVAL;
	if (user_read(&set, argument[1], sizeof set))
		return -EFAULT;
	if ((int32_t)argument[0] != -1)
		return change_signals(argument[0], set);
	return add(signal_file_create(set, (unsigned)flags & O_NONBLOCK), flags);
}

static int64_t sys_signalfd(const uint64_t argument[6])
{
	return sys_signalfd4((const uint64_t[6]){ argument[0], argument[1], argument[2] });
}

/* ---- epoll ---- */

static int64_t sys_epoll_create1(const uint64_t argument[6])
{
	if ((uint32_t)argument[0] & ~(uint32_t)EPOLL_CLOEXEC)
		return -EINVAL;
	return add(epoll_create(), argument[0]);
}

static int64_t sys_epoll_create(const uint64_t argument[6])
{
	return (int32_t)argument[0] > 0 ? add(epoll_create(), 0) : -EINVAL;
}

static int control(struct file *set, const uint64_t argument[6], const struct epoll_event *event)
{
	const uint32_t with_exclusive = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET |
					EPOLLEXCLUSIVE;
	struct file *file = descriptor_file(argument[2]);
	const int number = (int)argument[2];
	int error = -EINVAL;

	if (!file)
		return -EBADF;
	if (file == set || (event->events & EPOLLEXCLUSIVE && event->events & ~with_exclusive))
		error = -EINVAL;
	else if (argument[1] == EPOLL_CTL_ADD)
		error = epoll_add(set, file, number, event);
	else if (argument[1] == EPOLL_CTL_MOD)
		error = epoll_change(set, file, number, event);
	else if (argument[1] == EPOLL_CTL_DEL)
		error = epoll_remove(set, file, number);
	file_drop(file);
	return error;
}

static int64_t sys_epoll_ctl(const uint64_t argument[6])
{
	struct epoll_event event = { 0 };
	struct file *set;
	int error;

	if (argument[1] != EPOLL_CTL_DEL && user_read(&event, argument[3], sizeof event))
		return -EFAULT;
	set = file_of(argument[0], epoll_is, &error);
	if (!set)
		return error;
	error = control(set, argument, &event);
	file_drop(set);
	return error;
}

/* Answers with no more events at once than fit on a kernel stack. */
static int64_t wait_for_events(const uint64_t argument[6], uint64_t deadline)
{
	enum { AT_ONCE = 128 };
	struct epoll_event events[AT_ONCE];
	struct file *set;
	int64_t result;
	int error;

	if ((int32_t)argument[2] <= 0)
		return -EINVAL;
	set = file_of(argument[0], epoll_is, &error);
	if (!set)
		return error;
	result = epoll_take(set, events, least((uint32_t)argument[2], AT_ONCE), deadline);
	file_drop(set);
	if (result > 0 && user_write(argument[1], events, (size_t)result * sizeof *events))
		return -EFAULT;
	return result;
}

static uint64_t deadline_in(int32_t milliseconds)
{
	const struct time_value length = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	return milliseconds < 0 ? FOREVER : deadline_after(&length);
}

static int64_t sys_epoll_wait(const uint64_t argument[6])
{
	return wait_for_events(argument, deadline_in((int32_t)argument[3]));
}

static int64_t sys_epoll_pwait(const uint64_t argument[6])
{
	int error = signal_mask_for_call(argument[4], argument[5]);

	return error ? error : wait_for_events(argument, deadline_in((int32_t)argument[3]));
}

static int64_t sys_epoll_pwait2(const uint64_t argument[6])
{
	struct time_value length;
	uint64_t deadline = FOREVER;
	int error;

	if (argument[3]) {
		if (user_read(&length, argument[3], sizeof length))
			return -EFAULT;
		if (!time_is_valid(&length))
			return -EINVAL;
		deadline = deadline_after(&length);
	}
	error = signal_mask_for_call(argument[4], argument[5]);
	return error ? error : wait_for_events(argument, deadline);
}

const struct system_call_row system_calls_event[] = {
	{ __NR_eventfd, "eventfd", sys_eventfd },
	{ __NR_eventfd2, "eventfd2", sys_eventfd2 },
	{ __NR_timerfd_create, "timerfd_create", sys_timerfd_create },
	{ __NR_timerfd_settime, "timerfd_settime", sys_timerfd_settime },
	{ __NR_timerfd_gettime, "timerfd_gettime", sys_timerfd_gettime },
	{ __NR_signalfd, "signalfd", sys_signalfd },
	{ __NR_signalfd4, "signalfd4", sys_signalfd4 },
	{ __NR_epoll_create, "epoll_create", sys_epoll_create },
	{ __NR_epoll_create1, "epoll_create1", sys_epoll_create1 },
	{ __NR_epoll_ctl, "epoll_ctl", sys_epoll_ctl },
	{ __NR_epoll_wait, "epoll_wait", sys_epoll_wait },
	{ __NR_epoll_pwait, "epoll_pwait", sys_epoll_pwait },
	{ __NR_epoll_pwait2, "epoll_pwait2", sys_epoll_pwait2 },
	{ 0 },
};
