/* SPDX-License-Identifier: ISC */
/* vm.c - options that all commands share which run a VM, and running it with its reports. */
#include "vm.h"

#include "command.h"
#include "machine/mount.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT = 128, MOST_OPTIONS = 32, FIRST_OPTION = 1000, HELP = 'h' };

/* The command, for messages. */
static const char *title = "postern";

/* ---- options ---- */

/* Says what is wrong with an option's value. */
bool vm_wrong(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "%s: --%s %s: %s\n", title, option, value, why);
	return false;
}

/* A decimal number that is all of the text up to one of the characters in `end`, which *behind then points to. */
static bool read_number(const char *text, const char *end, uint64_t *number, const char **behind)
{
	char *last;

	errno = 0;
	*number = strtoull(text, &last, 10);
	*behind = last;
	return *text >= '0' && *text <= '9' && !errno && (!*last || strchr(end, *last));
}

static bool set_memory(struct vm_settings *settings, const char *value)
{
	static const char units[] = "KMG";
	const char *unit;
	const char *behind;
	uint64_t bytes;

	if (!read_number(value, units, &bytes, &behind) || (*behind && behind[1]))
		return vm_wrong("memory", value, "not a size, such as 64M");
	unit = *behind ? strchr(units, *behind) : NULL;
	if (unit && __builtin_mul_overflow(bytes, UINT64_C(1) << (10 * (unit - units + 1)), &bytes))
		bytes = UINT64_MAX;
	if (!bytes || bytes > MEMORY_MAX_SIZE || bytes % MEMORY_PAGE_SIZE)
		return vm_wrong("memory", value, "not a multiple of 4K, up to 1024G");
	settings->machine.memory = bytes;
	return true;
}

static bool set_cpus(struct vm_settings *settings, const char *value)
{
	const char *behind;
	uint64_t number;

	if (!read_number(value, "", &number, &behind) || number < 1 || number > ENGINE_MAX_VCPUS)
		return vm_wrong("cpus", value, "not a number from 1 to 64");
	settings->machine.vcpus = (unsigned)number;
	return true;
}

_Static_assert(ENGINE_MAX_VCPUS == 64, "see the message of set_cpus()");

static bool set_engine(struct vm_settings *settings, const char *value)
{
	struct message message;

	settings->machine.engine = machine_find_engine(value, &message);
	if (!settings->machine.engine)
		fprintf(stderr, "%s: %s\n", title, message.text);
	return settings->machine.engine;
}

static bool set_allow(struct vm_settings *settings, const char *value)
{
	char why[256];

	return !gate_policy_allow(&settings->machine.policy, value, why, sizeof why) ||
	       vm_wrong("allow", value, why);
}

static bool set_abi(struct vm_settings *settings, const char *value)
{
	const char *behind;
	uint64_t major;
	uint64_t minor;

	if (!read_number(value, ".", &major, &behind) || *behind != '.' ||
	    !read_number(behind + 1, "", &minor, &behind) || major != POSTERN_ABI_MAJOR ||
	    minor >= ABI_LEVELS)
		return vm_wrong("abi", value,
				"not a version that this build knows; 'postern abi' tells the newest");
	settings->machine.level = (unsigned)minor;
	return true;
}

static bool set_rate(struct vm_settings *settings, const char *value)
{
	const char *behind;
	uint64_t rate;
	uint64_t burst = 1;

	if (!read_number(value, ",", &rate, &behind) || rate < 1 || rate > UINT32_MAX ||
	    (*behind && !read_number(behind + 1, "", &burst, &behind)) || burst < 1 || burst > UINT32_MAX)
		return vm_wrong("rate", value, "not a number of calls, or two apart by a comma");
	settings->machine.rate_per_second = (uint32_t)rate;
	settings->machine.rate_burst = (uint32_t)burst;
	return true;
}

static bool set_resolution(struct vm_settings *settings, const char *value)
{
	const char *behind;

	if (!read_number(value, "", &settings->machine.resolution, &behind) ||
	    settings->machine.resolution < 1 || settings->machine.resolution > 1000000000)
		return vm_wrong("resolution", value, "not a number of nanoseconds, up to one second");
	return true;
}

static bool set_timeout(struct vm_settings *settings, const char *value)
{
	char *behind;
	double seconds = strtod(value, &behind);

	if (*behind || behind == value || !isfinite(seconds) || seconds < 0.001 || seconds > 1e9)
		return vm_wrong("timeout", value, "not a number of seconds");
	settings->machine.timeout = (uint64_t)(seconds * 1e9);
	return true;
}

/* ---- files of the host ---- */

bool vm_add_mount(struct vm_settings *settings, const char *source, const char *path, bool read_only)
{
	const unsigned count = settings->machine.mount_count;
	struct message message;

	if (count == SERVICE_MOUNTS_MAX) {
		fprintf(stderr, "%s: %s: cannot mount: %d mounts are the most that a VM can have\n", title,
			source, SERVICE_MOUNTS_MAX);
		return false;
	}
	if (mount_open(source, path, read_only, &settings->mounts[count], &message)) {
		fprintf(stderr, "%s: %s: cannot mount: %s\n", title, source, message.text);
		return false;
	}
	settings->machine.mounts = settings->mounts;
	settings->machine.mount_count = count + 1;
	return true;
}

/* Cuts ":ro" or ":rw" off the end of a mount. Without either it is read-only. */
static bool cut_access(char *value)
{
	char *colon = strrchr(value, ':');
	const bool is_access = colon && (!strcmp(colon, ":ro") || !strcmp(colon, ":rw"));
	const bool read_only = !is_access || colon[2] == 'o';

	if (is_access)
		*colon = '\0';
	return read_only;
}

/* The value is a word of the command line, which lasts as long as the process; it is cut into its parts there. */
static bool set_mount(struct vm_settings *settings, const char *value)
{
	char *source = (char *)value;
	const bool read_only = cut_access(source);
	char *colon = strrchr(source, ':');
	char why[256];

	if (!colon || colon == source)
		return vm_wrong("mount", value, "not of the form SRC:DST, with :ro or :rw behind it");
	*colon = '\0';
	/* Who gives files to a VM wants it to use them. */
	gate_policy_allow(&settings->machine.policy, "file", why, sizeof why);
	return vm_add_mount(settings, source, colon + 1, read_only);
}

static void close_mounts(struct vm_settings *settings)
{
	for (unsigned i = 0; i < settings->machine.mount_count; i++)
		close(settings->mounts[i].fd);
	settings->machine.mount_count = 0;
}

static bool set_stats(struct vm_settings *settings, const char *value)
{
	(void)value;
	settings->stats = true;
	return true;
}

static bool set_trace(struct vm_settings *settings, const char *value)
{
	(void)value;
	settings->trace = true;
	return true;
}

static bool set_json(struct vm_settings *settings, const char *value)
{
	settings->json = value;
	return true;
}

/* clang-format off */
static const struct vm_option options[] = {
	{ "memory", true, set_memory },
	{ "cpus", true, set_cpus },
	{ "engine", true, set_engine },
	{ "allow", true, set_allow },
	{ "abi", true, set_abi },
	{ "rate", true, set_rate },
	{ "resolution", true, set_resolution },
	{ "timeout", true, set_timeout },
	{ "mount", true, set_mount },
	{ "stats", false, set_stats },
	{ "trace", false, set_trace },
	{ "json", true, set_json },
	{ 0 },
};
/* clang-format on */

/* Appends options to those that getopt_long() gets; returns how many there are. */
static int list_options(struct option *known, int count, const struct vm_option *more)
{
	for (; more->name && count < MOST_OPTIONS; more++, count++)
		known[count] = (struct option){ more->name, more->has_value ? required_argument : no_argument,
						NULL, FIRST_OPTION + count };
	return count;
}

int vm_read_options(struct vm_settings *settings, const struct vm_option *own, const char *help, int argc,
		    char **argv)
{
	const struct vm_option *sets[] = { options, own };
	const struct vm_option *all[MOST_OPTIONS];
	struct option known[MOST_OPTIONS + 2] = { 0 };
	int count = 0;

	title = argv[0];
	for (size_t i = 0; i < 2; i++) {
		int first = count;

		count = list_options(known, count, sets[i]);
		for (int j = first; j < count; j++)
			all[j] = &sets[i][j - first];
	}
	known[count] = (struct option){ "help", no_argument, NULL, HELP };
	for (int option; (option = getopt_long(argc, argv, settings->order, known, NULL)) != -1;) {
		if (option == HELP) {
			fputs(help, stdout);
			return VM_HELP;
		}
		if (option < FIRST_OPTION || !all[option - FIRST_OPTION]->set(settings, optarg)) {
			fprintf(stderr, "'%s --help' tells what it takes\n", title);
			return VM_WRONG;
		}
	}
	return optind;
}

void vm_settings_init(struct vm_settings *settings, uint64_t memory, const char *profile)
{
	char why[256];

	settings->order = "";
	settings->machine.memory = memory;
	settings->machine.vcpus = 1;
	settings->machine.level = ABI_LEVELS - 1;
	settings->machine.in_flight = IN_FLIGHT;
	settings->machine.input = STDIN_FILENO;
	settings->machine.output = STDOUT_FILENO;
	settings->machine.error = STDERR_FILENO;
	settings->machine.signals = settings->machine.jail = true;
	gate_policy_allow(&settings->machine.policy, profile, why, sizeof why);
}

/* ---- running ---- */

/* Written in one piece, so that lines of several vCPUs do not mix. */
static void print_call(void *context, const struct gate_trace *trace)
{
	char line[1024];
	int start = snprintf(line, sizeof line, "[%u %s] ", gate_vcpu_number(trace->vcpu),
			     gate_crossing_name(trace->crossing));
	int length = start + gate_trace_print(trace, line + start, sizeof line - (size_t)start - 1);

	(void)context;
	if (length > (int)sizeof line - 2)
		length = (int)sizeof line - 2;
	line[length++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)length);
}

static int status_of(const struct machine_result *result)
{
	switch (result->end) {
	case MACHINE_EXITED:
		return result->code;
	case MACHINE_RESET:
		return STATUS_RESET;
	case MACHINE_CRASHED:
		return STATUS_CRASHED;
	case MACHINE_TIMED_OUT:
		return STATUS_TIMED_OUT;
	case MACHINE_SIGNALLED:
		return STATUS_SIGNALLED + result->code;
	case MACHINE_FAILED:
	case MACHINE_ENDS:
		break;
	}
	return STATUS_POSTERN;
}

/* Returns 0, or an errno. */
static int write_json(FILE *to, const struct report *report)
{
	json_t *object = report_json(report);
	int failed = object ? json_dumpf(object, to, JSON_INDENT(2)) : -1;

	json_decref(object);
	if (failed || fputc('\n', to) == EOF || fflush(to))
		return errno ? errno : ENOMEM;
	return 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* In one piece, which nothing else on stderr can come between. */
static void print_report(const struct report *report, bool stats)
{
	size_t size = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return;
	report_end(to, report);
	if (stats)
		report_stats(to, report);
	fclose(to);
	fwrite(text, 1, size, stderr);
	free(text);
}

/* json: NULL, or where the result goes. */
static int run(const struct vm_settings *settings, struct machine *machine, FILE *json)
{
	struct machine_result result;
	struct message message;
	struct report report = {
		.image = settings->name,
		.engine = settings->machine.engine->name,
		.machine = machine,
		.result = &result,
		.timed = settings->stats,
	};
	const double start = now();
	int error = machine_run(machine, &result, &message);

	if (error)
		fprintf(stderr, "postern: %s: %s\n", settings->name, message.text);
	if (error && error != -ETIMEDOUT)
		return STATUS_POSTERN;
	report.seconds = now() - start;
	report.status = status_of(&result);
	print_report(&report, settings->stats);
	if (error)
		_exit(report.status); /* with the thread that does not end */
	error = json ? write_json(json, &report) : 0;
	if (!error)
		return report.status;
	fprintf(stderr, "postern: %s: cannot write: %s\n", settings->json, strerror(error));
	return STATUS_POSTERN;
}

/* No machine has taken it over. */
static void drop_image(struct vm_settings *settings)
{
	if (!settings->machine.image_stays)
		free(settings->machine.image);
	settings->machine.image = NULL;
}

static int create_and_run(struct vm_settings *settings)
{
	struct machine *machine;
	struct message message;
	FILE *json = NULL;
	int status;
	int error;

	if (settings->json && !(json = fopen(settings->json, "we"))) {
		fprintf(stderr, "postern: %s: cannot open: %s\n", settings->json, strerror(errno));
		drop_image(settings);
		return STATUS_POSTERN;
	}
	if (json)
		json_object_seed(0); /* reads /dev/urandom, which a jail does not let it */
	error = machine_create(&settings->machine, &machine, &message);
	settings->machine.image = NULL;
	if (error) {
		fprintf(stderr, "postern: %s: cannot load: %s\n", settings->name, message.text);
		status = error == -ENOEXEC ? STATUS_REFUSED : STATUS_POSTERN;
	} else {
		status = run(settings, machine, json);
	}
	machine_destroy(machine);
	if (json)
		fclose(json);
	return status;
}

int vm_run(struct vm_settings *settings)
{
	int status;

	settings->machine.timing = settings->stats;
	settings->machine.trace = settings->trace ? print_call : NULL;
	if (!settings->machine.engine && !set_engine(settings, "auto")) {
		drop_image(settings);
		return STATUS_POSTERN;
	}
	/* The guest chooses the bits of files that it makes. */
	if (settings->machine.mount_count)
		umask(0);
	status = create_and_run(settings);
	close_mounts(settings);
	return status;
}
