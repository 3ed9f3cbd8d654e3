/* SPDX-License-Identifier: ISC */
/*
 * table.h - page tables, in the format of x86-64: four levels, pages of 4 KiB (Intel SDM, volume 3, section 4.5). An
 * entry also tells what the processor does not need to know; arch_tables_changed() makes the processor follow.
 */
#ifndef KEEP_MM_TABLE_H
#define KEEP_MM_TABLE_H

#include "keep.h"
#include "mm/pages.h"

#define TABLE_PRESENT UINT64_C(1)
#define TABLE_WRITE UINT64_C(2)
#define TABLE_USER UINT64_C(4)
#define TABLE_OF_FILE (UINT64_C(1) << 9) /* a page of a file's: to be copied before a private write */
#define TABLE_KEPT (UINT64_C(1) << 10)   /* there, but no access is allowed: not present for the processor */
#define TABLE_ADDRESS UINT64_C(0x000ffffffffff000)
#define TABLE_NO_EXECUTE (UINT64_C(1) << 63)

enum { TABLE_LEVELS = 4, TABLE_INDEX_BITS = 9, TABLE_ENTRIES = 1 << TABLE_INDEX_BITS };

/* A root without entries, or NULL. Destroying frees the tables, not the pages that they map. */
uint64_t *table_create(void);
void table_destroy(uint64_t *root);

/* The entry for an address; NULL if there is no table for it. With `create`, tables are made: NULL for want of memory. */
uint64_t *table_entry(uint64_t *root, uint64_t address, bool create);

/* The first address from `address` on, below `end`, that may have an entry; `end` if there is none. */
uint64_t table_next(uint64_t *root, uint64_t address, uint64_t end);

/* Whether there is a page. */
static inline bool table_has_page(uint64_t entry)
{
	return entry & (TABLE_PRESENT | TABLE_KEPT);
}

static inline struct page *table_page(uint64_t entry)
{
	return page_at(entry & TABLE_ADDRESS);
}

#endif
