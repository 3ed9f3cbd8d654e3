/* SPDX-License-Identifier: ISC */
/*
 * reach.c - `postern doctor --reach`: makes a guest process as the engine ring3 does for each VM, and lists what it has:
 * as /proc tells it of the process, and as its filter answers to each system call.
 */
#include "reach.h"

#include "command.h"
#include "engine/engine.h"
#include "engine/ring3/layout.h"
#include "engine/ring3/reach.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { RAM = 16 << 20, VCPUS = 2, NUMBERS = 2048, LINE = 512 };

/* ---- /proc ---- */

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

static DIR *open_folder(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	return opendir(path);
}

/* The first process that this one has made and not yet waited for; 0: none. */
static pid_t find_child(void)
{
	char name[64];
	int child = 0;
	FILE *file;

	snprintf(name, sizeof name, "task/%d/children", (int)getpid());
	file = open_proc(getpid(), name);
	if (!file)
		return 0;
	if (fscanf(file, "%d", &child) != 1)
		child = 0;
	fclose(file);
	return (pid_t)child;
}

/* What a link of /proc to an open file says, without the kernel's remark that it has no name any more. */
static void cut_remark(char *name)
{
	char *remark = strstr(name, " (deleted)");

	name[strcspn(name, "\n")] = 0;
	if (remark)
		*remark = 0;
}

static json_t *list_descriptors(pid_t pid)
{
	DIR *folder = open_folder(pid, "fd");
	json_t *list;
	struct dirent *entry;

	if (!folder)
		return NULL;
	list = json_array();
	while ((entry = readdir(folder))) {
		char name[LINE];
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, name, sizeof name - 1);

		if (length < 0)
			continue; /* the folder's own entries */
		name[length] = 0;
		cut_remark(name);
		json_array_append_new(list,
				      json_pack("{s:i, s:s}", "number", atoi(entry->d_name), "file", name));
	}
	closedir(folder);
	return list;
}

/* A mapping's first line, as in maps; the flags come in a later one. */
static json_t *read_mapping(const char *line)
{
	char begin[20];
	char end[20];
	char access[8];
	char name[LINE] = "";

	if (sscanf(line, "%19[0-9a-f]-%19[0-9a-f] %7s %*s %*s %*s %511[^\n]", begin, end, access, name) < 3)
		return NULL;
	cut_remark(name);
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "begin", begin, "end", end, "access", access, "file",
			 name, "sealed", 0);
}

static json_t *list_memory(pid_t pid)
{
	FILE *file = open_proc(pid, "smaps");
	json_t *mapping = NULL;
	char line[LINE];
	json_t *list;

	if (!file)
		return NULL;
	list = json_array();
	while (fgets(line, sizeof line, file)) {
		json_t *next = read_mapping(line);

		if (next) {
			mapping = next;
			json_array_append_new(list, next);
		} else if (mapping && !strncmp(line, "VmFlags:", 8) && strstr(line, " sl")) {
			json_object_set_new(mapping, "sealed", json_true());
		}
	}
	fclose(file);
	return list;
}

/* The fields of a thread's status that say what it may do. */
static json_t *read_thread(pid_t pid, const char *thread)
{
	static const char *const names[] = {
		"CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Seccomp"
	};
	json_t *object = json_object();
	char line[LINE];
	FILE *file;

	snprintf(line, sizeof line, "task/%s/status", thread);
	file = open_proc(pid, line);
	while (file && fgets(line, sizeof line, file)) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = 0;
		value += strspn(value, "\t ");
		value[strcspn(value, "\n")] = 0;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			if (!strcmp(line, names[i]))
				json_object_set_new(object, names[i], json_integer(strtoll(value, NULL, 16)));
		}
	}
	if (file)
		fclose(file);
	return object;
}

static json_t *list_threads(pid_t pid)
{
	DIR *folder = open_folder(pid, "task");
	json_t *list;
	struct dirent *entry;

	if (!folder)
		return NULL;
	list = json_array();
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			json_array_append_new(list, read_thread(pid, entry->d_name));
	}
	closedir(folder);
	return list;
}

/* Those limits that are the engine's. */
static json_t *list_limits(pid_t pid)
{
	static const char *const names[] = { "Max core file size", "Max open files", "Max address space" };
	FILE *file = open_proc(pid, "limits");
	json_t *object;
	char line[LINE];

	if (!file)
		return NULL;
	object = json_object();
	while (fgets(line, sizeof line, file)) {
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			const size_t length = strlen(names[i]);

			if (!strncmp(line, names[i], length))
				json_object_set_new(object, names[i] + strlen("Max "),
						    json_integer(strtoll(line + length, NULL, 10)));
		}
	}
	fclose(file);
	return object;
}

/* ---- the filter ---- */

/* The names of calls that the filter lets through, for some arguments at least. */
static json_t *list_calls(uint32_t architecture, uint64_t instruction)
{
	json_t *list = json_array();

	for (int number = 0; number < NUMBERS; number++) {
		const struct seccomp_data call = { number, architecture, instruction, { 0 } };
		char *name;

		if (!(ring3_filter_answers(&call, true) & RING3_ALLOWS))
			continue;
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
		json_array_append_new(list, name ? json_string(name) : json_integer(number));
		free(name);
	}
	return list;
}

static json_t *list_filter(void)
{
	return json_pack("{s:o, s:o, s:o}", "engine", list_calls(AUDIT_ARCH_X86_64, RING3_CODE), "elsewhere",
			 list_calls(AUDIT_ARCH_X86_64, RING3_PHYSMAP), "32-bit",
			 list_calls(AUDIT_ARCH_I386, RING3_CODE));
}

/* ---- output ---- */

static void print_calls(const char *where, const json_t *list)
{
	const json_t *call;
	size_t i;

	printf("  %-30s", where);
	json_array_foreach(list, i, call) printf(" %s", json_string_value(call));
	puts(json_array_size(list) ? "" : " none");
}

static void print_numbers(json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
		printf("  %-18s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
}

static void print_text(const json_t *reach)
{
	const json_t *calls = json_object_get(reach, "calls");
	const json_t *entry;
	size_t i;

	printf("a guest process of the engine ring3, with %d MiB of RAM and %d vCPUs\n", RAM >> 20, VCPUS);
	puts("\nopen files:");
	json_array_foreach(json_object_get(reach, "descriptors"), i, entry) printf(
		"  %-3" JSON_INTEGER_FORMAT " %s\n", json_integer_value(json_object_get(entry, "number")),
		json_string_value(json_object_get(entry, "file")));
	puts("\nmemory:");
	json_array_foreach(json_object_get(reach, "memory"), i, entry)
		printf("  %s-%s %s %s%s\n", json_string_value(json_object_get(entry, "begin")),
		       json_string_value(json_object_get(entry, "end")),
		       json_string_value(json_object_get(entry, "access")),
		       json_string_value(json_object_get(entry, "file")),
		       json_is_true(json_object_get(entry, "sealed")) ? "sealed" : "");
	puts("\nsystem calls that its filter lets through, made by");
	print_calls("the engine's code", json_object_get(calls, "engine"));
	print_calls("the same, in 32-bit mode", json_object_get(calls, "32-bit"));
	print_calls("anything else", json_object_get(calls, "elsewhere"));
	json_array_foreach(json_object_get(reach, "threads"), i, entry)
	{
		printf("\nthread %zu:\n", i);
		print_numbers((json_t *)entry);
	}
	puts("\nlimits:");
	print_numbers(json_object_get(reach, "limits"));
}

/* What could not be looked at is said. */
static bool is_complete(const json_t *reach)
{
	const char *name;
	json_t *part;

	json_object_foreach((json_t *)reach, name, part)
	{
		if (json_is_null(part)) {
			fprintf(stderr,
				"postern doctor: %s of the guest process: cannot look: not allowed; it is closed to "
				"its own user.\nRoot may look, also of a namespace: unshare --user --map-root-user "
				"postern doctor --reach\n",
				name);
			return false;
		}
	}
	return true;
}

static json_t *look(pid_t pid)
{
	return json_pack("{s:s, s:o?, s:o?, s:o, s:o?, s:o?}", "engine", "ring3", "descriptors",
			 list_descriptors(pid), "memory", list_memory(pid), "calls", list_filter(), "threads",
			 list_threads(pid), "limits", list_limits(pid));
}

/* The guest has no code, and does not run; but its process is as it will be from then on. */
static int print(struct guest_memory *memory, bool as_json)
{
	const uint64_t vcpu_pages[VCPUS] = { 0x2000, 0x3000 };
	const struct engine_config config = { .memory = memory, .vcpus = VCPUS, .vcpu_pages = vcpu_pages };
	struct engine_vm *vm;
	bool is_whole;
	json_t *reach;
	int error = engine_ring3.create(&config, &vm);

	if (!error && (error = engine_ring3.settle(vm)) != 0)
		engine_ring3.destroy(vm);
	if (error) {
		fprintf(stderr, "postern doctor: engine ring3: cannot make a guest process: %s\n",
			strerror(-error));
		return STATUS_FAILED;
	}
	reach = look(find_child());
	engine_ring3.destroy(vm);
	is_whole = is_complete(reach);
	if (is_whole && as_json) {
		json_dumpf(reach, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (is_whole) {
		print_text(reach);
	}
	json_decref(reach);
	return is_whole ? STATUS_DONE : STATUS_FAILED;
}

int reach_print(bool as_json)
{
	struct guest_memory *memory = calloc(1, sizeof *memory);
	int error = memory ? memory_create(memory, RAM) : -ENOMEM;
	int status = STATUS_FAILED;

	if (error)
		fprintf(stderr, "postern doctor: cannot get memory of %d MiB: %s\n", RAM >> 20,
			strerror(-error));
	else
		status = print(memory, as_json);
	if (!error)
		memory_destroy(memory);
	free(memory);
	return status;
}
