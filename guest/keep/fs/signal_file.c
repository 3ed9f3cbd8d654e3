/* SPDX-License-Identifier: ISC */
/* signal_file.c - signalfd(2): signals that are read by who has them blocked. */
#include "fs/event.h"
#include "task/task.h"

#include <asm/fcntl.h>
#include <asm/poll.h>

/* Linux's struct signalfd_siginfo. */
struct signal_record {
	uint32_t number;
	int32_t error, code;
	uint32_t process, user;
	int32_t descriptor;
	uint32_t timer, band, overrun, trap;
	int32_t status, value;
	uint64_t pointer, user_time, system_time, address;
	uint16_t address_bits, padding;
	int32_t call;
	uint64_t call_address;
	uint32_t architecture;
	uint8_t reserved[28];
};

_Static_assert(sizeof(struct signal_record) == 128, "struct signalfd_siginfo");

struct signal_file {
	signal_set set;
};

static struct signal_file *own(const struct file *file)
{
	return file->own;
}

static struct signal_record record_of(const struct signal_info *info)
{
	struct signal_record record = {
		.number = (uint32_t)info->number,
		.error = info->error,
		.code = info->code,
	};

	if (info->code == SIGNAL_TIMER) {
		record.timer = (uint32_t)info->timer.timer;
		record.overrun = (uint32_t)info->timer.overrun;
		record.value = (int32_t)info->timer.value;
		record.pointer = info->timer.value;
	} else if (info->code <= 0) {
		record.process = (uint32_t)info->sender.process;
		record.user = info->sender.user;
		record.value = (int32_t)info->sender.value;
		record.pointer = info->sender.value;
	} else {
		record.address = info->fault.address;
	}
	return record;
}

/* Takes one, waiting for it unless `at_once`. Returns 0 when there is none. */
static int64_t take(const struct file *file, bool at_once, struct signal_info *info)
{
	struct task *task = current_task();

	for (;;) {
		const int number = signal_take(task, own(file)->set, info);

		if (number || at_once)
			return number;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(&task->process->signals.waiters, FOREVER, true) == -EINTR)
			return RESTART_IF_ASKED;
	}
}

static int64_t signal_read(struct file *file, struct transfer *to, uint64_t *position)
{
	int64_t done = 0;

	(void)position;
	if (to->left < sizeof(struct signal_record))
		return -EINVAL;
	while (to->left >= sizeof(struct signal_record)) {
		struct signal_info info;
		struct signal_record record;
		int64_t result = take(file, done > 0, &info);

		if (result <= 0)
			return done ? done : result;
		record = record_of(&info);
		result = transfer_to(to, &record, sizeof record);
		if (result != sizeof record)
			return done ? done : -EFAULT;
		done += result;
	}
	return done;
}

static unsigned signal_poll(struct file *file, struct poll_table *table)
{
	poll_add(table, &current_process()->signals.waiters);
	return signal_pending(current_task()) & own(file)->set ? POLLIN | POLLRDNORM : 0;
}

static void signal_close(struct file *file)
{
	free(file->own);
}

static const struct file_functions functions = {
	.read = signal_read,
	.poll = signal_poll,
	.status = file_nameless_status,
	.close = signal_close,
};

struct file *signal_file_create(signal_set set, unsigned flags)
{
	struct signal_file *signals = malloc(sizeof *signals);
	struct file *file = signals ? file_create(&functions, O_RDWR | flags, signals) : NULL;

	if (!file) {
		free(signals);
		return NULL;
	}
	signals->set = set;
	file->name = "signalfd";
	return file;
}

bool signal_file_is(const struct file *file)
{
	return file->functions == &functions;
}

/* Who waits looks again: the set may have more in it now. */
void signal_file_set(struct file *file, signal_set set)
{
	own(file)->set = set;
	waiters_wake_all(&current_process()->signals.waiters, POLLIN);
}
