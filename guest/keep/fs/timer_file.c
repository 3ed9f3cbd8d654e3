/* SPDX-License-Identifier: ISC */
/* timer_file.c - timerfd_create(2): timers whose expiries are read. */
#include "fs/event.h"
#include "task/clock.h"

#include <asm/fcntl.h>
#include <asm/poll.h>

struct timer_file {
	struct timer timer;
	bool realtime;
	uint64_t interval;
	uint64_t expiries; /* since it was set, or read */
	struct waiters waiters;
};

static struct timer_file *own(const struct file *file)
{
	return file->own;
}

static void on_timer(struct timer *timer)
{
	struct timer_file *file = container_of(timer, struct timer_file, timer);
	uint64_t count = 1;

	if (file->interval)
		timer_set(timer, time_of_next(timer->deadline, file->interval, &count));
	file->expiries += count;
	waiters_wake_all(&file->waiters, POLLIN);
}

static int64_t timer_read(struct file *file, struct transfer *to, uint64_t *position)
{
	struct timer_file *timer = own(file);
	uint64_t expiries;

	(void)position;
	if (to->left < sizeof expiries)
		return -EINVAL;
	while (!timer->expiries) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(&timer->waiters, FOREVER, true) == -EINTR)
			return RESTART_IF_ASKED;
	}
	expiries = timer->expiries;
	timer->expiries = 0;
	return transfer_to(to, &expiries, sizeof expiries);
}

static unsigned timer_poll(struct file *file, struct poll_table *table)
{
	poll_add(table, &own(file)->waiters);
	return own(file)->expiries ? POLLIN | POLLRDNORM : 0;
}

static void timer_close(struct file *file)
{
	timer_cancel(&own(file)->timer);
	free(file->own);
}

static const struct file_functions functions = {
	.read = timer_read,
	.poll = timer_poll,
	.status = file_nameless_status,
	.close = timer_close,
};

struct file *timer_file_create(bool realtime, unsigned flags)
{
	struct timer_file *timer = calloc(1, sizeof *timer);
	struct file *file = timer ? file_create(&functions, O_RDWR | flags, timer) : NULL;

	if (!file) {
		free(timer);
		return NULL;
	}
	timer->realtime = realtime;
	timer_init(&timer->timer, on_timer);
	waiters_init(&timer->waiters);
	file->name = "timerfd";
	return file;
}

bool timer_file_is(const struct file *file)
{
	return file->functions == &functions;
}

bool timer_file_is_realtime(const struct file *file)
{
	return own(file)->realtime;
}

void timer_file_get(const struct file *file, uint64_t times[2])
{
	const struct timer *timer = &own(file)->timer;
	const uint64_t now = clock_monotonic();

	times[0] = !timer_is_set(timer) ? 0 : timer->deadline > now ? timer->deadline - now : 1;
	times[1] = own(file)->interval;
}

void timer_file_set(struct file *file, uint64_t deadline, uint64_t interval)
{
	struct timer_file *timer = own(file);

	timer->expiries = 0;
	timer->interval = interval;
	if (deadline == FOREVER)
		timer_cancel(&timer->timer);
	else
		timer_set(&timer->timer, deadline);
}
