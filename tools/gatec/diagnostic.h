/* SPDX-License-Identifier: ISC */
/* diagnostic.h - errors in a contract, collected so that one run shows them all, in the order of the file. */
#ifndef GATEC_DIAGNOSTIC_H
#define GATEC_DIAGNOSTIC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A place in a contract; line and column count from 1, columns in bytes. Line 0 is the file as a whole. */
struct location {
	const char *file;
	uint32_t line;
	uint32_t column;
};

struct diagnostic {
	struct location at;
	char *message;
};

struct diagnostics {
	struct diagnostic *items;
	size_t count;
};

__attribute__((format(printf, 3, 4))) void diagnose(struct diagnostics *list, struct location at,
						    const char *format, ...);

/* Writes `file:line:column: error: message` for each, sorted, without repetitions; at most 50. */
void diagnostics_print(struct diagnostics *list, FILE *to);

#endif
