/* SPDX-License-Identifier: ISC */
/* file.h - what the files of system calls on descriptors share. */
#ifndef KEEP_SYSCALL_FILE_H
#define KEEP_SYSCALL_FILE_H

#include "fs/file.h"

#include <linux/fcntl.h>

/* Flags of an open file that fcntl(2) can change. */
#define SETTABLE_FLAGS (O_APPEND | O_NONBLOCK)

/* Runs a function with the file of a descriptor. Errors: -EBADF, also for one of O_PATH, or what run() answers. */
int64_t with_file(uint64_t descriptor, int64_t (*run)(struct file *file, const uint64_t *argument),
		  const uint64_t *argument);

#endif
