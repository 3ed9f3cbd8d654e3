/* SPDX-License-Identifier: ISC */
/* boot.c - `postern boot` and `postern trace`: runs a guest image as a VM, and answers with its exit status. */
#include "command.h"
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_MEMORY_MIB = 128 };

static const char help[] =
	"usage: postern boot IMAGE [OPTION]... [-- ARGUMENT...]\n"
	"       postern trace IMAGE [OPTION]... [-- ARGUMENT...]\n"
	"\n"
	"Runs a guest image that was built with the SDK. The arguments become its command line. 'trace' is\n"
	"'boot --trace'.\n"
	"\n"
	"options:\n"
	"  --memory SIZE       RAM, in bytes or with K, M or G behind it (128M)\n"
	"  --cpus N            vCPUs (1)\n"
	"  --engine NAME       what runs it: auto, or one that 'postern doctor' lists (auto)\n"
	"  --allow LIST        profiles, sections and calls to grant beyond the profile compute, apart by\n"
	"                      commas; '-' before a word takes it away\n"
	"  --abi VERSION       behave as that version of the contract did\n"
	"  --rate N[,BURST]    rate-limited calls a second, and how many may come at once (no limit)\n"
	"  --resolution NS     what the guest's clocks are rounded to, in nanoseconds (1000)\n"
	"  --mount SRC:DST[:ro|rw]\n"
	"                      give the guest a directory or file of the host, to mount at DST; read-only, if\n"
	"                      nothing else is said\n"
	"  --timeout SECONDS   end the VM after this time\n"
	"  --stats             print how often each call was made and how long it took, to stderr\n"
	"  --trace             print each call, to stderr\n"
	"  --json FILE         write the result, crash report and statistics as JSON\n"
	"  --help              print this\n"
	"\n"
	"exit status: the guest's own, or 124 timed out, 125 failed, 126 image refused, 134 guest crashed,\n"
	"128+N ended by signal N\n";

/* Joins words by blanks. Returns memory that the caller frees, or NULL. */
static char *join(char *const *words)
{
	size_t size = 1;
	char *line;
	char *end;

	for (char *const *word = words; *word; word++)
		size += strlen(*word) + 1;
	line = malloc(size);
	if (!line)
		return NULL;
	end = line;
	for (char *const *word = words; *word; word++)
		end = stpcpy(stpcpy(end, word == words ? "" : " "), *word);
	*end = '\0';
	return line;
}

static int read_image(struct vm_settings *settings)
{
	int fd = open(settings->name, O_RDONLY | O_CLOEXEC);
	struct message message;
	int error;

	if (fd < 0) {
		fprintf(stderr, "postern: %s: cannot open: %s\n", settings->name, strerror(errno));
		return STATUS_POSTERN;
	}
	error = image_read(fd, &settings->machine.image, &settings->machine.image_size, &message);
	close(fd);
	if (!error)
		return STATUS_DONE;
	fprintf(stderr, "postern: %s: cannot read: %s\n", settings->name, message.text);
	return STATUS_POSTERN;
}

static int boot(struct vm_settings *settings, int argc, char **argv)
{
	static const struct vm_option none[] = { { 0 } };
	char *command;
	int index;
	int status;

	vm_settings_init(settings, (uint64_t)DEFAULT_MEMORY_MIB << 20, "compute");
	index = vm_read_options(settings, none, help, argc, argv);
	if (index < 0)
		return index == VM_HELP ? STATUS_DONE : STATUS_POSTERN;
	if (index == argc) {
		fprintf(stderr, "%s: no image given; '%s --help' tells what it takes\n", argv[0], argv[0]);
		return STATUS_POSTERN;
	}
	settings->name = argv[index];
	command = join(argv + index + 1);
	if (!command)
		return STATUS_POSTERN;
	settings->machine.command = command;
	status = read_image(settings);
	if (!status)
		status = vm_run(settings);
	free(command);
	return status;
}

int command_boot(int argc, char **argv)
{
	struct vm_settings settings = { 0 };

	return boot(&settings, argc, argv);
}

int command_trace(int argc, char **argv)
{
	struct vm_settings settings = { .trace = true };

	return boot(&settings, argc, argv);
}
