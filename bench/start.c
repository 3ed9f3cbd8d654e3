/* SPDX-License-Identifier: ISC */
/*
 * start.c - `postern bench start`: how long it takes from exec to exit to run the smallest guest by postern boot, where
 * that time goes, and how much memory the VM takes, against /bin/true on the host.
 */
#include "bench.h"
#include "images.h"
#include "measure.h"
#include "memory_of.h"

#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 51, EXIT_USAGE = 2, SETTLE_MS = 200 };

/* What is run. */
enum run { TRUE, BOOT, BOOT_TIMED, RUNS };

/* Where the time of BOOT_TIMED goes: before the machine's own steps, those, and after them. */
enum { PART_EXEC, PART_STEPS, PART_END = PART_STEPS + MACHINE_STEPS, PARTS };

struct start {
	char image[32]; /* paths: of the guest's image, and of the result that postern boot writes */
	char result[32];
	int result_fd;
	double times[RUNS][ROUNDS]; /* ns */
	double parts[PARTS][ROUNDS];
	struct memory_of memory;
	int memory_error; /* errno: why there is no figure of memory */
};

extern char **environ;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "postern bench start: %s: %s\n", what, strerror(error));
	return EXIT_FAILURE;
}

/* ---- running ---- */

/* output: what the child has as standard output. Returns its id, or 0 with errno. */
static pid_t spawn(char *const *words, int output)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error = posix_spawn_file_actions_init(&actions);

	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	errno = error;
	return error ? 0 : pid;
}

/* Returns whether it ended well. */
static bool wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Where a run's time went, from what it wrote. */
static bool read_parts(struct start *start, unsigned round, double begin, double end)
{
	json_t *result;
	const json_t *times;
	double before;

	lseek(start->result_fd, 0, SEEK_SET);
	result = json_loadfd(start->result_fd, 0, NULL);
	times = json_object_get(result, "times");
	before = (double)json_integer_value(json_object_get(times, "begin"));
	start->parts[PART_EXEC][round] = before - begin;
	for (unsigned step = 0; step < MACHINE_STEPS; step++) {
		const char *name = machine_step_name((enum machine_step)step);
		const double ended = (double)json_integer_value(json_object_get(times, name));

		start->parts[PART_STEPS + step][round] = ended - before;
		before = ended;
	}
	start->parts[PART_END][round] = end - before;
	json_decref(result);
	return times;
}

static bool run(struct start *start, enum run what, unsigned round, int output)
{
	static char true_path[] = "/bin/true", self[] = "/proc/self/exe", boot[] = "boot", json[] = "--json";
	char *const words[RUNS][6] = {
		[TRUE] = { true_path },
		[BOOT] = { self, boot, start->image },
		[BOOT_TIMED] = { self, boot, start->image, json, start->result },
	};
	const double begin = now();
	const pid_t pid = spawn(words[what], output);
	const bool done = pid && wait_for(pid);
	const double end = now();

	if (!done) {
		fprintf(stderr, "postern bench start: %s: %s\n", words[what][0],
			pid ? "did not end well" : strerror(errno));
		return false;
	}
	start->times[what][round] = end - begin;
	return what != BOOT_TIMED || read_parts(start, round, begin, end);
}

/* ---- memory ---- */

/* Fills a pipe, so that whoever writes to it waits. */
static bool fill(const int ends[2])
{
	static const char bytes[4096];
	const int flags = fcntl(ends[1], F_GETFL);

	if (fcntl(ends[1], F_SETFL, flags | O_NONBLOCK))
		return false;
	while (write(ends[1], bytes, sizeof bytes) > 0)
		;
	return errno == EAGAIN && !fcntl(ends[1], F_SETFL, flags);
}

/* A guest that waits for room for what it prints can be looked at. */
static bool measure_memory(struct start *start)
{
	static char self[] = "/proc/self/exe", boot[] = "boot";
	char *const words[] = { self, boot, start->image, NULL };
	const struct timespec settle = { 0, SETTLE_MS * 1000000 };
	char bytes[4096];
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) || !fill(ends))
		return fail("cannot make a pipe", errno) == EXIT_SUCCESS;
	pid = spawn(words, ends[1]);
	close(ends[1]);
	if (!pid)
		return fail(self, errno) == EXIT_SUCCESS;
	nanosleep(&settle, NULL);
	start->memory_error = memory_of_vm(pid, &start->memory) ? 0 : errno;
	while (read(ends[0], bytes, sizeof bytes) > 0)
		;
	close(ends[0]);
	return wait_for(pid);
}

/* ---- measuring ---- */

/* The image as a file of its own, which children have by the same number. */
static bool prepare(struct start *start)
{
	const int image = memfd_create("hello", 0);

	start->result_fd = memfd_create("result", 0);
	if (image < 0 || start->result_fd < 0 ||
	    write(image, hello_image, hello_image_size) != (ssize_t)hello_image_size)
		return fail("cannot keep the guest's image", errno) == EXIT_SUCCESS;
	snprintf(start->image, sizeof start->image, "/proc/self/fd/%d", image);
	snprintf(start->result, sizeof start->result, "/proc/self/fd/%d", start->result_fd);
	return true;
}

static bool measure_all(struct start *start)
{
	const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nowhere < 0)
		return fail("/dev/null", errno) == EXIT_SUCCESS;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned what = 0; what < RUNS; what++) {
			if (!run(start, (enum run)what, round, nowhere))
				return false;
		}
	}
	close(nowhere);
	return measure_memory(start);
}

/* ---- results ---- */

static const char *const part_names[PARTS] = {
	[PART_EXEC] = "exec",
	[PART_STEPS + MACHINE_STEP_IMAGE] = "image",
	[PART_STEPS + MACHINE_STEP_MEMORY] = "memory",
	[PART_STEPS + MACHINE_STEP_GATE] = "gate",
	[PART_STEPS + MACHINE_STEP_LOAD] = "load",
	[PART_STEPS + MACHINE_STEP_ENGINE] = "engine",
	[PART_STEPS + MACHINE_STEP_THREADS] = "threads",
	[PART_STEPS + MACHINE_STEP_JAIL] = "jail",
	[PART_STEPS + MACHINE_STEP_GUEST] = "guest",
	[PART_STEPS + MACHINE_STEP_STOP] = "stop",
	[PART_END] = "end",
};

static const char *const part_texts[PARTS] = {
	[PART_EXEC] = "exec, dynamic linking, reading the image",
	[PART_STEPS + MACHINE_STEP_IMAGE] = "looking at the image",
	[PART_STEPS + MACHINE_STEP_MEMORY] = "RAM",
	[PART_STEPS + MACHINE_STEP_GATE] = "gate and services",
	[PART_STEPS + MACHINE_STEP_LOAD] = "the image into RAM",
	[PART_STEPS + MACHINE_STEP_ENGINE] = "the guest's process; jail: files",
	[PART_STEPS + MACHINE_STEP_THREADS] = "threads",
	[PART_STEPS + MACHINE_STEP_JAIL] = "jail: system calls",
	[PART_STEPS + MACHINE_STEP_GUEST] = "the guest",
	[PART_STEPS + MACHINE_STEP_STOP] = "ends of the threads",
	[PART_END] = "the result, tear-down, exit",
};

static void print_table(const struct measure_spread *runs, const struct measure_spread *parts,
			const struct start *start)
{
	static const char *const texts[RUNS] = { "/bin/true", "postern boot hello.elf",
						 "the same with --json" };

	printf("%-44s %9s %9s %9s %9s\n", "from exec to exit", "median us", "least", "most", "x true");
	for (unsigned i = 0; i < RUNS; i++)
		printf("%-44s %9.0f %9.0f %9.0f %9.2f\n", texts[i], runs[i].median / 1e3, runs[i].least / 1e3,
		       runs[i].most / 1e3, runs[i].median / runs[TRUE].median);
	for (unsigned i = 0; i < PARTS; i++)
		printf("  %-42s %9.0f %9.0f %9.0f\n", part_texts[i], parts[i].median / 1e3,
		       parts[i].least / 1e3, parts[i].most / 1e3);
	if (start->memory_error)
		printf("memory: cannot be read: %s\n", strerror(start->memory_error));
	else
		printf("memory beyond the guest's %llu KiB: %llu KiB (monitor %llu, guest's process %llu; PSS)\n",
		       (unsigned long long)start->memory.guest,
		       (unsigned long long)(start->memory.monitor + start->memory.process),
		       (unsigned long long)start->memory.monitor, (unsigned long long)start->memory.process);
	printf("medians of %d interleaved rounds\n", ROUNDS);
}

static void add_spread(json_t *list, const char *name, const struct measure_spread *spread)
{
	json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f}", "name", name, "ns", spread->median,
					      "least_ns", spread->least, "most_ns", spread->most));
}

static int print_json(const struct measure_spread *runs, const struct measure_spread *parts,
		      const struct start *start)
{
	static const char *const names[RUNS] = { "true", "boot", "boot_timed" };
	json_t *run_list = json_array();
	json_t *part_list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:o, s:o}", "benchmark", "start", "rounds", ROUNDS, "cases",
				  run_list, "parts", part_list);
	int error;

	for (unsigned i = 0; i < RUNS; i++)
		add_spread(run_list, names[i], &runs[i]);
	for (unsigned i = 0; i < PARTS; i++)
		add_spread(part_list, part_names[i], &parts[i]);
	if (!start->memory_error)
		json_object_set_new(whole, "memory_kib",
				    json_pack("{s:I, s:I, s:I}", "monitor", (json_int_t)start->memory.monitor,
					      "process", (json_int_t)start->memory.process, "guest",
					      (json_int_t)start->memory.guest));
	error = json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(whole);
	return error;
}

int bench_start(int argc, char **argv)
{
	static struct start start;
	struct measure_spread runs[RUNS];
	struct measure_spread parts[PARTS];
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (argc > 2 || (argc == 2 && !json)) {
		fprintf(stderr, "postern bench start: takes no argument but --json\n");
		return EXIT_USAGE;
	}
	if (!prepare(&start) || !measure_all(&start))
		return EXIT_FAILURE;
	for (unsigned i = 0; i < RUNS; i++)
		runs[i] = measure_spread(start.times[i], ROUNDS);
	for (unsigned i = 0; i < PARTS; i++)
		parts[i] = measure_spread(start.parts[i], ROUNDS);
	if (json)
		return print_json(runs, parts, &start) ? EXIT_FAILURE : EXIT_SUCCESS;
	print_table(runs, parts, &start);
	return EXIT_SUCCESS;
}
