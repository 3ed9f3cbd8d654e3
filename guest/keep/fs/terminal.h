/* SPDX-License-Identifier: ISC */
/* terminal.h - the console: the program's standard streams, and /dev/tty if they are a terminal. */
#ifndef KEEP_FS_TERMINAL_H
#define KEEP_FS_TERMINAL_H

#include "fs/file.h"

/* The standard streams 0, 1 and 2 of the first process. NULL: no memory. */
struct file *terminal_stream(unsigned number);

/* Opens /dev/tty. -ENXIO if the host's streams are no terminal. */
int terminal_open(struct file *file);

/* Puts the terminal's mode where it is to be at the start. Once. */
void terminal_start(void);

#endif
