/* SPDX-License-Identifier: ISC */
/*
 * host_file.c - contents of the host's files. Reads come from pages at hand, which are read ahead, further each time that
 * a file is read in sequence; writes go to the host at once, and to the pages at hand as well. Mappings share the pages,
 * and what they change goes to the host when they are synced or end.
 */
#include "fs/host_node.h"

#include <asm/fcntl.h>

enum { FIRST_WINDOW = 32, MOST_WINDOW = 256, RANDOM_WINDOW = 8, BLOCK_ORDER = 5, AROUND = 8 };
enum { BOUNCE_PAGES = 16, BOUNCE_SIZE = BOUNCE_PAGES * PAGE_SIZE };

struct host_file {
	postern_handle_t handle;
	uint64_t next;   /* index behind what was read last: a read there is in sequence */
	uint64_t window; /* pages to read then */
	bool appends;    /* the handle writes at the end only */
};

static struct host_file *host_file_of(const struct file *file)
{
	return file->own;
}

static uint64_t pages_of(uint64_t size)
{
	return (size >> PAGE_SHIFT) + (size % PAGE_SIZE != 0);
}

/* ---- what is at hand ---- */

void host_shrink(void)
{
	for (unsigned i = 0; i < HOST_TABLE; i++) {
		struct host_node *node;

		if (!host_nodes[i].next)
			continue;
		list_for_each(node, &host_nodes[i], struct host_node, link)
		{
			uint64_t index = 0;

			while ((index = cache_next(&node->cache, index, CACHE_END)) < CACHE_END) {
				if (cache_find(&node->cache, index)->count == 1 &&
				    !cache_is_marked(&node->cache, index))
					cache_drop(&node->cache, index, 1);
				index++;
			}
		}
	}
}

/* ---- reading ahead ---- */

/* Memory for pages that are about to be read. What is written meanwhile may be missing in them: then they are old. */
struct window {
	struct list link;      /* of the node's reads */
	uint64_t first, count; /* indices */
	bool is_old;
	struct page *pages[MOST_WINDOW];
	struct postern_segment segments[MOST_WINDOW];
	uint32_t segment_count;
};

static void add_block(struct window *window, struct page *block, size_t count)
{
	window->segments[window->segment_count++] =
		(struct postern_segment){ page_address(block), count * PAGE_SIZE };
	for (size_t i = 0; i < count; i++)
		window->pages[window->count++] = &block[i];
}

/* In blocks, as long as there are any: each is one segment. Returns false if there is not a single page. */
static bool get_pages(struct window *window, uint64_t count)
{
	while (window->count < count && window->segment_count < HOST_SEGMENTS_MOST) {
		unsigned order = BLOCK_ORDER;
		struct page *block = NULL;

		while ((UINT64_C(1) << order) > count - window->count)
			order--;
		while (!(block = pages_alloc(order, PAGES_PROGRAM, false)) && order)
			order--;
		if (!block)
			break;
		add_block(window, block, (size_t)1 << order);
	}
	return window->count;
}

/* Zero behind what was read, as the end of a file is. */
static void clear_behind(struct window *window, uint64_t length)
{
	for (uint64_t i = length >> PAGE_SHIFT; i < window->count; i++) {
		const size_t begin = i == length >> PAGE_SHIFT ? length % PAGE_SIZE : 0;

		memset((char *)page_memory(window->pages[i]) + begin, 0, PAGE_SIZE - begin);
	}
}

/* What was read is at hand, unless somebody was faster. */
static void keep_pages(struct host_node *node, struct window *window, uint64_t length)
{
	clear_behind(window, length);
	for (uint64_t i = 0; i < window->count; i++) {
		const uint64_t index = window->first + i;

		if (index >= pages_of(node->inode.size) || i >= pages_of(length) ||
		    cache_find(&node->cache, index) || cache_put(&node->cache, index, window->pages[i]))
			page_drop(window->pages[i]);
	}
}

/* How many pages from an index on are not at hand, within the file, `most` at most. */
static uint64_t missing(const struct host_node *node, uint64_t index, uint64_t most_pages)
{
	const uint64_t end = least(pages_of(node->inode.size), index + most_pages);

	return cache_next(&node->cache, index, end) - index;
}

/* What is being read in these pages, some of it or all, is not what the file has now. */
static void make_old(struct host_node *node, uint64_t first, uint64_t end)
{
	struct window *window;

	list_for_each(window, &node->reads, struct window, link)
	{
		if (first < window->first + window->count && window->first < end)
			window->is_old = true;
	}
}

void host_forget_contents(struct host_node *node, uint64_t index)
{
	make_old(node, index, CACHE_END);
	cache_drop(&node->cache, index, CACHE_END);
}

static uint64_t choose_window(struct host_file *host, uint64_t index)
{
	if (index != host->next || !index)
		host->window = index ? RANDOM_WINDOW : FIRST_WINDOW;
	else
		host->window = least(2 * most(host->window, RANDOM_WINDOW), MOST_WINDOW);
	return host->window;
}

/* Where the host has less than was known, somebody there has made the file shorter. */
static void check_length(struct host_node *node, struct host_file *host, const struct window *window,
			 uint64_t length)
{
	struct postern_file_info info;

	if (length >> PAGE_SHIFT >= window->count ||
	    (window->first << PAGE_SHIFT) + length >= node->inode.size)
		return;
	if (host_info(host->handle, &info) == 0)
		host_take_info(node, &info);
}

/* Until nobody has written there meanwhile. */
static int64_t read_window(struct host_node *node, struct host_file *host, struct window *window)
{
	int64_t result;

	do {
		window->is_old = false;
		list_add(&node->reads, &window->link);
		result = host_read(host->handle, window->first << PAGE_SHIFT, window->segments,
				   window->segment_count);
		if (result >= 0)
			check_length(node, host, window, (uint64_t)result);
		list_remove(&window->link);
	} while (window->is_old && result >= 0);
	return result;
}

/* Gets pages from an index on, until there is one that is at hand. */
static int read_pages(struct host_node *node, struct host_file *host, uint64_t index, uint64_t most_pages)
{
	const uint64_t count = missing(node, index, most_pages);
	struct window *window;
	int64_t result;

	if (pages_free() < pages_total() / 8)
		host_shrink();
	window = count ? calloc(1, sizeof *window) : NULL;
	if (!window)
		return count ? -ENOMEM : 0;
	window->first = index;
	if (!get_pages(window, count)) {
		free(window);
		return -ENOMEM;
	}
	result = read_window(node, host, window);
	keep_pages(node, window, result > 0 ? (uint64_t)result : 0);
	host->next = index + window->count;
	free(window);
	return result < 0 ? (int)result : 0;
}

/*
 * A file that is read in sequence for long is read once, as a rule: what was read before is given up, and its pages, for
 * which the host has memory already, are those that are read into next. What is mapped, or was changed, stays.
 */
static void drop_behind(struct host_node *node, const struct host_file *host)
{
	const uint64_t begin = host->next < 2 * MOST_WINDOW ? 0 : host->next - 2 * MOST_WINDOW;

	for (uint64_t at = begin; (at = cache_next(&node->cache, at, host->next)) < host->next; at++) {
		if (cache_find(&node->cache, at)->count == 1 && !cache_is_marked(&node->cache, at))
			cache_drop(&node->cache, at, 1);
	}
}

/* Gets the page at an index, which is not at hand, and some behind it. */
static int read_ahead(struct host_node *node, struct host_file *host, uint64_t index)
{
	const uint64_t window = choose_window(host, index);

	if (window == MOST_WINDOW)
		drop_behind(node, host);
	return read_pages(node, host, index, window);
}

/*
 * The same for a mapping, in which programs jump about: an aligned block, so that it is mapped in one piece. It is small,
 * since a page costs more than a call. Who goes in sequence gets more.
 */
static int read_around(struct host_node *node, struct host_file *host, uint64_t index)
{
	const uint64_t end = (index | (AROUND - 1)) + 1;
	uint64_t begin = index & ~(uint64_t)(AROUND - 1);

	if (index && index == host->next)
		return read_ahead(node, host, index);
	for (uint64_t at = begin; at < index; at++) {
		if (cache_find(&node->cache, at))
			begin = at + 1;
	}
	return read_pages(node, host, begin, end - begin);
}

/* ---- reading ---- */

/* The size is known from when it was looked at last; at the end, another look tells whether there is more. */
static bool is_at_end(struct file *file, uint64_t position)
{
	struct host_node *node = host_node_of(file->inode);
	struct postern_file_info info;

	if (position < node->inode.size)
		return false;
	if (host_info(host_file_of(file)->handle, &info))
		return true;
	host_take_info(node, &info);
	return position >= node->inode.size;
}

/*
 * Why a page did not come although the host answered: 0 if the file has become shorter than was known; else there is no
 * memory for it.
 */
static int why_missing(struct file *file, uint64_t position)
{
	struct postern_file_info info;
	const int64_t result = host_info(host_file_of(file)->handle, &info);

	if (result)
		return (int)result;
	host_take_info(host_node_of(file->inode), &info);
	return position < file->inode->size ? -ENOMEM : 0;
}

static int64_t read_contents(struct file *file, struct transfer *to, uint64_t *position)
{
	struct host_node *node = host_node_of(file->inode);
	int64_t done = 0;

	while (to->left && !(*position >= node->inode.size && (done || is_at_end(file, *position)))) {
		const uint64_t index = *position >> PAGE_SHIFT;
		struct page *page = cache_find(&node->cache, index);
		size_t part;
		int64_t result;

		if (!page) {
			result = read_ahead(node, host_file_of(file), index);
			page = cache_find(&node->cache, index);
			if (!result && !page)
				result = why_missing(file, *position);
			if (result < 0)
				return done ? done : result;
			if (!page || *position >= node->inode.size)
				break; /* the file has become shorter */
		}
		part = least(least(PAGE_SIZE - *position % PAGE_SIZE, node->inode.size - *position),
			     to->left);
		page_hold(page); /* the copy may have to get a program's page first, and sleep for it */
		result = transfer_to(to, (char *)page_memory(page) + *position % PAGE_SIZE, part);
		page_drop(page);
		if (result < 0)
			return done ? done : result;
		done += result;
		*position += (uint64_t)result;
		if ((size_t)result < part)
			break;
	}
	return done;
}

/* ---- writing ---- */

/* Pages at hand get what was written to the host, and those that are under way are read again. */
static void update_pages(struct host_node *node, uint64_t position, const char *bytes, size_t length)
{
	make_old(node, position >> PAGE_SHIFT, pages_of(position + length));
	while (length) {
		const size_t part = least(PAGE_SIZE - position % PAGE_SIZE, length);
		struct page *page = cache_find(&node->cache, position >> PAGE_SHIFT);

		if (page)
			memcpy((char *)page_memory(page) + position % PAGE_SIZE, bytes, part);
		position += part;
		bytes += part;
		length -= part;
	}
}

static int64_t open_by_path(struct host_node *node, const struct file *file, bool appends)
{
	uint32_t flags = POSTERN_FILE_OPEN_FLAGS_NO_LINKS;
	struct host_path path;
	int error = host_path_of(node, &path);

	if (file_may_read(file))
		flags |= POSTERN_FILE_OPEN_FLAGS_READ;
	if (file_may_write(file))
		flags |= POSTERN_FILE_OPEN_FLAGS_WRITE;
	if (appends)
		flags |= POSTERN_FILE_OPEN_FLAGS_APPEND;
	return error ? error : host_open(&path, flags, 0);
}

/*
 * Makes the handle one that writes at the end only, or anywhere. fcntl(2) may have changed that since the file was
 * opened; then the file must still be where it was found.
 */
static int64_t set_appending(struct file *file, bool appends)
{
	struct host_file *host = host_file_of(file);
	struct host_node *node = host_node_of(file->inode);
	struct postern_file_info info;
	int64_t handle;

	if (host->appends == appends)
		return 0;
	handle = open_by_path(node, file, appends);
	if (handle < 0)
		return handle;
	if (host_info((postern_handle_t)handle, &info) || info.inode != node->inode.number ||
	    info.volume != node->host_device) {
		host_close((postern_handle_t)handle);
		return -EIO;
	}
	host_close(host->handle);
	host->handle = (postern_handle_t)handle;
	host->appends = appends;
	return 0;
}

/* With O_APPEND the host chooses the place; the end of the file tells where it was. */
static int64_t place_of(struct file *file, uint64_t *position, size_t length)
{
	struct host_node *node = host_node_of(file->inode);
	struct postern_file_info info;
	int64_t result;

	if (!(file->flags & O_APPEND))
		return 0;
	result = host_info(host_file_of(file)->handle, &info);
	if (result)
		return result;
	node->inode.size = info.length;
	*position = info.length - least(info.length, length);
	return 0;
}

static int64_t write_piece(struct file *file, const char *bytes, size_t length, uint64_t *position)
{
	struct host_node *node = host_node_of(file->inode);
	const struct postern_segment segment = { postern_address(bytes), length };
	const bool appends = file->flags & O_APPEND;
	int64_t result = set_appending(file, appends);

	if (!result)
		result = host_write(host_file_of(file)->handle, appends ? 0 : *position, &segment, 1);
	if (result <= 0)
		return result;
	node->is_changed_here = true;
	if (place_of(file, position, (size_t)result)) {
		host_forget_contents(node, 0);
	}
	update_pages(node, *position, bytes, (size_t)result);
	*position += (uint64_t)result;
	node->inode.size = most(node->inode.size, *position);
	node->inode.modified = (int64_t)clock_realtime();
	return result;
}

static int64_t write_contents(struct file *file, struct transfer *from, uint64_t *position)
{
	char *bounce = guest_pages_alloc(BOUNCE_PAGES);
	int64_t done = 0;

	if (!bounce)
		return -ENOMEM;
	while (from->left) {
		struct transfer before = *from;
		int64_t result = transfer_from(from, bounce, least(BOUNCE_SIZE, from->left));
		const int64_t length = result;

		if (result > 0)
			result = write_piece(file, bounce, (size_t)result, position);
		if (result < 0) {
			done = done ? done : result;
			break;
		}
		done += result;
		if (result < length) {
			*from = before;
			transfer_advance(from, (size_t)result);
			break;
		}
	}
	guest_pages_free(bounce, BOUNCE_PAGES);
	return done;
}

/* ---- changing ---- */

static int resize(struct file *file, uint64_t size)
{
	struct host_node *node = host_node_of(file->inode);
	int64_t result = host_resize(host_file_of(file)->handle, size);
	struct page *page;

	if (result)
		return (int)result;
	node->is_changed_here = true;
	make_old(node, size >> PAGE_SHIFT, CACHE_END); /* with the page that is cut in two */
	host_forget_contents(node, pages_of(size));
	page = size % PAGE_SIZE ? cache_find(&node->cache, size >> PAGE_SHIFT) : NULL;
	if (page)
		memset((char *)page_memory(page) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
	node->inode.size = size;
	return 0;
}

static int resize_inode_file(struct file *file, uint64_t size)
{
	return file_may_write(file) ? resize(file, size) : -EINVAL;
}

static void mark_dirty(struct file *file, uint64_t index)
{
	cache_mark(&host_node_of(file->inode)->cache, index);
}

/* One page that a mapping has changed. It stays marked: the mapping may change it again, and nothing tells of that. */
static int write_page(struct file *file, struct host_node *node, uint64_t index)
{
	struct page *page = cache_find(&node->cache, index);
	const uint64_t at = index << PAGE_SHIFT;
	struct postern_segment segment;
	int64_t result;

	if (!page || at >= node->inode.size)
		return 0;
	page_hold(page);
	segment = (struct postern_segment){ page_address(page), least(PAGE_SIZE, node->inode.size - at) };
	result = set_appending(file, false);
	if (!result)
		result = host_write(host_file_of(file)->handle, at, &segment, 1);
	page_drop(page);
	make_old(node, index, index + 1);
	node->is_changed_here = true;
	return result < 0 ? (int)result : 0;
}

static int write_back(struct file *file, uint64_t first, uint64_t count)
{
	struct host_node *node = host_node_of(file->inode);
	const uint64_t end = count < CACHE_END - first ? first + count : CACHE_END;
	int error = 0;

	if (!file_may_write(file))
		return 0;
	for (uint64_t index = first; !error && (index = cache_next_marked(&node->cache, index, end)) < end;
	     index++)
		error = write_page(file, node, index);
	return error;
}

static int sync_contents(struct file *file, bool data_only)
{
	int error = write_back(file, 0, CACHE_END);

	return error ? error : (int)host_sync(host_file_of(file)->handle, data_only);
}

/* ---- mappings ---- */

static int mapped_page(struct file *file, uint64_t index, struct page **page)
{
	struct host_node *node = host_node_of(file->inode);
	int error = 0;

	if (index >= pages_of(node->inode.size) && is_at_end(file, index << PAGE_SHIFT))
		return -EIO;
	*page = cache_find(&node->cache, index);
	if (!*page) {
		error = read_around(node, host_file_of(file), index);
		*page = cache_find(&node->cache, index);
	}
	if (!*page && !error)
		error = why_missing(file, index << PAGE_SHIFT);
	if (!*page)
		return error ? error : -EIO;
	page_hold(*page);
	return 0;
}

static struct page *cached_page(struct file *file, uint64_t index)
{
	const struct host_node *node = host_node_of(file->inode);
	struct page *page = index < pages_of(node->inode.size) ? cache_find(&node->cache, index) : NULL;

	if (page)
		page_hold(page);
	return page;
}

/* ---- the rest ---- */

static int64_t seek(struct file *file, int64_t offset, int whence)
{
	struct postern_file_info info;
	int64_t to;

	if (whence == 2 && host_info(host_file_of(file)->handle, &info) == 0)
		host_take_info(host_node_of(file->inode), &info);
	if (whence == 3 || whence == 4) { /* SEEK_DATA, SEEK_HOLE: all of it is data */
		if (offset < 0 || (uint64_t)offset >= file->inode->size)
			return -ENXIO;
		to = whence == 3 ? offset : (int64_t)file->inode->size;
	} else {
		to = file_seek_to(file, offset, whence, file->inode->size);
	}
	if (to >= 0)
		file->position = (uint64_t)to;
	return to;
}

static int status_of(struct file *file, struct file_status *status)
{
	struct postern_file_info info;
	int64_t result = host_info(host_file_of(file)->handle, &info);

	if (result)
		return (int)result;
	host_take_info(host_node_of(file->inode), &info);
	inode_status(file->inode, status);
	status->block_size = info.block_size;
	return 0;
}

static int allocate(struct file *file, int mode, uint64_t offset, uint64_t length)
{
	if (mode)
		return -EOPNOTSUPP;
	if (offset + length < offset || offset + length > INT64_MAX)
		return -EFBIG;
	return offset + length > file->inode->size ? resize(file, offset + length) : 0;
}

static void close_file(struct file *file)
{
	struct host_file *host = host_file_of(file);

	(void)write_back(file, 0, CACHE_END);
	host_close(host->handle);
	free(host);
}

static const struct file_functions functions = {
	.read = read_contents,
	.write = write_contents,
	.seek = seek,
	.status = status_of,
	.resize = resize_inode_file,
	.sync = sync_contents,
	.allocate = allocate,
	.page = mapped_page,
	.cached_page = cached_page,
	.dirty = mark_dirty,
	.write_back = write_back,
	.close = close_file,
};

int host_file_open(struct host_node *node, struct file *file)
{
	struct host_file *host = calloc(1, sizeof *host);
	int64_t handle;

	if (!host)
		return -ENOMEM;
	host->appends = (file->flags & O_APPEND) && file_may_write(file);
	if (node->made != POSTERN_NO_HANDLE && !host->appends) {
		handle = node->made;
		node->made = POSTERN_NO_HANDLE;
	} else {
		handle = open_by_path(node, file, host->appends);
	}
	if (handle < 0) {
		free(host);
		return (int)handle;
	}
	host->handle = (postern_handle_t)handle;
	file->own = host;
	file->functions = &functions;
	return 0;
}
