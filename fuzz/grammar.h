/* SPDX-License-Identifier: ISC */
/*
 * grammar.h - what is valid in each argument of each call, as gatec writes it for fuzzers and tests. It
 * is told apart from the validators on purpose: a test that holds both against each other finds errors
 * in either.
 */
#ifndef POSTERN_FUZZ_GRAMMAR_H
#define POSTERN_FUZZ_GRAMMAR_H

#include "abi_host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grammar_kind {
	GRAMMAR_INTEGER, /* min to max, a multiple of align; if is_signed, as two's complement */
	GRAMMAR_ADDRESS, /* the same; a guest-physical address that the gate does not resolve */
	GRAMMAR_ENUM,    /* value v if bit v of mask is set */
	GRAMMAR_FLAGS,   /* any part of mask */
	GRAMMAR_HANDLE,
	GRAMMAR_STRUCT,
	GRAMMAR_VECTOR, /* min to max structs */
	GRAMMAR_STRING, /* min to max bytes, none of them NUL */
	GRAMMAR_BYTES,
	GRAMMAR_BUFFER,
	GRAMMAR_SEGMENTS, /* min to max segments, at most total bytes */
};

enum grammar_direction { GRAMMAR_IN, GRAMMAR_OUT, GRAMMAR_INOUT };

struct grammar_record;

/* A field of a struct or an argument of a call. */
struct grammar_field {
	const char *name;
	enum grammar_kind kind;
	enum grammar_direction direction;
	uint8_t since; /* minor version */
	uint8_t bytes; /* of an integer */
	bool is_signed;
	bool zero;      /* reserved */
	bool optional;  /* handle */
	uint16_t count; /* elements of an array; 0: none */
	uint32_t at;    /* a field's offset in its struct; an argument's first register */
	uint32_t copy;  /* an argument's offset in its call's struct abi_* */
	uint64_t min;
	uint64_t max;
	uint64_t align; /* 0: any */
	uint64_t total;
	uint64_t mask;
	int from; /* index of the field that is added to it, or -1 */
	enum abi_handle_kind handle;
	uint32_t rights;
	int state; /* needed, or -1 */
	int state_error;
	const struct grammar_record *record;
};

struct grammar_record {
	const char *name;
	bool extensible;
	uint8_t since;
	uint16_t sizes[ABI_LEVELS]; /* at each minor version; 0 before the first */
	size_t field_count;
	const struct grammar_field *fields;
};

struct grammar_call {
	size_t arg_count;
	const struct grammar_field *args;
};

/* By ordinal. */
extern const struct grammar_call grammar_calls[ABI_CALLS];

#endif
