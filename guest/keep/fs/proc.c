/* SPDX-License-Identifier: ISC */
/*
 * proc.c - the tree of /proc: a table of paths (proc_text.c), and the directories that they imply; links to what the
 * process has open. An inode is made for each look, and knows its path.
 */
#include "fs/proc.h"

#include "fs/descriptors.h"
#include "fs/path.h"
#include "task/task.h"

#include <asm/fcntl.h>

enum { MAGIC = 0x9fa0, DEVICE_NUMBER = 4, PATH_MOST = 64 };

static const char process_directory[] = "process";
static const char descriptors_directory[] = "process/fd";
static const char tasks_directory[] = "process/task";

struct proc_node {
	struct inode inode;
	char path[PATH_MOST]; /* in the table; empty: the root */
	const struct proc_row *row;
};

static const struct inode_functions functions;

static struct proc_node *node_of(const struct inode *inode)
{
	return container_of(inode, struct proc_node, inode);
}

/* ---- text ---- */

void text_add(struct text *text, const char *bytes, size_t length)
{
	if (text->length + length > text->room) {
		const size_t room = 2 * (text->length + length) + 256;
		char *larger = realloc(text->bytes, room);

		if (!larger)
			return;
		text->bytes = larger;
		text->room = room;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void text_print(struct text *text, const char *format, ...)
{
	char line[512];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = guest_vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	text_add(text, line, least((size_t)length, sizeof line - 1));
}

/* ---- nodes ---- */

static uint64_t number_of(const char *path)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a: the same path is the same inode */

	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 1099511628211U;
	return hash >> 1 | 1;
}

static struct proc_node *create(const char *path, uint32_t mode)
{
	struct proc_node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	inode_init(&node->inode, &functions, mode);
	guest_snprintf(node->path, sizeof node->path, "%s", path);
	node->inode.device = DEVICE_NUMBER;
	node->inode.number = number_of(path);
	return node;
}

static void free_node(struct inode *inode)
{
	free(node_of(inode));
}

static bool is_number(const char *name, size_t length, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9' || *number > INT32_MAX)
			return false;
		*number = *number * 10 + (uint64_t)(name[i] - '0');
	}
	return length;
}

static const struct proc_row *find_row(const char *path)
{
	for (const struct proc_row *row = proc_rows; row->path; row++) {
		if (!strcmp(row->path, path))
			return row;
	}
	return NULL;
}

/* Whether something of the table lies below a path. */
static bool is_directory(const char *path)
{
	const size_t length = strlen(path);

	if (!strcmp(path, descriptors_directory) || !strcmp(path, tasks_directory))
		return true;
	for (const struct proc_row *row = proc_rows; row->path; row++) {
		if (!strncmp(row->path, path, length) && row->path[length] == '/')
			return true;
	}
	return false;
}

static const char *const process_links[] = { "process/exe", "process/cwd", "process/root" };

static bool is_link(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(process_links); i++) {
		if (!strcmp(path, process_links[i]))
			return true;
	}
	return !strcmp(path, "self") || !strcmp(path, "thread-self") || !strcmp(path, "mounts");
}

/* ---- names ---- */

static struct proc_node *find_in_descriptors(const char *path, uint64_t number)
{
	struct file *file = descriptor_file(number);

	if (!file)
		return NULL;
	file_drop(file);
	return create(path, MODE_LINK | 0700);
}

static struct proc_node *find(const char *directory, const char *name, size_t length)
{
	char path[PATH_MOST];
	const struct proc_row *row;
	struct proc_node *node;
	uint64_t number;
	const bool has_number = is_number(name, length, &number);

	if (!*directory && has_number)
		return number == (uint64_t)current_process()->id
			       ? create(process_directory, MODE_DIRECTORY | 0555)
			       : NULL;
	guest_snprintf(path, sizeof path, "%s%s%.*s", directory, *directory ? "/" : "", (int)length, name);
	if (!strcmp(directory, descriptors_directory))
		return has_number ? find_in_descriptors(path, number) : NULL;
	if (!strcmp(directory, tasks_directory)) /* what is known of a task is what is known of the process */
		return has_number && task_find((int)number) ? create(process_directory, MODE_DIRECTORY | 0555)
							    : NULL;
	if (is_link(path))
		return create(path, MODE_LINK | 0777);
	row = find_row(path);
	if (!row)
		return is_directory(path) ? create(path, MODE_DIRECTORY | 0555) : NULL;
	node = create(path, MODE_REGULAR | 0444);
	if (node)
		node->row = row;
	return node;
}

static int look_up(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	struct proc_node *node = length < PATH_MOST / 2 ? find(node_of(directory)->path, name, length) : NULL;

	if (!node)
		return -ENOENT;
	*found = &node->inode;
	return 0;
}

/* ---- links ---- */

static uint64_t descriptor_of(const struct proc_node *node)
{
	return strtoul(node->path + sizeof descriptors_directory, NULL, 10);
}

static bool is_descriptor(const struct proc_node *node)
{
	return !strncmp(node->path, descriptors_directory, sizeof descriptors_directory - 1) &&
	       node->path[sizeof descriptors_directory - 1] == '/';
}

/* The file that a link stands for, held; NULL: none, or something else. */
static struct file *file_of(const struct proc_node *node)
{
	struct file *file = NULL;

	if (is_descriptor(node))
		return descriptor_file(descriptor_of(node));
	if (!strcmp(node->path, "process/exe"))
		file = current_process()->program;
	if (file)
		file_hold(file);
	return file;
}

static struct directory_entry *place_of(const struct proc_node *node)
{
	const struct directories *directories = current_process()->directories;

	if (!strcmp(node->path, "process/cwd"))
		return directories->current;
	return !strcmp(node->path, "process/root") ? directories->root : NULL;
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	const struct proc_node *node = node_of(inode);
	struct directory_entry *place = place_of(node);
	struct file *file;
	char text[64];

	if (!strcmp(node->path, "mounts")) {
		guest_snprintf(text, sizeof text, "self/mounts");
	} else if (!strcmp(node->path, "self")) {
		guest_snprintf(text, sizeof text, "%d", current_process()->id);
	} else if (!strcmp(node->path, "thread-self")) {
		guest_snprintf(text, sizeof text, "%d/task/%d", current_process()->id, current_task()->id);
	} else if (place) {
		return path_of(place, to, size);
	} else {
		file = file_of(node);
		if (!file)
			return -ENOENT;
		size = file_path(file, to, size);
		file_drop(file);
		return (int64_t)size;
	}
	size = least(size, strlen(text));
	memcpy(to, text, size);
	return (int64_t)size;
}

/* Links that lead to an open file itself, whatever its path says. */
static int jump(struct inode *inode, struct directory_entry **to)
{
	const struct proc_node *node = node_of(inode);
	struct directory_entry *place = place_of(node);
	struct file *file;

	if (place) {
		entry_hold(place);
		*to = place;
		return 1;
	}
	file = file_of(node);
	if (!file)
		return is_descriptor(node) ? -ENOENT : 0;
	*to = file->entry;
	if (*to)
		entry_hold(*to);
	file_drop(file);
	return *to ? 1 : -ENXIO;
}

/* ---- lists ---- */

struct listing {
	struct file *file;
	file_list_function *list;
	void *context;
	uint64_t position; /* of the next name */
	bool is_full;
};

static void list_one(struct listing *listing, const char *name, uint32_t mode)
{
	const uint64_t position = ++listing->position;

	if (listing->is_full || position <= listing->file->position)
		return;
	if (listing->list(listing->context, name, strlen(name), number_of(name), mode_to_kind(mode),
			  position))
		listing->file->position = position;
	else
		listing->is_full = true;
}

/* The first component of what lies below a directory, once for each. */
static void list_rows(struct listing *listing, const char *directory)
{
	const size_t length = strlen(directory);
	char last[PATH_MOST] = "";

	for (const struct proc_row *row = proc_rows; row->path; row++) {
		const char *rest = row->path + length + (length != 0);
		char name[PATH_MOST];
		size_t end = 0;

		if (strncmp(row->path, directory, length) != 0 || (length && row->path[length] != '/'))
			continue;
		while (rest[end] && rest[end] != '/')
			end++;
		guest_snprintf(name, sizeof name, "%.*s", (int)end, rest);
		/* The table is sorted so that what is below one directory stands together. */
		if (!strcmp(name, last) || (!length && !strcmp(name, process_directory)))
			continue;
		memcpy(last, name, sizeof last);
		list_one(listing, name, rest[end] ? MODE_DIRECTORY : MODE_REGULAR);
	}
}

static void list_number(struct listing *listing, int64_t number, uint32_t mode)
{
	char name[24];

	guest_snprintf(name, sizeof name, "%ld", (long)number);
	list_one(listing, name, mode);
}

static void list_tasks(struct listing *listing)
{
	struct task *task;

	list_for_each(task, &current_process()->tasks, struct task, link_process)
		list_number(listing, task->id, MODE_DIRECTORY);
}

static void list_links(struct listing *listing, const char *directory)
{
	if (!*directory) {
		list_one(listing, "self", MODE_LINK);
		list_one(listing, "thread-self", MODE_LINK);
		list_number(listing, current_process()->id, MODE_DIRECTORY);
	}
	for (size_t i = 0; !strcmp(directory, process_directory) && i < COUNT_OF(process_links); i++)
		list_one(listing, process_links[i] + sizeof process_directory, MODE_LINK);
	if (!strcmp(directory, process_directory)) {
		list_one(listing, "fd", MODE_DIRECTORY);
		list_one(listing, "task", MODE_DIRECTORY);
	}
}

static int list_names(struct file *file, file_list_function *list, void *context)
{
	const char *directory = node_of(file->inode)->path;
	struct listing listing = { file, list, context, 0, false };

	list_one(&listing, ".", MODE_DIRECTORY);
	list_one(&listing, "..", MODE_DIRECTORY);
	if (!strcmp(directory, descriptors_directory)) {
		for (int64_t i = 0; (i = descriptor_next((unsigned)i)) >= 0; i++)
			list_number(&listing, i, MODE_LINK);
	} else if (!strcmp(directory, tasks_directory)) {
		list_tasks(&listing);
	} else {
		list_links(&listing, directory);
		list_rows(&listing, directory);
	}
	return 0;
}

/* ---- files ---- */

static int64_t read_text(struct file *file, struct transfer *to, uint64_t *position)
{
	const struct text *text = file->own;
	int64_t result;

	if (*position >= text->length)
		return 0;
	result = transfer_to(to, text->bytes + *position, text->length - *position);
	if (result > 0)
		*position += (uint64_t)result;
	return result;
}

static int64_t seek_text(struct file *file, int64_t offset, int whence)
{
	int64_t to = file_seek_to(file, offset, whence, 0);

	if (to >= 0)
		file->position = (uint64_t)to;
	return to;
}

static void close_text(struct file *file)
{
	struct text *text = file->own;

	if (text)
		free(text->bytes);
	free(text);
}

static int status_of(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static const struct file_functions text_functions = {
	.read = read_text,
	.seek = seek_text,
	.status = status_of,
	.close = close_text,
};

static const struct file_functions directory_functions = {
	.list = list_names,
	.seek = seek_text,
	.status = status_of,
};

/* What is read is what was so when the file was opened. */
static int open_node(struct inode *inode, struct file *file)
{
	const struct proc_node *node = node_of(inode);
	struct text *text;

	if (inode_is(inode, MODE_DIRECTORY)) {
		file->functions = &directory_functions;
		return 0;
	}
	if (file_may_write(file))
		return -EACCES;
	text = calloc(1, sizeof *text);
	if (!text)
		return -ENOMEM;
	node->row->show(text);
	file->functions = &text_functions;
	file->own = text;
	return 0;
}

static const struct inode_functions functions = {
	.type = "proc",
	.magic = MAGIC,
	.open = open_node,
	.read_link = read_link,
	.jump = jump,
	.free = free_node,
	.look_up = look_up,
};

struct inode *proc_create(void)
{
	struct proc_node *node = create("", MODE_DIRECTORY | 0555);

	return node ? &node->inode : NULL;
}
