/* SPDX-License-Identifier: ISC */
/*
 * options.h - what keep is told to run, and how. The host's side writes it to memory before the guest starts: struct
 * postern_vm_module of boot information points to it.
 */
#ifndef KEEP_OPTIONS_H
#define KEEP_OPTIONS_H

#include "keep.h"

struct keep_options {
	const char *program;          /* path in the guest */
	const char *const *arguments; /* argv, ended by NULL */
	const char *const *environment;
	size_t argument_count, environment_count;
	const char *directory; /* working directory at the start */
	const char *host_name;
	bool report; /* --stats: say at the end which system calls were missing */
};

#endif
