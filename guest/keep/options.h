/* SPDX-License-Identifier: ISC */
/* options.h - what keep is told to run, and how: the module of boot information, taken apart. */
#ifndef KEEP_OPTIONS_H
#define KEEP_OPTIONS_H

#include "keep.h"

struct keep_options {
	const char *program;   /* path in the guest, or a name to look for in PATH */
	const char *directory; /* working directory at the start */
	const char *host_name;
	const char *const *arguments; /* argv, ended by NULL */
	const char *const *environment;
	size_t argument_count, environment_count;
	uint32_t user, group;
	bool report; /* say at the end which system calls were missing */
};

/* Takes the module apart. Returns false if there is none, or it makes no sense. */
bool options_read(struct keep_options *options);

#endif
