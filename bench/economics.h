/* SPDX-License-Identifier: ISC */
/* economics.h - what `postern bench economics` measured, and what is made of it. */
#ifndef POSTERN_BENCH_ECONOMICS_RESULT_H
#define POSTERN_BENCH_ECONOMICS_RESULT_H

#include "guests/economics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ECONOMICS_MOST_CASES = 32 };

struct economics_case {
	enum economics_work work;
	enum economics_way way;
	uint32_t batch;
	double ns, least, most; /* an operation: median of the rounds, fastest and slowest */
	double exits;           /* of an operation */
};

/* In ns. */
struct economics_fit {
	enum economics_work work;
	double trap;        /* t_e: an operation by trap-and-emulate */
	double hypercall;   /* t_h: a batch, without its entries */
	double entry;       /* c: each of those */
	uint32_t wins_from; /* the least n with t_h + n c < n t_e; 0: none */
};

/* The first case of a kind, or NULL. */
const struct economics_case *economics_find(const struct economics_case *cases, size_t count,
					    enum economics_work work, enum economics_way way);

/* One fit for each work. */
void economics_print(const struct economics_case *cases, size_t count, const struct economics_fit *fits,
		     unsigned rounds);
bool economics_print_json(const struct economics_case *cases, size_t count, const struct economics_fit *fits,
			  unsigned rounds);

/* Whether there is gnuplot; says so if not. */
bool economics_can_plot(void);
/* Writes a plot as SVG. Returns false after a message. */
bool economics_plot(const char *path, const struct economics_case *cases, size_t count,
		    const struct economics_fit *fits);

#endif
