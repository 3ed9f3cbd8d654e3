/* SPDX-License-Identifier: ISC */
/*
 * spoil_call.c - see spoil_call.h. Every way is one `if (is_turn(...))`: the ways are counted by going
 * through them, and the one whose turn it is is carried out.
 */
#include "spoil_call.h"

#include "levels.h"

#include <errno.h>
#include <string.h>

enum { LARGEST_RECORD = 4096, LARGEST_COPY = 65536 };

struct spoiler {
	struct maker *maker;
	struct made_call *call;
	const struct grammar_field *arg;
	struct made_place *place;
	unsigned left; /* ways to pass over */
	bool done;
	struct spoiled *spoiled;
};

/* Where a value is: in a register, or in guest memory. */
struct target {
	uint64_t *reg;
	uint64_t at;
};

int refusal_errno(enum gate_refusal refusal)
{
	/* clang-format off */
	static const int numbers[GATE_REFUSALS] = {
		[GATE_UNKNOWN] = ENOSYS,
		[GATE_DENIED] = EPERM,
		[GATE_MALFORMED] = EINVAL,
		[GATE_FAULT] = EFAULT,
		[GATE_TOO_BIG] = E2BIG,
		[GATE_BAD_HANDLE] = EBADF,
		[GATE_NO_RIGHT] = EACCES,
		[GATE_LIMIT] = EAGAIN,
	};
	/* clang-format on */

	return numbers[refusal];
}

static bool is_turn(struct spoiler *s, bool applies, enum gate_refusal refusal, const char *where,
		    const char *what)
{
	if (!applies || s->done || s->left--)
		return false;
	s->done = true;
	*s->spoiled = (struct spoiled){ refusal, refusal_errno(refusal), what, where };
	if (refusal == GATE_BAD_STATE)
		s->spoiled->error = s->arg->state_error;
	return true;
}

/* ---- one value ---- */

static void set(struct spoiler *s, struct target target, const struct grammar_field *field, uint64_t value)
{
	if (target.reg)
		*target.reg = value;
	else
		make_store(s->maker, target.at, value, field->bytes);
}

static uint64_t limit_of(const struct grammar_field *field)
{
	return UINT64_MAX >> (64 - 8 * field->bytes);
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return align ? (value + align - 1) / align * align : value;
}

static uint64_t round_down(uint64_t value, uint64_t align)
{
	return align ? value / align * align : value;
}

static void spoil_signed(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	int64_t most = (int64_t)(limit_of(field) >> 1);
	int64_t min = (int64_t)field->min;
	int64_t max = (int64_t)field->max;

	if (is_turn(s, min > -most - 1, GATE_MALFORMED, field->name, "below its range"))
		set(s, target, field, (uint64_t)min - 1);
	if (is_turn(s, max < most, GATE_MALFORMED, field->name, "above its range"))
		set(s, target, field, (uint64_t)max + 1);
}

static void spoil_unsigned(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	uint64_t limit = limit_of(field);

	if (is_turn(s, field->min > 0, GATE_MALFORMED, field->name, "below its range"))
		set(s, target, field, field->min - 1);
	if (is_turn(s, field->max < limit, GATE_MALFORMED, field->name, "above its range"))
		set(s, target, field, field->max + 1);
	if (is_turn(s, field->max < limit, GATE_MALFORMED, field->name, "the largest of its type"))
		set(s, target, field, limit);
	if (is_turn(s, field->align > 1, GATE_MALFORMED, field->name, "misaligned"))
		set(s, target, field, round_up(field->min, field->align) + 1);
}

static void spoil_reserved(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	if (is_turn(s, true, GATE_MALFORMED, field->name, "reserved, lowest bit"))
		set(s, target, field, 1);
	if (is_turn(s, true, GATE_MALFORMED, field->name, "reserved, highest bit"))
		set(s, target, field, UINT64_C(1) << (8 * field->bytes - 1));
}

/* Gives both the value and what it is counted from values that are valid by themselves. */
static void spoil_sum(struct spoiler *s, const struct grammar_field *field, struct target target,
		      const struct grammar_field *from, struct target base)
{
	uint64_t most = round_down(from->max, from->align);
	uint64_t room = UINT64_MAX - most;
	uint64_t least = round_up(room + 1 > field->min ? room + 1 : field->min, field->align);
	bool possible = room < UINT64_MAX && least > room && least <= field->max;

	if (is_turn(s, possible, GATE_MALFORMED, field->name, "a sum that overflows")) {
		set(s, base, from, most);
		set(s, target, field, least);
	}
}

static void spoil_enum(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	uint64_t unknown = ~grammar_mask(field, s->maker->level);

	if (is_turn(s, unknown, GATE_MALFORMED, field->name, "the first unknown value"))
		set(s, target, field, (uint64_t)__builtin_ctzll(unknown));
	if (is_turn(s, unknown, GATE_MALFORMED, field->name, "the last unknown value"))
		set(s, target, field, 63 - (uint64_t)__builtin_clzll(unknown));
	if (is_turn(s, true, GATE_MALFORMED, field->name, "the value 64"))
		set(s, target, field, 64);
	if (is_turn(s, true, GATE_MALFORMED, field->name, "the largest of its type"))
		set(s, target, field, limit_of(field));
}

static void spoil_flags(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	uint64_t known = grammar_mask(field, s->maker->level);
	uint64_t unknown = limit_of(field) & ~known;

	if (is_turn(s, unknown, GATE_MALFORMED, field->name, "the lowest unknown bit"))
		set(s, target, field, unknown & -unknown);
	if (is_turn(s, unknown, GATE_MALFORMED, field->name, "the highest unknown bit"))
		set(s, target, field, UINT64_C(1) << (63 - __builtin_clzll(unknown)));
	if (is_turn(s, unknown, GATE_MALFORMED, field->name, "all bits"))
		set(s, target, field, limit_of(field));
}

static void spoil_value(struct spoiler *s, const struct grammar_field *field, struct target target)
{
	if (field->kind == GRAMMAR_ENUM)
		spoil_enum(s, field, target);
	else if (field->kind == GRAMMAR_FLAGS)
		spoil_flags(s, field, target);
	else if (field->kind == GRAMMAR_HANDLE)
		return; /* in a struct: a number that only the handler looks at */
	else if (field->zero)
		spoil_reserved(s, field, target);
	else if (field->is_signed)
		spoil_signed(s, field, target);
	else
		spoil_unsigned(s, field, target);
}

/* ---- structs ---- */

/* at: where the struct begins; size: how much of it there is. */
static void spoil_record(struct spoiler *s, const struct grammar_record *record, uint64_t at, uint64_t size)
{
	for (size_t i = record->extensible; i < record->field_count; i++) {
		const struct grammar_field *field = &record->fields[i];
		struct target target = { .at = at + field->at };

		if (!grammar_exists(field, s->maker->level) || field->at >= size)
			continue;
		if (field->kind == GRAMMAR_STRUCT) {
			spoil_record(s, field->record, target.at, size - field->at);
			continue;
		}
		spoil_value(s, field, target);
		if (field->count > 1) {
			target.at += (uint64_t)(field->count - 1) * field->bytes;
			spoil_value(s, field, target);
		}
		if (field->from >= 0)
			spoil_sum(s, field, target, &record->fields[field->from],
				  (struct target){ .at = at + record->fields[field->from].at });
	}
}

/* Moves the memory of an argument. What would be outside RAM is lost. */
static void move_to(struct spoiler *s, uint64_t at)
{
	uint8_t bytes[LARGEST_COPY] = { 0 };
	const struct guest_memory *memory = s->maker->memory;
	uint64_t size = s->place->size < sizeof bytes ? s->place->size : sizeof bytes;

	if (memory_within(memory->size, s->place->at, size))
		memcpy(bytes, memory->base + s->place->at, size);
	s->maker->store(s->maker, at, bytes, size);
	s->place->at = at;
	s->call->args[s->arg->at] = at;
}

static void set_size(struct spoiler *s, uint64_t size)
{
	make_store(s->maker, s->place->at, size, sizeof(uint32_t));
}

/* Makes the struct a word longer than the level knows, and one byte of the tail nonzero. */
static void set_tail(struct spoiler *s, unsigned byte)
{
	uint64_t known = grammar_size(s->arg->record, s->maker->level);
	uint64_t place = s->maker->place(s->maker, known + 8, 8);

	move_to(s, place);
	set_size(s, known + 8);
	make_store(s->maker, place + known, UINT64_C(1) << (8 * byte), 8);
	s->place->size = known + 8;
}

static void spoil_size(struct spoiler *s)
{
	const char *name = s->arg->name;
	uint64_t first = grammar_first_size(s->arg->record);
	uint64_t known = grammar_size(s->arg->record, s->maker->level);

	if (is_turn(s, true, GATE_MALFORMED, name, "size 0"))
		set_size(s, 0);
	if (is_turn(s, true, GATE_MALFORMED, name, "a size below the first version's"))
		set_size(s, first - 8);
	if (is_turn(s, true, GATE_MALFORMED, name, "a size one below the first version's"))
		set_size(s, first - 1);
	if (is_turn(s, true, GATE_MALFORMED, name, "a size that is no multiple of 8"))
		set_size(s, known + 4);
	if (is_turn(s, true, GATE_TOO_BIG, name, "a size of a page and a word"))
		set_size(s, LARGEST_RECORD + 8);
	if (is_turn(s, true, GATE_TOO_BIG, name, "the largest size"))
		set_size(s, 0xfffffff8);
	if (is_turn(s, known < LARGEST_RECORD, GATE_TOO_BIG, name, "a tail whose first byte is set"))
		set_tail(s, 0);
	if (is_turn(s, known < LARGEST_RECORD, GATE_TOO_BIG, name, "a tail whose last byte is set"))
		set_tail(s, 7);
}

/* ---- memory ---- */

/* unit: of what the memory must be a multiple. */
static void spoil_address(struct spoiler *s, uint64_t unit)
{
	const char *name = s->arg->name;
	uint64_t end = s->maker->memory->size;
	uint64_t size = s->place->size;

	if (is_turn(s, unit > 1, GATE_MALFORMED, name, "misaligned by 4"))
		s->call->args[s->arg->at] = s->place->at + 4;
	if (is_turn(s, unit > 1, GATE_MALFORMED, name, "misaligned by 1"))
		s->call->args[s->arg->at] = s->place->at + 1;
	if (is_turn(s, size, GATE_FAULT, name, "ends just beyond RAM"))
		move_to(s, end - size + unit);
	if (is_turn(s, size, GATE_FAULT, name, "ends just inside a released page"))
		move_to(s, s->maker->hole - size + unit);
	if (is_turn(s, size, GATE_FAULT, name, "begins in a released page"))
		move_to(s, s->maker->hole);
	if (is_turn(s, size, GATE_FAULT, name, "begins at the end of RAM"))
		move_to(s, end);
	if (is_turn(s, size, GATE_FAULT, name, "wraps around"))
		move_to(s, -unit);
	if (is_turn(s, size, GATE_FAULT, name, "far away"))
		move_to(s, UINT64_C(1) << 63);
}

static void spoil_length(struct spoiler *s)
{
	uint64_t *length = &s->call->args[s->arg->at + 1];
	const char *name = s->arg->name;

	if (is_turn(s, s->arg->min > 0, GATE_MALFORMED, name, "too short"))
		*length = s->arg->min - 1;
	if (is_turn(s, true, GATE_MALFORMED, name, "too long"))
		*length = s->arg->max + 1;
	if (is_turn(s, true, GATE_MALFORMED, name, "a length with a high bit"))
		*length |= UINT64_C(1) << 32;
	if (is_turn(s, true, GATE_MALFORMED, name, "the largest length"))
		*length = UINT64_MAX;
}

/* ---- arguments ---- */

static void spoil_register(struct spoiler *s)
{
	const struct grammar_field *arg = s->arg;
	const struct grammar_field *args = grammar_calls[s->call->ordinal].args;
	struct target target = { .reg = &s->call->args[arg->at] };

	spoil_value(s, arg, target);
	if (arg->from >= 0)
		spoil_sum(s, arg, target, &args[arg->from],
			  (struct target){ .reg = &s->call->args[args[arg->from].at] });
	if (is_turn(s, arg->bytes < 8, GATE_MALFORMED, arg->name, "a bit above its type"))
		*target.reg ^= UINT64_C(1) << (8 * arg->bytes);
	if (is_turn(s, arg->bytes < 8, GATE_MALFORMED, arg->name, "the highest bit of the register"))
		*target.reg ^= UINT64_C(1) << 63;
}

static void spoil_by_object(struct spoiler *s, enum made_handle sort, enum gate_refusal refusal,
			    const char *what)
{
	postern_handle_t handle;

	if (is_turn(s, true, refusal, s->arg->name, what) &&
	    s->maker->handle(s->maker, s->arg, sort, &handle))
		s->call->args[s->arg->at] = handle;
}

static void spoil_handle(struct spoiler *s)
{
	const struct grammar_field *arg = s->arg;
	uint64_t *value = &s->call->args[arg->at];
	bool some = *value != POSTERN_NO_HANDLE;

	spoil_by_object(s, MADE_CLOSED, GATE_BAD_HANDLE, "closed");
	spoil_by_object(s, MADE_OTHER_KIND, GATE_BAD_HANDLE, "of another kind");
	if (arg->rights)
		spoil_by_object(s, MADE_NO_RIGHT, GATE_NO_RIGHT, "lacks a right");
	if (arg->state >= 0)
		spoil_by_object(s, MADE_OTHER_STATE, GATE_BAD_STATE, "in the wrong state");
	if (is_turn(s, some, GATE_BAD_HANDLE, arg->name, "another generation"))
		*value ^= 0x10000;
	if (is_turn(s, some, GATE_BAD_HANDLE, arg->name, "no such index"))
		*value |= 0xffff;
	if (is_turn(s, some, GATE_BAD_HANDLE, arg->name, "no such kind"))
		*value = (*value & 0xffffff) | 0xfe000000;
	if (is_turn(s, !arg->optional, GATE_BAD_HANDLE, arg->name, "none, but it is not optional"))
		*value = POSTERN_NO_HANDLE;
	if (is_turn(s, true, GATE_MALFORMED, arg->name, "a bit above a handle's"))
		*value |= UINT64_C(1) << 32;
	if (is_turn(s, true, GATE_MALFORMED, arg->name, "the highest bit of the register"))
		*value |= UINT64_C(1) << 63;
}

static void spoil_struct(struct spoiler *s)
{
	spoil_size(s);
	spoil_address(s, 8);
	if (s->arg->direction != GRAMMAR_OUT)
		spoil_record(s, s->arg->record, s->place->at, s->place->size);
}

static void spoil_vector(struct spoiler *s)
{
	uint64_t count = s->call->args[s->arg->at + 1];
	uint64_t each = grammar_size(s->arg->record, s->maker->level);

	spoil_length(s);
	spoil_address(s, 8);
	if (count)
		spoil_record(s, s->arg->record, s->place->at, each);
	if (count > 1)
		spoil_record(s, s->arg->record, s->place->at + (count - 1) * each, each);
}

static void spoil_bytes(struct spoiler *s)
{
	bool is_string = s->arg->kind == GRAMMAR_STRING && s->place->size;

	spoil_length(s);
	spoil_address(s, 1);
	if (is_turn(s, is_string, GATE_MALFORMED, s->arg->name, "a NUL at its start"))
		make_store(s->maker, s->place->at, 0, 1);
	if (is_turn(s, is_string, GATE_MALFORMED, s->arg->name, "a NUL at its end"))
		make_store(s->maker, s->place->at + s->place->size - 1, 0, 1);
}

static void spoil_buffer(struct spoiler *s)
{
	spoil_length(s);
	spoil_address(s, 1);
}

static void set_segment(struct spoiler *s, uint64_t index, uint64_t address, uint64_t length)
{
	struct postern_segment segment = { address, length };

	s->maker->store(s->maker, s->place->at + index * sizeof segment, &segment, sizeof segment);
}

static void spoil_segment(struct spoiler *s, uint64_t index)
{
	const char *name = s->arg->name;
	uint64_t end = s->maker->memory->size;

	if (is_turn(s, true, GATE_MALFORMED, name, "a segment of more than all may have"))
		set_segment(s, index, 0, s->arg->total + 1);
	if (is_turn(s, true, GATE_MALFORMED, name, "a segment of the largest length"))
		set_segment(s, index, 0, UINT64_MAX);
	if (is_turn(s, true, GATE_FAULT, name, "a segment that ends beyond RAM"))
		set_segment(s, index, end - 1, 2);
	if (is_turn(s, true, GATE_FAULT, name, "a segment that ends in a released page"))
		set_segment(s, index, s->maker->hole - 3, 4);
	if (is_turn(s, true, GATE_FAULT, name, "a segment that wraps around"))
		set_segment(s, index, UINT64_MAX - 3, 5);
	if (is_turn(s, true, GATE_FAULT, name, "a segment far away"))
		set_segment(s, index, UINT64_C(1) << 63, 1);
}

static void spoil_segments(struct spoiler *s)
{
	uint64_t count = s->call->args[s->arg->at + 1];

	spoil_length(s);
	spoil_address(s, 8);
	if (count)
		spoil_segment(s, 0);
	if (count > 1)
		spoil_segment(s, count - 1);
	/* Each of them alone would do. */
	if (is_turn(s, count > 1, GATE_MALFORMED, s->arg->name, "segments that are too much together")) {
		set_segment(s, 0, 0, s->arg->total);
		set_segment(s, count - 1, 0, s->arg->total);
	}
}

/* An argument that the level does not have: its registers are not used. */
static void spoil_absent(struct spoiler *s)
{
	for (unsigned i = 0; i < grammar_registers(s->arg); i++) {
		if (is_turn(s, true, GATE_MALFORMED, s->arg->name, "newer than the level"))
			s->call->args[s->arg->at + i] = 1;
	}
}

static void spoil_unused(struct spoiler *s)
{
	const struct grammar_call *grammar = &grammar_calls[s->call->ordinal];
	unsigned used = 0;

	if (grammar->arg_count) {
		const struct grammar_field *last = &grammar->args[grammar->arg_count - 1];

		used = last->at + grammar_registers(last);
	}

	for (unsigned i = used; i < 6; i++) {
		if (is_turn(s, true, GATE_MALFORMED, "unused register", "the lowest bit"))
			s->call->args[i] = 1;
		if (is_turn(s, true, GATE_MALFORMED, "unused register", "the highest bit"))
			s->call->args[i] = UINT64_C(1) << 63;
	}
}

/* clang-format off */
static void (*const spoilers[])(struct spoiler *s) = {
	[GRAMMAR_INTEGER] = spoil_register,
	[GRAMMAR_ADDRESS] = spoil_register,
	[GRAMMAR_ENUM] = spoil_register,
	[GRAMMAR_FLAGS] = spoil_register,
	[GRAMMAR_HANDLE] = spoil_handle,
	[GRAMMAR_STRUCT] = spoil_struct,
	[GRAMMAR_VECTOR] = spoil_vector,
	[GRAMMAR_STRING] = spoil_bytes,
	[GRAMMAR_BYTES] = spoil_bytes,
	[GRAMMAR_BUFFER] = spoil_buffer,
	[GRAMMAR_SEGMENTS] = spoil_segments,
};
/* clang-format on */

static void spoil_argument(struct spoiler *s)
{
	if (grammar_exists(s->arg, s->maker->level))
		spoilers[s->arg->kind](s);
	else
		spoil_absent(s);
}

bool spoil_call(struct maker *maker, struct made_call *call, size_t arg, unsigned way,
		struct spoiled *spoiled)
{
	const struct grammar_call *grammar = &grammar_calls[call->ordinal];
	struct spoiler s = { .maker = maker, .call = call, .left = way, .spoiled = spoiled };

	if (arg == grammar->arg_count) {
		spoil_unused(&s);
	} else {
		s.arg = &grammar->args[arg];
		s.place = &call->places[arg];
		spoil_argument(&s);
	}
	return s.done;
}
