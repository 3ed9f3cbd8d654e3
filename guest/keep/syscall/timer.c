/* SPDX-License-Identifier: ISC */
/* timer.c - system calls of timers that send signals: those of timer_create(2), setitimer(2) and alarm(2). */
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <linux/time.h>

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>

enum { TIMERS_MOST = 1024, MICROSECOND = 1000 };

/* One of timer_create(2). */
struct posix_timer {
	struct list link;
	struct timer timer;
	struct process *process;
	int id;
	bool realtime;
	int notify, number, task; /* SIGEV_, the signal, and for SIGEV_THREAD_ID, whose */
	uint64_t value;           /* sigval */
	uint64_t interval;
	int overrun; /* of the last signal that was taken */
};

/*
 * One of setitimer(2). ITIMER_REAL follows the clock; the others the time that the process has run, of which keep does not
 * tell apart what was spent in the kernel: their timer looks when that can be reached at the earliest.
 */
enum { INTERVAL_TIMERS = 3, SHORTEST_LOOK = 1000000 };
struct interval_timer {
	struct timer timer;
	struct process *process;
	int which;
	uint64_t interval;
	uint64_t target; /* of processor time */
};

struct process_timers {
	struct process *process;
	struct interval_timer intervals[INTERVAL_TIMERS];
	struct list posix;
	unsigned count;
	int next_id;
};

static struct signal_info info_of(int number, int code)
{
	return (struct signal_info){ .number = number, .code = code };
}

/* ---- of the process ---- */

static void look_later(struct interval_timer *timer, uint64_t left)
{
	timer_set(&timer->timer, time_add(clock_monotonic(), most(left / schedule_vcpus(), SHORTEST_LOOK)));
}

static void on_interval(struct timer *expired)
{
	static const int signals[INTERVAL_TIMERS] = { SIGALRM, SIGVTALRM, SIGPROF };
	struct interval_timer *timer = container_of(expired, struct interval_timer, timer);
	const struct signal_info info = info_of(signals[timer->which], SIGNAL_KERNEL);
	const uint64_t ran = timer->which == ITIMER_REAL ? 0 : process_time(timer->process);
	uint64_t count;

	if (ran < timer->target) {
		look_later(timer, timer->target - ran);
		return;
	}
	if (timer->interval && timer->which == ITIMER_REAL) {
		timer_set(expired, time_of_next(expired->deadline, timer->interval, &count));
	} else if (timer->interval) {
		timer->target += ((ran - timer->target) / timer->interval + 1) * timer->interval;
		look_later(timer, timer->target - ran);
	}
	(void)signal_process(timer->process, &info);
}

/* NULL: no memory. */
static struct process_timers *timers_of(struct process *process)
{
	struct process_timers *timers = process->timers;

	if (timers)
		return timers;
	timers = calloc(1, sizeof *timers);
	if (!timers)
		return NULL;
	timers->process = process;
	for (int i = 0; i < INTERVAL_TIMERS; i++) {
		timers->intervals[i] = (struct interval_timer){ .process = process, .which = i };
		timer_init(&timers->intervals[i].timer, on_interval);
	}
	list_init(&timers->posix);
	process->timers = timers;
	return timers;
}

/* Nanoseconds until a timer fires, at least one; 0: it is not set. */
static uint64_t left_of(const struct timer *timer)
{
	const uint64_t now = clock_monotonic();

	if (!timer_is_set(timer))
		return 0;
	return timer->deadline > now ? timer->deadline - now : 1;
}

static uint64_t left_of_interval(const struct interval_timer *timer)
{
	uint64_t ran;

	if (timer->which == ITIMER_REAL || !timer_is_set(&timer->timer))
		return left_of(&timer->timer);
	ran = process_time(timer->process);
	return timer->target > ran ? timer->target - ran : 1;
}

/* Linux's struct itimerspec, and with microseconds, struct itimerval. */
struct timer_value {
	struct time_value interval, value;
};

static bool take_micro(struct time_value *value)
{
	if (value->part < 0 || value->part >= 1000000)
		return false;
	value->part *= MICROSECOND;
	return time_is_valid(value);
}

/* What is left is rounded up, since zero would say that it is not set. */
static struct timer_value interval_value(const struct interval_timer *timer)
{
	return (struct timer_value){
		time_of_micro(timer->interval),
		time_of_micro(time_add(left_of_interval(timer), MICROSECOND - 1)),
	};
}

static void set_interval(struct interval_timer *timer, uint64_t after, uint64_t interval)
{
	timer->interval = interval;
	timer->target = 0;
	if (!after) {
		timer_cancel(&timer->timer);
	} else if (timer->which == ITIMER_REAL) {
		timer_set(&timer->timer, time_add(clock_monotonic(), after));
	} else {
		timer->target = time_add(process_time(timer->process), after);
		look_later(timer, after);
	}
}

static int find_interval(uint64_t which, struct interval_timer **timer)
{
	struct process_timers *timers;

	if ((int)which < 0 || (int)which >= INTERVAL_TIMERS)
		return -EINVAL;
	timers = timers_of(current_process());
	if (!timers)
		return -ENOMEM;
	*timer = &timers->intervals[(int)which];
	return 0;
}

static int64_t sys_getitimer(const uint64_t argument[6])
{
	struct interval_timer *timer;
	struct timer_value value;
	int error = find_interval(argument[0], &timer);

	if (error)
		return error;
	value = interval_value(timer);
	return user_write(argument[1], &value, sizeof value);
}

static int64_t sys_setitimer(const uint64_t argument[6])
{
	struct interval_timer *timer;
	struct timer_value new = { 0 };
	struct timer_value old;
	int error = find_interval(argument[0], &timer);

	if (!error && argument[1])
		error = user_read(&new, argument[1], sizeof new);
	if (error)
		return error;
	if (!take_micro(&new.interval) || !take_micro(&new.value))
		return -EINVAL;
	old = interval_value(timer);
	set_interval(timer, time_nanoseconds(&new.value), time_nanoseconds(&new.interval));
	return argument[2] ? user_write(argument[2], &old, sizeof old) : 0;
}

static int64_t sys_alarm(const uint64_t argument[6])
{
	struct interval_timer *timer;
	uint64_t left;

	if (find_interval(ITIMER_REAL, &timer))
		return 0;
	left = left_of(&timer->timer);
	set_interval(timer, (uint32_t)argument[0] * NANOSECONDS, 0);
	/* To the nearest second, but not to zero. */
	return left ? (int64_t)most(1, (left + NANOSECONDS / 2) / NANOSECONDS) : 0;
}

/* ---- of timer_create(2) ---- */

static struct posix_timer *find(struct process *process, int id)
{
	struct posix_timer *timer;

	if (!process->timers)
		return NULL;
	list_for_each(timer, &process->timers->posix, struct posix_timer, link)
	{
		if (timer->id == id)
			return timer;
	}
	return NULL;
}

void process_timer_delivered(struct process *process, const struct signal_info *info)
{
	struct posix_timer *timer = find(process, info->timer.timer);

	if (timer)
		timer->overrun = info->timer.overrun;
}

static void send(struct posix_timer *timer, uint64_t count)
{
	struct task *task = timer->notify & SIGEV_THREAD_ID ? task_find(timer->task) : NULL;
	struct signal_queue *queue = task ? &task->signals.queue : &timer->process->signals.queue;
	struct signal_info info = info_of(timer->number, SIGNAL_TIMER);

	if (timer->notify == SIGEV_NONE || (timer->notify & SIGEV_THREAD_ID && !task))
		return;
	count = least(count, INT32_MAX);
	if (signal_add_overrun(queue, timer->number, timer->id, (int)count))
		return;
	info.timer.timer = timer->id;
	info.timer.overrun = (int)count - 1;
	info.timer.value = timer->value;
	if (task)
		(void)signal_task(task, &info);
	else
		(void)signal_process(timer->process, &info);
}

static void on_expiry(struct timer *expired)
{
	struct posix_timer *timer = container_of(expired, struct posix_timer, timer);
	uint64_t count = 1;

	if (timer->interval)
		timer_set(expired, time_of_next(expired->deadline, timer->interval, &count));
	send(timer, count);
}

static int check_clock(int clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return system_call_missing("timer of processor time");
	default:
		return clock < 0 ? system_call_missing("timer of processor time") : -EINVAL;
	}
}

static int take_event(uint64_t from, struct posix_timer *timer)
{
	struct sigevent event = { .sigev_signo = SIGALRM, .sigev_notify = SIGEV_SIGNAL };
	int error = 0;

	event.sigev_value.sival_int = timer->id;
	if (from)
		error = user_read(&event, from, sizeof event);
	if (error)
		return error;
	timer->notify = event.sigev_notify;
	timer->number = event.sigev_signo;
	memcpy(&timer->value, &event.sigev_value, sizeof timer->value);
	switch (timer->notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		timer->task = event.sigev_notify_thread_id;
		if (!task_find(timer->task))
			return -EINVAL;
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		break;
	default:
		return -EINVAL;
	}
	return timer->number >= 1 && timer->number <= SIGNALS ? 0 : -EINVAL;
}

static int new_id(struct process_timers *timers)
{
	int id;

	do {
		id = timers->next_id;
		timers->next_id = id == INT32_MAX ? 0 : id + 1;
	} while (find(timers->process, id));
	return id;
}

static int64_t sys_timer_create(const uint64_t argument[6])
{
	struct process *process = current_process();
	struct process_timers *timers = timers_of(process);
	struct posix_timer *timer;
	int error = check_clock((int)argument[0]);

	if (error)
		return error;
	if (!timers || timers->count == TIMERS_MOST)
		return -EAGAIN;
	timer = calloc(1, sizeof *timer);
	if (!timer)
		return -EAGAIN;
	timer->process = process;
	timer->realtime = (int)argument[0] == CLOCK_REALTIME || (int)argument[0] == CLOCK_TAI;
	timer->id = new_id(timers);
	timer_init(&timer->timer, on_expiry);
	error = take_event(argument[1], timer);
	if (!error)
		error = user_write(argument[2], &timer->id, sizeof timer->id);
	if (error) {
		free(timer);
		return error;
	}
	list_add(&timers->posix, &timer->link);
	timers->count++;
	return 0;
}

static struct timer_value value_of(const struct posix_timer *timer)
{
	return (struct timer_value){ time_of(timer->interval), time_of(left_of(&timer->timer)) };
}

static void set(struct posix_timer *timer, const struct timer_value *value, bool absolute)
{
	timer->interval = time_nanoseconds(&value->interval);
	timer->overrun = 0;
	if (!value->value.seconds && !value->value.part)
		timer_cancel(&timer->timer);
	else
		timer_set(&timer->timer, absolute ? deadline_at(&value->value, timer->realtime)
						  : deadline_after(&value->value));
}

static int64_t sys_timer_settime(const uint64_t argument[6])
{
	struct timer_value new, old;
	struct posix_timer *timer;
	int error = argument[2] ? user_read(&new, argument[2], sizeof new) : -EINVAL;

	if (error)
		return error;
	if (!time_is_valid(&new.value) || !time_is_valid(&new.interval))
		return -EINVAL;
	timer = find(current_process(), (int)argument[0]);
	if (!timer)
		return -EINVAL;
	old = value_of(timer);
	set(timer, &new, argument[1] & TIMER_ABSTIME);
	return argument[3] ? user_write(argument[3], &old, sizeof old) : 0;
}

static int64_t sys_timer_gettime(const uint64_t argument[6])
{
	const struct posix_timer *timer = find(current_process(), (int)argument[0]);
	struct timer_value value;

	if (!timer)
		return -EINVAL;
	value = value_of(timer);
	return user_write(argument[1], &value, sizeof value);
}

static int64_t sys_timer_getoverrun(const uint64_t argument[6])
{
	const struct posix_timer *timer = find(current_process(), (int)argument[0]);

	return timer ? timer->overrun : -EINVAL;
}

static void delete (struct posix_timer *timer)
{
	timer_cancel(&timer->timer);
	list_remove(&timer->link);
	timer->process->timers->count--;
	free(timer);
}

static int64_t sys_timer_delete(const uint64_t argument[6])
{
	struct posix_timer *timer = find(current_process(), (int)argument[0]);

	if (!timer)
		return -EINVAL;
	delete (timer);
	return 0;
}

void process_timers_reset(struct process *process)
{
	struct posix_timer *timer;

	if (!process->timers)
		return;
	list_for_each(timer, &process->timers->posix, struct posix_timer, link) delete (timer);
}

const struct system_call_row system_calls_timer[] = {
	{ __NR_alarm, "alarm", sys_alarm },
	{ __NR_getitimer, "getitimer", sys_getitimer },
	{ __NR_setitimer, "setitimer", sys_setitimer },
	{ __NR_timer_create, "timer_create", sys_timer_create }, /* without clocks of processor time */
	{ __NR_timer_settime, "timer_settime", sys_timer_settime },
	{ __NR_timer_gettime, "timer_gettime", sys_timer_gettime },
	{ __NR_timer_getoverrun, "timer_getoverrun", sys_timer_getoverrun },
	{ __NR_timer_delete, "timer_delete", sys_timer_delete },
	{ 0 },
};
