/* SPDX-License-Identifier: ISC */
/*
 * inode.h - what a name can stand for, and what a file system does with it. An inode belongs to its file system, which
 * embeds it; others hold it.
 */
#ifndef KEEP_FS_INODE_H
#define KEEP_FS_INODE_H

#include "fs/file.h"
#include "keep.h"

/* Of inode.mode, as st_mode has it. */
#define MODE_KIND 0170000
#define MODE_FIFO 0010000
#define MODE_CHARACTER 0020000
#define MODE_DIRECTORY 0040000
#define MODE_BLOCK 0060000
#define MODE_REGULAR 0100000
#define MODE_LINK 0120000
#define MODE_SOCKET 0140000

enum { NAME_MOST = 255, PATH_SIZE = 4096 };

/* Nanoseconds since 1970. INT64_MIN: not to be changed. */
struct inode_times {
	int64_t accessed, modified;
};

struct inode {
	uint32_t count;
	uint32_t mode;
	uint64_t device, number; /* together, they tell inodes apart */
	uint64_t special;        /* of a device: st_rdev */
	uint64_t size;
	uint64_t allocated; /* bytes on a disk; UINT64_MAX: as its size says */
	uint32_t links, owner, group;
	int64_t accessed, modified, changed, created; /* nanoseconds since 1970 */
	const struct inode_functions *functions;
	struct list locks; /* of flock(2) and of open files: fs/locks.c; empty until one is set */
};

/* What is NULL answers -EPERM, or what the comment says. Names are `length` bytes, without a NUL or a slash. */
struct inode_functions {
	const char *type; /* for /proc/mounts */
	uint64_t magic;   /* f_type of statfs(2) */
	/* Brings the fields above up to date. NULL: they always are. */
	int (*refresh)(struct inode *inode);
	/* Gives an open file its functions. */
	int (*open)(struct inode *inode, struct file *file);
	int64_t (*read_link)(struct inode *inode, char *to, size_t size); /* NULL: -EINVAL */
	/*
	 * Of a link that leads to something itself, not to a path: returns 1 with *to held, 0 to read the link, or an
	 * error. NULL: an ordinary link.
	 */
	int (*jump)(struct inode *link, struct directory_entry **to);
	int (*change_mode)(struct inode *inode, uint32_t mode);                   /* permission bits */
	int (*change_owner)(struct inode *inode, uint32_t owner, uint32_t group); /* UINT32_MAX: as it is */
	int (*change_times)(struct inode *inode, const struct inode_times *times);
	int (*resize)(struct inode *inode, uint64_t size);
	/* When nobody holds it any more. */
	void (*free)(struct inode *inode);

	/* Of directories. What is found or made is held. */
	int (*look_up)(struct inode *directory, const char *name, size_t length, struct inode **found);
	int (*make)(struct inode *directory, const char *name, size_t length, uint32_t mode, uint64_t special,
		    struct inode **made);
	int (*symlink)(struct inode *directory, const char *name, size_t length, const char *target);
	int (*link)(struct inode *directory, const char *name, size_t length, struct inode *inode);
	int (*remove)(struct inode *directory, const char *name, size_t length, bool is_directory);
	/* flags: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. Both directories are of this file system. */
	int (*rename)(struct inode *from, const char *name, size_t length, struct inode *to,
		      const char *new_name, size_t new_length, unsigned flags);
};

static inline bool inode_is(const struct inode *inode, uint32_t kind)
{
	return (inode->mode & MODE_KIND) == kind;
}

static inline void inode_hold(struct inode *inode)
{
	inode->count++;
}

static inline void inode_drop(struct inode *inode)
{
	if (!--inode->count)
		inode->functions->free(inode);
}

/* Sets what all have in common: one hold, now as its times, one link. */
void inode_init(struct inode *inode, const struct inode_functions *functions, uint32_t mode);

/* The status that an inode's fields tell. */
void inode_status(const struct inode *inode, struct file_status *status);
/* The same after a refresh. */
int inode_get_status(struct inode *inode, struct file_status *status);

/* DT_ of a mode, for lists of names. */
static inline unsigned mode_to_kind(uint32_t mode)
{
	return (mode & MODE_KIND) >> 12;
}

#endif
