/* SPDX-License-Identifier: ISC */
/* proc_text.c - what the files of /proc say, in the forms that programs parse: see proc(5). */
#include "fs/path.h"
#include "fs/proc.h"
#include "mm/space.h"
#include "options.h"
#include "task/task.h"

enum { KIB = 1024, NANOSECONDS = 1000000000, TICK = NANOSECONDS / 100 };

#define KIB_OF(pages) ((unsigned long)(pages) * (PAGE_SIZE / KIB))

/* ---- the process ---- */

static bool is_heap(uint64_t begin, uint64_t end)
{
	uint64_t heap[2];

	space_heap(current_process()->space, heap);
	return begin < heap[1] && end > heap[0];
}

static void show_mapping(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			 struct file *file, uint64_t offset)
{
	struct text *text = context;
	struct file_status status = { 0 };
	char *path = file ? malloc(PATH_SIZE) : NULL;

	if (file && file->functions->status)
		(void)file->functions->status(file, &status);
	if (path)
		file_path(file, path, PATH_SIZE);
	text_print(text, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %-10lu", (unsigned long)begin,
		   (unsigned long)end, access & SPACE_READ ? 'r' : '-', access & SPACE_WRITE ? 'w' : '-',
		   access & SPACE_EXECUTE ? 'x' : '-', flags & SPACE_SHARED ? 's' : 'p',
		   (unsigned long)offset, (unsigned long)(status.device >> 8 & 0xff),
		   (unsigned long)(status.device & 0xff), (unsigned long)status.inode);
	if (path) {
		text_add(text, " ", 1);
		text_add(text, path, strlen(path));
	} else if (begin <= current_process()->arguments[0] && current_process()->arguments[0] < end) {
		text_add(text, " [stack]", 8);
	} else if (is_heap(begin, end)) {
		text_add(text, " [heap]", 7);
	}
	text_add(text, "\n", 1);
	free(path);
}

static void show_maps(struct text *text)
{
	space_list(current_process()->space, show_mapping, text);
}

/* Strings of the program, which may have changed them since. */
static void show_range(struct text *text, const uint64_t range[2])
{
	for (uint64_t at = range[0]; at < range[1];) {
		char bytes[256];
		const size_t length = least(sizeof bytes, range[1] - at);

		if (user_read(bytes, at, length))
			return;
		text_add(text, bytes, length);
		at += length;
	}
}

static void show_arguments(struct text *text)
{
	show_range(text, current_process()->arguments);
}

static void show_environment(struct text *text)
{
	show_range(text, current_process()->environment);
}

static void show_auxiliary(struct text *text)
{
	show_range(text, current_process()->auxiliary);
}

static void show_name(struct text *text)
{
	text_print(text, "%s\n", current_task()->name);
}

static void show_ids(struct text *text, const char *name, const uint32_t ids[IDS])
{
	text_print(text, "%s:\t%u\t%u\t%u\t%u\n", name, ids[ID_REAL], ids[ID_EFFECTIVE], ids[ID_SAVED],
		   ids[ID_FILES]);
}

static void show_status(struct text *text)
{
	const struct process *process = current_process();
	const unsigned long size = (unsigned long)(space_size(process->space) / KIB);
	const unsigned long resident = (unsigned long)(space_resident(process->space) / KIB);

	text_print(text, "Name:\t%s\nUmask:\t%04o\nState:\tR (running)\n", current_task()->name,
		   process->directories->mask);
	text_print(text, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t0\nTracerPid:\t0\n", process->id,
		   process->id);
	show_ids(text, "Uid", process->identity.user);
	show_ids(text, "Gid", process->identity.group);
	text_print(text, "FDSize:\t64\nGroups:\t%u \n", process->identity.group[ID_REAL]);
	text_print(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\n",
		   size, size);
	text_print(text, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nVmSwap:\t       0 kB\n", resident, resident);
	text_print(text, "Threads:\t%u\nSigBlk:\t%016lx\n", process->task_count,
		   (unsigned long)current_task()->signals.blocked);
	text_print(text, "NoNewPrivs:\t%d\nSeccomp:\t0\n", process->no_new_privileges);
	text_print(text, "Cpus_allowed_list:\t0-%u\n", guest_boot()->vcpus - 1);
}

static unsigned long ticks_of(const struct process *process)
{
	struct task *task;
	uint64_t ran = 0;

	list_for_each(task, &process->tasks, struct task, link_process) ran += task->ran;
	return (unsigned long)(ran / TICK);
}

static void show_stat(struct text *text)
{
	const struct process *process = current_process();
	const uint64_t size = space_size(process->space);

	text_print(
		text,
		"%d (%s) R 0 %d %d 0 -1 4194304 0 0 0 0 %lu 0 0 0 20 0 %u 0 %lu %lu %lu 18446744073709551615",
		process->id, current_task()->name, process->id, process->id, ticks_of(process),
		process->task_count, (unsigned long)(process->started / TICK), (unsigned long)size,
		(unsigned long)(space_resident(process->space) >> PAGE_SHIFT));
	text_print(text, " 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 %lu %lu %lu %lu 0\n",
		   (unsigned long)process->arguments[0], (unsigned long)process->arguments[1],
		   (unsigned long)process->environment[0], (unsigned long)process->environment[1]);
}

static void show_statm(struct text *text)
{
	const struct space *space = current_process()->space;
	const unsigned long size = (unsigned long)(space_size(space) >> PAGE_SHIFT);
	const unsigned long resident = (unsigned long)(space_resident(space) >> PAGE_SHIFT);

	text_print(text, "%lu %lu 0 0 0 %lu 0\n", size, resident, resident);
}

static void show_limit(struct text *text, uint64_t value)
{
	if (value == UINT64_MAX)
		text_print(text, "%-20s ", "unlimited");
	else
		text_print(text, "%-20lu ", (unsigned long)value);
}

static void show_limits(struct text *text)
{
	static const struct {
		const char *name, *unit;
	} limits[TASK_LIMITS] = {
		{ "Max cpu time", "seconds" },     { "Max file size", "bytes" },
		{ "Max data size", "bytes" },      { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },  { "Max open files", "files" },
		{ "Max locked memory", "bytes" },  { "Max address space", "bytes" },
		{ "Max file locks", "locks" },     { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },  { "Max nice priority", "" },
		{ "Max realtime priority", "" },   { "Max realtime timeout", "us" },
	};

	text_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (size_t i = 0; i < TASK_LIMITS; i++) {
		text_print(text, "%-25s ", limits[i].name);
		show_limit(text, current_process()->limits[i].soft);
		show_limit(text, current_process()->limits[i].hard);
		text_print(text, "%-10s\n", limits[i].unit);
	}
}

static void show_mounts(struct text *text)
{
	size_t count;
	const struct mount *all = mounts(&count);

	for (size_t i = 0; i < count; i++)
		text_print(text, "%s %s %s %s,relatime 0 0\n", all[i].source, all[i].path,
			   all[i].root->functions->type, all[i].is_read_only ? "ro" : "rw");
}

/* ---- the system ---- */

static void show_memory(struct text *text)
{
	text_print(text, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		   KIB_OF(pages_total()), KIB_OF(pages_free()), KIB_OF(pages_free()));
	text_print(text,
		   "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
	text_print(text,
		   "SwapTotal:             0 kB\nSwapFree:              0 kB\nShmem:                 0 kB\n");
}

static void show_system_stat(struct text *text)
{
	const unsigned long ran = ticks_of(current_process());

	text_print(text, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", ran, (unsigned long)(clock_monotonic() / TICK));
	for (uint32_t i = 0; i < guest_boot()->vcpus; i++)
		text_print(text, "cpu%u 0 0 0 0 0 0 0 0 0 0\n", i);
	text_print(text, "intr 0\nctxt 0\nbtime %lu\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
		   (unsigned long)((clock_realtime() - clock_monotonic()) / NANOSECONDS));
}

static void show_uptime(struct text *text)
{
	const uint64_t hundredths = clock_monotonic() / (NANOSECONDS / 100);

	text_print(text, "%lu.%02lu 0.00\n", (unsigned long)(hundredths / 100),
		   (unsigned long)(hundredths % 100));
}

static void show_load(struct text *text)
{
	text_print(text, "0.00 0.00 0.00 1/%u %d\n", current_process()->task_count, current_process()->id);
}

static void show_version(struct text *text)
{
	text_print(text, "Linux version 6.1.0-postern (keep) #1 SMP\n");
}

static void show_file_systems(struct text *text)
{
	text_print(text, "nodev\ttmpfs\nnodev\tproc\nnodev\tpostern\n");
}

static void show_release(struct text *text)
{
	text_print(text, "6.1.0-postern\n");
}

static void show_type(struct text *text)
{
	text_print(text, "Linux\n");
}

static void show_pid_max(struct text *text)
{
	text_print(text, "4194304\n");
}

static void show_groups_max(struct text *text)
{
	text_print(text, "65536\n");
}

static void show_overcommit(struct text *text)
{
	text_print(text, "0\n");
}

static void show_files_max(struct text *text)
{
	text_print(text, "1048576\n");
}

static void show_uuid(struct text *text)
{
	uint8_t b[16];

	if (postern_entropy_read(b, sizeof b) != sizeof b)
		return;
	b[6] = (b[6] & 15) | 0x40; /* version 4, of RFC 4122 */
	b[8] = (b[8] & 0x3f) | 0x80;
	text_print(text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-", b[0], b[1], b[2], b[3], b[4], b[5], b[6],
		   b[7]);
	text_print(text, "%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		   b[15]);
}

const struct proc_row proc_rows[] = {
	{ "cpuinfo", proc_show_processors },
	{ "filesystems", show_file_systems },
	{ "loadavg", show_load },
	{ "meminfo", show_memory },
	{ "process/auxv", show_auxiliary },
	{ "process/cmdline", show_arguments },
	{ "process/comm", show_name },
	{ "process/environ", show_environment },
	{ "process/limits", show_limits },
	{ "process/maps", show_maps },
	{ "process/mounts", show_mounts },
	{ "process/stat", show_stat },
	{ "process/statm", show_statm },
	{ "process/status", show_status },
	{ "stat", show_system_stat },
	{ "sys/fs/file-max", show_files_max },
	{ "sys/kernel/ngroups_max", show_groups_max },
	{ "sys/kernel/osrelease", show_release },
	{ "sys/kernel/ostype", show_type },
	{ "sys/kernel/pid_max", show_pid_max },
	{ "sys/kernel/random/uuid", show_uuid },
	{ "sys/vm/overcommit_memory", show_overcommit },
	{ "uptime", show_uptime },
	{ "version", show_version },
	{ 0 },
};
