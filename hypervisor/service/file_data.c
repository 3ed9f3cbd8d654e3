/* SPDX-License-Identifier: ISC */
/*
 * file_data.c - file.read, file.write, file.resize and file.sync: contents, straight between the host's file system and
 * the guest's memory. A call by trap waits here. One over a ring does here what needs no waiting, which is all of it if
 * the file is in the host's page cache, and leaves the rest to the queue.
 */
#include "service/file.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/*
 * Bytes that are written at once in a batch although the host's file system cannot tell whether that blocks. It copies
 * into the page cache, which takes less time than handing the work to another thread.
 */
enum { SMALL_WRITE = 65536 };

static bool is_trap(const struct gate_frame *frame)
{
	return gate_frame_crossing(frame) == GATE_TRAP;
}

/* No file is so long, and Linux refuses to look. */
static bool is_beyond_files(uint64_t offset, uint64_t bytes)
{
	return bytes > (uint64_t)INT64_MAX - offset;
}

/* ---- as much as goes without waiting ---- */

void file_transfer_advance(struct file_transfer *transfer, size_t bytes)
{
	struct file_work *work = &transfer->work;

	work->done += (int64_t)bytes;
	work->offset += bytes;
	transfer->left -= bytes;
	while (work->count && bytes >= work->spans->iov_len) {
		bytes -= work->spans->iov_len;
		work->spans++;
		work->count--;
	}
	if (bytes) {
		work->spans->iov_base = (char *)work->spans->iov_base + bytes;
		work->spans->iov_len -= bytes;
	}
}

static ssize_t move(const struct file_transfer *transfer, int flags)
{
	const struct file_work *work = &transfer->work;
	ssize_t (*const function)(int, const struct iovec *, int, off_t, int) =
		work->what == FILE_READ ? preadv2 : pwritev2;

	return function(work->fd, work->spans, (int)work->count, (off_t)work->offset, work->flags | flags);
}

/* What the call has to say if the host answers with errno after a part of it was done. */
static int64_t failure(const struct file_transfer *transfer)
{
	return transfer->work.done ? transfer->work.done : -errno;
}

/* All of it, on this thread; -EAGAIN if what is left would have to wait, -EOPNOTSUPP if the host cannot tell. */
static int64_t move_at_once(struct file_transfer *transfer)
{
	while (transfer->left) {
		ssize_t moved = move(transfer, RWF_NOWAIT);

		if (!moved)
			break; /* the end of the file */
		if (moved < 0 && (errno == EAGAIN || errno == EOPNOTSUPP))
			return -errno;
		if (moved < 0)
			return failure(transfer);
		file_transfer_advance(transfer, (size_t)moved);
		if (transfer->work.flags & RWF_APPEND)
			break; /* in one piece: what follows may not be at the end any more */
	}
	return transfer->work.done;
}

static int64_t move_and_wait(const struct file_transfer *transfer)
{
	ssize_t moved = move(transfer, 0);

	return moved < 0 ? failure(transfer) : transfer->work.done + moved;
}

/* ---- who waits ---- */

static bool is_in_memory(int fd)
{
	struct statfs system;

	return !fstatfs(fd, &system) && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

/* Whether it is done here although the host cannot tell whether that blocks: most likely it does not. */
static bool is_worth_a_try(const struct gate_frame *frame, const struct file_transfer *transfer)
{
	const bool is_small = transfer->work.what == FILE_READ || transfer->left <= SMALL_WRITE;

	return is_in_memory(transfer->work.fd) || (is_small && gate_frame_crossing(frame) == GATE_BATCH);
}

static int64_t serve_transfer(struct gate_frame *frame, const struct file *file,
			      struct file_transfer *transfer)
{
	const struct files *files = file->files;
	bool waits_here = is_trap(frame);

	if (!waits_here) {
		int64_t result = file_fill(files, transfer, false) ? transfer->work.done
								   : move_at_once(transfer);

		if (result != -EAGAIN && result != -EOPNOTSUPP)
			return file_answer(frame, result);
		waits_here = result == -EOPNOTSUPP && is_worth_a_try(frame, transfer);
	}
	if (!waits_here && file_queue_put(files->queue, &transfer->work))
		return GATE_PENDING;
	return file_fill(files, transfer, true) ? transfer->work.done
						: file_answer(frame, move_and_wait(transfer));
}

/* ---- calls ---- */

static int64_t serve_read(struct gate_frame *frame, struct abi_file_read *call)
{
	const struct file *file = call->file;
	struct file_transfer transfer = {
		.work = { .frame = frame,
			  .what = FILE_READ,
			  .fd = file->fd,
			  .spans = call->data,
			  .count = call->data_count,
			  .offset = call->offset },
		.left = call->data_bytes,
	};

	if (is_beyond_files(call->offset, call->data_bytes))
		return 0;
	return serve_transfer(frame, file, &transfer);
}

static int64_t serve_write(struct gate_frame *frame, struct abi_file_write *call)
{
	const struct file *file = call->file;
	struct file_transfer transfer = {
		.work = { .frame = frame,
			  .what = FILE_WRITE,
			  .fd = file->fd,
			  .flags = file->appends ? RWF_APPEND : 0,
			  .spans = call->data,
			  .count = call->data_count,
			  .offset = call->offset },
		.left = call->data_bytes,
	};

	if (file->appends && call->offset)
		return -EINVAL;
	if (is_beyond_files(call->offset, call->data_bytes))
		return -EFBIG;
	return serve_transfer(frame, file, &transfer);
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
	const struct file_work work = {
		.frame = frame,
		.what = FILE_SYNC,
		.fd = file->fd,
		.flags = data_only ? IORING_FSYNC_DATASYNC : 0,
	};

	if (file->is_path)
		return -EOPNOTSUPP;
	if (!is_trap(frame) && file_queue_put(file->files->queue, &work))
		return GATE_PENDING;
	return file_answer(frame, (data_only ? fdatasync(file->fd) : fsync(file->fd)) ? -errno : 0);
}

void service_file_data(struct abi_handlers *handlers)
{
	handlers->file_read = serve_read;
	handlers->file_write = serve_write;
	handlers->file_resize = serve_resize;
	handlers->file_sync = serve_sync;
}
