/* SPDX-License-Identifier: ISC */
/* cache.c - the pages of a file's contents. The tables are those of mm/table.h, which take 36 bits of an index. */
#include "fs/cache.h"

#include "mm/table.h"

#define MARK (UINT64_C(1) << 6) /* as the processor marks what was written to */

struct page *cache_find(const struct cache *cache, uint64_t index)
{
	const uint64_t *entry;

	if (index == 0)
		return cache->first;
	entry = cache->root && index < CACHE_END ? table_entry(cache->root, index << PAGE_SHIFT, false)
						 : NULL;
	return entry && *entry ? table_page(*entry) : NULL;
}

int cache_put(struct cache *cache, uint64_t index, struct page *page)
{
	uint64_t *entry;

	if (index >= CACHE_END)
		return -EFBIG;
	if (index == 0) {
		cache->first = page;
		return 0;
	}
	if (!cache->root)
		cache->root = table_create();
	entry = cache->root ? table_entry(cache->root, index << PAGE_SHIFT, true) : NULL;
	if (!entry)
		return -ENOMEM;
	*entry = page_address(page) | TABLE_PRESENT;
	return 0;
}

uint64_t cache_next(const struct cache *cache, uint64_t index, uint64_t end)
{
	uint64_t found;

	end = least(end, CACHE_END);
	if (index >= end || (index == 0 && cache->first))
		return least(index, end);
	if (!cache->root)
		return end;
	found = table_next(cache->root, index << PAGE_SHIFT, end << PAGE_SHIFT);
	return least(found >> PAGE_SHIFT, end);
}

static void drop_one(struct cache *cache, uint64_t index)
{
	uint64_t *entry;

	if (index == 0) {
		page_drop(cache->first);
		cache->first = NULL;
		cache->first_is_marked = false;
		return;
	}
	entry = table_entry(cache->root, index << PAGE_SHIFT, false);
	page_drop(table_page(*entry));
	*entry = 0;
}

uint64_t cache_drop(struct cache *cache, uint64_t first, uint64_t count)
{
	const uint64_t end = count < CACHE_END ? least(first + count, CACHE_END) : CACHE_END;
	uint64_t dropped = 0;

	for (uint64_t index = first; (index = cache_next(cache, index, end)) < end; index++, dropped++)
		drop_one(cache, index);
	return dropped;
}

uint64_t cache_free(struct cache *cache)
{
	const uint64_t dropped = cache_drop(cache, 0, CACHE_END);

	if (cache->root)
		table_destroy(cache->root);
	cache->root = NULL;
	return dropped;
}

/* ---- marks ---- */

void cache_mark(struct cache *cache, uint64_t index)
{
	uint64_t *entry;

	if (index == 0) {
		cache->first_is_marked = cache->first;
		return;
	}
	entry = cache->root && index < CACHE_END ? table_entry(cache->root, index << PAGE_SHIFT, false)
						 : NULL;
	if (entry && *entry)
		*entry |= MARK;
}

bool cache_is_marked(const struct cache *cache, uint64_t index)
{
	const uint64_t *entry;

	if (index == 0)
		return cache->first_is_marked;
	entry = cache->root && index < CACHE_END ? table_entry(cache->root, index << PAGE_SHIFT, false)
						 : NULL;
	return entry && *entry & MARK;
}

uint64_t cache_next_marked(const struct cache *cache, uint64_t index, uint64_t end)
{
	end = least(end, CACHE_END);
	while ((index = cache_next(cache, index, end)) < end && !cache_is_marked(cache, index))
		index++;
	return least(index, end);
}
