/* SPDX-License-Identifier: ISC */
/* path.c - paths as system calls take them. */
#include "syscall/path.h"

#include "fs/descriptors.h"
#include "task/task.h"

#include <linux/fcntl.h>

int start_of(uint64_t descriptor, struct directory_entry **start)
{
	struct file *file;

	if ((int)descriptor == AT_FDCWD) {
		*start = current_process()->directories->current;
		entry_hold(*start);
		return 0;
	}
	file = descriptor_file(descriptor);
	if (!file)
		return -EBADF;
	*start = file->entry;
	if (*start)
		entry_hold(*start);
	file_drop(file);
	return *start ? 0 : -ENOTDIR;
}

int path_copy(uint64_t address, char **path)
{
	char *copy = malloc(PATH_SIZE);
	int64_t length = copy ? user_string(copy, address, PATH_SIZE) : -ENOMEM;

	if (length < 0) {
		free(copy);
		return (int)length;
	}
	*path = copy;
	return 0;
}

int path_find(uint64_t descriptor, uint64_t address, unsigned flags, struct directory_entry **found)
{
	struct directory_entry *start;
	char *path;
	int error = path_copy(address, &path);

	if (error)
		return error;
	/* A descriptor is not looked at if the path is absolute. */
	error = start_of(*path == '/' ? (uint64_t)AT_FDCWD : descriptor, &start);
	if (!error) {
		error = path_walk(start, path, flags, found);
		entry_drop(start);
	}
	free(path);
	return error;
}

int path_find_parent(uint64_t descriptor, uint64_t address, struct path_last *last)
{
	struct directory_entry *start;
	char *path;
	int error = path_copy(address, &path);

	if (error)
		return error;
	error = start_of(*path == '/' ? (uint64_t)AT_FDCWD : descriptor, &start);
	if (!error) {
		error = path_walk_parent(start, path, last);
		entry_drop(start);
	}
	free(path);
	return error;
}

unsigned walk_of(uint64_t flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? WALK_NO_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

bool path_is_empty(uint64_t address)
{
	char byte;

	return !user_read(&byte, address, 1) && !byte;
}
