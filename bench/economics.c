/* SPDX-License-Identifier: ISC */
/*
 * economics.c - `postern bench economics`: what paravirtualization saves. The same bytes to a console and the same reads
 * of a file, by an instruction each that traps and is emulated, by a hypercall each, by batches of n of them, and over a
 * polled ring. A batch takes t_h + n * c, a trap t_e, so that a batch wins from some n on.
 */
#include "economics.h"

#include "bench.h"
#include "devices.h"
#include "guest.h"
#include "images.h"
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { ROUNDS = 11, MOST_ROUNDS = 99, SAMPLES = 15, OPERATIONS = 64, MEMORY = 16 << 20, EXIT_USAGE = 2 };

#define FILE_READ "/proc/self/exe" /* a file that there always is */

static const uint32_t sizes[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };

struct bench {
	struct devices devices;
	int nowhere; /* /dev/null: where the console's bytes go */
	int file;
	struct bench_guest guest;
	double ticks_per_ns;
	unsigned rounds;
};

/* ---- questions ---- */

static struct economics_question question_of(enum economics_work work, enum economics_way way, uint32_t batch)
{
	return (struct economics_question){
		.work = work,
		.way = way,
		.samples = SAMPLES,
		.repeats = batch > OPERATIONS ? batch : OPERATIONS,
		.batch = batch,
	};
}

/* What the guest must have read: words from the start of the file, over and over. */
static uint64_t expected_sum(const struct bench *bench, const struct economics_question *question)
{
	uint32_t words[ECONOMICS_SPAN / ECONOMICS_WORD];
	const uint64_t count = (uint64_t)question->samples * question->repeats;
	uint64_t sum = 0;

	if (question->work != ECONOMICS_FILE)
		return 0;
	if (pread(bench->file, words, sizeof words, 0) != (ssize_t)sizeof words)
		return UINT64_MAX;
	for (uint64_t i = 0; i < count; i++)
		sum += words[i % (ECONOMICS_SPAN / ECONOMICS_WORD)];
	return sum;
}

static bool ask(const struct bench *bench, struct bench_guest *guest,
		const struct economics_question *question, double *ticks)
{
	struct economics_answer answer;

	if (!bench_guest_ask(guest, question, sizeof *question, &answer, sizeof answer))
		return false;
	*ticks = (double)answer.ticks / question->repeats;
	if (answer.sum == expected_sum(bench, question))
		return true;
	fprintf(stderr, "postern bench economics: the guest has not read what the file holds\n");
	return false;
}

static int start_guest(struct bench *bench, const char *json, struct bench_guest *guest)
{
	const struct bench_guest_config config = {
		.image = economics_image,
		.image_size = economics_image_size,
		.memory = MEMORY,
		.file = FILE_READ,
		.json = json,
		.error = bench->nowhere,
		.ports = &bench->devices.bus,
		.processor = -1,
	};

	return bench_guest_start(&config, guest);
}

/* ---- exits ---- */

/* How often a guest left for hypercalls and ports in a VM of its own that was asked one question, or none. */
static bool count_exits(struct bench *bench, const struct economics_question *question, double *exits)
{
	const int result = memfd_create("result", 0);
	char path[32];
	struct bench_guest guest;
	double ticks;
	bool done;
	json_t *object;
	const json_t *counts;

	snprintf(path, sizeof path, "/proc/self/fd/%d", result);
	if (result < 0 || start_guest(bench, path, &guest))
		return false;
	done = !question || ask(bench, &guest, question, &ticks);
	bench_guest_end(&guest);
	lseek(result, 0, SEEK_SET);
	object = json_loadfd(result, 0, NULL);
	counts = json_object_get(json_object_get(object, "stats"), "exits");
	*exits = (double)json_integer_value(json_object_get(counts, "hypercall")) +
		 (double)json_integer_value(json_object_get(counts, "port"));
	done &= counts != NULL;
	json_decref(object);
	close(result);
	return done;
}

/* What a question takes beyond the asking: reading it, answering, and setting its ring up, which one of one sample has, too. */
static bool measure_exits(struct bench *bench, struct economics_case *item)
{
	struct economics_question question = question_of(item->work, item->way, item->batch);
	double one;
	double all;

	question.samples = 1;
	if (!count_exits(bench, &question, &one))
		return false;
	question.samples = SAMPLES;
	if (!count_exits(bench, &question, &all))
		return false;
	item->exits = (all - one) / ((double)(SAMPLES - 1) * question.repeats);
	return true;
}

/* ---- times ---- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static bool measure_times(struct bench *bench, struct economics_case *cases, size_t count)
{
	static double ticks[ECONOMICS_MOST_CASES][MOST_ROUNDS];
	const double start = now();
	const uint64_t start_ticks = __rdtsc();

	for (unsigned round = 0; round < bench->rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			const struct economics_question question =
				question_of(cases[i].work, cases[i].way, cases[i].batch);

			if (!ask(bench, &bench->guest, &question, &ticks[i][round]))
				return false;
		}
	}
	bench->ticks_per_ns = (double)(__rdtsc() - start_ticks) / (now() - start);
	for (size_t i = 0; i < count; i++) {
		struct measure_spread spread = measure_spread(ticks[i], bench->rounds);

		cases[i].ns = spread.median / bench->ticks_per_ns;
		cases[i].least = spread.least / bench->ticks_per_ns;
		cases[i].most = spread.most / bench->ticks_per_ns;
	}
	return true;
}

/* ---- the fit ---- */

const struct economics_case *economics_find(const struct economics_case *cases, size_t count,
					    enum economics_work work, enum economics_way way)
{
	for (size_t i = 0; i < count; i++) {
		if (cases[i].work == work && cases[i].way == way)
			return &cases[i];
	}
	return NULL;
}

/*
 * The line through the batches: what one takes in all, by its size. By least squares of relative errors, since a batch of
 * 256 takes a hundred times as long as one of 1, and is off by as much more.
 */
static void fit_batches(const struct economics_case *cases, size_t count, struct economics_fit *fit)
{
	double w = 0;
	double wn = 0;
	double wnn = 0;
	double wt = 0;
	double wnt = 0;

	for (size_t i = 0; i < count; i++) {
		const double n = cases[i].batch;
		const double time = cases[i].ns * n;
		const double weight = 1 / (time * time);

		if (cases[i].work != fit->work || cases[i].way != ECONOMICS_BATCH)
			continue;
		w += weight;
		wn += weight * n;
		wnn += weight * n * n;
		wt += weight * time;
		wnt += weight * n * time;
	}
	fit->entry = (w * wnt - wn * wt) / (w * wnn - wn * wn);
	fit->hypercall = (wt - fit->entry * wn) / w;
}

static void fit_work(const struct economics_case *cases, size_t count, enum economics_work work,
		     struct economics_fit *fit)
{
	double least;

	*fit = (struct economics_fit){ .work = work };
	fit->trap = economics_find(cases, count, work, ECONOMICS_PORT)->ns;
	fit_batches(cases, count, fit);
	/* (t_h + n c) / n < t_e */
	least = fit->trap > fit->entry ? fit->hypercall / (fit->trap - fit->entry) : -1;
	fit->wins_from = least < 0 ? 0 : (uint32_t)least + 1;
	if (fit->trap > fit->entry && fit->hypercall <= 0)
		fit->wins_from = 1;
}

/* ---- all of it ---- */

static size_t list_cases(struct economics_case *cases, bool with_ring)
{
	size_t count = 0;

	for (unsigned i = 0; i < ECONOMICS_WORKS; i++) {
		const enum economics_work work = (enum economics_work)i;

		cases[count++] = (struct economics_case){ .work = work, .way = ECONOMICS_PORT, .batch = 1 };
		cases[count++] = (struct economics_case){ .work = work, .way = ECONOMICS_CALL, .batch = 1 };
		for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
			cases[count++] = (struct economics_case){ .work = work,
								  .way = ECONOMICS_BATCH,
								  .batch = sizes[n] };
		if (with_ring)
			cases[count++] =
				(struct economics_case){ .work = work, .way = ECONOMICS_RING, .batch = 128 };
	}
	return count;
}

/* Polling takes a processor beside the guest's. */
static bool has_several_processors(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 1;
}

static bool measure_all(struct bench *bench, struct economics_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!measure_exits(bench, &cases[i]))
			return false;
	}
	return !start_guest(bench, NULL, &bench->guest) && measure_times(bench, cases, count);
}

static bool prepare(struct bench *bench)
{
	bench->nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bench->file = open(FILE_READ, O_RDONLY | O_CLOEXEC);
	if (bench->nowhere < 0 || bench->file < 0) {
		fprintf(stderr, "postern bench economics: %s: cannot open: %s\n",
			bench->nowhere < 0 ? "/dev/null" : FILE_READ, strerror(errno));
		return false;
	}
	devices_create(&bench->devices, bench->nowhere, bench->file);
	return true;
}

static int run(unsigned rounds, bool json, const char *plot)
{
	static struct bench bench;
	static struct economics_case cases[ECONOMICS_MOST_CASES];
	struct economics_fit fits[ECONOMICS_WORKS];
	const size_t count = list_cases(cases, has_several_processors());
	bool done;

	bench.rounds = rounds;
	if (plot && !economics_can_plot())
		return EXIT_FAILURE;
	done = prepare(&bench) && measure_all(&bench, cases, count);
	bench_guest_end(&bench.guest);
	if (!done)
		return EXIT_FAILURE;
	for (unsigned work = 0; work < ECONOMICS_WORKS; work++)
		fit_work(cases, count, (enum economics_work)work, &fits[work]);
	if (json)
		done = economics_print_json(cases, count, fits, rounds);
	else
		economics_print(cases, count, fits, rounds);
	return done && (!plot || economics_plot(plot, cases, count, fits)) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int bench_economics(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "plot", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ 0 },
	};
	long rounds = ROUNDS;
	const char *plot = NULL;
	bool json = false;

	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		json |= option == 'j';
		if (option == 'p')
			plot = optarg;
		if (option == 'r')
			rounds = strtol(optarg, NULL, 10);
		if (option == '?')
			return EXIT_USAGE;
	}
	if (optind < argc || rounds < 1 || rounds > MOST_ROUNDS || rounds % 2 == 0) {
		fprintf(stderr, "usage: postern bench economics [--json] [--plot FILE] [--rounds N]\n"
				"N is odd, from 1 to 99\n");
		return EXIT_USAGE;
	}
	return run((unsigned)rounds, json, plot);
}
