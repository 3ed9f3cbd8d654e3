/* SPDX-License-Identifier: ISC */
/*
 * file_fill.c - long reads that go where the guest has not been yet. There a page costs several times as much
 * when it is touched, and made zero for that, as when it is overwritten through the descriptor of RAM; so the host's kernel
 * is asked to copy from one descriptor to the other.
 */
#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes of a read, of its segments on average, and of what is copied between two looks into the page cache. */
enum { LONG_READ = 16 << 10, LONG_SEGMENT = 8 << 10, AT_ONCE = 128 << 10 };

/* ---- descriptors of RAM, each of which has a position of its own ---- */

int file_fill_create(struct files *files, const struct guest_memory *memory, unsigned vcpus)
{
	char name[40];

	files->fills = calloc(vcpus + 1, sizeof *files->fills);
	if (!files->fills)
		return -ENOMEM;
	snprintf(name, sizeof name, "/proc/self/fd/%d", memory->fd);
	for (; files->fill_count <= vcpus; files->fill_count++) {
		int fd = open(name, O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		files->fills[files->fill_count] = fd;
	}
	return 0;
}

void file_fill_destroy(struct files *files)
{
	while (files->fill_count)
		close(files->fills[--files->fill_count]);
	free(files->fills);
	files->fills = NULL;
}

/* The calling thread's: that of a vCPU, or of the one that polls rings. */
static int descriptor_of(const struct files *files, const struct gate_frame *frame)
{
	const bool is_poller = gate_frame_crossing(frame) == GATE_RING;

	return files->fills[is_poller ? 0 : 1 + gate_vcpu_number(gate_frame_vcpu(frame))];
}

/* ---- filling ---- */

/* Whether the page cache has the byte at offset. What lies before it then most likely is there, too. */
static bool is_at_hand(int fd, uint64_t offset)
{
	char byte;
	const struct iovec span = { &byte, 1 };

	return preadv2(fd, &span, 1, (off_t)offset, RWF_NOWAIT) == 1;
}

static ssize_t copy(int ram, uint64_t to, const struct file_transfer *transfer, size_t length)
{
	off_t from = (off_t)transfer->work.offset;

	if (lseek(ram, (off_t)to, SEEK_SET) < 0)
		return -1;
	return sendfile(ram, transfer->work.fd, &from, length);
}

static bool is_long_read(const struct file_transfer *transfer)
{
	return transfer->work.what == FILE_READ && transfer->left >= LONG_READ &&
	       transfer->left / transfer->work.count >= LONG_SEGMENT;
}

/* Whether the host has no memory for the first page yet; the others are like it, as a rule. */
static bool is_fresh(const struct iovec *span)
{
	const uintptr_t page = (uintptr_t)span->iov_base & ~(uintptr_t)(MEMORY_PAGE_SIZE - 1);
	unsigned char is_there = 0;

	return mincore((void *)page, 1, &is_there) == 0 && !(is_there & 1);
}

bool file_fill(const struct files *files, struct file_transfer *transfer, bool may_wait)
{
	const struct file_work *work = &transfer->work;
	const uint8_t *base = gate_memory(gate_frame_vm(work->frame))->base;
	const int ram = descriptor_of(files, work->frame);
	struct stat status;

	if (!is_long_read(transfer) || !is_fresh(work->spans) || fstat(work->fd, &status))
		return false;
	while (transfer->left && work->offset < (uint64_t)status.st_size) {
		const struct iovec span = *work->spans;
		size_t length = span.iov_len < AT_ONCE ? span.iov_len : AT_ONCE;
		ssize_t copied = 0;

		if (length > (uint64_t)status.st_size - work->offset)
			length = (size_t)((uint64_t)status.st_size - work->offset);
		if (length && !may_wait && !is_at_hand(work->fd, work->offset + length - 1))
			return false;
		if (length)
			copied = copy(ram, (uint64_t)((const uint8_t *)span.iov_base - base), transfer,
				      length);
		if (copied < 0 || (!copied && length))
			return false;
		file_transfer_advance(transfer, (size_t)copied);
	}
	return work->done;
}
