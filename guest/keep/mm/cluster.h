/* SPDX-License-Identifier: ISC */
/*
 * cluster.h - pages for more than was asked for: as many as make one naturally aligned block, in memory and in the address
 * space, so that the host needs one mapping for them and the program one fault.
 */
#ifndef KEEP_MM_CLUSTER_H
#define KEEP_MM_CLUSTER_H

#include "keep.h"
#include "mm/pages.h"

/* What a touch brings when nothing is known: 64 KiB. */
enum { CLUSTER_ORDER = 4 };

struct cluster {
	struct page *pages;
	uint64_t begin;
	unsigned order;
};

/*
 * Allocates zeros for an address, where the tables have no entry yet; around it at most 2^order pages, within [begin,
 * end) and only where there are no entries either. The tables for it are there then. Errors: -ENOMEM.
 */
int cluster_alloc(uint64_t *root, uint64_t address, uint64_t begin, uint64_t end, unsigned order,
		  struct cluster *cluster);

#endif
