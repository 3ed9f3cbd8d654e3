/* SPDX-License-Identifier: ISC */
/* memory_contents.c - contents of tmpfs's files: pages, which mappings share; what was never written has none. */
#include "fs/memory_node.h"

#include <asm/fcntl.h>

enum { SEEK_DATA = 3, SEEK_HOLE = 4 };

/* Contents of all files: at most half of the memory, as on Linux, so that those who run have some left. */
static uint64_t pages_held;

void memory_free_contents(struct memory_node *node)
{
	pages_held -= cache_free(&node->cache);
}

/* Zeros the part of the last page that is behind the end, so that it reads as zeros if the file grows again. */
static void clear_rest(struct memory_node *node, uint64_t size)
{
	struct page *page = size % PAGE_SIZE ? cache_find(&node->cache, size >> PAGE_SHIFT) : NULL;

	if (page)
		memset((char *)page_memory(page) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
}

int memory_resize(struct inode *inode, uint64_t size)
{
	struct memory_node *node = memory_node_of(inode);

	if (!inode_is(inode, MODE_REGULAR))
		return -EINVAL;
	if (size >= CACHE_END << PAGE_SHIFT)
		return -EFBIG;
	if (size < inode->size) {
		const uint64_t first = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

		pages_held -= cache_drop(&node->cache, first, CACHE_END);
		clear_rest(node, size);
	}
	inode->size = size;
	inode->modified = inode->changed = memory_now();
	return 0;
}

/* The page at an index, which is made if it is not there. */
static int page_at_index(struct memory_node *node, uint64_t index, struct page **page)
{
	int error;

	*page = cache_find(&node->cache, index);
	if (*page)
		return 0;
	*page = pages_held < pages_total() / 2 ? page_alloc(PAGES_PROGRAM, true) : NULL;
	if (!*page)
		return -ENOSPC;
	error = cache_put(&node->cache, index, *page);
	if (error)
		page_drop(*page);
	else
		pages_held++;
	return error;
}

static int64_t read_contents(struct file *file, struct transfer *to, uint64_t *position)
{
	const struct memory_node *node = memory_node_of(file->inode);
	int64_t done = 0;

	while (to->left && *position < node->inode.size) {
		const uint64_t offset = *position % PAGE_SIZE;
		const size_t part = least(least(PAGE_SIZE - offset, node->inode.size - *position), to->left);
		struct page *page = cache_find(&node->cache, *position >> PAGE_SHIFT);
		int64_t copied;

		if (page) {
			page_hold(page); /* the copy may sleep, and the file be cut meanwhile */
			copied = transfer_to(to, (char *)page_memory(page) + offset, part);
			page_drop(page);
		} else {
			copied = transfer_zero(to, part);
		}
		if (copied < 0)
			return done ? done : copied;
		done += copied;
		*position += (uint64_t)copied;
		if ((size_t)copied < part)
			break;
	}
	file->inode->accessed = memory_now();
	return done;
}

static int64_t write_contents(struct file *file, struct transfer *from, uint64_t *position)
{
	struct memory_node *node = memory_node_of(file->inode);
	int64_t done = 0;

	if (file->flags & O_APPEND)
		*position = node->inode.size;
	if (*position >= CACHE_END << PAGE_SHIFT || from->left > (CACHE_END << PAGE_SHIFT) - *position)
		return -EFBIG;
	while (from->left) {
		const uint64_t offset = *position % PAGE_SIZE;
		const size_t part = least(PAGE_SIZE - offset, from->left);
		struct page *page;
		int64_t copied = page_at_index(node, *position >> PAGE_SHIFT, &page);

		if (!copied) {
			page_hold(page);
			copied = transfer_from(from, (char *)page_memory(page) + offset, part);
			page_drop(page);
		}
		if (copied < 0)
			return done ? done : copied;
		done += copied;
		*position += (uint64_t)copied;
		if (*position > node->inode.size)
			node->inode.size = *position;
		if ((size_t)copied < part)
			break;
	}
	node->inode.modified = node->inode.changed = memory_now();
	return done;
}

/* Where data or a hole begins, from an offset on. */
static int64_t seek_data(const struct memory_node *node, uint64_t offset, bool data)
{
	const uint64_t end = (node->inode.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uint64_t index = offset >> PAGE_SHIFT;

	if (offset >= node->inode.size)
		return -ENXIO;
	if (data) {
		index = cache_next(&node->cache, index, end);
		if (index == end)
			return -ENXIO;
	} else {
		while (index < end && cache_find(&node->cache, index))
			index++;
	}
	return (int64_t)least(most(index << PAGE_SHIFT, offset), node->inode.size);
}

static int64_t seek_contents(struct file *file, int64_t offset, int whence)
{
	int64_t to = offset;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		to = offset < 0
			     ? -ENXIO
			     : seek_data(memory_node_of(file->inode), (uint64_t)offset, whence == SEEK_DATA);
	else
		to = file_seek_to(file, offset, whence, file->inode->size);
	if (to >= 0)
		file->position = (uint64_t)to;
	return to;
}

static int resize_file(struct file *file, uint64_t size)
{
	return memory_resize(file->inode, size);
}

int memory_sync(struct file *file, bool data_only)
{
	(void)file;
	(void)data_only;
	return 0;
}

int memory_status(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static int mapped_page(struct file *file, uint64_t index, struct page **page)
{
	struct memory_node *node = memory_node_of(file->inode);
	int error;

	if (index >= (node->inode.size + PAGE_SIZE - 1) >> PAGE_SHIFT)
		return -EIO;
	error = page_at_index(node, index, page);
	if (!error)
		page_hold(*page);
	return error == -ENOSPC ? -ENOMEM : error;
}

static struct page *cached_page(struct file *file, uint64_t index)
{
	struct memory_node *node = memory_node_of(file->inode);
	struct page *page = index < (node->inode.size + PAGE_SIZE - 1) >> PAGE_SHIFT
				    ? cache_find(&node->cache, index)
				    : NULL;

	if (page)
		page_hold(page);
	return page;
}

enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, ZERO_RANGE = 0x10 };

/* Zeros a part of a page, if it is there. */
static void clear_part(struct memory_node *node, uint64_t begin, uint64_t end)
{
	struct page *page = cache_find(&node->cache, begin >> PAGE_SHIFT);

	if (page)
		memset((char *)page_memory(page) + begin % PAGE_SIZE, 0, end - begin);
}

static void punch(struct memory_node *node, uint64_t begin, uint64_t end)
{
	const uint64_t first = page_ceiling(begin);
	const uint64_t last = page_floor(end);

	if (first > last) {
		clear_part(node, begin, end);
		return;
	}
	if (begin < first)
		clear_part(node, begin, first);
	pages_held -= cache_drop(&node->cache, first >> PAGE_SHIFT, (last - first) >> PAGE_SHIFT);
	if (last < end)
		clear_part(node, last, end);
}

static int allocate(struct file *file, int mode, uint64_t offset, uint64_t length)
{
	struct memory_node *node = memory_node_of(file->inode);
	const uint64_t end = offset + length;

	if (end < offset || end >= CACHE_END << PAGE_SHIFT)
		return -EFBIG;
	if (mode == (PUNCH_HOLE | KEEP_SIZE)) {
		punch(node, offset, end);
		return 0;
	}
	if (mode & ~KEEP_SIZE)
		return -EOPNOTSUPP;
	for (uint64_t index = offset >> PAGE_SHIFT; index << PAGE_SHIFT < end; index++) {
		struct page *page;
		int error = page_at_index(node, index, &page);

		if (error)
			return error;
	}
	if (!(mode & KEEP_SIZE) && end > node->inode.size)
		node->inode.size = end;
	return 0;
}

const struct file_functions memory_regular_functions = {
	.read = read_contents,
	.write = write_contents,
	.seek = seek_contents,
	.status = memory_status,
	.resize = resize_file,
	.sync = memory_sync,
	.allocate = allocate,
	.page = mapped_page,
	.cached_page = cached_page,
};
