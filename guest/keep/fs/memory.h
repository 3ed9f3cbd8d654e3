/* SPDX-License-Identifier: ISC */
/* memory.h - tmpfs: a file system in the guest's memory, which goes with the VM. */
#ifndef KEEP_FS_MEMORY_H
#define KEEP_FS_MEMORY_H

#include "fs/inode.h"

/* A file system of its own, with an empty root directory of the mode (permission bits). NULL: no memory. */
struct inode *memory_create(uint32_t mode);

/* One that is in no directory, as a pipe's: with its kind and permission bits, and a device's number. NULL: no memory. */
struct inode *memory_nameless(uint32_t mode, uint64_t special);

/* For those who fill it at the start. The inode is held. */
int memory_make(struct inode *directory, const char *name, uint32_t mode, uint64_t special,
		struct inode **made);

#endif
