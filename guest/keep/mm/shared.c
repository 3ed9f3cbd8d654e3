/* SPDX-License-Identifier: ISC */
/*
 * shared.c - shared memory without a file: a file without a name, that only mappings hold. Its pages are in page tables of
 * its own, by their offset.
 */
#include "mm/cluster.h"
#include "mm/internal.h"

struct shared {
	uint64_t *root;
	uint64_t length;
};

static struct page *find(const struct shared *shared, uint64_t offset)
{
	const uint64_t entry = table_get(shared->root, offset);
	struct page *page = entry ? table_page(entry) : NULL;

	if (page)
		page_hold(page);
	return page;
}

static int add_pages(struct shared *shared, uint64_t offset)
{
	struct cluster cluster;
	int error = cluster_alloc(shared->root, offset, 0, shared->length, CLUSTER_ORDER, &cluster);

	if (error)
		return error;
	for (size_t i = 0; i < (size_t)1 << cluster.order; i++)
		table_set(shared->root, cluster.begin + (i << PAGE_SHIFT), page_address(cluster.pages + i));
	return 0;
}

static int shared_page(struct file *file, uint64_t index, struct page **page)
{
	struct shared *shared = file->own;
	const uint64_t offset = index << PAGE_SHIFT;
	int error = 0;

	if (index >= shared->length >> PAGE_SHIFT)
		return -EIO;
	if (!table_get(shared->root, offset))
		error = add_pages(shared, offset);
	if (!error)
		*page = find(shared, offset);
	return error;
}

static struct page *shared_cached_page(struct file *file, uint64_t index)
{
	return find(file->own, index << PAGE_SHIFT);
}

static void shared_close(struct file *file)
{
	struct shared *shared = file->own;
	struct table_walk walk;

	table_walk_begin(&walk, shared->root, 0, shared->length);
	while (table_walk_next(&walk)) {
		page_drop(table_page(walk.entry));
		table_walk_set(&walk, 0);
	}
	table_destroy(shared->root);
	free(shared);
}

static const struct file_functions shared_functions = {
	.page = shared_page,
	.cached_page = shared_cached_page,
	.close = shared_close,
};

bool shared_is(const struct file *file)
{
	return file->functions == &shared_functions;
}

struct file *shared_create(uint64_t length)
{
	enum { READ_WRITE = 2 }; /* O_RDWR */
	struct shared *shared = malloc(sizeof *shared);
	struct file *file = NULL;

	if (!shared)
		return NULL;
	*shared = (struct shared){ .root = table_create(), .length = length };
	if (shared->root)
		file = file_create(&shared_functions, READ_WRITE, shared);
	if (!file) {
		if (shared->root)
			table_destroy(shared->root);
		free(shared);
	}
	return file;
}
