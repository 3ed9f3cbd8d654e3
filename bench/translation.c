/* SPDX-License-Identifier: ISC */
/*
 * translation.c - `postern bench translation`: what a guest's memory costs. Pointers are chased through more and more
 * memory, in a guest and on the host, by the same code: up to some size that tells the caches, and from there on also how
 * addresses are translated, by how many levels and in pages of which size.
 */
#include "guests/translation.h"
#include "bench.h"
#include "guest.h"
#include "guests/sample.h"
#include "images.h"
#include "measure.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { ROUNDS = 3, MOST_ROUNDS = 99, SAMPLES = 7, STEPS = 1 << 16, MOST_SIZES = 20, EXIT_USAGE = 2 };

#define LEAST_SIZE (UINT64_C(16) << 10)
#define MOST_SIZE (UINT64_C(1) << 30)
#define ROOM (UINT64_C(64) << 20) /* for the guest's own use */

/* Where a chase runs. */
enum place {
	HOST,       /* memory as a program gets it */
	HOST_PAGES, /* in pages of 4 KiB, whatever the kernel would make of it */
	GUEST,
	PLACES
};

static const char *const place_names[PLACES] = { "host", "host_4k", "guest" };

struct size {
	uint64_t bytes;
	double ticks[PLACES][MOST_ROUNDS]; /* a step */
	struct measure_spread spread[PLACES];
};

struct bench {
	unsigned rounds;
	size_t count;
	struct size sizes[MOST_SIZES];
	void *memory[PLACES]; /* of the host: MOST_SIZE or what --most says */
	uint64_t most;
	uint32_t *order;
	struct bench_guest guest;
	double ticks_per_ns;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- the host ---- */

static bool map(struct bench *bench)
{
	bench->order = malloc(translation_count(bench->most) * sizeof *bench->order);
	for (unsigned place = HOST; place <= HOST_PAGES; place++) {
		bench->memory[place] = mmap(NULL, bench->most, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (bench->memory[place] == MAP_FAILED || !bench->order) {
			fprintf(stderr, "postern bench translation: cannot get %llu MiB of memory: %s\n",
				(unsigned long long)(bench->most >> 20), strerror(errno));
			return false;
		}
	}
	madvise(bench->memory[HOST_PAGES], bench->most, MADV_NOHUGEPAGE);
	return true;
}

static double chase_here(struct bench *bench, enum place place, uint64_t size)
{
	uint64_t samples[SAMPLES];
	struct translation_node *node = translation_link(bench->memory[place], size, bench->order);

	node = translation_chase(node, STEPS);
	for (unsigned i = 0; i < SAMPLES; i++) {
		const uint64_t start = sample_ticks();

		node = translation_chase(node, STEPS);
		__asm__ volatile("" : : "r"(node));
		samples[i] = sample_ticks() - start;
	}
	return (double)sample_median(samples, SAMPLES);
}

/* ---- the guest ---- */

static bool chase_there(struct bench *bench, uint64_t size, double *ticks)
{
	const struct translation_question question = { .size = size, .steps = STEPS, .samples = SAMPLES };
	struct translation_answer answer;

	if (!bench_guest_ask(&bench->guest, &question, sizeof question, &answer, sizeof answer))
		return false;
	*ticks = (double)answer.ticks;
	if (!answer.ticks)
		fprintf(stderr, "postern bench translation: the guest has no %llu MiB in one piece\n",
			(unsigned long long)(size >> 20));
	return answer.ticks;
}

static int start_guest(struct bench *bench)
{
	const struct bench_guest_config config = {
		.image = translation_image,
		.image_size = translation_image_size,
		.memory = bench->most + ROOM,
		.processor = -1,
	};

	return bench_guest_start(&config, &bench->guest);
}

/* ---- both ---- */

static bool measure_size(struct bench *bench, struct size *size, unsigned round)
{
	double ticks;

	for (unsigned place = HOST; place <= HOST_PAGES; place++)
		size->ticks[place][round] = chase_here(bench, (enum place)place, size->bytes) / STEPS;
	if (!chase_there(bench, size->bytes, &ticks))
		return false;
	size->ticks[GUEST][round] = ticks / STEPS;
	return true;
}

static bool measure_all(struct bench *bench)
{
	const double start = now();
	const uint64_t start_ticks = __rdtsc();

	for (unsigned round = 0; round < bench->rounds; round++) {
		for (size_t i = 0; i < bench->count; i++) {
			if (!measure_size(bench, &bench->sizes[i], round))
				return false;
		}
	}
	bench->ticks_per_ns = (double)(__rdtsc() - start_ticks) / (now() - start);
	for (size_t i = 0; i < bench->count; i++) {
		for (unsigned place = 0; place < PLACES; place++)
			bench->sizes[i].spread[place] =
				measure_spread(bench->sizes[i].ticks[place], bench->rounds);
	}
	return true;
}

/* ---- results ---- */

static void print_table(const struct bench *bench)
{
	printf("%-16s %12s %12s %12s %12s %12s\n", "chase through", "host ns", "in 4K pages", "guest ns",
	       "x host", "x 4K pages");
	for (size_t i = 0; i < bench->count; i++) {
		const struct measure_spread *spread = bench->sizes[i].spread;
		const uint64_t kib = bench->sizes[i].bytes >> 10;

		printf("%9llu %-6s %12.2f %12.2f %12.2f %12.2f %12.2f\n",
		       (unsigned long long)(kib < 1024 ? kib : kib >> 10), kib < 1024 ? "KiB" : "MiB",
		       spread[HOST].median / bench->ticks_per_ns,
		       spread[HOST_PAGES].median / bench->ticks_per_ns,
		       spread[GUEST].median / bench->ticks_per_ns, spread[GUEST].median / spread[HOST].median,
		       spread[GUEST].median / spread[HOST_PAGES].median);
	}
	printf("a step that depends on the one before; medians of %u interleaved rounds\n", bench->rounds);
}

static bool print_json(const struct bench *bench)
{
	json_t *list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:o}", "benchmark", "translation", "rounds", (int)bench->rounds,
				  "sizes", list);
	int error;

	for (size_t i = 0; i < bench->count; i++) {
		json_t *size = json_pack("{s:I}", "bytes", (json_int_t)bench->sizes[i].bytes);

		for (unsigned place = 0; place < PLACES; place++) {
			const struct measure_spread *spread = &bench->sizes[i].spread[place];

			json_object_set_new(size, place_names[place],
					    json_pack("{s:f, s:f, s:f}", "ns",
						      spread->median / bench->ticks_per_ns, "least_ns",
						      spread->least / bench->ticks_per_ns, "most_ns",
						      spread->most / bench->ticks_per_ns));
		}
		json_array_append_new(list, size);
	}
	error = json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
	return !error;
}

static int run(struct bench *bench, bool json)
{
	bool done;

	for (uint64_t size = LEAST_SIZE; size <= bench->most; size *= 4)
		bench->sizes[bench->count++].bytes = size;
	done = map(bench) && !start_guest(bench) && measure_all(bench);
	bench_guest_end(&bench->guest);
	if (!done)
		return EXIT_FAILURE;
	if (json)
		return print_json(bench) ? EXIT_SUCCESS : EXIT_FAILURE;
	print_table(bench);
	return EXIT_SUCCESS;
}

int bench_translation(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "most", required_argument, NULL, 'm' },
		{ "rounds", required_argument, NULL, 'r' },
		{ 0 },
	};
	static struct bench bench;
	long rounds = ROUNDS;
	bool json = false;

	bench.most = MOST_SIZE;
	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		json |= option == 'j';
		if (option == 'm')
			bench.most = strtoull(optarg, NULL, 10) << 10;
		if (option == 'r')
			rounds = strtol(optarg, NULL, 10);
		if (option == '?')
			return EXIT_USAGE;
	}
	if (optind < argc || rounds < 1 || rounds > MOST_ROUNDS || rounds % 2 == 0 ||
	    bench.most < LEAST_SIZE || bench.most > MOST_SIZE) {
		fprintf(stderr, "usage: postern bench translation [--json] [--most KIB] [--rounds N]\n"
				"KIB is from 16 to 1048576, and N odd, from 1 to 99\n");
		return EXIT_USAGE;
	}
	bench.rounds = (unsigned)rounds;
	return run(&bench, json);
}
