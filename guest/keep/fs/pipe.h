/* SPDX-License-Identifier: ISC */
/* pipe.h - pipes, with and without a name. */
#ifndef KEEP_FS_PIPE_H
#define KEEP_FS_PIPE_H

#include "fs/file.h"

struct pipe;

/* The two ends of a new pipe, with these flags (O_NONBLOCK) on both. */
int pipe_create(unsigned flags, struct file **reader, struct file **writer);

/* Opens a fifo, whose pipe lies at *pipe while somebody has it open. Waits for the other end, as fifo(7) says. */
int fifo_open(struct pipe **pipe, struct file *file);

/* F_GETPIPE_SZ and F_SETPIPE_SZ; -EBADF if the file is no pipe. */
int64_t pipe_size(const struct file *file);
int64_t pipe_resize(struct file *file, uint64_t size);

#endif
