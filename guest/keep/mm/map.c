/* SPDX-License-Identifier: ISC */
/* map.c - mapping, unmapping, and changing the access of ranges: first all is checked, then something is done. */
#include "mm/internal.h"

/* Where SPACE_LOW is, as Linux has it. */
#define LOW_BEGIN UINT64_C(0x40000000)
#define LOW_END UINT64_C(0x80000000)

/* ---- where ---- */

/* Free room, with the gap that a stack above wants. */
static bool is_free(const struct space *space, uint64_t begin, uint64_t length)
{
	const struct mapping *above;

	if (begin < ARCH_USER_BEGIN || !is_user_range(begin, length))
		return false;
	above = mappings_find(&space->mappings, begin);
	return !above || begin + length + (above->flags & SPACE_STACK ? STACK_GAP : 0) <= above->begin;
}

static uint64_t choose(const struct space *space, uint64_t hint, uint64_t length, unsigned flags)
{
	const struct mappings *mappings = &space->mappings;
	uint64_t found;

	if (flags & SPACE_LOW)
		return mappings_lowest_room(mappings, length, LOW_BEGIN, LOW_END);
	if (hint && hint < ARCH_USER_END && is_free(space, page_ceiling(hint), length))
		return page_ceiling(hint);
	found = mappings_highest_room(mappings, length, ARCH_USER_BEGIN, space->top);
	return found ? found : mappings_lowest_room(mappings, length, ARCH_USER_BEGIN, ARCH_USER_END);
}

/* At the address itself. */
static int check_fixed(const struct space *space, uint64_t address, uint64_t length, unsigned flags)
{
	if (address & ~PAGE_MASK)
		return -EINVAL;
	if (!is_user_range(address, length))
		return -ENOMEM;
	if (address < ARCH_USER_BEGIN)
		return -EPERM;
	if ((flags & SPACE_NO_REPLACE) && !space_is_empty(space, address, address + length))
		return -EEXIST;
	return 0;
}

static int64_t place(const struct space *space, uint64_t hint, uint64_t length, unsigned flags)
{
	uint64_t address;
	int error;

	if (flags & (SPACE_FIXED | SPACE_NO_REPLACE)) {
		error = check_fixed(space, hint, length, flags);
		return error ? error : (int64_t)hint;
	}
	address = choose(space, hint, length, flags);
	return address ? (int64_t)address : -ENOMEM;
}

/* ---- what ---- */

static int check_file(const struct file *file, unsigned access, unsigned flags)
{
	if ((flags & SPACE_SHARED) && (access & SPACE_WRITE) && !file_may_write(file))
		return -EACCES;
	if (!file_may_read(file))
		return -EACCES;
	return file->functions->page ? 0 : -ENODEV;
}

static bool commits(const struct mapping *mapping)
{
	return (mapping->access & SPACE_WRITE) && !(mapping->flags & (SPACE_SHARED | SPACE_NO_RESERVE));
}

/* A mapping that is in no space yet. */
static int prepare(struct mapping **result, uint64_t length, const struct mapping *wanted)
{
	struct mapping *mapping;

	if (commits(wanted) && !space_may_commit(length))
		return -ENOMEM;
	mapping = mapping_copy(wanted);
	if (!mapping)
		return -ENOMEM;
	if ((mapping->flags & SPACE_SHARED) && !mapping->file) {
		mapping->file = shared_create(length);
		mapping->offset = 0;
	}
	if ((mapping->flags & SPACE_SHARED) && !mapping->file) {
		free(mapping);
		return -ENOMEM;
	}
	*result = mapping;
	return 0;
}

/* For one mapping more, in place of what is there. */
static int make_room(struct space *space, uint64_t begin, uint64_t end)
{
	int error = 0;

	/* Unmapping the middle of one makes one more. */
	if (space->mappings.count + 2 > MOST_MAPPINGS)
		return -ENOMEM;
	/* The end of a file may take time, in which others map something here. */
	while (!error && !space_is_empty(space, begin, end))
		error = space_unmap(space, begin, end - begin);
	return error;
}

static int check_request(uint64_t length, unsigned flags, const struct file *file, uint64_t offset)
{
	if (!length || (offset & ~PAGE_MASK) || (flags & SPACE_SHARED && flags & SPACE_STACK))
		return -EINVAL;
	if (length > ARCH_USER_END)
		return -ENOMEM;
	return file && offset > INT64_MAX - length ? -EOVERFLOW : 0;
}

int64_t space_map(struct space *space, uint64_t hint, uint64_t length, unsigned access, unsigned flags,
		  struct file *file, uint64_t offset)
{
	const unsigned kept = SPACE_SHARED | SPACE_STACK | SPACE_LOCKED | SPACE_NO_RESERVE;
	struct mapping wanted = {
		.access = access, .flags = flags & kept, .file = file, .offset = file ? offset : 0
	};
	struct mapping *mapping;
	int64_t at;
	int64_t error = check_request(length, flags, file, offset);

	if (error)
		return error;
	length = page_ceiling(length);
	at = place(space, hint, length, flags);
	if (at < 0)
		return at;
	if (file)
		error = check_file(file, access, flags);
	if (!error)
		error = prepare(&mapping, length, &wanted);
	if (error)
		return error;
	mapping->begin = (uint64_t)at;
	mapping->end = (uint64_t)at + length;
	error = make_room(space, mapping->begin, mapping->end);
	if (error) {
		mapping_free(mapping);
		return error;
	}
	space_add(space, mapping);
	if (flags & (SPACE_POPULATE | SPACE_LOCKED))
		(void)space_populate(space, (uint64_t)at, (uint64_t)at + length);
	return at;
}

/* ---- unmapping ---- */

/* Takes the mappings of a range out of the space, all of them within it. Returns them as a list. */
static struct mapping *take_out(struct space *space, uint64_t begin, uint64_t end)
{
	struct mapping *taken = NULL;

	for (;;) {
		struct mapping *at = mappings_find(&space->mappings, begin);

		if (!at || at->begin >= end)
			return taken;
		mappings_remove(&space->mappings, at);
		space->size -= at->end - at->begin;
		if (at->flags & SPACE_LOCKED)
			space->locked -= at->end - at->begin;
		at->next = taken;
		taken = at;
	}
}

int space_unmap(struct space *space, uint64_t address, uint64_t length)
{
	const uint64_t end = address + page_ceiling(length);
	struct mapping *taken;
	int error;

	if ((address & ~PAGE_MASK) || !length || !is_user_range(address, length))
		return -EINVAL;
	if (space_is_empty(space, address, end))
		return 0;
	error = space_split(space, address);
	if (!error)
		error = space_split(space, end);
	if (error) {
		space_join(space, address);
		return error;
	}
	space->generation++;
	taken = take_out(space, address, end);
	for (const struct mapping *at = taken; at; at = at->next)
		space_mark_dirty(space, at, at->begin, at->end);
	space_clear(space, address, end);
	/* The end of a file may take time. By then everything here is as it should be. */
	while (taken) {
		struct mapping *next = taken->next;

		mapping_free(taken);
		taken = next;
	}
	return 0;
}

/* ---- access ---- */

/* Whether every mapping of a range may have the access. */
static int check_access(const struct space *space, uint64_t begin, uint64_t end, unsigned access)
{
	uint64_t committed = 0;

	for (const struct mapping *at = mappings_find(&space->mappings, begin); at && at->begin < end;
	     at = at->next) {
		struct mapping changed = *at;

		changed.access = access;
		if ((at->flags & SPACE_SHARED) && (access & SPACE_WRITE) && !file_may_write(at->file))
			return -EACCES;
		if (commits(&changed) && !commits(at))
			committed += least(at->end, end) - most(at->begin, begin);
	}
	return space_may_commit(committed) ? 0 : -ENOMEM;
}

int space_protect(struct space *space, uint64_t address, uint64_t length, unsigned access)
{
	const uint64_t end = address + page_ceiling(length);
	int error;

	if (address & ~PAGE_MASK)
		return -EINVAL;
	if (!length)
		return 0;
	if (!is_user_range(address, length) || !space_is_full(space, address, end))
		return -ENOMEM;
	error = check_access(space, address, end, access);
	if (!error)
		error = space_split(space, address);
	if (!error)
		error = space_split(space, end);
	if (error) {
		space_join(space, address);
		return error;
	}
	space->generation++;
	for (struct mapping *at = space_at(space, address); at && at->begin < end; at = at->next) {
		at->access = access;
		space_restrict(space, at, at->begin, at->end);
	}
	space_join_all(space, address, end);
	return 0;
}
