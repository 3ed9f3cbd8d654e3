/* SPDX-License-Identifier: ISC */
/* table.c - making, finding and freeing page tables. Tables stay until all of them go. */
#include "mm/table.h"

static unsigned shift_of(unsigned level)
{
	return PAGE_SHIFT + level * TABLE_INDEX_BITS;
}

static uint64_t *slot(uint64_t *table, uint64_t address, unsigned level)
{
	return &table[address >> shift_of(level) & (TABLE_ENTRIES - 1)];
}

static uint64_t *below(uint64_t entry)
{
	return guest_pointer(entry & TABLE_ADDRESS);
}

uint64_t *table_create(void)
{
	struct page *page = page_alloc(PAGES_KERNEL, true);

	return page ? page_memory(page) : NULL;
}

static void destroy(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level && i < TABLE_ENTRIES; i++) {
		if (table[i])
			destroy(below(table[i]), level - 1);
	}
	page_drop(page_at(postern_address(table)));
}

void table_destroy(uint64_t *root)
{
	destroy(root, TABLE_LEVELS - 1);
}

uint64_t *table_entry(uint64_t *root, uint64_t address, bool create)
{
	uint64_t *table = root;

	for (unsigned level = TABLE_LEVELS - 1; level; level--) {
		uint64_t *entry = slot(table, address, level);

		if (!*entry) {
			struct page *page = create ? page_alloc(PAGES_KERNEL, true) : NULL;

			if (!page)
				return NULL;
			*entry = page_address(page) | TABLE_PRESENT | TABLE_WRITE | TABLE_USER;
		}
		table = below(*entry);
	}
	return slot(table, address, 0);
}

uint64_t table_next(uint64_t *root, uint64_t address, uint64_t end)
{
	while (address < end) {
		uint64_t *table = root;
		unsigned level = TABLE_LEVELS - 1;

		while (level && *slot(table, address, level)) {
			table = below(*slot(table, address, level));
			level--;
		}
		if (!level && *slot(table, address, 0))
			return address;
		/* Nothing there, in as much as the missing table or entry stands for. */
		address = (address | ((UINT64_C(1) << shift_of(level)) - 1)) + 1;
	}
	return end;
}
