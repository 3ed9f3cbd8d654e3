/* SPDX-License-Identifier: ISC */
/* host_node.h - inodes of the host's files, within fs/host*.c: names in host.c, contents in host_file.c. */
#ifndef KEEP_FS_HOST_NODE_H
#define KEEP_FS_HOST_NODE_H

#include "fs/cache.h"
#include "fs/host_call.h"
#include "fs/inode.h"

struct host_volume {
	uint64_t device;
	bool is_read_only;
};

struct host_node {
	struct inode inode;
	struct host_volume *volume;
	struct list link; /* in the table of all */
	uint64_t host_device;
	struct host_node *parent; /* held; where it was found last; NULL: the root */
	char *name;
	postern_handle_t
		directory; /* of a directory, once it was needed; of a root; else POSTERN_NO_HANDLE */

	struct pipe *pipe; /* of a fifo, while it is open */
	/* Of a file that was made just now: the handle that made it, for who opens it first. Else POSTERN_NO_HANDLE. */
	postern_handle_t made;

	/* Of a regular file: contents at hand, which are those of the host's file as long as it is not changed there. */
	struct cache cache;
	struct list reads; /* that are under way, of host_file.c */
	bool is_changed_here; /* written since the last look, so that a new time is no change of somebody else's */
};

static inline struct host_node *host_node_of(const struct inode *inode)
{
	return container_of(inode, struct host_node, inode);
}

/* Takes over what the host tells, and forgets contents that are old. */
void host_take_info(struct host_node *node, const struct postern_file_info *info);

/* The path by which the host finds a node: a name in its parent directory, or `.`. Errors: those of opening that. */
int host_path_of(struct host_node *node, struct host_path *path);
/* The handle of a directory, opened if need be: 0 and node->directory. */
int host_open_directory(struct host_node *node);

/* Drops contents that nobody maps and nobody has changed, of all files, when memory runs low. */
void host_shrink(void);
extern struct list host_nodes[]; /* the table */
enum { HOST_TABLE = 256 };

/* Gives an open regular file its functions. */
int host_file_open(struct host_node *node, struct file *file);
/* The contents from index on are not the host's any more. */
void host_forget_contents(struct host_node *node, uint64_t index);

#endif
