/* SPDX-License-Identifier: ISC */
/*
 * epoll.c - epoll(7): a set of files to be watched. Each has a waiter in the file's queue that stays there; being woken puts
 * it into the list of those that may be ready, and taking events looks at these only.
 */
#include "fs/event.h"

#include <asm/fcntl.h>
#include <asm/poll.h>

enum { QUEUES = 2 /* that a file's poll function passes at most */, MOST_NESTED = 4, BUCKETS = 64 };

/* Whatever was asked for, these are told. */
#define ALWAYS_TOLD ((uint32_t)(POLLERR | POLLHUP))
/* Bits that are no events. */
#define MODES ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE))

struct epoll {
	struct list items[BUCKETS];
	struct list ready; /* those that may have events */
	struct waiters waiters;
	struct file *file; /* that it is */
};

struct watch;

/* Leads from a waiter back to its item. */
struct watch_waiter {
	struct waiter waiter;
	struct watch *watch;
};

/* A file in a set. */
struct watch {
	struct list link;       /* in the set */
	struct list link_file;  /* in the file */
	struct list link_ready; /* in the list of the set, or alone */
	struct epoll *set;
	struct file *file; /* not held: its end takes the watch with it */
	int number;
	struct epoll_event event;
	struct watch_waiter waiters[QUEUES];
	unsigned waiter_count;
};

/* ---- readiness ---- */

static bool is_ready(const struct watch *watch)
{
	return !list_is_empty(&watch->link_ready);
}

static void make_ready(struct watch *watch)
{
	if (!is_ready(watch))
		list_add(&watch->set->ready, &watch->link_ready);
	waiters_wake(&watch->set->waiters, 1, POLLIN);
}

static uint32_t wanted(const struct watch *watch)
{
	const uint32_t events = watch->event.events & ~MODES;

	/* EPOLLONESHOT leaves nothing, not even these, once it was told. */
	return events ? events | ALWAYS_TOLD : 0;
}

static bool on_wake(struct waiter *waiter, unsigned what)
{
	struct watch *watch = container_of(waiter, struct watch_waiter, waiter)->watch;

	if (!wanted(watch) || (what && !(what & wanted(watch))))
		return false;
	make_ready(watch);
	return true;
}

/* A poll table that puts a watch into the queues of its file. */
struct joining {
	struct poll_table table;
	struct watch *watch;
};

static void join(struct poll_table *table, struct waiters *waiters)
{
	struct watch *watch = container_of(table, struct joining, table)->watch;
	struct watch_waiter *own = &watch->waiters[watch->waiter_count];

	KEEP_ASSERT(watch->waiter_count < QUEUES);
	watch->waiter_count++;
	waiter_init(&own->waiter);
	own->waiter.task = NULL;
	own->waiter.wake = on_wake;
	own->waiter.exclusive = watch->event.events & EPOLLEXCLUSIVE;
	own->watch = watch;
	waiter_add(waiters, &own->waiter);
}

/* ---- the set ---- */

static struct list *bucket_of(struct epoll *set, int number)
{
	return &set->items[(unsigned)number % BUCKETS];
}

static struct watch *find(struct epoll *set, const struct file *file, int number)
{
	struct watch *watch;

	list_for_each(watch, bucket_of(set, number), struct watch, link)
	{
		if (watch->file == file && watch->number == number)
			return watch;
	}
	return NULL;
}

static void forget(struct watch *watch)
{
	for (unsigned i = 0; i < watch->waiter_count; i++)
		waiter_remove(&watch->waiters[i].waiter);
	list_remove(&watch->link);
	list_remove(&watch->link_file);
	list_remove(&watch->link_ready);
	free(watch);
}

void epoll_forget(struct file *file)
{
	while (!list_is_empty(&file->watches))
		forget(list_first(&file->watches, struct watch, link_file));
}

/* How many sets there are one below the other, with this one; more than MOST_NESTED if one of them is `target`. */
static unsigned depth_of(const struct file *file, const struct file *target, unsigned limit)
{
	const struct epoll *set = file->own;
	unsigned deepest = 0;

	if (file == target || !limit)
		return MOST_NESTED + 1;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct watch *watch;

		list_for_each(watch, &set->items[i], struct watch, link)
		{
			if (epoll_is(watch->file))
				deepest = (unsigned)most(deepest, depth_of(watch->file, target, limit - 1));
		}
	}
	return deepest + 1;
}

/* How many there are above each other, with this one. */
static unsigned height_of(const struct file *file)
{
	unsigned highest = 0;
	struct watch *watch;

	list_for_each(watch, &file->watches, struct watch, link_file)
		highest = (unsigned)most(highest, height_of(watch->set->file));
	return highest + 1;
}

/* A wake-up goes through all sets that contain each other, on one kernel stack. */
static int check_nesting(const struct file *set, const struct file *file)
{
	if (!epoll_is(file))
		return 0;
	return depth_of(file, set, MOST_NESTED) + height_of(set) > MOST_NESTED + 1 ? -ELOOP : 0;
}

static void look(struct watch *watch, struct poll_table *table)
{
	if (watch->file->functions->poll(watch->file, table) & wanted(watch))
		make_ready(watch);
}

int epoll_add(struct file *set, struct file *file, int number, const struct epoll_event *event)
{
	struct epoll *own = set->own;
	struct joining joining = { .table.add = join };
	struct watch *watch;
	int error = check_nesting(set, file);

	if (!file->functions->poll)
		return -EPERM;
	if (error)
		return error;
	if (find(own, file, number))
		return -EEXIST;
	watch = calloc(1, sizeof *watch);
	if (!watch)
		return -ENOMEM;
	watch->set = own;
	watch->file = file;
	watch->number = number;
	watch->event = *event;
	list_init(&watch->link_ready);
	list_add(bucket_of(own, number), &watch->link);
	list_add(&file->watches, &watch->link_file);
	joining.watch = watch;
	look(watch, &joining.table);
	return 0;
}

int epoll_change(struct file *set, struct file *file, int number, const struct epoll_event *event)
{
	struct watch *watch = find(set->own, file, number);

	if (!watch)
		return -ENOENT;
	if ((watch->event.events | event->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	watch->event = *event;
	look(watch, NULL);
	return 0;
}

int epoll_remove(struct file *set, struct file *file, int number)
{
	struct watch *watch = find(set->own, file, number);

	if (!watch)
		return -ENOENT;
	forget(watch);
	return 0;
}

/* ---- taking events ---- */

/* Returns whether there was one. Who is told when something is so, and not only when it changes, stays in the list. */
static bool take_one(struct watch *watch, struct epoll_event *event)
{
	const uint32_t found = watch->file->functions->poll(watch->file, NULL) & wanted(watch);

	list_remove(&watch->link_ready);
	if (!found)
		return false;
	*event = (struct epoll_event){ found, watch->event.data };
	if (watch->event.events & EPOLLONESHOT)
		watch->event.events &= MODES;
	else if (!(watch->event.events & EPOLLET))
		list_add(&watch->set->ready, &watch->link_ready);
	return true;
}

static size_t take(struct epoll *set, struct epoll_event *events, size_t most_events)
{
	const struct list *end = set->ready.previous; /* what is added from here on was looked at already */
	size_t count = 0;

	while (count < most_events && !list_is_empty(&set->ready)) {
		struct watch *watch = list_first(&set->ready, struct watch, link_ready);
		const bool is_last = &watch->link_ready == end;

		count += take_one(watch, &events[count]);
		if (is_last)
			break;
	}
	return count;
}

int64_t epoll_take(struct file *file, struct epoll_event *events, size_t most_events, uint64_t deadline)
{
	struct epoll *set = file->own;

	for (;;) {
		struct waiter waiter;
		size_t count;
		int error;

		task_prepare_sleep();
		count = take(set, events, most_events);
		/* There may be more, for another who waits. */
		if (count && !list_is_empty(&set->ready))
			waiters_wake(&set->waiters, 1, POLLIN);
		if (count)
			return (int64_t)count;
		waiter_init(&waiter);
		waiter.exclusive = true;
		waiter_add(&set->waiters, &waiter);
		/* Looking at one file may have made another ready. */
		error = list_is_empty(&set->ready) ? task_sleep(deadline, true) : 0;
		waiter_remove(&waiter);
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
	}
}

/* ---- as a file ---- */

static unsigned epoll_poll(struct file *file, struct poll_table *table)
{
	struct epoll *set = file->own;
	struct watch *watch;

	poll_add(table, &set->waiters);
	list_for_each(watch, &set->ready, struct watch, link_ready)
	{
		if (watch->file->functions->poll(watch->file, NULL) & wanted(watch))
			return POLLIN | POLLRDNORM;
	}
	return 0;
}

static void epoll_close(struct file *file)
{
	struct epoll *set = file->own;

	for (size_t i = 0; i < BUCKETS; i++) {
		while (!list_is_empty(&set->items[i]))
			forget(list_first(&set->items[i], struct watch, link));
	}
	free(set);
}

static const struct file_functions functions = {
	.poll = epoll_poll,
	.status = file_nameless_status,
	.close = epoll_close,
};

struct file *epoll_create(void)
{
	struct epoll *set = malloc(sizeof *set);
	struct file *file = set ? file_create(&functions, O_RDWR, set) : NULL;

	if (!file) {
		free(set);
		return NULL;
	}
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&set->items[i]);
	list_init(&set->ready);
	waiters_init(&set->waiters);
	set->file = file;
	file->name = "eventpoll";
	return file;
}

bool epoll_is(const struct file *file)
{
	return file->functions == &functions;
}
