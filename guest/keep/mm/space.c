/* SPDX-License-Identifier: ISC */
/* space.c - a space's beginning and end, and what is to be known of it. */
#include "mm/internal.h"

struct space *space_create(void)
{
	struct space *space = malloc(sizeof *space);

	if (!space)
		return NULL;
	*space = (struct space){ .count = 1, .top = SPACE_TOP, .root = table_create() };
	if (!space->root) {
		free(space);
		return NULL;
	}
	/* Programs do not know how the tree of mappings grows, so they cannot make it deep. Zero does as well. */
	(void)postern_entropy_read(&space->mappings.seed, sizeof space->mappings.seed);
	arch_tables_begin(space->root);
	return space;
}

void space_hold(struct space *space)
{
	space->count++;
}

void space_drop(struct space *space)
{
	KEEP_ASSERT(space->count);
	if (--space->count)
		return;
	/* Nobody is in it any more, so nothing can be in the way; splitting, which may fail, is not needed. */
	(void)space_unmap(space, 0, ARCH_USER_END);
	arch_tables_end(space->root);
	table_destroy(space->root);
	free(space);
}

void space_use(struct space *space)
{
	arch_tables_use(space->root);
}

struct mapping *space_at(const struct space *space, uint64_t address)
{
	struct mapping *mapping = mappings_find(&space->mappings, address);

	return mapping && mapping->begin <= address ? mapping : NULL;
}

void space_list(struct space *space,
		void (*show)(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			     struct file *file, uint64_t offset),
		void *context)
{
	for (const struct mapping *at = space->mappings.first; at; at = at->next) {
		struct file *file = at->file && !shared_is(at->file) ? at->file : NULL;

		show(context, at->begin, at->end, at->access, at->flags, file, file ? at->offset : 0);
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

uint64_t space_locked(const struct space *space)
{
	return space->locked;
}

bool space_may_commit(uint64_t length)
{
	return length >> PAGE_SHIFT <= pages_total();
}

int space_is_present(struct space *space, uint64_t address, size_t pages, unsigned char *present)
{
	const uint64_t end = address + ((uint64_t)pages << PAGE_SHIFT);
	struct table_walk walk;

	if (!space_is_full(space, address, end))
		return -ENOMEM;
	memset(present, 0, pages);
	table_walk_begin(&walk, space->root, address, end);
	while (table_walk_next(&walk))
		present[(walk.address - address) >> PAGE_SHIFT] = 1;
	return 0;
}

void space_file_ends(struct space *space, const struct inode *inode, uint64_t size)
{
	const uint64_t end = page_ceiling(size);

	for (const struct mapping *mapping = space->mappings.first; mapping; mapping = mapping->next) {
		const uint64_t length = mapping->end - mapping->begin;

		if (!mapping->file || mapping->file->inode != inode || mapping->offset + length <= end)
			continue;
		space_clear(space, mapping->begin + (end > mapping->offset ? end - mapping->offset : 0),
			    mapping->end);
	}
	space->generation++;
}

void space_heap(const struct space *space, uint64_t range[2])
{
	range[0] = space->brk_begin;
	range[1] = space->brk_end;
}
