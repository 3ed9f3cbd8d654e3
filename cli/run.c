/* SPDX-License-Identifier: ISC */
/* run.c - `postern run`: runs an ordinary program in a VM of its own, on keep, the guest kernel. */
#include "command.h"
#include "images.h"
#include "vm.h"

#include <postern/keep_module.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_MEMORY_MIB = 1024, STATUS_NOT_FOUND = 127 };

static const char help[] =
	"usage: postern run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	"\n"
	"Runs a Linux program in a VM of its own. It sees the current directory and its own file, read-only,\n"
	"and what --mount or --root give it; everything else that it writes is gone at its end.\n"
	"\n"
	"options:\n"
	"  --root DIR[:ro|rw]  the host's directory DIR is the root of the program's files; read-only, if\n"
	"                      nothing else is said\n"
	"  --mount SRC:DST[:ro|rw]\n"
	"                      the host's directory or file SRC is at DST; read-only, if nothing else is said\n"
	"  --directory DIR     where the program begins, as it sees it (the current directory)\n"
	"  --env NAME[=VALUE]  set a variable of the environment, or pass on the host's\n"
	"  --clear-env         pass on none of the host's variables but those that --env names\n"
	"  --user UID[:GID]    the ids that the program has (those of who runs it)\n"
	"  --memory SIZE       RAM, in bytes or with K, M or G behind it (1G)\n"
	"  --cpus N            vCPUs (1)\n"
	"  --engine NAME       what runs it: auto, or one that 'postern doctor' lists (auto)\n"
	"  --allow LIST        profiles, sections and calls to grant beyond the profile files, apart by\n"
	"                      commas; '-' before a word takes it away\n"
	"  --abi VERSION       behave as that version of the contract did\n"
	"  --rate N[,BURST]    rate-limited calls a second, and how many may come at once (no limit)\n"
	"  --resolution NS     what the guest's clocks are rounded to, in nanoseconds (1)\n"
	"  --timeout SECONDS   end the VM after this time\n"
	"  --stats             print how often each call was made and how long it took, and which system\n"
	"                      calls of the program are missing, to stderr\n"
	"  --trace             print each call of the guest kernel, to stderr\n"
	"  --json FILE         write the result, crash report and statistics as JSON\n"
	"  --help              print this\n"
	"\n"
	"exit status: the program's own, 128+N if signal N ended it, or 124 timed out, 125 failed,\n"
	"126 not a program that can run, 127 not found, 134 the guest kernel crashed\n";

/* Variables that a program gets unless it is to get none. */
static const char *const passed_on[] = { "COLORTERM",  "COLUMNS",  "HOME",  "LANG",    "LC_ALL",
					 "LC_COLLATE", "LC_CTYPE", "LINES", "LOGNAME", "PATH",
					 "SHELL",      "TERM",     "TZ",    "USER",    NULL };

/* ---- what was asked for ---- */

/* Beside what all VMs have. */
struct request {
	struct vm_settings vm; /* first: options are set through it */
	const char *program;   /* where it is, or a name to look for in the guest */
	const char *directory; /* in which it begins; NULL: the current one */
	char **arguments;
	int argument_count;
	char **environment; /* NAME=VALUE; each, and the array, from malloc() */
	size_t environment_count;
	bool clear_environment;
	bool has_root;      /* so that nothing else is given by itself */
	bool has_host_root; /* and it is the host's */
	uint32_t user, group;
};

static struct request *request_of(struct vm_settings *settings)
{
	return (struct request *)settings;
}

_Static_assert(offsetof(struct request, vm) == 0, "see request_of()");

/* Whether a variable is NAME=..., for a name of a length. */
static bool is_variable(const char *variable, const char *name, size_t length)
{
	return !strncmp(variable, name, length) && variable[length] == '=';
}

/* Sets NAME=VALUE, in place of one of the same name. Returns false for want of memory. */
static bool set_variable(struct request *request, const char *variable)
{
	const size_t length = strcspn(variable, "=");
	char *copy = strdup(variable);
	char **more;

	for (size_t i = 0; copy && i < request->environment_count; i++) {
		if (!is_variable(request->environment[i], variable, length))
			continue;
		free(request->environment[i]);
		request->environment[i] = copy;
		return true;
	}
	more = copy ? realloc(request->environment, (request->environment_count + 1) * sizeof *more) : NULL;
	if (!more) {
		free(copy);
		return false;
	}
	more[request->environment_count++] = copy;
	request->environment = more;
	return true;
}

/* The host's variable of a name; one that is not set is passed over. */
static bool pass_on(struct request *request, const char *name)
{
	const char *value = getenv(name);
	char *variable;
	bool done;

	if (!value)
		return true;
	if (asprintf(&variable, "%s=%s", name, value) < 0)
		return false;
	done = set_variable(request, variable);
	free(variable);
	return done;
}

static bool set_env(struct vm_settings *settings, const char *value)
{
	if (!*value || *value == '=')
		return vm_wrong("env", value, "not NAME or NAME=VALUE");
	if (strchr(value, '=') ? set_variable(request_of(settings), value)
			       : pass_on(request_of(settings), value))
		return true;
	return vm_wrong("env", value, strerror(ENOMEM));
}

static bool set_clear_env(struct vm_settings *settings, const char *value)
{
	(void)value;
	request_of(settings)->clear_environment = true;
	return true;
}

static bool set_directory(struct vm_settings *settings, const char *value)
{
	if (*value != '/')
		return vm_wrong("directory", value, "not an absolute path");
	request_of(settings)->directory = value;
	return true;
}

static bool read_id(const char *text, char end, uint32_t *id, const char **behind)
{
	char *last;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &last, 10);
	*behind = last;
	*id = (uint32_t)number;
	return *text >= '0' && *text <= '9' && !errno && number < UINT32_MAX && (!*last || *last == end);
}

static bool set_user(struct vm_settings *settings, const char *value)
{
	struct request *request = request_of(settings);
	const char *behind;

	if (!read_id(value, ':', &request->user, &behind) ||
	    (*behind && !read_id(behind + 1, '\0', &request->group, &behind)))
		return vm_wrong("user", value, "not a number, or two apart by a colon");
	return true;
}

/* The value is a word of the command line, and cut there. */
static bool set_root(struct vm_settings *settings, const char *value)
{
	char *colon = strrchr(value, ':');
	const bool is_access = colon && (!strcmp(colon, ":ro") || !strcmp(colon, ":rw"));
	const bool read_only = !is_access || colon[2] == 'o';

	if (request_of(settings)->has_root)
		return vm_wrong("root", value, "there is one already");
	if (is_access)
		*colon = '\0';
	request_of(settings)->has_root = true;
	request_of(settings)->has_host_root = !strcmp(value, "/");
	return vm_add_mount(settings, value, "/", read_only);
}

/* clang-format off */
static const struct vm_option options[] = {
	{ "root", true, set_root },
	{ "directory", true, set_directory },
	{ "env", true, set_env },
	{ "clear-env", false, set_clear_env },
	{ "user", true, set_user },
	{ 0 },
};
/* clang-format on */

/* ---- the program ---- */

static bool is_program(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

/* Looks where PATH says, as a shell does. Returns a path from malloc(), or NULL. */
static char *find_in_path(const char *name)
{
	const char *directories = getenv("PATH");

	for (const char *at = directories ? directories : "/usr/local/bin:/usr/bin:/bin"; *at;) {
		const size_t length = strcspn(at, ":");
		char *path;

		if (asprintf(&path, "%.*s/%s", length ? (int)length : 1, length ? at : ".", name) < 0)
			return NULL;
		if (is_program(path))
			return path;
		free(path);
		at += length + (at[length] == ':');
	}
	return NULL;
}

static int cannot_run(const char *name, int status, const char *why)
{
	fprintf(stderr, "postern: %s: cannot run: %s\n", name, why);
	return status;
}

/* Finds the program on the host. *path gets its path without links, from malloc(). Returns a status, after a message. */
static int find_program(const char *name, char **path)
{
	char *found = strchr(name, '/') ? strdup(name) : find_in_path(name);
	struct stat status;
	int error = 0;

	*path = NULL;
	if (!found)
		return cannot_run(name, STATUS_NOT_FOUND, "not found in PATH");
	*path = realpath(found, NULL);
	if (!*path || stat(*path, &status) || (!S_ISDIR(status.st_mode) && access(*path, X_OK)))
		error = errno;
	else if (S_ISDIR(status.st_mode))
		error = EISDIR;
	free(found);
	if (!error)
		return STATUS_DONE;
	free(*path);
	*path = NULL;
	return cannot_run(name, error == ENOENT ? STATUS_NOT_FOUND : STATUS_REFUSED, strerror(error));
}

/* ---- what it sees of the host ---- */

/* Whether a path is at or below another. */
static bool is_within(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	return !strncmp(path, directory, length) &&
	       (!path[length] || path[length] == '/' || (length && directory[length - 1] == '/'));
}

/* Does the guest have something of its own there, whatever is mounted at the root? */
static bool is_guests(const char *path)
{
	return is_within(path, "/tmp") || is_within(path, "/dev") || is_within(path, "/proc");
}

static bool is_mounted(const struct vm_settings *settings, const char *path)
{
	for (unsigned i = 0; i < settings->machine.mount_count; i++) {
		const char *place = settings->mounts[i].path;

		if (is_within(path, place) && (strcmp(place, "/") != 0 || !is_guests(path)))
			return true;
	}
	return false;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(((const struct service_mount *)left)->path,
		      ((const struct service_mount *)right)->path);
}

/*
 * The current directory and the program, unless what was asked for has them; and in an order in which they can be
 * mounted. A root has them, but for what is hidden by the guest's own file systems.
 */
static bool add_mounts(struct request *request, const char *directory)
{
	struct vm_settings *vm = &request->vm;
	const bool by_itself = !request->has_root || request->has_host_root;

	if (by_itself && !is_mounted(vm, directory) && !vm_add_mount(vm, directory, directory, true))
		return false;
	/* A name that is looked for in the guest is nowhere yet. */
	if (by_itself && *request->program == '/' && !is_mounted(vm, request->program) &&
	    !vm_add_mount(vm, request->program, request->program, true))
		return false;
	qsort(vm->mounts, vm->machine.mount_count, sizeof *vm->mounts, compare_paths);
	return true;
}

/* ---- what keep is told ---- */

static void put(FILE *stream, const char *string)
{
	fwrite(string, 1, strlen(string) + 1, stream);
}

/* Builds the module. Returns false for want of memory. */
static bool make_module(const struct request *request, char **module, size_t *size)
{
	struct postern_keep_module head = {
		.magic = POSTERN_KEEP_MAGIC,
		.flags = request->vm.stats ? POSTERN_KEEP_REPORT : 0,
		.arguments = (uint32_t)request->argument_count,
		.environment = (uint32_t)request->environment_count,
		.user = request->user,
		.group = request->group,
	};
	FILE *stream = open_memstream(module, size);

	if (!stream)
		return false;
	fwrite(&head, sizeof head, 1, stream);
	put(stream, request->program);
	put(stream, request->directory);
	put(stream, "postern");
	for (int i = 0; i < request->argument_count; i++)
		put(stream, request->arguments[i]);
	for (size_t i = 0; i < request->environment_count; i++)
		put(stream, request->environment[i]);
	if (fclose(stream))
		return false;
	head.strings = *size - sizeof head;
	memcpy(*module, &head, sizeof head);
	return true;
}

/* ---- running ---- */

static bool fill_environment(struct request *request)
{
	bool done = true;

	if (request->clear_environment)
		return true;
	for (const char *const *name = passed_on; *name && done; name++) {
		bool is_set = false;

		for (size_t i = 0; i < request->environment_count; i++)
			is_set |= is_variable(request->environment[i], *name, strlen(*name));
		done = is_set || pass_on(request, *name);
	}
	return done;
}

static int fail(const struct request *request, const char *what, int error)
{
	fprintf(stderr, "postern: %s: %s: %s\n", request->vm.name, what, strerror(error));
	return STATUS_POSTERN;
}

static int run_program(struct request *request)
{
	struct machine_config *machine = &request->vm.machine;
	char directory[PATH_MAX];
	char *module = NULL;
	int status;

	if (!getcwd(directory, sizeof directory))
		return fail(request, "cannot tell the current directory", errno);
	if (!request->directory)
		request->directory = directory;
	if (!add_mounts(request, directory))
		return STATUS_POSTERN;
	machine->image = (uint8_t *)keep_image;
	machine->image_size = keep_image_size;
	machine->image_stays = true;
	machine->command = "";
	if (!fill_environment(request) || !make_module(request, &module, &machine->module_size)) {
		free(module);
		return fail(request, "cannot prepare it", ENOMEM);
	}
	machine->module = module;
	status = vm_run(&request->vm);
	free(module);
	return status;
}

static void free_request(struct request *request)
{
	for (size_t i = 0; i < request->environment_count; i++)
		free(request->environment[i]);
	free(request->environment);
}

static int find_and_run(struct request *request)
{
	const char *name = request->arguments[0];
	char *program = NULL;
	int status = STATUS_DONE;

	request->vm.name = request->program = name;
	if (!request->has_root || (request->has_host_root && strchr(name, '/'))) {
		status = find_program(name, &program);
		request->program = program;
	}
	if (!status)
		status = run_program(request);
	free(program);
	return status;
}

int command_run(int argc, char **argv)
{
	struct request request = { .user = getuid(), .group = getgid() };
	int index;
	int status;

	vm_settings_init(&request.vm, (uint64_t)DEFAULT_MEMORY_MIB << 20, "files");
	request.vm.machine.resolution = 1; /* as programs expect it, and so that asking costs no call */
	request.vm.order = "+";
	index = vm_read_options(&request.vm, options, help, argc, argv);
	if (index < 0) {
		status = index == VM_HELP ? STATUS_DONE : STATUS_POSTERN;
	} else if (index == argc) {
		fprintf(stderr, "%s: no program given; '%s --help' tells what it takes\n", argv[0], argv[0]);
		status = STATUS_POSTERN;
	} else {
		request.arguments = argv + index;
		request.argument_count = argc - index;
		status = find_and_run(&request);
	}
	free_request(&request);
	return status;
}
