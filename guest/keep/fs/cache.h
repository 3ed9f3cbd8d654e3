/* SPDX-License-Identifier: ISC */
/* cache.h - the pages of a file's contents, by index: what a file in memory consists of, or what is at hand of another. */
#ifndef KEEP_FS_CACHE_H
#define KEEP_FS_CACHE_H

#include "keep.h"
#include "mm/pages.h"

/* All zero: empty. A file of one page needs no table. */
struct cache {
	struct page *first; /* page 0 */
	uint64_t *root;     /* the others: tables as of address spaces, an index as the page of an address */
	bool first_is_marked;
};

/* The page at an index, not held; NULL if there is none. */
struct page *cache_find(const struct cache *cache, uint64_t index);
/* Puts a page there, whose hold the cache takes over. There is none yet. Errors: -ENOMEM, -EFBIG. */
int cache_put(struct cache *cache, uint64_t index, struct page *page);
/* Drops the pages from `first` on, `count` of them (or to the end). Returns how many there were. */
uint64_t cache_drop(struct cache *cache, uint64_t first, uint64_t count);
/* The first index from `index` on, below `end`, with a page; `end` if there is none. */
uint64_t cache_next(const struct cache *cache, uint64_t index, uint64_t end);
uint64_t cache_free(struct cache *cache);

/* A mark on a page that is there, for whoever the cache belongs to; it goes with the page. */
void cache_mark(struct cache *cache, uint64_t index);
bool cache_is_marked(const struct cache *cache, uint64_t index);
/* As cache_next(), of pages that are marked. */
uint64_t cache_next_marked(const struct cache *cache, uint64_t index, uint64_t end);

#define CACHE_END (UINT64_C(1) << 36)

#endif
