/* SPDX-License-Identifier: ISC */
/*
 * gatec - the scanner of Postern's hypercall contract.
 *
 *   gatec emit KIND FILE [-o OUT]   writes one of the outputs below
 *   gatec check OLD NEW             names every change that breaks a guest or a host built for OLD
 */
#include "arena.h"
#include "compat.h"
#include "emit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef POSTERN_VERSION
#define POSTERN_VERSION "unversioned"
#endif

enum { EXIT_OK = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };

struct output {
	const char *kind;
	void (*emit)(const struct contract *contract, FILE *to);
	const char *what;
};

static const struct output outputs[] = {
	{ "header", emit_header, "C header of both sides, postern/abi.h" },
	{ "stubs", emit_stubs, "C header for guests, postern/stubs.h" },
	{ "host-header", emit_host_header, "C header of the host's decoder, abi_host.h" },
	{ "host", emit_host, "the host's decoder, validator and dispatch table, abi_host.c" },
	{ "trace", emit_trace, "tables for the tracer, abi_trace.c" },
	{ "fuzz", emit_fuzz, "tables for the fuzzer, abi_fuzz.c" },
	{ "json", emit_json, "everything, for machines" },
	{ "markdown", emit_markdown, "the manual, for a forge" },
	{ "man", emit_man, "the manual, for man(1)" },
	{ "lock", emit_lock, "the contract without prose, offsets stated" },
	{ "next", emit_next, "a next minor version with everything grown, for tests" },
};

enum { OUTPUTS = sizeof outputs / sizeof *outputs };

static void print_usage(FILE *to)
{
	fputs("usage: gatec emit KIND FILE [-o OUT]\n"
	      "       gatec check OLD NEW\n"
	      "       gatec --help | --version\n"
	      "\n"
	      "Reads a hypercall contract and writes what is generated from it, or compares two.\n"
	      "\n"
	      "kinds:\n",
	      to);
	for (size_t i = 0; i < OUTPUTS; i++)
		fprintf(to, "  %-12s %s\n", outputs[i].kind, outputs[i].what);
	fputs("\nexit status: 0 done, 1 errors in a contract or an incompatible change, 2 usage\n", to);
}

static int usage_error(const char *message, const char *what)
{
	fprintf(stderr, "gatec: %s%s\n", message, what);
	print_usage(stderr);
	return EXIT_USAGE;
}

static int report(struct diagnostics *list)
{
	diagnostics_print(list, stderr);
	return list->count ? EXIT_WRONG : EXIT_OK;
}

/* Ends a stream. Returns whether everything was written. */
static bool finish(FILE *stream, const char *name)
{
	/* An error while it was written has left its reason in errno, and nothing since has changed that. */
	bool failed = ferror(stream) || fflush(stream);
	int reason = errno;

	if (stream != stdout && fclose(stream) && !failed) {
		failed = true;
		reason = errno;
	}
	if (failed)
		fprintf(stderr, "gatec: %s: cannot write: %s\n", name, strerror(reason));
	return !failed;
}

/* Whether name is something that renaming would destroy, such as /dev/null or a pipe. */
static bool is_special(const char *name)
{
	struct stat found;

	return !stat(name, &found) && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

/* Returns whether the output is whole in a file. name is what the user calls it. */
static bool emit_to(const struct output *output, const struct contract *contract, const char *file,
		    const char *name)
{
	FILE *to = fopen(file, "we");

	if (!to) {
		fprintf(stderr, "gatec: %s: cannot create: %s\n", name, strerror(errno));
		return false;
	}
	output->emit(contract, to);
	return finish(to, name);
}

/* Writes to a file beside name and renames it, so that name never holds half an output. */
static int emit_to_file(const struct output *output, const struct contract *contract, const char *name)
{
	const char *unfinished = arena_print("%s.%ld.tmp", name, (long)getpid());

	if (is_special(name))
		return emit_to(output, contract, name, name) ? EXIT_OK : EXIT_WRONG;
	if (!emit_to(output, contract, unfinished, name)) {
		unlink(unfinished);
		return EXIT_WRONG;
	}
	if (rename(unfinished, name)) {
		fprintf(stderr, "gatec: %s: cannot replace: %s\n", name, strerror(errno));
		unlink(unfinished);
		return EXIT_WRONG;
	}
	return EXIT_OK;
}

static int command_emit(int count, char **words)
{
	const struct output *output = NULL;
	struct diagnostics list = { 0 };

	if (count != 2 && !(count == 4 && !strcmp(words[2], "-o")))
		return usage_error("emit takes a kind, a contract and perhaps -o OUT", "");
	for (size_t i = 0; i < OUTPUTS; i++) {
		if (!strcmp(outputs[i].kind, words[0]))
			output = &outputs[i];
	}
	if (!output)
		return usage_error("no such kind of output: ", words[0]);

	const struct contract *contract = contract_load(words[1], &list);

	if (!contract)
		return report(&list);
	if (count == 4)
		return emit_to_file(output, contract, words[3]);
	output->emit(contract, stdout);
	return finish(stdout, "standard output") ? EXIT_OK : EXIT_WRONG;
}

static int command_check(int count, char **words)
{
	struct diagnostics list = { 0 };

	if (count != 2)
		return usage_error("check takes two contracts", "");

	const struct contract *old = contract_load(words[0], &list);
	const struct contract *new = contract_load(words[1], &list);

	if (old && new)
		compat_check(old, new, &list);
	return report(&list);
}

static int run(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "emit"))
		return command_emit(argc - 2, argv + 2);
	if (!strcmp(command, "check"))
		return command_check(argc - 2, argv + 2);
	if (!strcmp(command, "--help")) {
		print_usage(stdout);
		return finish(stdout, "standard output") ? EXIT_OK : EXIT_WRONG;
	}
	if (!strcmp(command, "--version")) {
		puts("gatec " POSTERN_VERSION);
		return finish(stdout, "standard output") ? EXIT_OK : EXIT_WRONG;
	}
	return argc > 1 ? usage_error("no such command: ", command) : usage_error("no command given", "");
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	arena_free_all();
	return status;
}
