/* SPDX-License-Identifier: ISC */
/* name.c - system calls on names: making, removing, renaming, listing, and where the process is. */
#include "fs/descriptors.h"
#include "syscall/path.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

/* ---- making ---- */

static int64_t make(uint64_t descriptor, uint64_t path, uint32_t mode, uint64_t special)
{
	struct path_last *last = malloc(sizeof *last);
	struct inode *inode;
	int error = last ? path_find_parent(descriptor, path, last) : -ENOMEM;

	if (error) {
		free(last);
		return error;
	}
	if (last->is_special || !path_look_up(last->parent, last->name, last->length, &inode)) {
		if (!last->is_special)
			inode_drop(inode);
		error = -EEXIST;
	} else if (last->wants_directory && (mode & MODE_KIND) != MODE_DIRECTORY) {
		error = -ENOENT;
	} else {
		const struct inode_functions *functions = last->parent->inode->functions;

		error = functions->make ? functions->make(last->parent->inode, last->name, last->length,
							  mode & ~current_process()->directories->mask,
							  special, &inode)
					: -EPERM;
		if (!error)
			inode_drop(inode);
	}
	entry_drop(last->parent);
	free(last);
	return error;
}

static int64_t make_directory_at(const uint64_t argument[6])
{
	return make(argument[0], argument[1], MODE_DIRECTORY | (argument[2] & 01777), 0);
}

static int64_t make_directory(const uint64_t argument[6])
{
	return make((uint64_t)HERE, argument[0], MODE_DIRECTORY | (argument[1] & 01777), 0);
}

static int64_t make_node_at(const uint64_t argument[6])
{
	uint32_t mode = (uint32_t)argument[2];

	if (!(mode & MODE_KIND))
		mode |= MODE_REGULAR;
	switch (mode & MODE_KIND) {
	case MODE_REGULAR:
	case MODE_FIFO:
	case MODE_SOCKET:
		return make(argument[0], argument[1], mode & (MODE_KIND | 07777), 0);
	case MODE_CHARACTER:
	case MODE_BLOCK:
		return make(argument[0], argument[1], mode & (MODE_KIND | 07777), argument[3]);
	default:
		return mode == MODE_DIRECTORY ? -EPERM : -EINVAL;
	}
}

static int64_t make_node(const uint64_t argument[6])
{
	return make_node_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], argument[2] });
}

/* What a function of the parent directory does with a last name. */
struct name_work {
	const char *target;  /* of a symbolic link */
	struct inode *inode; /* of a link */
	bool is_directory;   /* to be removed */
};

static int64_t with_last(uint64_t descriptor, uint64_t path,
			 int (*run)(const struct path_last *last, const struct name_work *work),
			 const struct name_work *work)
{
	struct path_last *last = malloc(sizeof *last);
	int error = last ? path_find_parent(descriptor, path, last) : -ENOMEM;

	if (!error) {
		error = run(last, work);
		entry_drop(last->parent);
	}
	free(last);
	return error;
}

static int do_symlink(const struct path_last *last, const struct name_work *work)
{
	const struct inode_functions *functions = last->parent->inode->functions;

	if (last->is_special)
		return -EEXIST;
	if (last->wants_directory)
		return -ENOENT;
	return functions->symlink
		       ? functions->symlink(last->parent->inode, last->name, last->length, work->target)
		       : -EPERM;
}

static int64_t make_symlink_at(const uint64_t argument[6])
{
	struct name_work work = { 0 };
	char *target;
	int64_t result = path_copy(argument[0], &target);

	if (result)
		return result;
	work.target = target;
	result = *target ? with_last(argument[1], argument[2], do_symlink, &work) : -ENOENT;
	free(target);
	return result;
}

static int64_t make_symlink(const uint64_t argument[6])
{
	return make_symlink_at((const uint64_t[6]){ argument[0], (uint64_t)HERE, argument[1] });
}

static int do_link(const struct path_last *last, const struct name_work *work)
{
	struct inode *directory = last->parent->inode;

	if (last->is_special)
		return -EEXIST;
	if (inode_is(work->inode, MODE_DIRECTORY))
		return -EPERM;
	if (directory->functions != work->inode->functions || directory->device != work->inode->device)
		return -EXDEV;
	return directory->functions->link
		       ? directory->functions->link(directory, last->name, last->length, work->inode)
		       : -EPERM;
}

static int64_t link_at(const uint64_t argument[6])
{
	struct name_work work = { 0 };
	struct directory_entry *entry;
	const uint64_t flags = argument[4];
	int64_t result;

	if (flags & ~(uint64_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	result = path_find(argument[0], argument[1],
			   (flags & AT_SYMLINK_FOLLOW ? 0 : WALK_NO_FOLLOW) |
				   (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
			   &entry);
	if (result)
		return result;
	work.inode = entry->inode;
	result = with_last(argument[2], argument[3], do_link, &work);
	entry_drop(entry);
	return result;
}

static int64_t link_path(const uint64_t argument[6])
{
	return link_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], (uint64_t)HERE, argument[1], 0 });
}

/* ---- removing and renaming ---- */

static bool is_mount_point(const struct inode *inode)
{
	size_t count;
	const struct mount *all = mounts(&count);

	for (size_t i = 0; i < count; i++) {
		if (all[i].root == inode ||
		    (all[i].at && all[i].at->device == inode->device && all[i].at->number == inode->number))
			return true;
	}
	return false;
}

static int do_remove(const struct path_last *last, const struct name_work *work)
{
	struct inode *directory = last->parent->inode;
	struct inode *inode;
	int error;

	if (last->is_special)
		return !work->is_directory ? -EISDIR
		       : last->length == 1 ? -EINVAL
		       : last->length      ? -ENOTEMPTY
					   : -EBUSY;
	error = path_look_up(last->parent, last->name, last->length, &inode);
	if (error)
		return error;
	if (is_mount_point(inode))
		error = -EBUSY;
	else if (!work->is_directory && last->wants_directory)
		error = inode_is(inode, MODE_DIRECTORY) ? -EISDIR : -ENOTDIR;
	else
		error = directory->functions->remove
				? directory->functions->remove(directory, last->name, last->length,
							       work->is_directory)
				: -EPERM;
	inode_drop(inode);
	return error;
}

static int64_t remove_at(const uint64_t argument[6])
{
	const struct name_work work = { .is_directory = argument[2] & AT_REMOVEDIR };

	if (argument[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	return with_last(argument[0], argument[1], do_remove, &work);
}

static int64_t remove_file(const uint64_t argument[6])
{
	return remove_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], 0 });
}

static int64_t remove_directory(const uint64_t argument[6])
{
	return remove_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], AT_REMOVEDIR });
}

enum { RENAME_FLAGS = 3, RENAME_BOTH = 3 };

static int do_rename(const struct path_last *old, const struct path_last *new, unsigned flags)
{
	struct inode *from = old->parent->inode;
	struct inode *to = new->parent->inode;
	struct inode *inode;
	int error;

	if (old->is_special || new->is_special)
		return -EBUSY;
	if (from->functions != to->functions || from->device != to->device)
		return -EXDEV;
	error = path_look_up(old->parent, old->name, old->length, &inode);
	if (error)
		return error;
	if (is_mount_point(inode))
		error = -EBUSY;
	else if ((old->wants_directory || new->wants_directory) && !inode_is(inode, MODE_DIRECTORY))
		error = -ENOTDIR;
	else
		error = from->functions->rename ? from->functions->rename(from, old->name, old->length, to,
									  new->name, new->length, flags)
						: -EPERM;
	inode_drop(inode);
	return error;
}

static int64_t rename_at_2(const uint64_t argument[6])
{
	struct path_last *last = malloc(2 * sizeof *last);
	const unsigned flags = (unsigned)argument[4];
	int error = last ? 0 : -ENOMEM;

	if (flags & ~(unsigned)RENAME_FLAGS || flags == RENAME_BOTH)
		error = -EINVAL;
	if (!error)
		error = path_find_parent(argument[0], argument[1], &last[0]);
	if (error) {
		free(last);
		return error;
	}
	error = path_find_parent(argument[2], argument[3], &last[1]);
	if (!error) {
		error = do_rename(&last[0], &last[1], flags);
		entry_drop(last[1].parent);
	}
	entry_drop(last[0].parent);
	free(last);
	return error;
}

static int64_t rename_at(const uint64_t argument[6])
{
	return rename_at_2((const uint64_t[6]){ argument[0], argument[1], argument[2], argument[3], 0 });
}

static int64_t rename_path(const uint64_t argument[6])
{
	return rename_at_2(
		(const uint64_t[6]){ (uint64_t)HERE, argument[0], (uint64_t)HERE, argument[1], 0 });
}

/* ---- links and lists ---- */

static int64_t read_link_at(const uint64_t argument[6])
{
	struct directory_entry *entry;
	char *text;
	int64_t result;

	if ((int64_t)argument[3] <= 0)
		return -EINVAL;
	result = path_find(argument[0], argument[1], WALK_NO_FOLLOW | WALK_EMPTY, &entry);
	if (result)
		return result;
	text = malloc(PATH_SIZE);
	if (!text)
		result = -ENOMEM;
	else if (!inode_is(entry->inode, MODE_LINK) || !entry->inode->functions->read_link)
		result = -EINVAL;
	else
		result =
			entry->inode->functions->read_link(entry->inode, text, least(PATH_SIZE, argument[3]));
	if (result > 0 && user_write(argument[2], text, (size_t)result))
		result = -EFAULT;
	free(text);
	entry_drop(entry);
	return result;
}

static int64_t read_link(const uint64_t argument[6])
{
	return read_link_at((const uint64_t[6]){ (uint64_t)HERE, argument[0], argument[1], argument[2] });
}

enum { LIST_MOST = 32768 };

/* The records of a list, or as many as fit. They are gathered first: a list is not left alone for the program's memory. */
struct list_target {
	char *bytes;
	size_t used, size;
	bool is_old; /* getdents(2), whose records are laid out otherwise */
	bool is_full;
};

/* The kernel's struct linux_dirent64, and the older one, up to the name. */
struct record {
	uint64_t inode;
	int64_t next;
	uint16_t length;
	uint8_t kind;
} __attribute__((packed));
struct old_record {
	uint64_t inode;
	int64_t next;
	uint16_t length;
} __attribute__((packed));
_Static_assert(sizeof(struct record) == 19 && sizeof(struct old_record) == 18, "as Linux has them");

static bool add_record(void *context, const char *name, size_t length, uint64_t inode, unsigned kind,
		       uint64_t next)
{
	struct list_target *to = context;
	const size_t head = to->is_old ? sizeof(struct old_record) : sizeof(struct record);
	/* With the name's NUL, and for the old one the kind as the last byte. */
	const uint16_t size = (uint16_t)((head + length + 1 + to->is_old + 7) & ~(size_t)7);
	const struct record record = { inode, (int64_t)next, size, (uint8_t)kind };
	char *at = to->bytes + to->used;

	if (size > to->size - to->used) {
		to->is_full = true;
		return false;
	}
	memcpy(at, &record, head);
	memcpy(at + head, name, length);
	memset(at + head + length, 0, size - head - length);
	if (to->is_old)
		at[size - 1] = (char)kind;
	to->used += size;
	return true;
}

static int64_t list_file(struct file *file, uint64_t to, struct list_target *target)
{
	int64_t error;

	if (file->flags & O_PATH)
		return -EBADF;
	error = file->functions->list ? file->functions->list(file, add_record, target) : -ENOTDIR;
	if (target->used)
		return user_write(to, target->bytes, target->used) ? -EFAULT : (int64_t)target->used;
	return error ? error : target->is_full ? -EINVAL : 0;
}

static int64_t list(const uint64_t argument[6], bool is_old)
{
	struct list_target target = { .size = least((uint32_t)argument[2], LIST_MOST), .is_old = is_old };
	struct file *file = descriptor_file(argument[0]);
	int64_t result;

	if (!file)
		return -EBADF;
	target.bytes = malloc(target.size + 1);
	result = target.bytes ? list_file(file, argument[1], &target) : -ENOMEM;
	free(target.bytes);
	file_drop(file);
	return result;
}

static int64_t list_names(const uint64_t argument[6])
{
	return list(argument, false);
}

static int64_t list_names_old(const uint64_t argument[6])
{
	return list(argument, true);
}

/* ---- where the process is ---- */

static int64_t get_current(const uint64_t argument[6])
{
	const struct directory_entry *current = current_process()->directories->current;
	char *path = malloc(PATH_SIZE);
	int64_t length = path ? path_of(current, path, least(PATH_SIZE, argument[1])) : -ENOMEM;

	if (!current->inode->links)
		length = -ENOENT; /* it was removed */
	else if (length == -ERANGE && argument[1] >= PATH_SIZE)
		length = -ENAMETOOLONG;
	if (length >= 0)
		length = user_write(argument[0], path, (size_t)length + 1) ? -EFAULT : length + 1;
	free(path);
	return length;
}

static int64_t enter(struct directory_entry *entry, struct directory_entry **place)
{
	struct directory_entry *left = *place;

	if (!inode_is(entry->inode, MODE_DIRECTORY)) {
		entry_drop(entry);
		return -ENOTDIR;
	}
	*place = entry;
	entry_drop(left);
	return 0;
}

static int64_t change_directory(const uint64_t argument[6])
{
	struct directory_entry *entry;
	int error = path_find((uint64_t)HERE, argument[0], 0, &entry);

	return error ? error : enter(entry, &current_process()->directories->current);
}

static int64_t change_directory_to_file(const uint64_t argument[6])
{
	struct directory_entry *entry;
	int error = (int)argument[0] == HERE ? -EBADF : start_of(argument[0], &entry);

	return error ? error : enter(entry, &current_process()->directories->current);
}

static int64_t change_root(const uint64_t argument[6])
{
	struct directory_entry *entry;
	int error = path_find((uint64_t)HERE, argument[0], 0, &entry);

	return error ? error : enter(entry, &current_process()->directories->root);
}

static int64_t set_mask(const uint64_t argument[6])
{
	struct directories *directories = current_process()->directories;
	const uint32_t old = directories->mask;

	directories->mask = (uint32_t)argument[0] & 0777;
	return old;
}

const struct system_call_row system_calls_name[] = {
	{ __NR_mkdir, "mkdir", make_directory },
	{ __NR_mkdirat, "mkdirat", make_directory_at },
	{ __NR_mknod, "mknod", make_node },
	{ __NR_mknodat, "mknodat", make_node_at },
	{ __NR_symlink, "symlink", make_symlink },
	{ __NR_symlinkat, "symlinkat", make_symlink_at },
	{ __NR_link, "link", link_path },
	{ __NR_linkat, "linkat", link_at },
	{ __NR_unlink, "unlink", remove_file },
	{ __NR_unlinkat, "unlinkat", remove_at },
	{ __NR_rmdir, "rmdir", remove_directory },
	{ __NR_rename, "rename", rename_path },
	{ __NR_renameat, "renameat", rename_at },
	{ __NR_renameat2, "renameat2", rename_at_2 },
	{ __NR_readlink, "readlink", read_link },
	{ __NR_readlinkat, "readlinkat", read_link_at },
	{ __NR_getdents, "getdents", list_names_old },
	{ __NR_getdents64, "getdents64", list_names },
	{ __NR_getcwd, "getcwd", get_current },
	{ __NR_chdir, "chdir", change_directory },
	{ __NR_fchdir, "fchdir", change_directory_to_file },
	{ __NR_chroot, "chroot", change_root },
	{ __NR_umask, "umask", set_mask },
	{ 0 },
};
