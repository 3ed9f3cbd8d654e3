/* SPDX-License-Identifier: ISC */
/*
 * contents.c - the pages of a range: removed, moved, made to follow their mapping's access. A page that goes is hidden
 * first: its entry is no longer present, but still names it; only when the processor or the host has followed, it is
 * given back.
 */
#include "mm/internal.h"

/* What the host or the processor is told at once. Hosts have limits. */
#define MOST_TOLD (UINT64_C(1) << 40)

/* The part of a range in which entries have been changed. */
struct changed {
	uint64_t begin, end;
};

static void note(struct changed *changed, uint64_t address)
{
	if (changed->begin == changed->end)
		changed->begin = address;
	changed->end = address + PAGE_SIZE;
}

static int tell(const uint64_t *root, uint64_t begin, uint64_t end, bool added)
{
	int error = 0;

	for (; begin < end && !error; begin += least(end - begin, MOST_TOLD))
		error = arch_tables_changed(root, begin, least(end - begin, MOST_TOLD) >> PAGE_SHIFT, added);
	return error;
}

/*
 * A host without room for more mappings may fail to unmap, too, where that makes two of one. So it is made to forget all
 * of them, which it can do always, and learns again by faults which it needs.
 */
static int tell_or_forget(struct space *space, uint64_t begin, uint64_t end, bool added)
{
	static const uint64_t nothing[PAGE_SIZE / sizeof(uint64_t)];
	int error = tell(space->root, begin, end, added);

	if (!error)
		return 0;
	if (tell(nothing, ARCH_USER_BEGIN, ARCH_USER_END, false))
		guest_panic("the host cannot unmap a program's memory");
	return -ENOMEM;
}

int space_tell(struct space *space, uint64_t begin, uint64_t end)
{
	return tell_or_forget(space, begin, end, false);
}

int space_show(struct space *space, uint64_t begin, uint64_t end, uint64_t address)
{
	const uint64_t page = page_floor(address);

	if (!tell_or_forget(space, begin, end, true))
		return 0;
	return tell_or_forget(space, page, page + PAGE_SIZE, true);
}

int space_replaced(struct space *space, uint64_t page)
{
	if (!space_tell(space, page, page + PAGE_SIZE))
		return 0;
	return space_tell(space, page, page + PAGE_SIZE);
}

/* ---- removing and moving ---- */

static void hide(struct space *space, uint64_t begin, uint64_t end)
{
	struct changed changed = { 0 };
	struct table_walk walk;

	table_walk_begin(&walk, space->root, begin, end);
	while (table_walk_next(&walk)) {
		if (!(walk.entry & TABLE_PRESENT))
			continue;
		table_walk_set(&walk, walk.entry & ~TABLE_PRESENT);
		note(&changed, walk.address);
	}
	(void)space_tell(space, changed.begin, changed.end);
}

/* Pages that follow each other are given back in one. */
struct run {
	struct page *first;
	size_t count;
};

static void add_to_run(struct run *run, struct page *page)
{
	if (run->count && page != run->first + run->count) {
		pages_drop(run->first, run->count);
		run->count = 0;
	}
	if (!run->count)
		run->first = page;
	run->count++;
}

void space_clear(struct space *space, uint64_t begin, uint64_t end)
{
	struct run run = { 0 };
	struct table_walk walk;

	hide(space, begin, end);
	table_walk_begin(&walk, space->root, begin, end);
	while (table_walk_next(&walk)) {
		add_to_run(&run, table_page(walk.entry));
		table_walk_set(&walk, 0);
		space->resident--;
	}
	if (run.count)
		pages_drop(run.first, run.count);
}

/* The tables for what is going to be moved. On failure none are left that were not there. */
static int reserve(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
	struct table_walk walk;

	table_walk_begin(&walk, space->root, from, from + length);
	while (table_walk_next(&walk)) {
		if (!table_reserve(space->root, walk.address - from + to))
			continue;
		table_walk_begin(&walk, space->root, from, walk.address);
		while (table_walk_next(&walk))
			table_trim(space->root, walk.address - from + to);
		return -ENOMEM;
	}
	return 0;
}

int space_move(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
	int error = reserve(space, from, to, length);
	struct changed changed = { 0 };
	struct table_walk walk;

	if (error)
		return error;
	table_walk_begin(&walk, space->root, from, from + length);
	while (table_walk_next(&walk)) {
		table_set(space->root, walk.address - from + to, walk.entry);
		note(&changed, walk.address - from + to);
	}
	hide(space, from, from + length);
	table_walk_begin(&walk, space->root, from, from + length);
	while (table_walk_next(&walk))
		table_walk_set(&walk, 0);
	(void)space_tell(space, changed.begin, changed.end);
	return 0;
}

/* ---- access ---- */

uint64_t entry_for(const struct mapping *mapping, const struct page *page, bool own, bool writable)
{
	uint64_t entry = page_address(page) | TABLE_USER | (own ? TABLE_OWN : 0);

	if (!mapping->access)
		return entry | TABLE_KEPT;
	if (writable && (mapping->access & SPACE_WRITE))
		entry |= TABLE_WRITE;
	if (!(mapping->access & SPACE_EXECUTE))
		entry |= TABLE_NO_EXECUTE;
	return entry | TABLE_PRESENT;
}

static bool has_dirty_pages(const struct mapping *mapping)
{
	return (mapping->flags & SPACE_SHARED) && mapping->file->functions->dirty;
}

static uint64_t restricted(const struct mapping *mapping, uint64_t entry)
{
	const bool own = entry & TABLE_OWN;
	const bool shared = (mapping->flags & SPACE_SHARED) && !has_dirty_pages(mapping);

	return entry_for(mapping, table_page(entry), own, own || shared || (entry & TABLE_WRITE));
}

void space_restrict(struct space *space, const struct mapping *mapping, uint64_t begin, uint64_t end)
{
	struct changed changed = { 0 };
	struct table_walk walk;

	if (!(mapping->access & SPACE_WRITE))
		space_mark_dirty(space, mapping, begin, end);
	table_walk_begin(&walk, space->root, begin, end);
	while (table_walk_next(&walk)) {
		uint64_t entry = restricted(mapping, walk.entry);

		if (entry == walk.entry)
			continue;
		table_walk_set(&walk, entry);
		note(&changed, walk.address);
	}
	(void)space_tell(space, changed.begin, changed.end);
}

/* What may be written may have been changed since the file last wrote it back. */
void space_mark_dirty(struct space *space, const struct mapping *mapping, uint64_t begin, uint64_t end)
{
	struct table_walk walk;

	if (!has_dirty_pages(mapping))
		return;
	table_walk_begin(&walk, space->root, begin, end);
	while (table_walk_next(&walk)) {
		if (walk.entry & TABLE_WRITE)
			mapping->file->functions->dirty(mapping->file, file_index(mapping, walk.address));
	}
}
