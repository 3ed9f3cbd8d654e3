/* SPDX-License-Identifier: ISC */
/* file_change.c - file.change: mode, owner and times of what a handle names. No path is looked up for it. */
#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

enum {
	MODE = POSTERN_FILE_CHANGE_FIELDS_MODE,
	OWNER = POSTERN_FILE_CHANGE_FIELDS_OWNER,
	GROUP = POSTERN_FILE_CHANGE_FIELDS_GROUP,
	ACCESSED = POSTERN_FILE_CHANGE_FIELDS_ACCESSED,
	MODIFIED = POSTERN_FILE_CHANGE_FIELDS_MODIFIED,
	ACCESSED_NOW = POSTERN_FILE_CHANGE_FIELDS_ACCESSED_NOW,
	MODIFIED_NOW = POSTERN_FILE_CHANGE_FIELDS_MODIFIED_NOW,
	TIMES = ACCESSED | MODIFIED | ACCESSED_NOW | MODIFIED_NOW
};

/* Nobody: the host's kernel takes it for "as it is". */
#define NO_ID UINT32_MAX

/* ---- what is asked for ---- */

static bool is_one_group(uint32_t fields)
{
	return fields && (!(fields & ~(uint32_t)MODE) || !(fields & ~(uint32_t)(OWNER | GROUP)) ||
			  !(fields & ~(uint32_t)TIMES));
}

static bool is_zero(const struct postern_file_time *time)
{
	return !time->seconds && !time->nanoseconds;
}

static int check(const struct postern_file_change *how)
{
	const uint32_t fields = how->fields;

	if (!is_one_group(fields))
		return -EINVAL;
	if ((fields & ACCESSED && fields & ACCESSED_NOW) || (fields & MODIFIED && fields & MODIFIED_NOW))
		return -EINVAL;
	if ((!(fields & MODE) && how->mode) || (!(fields & OWNER) && how->owner) ||
	    (!(fields & GROUP) && how->group))
		return -EINVAL;
	if ((!(fields & ACCESSED) && !is_zero(&how->accessed)) ||
	    (!(fields & MODIFIED) && !is_zero(&how->modified)))
		return -EINVAL;
	return (fields & OWNER && how->owner == NO_ID) || (fields & GROUP && how->group == NO_ID) ? -EINVAL
												  : 0;
}

/* ---- doing it ---- */

static int change_mode(const struct file *file, const struct postern_file_change *how)
{
	if (!file->is_path)
		return fchmod(file->fd, how->mode) ? -errno : 0;
	if (!syscall(SYS_fchmodat2, file->fd, "", how->mode, AT_EMPTY_PATH))
		return 0;
	return errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

static int change_owner(const struct file *file, const struct postern_file_change *how)
{
	const uid_t owner = how->fields & OWNER ? how->owner : NO_ID;
	const gid_t group = how->fields & GROUP ? how->group : NO_ID;

	return fchownat(file->fd, "", owner, group, AT_EMPTY_PATH) ? -errno : 0;
}

static struct timespec time_of(bool meant, bool now, const struct postern_file_time *time)
{
	if (now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (!meant)
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	return (struct timespec){ .tv_sec = time->seconds, .tv_nsec = time->nanoseconds };
}

static int change_times(const struct file *file, const struct postern_file_change *how)
{
	const struct timespec times[2] = {
		time_of(how->fields & ACCESSED, how->fields & ACCESSED_NOW, &how->accessed),
		time_of(how->fields & MODIFIED, how->fields & MODIFIED_NOW, &how->modified),
	};

	return utimensat(file->fd, "", times, AT_EMPTY_PATH) ? -errno : 0;
}

static int64_t serve_change(struct gate_frame *frame, struct abi_file_change *call)
{
	const struct file *file = call->file;
	const uint32_t fields = call->how.fields;
	int error = check(&call->how);

	if (error)
		return error;
	if (file->mount->is_read_only)
		return -EROFS;
	if (fields & MODE)
		error = change_mode(file, &call->how);
	else if (fields & (OWNER | GROUP))
		error = change_owner(file, &call->how);
	else
		error = change_times(file, &call->how);
	return file_answer(frame, error);
}

void service_file_change(struct abi_handlers *handlers)
{
	handlers->file_change = serve_change;
}
