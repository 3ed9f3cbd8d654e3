/* SPDX-License-Identifier: ISC */
/* table.c - page tables: finding, making and removing entries. It knows nothing of what is mapped. */
#include "mm/table.h"

#include "mm/pages.h"

#include <postern/crossing.h>

#define OF_A_TABLE (TABLE_PRESENT | TABLE_WRITE | TABLE_USER)

static unsigned shift_of(unsigned level)
{
	return PAGE_SHIFT + level * TABLE_INDEX_BITS;
}

static uint64_t *entry_in(uint64_t *table, uint64_t address, unsigned level)
{
	return &table[address >> shift_of(level) & (TABLE_ENTRIES - 1)];
}

static uint64_t *table_of(uint64_t entry)
{
	return guest_pointer(entry & TABLE_ADDRESS);
}

static struct page *page_of(const uint64_t *table)
{
	return page_at(postern_address(table));
}

static uint64_t *new_table(void)
{
	struct page *page = page_alloc(PAGES_PROGRAM, true);

	return page ? page_memory(page) : NULL;
}

uint64_t *table_create(void)
{
	return new_table();
}

static void destroy(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 0 && i < TABLE_ENTRIES; i++) {
		if (table[i])
			destroy(table_of(table[i]), level - 1);
	}
	/* Whatever was in it goes, too. */
	page_of(table)->count = 1;
	page_drop(page_of(table));
}

void table_destroy(uint64_t *root)
{
	destroy(root, TABLE_LEVELS - 1);
}

/* The table with the entry for an address, or NULL and how much from the address on has none, to an even end. */
static uint64_t *lowest_table(uint64_t *root, uint64_t address, uint64_t *missing_end)
{
	uint64_t *table = root;

	for (unsigned level = TABLE_LEVELS - 1; level > 0; level--) {
		uint64_t entry = *entry_in(table, address, level);

		if (!entry) {
			*missing_end = ((address >> shift_of(level)) + 1) << shift_of(level);
			return NULL;
		}
		table = table_of(entry);
	}
	return table;
}

uint64_t table_get(const uint64_t *root, uint64_t address)
{
	uint64_t ignored;
	uint64_t *table = lowest_table((uint64_t *)root, address, &ignored);

	return table ? *entry_in(table, address, 0) : 0;
}

int table_reserve(uint64_t *root, uint64_t address)
{
	uint64_t *table = root;

	for (unsigned level = TABLE_LEVELS - 1; level > 0; level--) {
		uint64_t *entry = entry_in(table, address, level);

		if (!*entry) {
			uint64_t *below = new_table();

			if (!below) {
				table_trim(root, address);
				return -ENOMEM;
			}
			*entry = postern_address(below) | OF_A_TABLE;
			page_hold(page_of(table));
		}
		table = table_of(*entry);
	}
	return 0;
}

void table_trim(uint64_t *root, uint64_t address)
{
	uint64_t *tables[TABLE_LEVELS] = { [TABLE_LEVELS - 1] = root };
	unsigned level = TABLE_LEVELS - 1;

	while (level > 0 && *entry_in(tables[level], address, level)) {
		tables[level - 1] = table_of(*entry_in(tables[level], address, level));
		level--;
	}
	for (; level < TABLE_LEVELS - 1 && page_of(tables[level])->count == 1; level++) {
		page_drop(page_of(tables[level]));
		*entry_in(tables[level + 1], address, level + 1) = 0;
		page_drop(page_of(tables[level + 1]));
	}
}

uint64_t *table_entry(uint64_t *root, uint64_t address, bool create)
{
	uint64_t ignored;
	uint64_t *table = lowest_table(root, address, &ignored);

	if (!table && create && !table_reserve(root, address))
		table = lowest_table(root, address, &ignored);
	return table ? entry_in(table, address, 0) : NULL;
}

uint64_t table_next(uint64_t *root, uint64_t address, uint64_t end)
{
	struct table_walk walk;

	table_walk_begin(&walk, root, address, end);
	return table_walk_next(&walk) ? walk.address : end;
}

/* Returns whether the table has become empty. */
static bool set_in(uint64_t *table, uint64_t address, uint64_t entry)
{
	uint64_t *at = entry_in(table, address, 0);
	struct page *page = page_of(table);

	if (!*at && entry)
		page_hold(page);
	else if (*at && !entry)
		page_drop(page);
	/* Whole, for a processor that walks the tables meanwhile. */
	__atomic_store_n(at, entry, __ATOMIC_RELAXED);
	return page->count == 1;
}

void table_set(uint64_t *root, uint64_t address, uint64_t entry)
{
	uint64_t ignored;
	uint64_t *table = lowest_table(root, address, &ignored);

	KEEP_ASSERT(table || !entry);
	if (table && set_in(table, address, entry))
		table_trim(root, address);
}

void table_walk_begin(struct table_walk *walk, uint64_t *root, uint64_t begin, uint64_t end)
{
	*walk = (struct table_walk){ .root = root, .next = begin, .end = end };
}

bool table_walk_next(struct table_walk *walk)
{
	while (walk->next < walk->end) {
		if (!walk->table || walk->next % TABLE_SPAN == 0) {
			uint64_t missing_end;

			walk->table = lowest_table(walk->root, walk->next, &missing_end);
			if (!walk->table) {
				walk->next = missing_end;
				continue;
			}
		}
		walk->address = walk->next;
		walk->next += PAGE_SIZE;
		walk->entry = *entry_in(walk->table, walk->address, 0);
		if (walk->entry)
			return true;
	}
	return false;
}

void table_walk_set(struct table_walk *walk, uint64_t entry)
{
	walk->entry = entry;
	if (set_in(walk->table, walk->address, entry)) {
		table_trim(walk->root, walk->address);
		walk->table = NULL;
	}
}
