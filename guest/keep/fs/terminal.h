/* SPDX-License-Identifier: ISC */
/* terminal.h - the console: the program's standard streams, and /dev/tty if they are a terminal. */
#ifndef KEEP_FS_TERMINAL_H
#define KEEP_FS_TERMINAL_H

#include "fs/devices.h"
#include "fs/file.h"

/* Opens the standard stream 0, 1 or 2 of the first process. Errors: -ENOMEM. */
int terminal_stream(unsigned number, struct file **file);

/* The streams as devices, if they are no terminal: a number for each. */
#define STREAM_DEVICE(number) DEVICE(240, number)

/* Opens the device of a stream. */
int terminal_open_stream(struct file *file, unsigned number);

/* Opens /dev/tty. -ENXIO if the host's streams are no terminal. */
int terminal_open(struct file *file);

/* Puts the terminal's mode where it is to be at the start. Once. */
void terminal_start(void);

#endif
