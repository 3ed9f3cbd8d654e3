/* SPDX-License-Identifier: ISC */
/*
 * make_filter.c - run by the build: writes the filters that calls.c stands for as C, to standard output. To have
 * libseccomp make one takes a fifth of a millisecond, which each VM would wait for, and the result is always the same.
 */
#include "jail/calls.h"
#include "jail/filters.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 4096 }; /* instructions that the kernel takes */

static int add_rules(scmp_filter_ctx filter, enum jail_access files)
{
	for (const struct jail_call *call = jail_calls; call->reason; call++) {
		int error;

		if (call->files > files)
			continue;
		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, call->tests,
					       &call->test);
		if (error)
			return error;
	}
	return 0;
}

/* Looked up by halving, not one by one. */
static int set_attributes(scmp_filter_ctx filter)
{
	int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	return error ? error : seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

static int make(enum jail_access files, int to)
{
	scmp_filter_ctx filter = seccomp_init(JAIL_IS_RELAXED ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int error = filter ? set_attributes(filter) : -ENOMEM;

	if (!error)
		error = add_rules(filter, files);
	if (!error)
		error = seccomp_export_bpf(filter, to);
	seccomp_release(filter);
	return error;
}

static void print(enum jail_access files, const struct sock_filter *program, size_t count)
{
	printf("static const struct sock_filter filter_%d[] = {\n", (int)files);
	for (size_t i = 0; i < count; i++)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", program[i].code, program[i].jt, program[i].jf,
		       program[i].k);
	printf("};\n\n");
}

static void fail(const char *what, int error)
{
	fprintf(stderr, "make_filter: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static void write_filter(enum jail_access files)
{
	static struct sock_filter program[MOST];
	const int memory = memfd_create("filter", MFD_CLOEXEC);
	ssize_t size;
	int error;

	if (memory < 0)
		fail("memfd_create", errno);
	error = make(files, memory);
	if (error)
		fail("cannot make a filter", -error);
	size = pread(memory, program, sizeof program, 0);
	if (size <= 0 || (size_t)size % sizeof *program || (size_t)size == sizeof program)
		fail("a filter of a strange size", EINVAL);
	print(files, program, (size_t)size / sizeof *program);
	close(memory);
}

int main(void)
{
	printf("/* Generated from jail/calls.c by make_filter. */\n#include \"jail/filters.h\"\n\n");
	for (int files = JAIL_NO_FILES; files <= JAIL_WRITE_FILES; files++)
		write_filter((enum jail_access)files);
	printf("const struct sock_fprog jail_filters[] = {\n");
	for (int files = JAIL_NO_FILES; files <= JAIL_WRITE_FILES; files++)
		printf("\t{ sizeof filter_%d / sizeof *filter_%d, (struct sock_filter *)filter_%d },\n",
		       files, files, files);
	printf("};\n");
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
