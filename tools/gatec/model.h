/* SPDX-License-Identifier: ISC */
/*
 * model.h - a contract in memory. The parser fills it in, check_contract() resolves its names and
 * works out every offset, and the emitters only read it. Arrays are in the order of the file.
 * docs/contract.md says what each part means.
 */
#ifndef GATEC_MODEL_H
#define GATEC_MODEL_H

#include "diagnostic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAX_REGISTERS = 6,
	MAX_STRUCT_SIZE = 4096,
	MAX_COPY_SIZE = 65536,     /* bytes that one argument may make the host copy */
	MAX_ENUM_VALUE = 63,       /* so that a level's valid values are one 64-bit mask */
	MAX_CALLS_IN_SECTION = 64, /* so that abi.query answers with one 64-bit mask */
	MAX_CALLS = 255,           /* so that an ordinal is a byte, and 0 means no call */
	MAX_NAME = 48,
};

struct version {
	unsigned major;
	unsigned minor;
};

/* A member of an enum, a flags, or the rights or states of a handle. */
struct member {
	const char *name;
	struct location at;
	uint64_t value;
	struct version since;
	const char *prose; /* NULL when there is none */
};

/* An enum or a flags. */
struct choice {
	const char *name;
	struct location at;
	bool is_flags;
	unsigned bytes; /* of the base type: 1, 2, 4 or 8 */
	struct version since;
	const char *prose;
	struct member *members;
	size_t member_count;
};

/* A kind of object named by handles. */
struct handle {
	const char *name;
	struct location at;
	uint64_t kind;
	uint64_t max;
	struct version since;
	const char *prose;
	struct member *rights;
	size_t right_count;
	struct member *states;
	size_t state_count;
};

enum type_kind {
	TYPE_INTEGER,
	TYPE_GPA,
	TYPE_ENUM,
	TYPE_FLAGS,
	TYPE_HANDLE,
	TYPE_STRUCT,
	/* Arguments only: an address and a length in two registers. */
	TYPE_VECTOR,
	TYPE_STRING,
	TYPE_BYTES,
	TYPE_BUFFER,
	TYPE_SEGMENTS,
};

struct record;

struct type {
	enum type_kind kind;
	unsigned bytes; /* of one element of a field, or of a scalar argument's value */
	bool is_signed;
	uint64_t count;   /* elements of an array; 0: not an array */
	const char *name; /* what ENUM, FLAGS, HANDLE, STRUCT and VECTOR refer to */
	struct location at;
	const struct choice *choice; /* set by the checker, as the two below */
	const struct handle *handle;
	const struct record *record;
};

enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_INOUT };

/* A named reference with its place, such as the right in `needs read`. */
struct name {
	const char *text;
	struct location at;
};

/* A field of a struct or an argument of a call. */
struct field {
	const char *name;
	struct location at;
	struct type type;
	struct version since;
	bool has_since;
	const char *prose;

	/* Constraints. For memory arguments, min and max are lengths: bytes or elements. */
	bool has_min, has_max, has_total;
	uint64_t min, max; /* two's complement for signed types */
	uint64_t total;    /* bytes of all segments together */
	uint64_t align;    /* 0: not stated */
	bool zero;
	struct name from;
	const struct field *from_field; /* set by the checker */
	struct location bounds_at;

	/* Handles. */
	struct name *needs;
	size_t need_count;
	uint64_t needed_rights; /* set by the checker */
	struct name state;      /* text is NULL: any state */
	struct name state_error;
	const struct member *needed_state; /* set by the checker */
	bool optional;

	/* Struct fields. */
	uint64_t offset; /* set by the checker */
	bool has_stated_offset;
	uint64_t stated_offset;
	struct location offset_at;

	/* Arguments. */
	enum direction direction;
	unsigned first_register; /* set by the checker */
	unsigned register_count; /* set by the checker */
};

/* A struct. */
struct record {
	const char *name;
	struct location at;
	bool extensible;
	struct version since;
	const char *prose;
	struct field *fields;
	size_t field_count;
	/* Set by the checker. */
	uint64_t size;      /* bytes at the contract's version */
	uint64_t alignment; /* bytes */
	bool refuses_zero;  /* one that is all zero is malformed */
	int mark;           /* 0: layout not begun, 1: under way, 2: done */
};

struct section {
	const char *name;
	struct location at;
	uint64_t number;
	const char *prose;
};

enum right { RIGHT_MISSING, RIGHT_ALWAYS, RIGHT_GRANTED };
enum cost { COST_MISSING, COST_CONSTANT, COST_LINEAR, COST_PARTIAL, COST_BLOCKING };
enum crossing_bits { CROSSING_TRAP = 1, CROSSING_BATCH = 2, CROSSING_RING = 4, CROSSING_ALL = 7 };

struct call_error {
	const char *name;
	struct location at;
	int number; /* set by the checker */
	const char *prose;
};

struct call {
	const char *name; /* section.call */
	struct location at;
	const char *c_name; /* section_call */
	uint64_t number;
	struct location number_at;
	struct version since;
	const char *prose;
	struct field *args;
	size_t arg_count;
	const char *returns;
	struct call_error *errors;
	size_t error_count;
	enum right right;
	enum cost cost;
	struct name cost_arg;
	bool rate_limited;
	bool async;
	unsigned crossings; /* enum crossing_bits */
	/* Set by the checker. */
	const struct section *section;
	unsigned register_count;
};

struct profile {
	const char *name;
	struct location at;
	const char *prose;
	struct name *entries;
	size_t entry_count;
	/* Set by the checker: whether it holds contract.calls[i]. */
	bool *calls;
	int mark;
};

struct contract {
	const char *file;
	const char *name;
	struct location at;
	struct version version;
	bool draft;
	bool lock; /* no prose, offsets stated */
	const char *prose;
	struct section *sections;
	size_t section_count;
	struct choice *choices;
	size_t choice_count;
	struct handle *handles;
	size_t handle_count;
	struct record *records;
	size_t record_count;
	struct call *calls;
	size_t call_count;
	struct profile *profiles;
	size_t profile_count;
};

static inline int version_compare(struct version a, struct version b)
{
	if (a.major != b.major)
		return a.major < b.major ? -1 : 1;
	if (a.minor != b.minor)
		return a.minor < b.minor ? -1 : 1;
	return 0;
}

/* The largest value of an unsigned integer of that many bytes. */
static inline uint64_t unsigned_limit(unsigned bytes)
{
	return UINT64_MAX >> (64 - 8 * bytes);
}

static inline bool type_is_memory(enum type_kind kind)
{
	return kind >= TYPE_VECTOR;
}

/* Bytes of the record as it was at a version: 0 before its first. */
uint64_t record_size_at(const struct record *record, struct version version);

/* The errno called name, or 0. */
int errno_number(const char *name);

/* Reads a contract or a lock file. Returns NULL when it has errors; they are in the list. */
struct contract *contract_load(const char *file, struct diagnostics *list);

struct contract *parse_contract(const char *file, const char *text, size_t length, struct diagnostics *list);
void check_contract(struct contract *contract, struct diagnostics *list);

/* Reports names that would not do in the C that is generated. The contract has no other errors. */
void check_c_names(const struct contract *contract, struct diagnostics *list);

#endif
