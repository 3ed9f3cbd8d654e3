/* SPDX-License-Identifier: ISC */
/* exec.h - loading a program into an address space, and the stack that it begins with. */
#ifndef KEEP_EXEC_EXEC_H
#define KEEP_EXEC_EXEC_H

#include "keep.h"
#include "mm/space.h"

struct file;

/* A program as it was loaded. Addresses are the program's. */
struct loaded {
	uint64_t base;       /* what was added to the addresses in the file */
	uint64_t begin, end; /* of all segments */
	uint64_t entry;
	uint64_t headers; /* the program headers, in memory; 0: they are not loaded */
	uint64_t header_count;
	char interpreter[256]; /* PT_INTERP; empty: none */
	bool executable_stack;
};

/* Where a position-independent file is put. */
enum elf_role { ELF_PROGRAM, ELF_INTERPRETER };

/*
 * Loads an ELF file. Errors: -ENOEXEC with *reason in words, for one that is none, or not for this machine, or that makes
 * no sense; -ENOMEM; or what reading it says.
 */
int elf_load(struct space *space, struct file *file, enum elf_role role, struct loaded *loaded,
	     const char **reason);

/* What a program is given: kernel memory. */
struct arguments {
	const char *const *values; /* argv */
	size_t count;
	const char *const *environment;
	size_t environment_count;
	const char *path; /* AT_EXECFN */
};

/* What the stack ended up with, for /proc: begin and end of each. */
struct stack_layout {
	uint64_t pointer;
	uint64_t arguments[2], environment[2], auxiliary[2];
};

/*
 * Builds the stack with arguments, environment and auxiliary vector, in the current task's space. Errors: -E2BIG, -ENOMEM,
 * -EFAULT.
 */
int stack_build(struct space *space, const struct arguments *arguments, const struct loaded *program,
		const struct loaded *interpreter, struct stack_layout *layout);

/*
 * Replaces what the current process runs: a new address space with the program at `path`, which may be a script. On
 * success the current task's registers begin it. On failure nothing has changed, and *reason says why in words, or is
 * NULL.
 */
int exec_program(const char *path, const struct arguments *arguments, const char **reason);

#endif
