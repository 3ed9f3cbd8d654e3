/* SPDX-License-Identifier: ISC */
/* file.c - open files: making, holding, opening by path. */
#include "fs/file.h"

#include "fs/event.h"
#include "fs/inode.h"
#include "fs/locks.h"
#include "fs/path.h"
#include "mm/space.h"
#include "task/task.h"

#include <asm/fcntl.h>

struct file *file_create(const struct file_functions *functions, unsigned flags, void *own)
{
	struct file *file = malloc(sizeof *file);

	if (!file)
		return NULL;
	*file = (struct file){ .count = 1, .flags = flags, .functions = functions, .own = own };
	list_init(&file->watches);
	return file;
}

void file_hold(struct file *file)
{
	file->count++;
}

void file_drop(struct file *file)
{
	if (--file->count)
		return;
	epoll_forget(file);
	if (file->inode)
		locks_drop_file(file);
	if (file->functions->close)
		file->functions->close(file);
	if (file->inode)
		inode_drop(file->inode);
	if (file->entry)
		entry_drop(file->entry);
	free(file);
}

int64_t file_seek_to(const struct file *file, int64_t offset, int whence, uint64_t size)
{
	const int64_t bases[] = { 0, (int64_t)file->position, (int64_t)size };
	int64_t to;

	if (whence < 0 || (size_t)whence >= COUNT_OF(bases))
		return -EINVAL;
	if (__builtin_add_overflow(bases[whence], offset, &to))
		return -EOVERFLOW;
	return to < 0 ? -EINVAL : to;
}

int64_t file_read_at(struct file *file, void *to, size_t length, uint64_t position)
{
	struct transfer transfer;

	if (!file->functions->read || (file->inode && inode_is(file->inode, MODE_DIRECTORY)))
		return -EISDIR;
	transfer_of_kernel(&transfer, to, length);
	while (transfer.left) {
		int64_t result = file->functions->read(file, &transfer, &position);

		if (result < 0)
			return result;
		if (!result)
			break;
	}
	return (int64_t)(length - transfer.left);
}

int file_nameless_status(struct file *file, struct file_status *status)
{
	enum { DEVICE_OF_ALL = 4 };

	(void)file;
	*status = (struct file_status){
		.device = DEVICE_OF_ALL, .inode = 1, .mode = 0600, .links = 1, .block_size = PAGE_SIZE
	};
	return 0;
}

size_t file_path(const struct file *file, char *to, size_t size)
{
	int64_t length;

	if (!file->entry) {
		guest_snprintf(to, size, "anon_inode:[%s]", file->name ? file->name : "file");
		return strlen(to);
	}
	length = file_has_name(file) ? path_of(file->entry, to, size)
				     : guest_snprintf(to, size, "%s", file->entry->name);
	if (length < 0) {
		*to = '\0';
		return 0;
	}
	if (file_has_name(file) && file->inode && !file->inode->links &&
	    (size_t)length + sizeof " (deleted)" <= size) {
		memcpy(to + length, " (deleted)", sizeof " (deleted)");
		length += (int64_t)sizeof " (deleted)" - 1;
	}
	return (size_t)length;
}

bool file_has_name(const struct file *file)
{
	return file->entry && (file->entry->parent || file->entry == current_process()->directories->root);
}

int file_resize(struct file *file, uint64_t size)
{
	int error = file->functions->resize(file, size);

	if (!error && file->inode)
		space_file_ends(current_process()->space, file->inode, size);
	return error;
}

int file_may_execute(struct file *file)
{
	return file->inode && inode_is(file->inode, MODE_REGULAR) && (file->inode->mode & 0111) ? 0 : -EACCES;
}

/* ---- opening ---- */

/* What an open file with O_PATH can do: nothing by itself. */
static int path_status(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static const struct file_functions path_functions = { .status = path_status };

static int check_kind(const struct inode *inode, unsigned flags)
{
	const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

	if (inode_is(inode, MODE_DIRECTORY))
		return writes ? -EISDIR : 0;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (inode_is(inode, MODE_LINK))
		return -ELOOP;
	return inode_is(inode, MODE_SOCKET) ? -ENXIO : 0;
}

int file_open_entry(struct directory_entry *entry, unsigned flags, struct file **opened)
{
	struct inode *inode = entry->inode;
	struct file *file;
	int error = flags & O_PATH
			    ? ((flags & O_DIRECTORY) && !inode_is(inode, MODE_DIRECTORY) ? -ENOTDIR : 0)
			    : check_kind(inode, flags);

	if (error)
		return error;
	file = file_create(&path_functions,
			   flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC), NULL);
	if (!file)
		return -ENOMEM;
	inode_hold(inode);
	entry_hold(entry);
	file->inode = inode;
	file->entry = entry;
	if (!(flags & O_PATH))
		error = inode->functions->open ? inode->functions->open(inode, file) : -ENXIO;
	if (!error && (flags & O_TRUNC) && inode_is(inode, MODE_REGULAR))
		error = file->functions->resize ? file_resize(file, 0) : -EINVAL;
	if (error) {
		file_drop(file);
		return error;
	}
	*opened = file;
	return 0;
}

/* Makes a regular file under a new name, and its entry. */
static int make_regular(const struct path_last *last, unsigned mode, struct directory_entry **entry)
{
	struct inode *directory = last->parent->inode;
	struct inode *made;
	int error;

	if (!directory->functions->make)
		return -EROFS;
	error = directory->functions->make(
		directory, last->name, last->length,
		MODE_REGULAR | (mode & 07777 & ~current_process()->directories->mask), 0, &made);
	if (error)
		return error;
	*entry = entry_create(last->parent, made, last->name, last->length);
	inode_drop(made);
	return *entry ? 0 : -ENOMEM;
}

enum { CHAIN_MOST = 40 };

/* A file to be opened that may have to be made: its last name, and the text of the link that led there. */
struct making {
	struct path_last last;
	char text[PATH_SIZE + 1];
};

/* The last name is a link, and a file is to be made where it leads to: puts its text in place of the path. */
static int take_text(struct making *making, struct inode *link)
{
	int64_t length = link->functions->read_link
				 ? link->functions->read_link(link, making->text, PATH_SIZE)
				 : -EINVAL;

	if (length < 0)
		return (int)length;
	making->text[length] = '\0';
	return 0;
}

/* What has the last name. Returns 1 if that is a link, whose text is to be walked next. */
static int take_existing(struct making *making, struct inode *inode, unsigned flags,
			 struct directory_entry **entry)
{
	const struct path_last *last = &making->last;
	int error;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (inode_is(inode, MODE_LINK) && !(flags & O_NOFOLLOW)) {
		error = take_text(making, inode);
		return error ? error : 1;
	}
	*entry = entry_create(last->parent, inode, last->name, last->length);
	return *entry ? 0 : -ENOMEM;
}

static int take_or_make(struct making *making, unsigned flags, unsigned mode, struct directory_entry **entry)
{
	struct path_last *last = &making->last;
	struct inode *inode;
	int error;

	if (last->is_special || last->wants_directory)
		return -EISDIR;
	error = path_look_up(last->parent, last->name, last->length, &inode);
	if (error == -ENOENT)
		return make_regular(last, mode, entry);
	if (!error) {
		error = take_existing(making, inode, flags, entry);
		inode_drop(inode);
	}
	return error;
}

/* As open(2) with O_CREAT. */
static int find_or_make(struct directory_entry *start, const char *path, unsigned flags, unsigned mode,
			struct directory_entry **entry)
{
	struct making *making = malloc(sizeof *making);
	int result = making ? 1 : -ENOMEM;

	entry_hold(start);
	for (unsigned i = 0; result == 1; i++) {
		result = i > CHAIN_MOST ? -ELOOP : path_walk_parent(start, path, &making->last);
		if (result)
			break;
		entry_drop(start);
		start = making->last.parent;
		result = take_or_make(making, flags, mode, entry);
		path = making->text;
	}
	entry_drop(start);
	free(making);
	return result;
}

int file_open_from(struct directory_entry *start, const char *path, unsigned flags, unsigned mode,
		   struct file **file)
{
	struct directory_entry *entry;
	int error;

	if ((flags & O_CREAT) && !(flags & O_PATH))
		error = find_or_make(start, path, flags, mode, &entry);
	else
		error = path_walk(start, path, flags & O_NOFOLLOW ? WALK_NO_FOLLOW : 0, &entry);
	if (error)
		return error;
	error = file_open_entry(entry, flags, file);
	entry_drop(entry);
	return error;
}

int file_open(const char *path, unsigned flags, unsigned mode, struct file **file)
{
	return file_open_from(current_process()->directories->current, path, flags, mode, file);
}
