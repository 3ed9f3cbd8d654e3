/* SPDX-License-Identifier: ISC */
/*
 * jail.h - what a monitor gives up before its guest's first instruction, so that a guest who takes it over
 * gains little: new files, new processes, new privileges, and all system calls but those of a table.
 *
 * The jail is of the process, for good: there is no way out. In builds with AddressSanitizer or
 * ThreadSanitizer it is relaxed, since their run-time libraries need what it takes away: files stay within
 * reach, and system calls outside the table are logged by the kernel rather than punished.
 */
#ifndef POSTERN_JAIL_H
#define POSTERN_JAIL_H

#include <stdbool.h>
#include <stddef.h>

/* What stays within reach of a monitor whose guest was given files. */
struct jail_tree {
	int fd; /* a directory, and with it all that is below it; or a file, which is open and needs no more */
	bool read_only;
};

/* Which system calls on files it may make. */
enum jail_access { JAIL_NO_FILES, JAIL_READ_FILES, JAIL_WRITE_FILES };

/*
 * First step: no new privileges, none of root's capabilities but those on files of others where there are trees, and no
 * file but those that are open and those in the trees, and no signals but to processes that are started afterwards; for
 * the calling thread and those that it starts from then on. Where the kernel has no Landlock, files are left to the second step.
 *
 * Functions answer 0 or a negative errno, with a reason in words.
 */
int jail_files(const struct jail_tree *trees, size_t count, char *reason, size_t size);

/*
 * Second step, when all threads are there: limits, and for all threads only the system calls that are
 * in the table. Any other kills the process (SIGSYS), and the kernel logs which it was.
 */
int jail_close(enum jail_access files, char *reason, size_t size);

/* Whether this build's jail is relaxed. */
bool jail_is_relaxed(void);

/* The version of Landlock that the kernel has; 0: none. */
int jail_landlock_version(void);

/* Whether the kernel can filter system calls as jail_close() needs it. */
bool jail_has_seccomp(void);

#endif
