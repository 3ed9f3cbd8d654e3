/* SPDX-License-Identifier: ISC */
/*
 * file_queue.c - see file_queue.h. The ring is restricted to the operations that it is for: the jail lets a monitor enter
 * it, and cannot look at what is in it.
 */
#include "service/file_queue.h"

#include "service/file.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 64, TAKEN_AT_ONCE = 32 };

/* A call in the queue. */
struct place {
	struct gate_frame *frame;
	int64_t done;
	struct place *next; /* while it is free */
};

struct file_queue {
	struct io_uring ring;
	pthread_mutex_t
		mutex; /* protects submission, `free`, and that a place is written before it is taken */
	struct place *free;
	struct place *pool;
	_Atomic unsigned
		count; /* of calls in the queue: added to with the mutex; relaxed, it orders nothing */
};

/* ---- life ---- */

/* Debian's liburing declares functions for these two, and lacks them. */
static int register_with(const struct io_uring *ring, unsigned what, const void *argument, unsigned count)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, argument, count) < 0 ? -errno : 0;
}

static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t operations[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
					      IORING_OP_ASYNC_CANCEL };
	enum { OPERATIONS = sizeof operations };
	struct io_uring_restriction restrictions[OPERATIONS + 1] = { 0 };
	int error;

	for (unsigned i = 0; i < OPERATIONS; i++) {
		restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
		restrictions[i].sqe_op = operations[i];
	}
	restrictions[OPERATIONS].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	restrictions[OPERATIONS].sqe_flags = IOSQE_ASYNC;
	error = register_with(ring, IORING_REGISTER_RESTRICTIONS, restrictions, OPERATIONS + 1);
	return error ? error : register_with(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int create_ring(struct io_uring *ring, unsigned most)
{
	struct io_uring_params parameters = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = most > ENTRIES ? most : ENTRIES,
	};
	int error = io_uring_queue_init_params(ENTRIES, ring, &parameters);

	if (error)
		return error;
	error = restrict_ring(ring);
	/* A guest's process shares nothing of it. */
	if (!error)
		error = io_uring_ring_dontfork(ring);
	if (error)
		io_uring_queue_exit(ring);
	return error;
}

int file_queue_create(struct file_queue **result, unsigned most)
{
	struct file_queue *queue = calloc(1, sizeof *queue);

	*result = NULL;
	if (!queue)
		return -ENOMEM;
	queue->pool = calloc(most, sizeof *queue->pool);
	if (!queue->pool || create_ring(&queue->ring, most)) {
		const int error = queue->pool ? 0 : -ENOMEM;

		free(queue->pool);
		free(queue);
		return error;
	}
	pthread_mutex_init(&queue->mutex, NULL);
	for (unsigned i = 0; i < most; i++) {
		queue->pool[i].next = queue->free;
		queue->free = &queue->pool[i];
	}
	*result = queue;
	return 0;
}

void file_queue_destroy(struct file_queue *queue)
{
	if (!queue)
		return;
	io_uring_queue_exit(&queue->ring);
	pthread_mutex_destroy(&queue->mutex);
	free(queue->pool);
	free(queue);
}

/* ---- putting in ---- */

static void prepare(struct io_uring_sqe *entry, const struct file_work *work)
{
	switch (work->what) {
	case FILE_READ:
		io_uring_prep_readv(entry, work->fd, work->spans, work->count, work->offset);
		break;
	case FILE_WRITE:
		io_uring_prep_writev(entry, work->fd, work->spans, work->count, work->offset);
		entry->rw_flags = work->flags;
		break;
	case FILE_SYNC:
		io_uring_prep_fsync(entry, work->fd, (unsigned)work->flags);
		break;
	}
	/* It would block, so there is no use in trying on this thread once more. */
	entry->flags |= IOSQE_ASYNC;
}

/*
 * Hands the entry that was got last to the kernel. If that is short of memory, the entry is taken back: the kernel looks
 * for entries only when it is entered.
 */
static bool submit(struct io_uring *ring)
{
	if (io_uring_submit(ring) == 1)
		return true;
	ring->sq.sqe_head = --ring->sq.sqe_tail;
	io_uring_smp_store_release(ring->sq.ktail, ring->sq.sqe_tail);
	return false;
}

bool file_queue_put(struct file_queue *queue, const struct file_work *work)
{
	struct io_uring_sqe *entry;
	struct place *place;
	bool is_put = false;

	if (!queue)
		return false;
	pthread_mutex_lock(&queue->mutex);
	place = queue->free;
	entry = place ? io_uring_get_sqe(&queue->ring) : NULL;
	if (entry) {
		queue->free = place->next;
		*place = (struct place){ .frame = work->frame, .done = work->done };
		prepare(entry, work);
		io_uring_sqe_set_data(entry, place);
		atomic_fetch_add_explicit(&queue->count, 1, memory_order_relaxed);
		is_put = submit(&queue->ring);
	}
	if (entry && !is_put) {
		atomic_fetch_sub_explicit(&queue->count, 1, memory_order_relaxed);
		place->next = queue->free;
		queue->free = place;
	}
	pthread_mutex_unlock(&queue->mutex);
	return is_put;
}

/* ---- taking out ---- */

int file_queue_descriptor(const struct file_queue *queue)
{
	return queue ? queue->ring.ring_fd : -1;
}

static int64_t result_of(const struct place *place, int64_t result)
{
	if (result >= 0 || !place->done)
		result += place->done;
	else
		result = place->done;
	return result == -ECANCELED ? result : file_answer(place->frame, result);
}

/* What is done, up to a few: frames and results. Returns how many. */
static unsigned take_some(struct file_queue *queue, struct gate_frame *frames[TAKEN_AT_ONCE],
			  int64_t results[TAKEN_AT_ONCE])
{
	struct io_uring_cqe *completions[TAKEN_AT_ONCE];
	unsigned count = 0;
	unsigned taken;

	pthread_mutex_lock(&queue->mutex);
	taken = io_uring_peek_batch_cqe(&queue->ring, completions, TAKEN_AT_ONCE);
	for (unsigned i = 0; i < taken; i++) {
		struct place *place = io_uring_cqe_get_data(completions[i]);

		if (!place)
			continue; /* of a cancellation */
		frames[count] = place->frame;
		results[count++] = result_of(place, completions[i]->res);
		place->next = queue->free;
		queue->free = place;
	}
	io_uring_cq_advance(&queue->ring, taken);
	pthread_mutex_unlock(&queue->mutex);
	atomic_fetch_sub_explicit(&queue->count, count, memory_order_relaxed);
	return count;
}

static bool is_empty(struct file_queue *queue)
{
	return !atomic_load_explicit(&queue->count, memory_order_relaxed);
}

unsigned file_queue_take(struct file_queue *queue)
{
	struct gate_frame *frames[TAKEN_AT_ONCE];
	int64_t results[TAKEN_AT_ONCE];
	unsigned count;

	if (!queue || is_empty(queue))
		return 0;
	count = take_some(queue, frames, results);
	for (unsigned i = 0; i < count; i++)
		gate_complete(frames[i], results[i]);
	return count;
}

/* ---- the end ---- */

void file_queue_cancel(struct file_queue *queue)
{
	struct io_uring_sqe *entry;

	if (!queue || is_empty(queue))
		return;
	pthread_mutex_lock(&queue->mutex);
	entry = io_uring_get_sqe(&queue->ring);
	if (entry) {
		io_uring_prep_cancel(entry, NULL, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
		io_uring_sqe_set_data(entry, NULL);
		submit(&queue->ring);
	}
	pthread_mutex_unlock(&queue->mutex);
}

void file_queue_drain(struct file_queue *queue)
{
	struct io_uring_cqe *completion;

	while (queue && !is_empty(queue)) {
		io_uring_wait_cqe(&queue->ring, &completion);
		file_queue_take(queue);
	}
}
