/* SPDX-License-Identifier: ISC */
/* bench.h - the command `postern bench`. */
#ifndef POSTERN_BENCH_H
#define POSTERN_BENCH_H

/* Runs the benchmark that the first word names. Returns an exit status. */
int command_bench(int argc, char **argv);

/* The benchmarks. Each measures everything that it prints in that run. Returns an exit status. */
int bench_crossing(int argc, char **argv);
int bench_economics(int argc, char **argv);
int bench_gate(int argc, char **argv);
int bench_start(int argc, char **argv);
int bench_programs(int argc, char **argv);
int bench_translation(int argc, char **argv);

#endif
