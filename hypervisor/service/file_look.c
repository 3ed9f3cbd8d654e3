/* SPDX-License-Identifier: ISC */
/* file_look.c - file.info, file.look and file.target: what is known of a file, and where a symbolic link leads. */
#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* ---- the host's answers ---- */

int file_status(int fd, struct statx *status)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, status)
		       ? -errno
		       : 0;
}

int file_status_at(int dir, const char *name, struct statx *status)
{
	return statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
		     status)
		       ? -errno
		       : 0;
}

enum postern_file_kind file_kind_of(unsigned mode)
{
	static const enum postern_file_kind kinds[] = {
		[S_IFREG >> 12] = POSTERN_FILE_KIND_REGULAR,
		[S_IFDIR >> 12] = POSTERN_FILE_KIND_DIRECTORY,
		[S_IFLNK >> 12] = POSTERN_FILE_KIND_SYMBOLIC_LINK,
		[S_IFIFO >> 12] = POSTERN_FILE_KIND_FIFO,
		[S_IFSOCK >> 12] = POSTERN_FILE_KIND_SOCKET,
		[S_IFCHR >> 12] = POSTERN_FILE_KIND_CHARACTER_DEVICE,
		[S_IFBLK >> 12] = POSTERN_FILE_KIND_BLOCK_DEVICE,
		[15] = POSTERN_FILE_KIND_UNKNOWN,
	};

	return kinds[mode >> 12 & 15];
}

uint64_t file_volume_of(const struct statx *status)
{
	return (uint64_t)status->stx_dev_major << 32 | status->stx_dev_minor;
}

/* ---- as the contract has them ---- */

/* Rounded down to the resolution of the VM's clocks. */
static struct postern_file_time time_of(const struct statx_timestamp *time, uint64_t resolution)
{
	const int64_t unit = (int64_t)resolution;
	/* Past the last multiple; what the seconds contribute is computed without overflow. */
	int64_t past = ((time->tv_sec % unit) * (SECOND % unit) + time->tv_nsec) % unit;
	int64_t seconds = time->tv_sec;
	int64_t nanoseconds = time->tv_nsec;

	if (past < 0)
		past += unit;
	nanoseconds -= past;
	while (nanoseconds < 0) {
		nanoseconds += SECOND;
		seconds--;
	}
	return (struct postern_file_time){ seconds, (uint32_t)nanoseconds, 0 };
}

static void fill_in(const struct gate_frame *frame, const struct statx *status,
		    struct postern_file_info *info)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));
	const uint64_t resolution = services->config.resolution;

	info->kind = file_kind_of(status->stx_mode);
	info->mode = status->stx_mode & 07777;
	info->links = status->stx_nlink;
	info->inode = status->stx_ino;
	info->volume = file_volume_of(status);
	info->length = status->stx_size;
	info->allocated = status->stx_blocks * 512;
	info->block_size = status->stx_blksize;
	info->owner = status->stx_uid;
	info->group = status->stx_gid;
	info->accessed = time_of(&status->stx_atime, resolution);
	info->modified = time_of(&status->stx_mtime, resolution);
	info->changed = time_of(&status->stx_ctime, resolution);
	if (status->stx_mask & STATX_BTIME)
		info->created = time_of(&status->stx_btime, resolution);
}

/* ---- calls ---- */

static int64_t serve_info(struct gate_frame *frame, struct abi_file_info *call)
{
	const struct file *file = call->file;
	struct statx status;
	int error = file_status(file->fd, &status);

	if (error)
		return file_answer(frame, error);
	fill_in(frame, &status, &call->info);
	return 0;
}

/* Where file systems of the kernel's own are mounted may be seen; what is in them may not. */
static int check_look(const struct mount *mount, int fd, const struct statx *status)
{
	return file_is_kernels(mount, fd, status) && !(status->stx_attributes & STATX_ATTR_MOUNT_ROOT)
		       ? -EACCES
		       : 0;
}

static int look(const struct file *dir, const char *path, enum file_links links, struct statx *status)
{
	int error;
	int fd;

	/* A single name cannot lead anywhere else, if it is not followed. */
	if (links != FILE_ALL_LINKS && file_is_name(path))
		return file_status_at(dir->fd, path, status);
	if (!dir->mount->is_directory && strcmp(path, ".") == 0)
		return file_status(dir->fd, status);
	fd = file_resolve(dir, path, links, status);
	if (fd < 0)
		return fd;
	error = check_look(dir->mount, fd, status);
	close(fd);
	return error;
}

static int64_t serve_look(struct gate_frame *frame, struct abi_file_look *call)
{
	enum file_links links = FILE_ALL_LINKS;
	struct statx status;
	int error;

	if (call->flags & POSTERN_FILE_LOOK_FLAGS_NO_FOLLOW)
		links = FILE_INNER_LINKS;
	if (call->flags & POSTERN_FILE_LOOK_FLAGS_NO_LINKS)
		links = FILE_NO_LINKS;
	error = look(call->dir, call->path, links, &status);
	if (error)
		return file_answer(frame, error);
	fill_in(frame, &status, &call->info);
	return 0;
}

/* Returns the length of a link's text, or a negative errno. */
static ssize_t read_link(const struct file *dir, const char *path, char *text, size_t size)
{
	struct statx status;
	ssize_t length;
	int fd;

	if (file_is_name(path)) {
		length = readlinkat(dir->fd, path, text, size);
		return length < 0 ? -errno : length;
	}
	fd = file_resolve(dir, path, FILE_INNER_LINKS, &status);
	if (fd < 0)
		return fd;
	if (!S_ISLNK(status.stx_mode)) {
		length = -EINVAL;
	} else if (file_is_kernels(dir->mount, fd, &status)) {
		length = -EACCES;
	} else {
		length = readlinkat(fd, "", text, size);
		length = length < 0 ? -errno : length;
	}
	close(fd);
	return length;
}

static int64_t serve_target(struct gate_frame *frame, struct abi_file_target *call)
{
	char text[FILE_PATH_SIZE];
	ssize_t length = read_link(call->dir, call->path, text, sizeof text);

	if (length < 0)
		return file_answer(frame, length);
	if ((size_t)length > call->text.iov_len)
		return -ERANGE;
	memcpy(call->text.iov_base, text, (size_t)length);
	return length;
}

void service_file_look(struct abi_handlers *handlers)
{
	handlers->file_info = serve_info;
	handlers->file_look = serve_look;
	handlers->file_target = serve_target;
}
