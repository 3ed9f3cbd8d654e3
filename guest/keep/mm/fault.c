/* SPDX-License-Identifier: ISC */
/*
 * fault.c - brings a page when it is touched: zeros, a file's page, or a copy of one that was shared. A file's page may
 * take time: whatever was known of the space before has to be looked at again.
 */
#include "mm/internal.h"

/* How many of a file's pages a fault maps, if they are at hand: an aligned block around the address. */
enum { AROUND = 16 };

/* As a stack's limit is by default. */
#define MOST_STACK (UINT64_C(8) << 20)

/* What a fault does may have to be begun again. */
enum { AGAIN = 1 };

/* ---- the mapping ---- */

static bool may_grow(const struct mapping *stack, uint64_t begin)
{
	const struct mapping *below = stack->previous;
	const bool guarded = below && below->access && !(below->flags & SPACE_STACK);

	if (!(stack->flags & SPACE_STACK) || begin < ARCH_USER_BEGIN || stack->end - begin > MOST_STACK)
		return false;
	/* What is at an address of a file stays there. */
	if (stack->file && stack->offset < stack->begin - begin)
		return false;
	if (!space_may_commit(stack->end - begin))
		return false;
	return !below || below->end + (guarded ? STACK_GAP : 0) <= begin;
}

/* The mapping at an address; a stack grows to there. */
static struct mapping *mapping_for(struct space *space, uint64_t address)
{
	struct mapping *mapping = mappings_find(&space->mappings, address);
	const uint64_t begin = page_floor(address);

	if (!mapping || mapping->begin <= address)
		return mapping;
	if (!may_grow(mapping, begin))
		return NULL;
	space->size += mapping->begin - begin;
	if (mapping->flags & SPACE_LOCKED)
		space->locked += mapping->begin - begin;
	if (mapping->file)
		mapping->offset -= mapping->begin - begin;
	mapping->begin = begin;
	mappings_changed(&space->mappings, mapping);
	space->generation++;
	return mapping;
}

/* As the processor: what may be written or executed may be read, too. */
static bool allows(const struct mapping *mapping, unsigned access)
{
	return access == SPACE_READ ? mapping->access : mapping->access & access;
}

static bool entry_allows(uint64_t entry, unsigned access)
{
	if (!(entry & TABLE_PRESENT))
		return false;
	if (access == SPACE_WRITE)
		return entry & TABLE_WRITE;
	return access == SPACE_READ || !(entry & TABLE_NO_EXECUTE);
}

static bool is_dirty_tracked(const struct mapping *mapping)
{
	return mapping->file->functions->dirty;
}

/* ---- pages that are there ---- */

/* Whether the page at one address is to that at another as the addresses are, with the same access. */
static bool continues(const struct space *space, uint64_t from, uint64_t to)
{
	const uint64_t matter = TABLE_WRITE | TABLE_NO_EXECUTE | TABLE_PRESENT;
	const uint64_t first = table_get(space->root, from);
	const uint64_t second = table_get(space->root, to);

	return (first & matter) == (second & matter) &&
	       (second & TABLE_ADDRESS) - (first & TABLE_ADDRESS) == page_floor(to) - page_floor(from);
}

/*
 * The tables allow what faulted: the host has been made to forget it, or another vCPU was faster. All that follows in one
 * piece is told at once.
 */
static int tell_again(struct space *space, uint64_t address)
{
	const uint64_t block = address & ~(TABLE_SPAN - 1);
	uint64_t begin = page_floor(address);
	uint64_t end = begin + PAGE_SIZE;

	while (begin > block && continues(space, address, begin - PAGE_SIZE))
		begin -= PAGE_SIZE;
	while (end < block + TABLE_SPAN && continues(space, address, end))
		end += PAGE_SIZE;
	return space_show(space, begin, end, address);
}

static struct page *copy_of(const struct page *page)
{
	struct page *copy = page_alloc(PAGES_PROGRAM, false);

	if (copy)
		memcpy(page_memory(copy), page_memory(page), PAGE_SIZE);
	return copy;
}

/* A private page that may not be written, because others have it too. */
static int copy_on_write(struct space *space, const struct mapping *mapping, uint64_t address, uint64_t entry)
{
	struct page *page = table_page(entry);
	struct page *copy = page;
	int error;

	if (page->count > 1)
		copy = copy_of(page);
	if (!copy)
		return -ENOMEM;
	table_set(space->root, address, entry_for(mapping, copy, true, true));
	if (copy == page)
		return space_show(space, address, address + PAGE_SIZE, address);
	error = space_replaced(space, address);
	page_drop(page);
	return error;
}

static int write_present(struct space *space, const struct mapping *mapping, uint64_t address, uint64_t entry)
{
	if (!(mapping->flags & SPACE_SHARED))
		return copy_on_write(space, mapping, address, entry);
	if (is_dirty_tracked(mapping))
		mapping->file->functions->dirty(mapping->file, file_index(mapping, address));
	table_set(space->root, address, entry_for(mapping, table_page(entry), false, true));
	return space_show(space, address, address + PAGE_SIZE, address);
}

/* ---- pages of files ---- */

/* Takes over the hold of the page. */
static void set_page(struct space *space, const struct mapping *mapping, uint64_t address, struct page *page,
		     bool own, bool writable)
{
	table_set(space->root, address, entry_for(mapping, page, own, writable));
	space->resident++;
}

/* The part of an aligned block around an address that is in the mapping. */
struct around {
	uint64_t begin;
	size_t count;
};

static struct around around_of(const struct mapping *mapping, uint64_t address)
{
	const uint64_t size = AROUND << PAGE_SHIFT;
	const uint64_t begin = most(address & ~(size - 1), mapping->begin);
	const uint64_t end = least((address & ~(size - 1)) + size, mapping->end);

	return (struct around){ begin, (end - begin) >> PAGE_SHIFT };
}

/* Maps what is at hand beside the page that was asked for, for reading. The tables are there. */
static void map_around(struct space *space, const struct mapping *mapping, const struct around *around)
{
	struct file *file = mapping->file;
	const bool writable = (mapping->flags & SPACE_SHARED) && !is_dirty_tracked(mapping);

	for (size_t i = 0; i < around->count; i++) {
		const uint64_t at = around->begin + (i << PAGE_SHIFT);
		struct page *page = table_get(space->root, at)
					    ? NULL
					    : file->functions->cached_page(file, file_index(mapping, at));

		if (page)
			set_page(space, mapping, at, page, false, writable);
	}
}

/* Puts in a file's page, of which it takes over the hold. */
static int put_file_page(struct space *space, const struct mapping *mapping, uint64_t address,
			 unsigned access, struct page *page)
{
	const bool shared = mapping->flags & SPACE_SHARED;
	struct around around = { address, 1 };

	if (table_reserve(space->root, address)) {
		page_drop(page);
		return -ENOMEM;
	}
	if (access == SPACE_WRITE && !shared) {
		struct page *copy = copy_of(page);

		page_drop(page);
		if (!copy) {
			table_trim(space->root, address);
			return -ENOMEM;
		}
		set_page(space, mapping, address, copy, true, true);
		return space_show(space, address, address + PAGE_SIZE, address);
	}
	if (shared && access == SPACE_WRITE && is_dirty_tracked(mapping))
		mapping->file->functions->dirty(mapping->file, file_index(mapping, address));
	set_page(space, mapping, address, page, false,
		 shared && (access == SPACE_WRITE || !is_dirty_tracked(mapping)));
	if (mapping->file->functions->cached_page) {
		around = around_of(mapping, address);
		map_around(space, mapping, &around);
	}
	return space_show(space, around.begin, around.begin + (around.count << PAGE_SHIFT), address);
}

static int file_fault(struct space *space, const struct mapping *mapping, uint64_t address, unsigned access)
{
	const uint64_t generation = space->generation;
	struct file *file = mapping->file;
	struct page *page;
	int error;

	file_hold(file);
	error = file->functions->page(file, file_index(mapping, address), &page);
	/* What it was asked for may be gone, or be there already. */
	if (space->generation != generation || table_get(space->root, address)) {
		if (!error)
			page_drop(page);
		error = AGAIN;
	} else if (!error) {
		error = put_file_page(space, mapping, address, access, page);
	}
	file_drop(file);
	return error;
}

/* ---- all of it ---- */

static int try_fault(struct space *space, uint64_t address, unsigned access)
{
	struct mapping *mapping;
	uint64_t entry;

	if (address >= ARCH_USER_END)
		return -EFAULT;
	mapping = mapping_for(space, address);
	if (!mapping)
		return -EFAULT;
	if (!allows(mapping, access))
		return -EACCES;
	entry = table_get(space->root, address);
	if (entry_allows(entry, access))
		return tell_again(space, address);
	if (entry)
		return write_present(space, mapping, page_floor(address), entry);
	if (mapping->file)
		return file_fault(space, mapping, page_floor(address), access);
	return cluster_fault(space, mapping, address);
}

int space_fault(struct space *space, uint64_t address, unsigned access)
{
	int error;

	do
		error = try_fault(space, address, access);
	while (error == AGAIN);
	return error;
}

void *space_memory(struct space *space, uint64_t address, unsigned access, int *error)
{
	uint64_t entry;

	if (address >= ARCH_USER_END) {
		*error = -EFAULT;
		return NULL;
	}
	while (!entry_allows(entry = table_get(space->root, address), access)) {
		*error = space_fault(space, address, access);
		if (*error)
			return NULL;
	}
	return (char *)page_memory(table_page(entry)) + (address & ~PAGE_MASK);
}

int space_replace_code(struct space *space, uint64_t address, const void *contents)
{
	const struct mapping *mapping = space_at(space, address);
	const uint64_t entry = table_get(space->root, address);
	struct page *copy;
	int error;

	if (!mapping || !(entry & TABLE_PRESENT))
		return -EFAULT;
	if (mapping->flags & SPACE_SHARED || mapping->access & SPACE_WRITE ||
	    !(mapping->access & SPACE_EXECUTE))
		return -EACCES;
	copy = page_alloc(PAGES_PROGRAM, false);
	if (!copy)
		return -ENOMEM;
	memcpy(page_memory(copy), contents, PAGE_SIZE);
	table_set(space->root, address, entry_for(mapping, copy, true, true));
	error = space_replaced(space, address);
	page_drop(table_page(entry));
	return error;
}

int space_populate(struct space *space, uint64_t begin, uint64_t end)
{
	int error = 0;

	for (uint64_t at = begin; at < end && !error; at += PAGE_SIZE) {
		struct mapping *mapping = space_at(space, at);
		unsigned access = SPACE_READ;

		if (!mapping)
			return -ENOMEM;
		if ((mapping->access & SPACE_WRITE) && !(mapping->flags & SPACE_SHARED))
			access = SPACE_WRITE;
		if (entry_allows(table_get(space->root, at), access))
			continue;
		/* All of it is wanted: as large as it goes. */
		mapping->touched_end = at;
		mapping->order = PAGES_MAX_ORDER;
		error = space_fault(space, at, access);
	}
	return error;
}
