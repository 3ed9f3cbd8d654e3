/* SPDX-License-Identifier: ISC */
/* cluster.c - memory of nobody else, in clusters, which grow while a program goes through a mapping in order. */
#include "mm/cluster.h"

#include "mm/internal.h"

static bool is_empty(uint64_t *root, uint64_t begin, uint64_t end)
{
	struct table_walk walk;

	table_walk_begin(&walk, root, begin, end);
	return !table_walk_next(&walk);
}

static uint64_t block_size(unsigned order)
{
	return (uint64_t)PAGE_SIZE << order;
}

/* The largest block around an address that is within the bounds and empty, up to an order. */
static unsigned fitting_order(uint64_t *root, uint64_t address, uint64_t begin, uint64_t end,
			      unsigned most_order)
{
	unsigned order = 0;

	while (order < most_order) {
		const uint64_t block = address & ~(block_size(order + 1) - 1);
		const uint64_t half = (address & ~(block_size(order) - 1)) ^ block_size(order);

		if (block < begin || block + block_size(order + 1) > end ||
		    !is_empty(root, half, half + block_size(order)))
			break;
		order++;
	}
	return order;
}

/* The less there is, the less is spent on what nobody may ever touch. */
static unsigned affordable_order(void)
{
	const size_t total = pages_total();
	const size_t left = pages_free();

	if (left > total / 2)
		return PAGES_MAX_ORDER;
	if (left > total / 4)
		return CLUSTER_ORDER;
	return left > total / 8 ? 2 : 0;
}

int cluster_alloc(uint64_t *root, uint64_t address, uint64_t begin, uint64_t end, unsigned order,
		  struct cluster *cluster)
{
	unsigned fitting =
		fitting_order(root, address, begin, end, (unsigned)least(order, affordable_order()));
	struct page *pages;

	/* Tables come one for 2 MiB, so one is enough for a block. */
	if (table_reserve(root, address))
		return -ENOMEM;
	while (!(pages = pages_alloc(fitting, PAGES_PROGRAM, true)) && fitting)
		fitting--;
	if (!pages) {
		table_trim(root, address);
		return -ENOMEM;
	}
	*cluster = (struct cluster){ pages, address & ~(block_size(fitting) - 1), fitting };
	return 0;
}

/* Twice as much for each step, if the program goes on where the last one ended. */
static unsigned wanted_order(const struct mapping *mapping, uint64_t address)
{
	if (page_floor(address) != mapping->touched_end)
		return CLUSTER_ORDER;
	return mapping->order < PAGES_MAX_ORDER ? mapping->order + 1 : PAGES_MAX_ORDER;
}

int cluster_fault(struct space *space, struct mapping *mapping, uint64_t address)
{
	const unsigned order = wanted_order(mapping, address);
	struct cluster cluster;
	int error = cluster_alloc(space->root, address, mapping->begin, mapping->end, order, &cluster);
	uint64_t end;

	if (error)
		return error;
	end = cluster.begin + block_size(cluster.order);
	for (uint64_t at = cluster.begin; at < end; at += PAGE_SIZE) {
		const struct page *page = cluster.pages + ((at - cluster.begin) >> PAGE_SHIFT);

		table_set(space->root, at, entry_for(mapping, page, true, true));
		space->resident++;
	}
	mapping->touched_end = end;
	mapping->order = order;
	return space_show(space, cluster.begin, end, address);
}
