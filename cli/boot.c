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
	"       postern boot --kernel FILE [--initrd FILE] [--append TEXT] [OPTION]...\n"
	"       postern trace IMAGE [OPTION]... [-- ARGUMENT...]\n"
	"\n"
	"Runs a guest image that was built with the SDK. The arguments become its command line. 'trace' is\n"
	"'boot --trace'. With --kernel, runs a kernel that knows nothing of Postern, on emulated devices.\n"
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
	"  --kernel FILE       a kernel: a Linux bzImage, an ELF file with a PVH note, or a static PIE\n"
	"  --initrd FILE       the kernel's initial RAM disk\n"
	"  --append TEXT       the kernel's command line\n"
	"  --help              print this\n"
	"\n"
	"exit status: the guest's own, or 123 reset itself, 124 timed out, 125 failed, 126 image refused, 134 guest crashed,\n"
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

/* Reads a file to memory that the caller frees. Returns an exit status. */
static int read_file(const char *name, uint8_t **bytes, size_t *size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct message message;
	int error;

	if (fd < 0) {
		fprintf(stderr, "postern: %s: cannot open: %s\n", name, strerror(errno));
		return STATUS_POSTERN;
	}
	error = image_read(fd, bytes, size, &message);
	close(fd);
	if (!error)
		return STATUS_DONE;
	fprintf(stderr, "postern: %s: cannot read: %s\n", name, message.text);
	return STATUS_POSTERN;
}

/* ---- options of its own ---- */

static bool set_kernel(struct vm_settings *settings, const char *value)
{
	settings->kernel = value;
	return true;
}

static bool set_initrd(struct vm_settings *settings, const char *value)
{
	settings->initrd = value;
	return true;
}

static bool set_append(struct vm_settings *settings, const char *value)
{
	settings->append = value;
	return true;
}

/* clang-format off */
static const struct vm_option own_options[] = {
	{ "kernel", true, set_kernel },
	{ "initrd", true, set_initrd },
	{ "append", true, set_append },
	{ 0 },
};
/* clang-format on */

static int wrong_use(const char *title, const char *what)
{
	fprintf(stderr, "%s: %s; '%s --help' tells what it takes\n", title, what, title);
	return STATUS_POSTERN;
}

/* ---- running ---- */

/* A kernel that knows nothing of Postern. */
static int boot_kernel(struct vm_settings *settings)
{
	uint8_t *initrd = NULL;
	int status = STATUS_DONE;

	settings->name = settings->kernel;
	settings->machine.unmodified = true;
	settings->machine.command = settings->append ? settings->append : "";
	if (settings->initrd)
		status = read_file(settings->initrd, &initrd, &settings->machine.module_size);
	settings->machine.module = initrd;
	if (!status)
		status = read_file(settings->name, &settings->machine.image, &settings->machine.image_size);
	if (!status)
		status = vm_run(settings);
	free(initrd);
	return status;
}

static int boot_image(struct vm_settings *settings, char **words)
{
	char *command = join(words + 1);
	int status;

	settings->name = words[0];
	if (!command)
		return STATUS_POSTERN;
	settings->machine.command = command;
	status = read_file(settings->name, &settings->machine.image, &settings->machine.image_size);
	if (!status)
		status = vm_run(settings);
	free(command);
	return status;
}

static int boot(struct vm_settings *settings, int argc, char **argv)
{
	int index;

	vm_settings_init(settings, (uint64_t)DEFAULT_MEMORY_MIB << 20, "compute");
	index = vm_read_options(settings, own_options, help, argc, argv);
	if (index < 0)
		return index == VM_HELP ? STATUS_DONE : STATUS_POSTERN;
	if (settings->kernel && index < argc)
		return wrong_use(argv[0], "an image and --kernel given, where one of them runs");
	if (settings->kernel)
		return boot_kernel(settings);
	if (settings->initrd || settings->append)
		return wrong_use(argv[0], "--initrd or --append given, and no --kernel");
	if (index == argc)
		return wrong_use(argv[0], "no image given");
	return boot_image(settings, argv + index);
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
