/* SPDX-License-Identifier: ISC */
/*
 * pages.h - the allocator of guest-physical pages, all that the kernel and programs have. It replaces that of the SDK,
 * so malloc() draws from it, too. Pages come in blocks of 2^order, aligned to their size; each page of a block is
 * counted by itself. Memory that nobody has used yet is not touched, and known to be zero.
 */
#ifndef KEEP_MM_PAGES_H
#define KEEP_MM_PAGES_H

#include "keep.h"

enum { PAGES_MAX_ORDER = 9 };

struct page {
	uint32_t count;   /* of those who hold it; 0: free */
	uint16_t order;   /* of the free block that begins with it */
	uint16_t flags;   /* the allocator's */
	struct list link; /* of the free block that begins with it; of an allocated page, for who holds it */
};

/* Hands over the memory from `memory`, `count` pages. Once, before anything else. */
void pages_start(void *memory, size_t count);

/*
 * Allocates 2^order pages, each held once; zero if asked for, else with anything in them. NULL when there are none.
 * When memory runs low, `reserve` is for the kernel itself: programs' pages leave it alone.
 */
enum pages_use { PAGES_KERNEL, PAGES_PROGRAM };
struct page *pages_alloc(unsigned order, enum pages_use use, bool zero);

/* One page. */
struct page *page_alloc(enum pages_use use, bool zero);
void page_hold(struct page *page);
void page_drop(struct page *page);                /* frees it, if nobody else holds it */
void pages_drop(struct page *page, size_t count); /* the same for pages that follow each other */

void *page_memory(const struct page *page);
uint64_t page_address(const struct page *page); /* guest-physical */
struct page *page_at(uint64_t address);         /* guest-physical, within what pages_start() got */

size_t pages_total(void);
size_t pages_free(void);

#endif
