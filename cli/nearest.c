/* SPDX-License-Identifier: ISC */
/*
 * nearest.c - how far one word is from another: the number of letters that were changed, left out, added
 * or swapped with their neighbour (optimal string alignment). Case does not count.
 */
#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LONGEST = 128 }; /* longer words are not looked at; the contract's names are at most 97 */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static bool are_swapped(const char *a, const char *b, size_t i, size_t j)
{
	return i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]);
}

/* rows[i % 3][j]: how far the first i letters of a are from the first j of b. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = above[j - 1] + !is_same(a[i - 1], b[j - 1]);
			row[j] = least(row[j], 1 + least(above[j], row[j - 1]));
			if (are_swapped(a, b, i, j))
				row[j] = least(row[j], 1 + above_that[j - 2]);
		}
	}
	return rows[a_length % 3][b_length];
}

struct nearest nearest_start(const char *word)
{
	return (struct nearest){ .word = word, .distance = 1 + strlen(word) / 5 };
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t length = strlen(nearest->word), far;

	if (!length || length > LONGEST || strlen(name) > LONGEST)
		return;
	far = distance(nearest->word, name);
	if (length > 2 && strcasestr(name, nearest->word))
		far = least(far, 1); /* a part of the name, such as "read" of "clock.read" */
	if (far < nearest->distance) {
		nearest->distance = far;
		nearest->count = 0;
	}
	if (far == nearest->distance && nearest->count < NEAREST_MAX)
		nearest->found[nearest->count++] = name;
}

void nearest_print(const struct nearest *nearest, const char *otherwise, FILE *to)
{
	if (!nearest->count)
		fprintf(to, "; %s", otherwise);
	for (size_t i = 0; i < nearest->count; i++) {
		const char *before = !i ? "; did you mean " : i + 1 < nearest->count ? ", " : " or ";

		fprintf(to, "%s%s", before, nearest->found[i]);
	}
	if (nearest->count)
		fputc('?', to);
}
