/* SPDX-License-Identifier: ISC */
/*
 * file_list.c - file.list: getdents64(2), in the contract's records. A record of the contract is at most a third
 * longer than one of the host's, so what is read of the host fits, and reading goes on where the host stopped.
 */
#include "service/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As getdents64(2) writes it. */
struct host_entry {
	uint64_t inode;
	int64_t next;
	uint16_t length;
	uint8_t type;
	char name[];
};

_Static_assert(sizeof(struct postern_file_entry) == 24, "names follow an entry at once");
_Static_assert(offsetof(struct host_entry, name) == 19,
	       "of which the shortest, with its NUL, takes 24 bytes");

static enum postern_file_kind kind_of(uint8_t type)
{
	return type == DT_UNKNOWN ? POSTERN_FILE_KIND_UNKNOWN : file_kind_of((unsigned)DTTOIF(type));
}

/* Writes one record. Returns its length. */
static size_t put_entry(uint8_t *to, const struct host_entry *entry)
{
	const size_t length = strlen(entry->name);
	const size_t whole = (sizeof(struct postern_file_entry) + length + 7) & ~(size_t)7;
	const struct postern_file_entry record = {
		.inode = entry->inode,
		.next = (uint64_t)entry->next,
		.kind = kind_of(entry->type),
		.length = (uint16_t)whole,
		.name_length = (uint16_t)length,
	};

	memcpy(to, &record, sizeof record);
	memset(to + whole - 8, 0, 8);
	memcpy(to + sizeof record, entry->name, length);
	return whole;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static size_t put_entries(uint8_t *to, const char *from, size_t size)
{
	size_t done = 0;

	for (size_t at = 0; at < size;) {
		const struct host_entry *entry = (const void *)(from + at);

		if (!is_dots(entry->name))
			done += put_entry(to + done, entry);
		at += entry->length;
	}
	return done;
}

/* Goes to where a list begins, if the descriptor is not there. Errors: -EINVAL. */
static int go_to(struct file *dir, uint64_t cookie)
{
	if (cookie == dir->position)
		return 0;
	if (cookie > INT64_MAX || lseek(dir->fd, (off_t)cookie, SEEK_SET) < 0)
		return -EINVAL;
	dir->position = cookie;
	return 0;
}

/* Where the host's records lead to. */
static uint64_t end_of(const char *from, size_t size, uint64_t position)
{
	for (size_t at = 0; at < size;) {
		const struct host_entry *entry = (const void *)(from + at);

		position = (uint64_t)entry->next;
		at += entry->length;
	}
	return position;
}

static int64_t list(struct file *dir, uint64_t cookie, const struct iovec *to, char *buffer, size_t size)
{
	size_t done = 0;
	int64_t result = go_to(dir, cookie);

	/* `.` and `..` may be all that there was. */
	while (!result && !done) {
		const long got = syscall(SYS_getdents64, dir->fd, buffer, size);

		if (got < 0)
			result = -errno;
		if (got <= 0)
			break;
		dir->position = end_of(buffer, (size_t)got, dir->position);
		done = put_entries(to->iov_base, buffer, (size_t)got);
	}
	return result ? result : (int64_t)done;
}

static int64_t serve_list(struct gate_frame *frame, struct abi_file_list *call)
{
	const size_t size = call->entries.iov_len / 4 * 3;
	struct file *dir = call->dir;
	char *buffer = malloc(size);
	int64_t result;

	if (!buffer)
		return -EIO;
	pthread_mutex_lock(&dir->mutex);
	result = list(dir, call->cookie, &call->entries, buffer, size);
	pthread_mutex_unlock(&dir->mutex);
	free(buffer);
	return file_answer(frame, result);
}

void service_file_list(struct abi_handlers *handlers)
{
	handlers->file_list = serve_list;
}
