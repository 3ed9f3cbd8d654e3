/* SPDX-License-Identifier: ISC */
/* memory_of.c - reads /proc/PID/smaps of a monitor and of its guest's process. */
#include "memory_of.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds up a process: what is mapped of the guest's RAM, and the rest. */
static bool add_process(pid_t pid, uint64_t *rest, uint64_t *ram)
{
	char path[64];
	char line[512];
	bool is_ram = false;
	FILE *maps;

	snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (fgets(line, sizeof line, maps)) {
		unsigned long start;
		unsigned long end;
		unsigned long kib;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_ram = strstr(line, "postern-ram");
		else if (sscanf(line, "Pss: %lu kB", &kib) == 1)
			*(is_ram ? ram : rest) += kib;
	}
	fclose(maps);
	return true;
}

/* The first child that any of its threads has; 0: none. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	DIR *threads;
	int child = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		return 0;
	for (struct dirent *entry; !child && (entry = readdir(threads)) != NULL;) {
		FILE *children;

		snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, entry->d_name);
		children = *entry->d_name == '.' ? NULL : fopen(path, "re");
		if (!children)
			continue;
		if (fscanf(children, "%d", &child) != 1)
			child = 0;
		fclose(children);
	}
	closedir(threads);
	return child;
}

bool memory_of_vm(pid_t monitor, struct memory_of *memory)
{
	const pid_t child = child_of(monitor);

	*memory = (struct memory_of){ 0 };
	return add_process(monitor, &memory->monitor, &memory->guest) &&
	       (!child || add_process(child, &memory->process, &memory->guest));
}
