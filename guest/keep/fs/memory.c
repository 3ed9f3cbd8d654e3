/* SPDX-License-Identifier: ISC */
/* memory.c - tmpfs: directories as lists of names, and attributes. Contents are in memory_contents.c. */
#include "fs/memory.h"

#include "fs/devices.h"
#include "fs/memory_node.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "task/task.h"

#include <asm/fcntl.h>

enum { MAGIC = 0x01021994, DIRECTORY_SIZE = 40 };

static const struct inode_functions functions;

static struct memory_node *create(struct volume *volume, uint32_t mode)
{
	struct memory_node *node = calloc(1, sizeof *node);

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

static void free_node(struct inode *inode)
{
	struct memory_node *node = memory_node_of(inode);
	struct name *name;

	list_for_each(name, &node->names, struct name, link)
	{
		inode_drop(name->inode);
		free(name);
	}
	memory_free_contents(node);
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

	list_for_each(name, &memory_node_of(directory)->names, struct name, link)
	{
		if (name->hash == hash && name->length == length && !memcmp(name->text, text, length))
			return name;
	}
	return NULL;
}

static void touch(struct inode *directory)
{
	directory->modified = directory->changed = memory_now();
}

/* A name for an inode, which it holds. */
static int add(struct inode *directory, const char *text, size_t length, struct inode *inode)
{
	struct memory_node *node = memory_node_of(directory);
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
	memory_node_of(inode)->above = directory;
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
		     struct memory_node **made)
{
	struct memory_node *node;
	int error;

	if (find(directory, text, length))
		return -EEXIST;
	node = create(memory_node_of(directory)->volume, mode);
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
	struct memory_node *node;
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
	struct memory_node *node;
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
	memcpy(to, memory_node_of(inode)->target, length);
	return (int64_t)length;
}

static int make_link(struct inode *directory, const char *text, size_t length, struct inode *inode)
{
	int error = find(directory, text, length) ? -EEXIST : add(directory, text, length, inode);

	if (!error) {
		inode->links++;
		inode->changed = memory_now();
	}
	return error;
}

static bool is_empty(const struct inode *directory)
{
	return list_is_empty(&memory_node_of(directory)->names);
}

static void lose_link(struct inode *inode)
{
	inode->links = inode_is(inode, MODE_DIRECTORY) ? 0 : inode->links - 1;
	inode->changed = memory_now();
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
		directory = memory_node_of(directory)->above;
	return directory;
}

enum { NO_REPLACE = 1, EXCHANGE = 2 };

static int exchange(struct inode *from, struct name *old, struct inode *to, struct name *new)
{
	struct inode *inode = old->inode;
	const int change = inode_is(new->inode, MODE_DIRECTORY) - inode_is(inode, MODE_DIRECTORY);

	old->inode = new->inode;
	new->inode = inode;
	memory_node_of(old->inode)->above = from;
	memory_node_of(new->inode)->above = to;
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
	old->inode->changed = memory_now();
	take_away(from, old);
	return 0;
}

/* ---- attributes ---- */

static int change_mode(struct inode *inode, uint32_t mode)
{
	inode->mode = (inode->mode & MODE_KIND) | (mode & 07777);
	inode->changed = memory_now();
	return 0;
}

static int change_owner(struct inode *inode, uint32_t owner, uint32_t group)
{
	if (owner != UINT32_MAX)
		inode->owner = owner;
	if (group != UINT32_MAX)
		inode->group = group;
	inode->changed = memory_now();
	return 0;
}

static int change_times(struct inode *inode, const struct inode_times *times)
{
	if (times->accessed != INT64_MIN)
		inode->accessed = times->accessed;
	if (times->modified != INT64_MIN)
		inode->modified = times->modified;
	inode->changed = memory_now();
	return 0;
}

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
	list_for_each(name, &memory_node_of(file->inode)->names, struct name, link)
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
	.status = memory_status,
	.sync = memory_sync,
};

/* ---- the whole ---- */

static int open_node(struct inode *inode, struct file *file)
{
	switch (inode->mode & MODE_KIND) {
	case MODE_REGULAR:
		file->functions = &memory_regular_functions;
		return 0;
	case MODE_DIRECTORY:
		file->functions = &directory_functions;
		return 0;
	case MODE_CHARACTER:
		return device_open(inode->special, file);
	case MODE_FIFO:
		return fifo_open(&memory_node_of(inode)->pipe, file);
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
	.resize = memory_resize,
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
	struct memory_node *node;

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
	struct memory_node *node = create(&volume, mode);

	if (!node)
		return NULL;
	node->inode.special = special;
	node->inode.links = inode_is(&node->inode, MODE_REGULAR) ? 0 : 1;
	return &node->inode;
}

struct file *file_anonymous(const char *name, uint64_t size)
{
	struct inode *inode = memory_nameless(MODE_REGULAR | 0777, 0);
	struct file *file = inode ? file_create(&memory_regular_functions, O_RDWR, NULL) : NULL;

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
