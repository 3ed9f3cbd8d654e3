/* SPDX-License-Identifier: ISC */
/*
 * keep_module.h - what `postern run` hands to keep, as the module of boot information: which program to run, and how.
 * It is no part of the contract: host and keep are built together.
 */
#ifndef POSTERN_KEEP_MODULE_H
#define POSTERN_KEEP_MODULE_H

#include <stdint.h>

#define POSTERN_KEEP_MAGIC UINT32_C(0x7065656b) /* "keep" */

enum postern_keep_flags {
	POSTERN_KEEP_REPORT = 0x1, /* say at the end which system calls were missing */
};

/*
 * Followed by `strings` bytes: strings, each ended by a NUL. First the program's path, the working directory and the
 * host name, then the arguments, then the environment.
 */
struct postern_keep_module {
	uint32_t magic;
	uint32_t flags;
	uint32_t arguments; /* how many; the first is the name that the program has for itself */
	uint32_t environment;
	uint64_t strings;
	uint32_t user; /* ids that the program sees as its own */
	uint32_t group;
};

_Static_assert(sizeof(struct postern_keep_module) == 32, "");

#endif
