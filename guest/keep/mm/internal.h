/* SPDX-License-Identifier: ISC */
/* internal.h - a space from within: what only the files in mm/ look into. */
#ifndef KEEP_MM_INTERNAL_H
#define KEEP_MM_INTERNAL_H

#include "arch/arch.h"
#include "fs/file.h"
#include "mm/space.h"
#include "mm/table.h"

/* What is to be where: addresses from begin to end, multiples of the page size. */
struct mapping {
	uint64_t begin, end;
	unsigned access;   /* SPACE_READ ... */
	unsigned flags;    /* SPACE_SHARED, SPACE_STACK */
	struct file *file; /* held; NULL: private zeros */
	uint64_t offset;   /* in the file, of begin */
	uint64_t expected; /* where the next fault is if they come in sequence */
	unsigned order;    /* of the block for such a fault */
};

struct space {
	uint32_t holds;
	uint64_t *root;
	struct mapping *mappings; /* sorted, not overlapping */
	size_t count, room;
	uint64_t brk_begin, brk_end;
	uint64_t size;     /* bytes that are mapped */
	uint64_t resident; /* pages that are there */
};

/* The index of the first mapping that ends behind an address; space->count if there is none. */
size_t mapping_index(const struct space *space, uint64_t address);

/* The mapping that an address lies in, or NULL. */
static inline struct mapping *mapping_at(const struct space *space, uint64_t address)
{
	size_t index = mapping_index(space, address);

	return index < space->count && space->mappings[index].begin <= address ? &space->mappings[index]
									       : NULL;
}

/* Whether a mapping's pages have to be copied before they are written. */
static inline bool is_private(const struct mapping *mapping)
{
	return !(mapping->flags & SPACE_SHARED);
}

/* The page of its file that is mapped at an address. */
static inline uint64_t file_index(const struct mapping *mapping, uint64_t address)
{
	return (mapping->offset + (address - mapping->begin)) >> PAGE_SHIFT;
}

/* What an entry is to be for a page that is there, given what its mapping allows. */
uint64_t entry_for(const struct mapping *mapping, uint64_t page, bool is_of_file, bool is_written);

/* Drops the pages from begin to end. The processor is not told. */
void drop_pages(struct space *space, uint64_t begin, uint64_t end);

#endif
