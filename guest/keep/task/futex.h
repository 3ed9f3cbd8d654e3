/* SPDX-License-Identifier: ISC */
/* futex.h - futex(2): waiting for words in a program's memory, and what the end of a task does to such words. */
#ifndef KEEP_TASK_FUTEX_H
#define KEEP_TASK_FUTEX_H

#include "keep.h"

struct task;
struct page;

/*
 * Which word is meant. Words of one program are told apart by address; shared ones by where they are in RAM, since
 * several addresses may be the same word.
 */
struct futex_key {
	const void *place; /* the address space; NULL: shared */
	uint64_t address;  /* in it, or guest-physical */
	struct page *page; /* of a shared word, held, so that the key stays its own; else NULL */
};

/* One who waits, on its stack. */
struct futex_waiter {
	struct list link; /* in the bucket; removed: it was woken */
	struct futex_key key;
	struct task *task;
	uint32_t bits; /* FUTEX_WAIT_BITSET */
	bool waiting;
	uint32_t owner;   /* who has the lock that it waits for (LOCK_PI); 0: it is no lock */
	uint64_t address; /* of the word, as this waiter knows it */
};

/*
 * Finds the key of a program's word; then futex_drop_key(). Errors: -EINVAL when the address is no multiple of 4,
 * -EFAULT. May sleep.
 */
int futex_find_key(uint64_t address, bool shared, struct futex_key *key);
void futex_drop_key(struct futex_key *key);

/* A waiter's key stays its owner's, who drops it when it has been woken. */
void futex_enqueue(struct futex_waiter *waiter);
void futex_dequeue(struct futex_waiter *waiter);
/* The first who waits for a word, after another one (NULL: from the start); `locks`: with LOCK_PI or without. */
struct futex_waiter *futex_next(const struct futex_key *key, struct futex_waiter *after, bool locks);
/* The next who waits for a lock that this task has, for any word. */
struct futex_waiter *futex_next_of_owner(uint32_t owner);
void futex_release(struct futex_waiter *waiter); /* lets it go on */

/* Joins the queue and sleeps until it is woken; drops the key. Errors: -ETIMEDOUT, -EINTR. */
int futex_sleep(struct futex_waiter *waiter, uint64_t deadline);
/* Wakes one who waits for a word, whether it is taken for shared or not. */
void futex_wake_one(uint64_t address);

/* Wakes up to `count` waiters that have one of the bits. Returns how many. */
int futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bits);

/* futex(2). */
int64_t futex_call(const uint64_t argument[6]);

/* Locks with owners: futex_lock.c. The deadline is monotonic. */
int64_t futex_lock(uint64_t address, bool shared, uint64_t deadline, bool try_only);
int64_t futex_unlock(uint64_t address, bool shared);
/* Whoever waits for a lock of this task gets it. */
void futex_give_up_locks(struct task *task);

/* The end of a task: its robust list, its locks, and set_tid_address(2). */
void futex_task_ends(struct task *task);

#endif
