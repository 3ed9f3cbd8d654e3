/* SPDX-License-Identifier: ISC */
/* locks.c - advisory locks: a list for each inode, of ranges that do not overlap for the same owner. */
#include "fs/locks.h"

#include "fs/inode.h"

struct lock {
	struct list link;
	struct lock_request what;
};

/* All who wait for any lock: there are few. */
static struct waiters waiting;

static struct waiters *queue(void)
{
	if (!waiting.list.next)
		waiters_init(&waiting);
	return &waiting;
}

static bool overlap(const struct lock_request *left, const struct lock_request *right)
{
	return left->kind == right->kind && left->begin < right->end && right->begin < left->end;
}

static struct lock *obstacle(const struct lock_request *request)
{
	struct lock *lock;

	list_for_each(lock, &request->owner->inode->locks, struct lock, link)
	{
		if (lock->what.owner != request->owner && overlap(&lock->what, request) &&
		    (lock->what.exclusive || request->exclusive))
			return lock;
	}
	return NULL;
}

bool lock_find(const struct lock_request *request, struct lock_request *found)
{
	const struct lock *lock = obstacle(request);

	if (lock)
		*found = lock->what;
	return lock != NULL;
}

static int add(const struct lock_request *what)
{
	struct lock *lock = malloc(sizeof *lock);

	if (!lock)
		return -ENOLCK;
	lock->what = *what;
	list_add(&what->owner->inode->locks, &lock->link);
	return 0;
}

static void drop(struct lock *lock)
{
	list_remove(&lock->link);
	free(lock);
}

/* What the owner has in the range goes; what sticks out stays. */
static int cut(const struct lock_request *request)
{
	struct lock *lock;
	int error = 0;

	list_for_each(lock, &request->owner->inode->locks, struct lock, link)
	{
		struct lock_request upper = lock->what;

		if (lock->what.owner != request->owner || !overlap(&lock->what, request))
			continue;
		upper.begin = request->end;
		if (upper.begin < upper.end)
			error = add(&upper);
		if (lock->what.begin < request->begin)
			lock->what.end = request->begin;
		else
			drop(lock);
	}
	return error;
}

int lock_release(const struct lock_request *request)
{
	int error = cut(request);

	waiters_wake_all(queue(), 0);
	return error;
}

int lock_take(const struct lock_request *request, bool waits)
{
	int error = 0;

	while (!error && obstacle(request))
		error = waits ? wait_on(queue(), FOREVER, true) : -EAGAIN;
	if (!error)
		error = cut(request);
	return error ? error : add(request);
}

void locks_drop_file(struct file *file)
{
	bool any = false;
	struct lock *lock;

	if (list_is_empty(&file->inode->locks))
		return;
	list_for_each(lock, &file->inode->locks, struct lock, link)
	{
		if (lock->what.owner == file) {
			drop(lock);
			any = true;
		}
	}
	if (any)
		waiters_wake_all(queue(), 0);
}
