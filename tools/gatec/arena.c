/* SPDX-License-Identifier: ISC */
/* arena.c - a list of allocations, freed together. */
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	max_align_t memory[];
};

static struct block *blocks;

void *arena_alloc(size_t size)
{
	struct block *block = calloc(1, sizeof *block + size);

	if (!block) {
		fputs("gatec: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	block->next = blocks;
	blocks = block;
	return block->memory;
}

char *arena_copy(const char *text, size_t length)
{
	char *copy = arena_alloc(length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *arena_vprint(const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	size_t size = length < 0 ? 1 : (size_t)length + 1;
	char *text = arena_alloc(size);

	vsnprintf(text, size, format, again);
	va_end(again);
	return text;
}

char *arena_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = arena_vprint(format, args);
	va_end(args);
	return text;
}

void *arena_grow(void *array, size_t count, size_t element_size)
{
	/* The capacity is not stored: it is the power of two at or above count, and at least 8. */
	if (count && (count < 8 || (count & (count - 1))))
		return array;

	size_t capacity = count < 8 ? 8 : 2 * count;
	void *larger = arena_alloc(capacity * element_size);

	if (count)
		memcpy(larger, array, count * element_size);
	return larger;
}

void arena_free_all(void)
{
	while (blocks) {
		struct block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}
