/* SPDX-License-Identifier: ISC */
/* witness.c - see witness.h. */
#include "witness.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 8192 /* of the guest innocent */ };

static const char song[] = "tweet\n";
static const unsigned long known = 0x5ca1ab1e;

/* ---- the file ---- */

static void path_of(const struct witness *witness, char path[128])
{
	snprintf(path, 128, "%s/canary", witness->folder);
}

static void make_folder(struct witness *witness)
{
	const char *folder = getenv("TMPDIR");
	char path[128];
	FILE *file;

	if (!folder || strlen(folder) > 32)
		folder = "/tmp";
	snprintf(witness->folder, sizeof witness->folder, "%s/postern.XXXXXX", folder);
	assert_non_null(mkdtemp(witness->folder));
	path_of(witness, path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(song, file);
	assert_int_equal(fclose(file), 0);
}

static void check_folder(const struct witness *witness)
{
	DIR *folder = opendir(witness->folder);
	char content[64];
	char path[128];
	struct dirent *entry;
	FILE *file;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, "canary");
	}
	closedir(folder);
	path_of(witness, path);
	file = fopen(path, "re");
	assert_non_null(file);
	content[fread(content, 1, sizeof content - 1, file)] = 0;
	fclose(file);
	assert_string_equal(content, song);
}

/* ---- the process ---- */

static void make_process(struct witness *witness)
{
	witness->memory = mmap(NULL, sizeof known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(witness->memory != MAP_FAILED);
	*witness->memory = known;
	witness->process = fork();
	assert_true(witness->process >= 0);
	while (witness->process == 0)
		pause();
}

/* A field of its status: a number, or a word's first letter. */
static long status_of(pid_t pid, const char *name)
{
	char path[64];
	char line[256];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		const size_t length = strlen(name);

		if (!strncmp(line, name, length) && line[length] == ':')
			value = line[length + 2] > '9' ? line[length + 2] : atol(line + length + 1);
	}
	fclose(file);
	return value;
}

static void check_process(const struct witness *witness)
{
	assert_int_equal(waitpid(witness->process, NULL, WNOHANG), 0);
	assert_int_equal(status_of(witness->process, "TracerPid"), 0);
	assert_int_not_equal(status_of(witness->process, "State"), 'T');
	assert_int_not_equal(status_of(witness->process, "State"), 't');
	assert_int_equal(*witness->memory, known);
}

/* ---- the VM ---- */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static void expect_round(unsigned long round, char line[64])
{
	uint64_t seed = round;
	uint64_t sum = 0;

	for (unsigned i = 0; i < WORDS; i++)
		sum += next_random(&seed);
	snprintf(line, 64, "round %lu: %016lx\n", round, (unsigned long)sum);
}

/* Every round that a VM has told of, and no other word. Returns how many. */
static unsigned long check_rounds(const char *text)
{
	unsigned long round = 1;
	char line[64];

	for (;; round++) {
		expect_round(round, line);
		if (strncmp(text, line, strlen(line)) != 0)
			break;
		text += strlen(line);
	}
	/* The last one may be on its way. */
	if (strncmp(text, line, strlen(text)) != 0)
		fail_msg("the innocent VM says: %s", text);
	return round - 1;
}

/* It tells of two rounds more: one that had begun before, and one that has begun since. */
static void check_vm(struct witness *witness)
{
	static char text[VM_TEXT];
	char line[64];

	vm_look(&witness->vm, text);
	expect_round(check_rounds(text) + 2, line);
	vm_expect(&witness->vm, line);
}

/* ---- */

static void read_name(char name[65])
{
	struct utsname system;

	uname(&system);
	snprintf(name, 65, "%s", system.nodename);
}

void witness_start(struct witness *witness)
{
	make_folder(witness);
	make_process(witness);
	read_name(witness->host);
	witness->vm = vm_start("innocent", "--timeout 3000 --memory 16M", NULL);
}

void witness_check(struct witness *witness)
{
	const pid_t mine[] = { witness->vm.pid, witness->process };
	char name[65];

	assert_false(vm_has_strangers(mine, 2));
	check_process(witness);
	check_folder(witness);
	read_name(name);
	assert_string_equal(name, witness->host);
	check_vm(witness);
}

void witness_end(struct witness *witness)
{
	static struct vm_end end;
	char path[128];
	char *rest;

	kill(witness->vm.pid, SIGTERM);
	vm_wait(&witness->vm, &end);
	rest = strstr(end.text, "postern: ");
	assert_non_null(rest);
	assert_non_null(strstr(rest, "ended by signal 15"));
	*rest = 0;
	check_rounds(end.text);
	assert_int_equal(end.status, VM_SIGNALLED + SIGTERM);
	kill(witness->process, SIGKILL);
	assert_int_equal(waitpid(witness->process, NULL, 0), witness->process);
	munmap(witness->memory, sizeof known);
	path_of(witness, path);
	unlink(path);
	assert_int_equal(rmdir(witness->folder), 0);
}
