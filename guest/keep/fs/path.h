/* SPDX-License-Identifier: ISC */
/* path.h - from a path to what it names: directory entries, mounts, working directories. */
#ifndef KEEP_FS_PATH_H
#define KEEP_FS_PATH_H

#include "fs/inode.h"

/* A name, as a walk came by it. Entries form a tree by their parents, and are not unique. */
struct directory_entry {
	uint32_t count;
	struct directory_entry *parent; /* held; NULL: the root of all */
	struct inode *inode;            /* held; of what is mounted there, if anything is */
	char name[];
};

/* What a process has of it. */
struct directories {
	struct directory_entry *root;    /* where absolute paths begin */
	struct directory_entry *current; /* where others do */
	uint32_t mask;                   /* umask(2) */
};

void entry_hold(struct directory_entry *entry);
void entry_drop(struct directory_entry *entry);

/* An entry below another, which both it and the inode it then holds. NULL: no memory. */
struct directory_entry *entry_create(struct directory_entry *parent, struct inode *inode, const char *name,
				     size_t length);

/*
 * An entry that is nowhere, for what has no path but can be opened through /proc. It takes over the hold of the inode,
 * whatever becomes of it. NULL: no memory.
 */
struct directory_entry *entry_nowhere(struct inode *inode, const char *name);

enum walk_flags {
	WALK_NO_FOLLOW = 1, /* the last name is not followed if it is a symbolic link */
	WALK_EMPTY = 2,     /* an empty path is the start itself, not -ENOENT */
};

/* Finds what a path names, starting from `start` unless it is absolute. *found is held. */
int path_walk(struct directory_entry *start, const char *path, unsigned flags,
	      struct directory_entry **found);

/* The last name of a path, and the directory that it is in, whether it exists or not. */
struct path_last {
	struct directory_entry *parent; /* held */
	char name[NAME_MOST + 1];
	size_t length;
	bool wants_directory; /* a slash came behind it */
	bool is_special;      /* "." or ".." or the root: nothing that can be made or removed */
};
int path_walk_parent(struct directory_entry *start, const char *path, struct path_last *last);

/* The inode of a last name, with what is mounted there. *found is held. */
int path_look_up(struct directory_entry *parent, const char *name, size_t length, struct inode **found);

/* The absolute path of an entry, as seen from the process's root; with its NUL, in `size` bytes. Returns its length. */
int64_t path_of(const struct directory_entry *entry, char *to, size_t size);

/* ---- mounts ---- */

struct mount {
	struct inode *at;   /* the directory, held; NULL: the root of all */
	struct inode *root; /* what is there instead, held */
	const char *source, *path;
	bool is_read_only;
};
enum { MOUNTS_MOST = 32 };

/* Mounts over a directory. Errors: -ENOSPC when there are MOUNTS_MOST. The strings stay. */
int mount_add(struct inode *at, struct inode *root, const char *source, const char *path, bool is_read_only);
const struct mount *mounts(size_t *count);

/* What every process has in the beginning. */
struct directories *directories_create(struct inode *root);

#endif
