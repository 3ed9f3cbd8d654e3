/* SPDX-License-Identifier: ISC */
/* control.c - system calls that control files and descriptors: fcntl(2) with its locks, flock(2), ioctl(2). */
#include "fs/descriptors.h"
#include "fs/inode.h"
#include "fs/locks.h"
#include "fs/pipe.h"
#include "syscall/file.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <asm/ioctls.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>

/* ---- locks ---- */

/* A program's struct flock as bytes from begin to end. */
static int to_range(const struct file *file, const struct flock *lock, struct lock_request *request)
{
	const int64_t bases[] = { 0, (int64_t)file->position, file->inode ? (int64_t)file->inode->size : 0 };
	int64_t begin;
	int64_t end;

	if (lock->l_whence < 0 || (size_t)lock->l_whence >= COUNT_OF(bases))
		return -EINVAL;
	if (__builtin_add_overflow(bases[lock->l_whence], lock->l_start, &begin) ||
	    __builtin_add_overflow(begin, lock->l_len, &end))
		return -EOVERFLOW;
	if (lock->l_len < 0) {
		int64_t swap = begin;

		begin = end;
		end = swap;
	}
	if (begin < 0)
		return -EINVAL;
	request->begin = (uint64_t)begin;
	request->end = lock->l_len ? (uint64_t)end : UINT64_MAX;
	return 0;
}

static int64_t tell_obstacle(uint64_t address, struct flock *lock, const struct lock_request *request)
{
	struct lock_request found;

	if (lock_find(request, &found)) {
		lock->l_type = found.exclusive ? F_WRLCK : F_RDLCK;
		lock->l_whence = 0;
		lock->l_start = (int64_t)found.begin;
		lock->l_len = found.end == UINT64_MAX ? 0 : (int64_t)(found.end - found.begin);
		lock->l_pid = -1;
	} else {
		lock->l_type = F_UNLCK;
	}
	return user_write(address, lock, sizeof *lock);
}

/*
 * Locks of ranges. Those of the process (F_SETLK) never meet another, since there is one process: they are only checked.
 * Those of open files are kept.
 */
static int64_t lock_range(struct file *file, unsigned command, uint64_t address)
{
	struct lock_request request = { .kind = LOCK_RANGE, .owner = file };
	struct flock lock;
	int error;

	if (user_read(&lock, address, sizeof lock))
		return -EFAULT;
	if (!file->inode || lock.l_type < F_RDLCK || lock.l_type > F_UNLCK)
		return -EINVAL;
	error = to_range(file, &lock, &request);
	if (error)
		return error;
	request.exclusive = lock.l_type == F_WRLCK;
	if (command == F_GETLK) {
		lock.l_type = F_UNLCK;
		return user_write(address, &lock, sizeof lock);
	}
	if (command == F_OFD_GETLK)
		return tell_obstacle(address, &lock, &request);
	if ((lock.l_type == F_RDLCK && !file_may_read(file)) ||
	    (lock.l_type == F_WRLCK && !file_may_write(file)))
		return -EBADF;
	if (command == F_SETLK || command == F_SETLKW)
		return 0;
	if (lock.l_type == F_UNLCK)
		return lock_release(&request);
	error = lock_take(&request, command == F_OFD_SETLKW);
	return error == -EINTR ? RESTART_IF_ASKED : error;
}

enum { LOCK_SHARED = 1, LOCK_EXCLUSIVE = 2, LOCK_AT_ONCE = 4, LOCK_NONE = 8 };

static int64_t do_flock(struct file *file, const uint64_t *argument)
{
	const unsigned what = (unsigned)argument[1] & ~(unsigned)LOCK_AT_ONCE;
	const struct lock_request request = { .kind = LOCK_FLOCK,
					      .owner = file,
					      .begin = 0,
					      .end = UINT64_MAX,
					      .exclusive = what == LOCK_EXCLUSIVE };
	int error;

	if (!file->inode || (what != LOCK_SHARED && what != LOCK_EXCLUSIVE && what != LOCK_NONE))
		return -EINVAL;
	if (what == LOCK_NONE)
		return lock_release(&request);
	error = lock_take(&request, !(argument[1] & LOCK_AT_ONCE));
	return error == -EINTR ? RESTART_IF_ASKED : error;
}

static int64_t lock_file(const uint64_t argument[6])
{
	return with_file(argument[0], do_flock, argument);
}

/* ---- control ---- */

static int64_t control_file(struct file *file, unsigned command, uint64_t argument, bool *is_known)
{
	*is_known = true;
	switch (command) {
	case F_GETFL:
		return file->flags | (file_has_name(file) && !(file->flags & O_PATH) ? O_LARGEFILE : 0);
	case F_SETFL:
		file->flags = (file->flags & ~(unsigned)SETTABLE_FLAGS) |
			      ((unsigned)argument & SETTABLE_FLAGS);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_range(file, command, argument);
	case F_GETPIPE_SZ:
		return pipe_size(file);
	case F_SETPIPE_SZ:
		return pipe_resize(file, argument);
	case F_GETOWN:
	case F_SETOWN: /* whose signals for input nobody sends: O_ASYNC cannot be set */
		return command == F_GETOWN ? 0 : -EINVAL;
	case F_GET_SEALS:
		return -EINVAL;
	default:
		*is_known = false;
		return -EINVAL;
	}
}

static int64_t control_descriptor(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);
	const unsigned command = (unsigned)argument[1];
	bool is_known;
	int64_t result;

	if (!file)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (argument[2] < current_process()->limits[7 /* RLIMIT_NOFILE */].soft)
			return descriptor_add(file, (unsigned)argument[2], command == F_DUPFD_CLOEXEC);
		file_drop(file);
		return -EINVAL;
	case F_GETFD:
		result = descriptor_get_flag(argument[0]);
		break;
	case F_SETFD:
		result = descriptor_set_flag(argument[0], argument[2] & FD_CLOEXEC);
		break;
	default:
		result = control_file(file, command, argument[2], &is_known);
		break;
	}
	file_drop(file);
	return result;
}

static int64_t set_nonblocking(struct file *file, uint64_t address)
{
	int32_t value;

	if (user_read(&value, address, sizeof value))
		return -EFAULT;
	file->flags = value ? file->flags | O_NONBLOCK : file->flags & ~(unsigned)O_NONBLOCK;
	return 0;
}

static int64_t do_control(struct file *file, const uint64_t *argument)
{
	const unsigned request = (unsigned)argument[1];
	struct file_status status;
	int32_t count;

	switch (request) {
	case FIONBIO:
		return set_nonblocking(file, argument[2]);
	case FIOCLEX:
	case FIONCLEX:
		return descriptor_set_flag(argument[0], request == FIOCLEX);
	default:
		break;
	}
	if (file->functions->control)
		return file->functions->control(file, request, argument[2]);
	if (request != FIONREAD || !file->functions->seek || !file->functions->status)
		return -ENOTTY;
	if (file->functions->status(file, &status))
		return -EIO;
	count = (int32_t)(status.size > file->position ? status.size - file->position : 0);
	return user_write(argument[2], &count, sizeof count);
}

static int64_t control(const uint64_t argument[6])
{
	return with_file(argument[0], do_control, argument);
}

const struct system_call_row system_calls_control[] = {
	{ __NR_flock, "flock", lock_file },
	{ __NR_fcntl, "fcntl", control_descriptor },
	{ __NR_ioctl, "ioctl", control },
	{ 0 },
};
