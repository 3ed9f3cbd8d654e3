/* SPDX-License-Identifier: ISC */
/*
 * file_queue.h - calls on files that have to wait for the host's disk, in an io_uring. Any thread that serves calls puts
 * them in; the VM's I/O thread takes what is done. Where the host has no io_uring, nothing can be put in, and callers wait
 * themselves.
 */
#ifndef POSTERN_SERVICE_FILE_QUEUE_H
#define POSTERN_SERVICE_FILE_QUEUE_H

#include "gate/gate.h"

#include <sys/uio.h>

struct file_queue;

/* What is to be done. The frame's call waits for it; what spans point to lasts as long as that does. */
struct file_work {
	struct gate_frame *frame;
	enum { FILE_READ, FILE_WRITE, FILE_SYNC } what;
	int fd;
	int flags; /* WRITE: of pwritev2(2); SYNC: IORING_FSYNC_DATASYNC or 0 */
	struct iovec *spans;
	unsigned count;
	uint64_t offset;
	int64_t done; /* bytes that are done already: added to the result, and the result should there be an error */
};

/* most: calls at once. *queue is NULL if the host has no io_uring that serves. Errors: -ENOMEM. */
int file_queue_create(struct file_queue **queue, unsigned most);
/* Nothing may be in it. NULL is allowed. */
void file_queue_destroy(struct file_queue *queue);

/* Returns whether the work was put in: then gate_complete() follows, perhaps before this returns. queue may be NULL. */
bool file_queue_put(struct file_queue *queue, const struct file_work *work);

/* Becomes readable when something is done; -1 without a queue. */
int file_queue_descriptor(const struct file_queue *queue);
/* Completes what is done. Returns how many calls. One thread at a time. */
unsigned file_queue_take(struct file_queue *queue);

/* Cancels what has not begun, and does not wait. */
void file_queue_cancel(struct file_queue *queue);
/* Waits until nothing is in it, and completes all. In place of file_queue_take(). */
void file_queue_drain(struct file_queue *queue);

#endif
