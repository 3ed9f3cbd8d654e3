/* SPDX-License-Identifier: ISC */
/* arena.h - memory that lives as long as the program: a contract is small and needed to the end. */
#ifndef GATEC_ARENA_H
#define GATEC_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory of size bytes. Ends the program with a message when there is none. */
void *arena_alloc(size_t size);

/* A copy of the first length bytes of text, with a NUL after it. */
char *arena_copy(const char *text, size_t length);

/* printf into the arena. */
__attribute__((format(printf, 1, 2))) char *arena_print(const char *format, ...);

__attribute__((format(printf, 1, 0))) char *arena_vprint(const char *format, va_list args);

/*
 * Room for one more element in an array that grows by doubling: returns the array, which may have
 * moved, with a zeroed element at index count. The caller adds one to its count.
 */
void *arena_grow(void *array, size_t count, size_t element_size);

#define arena_push(array, count) \
	((array) = arena_grow((array), (count), sizeof *(array)), &(array)[(count)++])

/* Gives all of it back. */
void arena_free_all(void);

#endif
