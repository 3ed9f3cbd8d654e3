/* SPDX-License-Identifier: ISC */
/* boot.c - `postern boot` and `postern trace`: runs a guest image as a VM, and answers with its exit status. */
#include "command.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Beside the guest's own: as timeout(1) and shells have them, so that scripts can tell whose failure it was. */
enum {
	STATUS_TIMED_OUT = 124,
	STATUS_POSTERN = 125, /* wrong command line, or this host could not do it */
	STATUS_REFUSED = 126, /* the image */
	STATUS_SIGNALLED = 128,
	STATUS_CRASHED = 134,
};

enum { DEFAULT_MEMORY_MIB = 128, IN_FLIGHT = 128 };

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
	"  --timeout SECONDS   end the VM after this time\n"
	"  --stats             print how often each call was made and how long it took, to stderr\n"
	"  --trace             print each call, to stderr\n"
	"  --json FILE         write the result, crash report and statistics as JSON\n"
	"  --help              print this\n"
	"\n"
	"exit status: the guest's own, or 124 timed out, 125 failed, 126 image refused, 134 guest crashed,\n"
	"128+N ended by signal N\n";

struct settings {
	const char *image;
	const char *json; /* NULL: none */
	bool stats;
	bool trace;
	struct machine_config machine;
	char *command; /* the guest's command line */
};

/* ---- options ---- */

/* Says what is wrong with an option's value. */
static bool wrong(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "postern boot: --%s %s: %s\n", option, value, why);
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

static bool set_memory(struct settings *settings, const char *value)
{
	static const char units[] = "KMG";
	const char *unit;
	const char *behind;
	uint64_t bytes;

	if (!read_number(value, units, &bytes, &behind) || (*behind && behind[1]))
		return wrong("memory", value, "not a size, such as 64M");
	unit = *behind ? strchr(units, *behind) : NULL;
	if (unit && __builtin_mul_overflow(bytes, UINT64_C(1) << (10 * (unit - units + 1)), &bytes))
		bytes = UINT64_MAX;
	if (!bytes || bytes > MEMORY_MAX_SIZE || bytes % MEMORY_PAGE_SIZE)
		return wrong("memory", value, "not a multiple of 4K, up to 1024G");
	settings->machine.memory = bytes;
	return true;
}

static bool set_cpus(struct settings *settings, const char *value)
{
	const char *behind;
	uint64_t number;

	if (!read_number(value, "", &number, &behind) || number < 1 || number > ENGINE_MAX_VCPUS)
		return wrong("cpus", value, "not a number from 1 to 64");
	settings->machine.vcpus = (unsigned)number;
	return true;
}

_Static_assert(ENGINE_MAX_VCPUS == 64, "see the message of set_cpus()");

static bool set_engine(struct settings *settings, const char *value)
{
	struct message message;

	settings->machine.engine = machine_find_engine(value, &message);
	if (!settings->machine.engine)
		fprintf(stderr, "postern boot: %s\n", message.text);
	return settings->machine.engine;
}

static bool set_allow(struct settings *settings, const char *value)
{
	char why[256];

	return !gate_policy_allow(&settings->machine.policy, value, why, sizeof why) ||
	       wrong("allow", value, why);
}

static bool set_abi(struct settings *settings, const char *value)
{
	const char *behind;
	uint64_t major;
	uint64_t minor;

	if (!read_number(value, ".", &major, &behind) || *behind != '.' ||
	    !read_number(behind + 1, "", &minor, &behind) || major != POSTERN_ABI_MAJOR ||
	    minor >= ABI_LEVELS)
		return wrong("abi", value,
			     "not a version that this build knows; 'postern abi' tells the newest");
	settings->machine.level = (unsigned)minor;
	return true;
}

static bool set_rate(struct settings *settings, const char *value)
{
	const char *behind;
	uint64_t rate;
	uint64_t burst = 1;

	if (!read_number(value, ",", &rate, &behind) || rate < 1 || rate > UINT32_MAX ||
	    (*behind && !read_number(behind + 1, "", &burst, &behind)) || burst < 1 || burst > UINT32_MAX)
		return wrong("rate", value, "not a number of calls, or two apart by a comma");
	settings->machine.rate_per_second = (uint32_t)rate;
	settings->machine.rate_burst = (uint32_t)burst;
	return true;
}

static bool set_resolution(struct settings *settings, const char *value)
{
	const char *behind;

	if (!read_number(value, "", &settings->machine.resolution, &behind) ||
	    settings->machine.resolution < 1 || settings->machine.resolution > 1000000000)
		return wrong("resolution", value, "not a number of nanoseconds, up to one second");
	return true;
}

static bool set_timeout(struct settings *settings, const char *value)
{
	char *behind;
	double seconds = strtod(value, &behind);

	if (*behind || behind == value || !isfinite(seconds) || seconds < 0.001 || seconds > 1e9)
		return wrong("timeout", value, "not a number of seconds");
	settings->machine.timeout = (uint64_t)(seconds * 1e9);
	return true;
}

static bool set_stats(struct settings *settings, const char *value)
{
	(void)value;
	settings->stats = true;
	return true;
}

static bool set_trace(struct settings *settings, const char *value)
{
	(void)value;
	settings->trace = true;
	return true;
}

static bool set_json(struct settings *settings, const char *value)
{
	settings->json = value;
	return true;
}

/* clang-format off */
static const struct {
	const char *name;
	bool has_value;
	bool (*set)(struct settings *settings, const char *value);
} options[] = {
	{ "memory", true, set_memory },
	{ "cpus", true, set_cpus },
	{ "engine", true, set_engine },
	{ "allow", true, set_allow },
	{ "abi", true, set_abi },
	{ "rate", true, set_rate },
	{ "resolution", true, set_resolution },
	{ "timeout", true, set_timeout },
	{ "stats", false, set_stats },
	{ "trace", false, set_trace },
	{ "json", true, set_json },
};
/* clang-format on */

enum { OPTIONS = sizeof options / sizeof *options, FIRST_OPTION = 1000, HELP = 'h' };

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

/* Returns STATUS_DONE if the VM is to be run, and *done if not for an error but because help was asked for. */
static int read_options(struct settings *settings, int argc, char **argv, bool *done)
{
	struct option known[OPTIONS + 2] = { { "help", no_argument, NULL, HELP } };

	for (int i = 0; i < OPTIONS; i++)
		known[i + 1] = (struct option){ options[i].name,
						options[i].has_value ? required_argument : no_argument, NULL,
						FIRST_OPTION + i };
	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (option == HELP) {
			fputs(help, stdout);
			*done = true;
			return STATUS_DONE;
		}
		if (option < FIRST_OPTION || !options[option - FIRST_OPTION].set(settings, optarg)) {
			fputs("'postern boot --help' tells what it takes\n", stderr);
			return STATUS_POSTERN;
		}
	}
	if (optind == argc) {
		fputs("postern boot: no image given; 'postern boot --help' tells what it takes\n", stderr);
		return STATUS_POSTERN;
	}
	settings->image = argv[optind];
	settings->command = join(argv + optind + 1);
	return settings->command ? STATUS_DONE : STATUS_POSTERN;
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

static int read_image(struct settings *settings)
{
	int fd = open(settings->image, O_RDONLY | O_CLOEXEC);
	struct message message;
	int error;

	if (fd < 0) {
		fprintf(stderr, "postern: %s: cannot open: %s\n", settings->image, strerror(errno));
		return STATUS_POSTERN;
	}
	error = image_read(fd, &settings->machine.image, &settings->machine.image_size, &message);
	close(fd);
	if (!error)
		return STATUS_DONE;
	fprintf(stderr, "postern: %s: cannot read: %s\n", settings->image, message.text);
	return STATUS_POSTERN;
}

static int status_of(const struct machine_result *result)
{
	switch (result->end) {
	case MACHINE_EXITED:
		return result->code;
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
static int run(const struct settings *settings, struct machine *machine, FILE *json)
{
	struct machine_result result;
	struct message message;
	struct report report = {
		.image = settings->image,
		.engine = settings->machine.engine->name,
		.machine = machine,
		.result = &result,
		.timed = settings->stats,
	};
	const double start = now();
	int error = machine_run(machine, &result, &message);

	if (error)
		fprintf(stderr, "postern: %s: %s\n", settings->image, message.text);
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

static int create_and_run(struct settings *settings)
{
	struct machine *machine;
	struct message message;
	FILE *json = NULL;
	int status;
	int error;

	if (settings->json && !(json = fopen(settings->json, "we"))) {
		fprintf(stderr, "postern: %s: cannot open: %s\n", settings->json, strerror(errno));
		return STATUS_POSTERN;
	}
	json_object_seed(0); /* reads /dev/urandom, which a jail does not let it */
	error = machine_create(&settings->machine, &machine, &message);
	settings->machine.image = NULL;
	if (error) {
		fprintf(stderr, "postern: %s: cannot load: %s\n", settings->image, message.text);
		status = error == -ENOEXEC ? STATUS_REFUSED : STATUS_POSTERN;
	} else {
		status = run(settings, machine, json);
	}
	machine_destroy(machine);
	if (json)
		fclose(json);
	return status;
}

static int boot(struct settings *settings, int argc, char **argv)
{
	bool done = false;
	char why[256];
	int status;

	settings->machine.memory = (uint64_t)DEFAULT_MEMORY_MIB << 20;
	settings->machine.vcpus = 1;
	settings->machine.level = ABI_LEVELS - 1;
	settings->machine.in_flight = IN_FLIGHT;
	settings->machine.input = STDIN_FILENO;
	settings->machine.output = STDOUT_FILENO;
	settings->machine.error = STDERR_FILENO;
	settings->machine.signals = settings->machine.jail = true;
	gate_policy_allow(&settings->machine.policy, "compute", why, sizeof why);
	status = read_options(settings, argc, argv, &done);
	if (!settings->machine.engine && !done && !status)
		status = set_engine(settings, "auto") ? STATUS_DONE : STATUS_POSTERN;
	if (!done && !status)
		status = read_image(settings);
	if (!done && !status) {
		settings->machine.command = settings->command;
		settings->machine.timing = settings->stats;
		settings->machine.trace = settings->trace ? print_call : NULL;
		status = create_and_run(settings);
	}
	free(settings->machine.image);
	free(settings->command);
	return status;
}

int command_boot(int argc, char **argv)
{
	struct settings settings = { 0 };

	return boot(&settings, argc, argv);
}

int command_trace(int argc, char **argv)
{
	struct settings settings = { .trace = true };

	return boot(&settings, argc, argv);
}
