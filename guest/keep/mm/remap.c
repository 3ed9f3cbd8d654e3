/* SPDX-License-Identifier: ISC */
/* remap.c - mremap(2): mappings made longer or shorter, and moved with their pages; and the heap, which is one, too. */
#include "mm/internal.h"

#include <linux/mman.h>

/* ---- mremap ---- */

struct remap {
	struct space *space;
	uint64_t old, old_length, new_length;
	unsigned flags;
	uint64_t new_address;
};

static int check_flags(const struct remap *remap)
{
	const unsigned known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

	if (remap->flags & ~known)
		return -EINVAL;
	if ((remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(remap->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP) && remap->old_length != remap->new_length)
		return -EINVAL;
	return (remap->old & ~PAGE_MASK) || !remap->new_length ? -EINVAL : 0;
}

static int check_target(const struct remap *remap)
{
	if ((remap->new_address & ~PAGE_MASK) || !is_user_range(remap->new_address, remap->new_length))
		return -EINVAL;
	if (remap->old + remap->old_length > remap->new_address &&
	    remap->new_address + remap->new_length > remap->old)
		return -EINVAL;
	return remap->new_address < ARCH_USER_BEGIN ? -EPERM : 0;
}

/* Whether it stays where it is, and becomes no longer. */
static bool stays(const struct remap *remap)
{
	return remap->new_length <= remap->old_length && !(remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP));
}

/* The one mapping that the range is in. */
static int find_source(const struct remap *remap, struct mapping **found)
{
	struct mapping *mapping = space_at(remap->space, remap->old);

	if (!mapping)
		return -EFAULT;
	/* Nothing, of a shared mapping: a further mapping of the same. */
	if (!remap->old_length && !(mapping->flags & SPACE_SHARED))
		return -EINVAL;
	/* What only becomes shorter may be several mappings. */
	if (remap->old_length > mapping->end - remap->old && !stays(remap))
		return -EFAULT;
	if (mapping->file && mapping->offset > INT64_MAX - remap->new_length - (remap->old - mapping->begin))
		return -EINVAL;
	*found = mapping;
	return 0;
}

static bool may_grow(const struct remap *remap, const struct mapping *mapping)
{
	if (remap->new_length <= remap->old_length || !(mapping->access & SPACE_WRITE) ||
	    (mapping->flags & (SPACE_SHARED | SPACE_NO_RESERVE)))
		return true;
	return space_may_commit(remap->new_length - remap->old_length);
}

static void populate_if(bool locked, const struct remap *remap, uint64_t address)
{
	if (locked)
		(void)space_populate(remap->space, address, address + remap->new_length);
}

/* ---- where it is ---- */

/* Up to what is behind it. */
static bool grow_in_place(const struct remap *remap, struct mapping *mapping)
{
	struct space *space = remap->space;
	const uint64_t end = remap->old + remap->new_length;
	const uint64_t more = end - mapping->end;
	const bool locked = mapping->flags & SPACE_LOCKED;

	if (remap->old + remap->old_length != mapping->end || !is_user_range(remap->old, remap->new_length) ||
	    !space_is_empty(space, mapping->end, end))
		return false;
	mapping->end = end;
	mappings_changed(&space->mappings, mapping);
	space->generation++;
	space->size += more;
	if (locked)
		space->locked += more;
	space_join(space, end);
	populate_if(locked, remap, remap->old);
	return true;
}

/* ---- elsewhere ---- */

static int choose(const struct remap *remap, uint64_t *to)
{
	const struct mappings *mappings = &remap->space->mappings;

	*to = remap->new_address;
	if (remap->flags & MREMAP_FIXED)
		return 0;
	*to = mappings_highest_room(mappings, remap->new_length, ARCH_USER_BEGIN, remap->space->top);
	if (!*to)
		*to = mappings_lowest_room(mappings, remap->new_length, ARCH_USER_BEGIN, ARCH_USER_END);
	return *to ? 0 : -ENOMEM;
}

/* Puts a copy of the mapping to its new place, with the pages. The old place still has its mapping then. */
static int move_to(const struct remap *remap, const struct mapping *mapping, uint64_t to)
{
	struct mapping *moved = mapping_copy(mapping);
	int error;

	if (!moved)
		return -ENOMEM;
	if (moved->file)
		moved->offset += remap->old - mapping->begin;
	moved->flags &= ~(unsigned)SPACE_STACK;
	moved->begin = to;
	moved->end = to + remap->new_length;
	moved->touched_end = 0;
	error = space_move(remap->space, remap->old, to, remap->old_length);
	if (error) {
		mapping_free(moved);
		return error;
	}
	space_add(remap->space, moved);
	return 0;
}

/* What MREMAP_DONTUNMAP leaves is empty, and no longer locked. */
static int leave_old(const struct remap *remap)
{
	struct mapping *old = space_at(remap->space, remap->old);

	if (!remap->old_length)
		return 0;
	if (!(remap->flags & MREMAP_DONTUNMAP))
		return space_unmap(remap->space, remap->old, remap->old_length);
	if (old->flags & SPACE_LOCKED)
		remap->space->locked -= remap->old_length;
	old->flags &= ~(unsigned)SPACE_LOCKED;
	return 0;
}

/* The old place is a mapping of its own before it is moved, so that nothing can fail half-way. */
static int64_t move(const struct remap *remap)
{
	struct space *space = remap->space;
	const uint64_t end = remap->old + remap->old_length;
	const bool locked = space_at(space, remap->old)->flags & SPACE_LOCKED;
	uint64_t to;
	int error = space->mappings.count + 3 > MOST_MAPPINGS ? -ENOMEM : choose(remap, &to);

	if (error)
		return error;
	if (remap->old_length) {
		error = space_split(space, remap->old);
		if (!error)
			error = space_split(space, end);
	}
	if (!error)
		error = move_to(remap, space_at(space, remap->old), to);
	if (!error)
		error = leave_old(remap);
	space_join(space, remap->old);
	space_join(space, end);
	if (!error)
		populate_if(locked, remap, to);
	return error ? error : (int64_t)to;
}

/* What is at the target goes, and what of the source is not to be moved. */
static int make_way(struct remap *remap)
{
	int error = 0;

	while (!error &&
	       !space_is_empty(remap->space, remap->new_address, remap->new_address + remap->new_length))
		error = space_unmap(remap->space, remap->new_address, remap->new_length);
	if (!error && remap->old_length > remap->new_length) {
		error = space_unmap(remap->space, remap->old + remap->new_length,
				    remap->old_length - remap->new_length);
		remap->old_length = remap->new_length;
	}
	return error;
}

static int64_t remap_fixed(struct remap *remap)
{
	struct mapping *mapping;
	int error = make_way(remap);

	/* Unmapping may have taken time. */
	if (!error)
		error = find_source(remap, &mapping);
	return error ? error : move(remap);
}

static int64_t remap_anywhere(const struct remap *remap, struct mapping *mapping)
{
	int error = 0;

	if (stays(remap)) {
		if (remap->new_length < remap->old_length)
			error = space_unmap(remap->space, remap->old + remap->new_length,
					    remap->old_length - remap->new_length);
		return error ? error : (int64_t)remap->old;
	}
	if (!(remap->flags & MREMAP_DONTUNMAP) && grow_in_place(remap, mapping))
		return (int64_t)remap->old;
	return remap->flags & MREMAP_MAYMOVE ? move(remap) : -ENOMEM;
}

int64_t space_remap(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length,
		    unsigned flags, uint64_t new_address)
{
	struct remap remap = { space, old,        page_ceiling(old_length), page_ceiling(new_length),
			       flags, new_address };
	struct mapping *mapping;
	int error = check_flags(&remap);

	if (!error && (old_length > ARCH_USER_END || new_length > ARCH_USER_END))
		error = -EINVAL;
	if (!error && (flags & MREMAP_FIXED))
		error = check_target(&remap);
	if (!error)
		error = find_source(&remap, &mapping);
	if (!error && !may_grow(&remap, mapping))
		error = -ENOMEM;
	if (error)
		return error;
	return flags & MREMAP_FIXED ? remap_fixed(&remap) : remap_anywhere(&remap, mapping);
}

/* ---- the heap ---- */

void space_set_brk(struct space *space, uint64_t begin)
{
	space->brk_begin = space->brk_end = begin;
}

/* Room for the heap to grow to, with a page that stays free behind it. */
static bool may_extend(const struct space *space, uint64_t from, uint64_t to)
{
	const struct mapping *above = mappings_find(&space->mappings, from);
	const uint64_t guard = above && (above->flags & SPACE_STACK) ? STACK_GAP : PAGE_SIZE;

	if (to > ARCH_USER_END - PAGE_SIZE || !space_may_commit(to - from))
		return false;
	return !above || to + guard <= above->begin;
}

uint64_t space_brk(struct space *space, uint64_t end)
{
	const uint64_t from = page_ceiling(space->brk_end);
	const uint64_t to = end < ARCH_USER_END ? page_ceiling(end) : ARCH_USER_END;
	int64_t result = 0;

	if (end < space->brk_begin || end >= ARCH_USER_END)
		return space->brk_end;
	if (to < from)
		result = space_unmap(space, to, from - to);
	else if (to > from)
		result = may_extend(space, from, to)
				 ? space_map(space, from, to - from, SPACE_READ | SPACE_WRITE,
					     SPACE_FIXED | SPACE_NO_REPLACE, NULL, 0)
				 : -ENOMEM;
	if (result >= 0)
		space->brk_end = end;
	return space->brk_end;
}
