/* SPDX-License-Identifier: ISC */
/*
 * pages.c - whole pages. Runs of free pages are in a list, by address, and never touch each other; a run's
 * entry in the list is at its own first page, so memory that nobody uses is not touched either.
 */
#include "internal.h"

struct run {
	struct run *next;
	size_t count; /* pages */
};

static struct guest_lock lock; /* of the list and all in it */
static struct run *first;
static size_t available;

static char *end_of(struct run *run)
{
	return (char *)run + run->count * GUEST_PAGE_SIZE;
}

/* Takes the pages from the end of the first run that has them, so that its entry can stay. */
static void *take(size_t count)
{
	for (struct run **link = &first; *link; link = &(*link)->next) {
		struct run *run = *link;

		if (run->count < count)
			continue;
		run->count -= count;
		available -= count;
		if (!run->count)
			*link = run->next;
		return end_of(run);
	}
	return NULL;
}

void *guest_pages_alloc(size_t count)
{
	void *pages;

	if (!count)
		return NULL;
	guest_lock(&lock);
	pages = take(count);
	guest_unlock(&lock);
	return pages;
}

/* Makes one run of two that touch. */
static void join(struct run *run)
{
	struct run *next = run->next;

	if (!next || end_of(run) != (char *)next)
		return;
	run->count += next->count;
	run->next = next->next;
}

/* Returns false if some of the pages are free already. */
static bool give(struct run *run, size_t count)
{
	struct run *before = NULL;
	struct run *after = first;

	for (; after && after < run; after = after->next)
		before = after;
	if ((before && end_of(before) > (char *)run) ||
	    (after && (char *)run + count * GUEST_PAGE_SIZE > (char *)after))
		return false;
	*run = (struct run){ .next = after, .count = count };
	*(before ? &before->next : &first) = run;
	join(run);
	if (before)
		join(before);
	available += count;
	return true;
}

void guest_pages_free(void *pages, size_t count)
{
	bool done;

	if (!pages || !count)
		return;
	if ((uintptr_t)pages % GUEST_PAGE_SIZE)
		guest_panic("%p is given back, and is no page", pages);
	guest_lock(&lock);
	done = give(pages, count);
	guest_unlock(&lock);
	if (!done)
		guest_panic("%zu pages at %p are given back, and some are free already", count, pages);
}

size_t guest_pages_available(void)
{
	return __atomic_load_n(&available, __ATOMIC_RELAXED);
}
