/* SPDX-License-Identifier: ISC */
/* devices.c - /dev: null, zero, full, random, urandom, and the terminal. */
#include "fs/devices.h"

#include "fs/inode.h"
#include "fs/memory.h"
#include "fs/terminal.h"
#include "task/task.h"

enum { CHUNK = 256, BREATH = 1 << 20, RANDOM_BREATH = 4096 };

static int64_t read_nothing(struct file *file, struct transfer *to, uint64_t *position)
{
	(void)file;
	(void)to;
	(void)position;
	return 0;
}

static int64_t read_zeros(struct file *file, struct transfer *to, uint64_t *position)
{
	int64_t done = 0;

	(void)file;
	(void)position;
	while (to->left) {
		const size_t part = least(to->left, BREATH);
		const int64_t result = transfer_zero(to, part);

		if (result < 0)
			return done ? done : result;
		done += result;
		if ((size_t)result < part || (to->left && task_breathe()))
			break;
	}
	return done;
}

static int64_t read_random(struct file *file, struct transfer *to, uint64_t *position)
{
	int64_t done = 0;

	(void)file;
	(void)position;
	while (to->left) {
		char bytes[CHUNK];
		int64_t count = postern_entropy_read(bytes, least(sizeof bytes, to->left));

		if (count > 0)
			count = transfer_to(to, bytes, (size_t)count);
		if (count <= 0)
			return done ? done : count;
		done += count;
		if (done % RANDOM_BREATH == 0 && to->left && task_breathe())
			break;
	}
	return done;
}

static int64_t write_anything(struct file *file, struct transfer *from, uint64_t *position)
{
	const int64_t length = (int64_t)from->left;

	(void)file;
	(void)position;
	transfer_advance(from, from->left);
	return length;
}

static int64_t write_full(struct file *file, struct transfer *from, uint64_t *position)
{
	(void)file;
	(void)from;
	(void)position;
	return -ENOSPC;
}

static int64_t seek_nowhere(struct file *file, int64_t offset, int whence)
{
	(void)file;
	(void)offset;
	(void)whence;
	return 0;
}

static int status_of(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

#define DEVICE_FUNCTIONS(reads, writes)                                                       \
	{                                                                                     \
		.read = (reads), .write = (writes), .seek = seek_nowhere, .status = status_of \
	}

static const struct file_functions null_functions = DEVICE_FUNCTIONS(read_nothing, write_anything);
static const struct file_functions zero_functions = DEVICE_FUNCTIONS(read_zeros, write_anything);
static const struct file_functions full_functions = DEVICE_FUNCTIONS(read_zeros, write_full);
static const struct file_functions random_functions = DEVICE_FUNCTIONS(read_random, write_anything);

static const struct device {
	const char *name;
	uint64_t number;
	const struct file_functions *functions; /* NULL: the terminal */
} devices[] = {
	{ "null", DEVICE(1, 3), &null_functions },
	{ "zero", DEVICE(1, 5), &zero_functions },
	{ "full", DEVICE(1, 7), &full_functions },
	{ "random", DEVICE(1, 8), &random_functions },
	{ "urandom", DEVICE(1, 9), &random_functions },
	{ "tty", DEVICE(5, 0), NULL },
	{ "console", DEVICE(5, 1), NULL },
};

int device_open(uint64_t number, struct file *file)
{
	for (size_t i = 0; i < COUNT_OF(devices); i++) {
		if (devices[i].number != number)
			continue;
		if (!devices[i].functions)
			return terminal_open(file);
		file->functions = devices[i].functions;
		return 0;
	}
	if (number >= STREAM_DEVICE(0) && number <= STREAM_DEVICE(2))
		return terminal_open_stream(file, (unsigned)(number - STREAM_DEVICE(0)));
	return -ENXIO;
}

int devices_make(struct inode *directory)
{
	for (size_t i = 0; i < COUNT_OF(devices); i++) {
		struct inode *made;
		int error = memory_make(directory, devices[i].name, MODE_CHARACTER | 0666, devices[i].number,
					&made);

		if (error)
			return error;
		inode_drop(made);
	}
	return 0;
}
