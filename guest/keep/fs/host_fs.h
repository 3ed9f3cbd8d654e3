/* SPDX-License-Identifier: ISC */
/* host_fs.h - file systems of the host, which the VM was given as mounts. */
#ifndef KEEP_FS_HOST_FS_H
#define KEEP_FS_HOST_FS_H

#include "fs/inode.h"

/* How many mounts the VM was given. */
uint32_t host_mounts(void);

/*
 * The root of mount `number`, held, and where it is to be mounted. Errors: those of file.root. The name stays.
 */
int host_mount(uint32_t number, struct inode **root, const char **path, bool *is_read_only);

#endif
