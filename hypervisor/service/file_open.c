/* SPDX-License-Identifier: ISC */
/* file_open.c - file.open: what a path names is opened with O_PATH, judged, and then opened for what was asked. */
#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	READ = POSTERN_FILE_OPEN_FLAGS_READ,
	WRITE = POSTERN_FILE_OPEN_FLAGS_WRITE,
	CHANGE = POSTERN_FILE_OPEN_FLAGS_CHANGE,
	APPEND = POSTERN_FILE_OPEN_FLAGS_APPEND,
	CREATE = POSTERN_FILE_OPEN_FLAGS_CREATE,
	EXCLUSIVE = POSTERN_FILE_OPEN_FLAGS_EXCLUSIVE,
	TRUNCATE = POSTERN_FILE_OPEN_FLAGS_TRUNCATE,
	DIRECTORY = POSTERN_FILE_OPEN_FLAGS_DIRECTORY,
	NO_FOLLOW = POSTERN_FILE_OPEN_FLAGS_NO_FOLLOW,
	NO_LINKS = POSTERN_FILE_OPEN_FLAGS_NO_LINKS
};

/* As many as the host's kernel follows on one path. */
enum { MOST_LINKS = 40 };

static int check_flags(const struct postern_file_open *how)
{
	const uint32_t flags = how->flags;

	if ((flags & (APPEND | TRUNCATE)) && !(flags & WRITE))
		return -EINVAL;
	if ((flags & EXCLUSIVE) && !(flags & CREATE))
		return -EINVAL;
	if ((flags & DIRECTORY) && (flags & (WRITE | CREATE)))
		return -EINVAL;
	return how->mode && !(flags & CREATE) ? -EINVAL : 0;
}

static int check_rights(const struct file *dir, uint32_t flags)
{
	if ((flags & CREATE) && !(dir->rights & POSTERN_FILE_RIGHT_CHANGE))
		return -EACCES;
	return dir->mount->is_read_only && (flags & (WRITE | CHANGE | CREATE | TRUNCATE)) ? -EROFS : 0;
}

/* Whether a kind of file can be opened so. */
static int check_kind(enum postern_file_kind kind, uint32_t flags)
{
	if (kind == POSTERN_FILE_KIND_DIRECTORY)
		return flags & (WRITE | CREATE) ? -EISDIR : 0;
	if (flags & DIRECTORY)
		return -ENOTDIR;
	if (kind == POSTERN_FILE_KIND_REGULAR || !(flags & (READ | WRITE)))
		return 0;
	return kind == POSTERN_FILE_KIND_SYMBOLIC_LINK ? -ELOOP : -ENXIO;
}

static int access_mode(uint32_t flags)
{
	if (flags & WRITE)
		return flags & READ ? O_RDWR : O_WRONLY;
	return O_RDONLY;
}

static uint32_t rights_of(enum postern_file_kind kind, uint32_t flags)
{
	const bool is_directory = kind == POSTERN_FILE_KIND_DIRECTORY;
	uint32_t rights = is_directory ? POSTERN_FILE_RIGHT_LOOKUP : 0;

	if (flags & READ)
		rights |= is_directory ? POSTERN_FILE_RIGHT_LIST : POSTERN_FILE_RIGHT_READ;
	if (flags & WRITE)
		rights |= POSTERN_FILE_RIGHT_WRITE;
	if (flags & CHANGE)
		rights |= POSTERN_FILE_RIGHT_CHANGE;
	return rights;
}

static enum file_links links_of(uint32_t flags)
{
	if (flags & NO_LINKS)
		return FILE_NO_LINKS;
	return flags & NO_FOLLOW ? FILE_INNER_LINKS : FILE_ALL_LINKS;
}

/* ---- opening ---- */

/* Opens the very file that a descriptor names, once more. It is a regular file or a directory. */
static int open_again(const struct files *files, int fd, int flags)
{
	const struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC | O_NOCTTY) };
	char number[16];
	long opened;

	snprintf(number, sizeof number, "%d", fd);
	opened = syscall(SYS_openat2, files->descriptors, number, &how, sizeof how);
	return opened < 0 ? -errno : (int)opened;
}

/* Turns the descriptor, opened with O_PATH, into what the handle needs; takes it. */
static int open_for(struct file *file, int fd, uint32_t flags)
{
	const int mode = access_mode(flags) | (flags & TRUNCATE ? O_TRUNC : 0);
	int opened;

	file->fd = fd;
	file->is_path = true;
	if (file->kind != POSTERN_FILE_KIND_REGULAR && file->kind != POSTERN_FILE_KIND_DIRECTORY)
		return 0;
	opened = open_again(file->files, fd, mode);
	/* Whoever asked for nothing can do with O_PATH what needs no permission of the host. */
	if (opened == -EACCES && !(flags & (READ | WRITE)))
		return 0;
	if (opened < 0)
		return opened;
	close(fd);
	file->fd = opened;
	file->is_path = false;
	return 0;
}

static int open_existing(struct file *file, const struct file *dir, const char *path, uint32_t flags)
{
	struct statx status;
	int fd = file_resolve(dir, path, links_of(flags), &status);
	int error;

	if (fd < 0)
		return fd;
	file->kind = (uint8_t)file_kind_of(status.stx_mode);
	error = check_kind(file->kind, flags);
	if (!error && file_is_kernels(dir->mount, fd, &status))
		error = -EACCES;
	if (!error)
		return open_for(file, fd, flags);
	close(fd);
	return error;
}

/* A mount that is one file: `.` is that file, and nothing is below it. */
static int open_shared(struct file *file, const struct file *root, const char *path, uint32_t flags)
{
	if (strcmp(path, ".") != 0)
		return *path ? -ENOTDIR : -ENOENT;
	if (flags & EXCLUSIVE)
		return -EEXIST;
	if (flags & DIRECTORY)
		return -ENOTDIR;
	if ((flags & TRUNCATE) && ftruncate(root->fd, 0))
		return -errno;
	file->fd = root->fd;
	file->is_shared = true;
	file->kind = POSTERN_FILE_KIND_REGULAR;
	return 0;
}

/* ---- creating ---- */

/* Makes the file, if there is nothing under its name: -EEXIST. */
static int create_file(struct file *file, const struct file *dir, const char *path,
		       const struct postern_file_open *how)
{
	const int flags = O_CREAT | O_EXCL | O_NOFOLLOW | access_mode(how->flags);
	struct file_name name;
	int fd = file_name_find(dir, path, links_of(how->flags), &name);

	if (fd)
		return fd == -EINVAL ? -EEXIST : fd; /* `.` and `..` are there */
	fd = name.wants_directory
		     ? -EISDIR
		     : file_open_beneath(name.parent, name.text, (uint64_t)flags, how->mode, FILE_NO_LINKS);
	file_name_drop(&name);
	if (fd < 0)
		return fd;
	file->fd = fd;
	file->kind = POSTERN_FILE_KIND_REGULAR;
	return 0;
}

/* Replaces the last name of a path, a symbolic link, by its text: a path to what it names. */
static int follow(const struct file *dir, char *path)
{
	char text[FILE_PATH_SIZE];
	size_t offset = file_name_offset(path);
	struct file_name name;
	ssize_t length = file_name_find(dir, path, FILE_ALL_LINKS, &name);

	if (length)
		return (int)length;
	length = readlinkat(name.parent, name.text, text, sizeof text - 1);
	if (length < 0) {
		/* It has been removed or replaced just now: the path stays as it is. */
		length = errno == EINVAL || errno == ENOENT ? 0 : -errno;
		file_name_drop(&name);
		return (int)length;
	}
	file_name_drop(&name);
	text[length] = '\0';
	if (text[0] == '/')
		return -EXDEV;
	if (offset + (size_t)length >= FILE_PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(path + offset, text, (size_t)length + 1);
	return 0;
}

/* A link to nothing leads to a name that is made; the host's kernel is never asked to make what it follows. */
static int open_or_create(struct file *file, const struct file *dir, const char *given,
			  const struct postern_file_open *how)
{
	char path[FILE_PATH_SIZE];
	int error = 0;

	strcpy(path, given);
	for (int i = 0; i <= MOST_LINKS && !error; i++) {
		error = create_file(file, dir, path, how);
		if (error != -EEXIST || (how->flags & EXCLUSIVE))
			return error;
		error = open_existing(file, dir, path, how->flags);
		if (error != -ENOENT)
			return error;
		error = follow(dir, path);
	}
	return error ? error : -ELOOP;
}

/* ---- the call ---- */

static int64_t serve_open(struct gate_frame *frame, struct abi_file_open *call)
{
	const struct file *dir = call->dir;
	struct file *file;
	int error = check_flags(&call->how);

	if (!error)
		error = check_rights(dir, call->how.flags);
	if (error)
		return error;
	file = file_reserve(dir->files, dir->mount);
	if (!file)
		return -EAGAIN;
	if (!dir->mount->is_directory)
		error = open_shared(file, dir, call->path, call->how.flags);
	else if (call->how.flags & CREATE)
		error = open_or_create(file, dir, call->path, &call->how);
	else
		error = open_existing(file, dir, call->path, call->how.flags);
	if (error) {
		file_release(file);
		return file_answer(frame, error);
	}
	file->rights = rights_of(file->kind, call->how.flags);
	if (file->is_shared)
		file->rights |= POSTERN_FILE_RIGHT_LOOKUP;
	file->appends = call->how.flags & APPEND;
	return file_give(frame, file);
}

void service_file_open(struct abi_handlers *handlers)
{
	handlers->file_open = serve_open;
}
