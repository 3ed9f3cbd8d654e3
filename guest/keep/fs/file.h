/* SPDX-License-Identifier: ISC */
/*
 * file.h - open files and inodes: what a file system, a pipe, a terminal or an event counter provides, and what system
 * calls and mappings use. Path names are in fs/path.h, descriptors in fs/descriptors.h.
 */
#ifndef KEEP_FS_FILE_H
#define KEEP_FS_FILE_H

#include "keep.h"
#include "mm/pages.h"
#include "mm/user.h"
#include "task/wait.h"

struct directory_entry;
struct file;
struct inode;
struct keep_options;

struct file_status {
	uint64_t device, inode;
	uint32_t mode; /* kind and permissions, as st_mode */
	uint32_t links;
	uint32_t owner, group;
	uint64_t special; /* st_rdev */
	uint64_t size, blocks;
	uint32_t block_size;
	int64_t accessed[2], modified[2], changed[2], created[2]; /* seconds, nanoseconds */
};

/* One name for file_functions.list: returns false when there is no more room. */
typedef bool file_list_function(void *context, const char *name, size_t length, uint64_t inode, unsigned kind,
				uint64_t next);

/* What an open file can do. A function that is NULL is one that it cannot: -EINVAL, or what read(2) etc. say. */
struct file_functions {
	/*
	 * At *position, which they advance (file.position for read(2), a copy for pread(2)). Return how many bytes.
	 * They sleep until there is something, unless the file is O_NONBLOCK: -EAGAIN.
	 */
	int64_t (*read)(struct file *file, struct transfer *to, uint64_t *position);
	int64_t (*write)(struct file *file, struct transfer *from, uint64_t *position);
	/* lseek(2). NULL: -ESPIPE, and pread(2) too. */
	int64_t (*seek)(struct file *file, int64_t offset, int whence);
	int64_t (*control)(struct file *file, unsigned request,
			   uint64_t argument); /* ioctl(2); NULL: -ENOTTY */
	/* Calls list() for names from *position on. */
	int (*list)(struct file *file, file_list_function *list, void *context);
	/*
	 * What it is ready for, as poll(2)'s bits; if `waiter` is not NULL, it is woken when that changes: it is added
	 * to the file's waiters. NULL: always ready to read and write.
	 */
	unsigned (*poll)(struct file *file, struct poll_table *table);
	int (*status)(struct file *file, struct file_status *status);
	int (*resize)(struct file *file, uint64_t size);
	int (*sync)(struct file *file, bool data_only);
	/* fallocate(2) with its mode. */
	int (*allocate)(struct file *file, int mode, uint64_t offset, uint64_t length);
	/*
	 * For mappings: the page of the file's contents at index, held; the same page for all who map it. -EIO behind the
	 * end. dirty says that a page was changed through a mapping; write_back writes what is dirty in a range.
	 */
	int (*page)(struct file *file, uint64_t index, struct page **page);
	/* The same if that takes no I/O and no sleep, else NULL; for pages around one that is needed. May be NULL. */
	struct page *(*cached_page)(struct file *file, uint64_t index);
	void (*dirty)(struct file *file, uint64_t index);
	int (*write_back)(struct file *file, uint64_t index, uint64_t count);
	/* When nobody holds the file any more. */
	void (*close)(struct file *file);
};

/* An open file: what descriptors, mappings and calls under way hold. */
struct file {
	uint32_t count;
	uint32_t flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_DIRECT, O_PATH ... */
	const struct file_functions *functions;
	struct inode *inode;           /* held; NULL for what has none (a pipe may have none) */
	struct directory_entry *entry; /* where it was opened, held; NULL: nowhere */
	uint64_t position;
	void *own;           /* of the functions */
	const char *name;    /* of a file without an entry, for people; or NULL */
	struct list watches; /* of sets of files: fs/epoll.c */
};

/* A file with one hold, or NULL for want of memory. */
struct file *file_create(const struct file_functions *functions, unsigned flags, void *own);
void file_hold(struct file *file);
void file_drop(struct file *file);

/*
 * Where lseek(2) leads to with SEEK_SET, SEEK_CUR or SEEK_END, for a file of a size. Errors: -EINVAL. The position is not
 * changed.
 */
int64_t file_seek_to(const struct file *file, int64_t offset, int whence, uint64_t size);

/* Reads into the kernel's memory. Returns how many bytes, fewer only at the end. */
int64_t file_read_at(struct file *file, void *to, size_t length, uint64_t position);

static inline bool file_may_read(const struct file *file)
{
	return (file->flags & 3) != 1; /* not O_WRONLY */
}

static inline bool file_may_write(const struct file *file)
{
	return (file->flags & 3) != 0; /* not O_RDONLY */
}

/* A file without a name, all zero, `size` bytes, for memory that is shared. NULL for want of memory. */
struct file *file_anonymous(const char *name, uint64_t size);

/* file_functions.status of a file that is no place for bytes, such as those of fs/event.h. */
int file_nameless_status(struct file *file, struct file_status *status);

/* The path of a file for people, as /proc/PID/maps has it; with a NUL, at most `size` bytes. Returns its length. */
size_t file_path(const struct file *file, char *to, size_t size);

/* Was it opened by a path? A pipe that was made by pipe(2) has an entry, too, but no place. */
bool file_has_name(const struct file *file);

/* Changes the size of a file that can be, and takes what is then behind its end from who maps it. */
int file_resize(struct file *file, uint64_t size);

/*
 * Opens by path, as open(2) with AT_FDCWD by the current process. Returns 0 and *file, held. Declared here for exec.
 */
int file_open(const char *path, unsigned flags, unsigned mode, struct file **file);
/* The same from a directory; and for what was found already. */
int file_open_from(struct directory_entry *start, const char *path, unsigned flags, unsigned mode,
		   struct file **file);
int file_open_entry(struct directory_entry *entry, unsigned flags, struct file **opened);
/* May the file be executed by the current process? 0 or -EACCES. */
int file_may_execute(struct file *file);

/* Sets up the root file system, devices, /proc and the host's shares as the boot options say. Once. */
int file_systems_start(const struct keep_options *options);

#endif
