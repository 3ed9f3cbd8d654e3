/* SPDX-License-Identifier: ISC */
/*
 * mapping.h - the mappings of a space, in order and as a tree in which free room is found, too: a treap by address, each
 * node of which knows the largest gap in its subtree.
 */
#ifndef KEEP_MM_MAPPING_H
#define KEEP_MM_MAPPING_H

#include "keep.h"

struct file;

struct mapping {
	uint64_t begin, end;
	unsigned access, flags; /* SPACE_SHARED, _STACK, _LOCKED, _NO_RESERVE */
	struct file *file;      /* held; NULL: none, and then it is private */
	uint64_t offset;        /* in the file, of begin */

	/* How far the program touches it in order: see cluster.c. */
	uint64_t touched_end;
	unsigned order;

	/* mapping.c */
	struct mapping *previous, *next; /* by address; also for lists of those removed */
	struct mapping *parent, *left, *right;
	uint32_t priority; /* not less than its children's */
	uint64_t largest_gap;
};

struct mappings {
	struct mapping *root, *first;
	size_t count;
	uint32_t seed;
};

/* What is left free below a stack, so that one that overflows meets nothing. */
#define STACK_GAP (UINT64_C(256) << PAGE_SHIFT)

/* The first mapping that ends behind an address; NULL: none. */
struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);
void mappings_insert(struct mappings *mappings, struct mapping *mapping);
void mappings_remove(struct mappings *mappings, struct mapping *mapping);
/* After begin, end or flags of a mapping have been changed, within its neighbours. */
void mappings_changed(struct mappings *mappings, struct mapping *mapping);

/* Where `length` bytes are free between floor and ceiling: as high or as low as possible. 0: nowhere. */
uint64_t mappings_highest_room(const struct mappings *mappings, uint64_t length, uint64_t floor,
			       uint64_t ceiling);
uint64_t mappings_lowest_room(const struct mappings *mappings, uint64_t length, uint64_t floor,
			      uint64_t ceiling);

#endif
