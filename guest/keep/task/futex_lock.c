/* SPDX-License-Identifier: ISC */
/*
 * futex_lock.c - futexes that are locks with an owner (FUTEX_LOCK_PI), robust lists, and what the end of a task
 * does to both. The word holds the owner's id; priorities are not inherited, as all tasks are equal.
 */
#include "mm/user.h"
#include "task/futex.h"
#include "task/task.h"

#include <linux/futex.h>

enum { ROBUST_MOST = 2048 }; /* entries of a robust list, as Linux limits them */

/* Changes the word if it is still `old`. Returns 0, -EAGAIN when it was not, -EFAULT. */
static int change(uint64_t address, uint32_t old, uint32_t new)
{
	uint32_t seen;
	int error = user_compare_exchange_u32(address, old, new, &seen);

	if (error)
		return error;
	return seen == old ? 0 : -EAGAIN;
}

/* One try. Returns 0: it is ours; -EAGAIN: look again; -EBUSY: it is somebody's, and waiters are marked. */
static int try_lock(uint64_t address, uint32_t self, bool mark, uint32_t *owner)
{
	uint32_t word;
	int error = user_load_u32(address, &word);

	if (error)
		return error;
	*owner = word & FUTEX_TID_MASK;
	if (!*owner)
		return change(address, word, self | (word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)));
	if (*owner == self)
		return -EDEADLK;
	if (!task_find((int)*owner))
		return -ESRCH;
	if (!mark)
		return -EBUSY;
	if (!(word & FUTEX_WAITERS)) {
		error = change(address, word, word | FUTEX_WAITERS);
		if (error)
			return error;
	}
	return -EBUSY;
}

/* Takes the lock, or waits once. Returns as futex_sleep(), 1 if it did not have to wait, or try_lock()'s error. */
static int lock_or_wait(uint64_t address, bool shared, uint64_t deadline, bool try_only)
{
	const uint32_t self = (uint32_t)current_task()->id;
	struct futex_waiter waiter = { .task = current_task(), .address = address };
	int error = futex_find_key(address, shared, &waiter.key);

	if (error)
		return error;
	do {
		error = try_lock(address, self, !try_only, &waiter.owner);
	} while (error == -EAGAIN);
	if (error == -EBUSY && !try_only)
		return futex_sleep(&waiter, deadline);
	futex_drop_key(&waiter.key);
	if (error == -EBUSY)
		return -EAGAIN;
	return error ? error : 1;
}

/*
 * The lock is handed to who waits longest, so being woken is having it; but where its owner left something else in the
 * word, it is nobody's, and whoever was woken looks again.
 */
int64_t futex_lock(uint64_t address, bool shared, uint64_t deadline, bool try_only)
{
	int result = lock_or_wait(address, shared, deadline, try_only);

	while (!result) {
		result = lock_or_wait(address, shared, deadline, try_only);
		if (result == -EDEADLK)
			return 0; /* it is ours, as it was handed to us */
	}
	if (result > 0)
		return 0;
	return result == -EINTR ? RESTART_ALWAYS : result;
}

/* Gives the word to the first waiter, or to nobody. Returns as change(). */
static int hand_over(uint64_t address, const struct futex_key *key, uint32_t old, uint32_t flags)
{
	struct futex_waiter *next = futex_next(key, NULL, true);
	uint32_t new = flags;
	int error;

	if (next)
		new |= (uint32_t)next->task->id | (futex_next(key, next, true) ? FUTEX_WAITERS : 0);
	error = change(address, old, new);
	if (error || !next)
		return error;
	futex_release(next);
	/* The others wait for it now. */
	for (struct futex_waiter *waiter = futex_next(key, NULL, true); waiter;
	     waiter = futex_next(key, waiter, true))
		waiter->owner = (uint32_t)next->task->id;
	return 0;
}

int64_t futex_unlock(uint64_t address, bool shared)
{
	const uint32_t self = (uint32_t)current_task()->id;
	struct futex_key key;
	uint32_t word;
	int error = futex_find_key(address, shared, &key);

	if (error)
		return error;
	do {
		error = user_load_u32(address, &word);
		if (!error && (word & FUTEX_TID_MASK) != self)
			error = -EPERM;
		if (!error)
			error = hand_over(address, &key, word, 0);
	} while (error == -EAGAIN);
	futex_drop_key(&key);
	return error;
}

/* ---- the end of a task ---- */

void futex_give_up_locks(struct task *task)
{
	const uint32_t self = (uint32_t)task->id;
	struct futex_waiter *waiter;

	while ((waiter = futex_next_of_owner(self)) != NULL) {
		uint32_t word;
		int error = user_load_u32(waiter->address, &word);

		if (!error && (word & FUTEX_TID_MASK) == self)
			error = hand_over(waiter->address, &waiter->key, word, FUTEX_OWNER_DIED);
		else if (!error)
			error = -EINVAL;
		/* Nobody can say who has it: the waiter has to look again. */
		if (error && error != -EAGAIN && waiter->waiting)
			futex_release(waiter);
	}
}

/* Marks the word of a robust mutex whose owner ends, and wakes one who waits for it. Returns whether to go on. */
static bool robust_word(const struct task *task, uint64_t address, bool is_lock, bool pending)
{
	uint32_t word, seen;

	if (address % sizeof word || user_load_u32(address, &word))
		return false;
	/* It was just being unlocked, and whoever was woken may have ended, too. */
	if (pending && !is_lock && !word) {
		futex_wake_one(address);
		return true;
	}
	for (;;) {
		if ((word & FUTEX_TID_MASK) != (uint32_t)task->id)
			return true;
		if (user_compare_exchange_u32(address, word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
					      &seen))
			return false;
		if (seen == word)
			break;
		word = seen;
	}
	if (!is_lock && word & FUTEX_WAITERS)
		futex_wake_one(address);
	return true;
}

/* An entry's lowest bit says that it is a lock (LOCK_PI). */
static bool robust_entry(const struct task *task, uint64_t entry, int64_t offset, bool pending)
{
	return robust_word(task, (entry & ~UINT64_C(1)) + (uint64_t)offset, entry & 1, pending);
}

static void walk_robust_list(const struct task *task)
{
	struct robust_list_head head;
	uint64_t entry, next, pending;

	if (!task->robust_list || user_read(&head, task->robust_list, sizeof head))
		return;
	entry = (uint64_t)head.list.next;
	pending = (uint64_t)head.list_op_pending;
	for (unsigned i = 0; i < ROBUST_MOST && (entry & ~UINT64_C(1)) != task->robust_list; i++) {
		bool more = !user_read(&next, entry & ~UINT64_C(1), sizeof next);

		if (entry != pending && !robust_entry(task, entry, head.futex_offset, false))
			return;
		if (!more)
			return;
		entry = next;
	}
	if (pending)
		(void)robust_entry(task, pending, head.futex_offset, true);
}

void futex_task_ends(struct task *task)
{
	const uint32_t zero = 0;

	/* Locks first: a robust one is then its next owner's, and the walk leaves it alone. */
	futex_give_up_locks(task);
	walk_robust_list(task);
	task->robust_list = 0;
	if (!task->clear_child)
		return;
	if (!user_write(task->clear_child, &zero, sizeof zero))
		futex_wake_one(task->clear_child);
	task->clear_child = 0;
}
