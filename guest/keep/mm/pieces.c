/* SPDX-License-Identifier: ISC */
/* pieces.c - mappings cut in two, joined, added: what system calls on ranges are made of. */
#include "mm/internal.h"

struct mapping *mapping_copy(const struct mapping *mapping)
{
	struct mapping *copy = malloc(sizeof *copy);

	if (!copy)
		return NULL;
	*copy = *mapping;
	if (copy->file)
		file_hold(copy->file);
	return copy;
}

void mapping_free(struct mapping *mapping)
{
	if (mapping->file)
		file_drop(mapping->file);
	free(mapping);
}

int space_split(struct space *space, uint64_t address)
{
	struct mapping *lower = space_at(space, address);
	struct mapping *upper;

	if (!lower || lower->begin == address)
		return 0;
	if (space->mappings.count >= MOST_MAPPINGS)
		return -ENOMEM;
	upper = mapping_copy(lower);
	if (!upper)
		return -ENOMEM;
	upper->begin = address;
	if (upper->file)
		upper->offset += address - lower->begin;
	upper->flags &= ~(unsigned)SPACE_STACK;
	lower->end = address;
	mappings_changed(&space->mappings, lower);
	mappings_insert(&space->mappings, upper);
	space->generation++;
	return 0;
}

/* A stack that was split is one in its lower part; above it is memory that was its own, and may be so again. */
static bool may_join(const struct mapping *lower, const struct mapping *upper)
{
	return lower->end == upper->begin && lower->access == upper->access && lower->file == upper->file &&
	       (lower->flags & ~(unsigned)SPACE_STACK) == upper->flags &&
	       (!lower->file || lower->offset + (lower->end - lower->begin) == upper->offset);
}

void space_join(struct space *space, uint64_t address)
{
	struct mapping *upper = space_at(space, address);
	struct mapping *lower = upper ? upper->previous : NULL;

	if (!upper || upper->begin != address || !lower || !may_join(lower, upper))
		return;
	mappings_remove(&space->mappings, upper);
	lower->end = upper->end;
	lower->touched_end = upper->touched_end;
	lower->order = upper->order;
	mappings_changed(&space->mappings, lower);
	mapping_free(upper); /* not the last hold of its file: that of the other is left */
	space->generation++;
}

void space_join_all(struct space *space, uint64_t begin, uint64_t end)
{
	struct mapping *at = mappings_find(&space->mappings, begin);

	while (at && at->begin <= end) {
		const uint64_t next = at->end;

		space_join(space, at->begin);
		at = mappings_find(&space->mappings, next);
	}
}

bool space_is_full(const struct space *space, uint64_t begin, uint64_t end)
{
	for (const struct mapping *at = mappings_find(&space->mappings, begin); begin < end; at = at->next) {
		if (!at || at->begin > begin)
			return false;
		begin = at->end;
	}
	return true;
}

bool space_is_empty(const struct space *space, uint64_t begin, uint64_t end)
{
	const struct mapping *at = mappings_find(&space->mappings, begin);

	return !at || at->begin >= end;
}

void space_add(struct space *space, struct mapping *mapping)
{
	const uint64_t begin = mapping->begin;
	const uint64_t end = mapping->end;

	mappings_insert(&space->mappings, mapping);
	space->size += end - begin;
	if (mapping->flags & SPACE_LOCKED)
		space->locked += end - begin;
	space->generation++;
	space_join(space, begin);
	space_join(space, end);
}
