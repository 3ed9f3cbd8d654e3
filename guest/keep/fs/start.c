/* SPDX-License-Identifier: ISC */
/*
 * start.c - the tree of files that the program finds: tmpfs, or the host's directory if that is mounted at the root;
 * devices; and the host's mounts.
 */
#include "fs/descriptors.h"
#include "fs/devices.h"
#include "fs/host_fs.h"
#include "fs/memory.h"
#include "fs/path.h"
#include "fs/proc.h"
#include "fs/terminal.h"
#include "options.h"
#include "task/task.h"

enum { STREAMS = 3, MODE_STICKY = 01777 };

/* A mount of the host's, before it has a place. */
struct share {
	struct inode *root;
	const char *path;
	bool is_read_only;
};

static int read_shares(struct share *shares, uint32_t count)
{
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = host_mount(i, &shares[i].root, &shares[i].path, &shares[i].is_read_only);
	return error;
}

/* Makes a directory and all above it. What the host's user may not make is there already, or is left out. */
static int make_directories(const char *path, struct directory_entry **found)
{
	struct directory_entry *root = current_process()->directories->root;
	static char name[PATH_SIZE]; /* too large for a kernel stack; this runs once */
	int error;

	for (const char *end = path; *end;) {
		struct path_last last;
		struct inode *made;

		while (*end == '/')
			end++;
		while (*end && *end != '/')
			end++;
		if ((size_t)(end - path) >= sizeof name)
			return -ENAMETOOLONG;
		memcpy(name, path, (size_t)(end - path));
		name[end - path] = '\0';
		error = path_walk(root, name, 0, found);
		if (!error) {
			entry_drop(*found);
			continue;
		}
		error = path_walk_parent(root, name, &last);
		if (error)
			return error;
		error = last.parent->inode->functions->make
				? last.parent->inode->functions->make(last.parent->inode, last.name,
								      last.length, MODE_DIRECTORY | 0755, 0,
								      &made)
				: -EROFS;
		entry_drop(last.parent);
		if (error)
			return error;
		inode_drop(made);
	}
	return path_walk(root, path, 0, found);
}

/* A root that is a file is mounted over a file, which is made for it. */
static int make_place(const char *path, bool is_directory, struct directory_entry **found)
{
	struct file *file;
	static char parent[PATH_SIZE];
	size_t length = strlen(path);
	int error;

	if (is_directory)
		return make_directories(path, found);
	if (length >= sizeof parent)
		return -ENAMETOOLONG;
	memcpy(parent, path, length + 1);
	while (length > 1 && parent[length - 1] != '/')
		length--;
	parent[length - 1 ? length - 1 : 1] = '\0';
	error = make_directories(parent, found);
	if (error)
		return error;
	entry_drop(*found);
	error = file_open(path, 0100 /* O_CREAT */, 0644, &file);
	if (error)
		return error;
	file_drop(file);
	return path_walk(current_process()->directories->root, path, 0, found);
}

static int mount_at(const char *path, struct inode *root, const char *source, bool is_read_only)
{
	struct directory_entry *place;
	int error = make_place(path, inode_is(root, MODE_DIRECTORY), &place);

	if (error)
		return error;
	error = mount_add(place->inode, root, source, path, is_read_only);
	entry_drop(place);
	return error;
}

/* The directory that is to be the root: the host's, if one is mounted there. */
static struct inode *choose_root(const struct share *shares, uint32_t count)
{
	struct inode *root;

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(shares[i].path, "/") != 0)
			continue;
		(void)mount_add(NULL, shares[i].root, "host", "/", shares[i].is_read_only);
		return shares[i].root;
	}
	root = memory_create(0755);
	if (root)
		(void)mount_add(NULL, root, "tmpfs", "/", false);
	return root;
}

/* File systems that every tree has. Where the host's root has no such directory, there is none. */
static int mount_memory(const char *path, uint32_t mode, struct inode **made)
{
	struct inode *root = memory_create(mode);
	int error = root ? mount_at(path, root, "tmpfs", false) : -ENOMEM;

	*made = root;
	return error == -EROFS || error == -EACCES || error == -ENOENT ? 0 : error;
}

static int make_standard(void)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{ "fd", "/proc/self/fd" },
		{ "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" },
		{ "stderr", "/proc/self/fd/2" },
	};
	struct inode *devices;
	struct inode *other;
	int error = mount_memory("/tmp", MODE_STICKY, &other);

	if (!error)
		error = mount_memory("/dev", 0755, &devices);
	if (!error)
		error = devices_make(devices);
	for (size_t i = 0; i < COUNT_OF(links) && !error; i++)
		error = devices->functions->symlink(devices, links[i].name, strlen(links[i].name),
						    links[i].target);
	if (!error)
		error = mount_memory("/dev/shm", MODE_STICKY, &other);
	return error;
}

static int mount_proc(void)
{
	struct inode *root = proc_create();
	int error = root ? mount_at("/proc", root, "proc", false) : -ENOMEM;

	return error == -EROFS || error == -EACCES || error == -ENOENT ? 0 : error;
}

static int mount_shares(const struct share *shares, uint32_t count)
{
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++) {
		if (strcmp(shares[i].path, "/") != 0)
			error = mount_at(shares[i].path, shares[i].root, "host", shares[i].is_read_only);
	}
	return error;
}

/* Of a process that has just been made: the root, and where it starts. */
static int enter(struct process *process, struct inode *root)
{
	process->directories = directories_create(root);
	process->descriptors = descriptors_create();
	return process->directories && process->descriptors ? 0 : -ENOMEM;
}

static int open_streams(void)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		struct file *file;
		int64_t result = terminal_stream(i, &file);

		if (!result)
			result = descriptor_add(file, i, false);
		if (result < 0)
			return (int)result;
	}
	return 0;
}

static int change_directory(const char *path)
{
	struct directories *directories = current_process()->directories;
	struct directory_entry *entry;
	int error = path_walk(directories->root, path, 0, &entry);

	if (error)
		return error;
	entry_drop(directories->current);
	directories->current = entry;
	return 0;
}

int file_systems_start(const struct keep_options *options)
{
	const uint32_t count = host_mounts();
	struct share *shares = calloc(count + 1, sizeof *shares);
	struct inode *root;
	int error = shares ? read_shares(shares, count) : -ENOMEM;

	terminal_start();
	root = error ? NULL : choose_root(shares, count);
	if (!error)
		error = root ? enter(current_process(), root) : -ENOMEM;
	if (!error)
		error = make_standard();
	if (!error)
		error = mount_proc();
	if (!error)
		error = mount_shares(shares, count);
	if (!error)
		error = open_streams();
	free(shares);
	if (!error && change_directory(options->directory))
		error = change_directory("/");
	return error;
}
