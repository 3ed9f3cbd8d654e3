/* SPDX-License-Identifier: ISC */
/*
 * locks.h - advisory locks on files: those of open files, by flock(2) and F_OFD_SETLK. Locks of a process (F_SETLK)
 * never meet each other while there is one process. Programs of the host see none of them.
 */
#ifndef KEEP_FS_LOCKS_H
#define KEEP_FS_LOCKS_H

#include "fs/file.h"

enum lock_kind { LOCK_FLOCK, LOCK_RANGE };

struct lock_request {
	enum lock_kind kind; /* the two kinds do not meet */
	struct file *owner;
	uint64_t begin, end; /* bytes; end UINT64_MAX: to the end */
	bool exclusive;
};

/*
 * Locks, in place of what the owner has there. Waits for others if `waits`. Errors: -EAGAIN, -EINTR, -ENOLCK for want of
 * memory.
 */
int lock_take(const struct lock_request *request, bool waits);
int lock_release(const struct lock_request *request);
/* The lock of another that is in the way: fills in *found, or returns false. */
bool lock_find(const struct lock_request *request, struct lock_request *found);
/* Drops all locks of an open file, at its end. */
void locks_drop_file(struct file *file);

#endif
