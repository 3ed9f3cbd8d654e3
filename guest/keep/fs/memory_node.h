/* SPDX-License-Identifier: ISC */
/* memory_node.h - inodes of tmpfs, within fs/memory*.c: names in memory.c, contents in memory_contents.c. */
#ifndef KEEP_FS_MEMORY_NODE_H
#define KEEP_FS_MEMORY_NODE_H

#include "fs/cache.h"
#include "fs/inode.h"

struct pipe;

struct volume {
	uint64_t device;
	uint64_t next_number;
};

/* A name in a directory. Cookies grow, so that a list goes on where it was whatever came and went. */
struct name {
	struct list link;
	uint64_t cookie;
	uint32_t hash;
	uint32_t length;
	struct inode *inode; /* held */
	char text[];
};

struct memory_node {
	struct inode inode;
	struct volume *volume;
	struct list names;   /* of a directory, by cookie */
	struct inode *above; /* of a directory that has a name: the one with that */
	uint64_t next_cookie;
	struct cache cache; /* of a file */
	char *target;       /* of a link */
	struct pipe *pipe;  /* of a fifo, while it is open */
};

static inline struct memory_node *memory_node_of(const struct inode *inode)
{
	return container_of(inode, struct memory_node, inode);
}

static inline int64_t memory_now(void)
{
	return (int64_t)clock_realtime();
}

/* What a regular file can do when it is open. */
extern const struct file_functions memory_regular_functions;

/* The same for all: there is no disk. */
int memory_sync(struct file *file, bool data_only);
int memory_status(struct file *file, struct file_status *status);

int memory_resize(struct inode *inode, uint64_t size);
void memory_free_contents(struct memory_node *node);

#endif
