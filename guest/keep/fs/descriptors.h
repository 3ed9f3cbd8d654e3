/* SPDX-License-Identifier: ISC */
/* descriptors.h - a process's file descriptors: small numbers for open files. */
#ifndef KEEP_FS_DESCRIPTORS_H
#define KEEP_FS_DESCRIPTORS_H

#include "fs/file.h"

struct descriptors;

struct descriptors *descriptors_create(void); /* NULL: no memory */
/* Closes all, and frees. */
void descriptors_destroy(struct descriptors *descriptors);

/* The file of a descriptor of the current process, held; or NULL. */
struct file *descriptor_file(uint64_t number);

/*
 * Gives a file the lowest free number from `from` on; takes over the hold, also when it fails. Returns the number.
 * Errors: -EMFILE, -ENOMEM.
 */
int64_t descriptor_add(struct file *file, unsigned from, bool close_on_exec);
/* Puts a file at a number, in place of what is there. Takes over the hold. Errors: -EBADF beyond the limit, -ENOMEM. */
int64_t descriptor_put(struct file *file, unsigned number, bool close_on_exec);
/* Closes one. Errors: -EBADF. */
int descriptor_close(uint64_t number);

/* FD_CLOEXEC: returns it, or sets it. Errors: -EBADF. */
int descriptor_get_flag(uint64_t number);
int descriptor_set_flag(uint64_t number, bool close_on_exec);

/* The first number from `from` on that is open; -1 if there is none. For lists and close_range(2). */
int64_t descriptor_next(unsigned from);

#endif
