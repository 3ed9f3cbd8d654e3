/* SPDX-License-Identifier: ISC */
/* inode.c - what all inodes have in common. */
#include "fs/inode.h"

enum { BLOCK = 512, NANOSECONDS = 1000000000 };

void inode_init(struct inode *inode, const struct inode_functions *functions, uint32_t mode)
{
	*inode = (struct inode){
		.count = 1, .mode = mode, .links = 1, .allocated = UINT64_MAX, .functions = functions
	};
	inode->accessed = inode->modified = inode->changed = inode->created = (int64_t)clock_realtime();
	list_init(&inode->locks);
}

static void split_time(int64_t time, int64_t to[2])
{
	int64_t seconds = time / NANOSECONDS;
	int64_t rest = time % NANOSECONDS;

	to[0] = rest < 0 ? seconds - 1 : seconds;
	to[1] = rest < 0 ? rest + NANOSECONDS : rest;
}

static uint64_t blocks_of(const struct inode *inode)
{
	if (inode->allocated != UINT64_MAX)
		return (inode->allocated + BLOCK - 1) / BLOCK;
	return inode_is(inode, MODE_REGULAR) ? page_ceiling(inode->size) / BLOCK : 0;
}

void inode_status(const struct inode *inode, struct file_status *status)
{
	*status = (struct file_status){
		.device = inode->device,
		.inode = inode->number,
		.mode = inode->mode,
		.links = inode->links,
		.owner = inode->owner,
		.group = inode->group,
		.special = inode->special,
		.size = inode->size,
		.blocks = blocks_of(inode),
		.block_size = PAGE_SIZE,
	};
	split_time(inode->accessed, status->accessed);
	split_time(inode->modified, status->modified);
	split_time(inode->changed, status->changed);
	split_time(inode->created, status->created);
}

int inode_get_status(struct inode *inode, struct file_status *status)
{
	int error = inode->functions->refresh ? inode->functions->refresh(inode) : 0;

	if (!error)
		inode_status(inode, status);
	return error;
}
