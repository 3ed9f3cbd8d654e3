/* SPDX-License-Identifier: ISC */
/*
 * crossing.c - `postern bench crossing`: what each way between a guest's program, its kernel and the host costs, against
 * a system call of the host, in the same run. One guest may use all processors, a second one is confined to one.
 */
#include "guests/crossing.h"
#include "bench.h"
#include "guest.h"
#include "images.h"
#include "measure.h"

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { ROUNDS = 15, SAMPLES = 31, MEMORY = 16 << 20, EXIT_USAGE = 2 };

/* Who measures a case. */
enum place {
	HOST,     /* this program */
	APART,    /* a guest on several processors: its monitor runs beside it */
	TOGETHER, /* a guest on one, which it shares with its monitor */
	PLACES
};

struct crossing_case {
	const char *name;
	const char *what;
	enum place place;
	enum crossing_way way;
	uint32_t repeats;
	uint32_t batch; /* calls that a repeat stands for; 0 means 1 */
	double ticks[ROUNDS];
	struct measure_spread spread; /* in ticks, set when all rounds are done */
};

/* clang-format off */
static struct crossing_case cases[] = {
	{ "getppid", "getppid, a system call of the host", HOST, 0, 100 },
	{ "gate", "call into the guest's own kernel", APART, CROSSING_GATE, 1000 },
	{ "system_call", "system call of the guest's program, trapped", APART, CROSSING_SYSTEM, 10 },
	{ "trap_apart", "hypercall, the host on another processor", APART, CROSSING_TRAP, 100 },
	{ "trap_together", "hypercall, the host on the same processor", TOGETHER, CROSSING_TRAP, 8 },
	{ "batch_1", "batch of 1, an entry", APART, CROSSING_BATCH, 100, 1 },
	{ "batch_4", "batch of 4, an entry", APART, CROSSING_BATCH, 50, 4 },
	{ "batch_16", "batch of 16, an entry", APART, CROSSING_BATCH, 30, 16 },
	{ "batch_64", "batch of 64, an entry", APART, CROSSING_BATCH, 20, 64 },
	{ "batch_256", "batch of 256, an entry", APART, CROSSING_BATCH, 5, 256 },
	{ "batch_1024", "batch of 1024, an entry", APART, CROSSING_BATCH, 2, 1024 },
	{ "batch_1_together", "batch of 1, the same processor, an entry", TOGETHER, CROSSING_BATCH, 8, 1 },
	{ "batch_16_together", "batch of 16, the same processor, an entry", TOGETHER, CROSSING_BATCH, 8, 16 },
	{ "batch_256_together", "batch of 256, the same processor, an entry", TOGETHER, CROSSING_BATCH, 4, 256 },
	{ "batch_1024_together", "batch of 1024, the same processor, an entry", TOGETHER, CROSSING_BATCH, 2, 1024 },
	{ "ring", "polled ring, an entry", APART, CROSSING_RING, 2048 },
};
/* clang-format on */

enum { CASES = sizeof cases / sizeof *cases };

/* ---- measuring ---- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double time_getppid(uint32_t repeats)
{
	double samples[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = __rdtsc();

		for (uint32_t n = 0; n < repeats; n++)
			syscall(SYS_getppid);
		samples[i] = (double)(__rdtsc() - start);
	}
	return measure_spread(samples, SAMPLES).median;
}

static bool measure_case(struct crossing_case *item, struct bench_guest *guests, unsigned round)
{
	const struct crossing_question question = {
		.way = item->way,
		.samples = SAMPLES,
		.repeats = item->repeats,
		.batch = item->batch,
	};
	const double calls = item->repeats * (item->batch ? item->batch : 1.0);
	struct crossing_answer answer;

	if (item->place == HOST) {
		item->ticks[round] = time_getppid(item->repeats) / calls;
		return true;
	}
	if (!bench_guest_ask(&guests[item->place], &question, sizeof question, &answer, sizeof answer))
		return false;
	item->ticks[round] = (double)answer.ticks / calls;
	return true;
}

static bool has_several_processors(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 1;
}

static bool is_possible(const struct crossing_case *item)
{
	return item->place != APART || has_several_processors();
}

/* Sets *ticks_per_ns. */
static bool measure_all(struct bench_guest *guests, double *ticks_per_ns)
{
	const uint64_t start = now();
	const uint64_t start_ticks = __rdtsc();

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CASES; i++) {
			if (is_possible(&cases[i]) && !measure_case(&cases[i], guests, round))
				return false;
		}
	}
	*ticks_per_ns = (double)(__rdtsc() - start_ticks) / (double)(now() - start);
	for (size_t i = 0; i < CASES; i++)
		cases[i].spread = measure_spread(cases[i].ticks, ROUNDS);
	return true;
}

static int start_guests(struct bench_guest *guests)
{
	struct bench_guest_config config = {
		.image = crossing_image,
		.image_size = crossing_image_size,
		.memory = MEMORY,
		.processor = -1,
	};
	int status = has_several_processors() ? bench_guest_start(&config, &guests[APART]) : EXIT_SUCCESS;

	config.processor = sched_getcpu();
	return status ? status : bench_guest_start(&config, &guests[TOGETHER]);
}

/* ---- results ---- */

static void print_table(double ticks_per_ns)
{
	const double getppid_ticks = cases[0].spread.median;

	printf("%-52s %9s %9s %9s %9s %10s\n", "crossing", "median ns", "least", "most", "cycles",
	       "x getppid");
	for (size_t i = 0; i < CASES; i++) {
		const struct measure_spread *spread = &cases[i].spread;

		if (!is_possible(&cases[i])) {
			printf("%-52s %9s\n", cases[i].what, "needs two processors");
			continue;
		}
		printf("%-52s %9.1f %9.1f %9.1f %9.0f %10.3f\n", cases[i].what, spread->median / ticks_per_ns,
		       spread->least / ticks_per_ns, spread->most / ticks_per_ns, spread->median,
		       spread->median / getppid_ticks);
	}
	printf("medians of %d interleaved rounds, of which each is the median of %d samples; cycles are those of "
	       "the\ntime-stamp counter, %.0f MHz\n",
	       ROUNDS, SAMPLES, ticks_per_ns * 1000);
}

static json_t *case_json(const struct crossing_case *item, double ticks_per_ns)
{
	const struct measure_spread *spread = &item->spread;

	return json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f}", "name", item->name, "what", item->what,
			 "batch", (json_int_t)item->batch, "ns", spread->median / ticks_per_ns, "least_ns",
			 spread->least / ticks_per_ns, "most_ns", spread->most / ticks_per_ns, "cycles",
			 spread->median);
}

static int print_json(double ticks_per_ns)
{
	json_t *list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:i, s:f, s:o}", "benchmark", "crossing", "rounds", ROUNDS,
				  "samples", SAMPLES, "counter_mhz", ticks_per_ns * 1000, "cases", list);
	int error;

	for (size_t i = 0; i < CASES; i++) {
		if (is_possible(&cases[i]))
			json_array_append_new(list, case_json(&cases[i], ticks_per_ns));
	}
	error = json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
	return error;
}

int bench_crossing(int argc, char **argv)
{
	struct bench_guest guests[PLACES] = { 0 };
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	double ticks_per_ns;
	int status;

	if (argc > 2 || (argc == 2 && !json)) {
		fprintf(stderr, "postern bench crossing: takes no argument but --json\n");
		return EXIT_USAGE;
	}
	status = start_guests(guests);
	if (!status && !measure_all(guests, &ticks_per_ns))
		status = EXIT_FAILURE;
	for (size_t i = 0; i < PLACES; i++)
		bench_guest_end(&guests[i]);
	if (status)
		return status;
	if (json)
		return print_json(ticks_per_ns) ? EXIT_FAILURE : EXIT_SUCCESS;
	print_table(ticks_per_ns);
	return EXIT_SUCCESS;
}
