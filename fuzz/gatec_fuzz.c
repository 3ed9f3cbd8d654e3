/* SPDX-License-Identifier: ISC */
/*
 * gatec_fuzz.c - the scanner's fuzzer: any bytes are taken for a contract. Whatever they are, the scanner
 * ends, with messages or with outputs, and gives all its memory back. A contract that it finds good can be
 * compared with itself, and what it writes as a next version, or as a lock file, it can read.
 */
#include "arena.h"
#include "compat.h"
#include "emit.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void (*const emitters[])(const struct contract *contract, FILE *to) = {
	emit_header, emit_stubs, emit_host_header, emit_host, emit_trace,
	emit_fuzz,   emit_json,  emit_markdown,    emit_man,
};

static void fail(const char *what, struct diagnostics *list)
{
	fprintf(stderr, "FOUND: %s\n", what);
	diagnostics_print(list, stderr);
	abort();
}

/* As gatec reads a file, which is the only way in: what comes behind relies on what is checked there. */
static struct contract *read_contract(const void *text, size_t size, struct diagnostics *list)
{
	static int file = -1;
	static char name[32];

	if (file < 0) {
		file = memfd_create("contract", 0);
		snprintf(name, sizeof name, "/proc/self/fd/%d", file);
	}
	if (file < 0 || ftruncate(file, 0) || pwrite(file, text, size, 0) != (ssize_t)size)
		abort();
	return contract_load(name, list);
}

/* What is written from a contract is a contract again, and nobody is broken by it. */
static void read_again(const struct contract *contract,
		       void (*emit)(const struct contract *contract, FILE *to), const char *what)
{
	struct diagnostics list = { 0 };
	struct contract *again;
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	emit(contract, to);
	fclose(to);
	again = read_contract(text, size, &list);
	if (again)
		compat_check(contract, again, &list);
	if (list.count)
		fail(what, &list);
	free(text);
}

static void use(const struct contract *contract)
{
	struct diagnostics list = { 0 };
	FILE *to = fopen("/dev/null", "w");

	for (size_t i = 0; i < sizeof emitters / sizeof *emitters; i++)
		emitters[i](contract, to);
	fclose(to);
	compat_check(contract, contract, &list);
	if (list.count)
		fail("a contract differs from itself", &list);
	read_again(contract, emit_lock, "the lock file is no contract, or another one");
	read_again(contract, emit_next, "the next version is no contract, or breaks this one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diagnostics list = { 0 };
	struct contract *contract = read_contract(data, size, &list);
	char messages[65536];
	FILE *to;

	if (contract)
		use(contract);
	to = fmemopen(messages, sizeof messages, "w");
	diagnostics_print(&list, to);
	fclose(to);
	arena_free_all();
	return 0;
}
