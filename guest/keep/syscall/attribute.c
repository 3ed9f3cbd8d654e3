/* SPDX-License-Identifier: ISC */
/* attribute.c - system calls that change what is known of files: mode, owner, times. None has extended attributes. */
#include "fs/descriptors.h"
#include "syscall/path.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <asm/unistd_64.h>
#include <linux/fcntl.h>

/* Runs on an inode found by descriptor and path; with an empty path and AT_EMPTY_PATH, or no path, on the file's own. */
static int64_t with_inode(uint64_t descriptor, uint64_t path, uint64_t flags,
			  int (*run)(struct inode *inode, const void *work), const void *work)
{
	struct directory_entry *entry;
	struct file *file;
	int64_t result;

	if (!path || ((flags & AT_EMPTY_PATH) && path_is_empty(path))) {
		file = descriptor_file(descriptor);
		if (!file)
			return -EBADF;
		result = file->inode ? run(file->inode, work) : -EINVAL;
		file_drop(file);
		return result;
	}
	result = path_find(descriptor, path, walk_of(flags), &entry);
	if (result)
		return result;
	result = run(entry->inode, work);
	entry_drop(entry);
	return result;
}

static int do_change_mode(struct inode *inode, const void *work)
{
	const uint32_t mode = *(const uint32_t *)work;

	if (inode_is(inode, MODE_LINK))
		return -EOPNOTSUPP;
	return inode->functions->change_mode ? inode->functions->change_mode(inode, mode & 07777) : -EPERM;
}

static int64_t change_mode_at(const uint64_t argument[6])
{
	const uint32_t mode = (uint32_t)argument[2];

	return argument[1] ? with_inode(argument[0], argument[1], 0, do_change_mode, &mode) : -EFAULT;
}

static int64_t change_mode(const uint64_t argument[6])
{
	return change_mode_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1] });
}

static int64_t change_mode_of_file(const uint64_t argument[6])
{
	const uint32_t mode = (uint32_t)argument[1];

	return with_inode(argument[0], 0, 0, do_change_mode, &mode);
}

struct owner {
	uint32_t user, group;
};

static int do_change_owner(struct inode *inode, const void *work)
{
	const struct owner *owner = work;

	return inode->functions->change_owner
		       ? inode->functions->change_owner(inode, owner->user, owner->group)
		       : -EPERM;
}

static int64_t change_owner_at(const uint64_t argument[6])
{
	const struct owner owner = { (uint32_t)argument[2], (uint32_t)argument[3] };

	if (argument[4] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return argument[1] ? with_inode(argument[0], argument[1], argument[4], do_change_owner, &owner)
			   : -EFAULT;
}

static int64_t change_owner(const uint64_t argument[6])
{
	return change_owner_at(
		(const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], argument[2], 0 });
}

static int64_t change_owner_of_link(const uint64_t argument[6])
{
	return change_owner_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], argument[2],
						    AT_SYMLINK_NOFOLLOW });
}

static int64_t change_owner_of_file(const uint64_t argument[6])
{
	const struct owner owner = { (uint32_t)argument[1], (uint32_t)argument[2] };

	return with_inode(argument[0], 0, 0, do_change_owner, &owner);
}

static int do_change_times(struct inode *inode, const void *work)
{
	return inode->functions->change_times ? inode->functions->change_times(inode, work) : -EPERM;
}

/* One of utimensat(2)'s two times. */
static int take_time(const int64_t time[2], int64_t *to)
{
	const int64_t now = 0x3fffffff; /* UTIME_NOW, UTIME_OMIT */
	const int64_t omit = 0x3ffffffe;

	if (time[1] == now)
		*to = (int64_t)clock_realtime();
	else if (time[1] == omit)
		*to = INT64_MIN;
	else if (time[1] < 0 || time[1] >= 1000000000 ||
		 __builtin_mul_overflow(time[0], INT64_C(1000000000), to) ||
		 __builtin_add_overflow(*to, time[1], to))
		return -EINVAL;
	return 0;
}

static int64_t change_times_at(const uint64_t argument[6])
{
	struct inode_times times;
	int64_t given[2][2];

	if (argument[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	times.accessed = times.modified = (int64_t)clock_realtime();
	if (argument[2]) {
		if (user_read(given, argument[2], sizeof given))
			return -EFAULT;
		if (take_time(given[0], &times.accessed) || take_time(given[1], &times.modified))
			return -EINVAL;
	}
	return with_inode(argument[0], argument[1], argument[3], do_change_times, &times);
}

/* utime(2) and utimes(2): seconds, with or without microseconds. */
static int64_t change_times_old(const uint64_t argument[6], size_t words, int64_t scale)
{
	struct inode_times times;
	int64_t given[4];

	times.accessed = times.modified = (int64_t)clock_realtime();
	if (argument[1]) {
		if (user_read(given, argument[1], words * sizeof *given))
			return -EFAULT;
		times.accessed = given[0] * 1000000000 + (scale ? given[1] * scale : 0);
		times.modified = given[words / 2] * 1000000000 + (scale ? given[3] * scale : 0);
	}
	return argument[0] ? with_inode((uint64_t)HERE, argument[0], 0, do_change_times, &times) : -EFAULT;
}

static int64_t change_times_seconds(const uint64_t argument[6])
{
	return change_times_old(argument, 2, 0);
}

static int64_t change_times_micro(const uint64_t argument[6])
{
	return change_times_old(argument, 4, 1000);
}

/* No file system here keeps extended attributes. */
static int64_t no_attributes(const uint64_t argument[6])
{
	(void)argument;
	return -EOPNOTSUPP;
}

const struct system_call_row system_calls_attribute[] = {
	{ __NR_chmod, "chmod", change_mode },
	{ __NR_fchmod, "fchmod", change_mode_of_file },
	{ __NR_fchmodat, "fchmodat", change_mode_at },
	{ __NR_chown, "chown", change_owner },
	{ __NR_lchown, "lchown", change_owner_of_link },
	{ __NR_fchown, "fchown", change_owner_of_file },
	{ __NR_fchownat, "fchownat", change_owner_at },
	{ __NR_utimensat, "utimensat", change_times_at },
	{ __NR_utime, "utime", change_times_seconds },
	{ __NR_utimes, "utimes", change_times_micro },
	{ __NR_getxattr, "getxattr", no_attributes },
	{ __NR_lgetxattr, "lgetxattr", no_attributes },
	{ __NR_fgetxattr, "fgetxattr", no_attributes },
	{ __NR_setxattr, "setxattr", no_attributes },
	{ __NR_lsetxattr, "lsetxattr", no_attributes },
	{ __NR_fsetxattr, "fsetxattr", no_attributes },
	{ __NR_listxattr, "listxattr", no_attributes },
	{ __NR_llistxattr, "llistxattr", no_attributes },
	{ __NR_flistxattr, "flistxattr", no_attributes },
	{ __NR_removexattr, "removexattr", no_attributes },
	{ __NR_lremovexattr, "lremovexattr", no_attributes },
	{ __NR_fremovexattr, "fremovexattr", no_attributes },
	{ 0 },
};
