/* SPDX-License-Identifier: ISC */
/* status.c - system calls that tell what is known of files and of their file systems, and who may access them. */
#include "fs/descriptors.h"
#include "syscall/path.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

enum { ACCESS_EXECUTE = 1, ACCESS_ALL = 7 };

static int status_of_entry(struct directory_entry *entry, struct file_status *status)
{
	return inode_get_status(entry->inode, status);
}

static int status_of_descriptor(uint64_t descriptor, struct file_status *status)
{
	struct file *file = descriptor_file(descriptor);
	int error;

	if (!file)
		return -EBADF;
	error = file->functions->status ? file->functions->status(file, status) : -EBADF;
	file_drop(file);
	return error;
}

static int find_status(uint64_t descriptor, uint64_t path, uint64_t flags, struct file_status *status)
{
	struct directory_entry *entry;
	int error;

	if ((flags & AT_EMPTY_PATH) && (int)descriptor != HERE && (!path || path_is_empty(path)))
		return status_of_descriptor(descriptor, status);
	error = path_find(descriptor, path, walk_of(flags), &entry);
	if (error)
		return error;
	error = status_of_entry(entry, status);
	entry_drop(entry);
	return error;
}

/* The kernel's encoding of a device in st_dev. */
static uint64_t device_of(uint64_t device)
{
	const uint64_t major = device >> 8 & 0xfff;
	const uint64_t minor = device & 0xff;

	return (minor & 0xff) | major << 8;
}

static int64_t write_status(uint64_t address, const struct file_status *status)
{
	const struct stat stat = {
		.st_dev = device_of(status->device),
		.st_ino = status->inode,
		.st_nlink = status->links,
		.st_mode = status->mode,
		.st_uid = status->owner,
		.st_gid = status->group,
		.st_rdev = status->special,
		.st_size = (int64_t)status->size,
		.st_blksize = status->block_size,
		.st_blocks = (int64_t)status->blocks,
		.st_atime = (uint64_t)status->accessed[0],
		.st_atime_nsec = (uint64_t)status->accessed[1],
		.st_mtime = (uint64_t)status->modified[0],
		.st_mtime_nsec = (uint64_t)status->modified[1],
		.st_ctime = (uint64_t)status->changed[0],
		.st_ctime_nsec = (uint64_t)status->changed[1],
	};

	return user_write(address, &stat, sizeof stat);
}

static int64_t status_at(const uint64_t argument[6])
{
	struct file_status status;
	int error;

	if (argument[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	error = find_status(argument[0], argument[1], argument[3], &status);
	return error ? error : write_status(argument[2], &status);
}

static int64_t status_path(const uint64_t argument[6])
{
	return status_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], 0 });
}

static int64_t status_link(const uint64_t argument[6])
{
	return status_at(
		(const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], AT_SYMLINK_NOFOLLOW });
}

static int64_t status_file(const uint64_t argument[6])
{
	struct file_status status;
	int error = status_of_descriptor(argument[0], &status);

	return error ? error : write_status(argument[1], &status);
}

static struct statx_timestamp extended_time(const int64_t time[2])
{
	return (struct statx_timestamp){ .tv_sec = time[0], .tv_nsec = (uint32_t)time[1] };
}

static int64_t status_extended(const uint64_t argument[6])
{
	struct file_status status;
	struct statx stat;
	int error;

	if (argument[2] &
		    ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) ||
	    (argument[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (argument[3] & STATX__RESERVED))
		return -EINVAL;
	error = find_status(argument[0], argument[1], argument[2], &status);
	if (error)
		return error;
	stat = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME,
		.stx_blksize = status.block_size,
		.stx_nlink = status.links,
		.stx_uid = status.owner,
		.stx_gid = status.group,
		.stx_mode = (uint16_t)status.mode,
		.stx_ino = status.inode,
		.stx_size = status.size,
		.stx_blocks = status.blocks,
		.stx_atime = extended_time(status.accessed),
		.stx_btime = extended_time(status.created),
		.stx_ctime = extended_time(status.changed),
		.stx_mtime = extended_time(status.modified),
		.stx_rdev_major = (uint32_t)(status.special >> 8),
		.stx_rdev_minor = (uint32_t)(status.special & 0xff),
		.stx_dev_major = (uint32_t)(status.device >> 8 & 0xfff),
		.stx_dev_minor = (uint32_t)(status.device & 0xff),
	};
	return user_write(argument[4], &stat, sizeof stat);
}

static int64_t write_volume(uint64_t address, const struct inode *inode)
{
	const struct statfs volume = {
		.f_type = inode ? (long)inode->functions->magic : 0x50495045 /* a pipe's */,
		.f_bsize = PAGE_SIZE,
		.f_blocks = (long)pages_total(),
		.f_bfree = (long)pages_free(),
		.f_bavail = (long)pages_free(),
		.f_files = 0,
		.f_namelen = NAME_MOST,
		.f_frsize = PAGE_SIZE,
	};

	return user_write(address, &volume, sizeof volume);
}

static int64_t volume_of_path(const uint64_t argument[6])
{
	struct directory_entry *entry;
	int64_t result = path_find((uint64_t)HERE, argument[0], 0, &entry);

	if (result)
		return result;
	result = write_volume(argument[1], entry->inode);
	entry_drop(entry);
	return result;
}

static int64_t volume_of_file(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);
	int64_t result;

	if (!file)
		return -EBADF;
	result = write_volume(argument[1], file->inode);
	file_drop(file);
	return result;
}

/* The program is the superuser of its VM, who may do everything but execute what nobody may. */
static int64_t access_at(const uint64_t argument[6])
{
	struct file_status status;
	int error;

	if (argument[2] & ~(uint64_t)ACCESS_ALL ||
	    argument[3] & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	error = find_status(argument[0], argument[1], argument[3], &status);
	if (error)
		return error;
	if ((argument[2] & ACCESS_EXECUTE) && (status.mode & MODE_KIND) != MODE_DIRECTORY &&
	    !(status.mode & 0111))
		return -EACCES;
	return 0;
}

static int64_t access_path(const uint64_t argument[6])
{
	return access_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], 0 });
}

static int64_t access_at_plain(const uint64_t argument[6])
{
	return access_at((const uint64_t[6]){ argument[0], argument[1], argument[2], 0 });
}

const struct system_call_row system_calls_status[] = {
	{ __NR_stat, "stat", status_path },
	{ __NR_lstat, "lstat", status_link },
	{ __NR_fstat, "fstat", status_file },
	{ __NR_newfstatat, "newfstatat", status_at },
	{ __NR_statx, "statx", status_extended },
	{ __NR_statfs, "statfs", volume_of_path },
	{ __NR_fstatfs, "fstatfs", volume_of_file },
	{ __NR_access, "access", access_path },
	{ __NR_faccessat, "faccessat", access_at_plain },
	{ __NR_faccessat2, "faccessat2", access_at },
	{ 0 },
};
