/* SPDX-License-Identifier: ISC */
/* pipe.c - a ring of bytes between those who write and those who read. */
#include "fs/pipe.h"

#include "fs/inode.h"
#include "fs/memory.h"
#include "fs/path.h"
#include "task/task.h"

#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>

enum { SIZE = 65536, SIZE_MOST = 1 << 20, ATOMIC = 4096 /* PIPE_BUF */ };

struct pipe {
	char *bytes;
	size_t size;         /* a power of two */
	uint64_t head, tail; /* bytes written and read, ever */
	unsigned readers, writers;
	unsigned opened_readers, opened_writers; /* ever: whoever opens a fifo waits for one more */
	struct waiters waiters;                  /* for anything to change */
	bool is_busy;        /* somebody copies, and may sleep for a page of the program's */
	struct waiters turn; /* to copy next */
	struct pipe **owner; /* of a fifo: where it is to be forgotten */
};

static struct pipe *create(void)
{
	struct pipe *pipe = calloc(1, sizeof *pipe);

	if (!pipe)
		return NULL;
	pipe->bytes = guest_pages_alloc(SIZE / PAGE_SIZE);
	if (!pipe->bytes) {
		free(pipe);
		return NULL;
	}
	pipe->size = SIZE;
	waiters_init(&pipe->waiters);
	waiters_init(&pipe->turn);
	return pipe;
}

static void destroy(struct pipe *pipe)
{
	if (pipe->owner)
		*pipe->owner = NULL;
	guest_pages_free(pipe->bytes, pipe->size / PAGE_SIZE);
	free(pipe);
}

static size_t filled(const struct pipe *pipe)
{
	return pipe->head - pipe->tail;
}

static size_t room(const struct pipe *pipe)
{
	return pipe->size - filled(pipe);
}

static struct pipe *pipe_of(const struct file *file)
{
	return file->own;
}

/* Who copies has the pipe to himself: its bytes stay where they are, and what belongs together stays together. */
static void lock(struct pipe *pipe)
{
	while (pipe->is_busy)
		(void)wait_on(&pipe->turn, FOREVER, false);
	pipe->is_busy = true;
}

static void unlock(struct pipe *pipe)
{
	pipe->is_busy = false;
	waiters_wake_all(&pipe->turn, 0);
}

/* ---- reading and writing ---- */

/* Copies at a position of the ring, at most up to its end and back at its start. */
static int64_t copy_out(struct pipe *pipe, struct transfer *to, size_t length)
{
	int64_t done = 0;

	while (length) {
		const size_t at = pipe->tail & (pipe->size - 1);
		const size_t part = least(length, pipe->size - at);
		int64_t copied = transfer_to(to, pipe->bytes + at, part);

		if (copied < 0)
			return done ? done : copied;
		pipe->tail += (uint64_t)copied;
		done += copied;
		length -= (size_t)copied;
		if ((size_t)copied < part)
			break;
	}
	return done;
}

static int64_t copy_in(struct pipe *pipe, struct transfer *from, size_t length)
{
	int64_t done = 0;

	while (length) {
		const size_t at = pipe->head & (pipe->size - 1);
		const size_t part = least(length, pipe->size - at);
		int64_t copied = transfer_from(from, pipe->bytes + at, part);

		if (copied < 0)
			return done ? done : copied;
		pipe->head += (uint64_t)copied;
		done += copied;
		length -= (size_t)copied;
		if ((size_t)copied < part)
			break;
	}
	return done;
}

static int wait_for(const struct file *file)
{
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_on(&pipe_of(file)->waiters, FOREVER, true) == -EINTR ? RESTART_IF_ASKED : 0;
}

static int64_t pipe_read(struct file *file, struct transfer *to, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	int64_t result;

	(void)position;
	if (!to->left)
		return 0;
	lock(pipe);
	while (!filled(pipe)) {
		int error = 0;

		unlock(pipe);
		if (!pipe->writers)
			return 0;
		error = wait_for(file);
		if (error)
			return error;
		lock(pipe);
	}
	result = copy_out(pipe, to, least(filled(pipe), to->left));
	unlock(pipe);
	waiters_wake_all(&pipe->waiters, POLLOUT);
	return result;
}

static int64_t broken(void)
{
	const struct signal_info info = { .number = SIGPIPE, .code = 0x80 /* SI_KERNEL */ };

	signal_task(current_task(), &info);
	return -EPIPE;
}

/* Copies what there is room for; what is not more than PIPE_BUF only as a whole. Returns 0 if there is no room. */
static int64_t write_part(struct pipe *pipe, struct transfer *from, bool is_first)
{
	const size_t needed = from->left <= ATOMIC && is_first ? from->left : 1;
	int64_t result = 0;

	lock(pipe);
	if (room(pipe) >= needed)
		result = copy_in(pipe, from, least(room(pipe), from->left));
	unlock(pipe);
	return result;
}

static int64_t pipe_write(struct file *file, struct transfer *from, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	int64_t done = 0;

	(void)position;
	while (from->left) {
		int64_t result;

		if (!pipe->readers)
			return done ? done : broken();
		result = write_part(pipe, from, !done);
		if (result > 0) {
			done += result;
			waiters_wake_all(&pipe->waiters, POLLIN);
			continue;
		}
		if (!result)
			result = wait_for(file);
		if (result)
			return done ? done : result;
	}
	return done;
}

/* ---- the rest ---- */

static unsigned pipe_poll(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = pipe_of(file);
	unsigned events = 0;

	poll_add(table, &pipe->waiters);
	if (file_may_read(file)) {
		events |= filled(pipe) ? POLLIN | POLLRDNORM : 0;
		events |= pipe->writers ? 0 : POLLHUP;
	}
	if (file_may_write(file)) {
		events |= room(pipe) >= ATOMIC ? POLLOUT | POLLWRNORM : 0;
		events |= pipe->readers ? 0 : POLLERR;
	}
	return events;
}

static int64_t pipe_control(struct file *file, unsigned request, uint64_t argument)
{
	const int32_t count = (int32_t)filled(pipe_of(file));

	return request == FIONREAD ? user_write(argument, &count, sizeof count) : -ENOTTY;
}

static int pipe_status(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static void pipe_close(struct file *file)
{
	struct pipe *pipe = pipe_of(file);

	if (!pipe)
		return;
	pipe->readers -= file_may_read(file);
	pipe->writers -= file_may_write(file);
	waiters_wake_all(&pipe->waiters, POLLHUP | POLLERR);
	if (!pipe->readers && !pipe->writers)
		destroy(pipe);
}

static const struct file_functions pipe_functions = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.control = pipe_control,
	.status = pipe_status,
	.close = pipe_close,
};

/* A fifo that is nowhere, of which both ends are opened. */
static int open_ends(struct directory_entry *entry, struct file **reader, struct file **writer)
{
	int error = file_open_entry(entry, O_RDONLY | O_NONBLOCK, reader);

	if (error)
		return error;
	error = file_open_entry(entry, O_WRONLY | O_NONBLOCK, writer);
	if (error)
		file_drop(*reader);
	return error;
}

int pipe_create(unsigned flags, struct file **reader, struct file **writer)
{
	struct inode *inode = memory_nameless(MODE_FIFO | 0600, 0);
	struct directory_entry *entry;
	char name[32];
	int error;

	if (!inode)
		return -ENOMEM;
	guest_snprintf(name, sizeof name, "pipe:[%lu]", (unsigned long)inode->number);
	entry = entry_nowhere(inode, name);
	if (!entry)
		return -ENOMEM;
	error = open_ends(entry, reader, writer);
	entry_drop(entry);
	if (error)
		return error;
	(*reader)->flags = O_RDONLY | flags;
	(*writer)->flags = O_WRONLY | flags;
	return 0;
}

int fifo_open(struct pipe **owner, struct file *file)
{
	const bool reads = file_may_read(file);
	const bool writes = file_may_write(file);
	struct pipe *pipe = *owner ? *owner : create();
	unsigned seen_readers, seen_writers;
	int error = 0;

	if (!pipe)
		return -ENOMEM;
	*owner = pipe;
	pipe->owner = owner;
	if (writes && !reads && (file->flags & O_NONBLOCK) && !pipe->readers) {
		if (!pipe->writers)
			destroy(pipe);
		return -ENXIO;
	}
	seen_readers = pipe->opened_readers += reads;
	seen_writers = pipe->opened_writers += writes;
	pipe->readers += reads;
	pipe->writers += writes;
	file->own = pipe;
	file->functions = &pipe_functions;
	waiters_wake_all(&pipe->waiters, 0);
	if (reads == writes || (file->flags & O_NONBLOCK))
		return 0;
	/* The other end may have come and gone meanwhile: that counts. */
	while (!error && (reads ? !pipe->writers && pipe->opened_writers == seen_writers
				: !pipe->readers && pipe->opened_readers == seen_readers))
		error = wait_on(&pipe->waiters, FOREVER, true);
	return error == -EINTR ? RESTART_IF_ASKED : error;
}

int64_t pipe_size(const struct file *file)
{
	return file->functions == &pipe_functions ? (int64_t)pipe_of(file)->size : -EBADF;
}

/* Puts what is in it into other memory. */
static int move_to(struct pipe *pipe, size_t size)
{
	const size_t count = filled(pipe);
	struct transfer transfer;
	char *bytes;

	if (size < count)
		return -EBUSY;
	bytes = guest_pages_alloc(size / PAGE_SIZE);
	if (!bytes)
		return -ENOMEM;
	transfer_of_kernel(&transfer, bytes, count);
	(void)copy_out(pipe, &transfer, count);
	guest_pages_free(pipe->bytes, pipe->size / PAGE_SIZE);
	pipe->bytes = bytes;
	pipe->size = size;
	pipe->tail = 0;
	pipe->head = count;
	return 0;
}

int64_t pipe_resize(struct file *file, uint64_t wanted)
{
	struct pipe *pipe;
	size_t size = PAGE_SIZE;
	int error;

	if (file->functions != &pipe_functions)
		return -EBADF;
	pipe = pipe_of(file);
	while (size < wanted && size < SIZE_MOST)
		size *= 2;
	if (size < wanted)
		return -EPERM;
	lock(pipe);
	error = move_to(pipe, size);
	unlock(pipe);
	return error ? error : (int64_t)size;
}
