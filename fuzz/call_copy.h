/* SPDX-License-Identifier: ISC */
/*
 * call_copy.h - where things are in the struct abi_* that a handler gets, for code that knows it by the
 * grammar only.
 */
#ifndef POSTERN_FUZZ_CALL_COPY_H
#define POSTERN_FUZZ_CALL_COPY_H

#include "grammar.h"

#include "gate/trace_tables.h"

#include <string.h>
#include <sys/uio.h>

static inline uint8_t *copy_of(void *args, const struct grammar_field *arg)
{
	return (uint8_t *)args + arg->copy;
}

static inline size_t copy_align(size_t offset)
{
	return (offset + 7) / 8 * 8;
}

static inline uint64_t copy_load(const void *at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

/* The object beside a handle. */
static inline void **copy_object(void *args, const struct grammar_field *arg)
{
	return (void **)((uint8_t *)args + copy_align(arg->copy + sizeof(postern_handle_t)));
}

/* Where a struct will be written to. */
static inline struct gate_place *copy_place(void *args, const struct grammar_field *arg)
{
	return (struct gate_place *)((uint8_t *)args +
				     copy_align(arg->copy + arg->record->sizes[ABI_LEVELS - 1]));
}

/* Elements of a vector or of segments; bytes of a string or of bytes. */
static inline uint32_t *copy_length(void *args, unsigned ordinal, const struct grammar_field *arg)
{
	const struct trace_field *field = trace_calls[ordinal] + (arg - grammar_calls[ordinal].args);

	return (uint32_t *)((uint8_t *)args + field->length_at);
}

/* Bytes of all segments together. */
static inline uint64_t *copy_total(void *args, const struct grammar_field *arg)
{
	return (uint64_t *)copy_of(args, arg) - 1;
}

/* The host memory of a buffer, or of the first of segments. */
static inline struct iovec *copy_spans(void *args, const struct grammar_field *arg)
{
	return (struct iovec *)copy_of(args, arg);
}

#endif
