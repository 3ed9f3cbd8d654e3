/* SPDX-License-Identifier: ISC */
/* diagnostic.c - collects and prints errors in a contract. */
#include "diagnostic.h"

#include "arena.h"

#include <stdarg.h>
#include <stdlib.h>

enum { MOST_PRINTED = 50, MESSAGE_SIZE = 512 };

void diagnose(struct diagnostics *list, struct location at, const char *format, ...)
{
	struct diagnostic *item = arena_push(list->items, list->count);
	va_list args;

	item->at = at;
	item->message = arena_alloc(MESSAGE_SIZE);
	va_start(args, format);
	vsnprintf(item->message, MESSAGE_SIZE, format, args);
	va_end(args);
}

static int by_place(const void *left, const void *right)
{
	const struct diagnostic *a = left;
	const struct diagnostic *b = right;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return 0;
}

void diagnostics_print(struct diagnostics *list, FILE *to)
{
	if (list->count)
		qsort(list->items, list->count, sizeof *list->items, by_place);
	for (size_t i = 0; i < list->count && i < MOST_PRINTED; i++) {
		const struct diagnostic *item = &list->items[i];

		fprintf(to, "%s:%u:%u: error: %s\n", item->at.file, item->at.line, item->at.column, item->message);
	}
	if (list->count > MOST_PRINTED)
		fprintf(to, "gatec: %zu more errors\n", list->count - MOST_PRINTED);
}
