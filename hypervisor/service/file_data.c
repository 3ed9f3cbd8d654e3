/* SPDX-License-Identifier: ISC */
/*
 * file_data.c - file.read, file.write, file.resize and file.sync: contents, straight between the host's file system and
 * the guest's memory.
 */
#include "service/file.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t result_of(ssize_t done)
{
	return done < 0 ? -errno : done;
}

/* No file is so long, and Linux refuses to look. */
static bool is_beyond_files(uint64_t offset, uint64_t bytes)
{
	return bytes > (uint64_t)INT64_MAX - offset;
}

static int64_t serve_read(struct gate_frame *frame, struct abi_file_read *call)
{
	const struct file *file = call->file;

	if (is_beyond_files(call->offset, call->data_bytes))
		return 0;
	return file_answer(
		frame, result_of(preadv(file->fd, call->data, (int)call->data_count, (off_t)call->offset)));
}

static int64_t serve_write(struct gate_frame *frame, struct abi_file_write *call)
{
	const struct file *file = call->file;

	if (file->appends && call->offset)
		return -EINVAL;
	if (is_beyond_files(call->offset, call->data_bytes))
		return -EFBIG;
	return file_answer(frame, result_of(pwritev2(file->fd, call->data, (int)call->data_count,
						     (off_t)call->offset, file->appends ? RWF_APPEND : 0)));
}

static int64_t serve_resize(struct gate_frame *frame, struct abi_file_resize *call)
{
	const struct file *file = call->file;

	return file_answer(frame, ftruncate(file->fd, (off_t)call->length) ? -errno : 0);
}

static int64_t serve_sync(struct gate_frame *frame, struct abi_file_sync *call)
{
	const struct file *file = call->file;
	const bool data_only = call->flags & POSTERN_FILE_SYNC_FLAGS_DATA_ONLY;

	if (file->is_path)
		return -EOPNOTSUPP;
	return file_answer(frame, (data_only ? fdatasync(file->fd) : fsync(file->fd)) ? -errno : 0);
}

void service_file_data(struct abi_handlers *handlers)
{
	handlers->file_read = serve_read;
	handlers->file_write = serve_write;
	handlers->file_resize = serve_resize;
	handlers->file_sync = serve_sync;
}
