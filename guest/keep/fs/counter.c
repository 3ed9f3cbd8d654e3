/* SPDX-License-Identifier: ISC */
/* counter.c - eventfd(2): a number that is added to and taken. */
#include "fs/event.h"

#include <asm/fcntl.h>
#include <asm/poll.h>

#define MOST (UINT64_MAX - 1)

struct counter {
	uint64_t value;
	bool semaphore;
	struct waiters waiters;
};

/* Waits for a change. Returns an error, or 0 to look again. */
static int wait_for(const struct file *file)
{
	struct counter *counter = file->own;

	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_on(&counter->waiters, FOREVER, true) == -EINTR ? RESTART_IF_ASKED : 0;
}

static int64_t counter_read(struct file *file, struct transfer *to, uint64_t *position)
{
	struct counter *counter = file->own;
	uint64_t value;
	int error;

	(void)position;
	if (to->left < sizeof value)
		return -EINVAL;
	while (!counter->value) {
		error = wait_for(file);
		if (error)
			return error;
	}
	value = counter->semaphore ? 1 : counter->value;
	counter->value -= value;
	waiters_wake_all(&counter->waiters, POLLOUT);
	return transfer_to(to, &value, sizeof value);
}

static int64_t counter_write(struct file *file, struct transfer *from, uint64_t *position)
{
	struct counter *counter = file->own;
	uint64_t value;
	int error;

	(void)position;
	if (from->left < sizeof value)
		return -EINVAL;
	if (transfer_from(from, &value, sizeof value) != sizeof value)
		return -EFAULT;
	if (value > MOST)
		return -EINVAL;
	while (value > MOST - counter->value) {
		error = wait_for(file);
		if (error)
			return error;
	}
	counter->value += value;
	waiters_wake_all(&counter->waiters, POLLIN);
	return sizeof value;
}

static unsigned counter_poll(struct file *file, struct poll_table *table)
{
	struct counter *counter = file->own;

	poll_add(table, &counter->waiters);
	return (counter->value ? POLLIN | POLLRDNORM : 0) |
	       (counter->value < MOST ? POLLOUT | POLLWRNORM : 0);
}

static void counter_close(struct file *file)
{
	free(file->own);
}

static const struct file_functions functions = {
	.read = counter_read,
	.write = counter_write,
	.poll = counter_poll,
	.status = file_nameless_status,
	.close = counter_close,
};

struct file *counter_create(uint64_t value, bool semaphore, unsigned flags)
{
	struct counter *counter = malloc(sizeof *counter);
	struct file *file = counter ? file_create(&functions, O_RDWR | flags, counter) : NULL;

	if (!file) {
		free(counter);
		return NULL;
	}
	*counter = (struct counter){ .value = value, .semaphore = semaphore };
	waiters_init(&counter->waiters);
	file->name = "eventfd";
	return file;
}
