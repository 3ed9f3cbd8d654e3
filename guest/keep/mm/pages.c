/* SPDX-License-Identifier: ISC */
/*
 * pages.c - the allocator of pages: buddies, by the number of the guest-physical page, in a free list for each order.
 *
 * Memory comes into the lists in large blocks, in order, when they have nothing that fits; what lies behind is fresh:
 * nobody has touched it, nor its entries in the array of pages, and so the host has not spent anything on it either.
 * Blocks known to be zero are joined with such blocks only, until there is need for larger ones.
 *
 * The lock is there for the SDK, which allocates stacks and the heap's pages outside the kernel's lock, too.
 */
#include "mm/pages.h"

#include <postern/crossing.h>

enum { PAGE_FREE = 1, PAGE_ZERO = 2 }; /* flags: a free block begins here; it is zero */
enum { LEAST_RESERVE = 32, MOST_RESERVE = 1024, RESERVE_SHIFT = 7 };

_Static_assert(sizeof(struct page) == 24, "0.6% of memory");

static struct guest_lock lock; /* of what follows, and of free pages' entries */
static struct page *pages;     /* one for each page that was handed over, the array's own included */
static char *memory;
static uint64_t base;   /* the number of the first page */
static size_t handed;   /* pages that were handed over */
static size_t own;      /* of these, for the array */
static size_t fresh;    /* pages from this index on have never been in a list */
static size_t free_now; /* in lists, and fresh */
static size_t reserve;
static struct list blocks[PAGES_MAX_ORDER + 1];

static size_t index_of(const struct page *page)
{
	return (size_t)(page - pages);
}

void *page_memory(const struct page *page)
{
	return memory + (index_of(page) << PAGE_SHIFT);
}

uint64_t page_address(const struct page *page)
{
	return (base + index_of(page)) << PAGE_SHIFT;
}

struct page *page_at(uint64_t address)
{
	return &pages[(address >> PAGE_SHIFT) - base];
}

size_t pages_total(void)
{
	return handed - own;
}

size_t pages_free(void)
{
	return __atomic_load_n(&free_now, __ATOMIC_RELAXED);
}

/* ---- blocks; the lock is held ---- */

static void put_block(struct page *page, unsigned order, unsigned zero)
{
	page->order = (uint16_t)order;
	page->flags = (uint16_t)(PAGE_FREE | zero);
	/* What was used last is likely to be in the caches, and the host has memory there already. */
	if (zero)
		list_add(&blocks[order], &page->link);
	else
		list_add_behind(&blocks[order], &page->link);
}

static void take_block(struct page *page)
{
	list_remove(&page->link);
	page->flags = 0;
}

/* The other half of the block that this one is a half of, if that is free; else NULL. */
static struct page *free_buddy(const struct page *page, unsigned order)
{
	const uint64_t number = (base + index_of(page)) ^ (UINT64_C(1) << order);
	struct page *buddy;

	if (order == PAGES_MAX_ORDER || number < base + own || number >= base + fresh)
		return NULL;
	buddy = &pages[number - base];
	return (buddy->flags & PAGE_FREE) && buddy->order == order ? buddy : NULL;
}

static void give_block(struct page *page, unsigned order, unsigned zero)
{
	struct page *buddy = free_buddy(page, order);

	while (buddy && (buddy->flags & PAGE_ZERO) == zero) {
		take_block(buddy);
		if (buddy < page)
			page = buddy;
		buddy = free_buddy(page, ++order);
	}
	put_block(page, order, zero);
}

/* The order of the largest block that may begin at an index, within so many pages. */
static unsigned order_at(size_t index, size_t count)
{
	unsigned order = 0;

	while (order < PAGES_MAX_ORDER && ((base + index) >> order & 1) == 0 &&
	       (UINT64_C(2) << order) <= count)
		order++;
	return order;
}

static void give_run(size_t index, size_t count)
{
	free_now += count;
	while (count) {
		unsigned order = order_at(index, count);

		give_block(&pages[index], order, 0);
		index += (size_t)1 << order;
		count -= (size_t)1 << order;
	}
}

/* Puts the next block of fresh memory into the lists. Returns false at its end. */
static bool add_fresh(void)
{
	const size_t at = fresh;
	const unsigned order = order_at(at, handed - at);

	if (at == handed)
		return false;
	fresh += (size_t)1 << order;
	give_block(&pages[at], order, PAGE_ZERO);
	return true;
}

static struct page *find_block(unsigned order)
{
	for (; order <= PAGES_MAX_ORDER; order++) {
		if (!list_is_empty(&blocks[order]))
			return list_first(&blocks[order], struct page, link);
	}
	return NULL;
}

/* Joins blocks that are zero with such that are not. Returns whether there were any. */
static bool join_all(void)
{
	bool joined = false;

	for (unsigned order = 0; order < PAGES_MAX_ORDER; order++) {
		struct list left = { &left, &left };

		while (!list_is_empty(&blocks[order])) {
			struct page *page = list_first(&blocks[order], struct page, link);
			struct page *buddy = free_buddy(page, order);

			list_remove(&page->link);
			if (!buddy) {
				list_add(&left, &page->link);
				continue;
			}
			take_block(page);
			take_block(buddy);
			put_block(page < buddy ? page : buddy, order + 1, 0);
			joined = true;
		}
		while (!list_is_empty(&left)) {
			struct page *page = list_first(&left, struct page, link);

			list_remove(&page->link);
			put_block(page, order, page->flags & PAGE_ZERO);
		}
	}
	return joined;
}

/* ---- allocation; the lock is held ---- */

/* Halves a free block, whose upper halves stay free, until it is as small as it should be. */
static unsigned take_part(struct page *page, unsigned order)
{
	const unsigned zero = page->flags & PAGE_ZERO;
	unsigned at = page->order;

	take_block(page);
	while (at > order) {
		at--;
		put_block(page + ((size_t)1 << at), at, zero);
	}
	return zero;
}

static struct page *allocate(unsigned order, enum pages_use use, unsigned *zero)
{
	const size_t count = (size_t)1 << order;
	struct page *page;

	if (free_now < count + (use == PAGES_PROGRAM ? reserve : 0))
		return NULL;
	while (!(page = find_block(order)) && add_fresh())
		;
	/* Programs take smaller blocks then. */
	if (!page && use == PAGES_KERNEL && join_all())
		page = find_block(order);
	if (!page)
		return NULL;
	*zero = take_part(page, order);
	free_now -= count;
	return page;
}

static void hold_all(struct page *page, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		KEEP_ASSERT(!page[i].count && !page[i].flags);
		page[i].count = 1;
	}
}

/* How many whole blocks of the largest order are free from an index on, at most `most`. */
static size_t free_blocks_at(size_t index, size_t most)
{
	const size_t step = (size_t)1 << PAGES_MAX_ORDER;
	size_t count = 0;

	while (count < most && index + step <= handed) {
		/* What is fresh comes into the lists in such blocks, from the first that is aligned on. */
		while (index >= fresh)
			add_fresh();
		if (!(pages[index].flags & PAGE_FREE) || pages[index].order != PAGES_MAX_ORDER)
			break;
		count++;
		index += step;
	}
	return count;
}

/* More pages that follow each other than there are in a block. */
static struct page *allocate_run(size_t count)
{
	const size_t step = (size_t)1 << PAGES_MAX_ORDER;
	const size_t needed = (count + step - 1) / step;
	size_t index = (step - (base + own) % step) % step + own;

	while (index < handed && handed - index >= needed * step) {
		size_t found = free_blocks_at(index, needed);

		if (found < needed) {
			index += (found + 1) * step;
			continue;
		}
		for (size_t i = 0; i < needed; i++)
			take_block(&pages[index + i * step]);
		free_now -= needed * step;
		give_run(index + count, needed * step - count);
		return &pages[index];
	}
	return NULL;
}

/* ---- the interface ---- */

struct page *pages_alloc(unsigned order, enum pages_use use, bool zero)
{
	unsigned is_zero = 0;
	struct page *page;

	guest_lock(&lock);
	page = allocate(order, use, &is_zero);
	if (page)
		hold_all(page, (size_t)1 << order);
	guest_unlock(&lock);
	if (page && zero && !is_zero)
		memset(page_memory(page), 0, (size_t)PAGE_SIZE << order);
	return page;
}

struct page *page_alloc(enum pages_use use, bool zero)
{
	return pages_alloc(0, use, zero);
}

void page_hold(struct page *page)
{
	KEEP_ASSERT(page->count);
	page->count++;
}

void pages_drop(struct page *page, size_t count)
{
	size_t begin = 0;

	guest_lock(&lock);
	for (size_t i = 0; i < count; i++) {
		KEEP_ASSERT(page[i].count);
		if (--page[i].count == 0)
			continue;
		give_run(index_of(page) + begin, i - begin);
		begin = i + 1;
	}
	give_run(index_of(page) + begin, count - begin);
	guest_unlock(&lock);
}

void page_drop(struct page *page)
{
	KEEP_ASSERT(page->count);
	if (page->count > 1)
		page->count--;
	else
		pages_drop(page, 1);
}

void pages_start(void *begin, size_t count)
{
	KEEP_ASSERT(!pages);
	pages = begin;
	memory = begin;
	base = postern_address(begin) >> PAGE_SHIFT;
	handed = count;
	own = (count * sizeof *pages + PAGE_SIZE - 1) >> PAGE_SHIFT;
	fresh = own;
	free_now = handed - own;
	reserve = least(most(free_now >> RESERVE_SHIFT, LEAST_RESERVE), MOST_RESERVE);
	for (unsigned order = 0; order <= PAGES_MAX_ORDER; order++)
		list_init(&blocks[order]);
}

/* ---- the SDK's ---- */

void *guest_pages_alloc(size_t count)
{
	struct page *page = NULL;
	unsigned order = 0;
	unsigned zero;

	if (!count)
		return NULL;
	while (order < PAGES_MAX_ORDER && (size_t)1 << order < count)
		order++;
	guest_lock(&lock);
	if (count > (size_t)1 << PAGES_MAX_ORDER) {
		page = allocate_run(count);
	} else {
		page = allocate(order, PAGES_KERNEL, &zero);
		if (page)
			give_run(index_of(page) + count, ((size_t)1 << order) - count);
	}
	if (page)
		hold_all(page, count);
	guest_unlock(&lock);
	return page ? page_memory(page) : NULL;
}

/* What it gets first is all that there is. */
void guest_pages_free(void *given, size_t count)
{
	if (!given || !count)
		return;
	if (!pages)
		pages_start(given, count);
	else
		pages_drop(page_at(postern_address(given)), count);
}

size_t guest_pages_available(void)
{
	return pages_free();
}
