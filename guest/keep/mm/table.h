/* SPDX-License-Identifier: ISC */
/*
 * table.h - page tables of x86-64: four levels, 4 KiB pages. What the processor ignores says here what keep knows of a
 * page. A table is held once for each entry in it, and goes with the last. Data pages are the caller's to hold.
 */
#ifndef KEEP_MM_TABLE_H
#define KEEP_MM_TABLE_H

#include "keep.h"
#include "mm/pages.h"

/* An entry for a page. Zero: there is none. */
#define TABLE_PRESENT UINT64_C(1)
#define TABLE_WRITE UINT64_C(2)
#define TABLE_USER UINT64_C(4)
#define TABLE_KEPT (UINT64_C(1) << 9) /* there is a page, and no access is allowed: not present */
#define TABLE_OWN (UINT64_C(1) << 10) /* the page is this mapping's own, and may be written without a copy */
#define TABLE_NO_EXECUTE (UINT64_C(1) << 63)
#define TABLE_ADDRESS UINT64_C(0x000ffffffffff000)

enum { TABLE_LEVELS = 4, TABLE_INDEX_BITS = 9, TABLE_ENTRIES = 1 << TABLE_INDEX_BITS };

/* What one table of the lowest level covers. */
#define TABLE_SPAN (UINT64_C(1) << 21)

uint64_t *table_create(void); /* NULL: no memory */
/* Frees the tables, and not the pages that are in them. */
void table_destroy(uint64_t *root);

static inline struct page *table_page(uint64_t entry)
{
	return page_at(entry & TABLE_ADDRESS);
}

/* The entry for an address; 0 if there is no table for it. */
uint64_t table_get(const uint64_t *root, uint64_t address);

/* Makes the tables for an address. After that, and until an entry that shares them is removed, setting it cannot fail. */
int table_reserve(uint64_t *root, uint64_t address);
/* Undoes that, if no entry has been set since. */
void table_trim(uint64_t *root, uint64_t address);

/* Sets an entry, to 0 to remove it. */
void table_set(uint64_t *root, uint64_t address, uint64_t entry);

/*
 * For those who never give tables back but all at once: the place of an entry, to be set as they like. NULL if there is no
 * table for it; with `create`, for want of memory. Not to be mixed with table_set().
 */
uint64_t *table_entry(uint64_t *root, uint64_t address, bool create);
/* The first address from `address` on, below `end`, that has an entry; `end` if there is none. */
uint64_t table_next(uint64_t *root, uint64_t address, uint64_t end);

/*
 * The entries of a range that are not zero, in order: returns false at the end. The entry that was found may be set, and
 * may be removed.
 */
struct table_walk {
	uint64_t *root;
	uint64_t next, end;
	uint64_t address; /* of the entry found */
	uint64_t entry;
	uint64_t *table; /* where it is; NULL: to be looked up */
};
void table_walk_begin(struct table_walk *walk, uint64_t *root, uint64_t begin, uint64_t end);
bool table_walk_next(struct table_walk *walk);
void table_walk_set(struct table_walk *walk, uint64_t entry);

#endif
