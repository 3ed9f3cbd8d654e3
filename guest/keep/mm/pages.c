/* SPDX-License-Identifier: ISC */
/*
 * pages.c - a buddy allocator (Knowlton 1965; as Linux' mm/page_alloc.c has it) over memory of which only what was ever
 * used is touched: `fresh` is where the rest begins. The host gives that zeroed, page by page, when it is touched.
 */
#include "mm/pages.h"

enum { NO_ORDER = PAGES_MAX_ORDER + 1 };

enum page_flags {
	PAGE_FREE = 1, /* the first of a free block */
	PAGE_ZERO = 2, /* of a free page: it was never used, and is zero */
};

static struct {
	char *memory;       /* page 0 */
	struct page *pages; /* one for each */
	size_t count;
	size_t fresh; /* pages from here on were never used, and are in no list */
	size_t free;  /* with those */
	size_t reserve;
	struct list lists[PAGES_MAX_ORDER + 1];
} all;

static size_t index_of(const struct page *page)
{
	return (size_t)(page - all.pages);
}

void pages_start(void *memory, size_t count)
{
	const size_t own = (count * sizeof(struct page) + PAGE_SIZE - 1) / PAGE_SIZE;

	KEEP_ASSERT(!all.memory && count > own);
	for (unsigned order = 0; order <= PAGES_MAX_ORDER; order++)
		list_init(&all.lists[order]);
	all.pages = memory;
	all.memory = memory;
	all.count = count;
	all.fresh = own;
	all.free = count - own;
	all.reserve = least(all.free / 32, 1024);
}

/* ---- free blocks ---- */

static void put(size_t index, unsigned order)
{
	struct page *page = &all.pages[index];

	page->flags |= PAGE_FREE;
	page->order = (uint16_t)order;
	list_add_behind(&all.lists[order], &page->link);
}

static void take_out(struct page *page)
{
	page->flags &= (uint16_t)~PAGE_FREE;
	list_remove(&page->link);
}

/* Gives a block back, joined with its buddies as long as they are free. */
static void give(size_t index, unsigned order)
{
	while (order < PAGES_MAX_ORDER) {
		const size_t buddy = index ^ ((size_t)1 << order);
		struct page *page = &all.pages[buddy];

		if (buddy >= all.fresh || !(page->flags & PAGE_FREE) || page->order != order)
			break;
		take_out(page);
		index &= ~((size_t)1 << order);
		order++;
	}
	put(index, order);
}

/* The largest order of a block that begins at an index, and ends at `end` at the latest. */
static unsigned order_between(size_t index, size_t end)
{
	unsigned order = 0;

	while (order < PAGES_MAX_ORDER && index % ((size_t)2 << order) == 0 &&
	       index + ((size_t)2 << order) <= end)
		order++;
	return order;
}

static void give_run(size_t index, size_t end)
{
	while (index < end) {
		unsigned order = order_between(index, end);

		give(index, order);
		index += (size_t)1 << order;
	}
}

/* Takes a block that was used before; its rest stays free. */
static struct page *take_used(unsigned order)
{
	for (unsigned larger = order; larger <= PAGES_MAX_ORDER; larger++) {
		struct page *page;

		if (list_is_empty(&all.lists[larger]))
			continue;
		page = list_first(&all.lists[larger], struct page, link);
		take_out(page);
		while (larger > order) {
			larger--;
			put(index_of(page) + ((size_t)1 << larger), larger);
		}
		return page;
	}
	return NULL;
}

/* Takes pages that were never used, from a multiple of `align` on. */
static struct page *take_fresh(size_t count, size_t align)
{
	const size_t index = (all.fresh + align - 1) & ~(align - 1);
	const size_t before = all.fresh;

	if (index > all.count || count > all.count - index)
		return NULL;
	all.fresh = index + count;
	for (size_t i = before; i < all.fresh; i++) {
		list_init(&all.pages[i].link);
		all.pages[i].flags = PAGE_ZERO;
	}
	give_run(before, index);
	return &all.pages[index];
}

/* Pages leave the allocator. */
static struct page *hand_out(struct page *page, size_t count, bool zero)
{
	all.free -= count;
	for (size_t i = 0; i < count; i++) {
		if (zero && !(page[i].flags & PAGE_ZERO))
			memset(page_memory(&page[i]), 0, PAGE_SIZE);
		page[i].flags = 0;
		page[i].count = 1;
	}
	return page;
}

struct page *pages_alloc(unsigned order, enum pages_use use, bool zero)
{
	const size_t count = (size_t)1 << order;
	struct page *page;

	if (order > PAGES_MAX_ORDER || all.free < count + (use == PAGES_PROGRAM ? all.reserve : 0))
		return NULL;
	page = take_used(order);
	if (!page)
		page = take_fresh(count, count);
	return page ? hand_out(page, count, zero) : NULL;
}

/* ---- single pages ---- */

struct page *page_alloc(enum pages_use use, bool zero)
{
	return pages_alloc(0, use, zero);
}

void page_hold(struct page *page)
{
	page->count++;
}

void page_drop(struct page *page)
{
	KEEP_ASSERT(page->count > 0);
	if (--page->count)
		return;
	all.free++;
	give(index_of(page), 0);
}

void *page_memory(const struct page *page)
{
	return all.memory + index_of(page) * PAGE_SIZE;
}

uint64_t page_address(const struct page *page)
{
	return postern_address(page_memory(page));
}

struct page *page_at(uint64_t address)
{
	const size_t index = (size_t)((char *)guest_pointer(address) - all.memory) / PAGE_SIZE;

	KEEP_ASSERT(index < all.fresh);
	return &all.pages[index];
}

size_t pages_total(void)
{
	return all.count;
}

size_t pages_free(void)
{
	return all.free;
}

/* ---- for the SDK, whose heap and stacks come from here ---- */

void *guest_pages_alloc(size_t count)
{
	unsigned order = 0;
	struct page *page = NULL;

	while (order < NO_ORDER && (size_t)1 << order < count)
		order++;
	if (!count || count > all.free)
		return NULL;
	if (order < NO_ORDER)
		page = take_used(order);
	if (page)
		give_run(index_of(page) + count, index_of(page) + ((size_t)1 << order));
	else
		page = take_fresh(count, 1);
	return page ? page_memory(hand_out(page, count, false)) : NULL;
}

/* The SDK's first call hands over all free memory. */
void guest_pages_free(void *pages, size_t count)
{
	if (!all.memory) {
		pages_start(pages, count);
		return;
	}
	for (size_t i = 0; pages && i < count; i++)
		page_drop(page_at(postern_address((char *)pages + i * PAGE_SIZE)));
}

size_t guest_pages_available(void)
{
	return all.free;
}
