/* SPDX-License-Identifier: ISC */
/* memory.c - tmpfs: directories as lists of names, contents as pages, which mappings share. */
#include "fs/memory.h"

#include "fs/cache.h"
#include "fs/devices.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "task/task.h"

#include <asm/fcntl.h>

enum { MAGIC = 0x01021994, DIRECTORY_SIZE = 40, SEEK_DATA = 3, SEEK_HOLE = 4 };

struct volume {
	uint64_t device;
	uint64_t next_number;
};

/* A name in a directory. Cookies grow, so that a list goes on where it was whatever came and went. */
struct name {
	struct list link;
	uint64_t cookie;
	uint32_t hash;
	uint32_t length;
	struct inode *inode; /* held */
	char text[];
};

struct node {
	struct inode inode;
	struct volume *volume;
	struct list names;   /* of a directory, by cookie */
	struct inode *above; /* of a directory that has a name: the one with that */
	uint64_t next_cookie;
	struct cache cache; /* of a file */
	char *target;       /* of a link */
	struct pipe *pipe;  /* of a fifo, while it is open */
};

static const struct inode_functions functions;

static struct node *node_of(const struct inode *inode)
{
	return container_of(inode, struct node, inode);
}

static int64_t now(void)
{
	return (int64_t)clock_realtime();
}

static struct node *create(struct volume *volume, uint32_t mode)
{
	struct node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	inode_init(&node->inode, &functions, mode);
	node->inode.device = volume->device;
	node->inode.number = volume->next_number++;
	node->volume = volume;
	node->next_cookie = 3; /* 1 and 2 are . and .. */
	list_init(&node->names);
	if (inode_is(&node->inode, MODE_DIRECTORY)) {
		node->inode.links = 2;
		node->inode.size = DIRECTORY_SIZE;
	}
	return node;
}

/* Contents of all files: at most half of the memory, as on Linux, so that those who run have some left. */
static uint64_t pages_held;

static void free_node(struct inode *inode)
{
	struct node *node = node_of(inode);
	struct name *name;

	list_for_each(name, &node->names, struct name, link)
	{
		inode_drop(name->inode);
		free(name);
	}
	pages_held -= cache_free(&node->cache);
	free(node->target);
	free(node);
}

/* ---- directories ---- */

static uint32_t hash_of(const char *text, size_t length)
{
	uint32_t hash = 2166136261; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619;
	return hash;
}

static struct name *find(const struct inode *directory, const char *text, size_t length)
{
	const uint32_t hash = hash_of(text, length);
	struct name *name;

	list_for_each(name, &node_of(directory)->names, struct name, link)
	{
		if (name->hash == hash && name->length == length && !memcmp(name->text, text, length))
			return name;
	}
	return NULL;
}

static void touch(struct inode *directory)
{
	directory->modified = directory->changed = now();
}

/* A name for an inode, which it holds. */
static int add(struct inode *directory, const char *text, size_t length, struct inode *inode)
{
	struct node *node = node_of(directory);
	struct name *name;

	if (!directory->links)
		return -ENOENT; /* it was removed */
	name = malloc(sizeof *name + length);
	if (!name)
		return -ENOSPC;
	name->cookie = node->next_cookie++;
	name->hash = hash_of(text, length);
	name->length = (uint32_t)length;
	name->inode = inode;
	memcpy(name->text, text, length);
	inode_hold(inode);
	list_add(&node->names, &name->link);
	directory->size += DIRECTORY_SIZE / 2;
	if (inode_is(inode, MODE_DIRECTORY))
		directory->links++;
	node_of(inode)->above = directory;
	touch(directory);
	return 0;
}

static void take_away(struct inode *directory, struct name *name)
{
	if (inode_is(name->inode, MODE_DIRECTORY))
		directory->links--;
	directory->size -= DIRECTORY_SIZE / 2;
	touch(directory);
	list_remove(&name->link);
	inode_drop(name->inode);
	free(name);
}

static int look_up(struct inode *directory, const char *text, size_t length, struct inode **found)
{
	const struct name *name = find(directory, text, length);

	if (!name)
		return -ENOENT;
	inode_hold(name->inode);
	*found = name->inode;
	return 0;
}

static int make_node(struct inode *directory, const char *text, size_t length, uint32_t mode,
		     struct node **made)
{
	struct node *node;
	int error;

	if (find(directory, text, length))
		return -EEXIST;
	node = create(node_of(directory)->volume, mode);
	if (!node)
		return -ENOSPC;
	node->inode.owner = current_process()->identity.user[ID_FILES];
	node->inode.group = current_process()->identity.group[ID_FILES];
	error = add(directory, text, length, &node->inode);
	if (error)
		inode_drop(&node->inode);
	else
		*made = node;
	return error;
}

static int make(struct inode *directory, const char *text, size_t length, uint32_t mode, uint64_t special,
		struct inode **made)
{
	struct node *node;
	int error = make_node(directory, text, length, mode, &node);

	if (error)
		return error;
	node->inode.special = special;
	*made = &node->inode;
	return 0;
}

static int make_symlink(struct inode *directory, const char *text, size_t length, const char *target)
{
	const size_t target_length = strlen(target);
	char *copy = malloc(target_length + 1);
	struct node *node;
	int error = copy ? make_node(directory, text, length, MODE_LINK | 0777, &node) : -ENOSPC;

	if (error) {
		free(copy);
		return error;
	}
	memcpy(copy, target, target_length + 1);
	node->target = copy;
	node->inode.size = target_length;
	inode_drop(&node->inode);
	return 0;
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	const size_t length = least(inode->size, size);

	if (!inode_is(inode, MODE_LINK))
		return -EINVAL;
	memcpy(to, node_of(inode)->target, length);
	return (int64_t)length;
}

static int make_link(struct inode *directory, const char *text, size_t length, struct inode *inode)
{
	int error = find(directory, text, length) ? -EEXIST : add(directory, text, length, inode);

	if (!error) {
		inode->links++;
		inode->changed = now();
	}
	return error;
}

static bool is_empty(const struct inode *directory)
{
	return list_is_empty(&node_of(directory)->names);
}

static void lose_link(struct inode *inode)
{
	inode->links = inode_is(inode, MODE_DIRECTORY) ? 0 : inode->links - 1;
	inode->changed = now();
}

/* Whether what a name stands for may be removed as a directory, or as anything else. */
static int check_removal(const struct name *name, bool is_directory)
{
	const bool is_one = inode_is(name->inode, MODE_DIRECTORY);

	if (is_directory && !is_one)
		return -ENOTDIR;
	if (!is_directory && is_one)
		return -EISDIR;
	return is_one && !is_empty(name->inode) ? -ENOTEMPTY : 0;
}

static int remove_name(struct inode *directory, const char *text, size_t length, bool is_directory)
{
	struct name *name = find(directory, text, length);
	int error = name ? check_removal(name, is_directory) : -ENOENT;

	if (error)
		return error;
	lose_link(name->inode);
	take_away(directory, name);
	return 0;
}

/* Whether a directory that has a name, as all above it then have, lies somewhere below another, or is it. */
static bool is_below(const struct inode *directory, const struct inode *above)
{
	while (directory && directory != above)
		directory = node_of(directory)->above;
	return directory;
}

enum { NO_REPLACE = 1, EXCHANGE = 2 };

static int exchange(struct inode *from, struct name *old, struct inode *to, struct name *new)
{
	struct inode *inode = old->inode;
	const int change = inode_is(new->inode, MODE_DIRECTORY) - inode_is(inode, MODE_DIRECTORY);

	old->inode = new->inode;
	new->inode = inode;
	node_of(old->inode)->above = from;
	node_of(new->inode)->above = to;
	from->links += (uint32_t)change;
	to->links -= (uint32_t)change;
	touch(from);
	touch(to);
	return 0;
}

static int check_rename(const struct name *old, struct inode *to, const struct name *new, unsigned flags)
{
	const bool is_directory = inode_is(old->inode, MODE_DIRECTORY);

	if (!to->links)
		return -ENOENT; /* it was removed */
	if (is_directory && is_below(to, old->inode))
		return -EINVAL;
	if (flags & EXCHANGE)
		return new ? 0 : -ENOENT;
	if (new && (flags & NO_REPLACE))
		return -EEXIST;
	return new ? check_removal(new, is_directory) : 0;
}

static int rename_name(struct inode *from, const char *text, size_t length, struct inode *to,
		       const char *new_text, size_t new_length, unsigned flags)
{
	struct name *old = find(from, text, length);
	struct name *new = find(to, new_text, new_length);
	int error;

	if (old && new && old->inode == new->inode && !(flags & NO_REPLACE))
		return 0;
	error = old ? check_rename(old, to, new, flags) : -ENOENT;
	if (error)
		return error;
	if (flags & EXCHANGE)
		return exchange(from, old, to, new);
	error = add(to, new_text, new_length, old->inode);
	if (error)
		return error;
	if (new) {
		lose_link(new->inode);
		take_away(to, new);
	}
	old->inode->changed = now();
	take_away(from, old);
	return 0;
}

/* ---- attributes ---- */

static int change_mode(struct inode *inode, uint32_t mode)
{
	inode->mode = (inode->mode & MODE_KIND) | (mode & 07777);
	inode->changed = now();
	return 0;
}

static int change_owner(struct inode *inode, uint32_t owner, uint32_t group)
{
	if (owner != UINT32_MAX)
		inode->owner = owner;
	if (group != UINT32_MAX)
		inode->group = group;
	inode->changed = now();
	return 0;
}

static int change_times(struct inode *inode, const struct inode_times *times)
{
	if (times->accessed != INT64_MIN)
		inode->accessed = times->accessed;
	if (times->modified != INT64_MIN)
		inode->modified = times->modified;
	inode->changed = now();
	return 0;
}

/* ---- contents ---- */

/* Zeros the part of the last page that is behind the end, so that it reads as zeros if the file grows again. */
static void clear_rest(struct node *node, uint64_t size)
{
	struct page *page = size % PAGE_SIZE ? cache_find(&node->cache, size >> PAGE_SHIFT) : NULL;

	if (page)
		memset((char *)page_memory(page) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
}

static int resize(struct inode *inode, uint64_t size)
{
	struct node *node = node_of(inode);

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
	inode->modified = inode->changed = now();
	return 0;
}

/* The page at an index, which is made if it is not there. */
static int page_at_index(struct node *node, uint64_t index, struct page **page)
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
	const struct node *node = node_of(file->inode);
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
	file->inode->accessed = now();
	return done;
}

static int64_t write_contents(struct file *file, struct transfer *from, uint64_t *position)
{
	struct node *node = node_of(file->inode);
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
	node->inode.modified = node->inode.changed = now();
	return done;
}

/* Where data or a hole begins, from an offset on. */
static int64_t seek_data(const struct node *node, uint64_t offset, bool data)
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
		to = offset < 0 ? -ENXIO
				: seek_data(node_of(file->inode), (uint64_t)offset, whence == SEEK_DATA);
	else
		to = file_seek_to(file, offset, whence, file->inode->size);
	if (to >= 0)
		file->position = (uint64_t)to;
	return to;
}

static int resize_file(struct file *file, uint64_t size)
{
	return resize(file->inode, size);
}

static int sync_nothing(struct file *file, bool data_only)
{
	(void)file;
	(void)data_only;
	return 0;
}

static int status_of(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static int mapped_page(struct file *file, uint64_t index, struct page **page)
{
	struct node *node = node_of(file->inode);
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
	struct node *node = node_of(file->inode);
	struct page *page = index < (node->inode.size + PAGE_SIZE - 1) >> PAGE_SHIFT
				    ? cache_find(&node->cache, index)
				    : NULL;

	if (page)
		page_hold(page);
	return page;
}

enum { KEEP_SIZE = 1, PUNCH_HOLE = 2, ZERO_RANGE = 0x10 };

/* Zeros a part of a page, if it is there. */
static void clear_part(struct node *node, uint64_t begin, uint64_t end)
{
	struct page *page = cache_find(&node->cache, begin >> PAGE_SHIFT);

	if (page)
		memset((char *)page_memory(page) + begin % PAGE_SIZE, 0, end - begin);
}

static void punch(struct node *node, uint64_t begin, uint64_t end)
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
	struct node *node = node_of(file->inode);
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

static const struct file_functions regular_functions = {
	.read = read_contents,
	.write = write_contents,
	.seek = seek_contents,
	.status = status_of,
	.resize = resize_file,
	.sync = sync_nothing,
	.allocate = allocate,
	.page = mapped_page,
	.cached_page = cached_page,
};

/* ---- listing ---- */

static int list_names(struct file *file, file_list_function *list, void *context)
{
	struct name *name;

	if (file->position < 1) {
		if (!list(context, ".", 1, file->inode->number, MODE_DIRECTORY >> 12, 1))
			return 0;
		file->position = 1;
	}
	if (file->position < 2) {
		const struct directory_entry *parent = file->entry ? file->entry->parent : NULL;

		if (!list(context, "..", 2, parent ? parent->inode->number : file->inode->number,
			  MODE_DIRECTORY >> 12, 2))
			return 0;
		file->position = 2;
	}
	list_for_each(name, &node_of(file->inode)->names, struct name, link)
	{
		if (name->cookie <= file->position)
			continue;
		if (!list(context, name->text, name->length, name->inode->number,
			  mode_to_kind(name->inode->mode), name->cookie))
			return 0;
		file->position = name->cookie;
	}
	return 0;
}

static int64_t seek_list(struct file *file, int64_t offset, int whence)
{
	int64_t to = file_seek_to(file, offset, whence, 0);

	if (to >= 0)
		file->position = (uint64_t)to;
	return to;
}

static const struct file_functions directory_functions = {
	.list = list_names,
	.seek = seek_list,
	.status = status_of,
	.sync = sync_nothing,
};

/* ---- the whole ---- */

static int open_node(struct inode *inode, struct file *file)
{
	switch (inode->mode & MODE_KIND) {
	case MODE_REGULAR:
		file->functions = &regular_functions;
		return 0;
	case MODE_DIRECTORY:
		file->functions = &directory_functions;
		return 0;
	case MODE_CHARACTER:
		return device_open(inode->special, file);
	case MODE_FIFO:
		return fifo_open(&node_of(inode)->pipe, file);
	default:
		return -ENXIO;
	}
}

static const struct inode_functions functions = {
	.type = "tmpfs",
	.magic = MAGIC,
	.open = open_node,
	.read_link = read_link,
	.change_mode = change_mode,
	.change_owner = change_owner,
	.change_times = change_times,
	.resize = resize,
	.free = free_node,
	.look_up = look_up,
	.make = make,
	.symlink = make_symlink,
	.link = make_link,
	.remove = remove_name,
	.rename = rename_name,
};

struct inode *memory_create(uint32_t mode)
{
	static uint64_t devices = 0x10;
	struct volume *volume = malloc(sizeof *volume);
	struct node *node;

	if (!volume)
		return NULL;
	*volume = (struct volume){ .device = devices++, .next_number = 1 };
	node = create(volume, MODE_DIRECTORY | mode);
	if (node)
		return &node->inode;
	free(volume);
	return NULL;
}

int memory_make(struct inode *directory, const char *name, uint32_t mode, uint64_t special,
		struct inode **made)
{
	return make(directory, name, strlen(name), mode, special, made);
}

struct inode *memory_nameless(uint32_t mode, uint64_t special)
{
	static struct volume volume = { .device = 1, .next_number = 1 };
	struct node *node = create(&volume, mode);

	if (!node)
		return NULL;
	node->inode.special = special;
	node->inode.links = inode_is(&node->inode, MODE_REGULAR) ? 0 : 1;
	return &node->inode;
}

struct file *file_anonymous(const char *name, uint64_t size)
{
	struct inode *inode = memory_nameless(MODE_REGULAR | 0777, 0);
	struct file *file = inode ? file_create(&regular_functions, O_RDWR, NULL) : NULL;

	if (!file) {
		if (inode)
			inode_drop(inode);
		return NULL;
	}
	inode->size = size;
	file->inode = inode;
	file->name = name;
	return file;
}
