/* SPDX-License-Identifier: ISC */
/* path.h - paths as system calls take them: a string of the program, and a directory that it starts from. */
#ifndef KEEP_SYSCALL_PATH_H
#define KEEP_SYSCALL_PATH_H

#include "fs/path.h"

#include <linux/fcntl.h>

enum { HERE = AT_FDCWD };

/* The walk that AT_ flags ask for. */
unsigned walk_of(uint64_t flags);

/* Whether a path of the program is empty. */
bool path_is_empty(uint64_t address);

/*
 * Where a path starts: the directory of a descriptor, or the current one for AT_FDCWD; held. Errors: -EBADF, -ENOTDIR is
 * left to the walk.
 */
int start_of(uint64_t descriptor, struct directory_entry **start);

/* A copy of a path of the program, to be freed. Errors: -EFAULT, -ENAMETOOLONG, -ENOMEM. */
int path_copy(uint64_t address, char **path);

/* Both, and the walk: what a path names, held. flags: enum walk_flags. */
int path_find(uint64_t descriptor, uint64_t address, unsigned flags, struct directory_entry **found);

/* The same up to the last name; last->parent is held. */
int path_find_parent(uint64_t descriptor, uint64_t address, struct path_last *last);

#endif
