/* SPDX-License-Identifier: ISC */
/* path.c - walks paths name by name. Symbolic links are resolved here, whatever file system they are on. */
#include "fs/path.h"

#include "task/task.h"

enum { LINKS_MOST = 40, WALK_SIZE = 2 * PATH_SIZE };

static struct mount all_mounts[MOUNTS_MOST];
static size_t mount_count;

/* ---- entries ---- */

void entry_hold(struct directory_entry *entry)
{
	entry->count++;
}

void entry_drop(struct directory_entry *entry)
{
	while (entry && !--entry->count) {
		struct directory_entry *parent = entry->parent;

		inode_drop(entry->inode);
		free(entry);
		entry = parent;
	}
}

struct directory_entry *entry_create(struct directory_entry *parent, struct inode *inode, const char *name,
				     size_t length)
{
	struct directory_entry *entry = malloc(sizeof *entry + length + 1);

	if (!entry)
		return NULL;
	entry->count = 1;
	entry->parent = parent;
	entry->inode = inode;
	memcpy(entry->name, name, length);
	entry->name[length] = '\0';
	if (parent)
		entry_hold(parent);
	inode_hold(inode);
	return entry;
}

struct directory_entry *entry_nowhere(struct inode *inode, const char *name)
{
	struct directory_entry *entry = entry_create(NULL, inode, name, strlen(name));

	inode_drop(inode);
	return entry;
}

/* ---- mounts ---- */

int mount_add(struct inode *at, struct inode *root, const char *source, const char *path, bool is_read_only)
{
	if (mount_count == MOUNTS_MOST)
		return -ENOSPC;
	if (at)
		inode_hold(at);
	inode_hold(root);
	all_mounts[mount_count++] = (struct mount){ at, root, source, path, is_read_only };
	return 0;
}

const struct mount *mounts(size_t *count)
{
	*count = mount_count;
	return all_mounts;
}

/* What is mounted over an inode, held, in its place; the last mount counts. */
static struct inode *cross_mounts(struct inode *inode)
{
	for (size_t i = mount_count; i-- > 0;) {
		const struct mount *mount = &all_mounts[i];

		if (!mount->at || mount->at->device != inode->device || mount->at->number != inode->number)
			continue;
		inode_hold(mount->root);
		inode_drop(inode);
		return mount->root;
	}
	return inode;
}

/* ---- walking ---- */

struct walk {
	struct directory_entry *at; /* held */
	char buffer[WALK_SIZE];     /* what is left, with the texts of links put in front */
	char *rest;
	unsigned links;
};

static void step_to(struct walk *walk, struct directory_entry *entry)
{
	entry_hold(entry);
	entry_drop(walk->at);
	walk->at = entry;
}

static struct walk *walk_begin(struct directory_entry *start, const char *path, int *error)
{
	const size_t length = strlen(path);
	struct walk *walk;

	*error = length >= PATH_SIZE ? -ENAMETOOLONG : -ENOMEM;
	walk = length < PATH_SIZE ? malloc(sizeof *walk) : NULL;
	if (!walk)
		return NULL;
	*error = 0;
	walk->links = 0;
	walk->rest = walk->buffer;
	memcpy(walk->buffer, path, length + 1);
	walk->at = *path == '/' ? current_process()->directories->root : start;
	entry_hold(walk->at);
	return walk;
}

static void walk_end(struct walk *walk)
{
	entry_drop(walk->at);
	free(walk);
}

/* The next name; returns its length, 0 at the end. *last: only slashes come behind it; *slash: at least one does. */
static size_t next_name(struct walk *walk, const char **name, bool *last, bool *slash)
{
	char *end;

	while (*walk->rest == '/')
		walk->rest++;
	*name = end = walk->rest;
	while (*end && *end != '/')
		end++;
	walk->rest = end;
	*slash = *end == '/';
	while (*end == '/')
		end++;
	*last = !*end;
	return (size_t)(walk->rest - *name);
}

static bool is_dots(const char *name, size_t length)
{
	return (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
}

static void step_dots(struct walk *walk, size_t length)
{
	if (length == 2 && walk->at != current_process()->directories->root && walk->at->parent)
		step_to(walk, walk->at->parent);
}

int path_look_up(struct directory_entry *parent, const char *name, size_t length, struct inode **found)
{
	struct inode *directory = parent->inode;
	int error;

	if (!inode_is(directory, MODE_DIRECTORY))
		return -ENOTDIR;
	if (length > NAME_MOST)
		return -ENAMETOOLONG;
	error = directory->functions->look_up(directory, name, length, found);
	if (!error)
		*found = cross_mounts(*found);
	return error;
}

static int follow_text(struct walk *walk, struct inode *link);

static int follow(struct walk *walk, struct inode *link)
{
	struct directory_entry *to;
	int result = link->functions->jump ? link->functions->jump(link, &to) : 0;

	if (result <= 0)
		return result ? result : follow_text(walk, link);
	entry_drop(walk->at);
	walk->at = to;
	return 0;
}

/* Puts a link's text in front of what is left. */
static int follow_text(struct walk *walk, struct inode *link)
{
	char *text = malloc(PATH_SIZE);
	const size_t rest = strlen(walk->rest);
	int64_t length;

	if (!text)
		return -ENOMEM;
	length = ++walk->links > LINKS_MOST   ? -ELOOP
		 : link->functions->read_link ? link->functions->read_link(link, text, PATH_SIZE)
					      : -EINVAL;
	if (length == 0)
		length = -ENOENT;
	if (length > 0 && (size_t)length + rest + 1 > WALK_SIZE)
		length = -ENAMETOOLONG;
	if (length > 0) {
		memmove(walk->buffer + length, walk->rest, rest + 1);
		memcpy(walk->buffer, text, (size_t)length);
		walk->rest = walk->buffer;
		if (*text == '/')
			step_to(walk, current_process()->directories->root);
	}
	free(text);
	return length < 0 ? (int)length : 0;
}

static int step_into(struct walk *walk, struct inode *inode, const char *name, size_t length)
{
	struct directory_entry *entry = entry_create(walk->at, inode, name, length);

	if (!entry)
		return -ENOMEM;
	entry_drop(walk->at);
	walk->at = entry;
	return 0;
}

/* One name. */
static int step(struct walk *walk, const char *name, size_t length, bool follows)
{
	struct inode *inode;
	int error;

	if (!inode_is(walk->at->inode, MODE_DIRECTORY))
		return -ENOTDIR;
	if (is_dots(name, length)) {
		step_dots(walk, length);
		return 0;
	}
	error = path_look_up(walk->at, name, length, &inode);
	if (error)
		return error;
	if (inode_is(inode, MODE_LINK) && follows)
		error = follow(walk, inode);
	else
		error = step_into(walk, inode, name, length);
	inode_drop(inode);
	return error;
}

static int walk_all(struct walk *walk, unsigned flags)
{
	bool wants_directory = false;

	for (;;) {
		const char *name;
		bool last;
		bool slash;
		size_t length = next_name(walk, &name, &last, &slash);
		int error;

		if (!length)
			return wants_directory && !inode_is(walk->at->inode, MODE_DIRECTORY) ? -ENOTDIR : 0;
		wants_directory = slash;
		error = step(walk, name, length, !last || slash || !(flags & WALK_NO_FOLLOW));
		if (error)
			return error;
	}
}

int path_walk(struct directory_entry *start, const char *path, unsigned flags, struct directory_entry **found)
{
	struct walk *walk;
	int error;

	if (!*path && !(flags & WALK_EMPTY))
		return -ENOENT;
	walk = walk_begin(start, path, &error);
	if (!walk)
		return error;
	error = walk_all(walk, flags);
	if (!error) {
		entry_hold(walk->at);
		*found = walk->at;
	}
	walk_end(walk);
	return error;
}

static int walk_to_last(struct walk *walk, struct path_last *last)
{
	const char *name;
	bool is_last;
	bool slash;
	size_t length;

	while ((length = next_name(walk, &name, &is_last, &slash)) != 0 && !is_last) {
		int error = step(walk, name, length, true);

		if (error)
			return error;
	}
	if (length > NAME_MOST)
		return -ENAMETOOLONG;
	if (!inode_is(walk->at->inode, MODE_DIRECTORY))
		return -ENOTDIR;
	memcpy(last->name, name, length);
	last->name[length] = '\0';
	last->length = length;
	last->wants_directory = slash;
	last->is_special = !length || is_dots(name, length);
	return 0;
}

int path_walk_parent(struct directory_entry *start, const char *path, struct path_last *last)
{
	struct walk *walk;
	int error;

	if (!*path)
		return -ENOENT;
	walk = walk_begin(start, path, &error);
	if (!walk)
		return error;
	error = walk_to_last(walk, last);
	if (!error) {
		entry_hold(walk->at);
		last->parent = walk->at;
	}
	walk_end(walk);
	return error;
}

/* ---- back ---- */

int64_t path_of(const struct directory_entry *entry, char *to, size_t size)
{
	const struct directory_entry *root = current_process()->directories->root;
	size_t at = size;

	if (size < 2)
		return -ERANGE;
	to[--at] = '\0';
	for (; entry != root && entry->parent; entry = entry->parent) {
		size_t length = strlen(entry->name);

		if (at < length + 1)
			return -ERANGE;
		at -= length;
		memcpy(to + at, entry->name, length);
		to[--at] = '/';
	}
	if (at == size - 1)
		to[--at] = '/';
	memmove(to, to + at, size - at);
	return (int64_t)(size - at - 1);
}

struct directories *directories_create(struct inode *root)
{
	struct directories *directories = malloc(sizeof *directories);
	struct directory_entry *entry = directories ? entry_create(NULL, root, "", 0) : NULL;

	if (!entry) {
		free(directories);
		return NULL;
	}
	entry_hold(entry);
	*directories = (struct directories){ .root = entry, .current = entry, .mask = 022 };
	return directories;
}
