/* SPDX-License-Identifier: ISC */
/*
 * space.c - an address space's mappings: a sorted array, which is searched often and changed seldom. A change makes sure
 * first that it has what it needs; from then on it cannot fail.
 */
#include "mm/internal.h"

#include "task/task.h"

enum { FIRST_ROOM = 32, SPARE = 2 };

/* From here downwards there is room for what has no address of its own. */
#define PLACEMENT_TOP (ARCH_USER_END - (UINT64_C(1) << 30))

/* ---- the array ---- */

size_t mapping_index(const struct space *space, uint64_t address)
{
	size_t low = 0;
	size_t high = space->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (space->mappings[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Makes room for as many more as one change can add. */
static int reserve(struct space *space)
{
	size_t room = space->room ? 2 * space->room : FIRST_ROOM;
	struct mapping *mappings;

	if (space->count + SPARE <= space->room)
		return 0;
	mappings = realloc(space->mappings, room * sizeof *mappings);
	if (!mappings)
		return -ENOMEM;
	space->mappings = mappings;
	space->room = room;
	return 0;
}

static void insert_at(struct space *space, size_t index, const struct mapping *mapping)
{
	memmove(&space->mappings[index + 1], &space->mappings[index],
		(space->count - index) * sizeof *space->mappings);
	space->mappings[index] = *mapping;
	space->count++;
}

static void remove_at(struct space *space, size_t index)
{
	space->count--;
	memmove(&space->mappings[index], &space->mappings[index + 1],
		(space->count - index) * sizeof *space->mappings);
}

/* Cuts the mapping that an address lies within in two. There is room. */
static void split(struct space *space, uint64_t address)
{
	struct mapping *mapping = mapping_at(space, address);
	struct mapping upper;

	if (!mapping || mapping->begin == address)
		return;
	upper = *mapping;
	upper.begin = address;
	upper.offset += address - mapping->begin;
	if (upper.file)
		file_hold(upper.file);
	mapping->end = address;
	insert_at(space, (size_t)(mapping - space->mappings) + 1, &upper);
}

static bool can_join(const struct mapping *lower, const struct mapping *upper)
{
	return lower->end == upper->begin && lower->access == upper->access && lower->flags == upper->flags &&
	       lower->file == upper->file &&
	       (!lower->file || lower->offset + (lower->end - lower->begin) == upper->offset);
}

/* Joins a mapping with the one before it, if they are alike. */
static void join(struct space *space, size_t index)
{
	if (index == 0 || index >= space->count ||
	    !can_join(&space->mappings[index - 1], &space->mappings[index]))
		return;
	space->mappings[index - 1].end = space->mappings[index].end;
	if (space->mappings[index].file)
		file_drop(space->mappings[index].file);
	remove_at(space, index);
}

/* Joins what is alike between two addresses, and at them. */
static void join_range(struct space *space, uint64_t begin, uint64_t end)
{
	const size_t first = mapping_index(space, begin);

	for (size_t index = mapping_index(space, end) + 1; index-- > first;)
		join(space, index);
}

/* ---- pages ---- */

void drop_pages(struct space *space, uint64_t begin, uint64_t end)
{
	uint64_t at = begin;

	while ((at = table_next(space->root, at, end)) < end) {
		uint64_t *entry = table_entry(space->root, at, false);

		page_drop(table_page(*entry));
		*entry = 0;
		space->resident--;
		at += PAGE_SIZE;
	}
}

static int changed(struct space *space, uint64_t begin, uint64_t end)
{
	return arch_tables_changed(space->root, begin, (end - begin) >> PAGE_SHIFT);
}

/* Writes what programs changed of a file back to it. */
static int write_back(const struct mapping *mapping, uint64_t begin, uint64_t end)
{
	struct file *file = mapping->file;

	if (!file || is_private(mapping) || !file->functions->write_back)
		return 0;
	return file->functions->write_back(file, file_index(mapping, begin), (end - begin) >> PAGE_SHIFT);
}

/* Removes all mappings from begin to end, whose borders have been cut there; what they held is dropped. */
static void remove_range(struct space *space, uint64_t begin, uint64_t end)
{
	size_t index = mapping_index(space, begin);

	while (index < space->count && space->mappings[index].begin < end) {
		struct mapping mapping = space->mappings[index];

		remove_at(space, index);
		space->size -= mapping.end - mapping.begin;
		drop_pages(space, mapping.begin, mapping.end);
		(void)changed(space, mapping.begin, mapping.end);
		if (mapping.file) {
			(void)write_back(&mapping, mapping.begin, mapping.end);
			file_drop(mapping.file);
		}
		index = mapping_index(space, begin); /* writing back may have slept */
	}
}

static bool is_range(uint64_t address, uint64_t length)
{
	return address % PAGE_SIZE == 0 && length && length <= ARCH_USER_END &&
	       address <= ARCH_USER_END - page_ceiling(length);
}

int space_unmap(struct space *space, uint64_t address, uint64_t length)
{
	const uint64_t end = address + page_ceiling(length);
	int error;

	if (!is_range(address, length))
		return -EINVAL;
	error = reserve(space);
	if (error)
		return error;
	split(space, address);
	split(space, end);
	remove_range(space, address, end);
	return 0;
}

/* ---- where ---- */

static bool is_free(const struct space *space, uint64_t begin, uint64_t end)
{
	size_t index = mapping_index(space, begin);

	return begin >= ARCH_USER_BEGIN && end <= ARCH_USER_END &&
	       (index == space->count || space->mappings[index].begin >= end);
}

/* The highest place below PLACEMENT_TOP. Returns 0 if there is none. */
static uint64_t find_room(const struct space *space, uint64_t length)
{
	size_t index = mapping_index(space, PLACEMENT_TOP);
	uint64_t end = PLACEMENT_TOP;

	if (index < space->count && space->mappings[index].begin < end)
		end = space->mappings[index].begin;
	for (;; index--) {
		uint64_t begin = index ? space->mappings[index - 1].end : ARCH_USER_BEGIN;

		if (end >= begin && end - begin >= length)
			return end - length;
		if (!index)
			return 0;
		end = space->mappings[index - 1].begin;
	}
}

/* Returns the address, or what is wrong. Makes the place free. */
static int64_t take_place(struct space *space, uint64_t hint, uint64_t length, unsigned flags)
{
	if (flags & (SPACE_FIXED | SPACE_NO_REPLACE)) {
		if (hint % PAGE_SIZE)
			return -EINVAL;
		if (hint > ARCH_USER_END || length > ARCH_USER_END - hint)
			return -ENOMEM;
		if (hint < ARCH_USER_BEGIN)
			return -EPERM;
		if (flags & SPACE_NO_REPLACE)
			return is_free(space, hint, hint + length) ? (int64_t)hint : -EEXIST;
		int error = space_unmap(space, hint, length);

		return error ? error : (int64_t)hint;
	}
	hint = page_ceiling(hint);
	if (hint && hint < ARCH_USER_END && length <= ARCH_USER_END - hint &&
	    is_free(space, hint, hint + length))
		return (int64_t)hint;
	hint = find_room(space, length);
	return hint ? (int64_t)hint : -ENOMEM;
}

/* ---- mapping ---- */

static int check_file(const struct file *file, unsigned access, unsigned flags)
{
	if (!file)
		return 0;
	if (!file->functions->page)
		return -ENODEV;
	if (!file_may_read(file) ||
	    ((flags & SPACE_SHARED) && (access & SPACE_WRITE) && !file_may_write(file)))
		return -EACCES;
	return 0;
}

/* Touches every page; what is not there, is not there. */
static void populate(struct space *space, uint64_t begin, uint64_t end)
{
	for (uint64_t at = begin; at < end; at += PAGE_SIZE) {
		const struct mapping *mapping = mapping_at(space, at);
		const uint64_t *entry = table_entry(space->root, at, false);

		if (entry && table_has_page(*entry))
			continue;
		if (!mapping ||
		    space_fault(space, at, mapping->access & SPACE_WRITE ? SPACE_WRITE : SPACE_READ))
			return;
	}
}

int64_t space_map(struct space *space, uint64_t hint, uint64_t length, unsigned access, unsigned flags,
		  struct file *file, uint64_t offset)
{
	struct mapping mapping = { .access = access, .flags = flags & (SPACE_SHARED | SPACE_STACK) };
	int64_t result = check_file(file, access, flags);
	size_t index;

	if (result)
		return result;
	if (!length || offset % PAGE_SIZE || (file && offset > INT64_MAX - page_ceiling(length)))
		return -EINVAL;
	if (length > ARCH_USER_END)
		return -ENOMEM;
	length = page_ceiling(length);
	if (file)
		file_hold(file);
	else if (flags & SPACE_SHARED)
		file = file_anonymous("/dev/zero (deleted)", length);
	if (!file && (flags & SPACE_SHARED))
		return -ENOMEM;
	result = reserve(space);
	if (!result)
		result = take_place(space, hint, length, flags);
	if (result < 0) {
		if (file)
			file_drop(file);
		return result;
	}
	mapping.begin = (uint64_t)result;
	mapping.end = mapping.begin + length;
	mapping.file = file;
	mapping.offset = offset;
	index = mapping_index(space, mapping.begin);
	insert_at(space, index, &mapping);
	space->size += length;
	join(space, index + 1);
	join(space, index);
	if (flags & SPACE_POPULATE)
		populate(space, (uint64_t)result, (uint64_t)result + length);
	return result;
}

/* ---- changing ---- */

uint64_t entry_for(const struct mapping *mapping, uint64_t page, bool is_of_file, bool is_written)
{
	uint64_t entry = page | TABLE_USER;

	if (is_of_file)
		entry |= TABLE_OF_FILE;
	if (!mapping->access)
		return entry | TABLE_KEPT;
	entry |= TABLE_PRESENT;
	if (is_written && (mapping->access & SPACE_WRITE))
		entry |= TABLE_WRITE;
	if (!(mapping->access & SPACE_EXECUTE))
		entry |= TABLE_NO_EXECUTE;
	return entry;
}

/* Gives the pages that are there the access that their mapping has now. A write is allowed only after a fault. */
static void restrict_pages(struct space *space, const struct mapping *mapping)
{
	uint64_t at = mapping->begin;

	while ((at = table_next(space->root, at, mapping->end)) < mapping->end) {
		uint64_t *entry = table_entry(space->root, at, false);
		const bool is_of_file = *entry & TABLE_OF_FILE;

		*entry = entry_for(mapping, *entry & TABLE_ADDRESS, is_of_file,
				   !is_of_file && is_private(mapping) && table_page(*entry)->count == 1);
		at += PAGE_SIZE;
	}
}

/* Whether all of a range is mapped. */
static bool is_whole(const struct space *space, uint64_t begin, uint64_t end)
{
	size_t index = mapping_index(space, begin);

	for (; begin < end; index++) {
		if (index == space->count || space->mappings[index].begin > begin)
			return false;
		begin = space->mappings[index].end;
	}
	return true;
}

static int check_protect(const struct space *space, uint64_t begin, uint64_t end, unsigned access)
{
	size_t index = mapping_index(space, begin);

	if (!is_whole(space, begin, end))
		return -ENOMEM;
	for (; index < space->count && space->mappings[index].begin < end; index++) {
		const struct mapping *mapping = &space->mappings[index];

		if (check_file(mapping->file, access, mapping->flags))
			return -EACCES;
	}
	return 0;
}

int space_protect(struct space *space, uint64_t address, uint64_t length, unsigned access)
{
	const uint64_t end = address + page_ceiling(length);
	int error;

	if (address % PAGE_SIZE)
		return -EINVAL;
	if (!length)
		return 0;
	if (!is_range(address, length))
		return -ENOMEM;
	error = check_protect(space, address, end, access);
	if (!error)
		error = reserve(space);
	if (error)
		return error;
	split(space, address);
	split(space, end);
	for (size_t index = mapping_index(space, address);
	     index < space->count && space->mappings[index].begin < end; index++) {
		space->mappings[index].access = access;
		restrict_pages(space, &space->mappings[index]);
	}
	error = changed(space, address, end);
	join_range(space, address, end);
	return error;
}

/* ---- moving ---- */

/* Moves pages to where nothing is. What has no room for its tables is dropped: private zeros would be lost, so none is. */
static int move_pages(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
	for (uint64_t at = 0; at < length; at += PAGE_SIZE) {
		if (!table_entry(space->root, to + at, true))
			return -ENOMEM;
	}
	for (uint64_t at = from; (at = table_next(space->root, at, from + length)) < from + length;
	     at += PAGE_SIZE) {
		uint64_t *entry = table_entry(space->root, at, false);

		*table_entry(space->root, to + (at - from), false) = *entry;
		*entry = 0;
	}
	return 0;
}

/* The part of a mapping from `old` on goes elsewhere, with a new length. */
static int64_t move(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length, int64_t to)
{
	const uint64_t kept = least(old_length, new_length);
	struct mapping *mapping;
	struct mapping moved;
	size_t index;
	int error = reserve(space);

	if (!error)
		error = move_pages(space, old, (uint64_t)to, kept);
	if (error)
		return error;
	mapping = mapping_at(space, old);
	moved = *mapping;
	moved.offset += old - mapping->begin;
	moved.begin = (uint64_t)to;
	moved.end = moved.begin + new_length;
	moved.expected = 0;
	if (moved.file)
		file_hold(moved.file);
	index = mapping_index(space, moved.begin);
	insert_at(space, index, &moved);
	space->size += new_length;
	join(space, index + 1);
	join(space, index);
	error = changed(space, (uint64_t)to, (uint64_t)to + kept);
	(void)space_unmap(space, old, old_length);
	return error ? error : to;
}

/* Longer, where it is. Returns whether that was possible. */
static bool grow(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length)
{
	struct mapping *mapping = mapping_at(space, old);
	const uint64_t end = old + old_length;

	if (mapping->end != end || new_length > ARCH_USER_END - old || !is_free(space, end, old + new_length))
		return false;
	mapping->end = old + new_length;
	space->size += new_length - old_length;
	join(space, (size_t)(mapping - space->mappings) + 1);
	return true;
}

enum { MAY_MOVE = 1, MOVE_TO = 2, KEEP_OLD = 4 }; /* MREMAP_ of Linux */

int64_t space_remap(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length,
		    unsigned flags, uint64_t new_address)
{
	struct mapping *mapping;
	int64_t to;

	old_length = page_ceiling(old_length);
	new_length = page_ceiling(new_length);
	if (flags & ~(unsigned)(MAY_MOVE | MOVE_TO) || ((flags & MOVE_TO) && !(flags & MAY_MOVE)) ||
	    old % PAGE_SIZE || !new_length || !is_range(old, old_length) || new_length > ARCH_USER_END)
		return -EINVAL;
	mapping = mapping_at(space, old);
	if (!mapping || mapping->end < old + old_length)
		return -EFAULT;
	if (flags & MOVE_TO) {
		if (!is_range(new_address, new_length) ||
		    (new_address < old + old_length && old < new_address + new_length))
			return -EINVAL;
		to = take_place(space, new_address, new_length, SPACE_FIXED);
		return to < 0 ? to : move(space, old, old_length, new_length, to);
	}
	if (new_length <= old_length) {
		if (new_length < old_length)
			(void)space_unmap(space, old + new_length, old_length - new_length);
		return (int64_t)old;
	}
	if (grow(space, old, old_length, new_length))
		return (int64_t)old;
	if (!(flags & MAY_MOVE))
		return -ENOMEM;
	to = take_place(space, 0, new_length, 0);
	return to < 0 ? to : move(space, old, old_length, new_length, to);
}

enum { ADVICE_DONTNEED = 4, ADVICE_FREE = 8 }; /* MADV_ of Linux */

int space_advise(struct space *space, uint64_t address, uint64_t length, int advice)
{
	const uint64_t end = address + page_ceiling(length);

	if (address % PAGE_SIZE || (length && !is_range(address, length)))
		return -EINVAL;
	if (length && !is_whole(space, address, end))
		return -ENOMEM;
	if (!length || (advice != ADVICE_DONTNEED && advice != ADVICE_FREE))
		return 0;
	drop_pages(space, address, end);
	return changed(space, address, end);
}

int space_sync(struct space *space, uint64_t address, uint64_t length)
{
	const uint64_t end = address + page_ceiling(length);
	uint64_t at = address;

	if (address % PAGE_SIZE || (length && !is_range(address, length)))
		return -EINVAL;
	if (length && !is_whole(space, address, end))
		return -ENOMEM;
	while (length && at < end) {
		size_t index = mapping_index(space, at);
		struct mapping mapping;
		int error;

		if (index == space->count || space->mappings[index].begin >= end)
			break;
		mapping = space->mappings[index];
		at = least(mapping.end, end);
		if (mapping.file)
			file_hold(mapping.file); /* writing back may sleep */
		error = write_back(&mapping, most(mapping.begin, address), at);
		if (mapping.file)
			file_drop(mapping.file);
		if (error)
			return error;
	}
	return 0;
}

/* ---- the heap ---- */

void space_set_brk(struct space *space, uint64_t begin)
{
	space->brk_begin = space->brk_end = begin;
}

uint64_t space_brk(struct space *space, uint64_t end)
{
	const uint64_t old = page_ceiling(space->brk_end);
	const uint64_t wanted = page_ceiling(end);

	if (end < space->brk_begin || end >= ARCH_USER_END)
		return space->brk_end;
	if (wanted > old && space_map(space, old, wanted - old, SPACE_READ | SPACE_WRITE,
				      SPACE_FIXED | SPACE_NO_REPLACE, NULL, 0) < 0)
		return space->brk_end;
	if (wanted < old)
		(void)space_unmap(space, wanted, old - wanted);
	space->brk_end = end;
	return end;
}

/* ---- the whole ---- */

struct space *space_create(void)
{
	struct space *space = calloc(1, sizeof *space);

	if (!space)
		return NULL;
	space->holds = 1;
	space->root = table_create();
	if (space->root)
		return space;
	free(space);
	return NULL;
}

void space_hold(struct space *space)
{
	space->holds++;
}

void space_drop(struct space *space)
{
	if (--space->holds)
		return;
	remove_range(space, 0, ARCH_USER_END);
	table_destroy(space->root);
	free(space->mappings);
	free(space);
}

void space_use(struct space *space)
{
	arch_tables_use(space->root);
}

void space_list(struct space *space,
		void (*show)(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			     struct file *file, uint64_t offset),
		void *context)
{
	for (size_t i = 0; i < space->count; i++) {
		const struct mapping *mapping = &space->mappings[i];

		show(context, mapping->begin, mapping->end, mapping->access, mapping->flags, mapping->file,
		     mapping->offset);
	}
}

uint64_t space_size(const struct space *space)
{
	return space->size;
}

uint64_t space_resident(const struct space *space)
{
	return space->resident << PAGE_SHIFT;
}
