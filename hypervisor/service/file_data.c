/* SPDX-License-Identifier: ISC */
/*
 * file_data.c - file.read, file.write, file.resize and file.sync: contents, straight between the host's file system and
 * the guest's memory.
 */
#include "service/file.h"

#include <errno.h>
#include <sys/mman.h>
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

/* ---- reading ---- */

/*
 * Where the guest has not been yet, a page costs three times as much when it is touched as when it is written through
 * the descriptor of RAM, by way of a buffer that stays in the caches.
 */
enum { LONG_READ = 16 << 10, BOUNCE = 32 << 10 };

/* Whether the host has no memory for the first page yet; the others are like it, as a rule. */
static bool is_fresh(const struct iovec *span)
{
	const uintptr_t page = (uintptr_t)span->iov_base & ~(uintptr_t)(MEMORY_PAGE_SIZE - 1);
	unsigned char is_there = 0;

	return mincore((void *)page, 1, &is_there) == 0 && !(is_there & 1);
}

static ssize_t fill(const struct guest_memory *memory, const struct iovec *to, const void *bytes,
		    size_t length)
{
	const off_t at = (const uint8_t *)to->iov_base - memory->base;

	return pwrite(memory->fd, bytes, length, at);
}

/* Returns how many bytes, less than there is room for at the end of the file, or a negative errno. */
static int64_t read_span(const struct guest_memory *memory, int fd, struct iovec span, uint64_t offset)
{
	uint8_t bounce[BOUNCE];
	int64_t done = 0;

	while (span.iov_len) {
		const size_t part = span.iov_len < BOUNCE ? span.iov_len : BOUNCE;
		ssize_t got = pread(fd, bounce, part, (off_t)offset);

		/* What the host has no memory for, it says when it is read in place. */
		if (got > 0 && fill(memory, &span, bounce, (size_t)got) != got)
			got = pread(fd, span.iov_base, part, (off_t)offset);
		if (got < 0)
			return done ? done : -errno;
		done += got;
		if ((size_t)got < part)
			break;
		span.iov_base = (uint8_t *)span.iov_base + got;
		span.iov_len -= (size_t)got;
		offset += (uint64_t)got;
	}
	return done;
}

static int64_t read_long(const struct guest_memory *memory, const struct file *file,
			 const struct abi_file_read *call)
{
	int64_t done = 0;

	for (uint32_t i = 0; i < call->data_count; i++) {
		int64_t got = read_span(memory, file->fd, call->data[i], call->offset + (uint64_t)done);

		if (got < 0)
			return done ? done : got;
		done += got;
		if ((size_t)got < call->data[i].iov_len)
			break;
	}
	return done;
}

static int64_t serve_read(struct gate_frame *frame, struct abi_file_read *call)
{
	const struct file *file = call->file;

	if (is_beyond_files(call->offset, call->data_bytes))
		return 0;
	if (call->data_bytes >= LONG_READ && is_fresh(&call->data[0]))
		return file_answer(frame, read_long(gate_memory(gate_frame_vm(frame)), file, call));
	return file_answer(
		frame, result_of(preadv(file->fd, call->data, (int)call->data_count, (off_t)call->offset)));
}

/* ---- writing ---- */

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
