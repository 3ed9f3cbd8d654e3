/* SPDX-License-Identifier: ISC */
/*
 * programs.c - `postern bench programs`: the same programs on the host and by `postern run`, in turn, and what the VM
 * does meanwhile that the host has no need of. Each is a child process, so that start and end are part of it.
 */
#include "bench.h"
#include "measure.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, MOST_ROUNDS = 99, EXIT_USAGE = 2, MOST_WORDS = 8, FILE_MIB = 256 };

/* Where the figure of a program comes from. */
enum source {
	WHOLE, /* from start to exit */
	INNER, /* what the program prints: a count, and nanoseconds for all of it */
};

struct program {
	const char *name;
	const char *what;
	const char *unit; /* of the figure */
	enum source source;
	const char *cpus;              /* of the VM */
	const char *words[MOST_WORDS]; /* the first: WORKLOAD, or a program that PATH has */
	/* Set when it has run: nanoseconds for one, on the host and in a VM. */
	double host[MOST_ROUNDS], guest[MOST_ROUNDS];
	struct measure_spread host_spread, guest_spread;
	bool left_out;
	json_t *stats; /* of one more run in a VM, in which calls were counted and measured */
	double whole;  /* that run from start to exit, in ns */
};

#define WORKLOAD "bench-workload"

/* clang-format off */
static struct program programs[] = {
	{ "true", "busybox true, start to exit", "ms", WHOLE, "1", { "busybox", "true" } },
	{ "sha256", "busybox sha256sum of 256 MiB, start to exit", "ms", WHOLE, "1", { "busybox", "sha256sum", "file" } },
	{ "sqlite", "SQLite: 100,000 inserts, index, join, check", "ms", WHOLE, "1", { WORKLOAD, "sqlite", "100000" } },
	{ "getppid", "getppid in a loop, a call", "us", INNER, "1", { WORKLOAD, "getppid", "200000" } },
	{ "mutex", "8 threads on one lock, a turn", "us", INNER, "2", { WORKLOAD, "mutex", "20000" } },
	{ "faults", "first touch of memory, a page", "us", INNER, "1", { WORKLOAD, "faults", "16384" } },
};
/* clang-format on */

enum { SHA256 = 1, PROGRAMS = sizeof programs / sizeof *programs };

/* What all of them need: paths, and a directory of our own. */
struct stage {
	char self[PATH_MAX];
	char workload[PATH_MAX];
	char directory[PATH_MAX];
};

/* ---- the stage ---- */

static bool fail(const char *what, const char *on)
{
	fprintf(stderr, "postern bench programs: %s: %s: %s\n", on, what, strerror(errno));
	return false;
}

/* Beside postern, as it was built or as it is installed. */
static bool find_workload(struct stage *stage)
{
	static const char *const places[] = { "../bench/" WORKLOAD, "../libexec/postern/" WORKLOAD };
	ssize_t length = readlink("/proc/self/exe", stage->self, sizeof stage->self - 1);
	int folder;

	if (length < 0)
		return fail("cannot read", "/proc/self/exe");
	stage->self[length] = '\0';
	folder = (int)(strrchr(stage->self, '/') + 1 - stage->self);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char path[2 * PATH_MAX];

		snprintf(path, sizeof path, "%.*s%s", folder, stage->self, places[i]);
		if (realpath(path, stage->workload))
			return true;
	}
	return fail("cannot find", WORKLOAD);
}

/* Random-looking, so that nothing is saved by its being all the same; made anew each time, so that it is cached. */
static bool fill(const char *path)
{
	static uint64_t block[1 << 17]; /* 1 MiB */
	uint64_t state = 88172645463325252ULL;
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool done = file >= 0;

	for (unsigned i = 0; done && i < FILE_MIB; i++) {
		for (size_t j = 0; j < sizeof block / sizeof *block; j++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			block[j] = state;
		}
		done = write(file, block, sizeof block) == (ssize_t)sizeof block;
	}
	if (file >= 0)
		close(file);
	return done || fail("cannot write", path);
}

static bool enter_stage(struct stage *stage)
{
	const char *base = getenv("TMPDIR");

	if (!find_workload(stage))
		return false;
	snprintf(stage->directory, sizeof stage->directory, "%s/postern-bench-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(stage->directory))
		return fail("cannot make a directory", stage->directory);
	return chdir(stage->directory) == 0 || fail("cannot enter", stage->directory);
}

static void leave_stage(const struct stage *stage)
{
	static const char *const files[] = { "file", "bench.db", "bench.db-journal", "stats.json" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	if (stage->directory[0] && rmdir(stage->directory))
		fail("cannot remove", stage->directory);
}

/* ---- running ---- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/*
 * Runs a command to its end, with standard error at `error`. output gets what it printed, cut. Returns nanoseconds, or a
 * negative value if it failed.
 */
static double run(const char *const *words, int error, char *output, size_t size)
{
	int ends[2];
	double start = now();
	ssize_t length;
	size_t filled = 0;
	int status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	child = vfork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(error, STDERR_FILENO);
		execvp(words[0], (char *const *)words);
		_exit(127);
	}
	close(ends[1]);
	while (child > 0 && filled < size - 1 &&
	       (length = read(ends[0], output + filled, size - 1 - filled)) > 0)
		filled += (size_t)length;
	close(ends[0]);
	output[filled] = '\0';
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "postern bench programs: %s %s failed\n", words[0], words[1]);
		return -1;
	}
	return now() - start;
}

/* The same command in a VM, with the stage's directory to write in. */
static void wrap(const struct stage *stage, const struct program *program, bool counted, char *mount,
		 size_t size, const char **words)
{
	size_t count = 0;

	snprintf(mount, size, "%s:%s:rw", stage->directory, stage->directory);
	words[count++] = stage->self;
	words[count++] = "run";
	words[count++] = "--cpus";
	words[count++] = program->cpus;
	words[count++] = "--mount";
	words[count++] = mount;
	if (counted) {
		words[count++] = "--json";
		words[count++] = "stats.json";
		words[count++] = "--stats"; /* for the times; what it prints is not for us */
	}
	words[count++] = "--";
	for (size_t i = 0; program->words[i]; i++)
		words[count++] = strcmp(program->words[i], WORKLOAD) ? program->words[i] : stage->workload;
	words[count] = NULL;
}

/* The figure of a run, in ns; negative if there is none. */
static double figure_of(const struct program *program, const char *const *words)
{
	char output[256];
	double time = run(words, STDERR_FILENO, output, sizeof output);
	double count;
	double inner;

	if (time < 0 || program->source == WHOLE)
		return time;
	return sscanf(output, "%lf %lf", &count, &inner) == 2 && count > 0 ? inner / count : -1;
}

static bool run_round(const struct stage *stage, struct program *program, unsigned round)
{
	char mount[2 * PATH_MAX + 8];
	const char *words[32];
	const char *host[MOST_WORDS + 1];

	for (size_t i = 0; i <= MOST_WORDS; i++) {
		host[i] = i < MOST_WORDS ? program->words[i] : NULL;
		if (host[i] && !strcmp(host[i], WORKLOAD))
			host[i] = stage->workload;
	}
	wrap(stage, program, false, mount, sizeof mount, words);
	program->host[round] = figure_of(program, host);
	program->guest[round] = figure_of(program, words);
	return program->host[round] >= 0 && program->guest[round] >= 0;
}

/* Once more, with the calls counted: that slows them, so its time does not count for the figure. */
static bool count_calls(const struct stage *stage, struct program *program)
{
	char mount[2 * PATH_MAX + 8];
	const char *words[32];
	char output[256];
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	wrap(stage, program, true, mount, sizeof mount, words);
	program->whole = nowhere < 0 ? -1 : run(words, nowhere, output, sizeof output);
	program->stats = json_load_file("stats.json", 0, NULL);
	if (nowhere >= 0)
		close(nowhere);
	return program->whole >= 0 && program->stats;
}

/* ---- what the VM did meanwhile ---- */

struct host_calls {
	uint64_t exits;     /* calls by trap, of which some carry batches */
	double nanoseconds; /* in the handlers of all calls but those that only wait */
	const char *most;   /* the call that took most of it; NULL: there was none */
	double most_nanoseconds;
	uint64_t most_calls;
};

/* To wait is no work: vcpu.halt and its like are not counted, and ring.enter holds the time of what it carries. */
static bool only_waits(const char *call)
{
	static const char *const names[] = { "vcpu.halt",  "vcpu.park",  "vcpu.yield",
					     "event.wait", "ring.enter", "vm.exit" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(call, names[i]))
			return true;
	}
	return false;
}

static struct host_calls sum_calls(const struct program *program)
{
	struct host_calls sum = { 0 };
	const json_t *calls = json_object_get(json_object_get(program->stats, "stats"), "calls");
	const json_t *call;
	size_t i;

	json_array_foreach(calls, i, call)
	{
		const char *name = json_string_value(json_object_get(call, "call"));
		const char *crossing = json_string_value(json_object_get(call, "crossing"));
		uint64_t count = (uint64_t)json_integer_value(json_object_get(call, "calls"));
		double time = (double)json_integer_value(json_object_get(call, "nanoseconds"));

		if (!strcmp(crossing, "trap"))
			sum.exits += count;
		if (only_waits(name))
			continue;
		sum.nanoseconds += time;
		if (time <= sum.most_nanoseconds)
			continue;
		sum.most = name;
		sum.most_nanoseconds = time;
		sum.most_calls = count;
	}
	return sum;
}

/* ---- results ---- */

static double scale(const struct program *program)
{
	return !strcmp(program->unit, "ms") ? 1e6 : 1e3;
}

/* Where the gap is, as far as the host can see it: in calls that it serves, or inside the guest. */
static void print_gap(const struct program *program)
{
	const struct host_calls calls = sum_calls(program);

	printf("  %-8s %llu exits, %.3f ms in calls of the host", program->name,
	       (unsigned long long)calls.exits, calls.nanoseconds / 1e6);
	if (calls.most)
		printf(", most of it %s (%llu calls, %.3f ms)", calls.most,
		       (unsigned long long)calls.most_calls, calls.most_nanoseconds / 1e6);
	if (program->source == WHOLE) {
		double gap = program->guest_spread.median - program->host_spread.median;

		printf("; gap %.3f ms", gap / 1e6);
		if (gap > 2 * calls.nanoseconds)
			printf(", most of it in the guest, in start and end, and in crossings");
	} else if (calls.exits < 1000) {
		printf("; so the gap is in the guest itself");
	}
	putchar('\n');
}

static void print_table(unsigned rounds)
{
	printf("%-48s %12s %12s %12s\n", "program", "host", "VM", "host/VM");
	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct program *program = &programs[i];
		const double unit = scale(program);

		if (program->left_out)
			continue;
		printf("%-48s %9.3f %s %9.3f %s %12.3f\n", program->what, program->host_spread.median / unit,
		       program->unit, program->guest_spread.median / unit, program->unit,
		       program->host_spread.median / program->guest_spread.median);
	}
	printf("\nmedians of %u interleaved rounds. In one more run, with calls counted:\n", rounds);
	for (size_t i = 0; i < PROGRAMS; i++) {
		if (!programs[i].left_out)
			print_gap(&programs[i]);
	}
}

static json_t *json_spread(const struct measure_spread *spread)
{
	return json_pack("{s:f, s:f, s:f}", "least", spread->least, "median", spread->median, "most",
			 spread->most);
}

static bool print_json(unsigned rounds)
{
	json_t *array = json_array();
	json_t *object;
	int failed;

	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct program *program = &programs[i];
		const struct host_calls calls = sum_calls(program);

		if (program->left_out)
			continue;
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:o, s:o, s:f, s:I, s:f, s:s?}", "name", program->name,
					 "what", program->what, "host_ns", json_spread(&program->host_spread),
					 "vm_ns", json_spread(&program->guest_spread), "ratio",
					 program->host_spread.median / program->guest_spread.median, "exits",
					 (json_int_t)calls.exits, "host_calls_ns", calls.nanoseconds,
					 "most_in", calls.most));
	}
	object = json_pack("{s:s, s:i, s:o}", "benchmark", "programs", "rounds", (int)rounds, "programs",
			   array);
	failed = json_dumpf(object, stdout, JSON_INDENT(2));
	json_decref(object);
	return !failed && putchar('\n') != EOF;
}

static bool measure_all(const struct stage *stage, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < PROGRAMS; i++) {
			if (!programs[i].left_out && !run_round(stage, &programs[i], round))
				return false;
		}
	}
	for (size_t i = 0; i < PROGRAMS; i++) {
		struct program *program = &programs[i];

		if (program->left_out)
			continue;
		program->host_spread = measure_spread(program->host, rounds);
		program->guest_spread = measure_spread(program->guest, rounds);
		if (!count_calls(stage, program))
			return false;
	}
	return true;
}

/* ---- options ---- */

struct wishes {
	bool json;
	unsigned rounds;
};

static bool leave_out_all_but(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < PROGRAMS; i++) {
		programs[i].left_out = strcmp(programs[i].name, name) != 0;
		found |= !programs[i].left_out;
	}
	return found;
}

static bool set_rounds(unsigned *rounds, const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*rounds = (unsigned)number;
	return *text >= '0' && *text <= '9' && !*end && number % 2 && number <= MOST_ROUNDS;
}

static bool read_wishes(struct wishes *wishes, int argc, char **argv)
{
	*wishes = (struct wishes){ .rounds = ROUNDS };
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			wishes->json = true;
		else if (i + 1 < argc && !strcmp(argv[i], "--only") && leave_out_all_but(argv[i + 1]))
			i++;
		else if (i + 1 < argc && !strcmp(argv[i], "--rounds") &&
			 set_rounds(&wishes->rounds, argv[i + 1]))
			i++;
		else
			return false;
	}
	return true;
}

static void print_usage(FILE *to)
{
	fputs("usage: postern bench programs [--json] [--only NAME] [--rounds N]\n"
	      "N is odd and up to 99. Names:\n",
	      to);
	for (size_t i = 0; i < PROGRAMS; i++)
		fprintf(to, "  %-8s %s\n", programs[i].name, programs[i].what);
}

int bench_programs(int argc, char **argv)
{
	struct stage stage = { 0 };
	struct wishes wishes;
	bool done;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (!read_wishes(&wishes, argc, argv)) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	done = enter_stage(&stage) && (programs[SHA256].left_out || fill("file")) &&
	       measure_all(&stage, wishes.rounds);
	leave_stage(&stage);
	if (done && wishes.json)
		done = print_json(wishes.rounds);
	else if (done)
		print_table(wishes.rounds);
	for (size_t i = 0; i < PROGRAMS; i++)
		json_decref(programs[i].stats);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
