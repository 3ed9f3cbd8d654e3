/* SPDX-License-Identifier: ISC */
/* trace_tables.h - the shapes of calls and structs, as gatec writes them for the tracer. */
#ifndef POSTERN_GATE_TRACE_TABLES_H
#define POSTERN_GATE_TRACE_TABLES_H

#include "abi_host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_kind {
	TRACE_UNSIGNED,
	TRACE_SIGNED,
	TRACE_ADDRESS,
	TRACE_ENUM,
	TRACE_FLAGS,
	TRACE_HANDLE,
	TRACE_STRUCT,
	TRACE_VECTOR, /* of structs; length is their number */
	TRACE_STRING,
	TRACE_BYTES,
	TRACE_BUFFER,   /* a struct iovec */
	TRACE_SEGMENTS, /* struct iovecs; length is their number */
};

struct trace_name {
	const char *name;
	uint64_t value; /* of an enum's member, or a bit */
};

struct trace_record;

/* A field of a struct, or an argument in a call's struct abi_*. */
struct trace_field {
	const char *name;
	enum trace_kind kind;
	bool is_output;  /* meaningful only once the call has succeeded */
	uint8_t bytes;   /* of an integer */
	uint16_t count;  /* elements of an array; 0: none */
	uint32_t offset; /* in bytes */
	uint32_t
		length_at; /* offset of the uint32_t that holds a VECTOR's, STRING's, BYTES' or SEGMENTS' length */
	const struct trace_name *names; /* of ENUM and FLAGS; ends with a NULL name */
	const struct trace_record *record;
};

struct trace_record {
	size_t size;
	const struct trace_field *fields; /* ends with a NULL name */
};

/* By ordinal: the arguments of each call, in the order of its registers; ends with a NULL name. */
extern const struct trace_field *const trace_calls[ABI_CALLS];

#endif
