/* SPDX-License-Identifier: ISC */
/* proc.h - /proc: what programs read of themselves and of the system. */
#ifndef KEEP_FS_PROC_H
#define KEEP_FS_PROC_H

#include "fs/inode.h"

/* The root of the file system, held. NULL: no memory. */
struct inode *proc_create(void);

/* Text that is being made. What does not fit for want of memory is cut. */
struct text {
	char *bytes;
	size_t length, room;
};
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add(struct text *text, const char *bytes, size_t length);

/* What there is, by path below /proc; "process" stands for the directory of the process. Ends with a row without a path. */
struct proc_row {
	const char *path;
	void (*show)(struct text *text);
};
extern const struct proc_row proc_rows[];

/* /proc/cpuinfo: proc_processor.c. */
void proc_show_processors(struct text *text);

#endif
