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
#include "peer.h"

#include "device/bus.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { ROUNDS = 15, MOST_ROUNDS = 99, SAMPLES = 31, MEMORY = 16 << 20, EXIT_USAGE = 2 };

/* Who measures a case. */
enum place {
	HOST,     /* this program: a system call */
	PEER,     /* this program: two processes that wake each other, on one processor */
	LOOKER,   /* this program: two processes that look for each other, on two */
	FREE,     /* a guest that may use all processors, as the engine places it */
	APART,    /* a guest on one processor and its monitor on another */
	TOGETHER, /* a guest and its monitor on one processor */
	PLACES
};

struct crossing_case {
	const char *name;
	const char *what;
	enum place place;
	enum crossing_way way;
	uint32_t repeats;
	uint32_t batch; /* calls that a repeat stands for; 0 means 1 */
	double ticks[MOST_ROUNDS];
	struct measure_spread spread; /* in ticks, set when all rounds are done */
};

/* clang-format off */
static struct crossing_case cases[] = {
	{ "getppid", "getppid, a system call of the host", HOST, 0, 100 },
	{ "peer", "two processes of the host by futex, on one processor", PEER, 0, 8 },
	{ "looker", "two processes of the host, looking, on two processors", LOOKER, 0, 100 },
	{ "gate", "call into the guest's own kernel", FREE, CROSSING_GATE, 1000 },
	{ "system_call", "system call of the guest's program, trapped", FREE, CROSSING_SYSTEM, 10 },
	{ "trap_apart", "hypercall, the host on another processor", APART, CROSSING_TRAP, 100 },
	{ "trap_together", "hypercall, the host on the same processor", TOGETHER, CROSSING_TRAP, 8 },
	{ "batch_1", "batch of 1, an entry", FREE, CROSSING_BATCH, 100, 1 },
	{ "batch_4", "batch of 4, an entry", FREE, CROSSING_BATCH, 50, 4 },
	{ "batch_16", "batch of 16, an entry", FREE, CROSSING_BATCH, 30, 16 },
	{ "batch_64", "batch of 64, an entry", FREE, CROSSING_BATCH, 20, 64 },
	{ "batch_256", "batch of 256, an entry", FREE, CROSSING_BATCH, 5, 256 },
	{ "batch_1024", "batch of 1024, an entry", FREE, CROSSING_BATCH, 2, 1024 },
	{ "batch_1_together", "batch of 1, on the same processor, an entry", TOGETHER, CROSSING_BATCH, 8, 1 },
	{ "batch_16_together", "batch of 16, on the same processor, an entry", TOGETHER, CROSSING_BATCH, 8, 16 },
	{ "batch_256_together", "batch of 256, on the same processor, an entry", TOGETHER, CROSSING_BATCH, 4, 256 },
	{ "batch_1024_together", "batch of 1024, on the same processor, an entry", TOGETHER, CROSSING_BATCH, 2, 1024 },
	{ "port", "port write, trapped", FREE, CROSSING_PORT, 10 },
	{ "port_together", "port write, trapped; the host on the same processor", TOGETHER, CROSSING_PORT, 8 },
	{ "ring", "polled ring, an entry", APART, CROSSING_RING, 2048 },
};
/* clang-format on */

/* The one port that guests write to. */
static const struct bus_range ports[] = {
	{ .name = "delay", .space = BUS_PORTS, .first = CROSSING_PORT_NUMBER, .count = 1 },
	{ 0 },
};
static struct bus bus = { .ranges = ports };

static struct bench_peer peers[PLACES];

enum { CASES = sizeof cases / sizeof *cases };

/* ---- measuring ---- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void call_getppid(uint32_t count)
{
	while (count--)
		syscall(SYS_getppid);
}

static void wake_peer(uint32_t count)
{
	bench_peer_wake(&peers[PEER], count);
}

static void look_for_peer(uint32_t count)
{
	bench_peer_look(&peers[LOOKER], count);
}

/* As a guest does it: samples that are short, and of them the median. */
static double time_here(void (*run)(uint32_t count), uint32_t count)
{
	double samples[SAMPLES];

	run(count);
	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = __rdtsc();

		run(count);
		samples[i] = (double)(__rdtsc() - start);
	}
	return measure_spread(samples, SAMPLES).median;
}

static bool measure_case(struct crossing_case *item, struct bench_guest *guests, unsigned round)
{
	static void (*const run[PLACES])(uint32_t count) = {
		[HOST] = call_getppid,
		[PEER] = wake_peer,
		[LOOKER] = look_for_peer,
	};
	const struct crossing_question question = {
		.way = item->way,
		.samples = SAMPLES,
		.repeats = item->repeats,
		.batch = item->batch,
	};
	const double calls = item->repeats * (item->batch ? item->batch : 1.0);
	struct crossing_answer answer;

	if (run[item->place]) {
		bench_peer_join(&peers[item->place]);
		item->ticks[round] = time_here(run[item->place], item->repeats) / calls;
		bench_peer_leave(&peers[item->place]);
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
	return has_several_processors() || item->place == HOST || item->place == PEER ||
	       item->place == TOGETHER;
}

/* The first processor that we may use but for one. */
static int another_processor(int number)
{
	cpu_set_t set;
	int other = 0;

	sched_getaffinity(0, sizeof set, &set);
	while (other < CPU_SETSIZE - 1 && (other == number || !CPU_ISSET((size_t)other, &set)))
		other++;
	return other;
}

/* Once a guest has answered, its threads are there. */
static bool part(struct bench_guest *guest, int vcpu, int monitor)
{
	const struct crossing_question question = { .way = CROSSING_GATE, .samples = 1, .repeats = 1 };
	struct crossing_answer answer;

	if (!bench_guest_ask(guest, &question, sizeof question, &answer, sizeof answer))
		return false;
	bench_guest_part(guest, vcpu, monitor);
	return true;
}

/* Sets *ticks_per_ns. */
static bool measure_all(struct bench_guest *guests, unsigned rounds, double *ticks_per_ns)
{
	const uint64_t start = now();
	const uint64_t start_ticks = __rdtsc();

	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < CASES; i++) {
			if (is_possible(&cases[i]) && !measure_case(&cases[i], guests, round))
				return false;
		}
	}
	*ticks_per_ns = (double)(__rdtsc() - start_ticks) / (double)(now() - start);
	for (size_t i = 0; i < CASES; i++)
		cases[i].spread = measure_spread(cases[i].ticks, rounds);
	return true;
}

static int start_guest(enum place place, int processor, struct bench_guest *guests)
{
	const struct bench_guest_config config = {
		.image = crossing_image,
		.image_size = crossing_image_size,
		.memory = MEMORY,
		.ports = &bus,
		.processor = processor,
	};

	return bench_guest_start(&config, &guests[place]);
}

static int start_peer(enum place place, int ours, int theirs, bool looks)
{
	int error = bench_peer_start(&peers[place], ours, theirs, looks);

	if (error)
		fprintf(stderr, "postern bench crossing: cannot start a process: %s\n", strerror(-error));
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start(struct bench_guest *guests)
{
	const int processor = sched_getcpu();
	const int other = another_processor(processor);
	int status = start_peer(PEER, processor, processor, false);

	if (!status)
		status = start_guest(TOGETHER, processor, guests);
	if (status || !has_several_processors())
		return status;
	status = start_peer(LOOKER, processor, other, true);
	if (!status)
		status = start_guest(FREE, -1, guests);
	if (!status)
		status = start_guest(APART, -1, guests);
	return status || part(&guests[APART], processor, other) ? status : EXIT_FAILURE;
}

/* ---- results ---- */

static void print_table(double ticks_per_ns, unsigned rounds)
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
	printf("medians of %u interleaved rounds, of which each is the median of %d samples; cycles are those of "
	       "the\ntime-stamp counter, %.0f MHz\n",
	       rounds, SAMPLES, ticks_per_ns * 1000);
}

static json_t *case_json(const struct crossing_case *item, double ticks_per_ns)
{
	const struct measure_spread *spread = &item->spread;

	return json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f}", "name", item->name, "what", item->what,
			 "batch", (json_int_t)item->batch, "ns", spread->median / ticks_per_ns, "least_ns",
			 spread->least / ticks_per_ns, "most_ns", spread->most / ticks_per_ns, "cycles",
			 spread->median);
}

static int print_json(double ticks_per_ns, unsigned rounds)
{
	json_t *list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:i, s:f, s:o}", "benchmark", "crossing", "rounds", (int)rounds,
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

static int run(unsigned rounds, bool json)
{
	struct bench_guest guests[PLACES] = { 0 };
	double ticks_per_ns = 0;
	int status = start(guests);

	if (!status && !measure_all(guests, rounds, &ticks_per_ns))
		status = EXIT_FAILURE;
	for (size_t i = 0; i < PLACES; i++) {
		bench_guest_end(&guests[i]);
		bench_peer_end(&peers[i]);
	}
	if (status)
		return status;
	if (json)
		return print_json(ticks_per_ns, rounds) ? EXIT_FAILURE : EXIT_SUCCESS;
	print_table(ticks_per_ns, rounds);
	return EXIT_SUCCESS;
}

int bench_crossing(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ 0 },
	};
	long rounds = ROUNDS;
	bool json = false;

	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		json |= option == 'j';
		if (option == 'r')
			rounds = strtol(optarg, NULL, 10);
		if (option == '?')
			return EXIT_USAGE;
	}
	if (optind < argc || rounds < 1 || rounds > MOST_ROUNDS || rounds % 2 == 0) {
		fprintf(stderr, "usage: postern bench crossing [--json] [--rounds N]\n"
				"N is odd, from 1 to 99\n");
		return EXIT_USAGE;
	}
	return run((unsigned)rounds, json);
}
