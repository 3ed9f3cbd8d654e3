/* SPDX-License-Identifier: ISC */
/* bench.c - `postern bench`: finds the benchmark that is asked for. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct benchmark {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
};

static const struct benchmark benchmarks[] = {
	{ "crossing", bench_crossing, "each way between a guest's program, its kernel and the host" },
	{ "economics", bench_economics, "trap-and-emulate against hypercalls, batches and a ring" },
	{ "gate", bench_gate, "the host's side of a call: decode, validate, dispatch" },
	{ "programs", bench_programs, "ordinary programs by 'postern run', against the host" },
	{ "start", bench_start, "from exec to exit of the smallest guest, and the memory it takes" },
	{ "translation", bench_translation, "pointers chased through memory, in a guest and on the host" },
};

enum { BENCHMARKS = sizeof benchmarks / sizeof *benchmarks, EXIT_USAGE = 2 };

static void print_usage(FILE *to)
{
	fputs("usage: postern bench NAME [OPTION]...\n\nMeasures on this machine, in this run.\n\nbenchmarks:\n",
	      to);
	for (size_t i = 0; i < BENCHMARKS; i++)
		fprintf(to, "  %-11s %s\n", benchmarks[i].name, benchmarks[i].what);
}

int command_bench(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--help")) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < BENCHMARKS; i++) {
		if (!strcmp(benchmarks[i].name, name))
			return benchmarks[i].run(argc - 1, argv + 1);
	}
	if (argc > 1)
		fprintf(stderr, "postern bench: no such benchmark: %s\n", name);
	else
		fprintf(stderr, "postern bench: which benchmark?\n");
	print_usage(stderr);
	return EXIT_USAGE;
}
