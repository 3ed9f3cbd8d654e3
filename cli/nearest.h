/* SPDX-License-Identifier: ISC */
/* nearest.h - which of the names that exist somebody may have meant by one that does not. */
#ifndef POSTERN_NEAREST_H
#define POSTERN_NEAREST_H

#include <stddef.h>
#include <stdio.h>

enum { NEAREST_MAX = 5 };

/* The nearest of the names offered so far: those that are equally far from the word, in their order. */
struct nearest {
	const char *word;
	size_t distance; /* of those found; before that, the greatest that is near */
	size_t count;
	const char *found[NEAREST_MAX];
};

/* The word and the names offered stay the caller's, and must live as long as the result. */
struct nearest nearest_start(const char *word);
void nearest_offer(struct nearest *nearest, const char *name);

/* Prints "; did you mean A, B or C?", or, if no name is near, "; " and what to say otherwise. */
void nearest_print(const struct nearest *nearest, const char *otherwise, FILE *to);

#endif
