/* SPDX-License-Identifier: ISC */
/*
 * fault.c - pages come when they are touched. What is private and of no file comes in blocks, larger ones where it is
 * touched in sequence: each fault costs a signal and a system call of the host on ring3, some 5 us, and blocks of RAM
 * that follow each other are one mapping there.
 */
#include "mm/internal.h"

enum { FIRST_ORDER = 4, AROUND = 16 };

static int tell(struct space *space, uint64_t address, size_t pages)
{
	return arch_tables_changed(space->root, address, pages);
}

/* ---- zeros ---- */

/* Whether all of a block lies in the mapping, and nothing of it is there. */
static bool is_vacant(const struct space *space, const struct mapping *mapping, uint64_t begin, uint64_t end)
{
	return begin >= mapping->begin && end <= mapping->end && table_next(space->root, begin, end) == end;
}

/* Tables for all of a range, which has at most one block's size. */
static bool has_tables(struct space *space, uint64_t begin, uint64_t end)
{
	return table_entry(space->root, begin, true) && table_entry(space->root, end - PAGE_SIZE, true);
}

static void drop_block(struct page *block, unsigned order)
{
	for (size_t i = 0; i < (size_t)1 << order; i++)
		page_drop(&block[i]);
}

/* The block of an order that an address lies in becomes zeros. Returns -EAGAIN if a smaller one is to be tried. */
static int zero_block(struct space *space, struct mapping *mapping, uint64_t address, unsigned order)
{
	const uint64_t size = (uint64_t)PAGE_SIZE << order;
	const uint64_t begin = address & ~(size - 1);
	struct page *block;

	if (!is_vacant(space, mapping, begin, begin + size) || !has_tables(space, begin, begin + size))
		return order ? -EAGAIN : -ENOMEM;
	block = pages_alloc(order, PAGES_PROGRAM, true);
	if (!block)
		return order ? -EAGAIN : -ENOMEM;
	for (size_t i = 0; i < (size_t)1 << order; i++)
		*table_entry(space->root, begin + i * PAGE_SIZE, false) =
			entry_for(mapping, page_address(&block[i]), false, true);
	space->resident += (uint64_t)1 << order;
	mapping->expected = begin + size;
	if (!tell(space, begin, (size_t)1 << order))
		return 0;
	for (size_t i = 0; i < (size_t)1 << order; i++)
		*table_entry(space->root, begin + i * PAGE_SIZE, false) = 0;
	space->resident -= (uint64_t)1 << order;
	drop_block(block, order);
	return -ENOMEM;
}

static int fault_zero(struct space *space, struct mapping *mapping, uint64_t address)
{
	int result;

	if (address == mapping->expected && mapping->order < PAGES_MAX_ORDER)
		mapping->order++;
	else if (address != mapping->expected)
		mapping->order = FIRST_ORDER;
	for (unsigned order = mapping->order;; order--) {
		result = zero_block(space, mapping, address, order);
		if (result != -EAGAIN)
			return result;
	}
}

/* ---- files ---- */

/* The page is the file's; the table takes over who holds it. */
static void map_page(struct space *space, const struct mapping *mapping, uint64_t address, struct page *page,
		     bool is_written)
{
	*table_entry(space->root, address, false) = entry_for(mapping, page_address(page), true, is_written);
	space->resident++;
}

/* What is at hand of the file behind the page that was needed. Returns how many pages there are in a row. */
static size_t map_around(struct space *space, const struct mapping *mapping, uint64_t address)
{
	struct file *file = mapping->file;
	size_t count = 1;

	if (!file->functions->cached_page)
		return count;
	for (; count < AROUND; count++) {
		const uint64_t at = address + count * PAGE_SIZE;
		const uint64_t *entry = at < mapping->end ? table_entry(space->root, at, true) : NULL;
		struct page *page =
			entry && !*entry ? file->functions->cached_page(file, file_index(mapping, at)) : NULL;

		if (!page)
			break;
		map_page(space, mapping, at, page, false);
	}
	return count;
}

/* A page of its own with the same contents. The old one is dropped, unless there is no memory. */
static struct page *copy_of(struct page *old)
{
	struct page *page = page_alloc(PAGES_PROGRAM, false);

	if (!page)
		return NULL;
	memcpy(page_memory(page), page_memory(old), PAGE_SIZE);
	page_drop(old);
	return page;
}

static int fault_copy(struct space *space, const struct mapping *mapping, uint64_t address, struct page *page)
{
	struct page *copy = copy_of(page);

	if (!copy) {
		page_drop(page);
		return -ENOMEM;
	}
	*table_entry(space->root, address, false) = entry_for(mapping, page_address(copy), false, true);
	space->resident++;
	return tell(space, address, 1);
}

/* The file may have to be read, and while it is the mapping may change: then the access is tried again. */
static int fault_file(struct space *space, struct mapping *mapping, uint64_t address, unsigned access)
{
	struct file *file = mapping->file;
	const uint64_t index = file_index(mapping, address);
	struct page *page = NULL;
	uint64_t *entry;
	int error;

	file_hold(file);
	error = file->functions->page(file, index, &page);
	mapping = mapping_at(space, address);
	entry = error ? NULL : table_entry(space->root, address, true);
	if (error || !entry || *entry || !mapping || mapping->file != file ||
	    file_index(mapping, address) != index) {
		if (!error)
			page_drop(page);
		file_drop(file);
		return error ? error : entry ? 0 : -ENOMEM;
	}
	file_drop(file);
	if ((access & SPACE_WRITE) && is_private(mapping))
		return fault_copy(space, mapping, address, page);
	if ((access & SPACE_WRITE) && file->functions->dirty)
		file->functions->dirty(file, index);
	map_page(space, mapping, address, page, access & SPACE_WRITE);
	return tell(space, address, access & SPACE_WRITE ? 1 : map_around(space, mapping, address));
}

/* ---- pages that are there ---- */

/* A write to a page that cannot be written yet: a file's, or one that others have, too. */
static int fault_write(struct space *space, const struct mapping *mapping, uint64_t address, uint64_t *entry)
{
	struct page *page = table_page(*entry);
	const bool is_of_file = *entry & TABLE_OF_FILE;

	if (!is_private(mapping)) {
		if (mapping->file->functions->dirty)
			mapping->file->functions->dirty(mapping->file, file_index(mapping, address));
		*entry |= TABLE_WRITE;
		return tell(space, address, 1);
	}
	if (is_of_file || page->count > 1) {
		page = copy_of(page);
		if (!page)
			return -ENOMEM;
	}
	*entry = entry_for(mapping, page_address(page), false, true);
	return tell(space, address, 1);
}

static bool is_allowed(const struct mapping *mapping, unsigned access)
{
	/* On x86-64, what can be written or executed can be read. */
	if (access & SPACE_READ)
		return mapping->access;
	return (mapping->access & access) == access;
}

int space_fault(struct space *space, uint64_t address, unsigned access)
{
	struct mapping *mapping;
	uint64_t *entry;

	address = page_floor(address);
	mapping = address < ARCH_USER_END ? mapping_at(space, address) : NULL;
	if (!mapping)
		return -EFAULT;
	if (!is_allowed(mapping, access))
		return -EACCES;
	entry = table_entry(space->root, address, false);
	if (entry && table_has_page(*entry)) {
		if ((access & SPACE_WRITE) && !(*entry & TABLE_WRITE))
			return fault_write(space, mapping, address, entry);
		return tell(space, address, 1); /* another vCPU was here first */
	}
	if (mapping->file)
		return fault_file(space, mapping, address, access);
	return fault_zero(space, mapping, address);
}

/* What may be done with a page as it is. */
static bool is_ready(uint64_t entry, unsigned access)
{
	return (entry & TABLE_PRESENT) && (!(access & SPACE_WRITE) || (entry & TABLE_WRITE));
}

void *space_memory(struct space *space, uint64_t address, unsigned access, int *error)
{
	*error = 0;
	if (address >= ARCH_USER_END)
		*error = -EFAULT;
	while (!*error) {
		const uint64_t *entry = table_entry(space->root, address, false);

		if (entry && is_ready(*entry, access))
			return (char *)page_memory(table_page(*entry)) + address % PAGE_SIZE;
		*error = space_fault(space, address, access);
	}
	return NULL;
}
