/* SPDX-License-Identifier: ISC */
/* diagnostic.c - collects and prints errors in a contract. */
#include "diagnostic.h"

#include "arena.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PRINTED = 50 };

void diagnose(struct diagnostics *list, struct location at, const char *format, ...)
{
	struct diagnostic *item = arena_push(list->items, list->count);
	va_list args;

	item->at = at;
	va_start(args, format);
	item->message = arena_vprint(format, args);
	va_end(args);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* The order is total, so that the output does not depend on how qsort() treats equals. */
static int compare(const void *left, const void *right)
{
	const struct diagnostic *a = left;
	const struct diagnostic *b = right;
	int order = strcmp(a->at.file, b->at.file);

	if (!order)
		order = compare_numbers(a->at.line, b->at.line);
	if (!order)
		order = compare_numbers(a->at.column, b->at.column);
	return order ? order : strcmp(a->message, b->message);
}

/* Sorts the list and keeps one of each. */
static void put_in_order(struct diagnostics *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, compare);
	for (size_t i = 0; i < list->count; i++) {
		if (!kept || compare(&list->items[kept - 1], &list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

void diagnostics_print(struct diagnostics *list, FILE *to)
{
	put_in_order(list);
	for (size_t i = 0; i < list->count && i < MOST_PRINTED; i++) {
		const struct diagnostic *item = &list->items[i];

		if (item->at.line)
			fprintf(to, "%s:%u:%u: error: %s\n", item->at.file, item->at.line, item->at.column,
				item->message);
		else
			fprintf(to, "%s: error: %s\n", item->at.file, item->message);
	}
	if (list->count > MOST_PRINTED)
		fprintf(to, "gatec: %zu more error%s\n", list->count - MOST_PRINTED,
			list->count - MOST_PRINTED == 1 ? "" : "s");
}
