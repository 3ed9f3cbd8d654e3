/* SPDX-License-Identifier: ISC */
/* make_call.c - see make_call.h. */
#include "make_call.h"

#include "levels.h"

#include "gate/abi_types.h"

#include <string.h>

enum { LARGEST_RECORD = 4096, LARGEST_COPY = 65536 };

/* ---- values ---- */

static uint64_t make_member(struct maker *maker, const struct grammar_field *field)
{
	uint64_t mask = grammar_mask(field, maker->level);
	uint64_t left = maker->draw(maker, (uint64_t)__builtin_popcountll(mask) - 1);

	while (left--)
		mask &= mask - 1;
	return (uint64_t)__builtin_ctzll(mask);
}

/* Differences wrap, so this is as right for signed bounds as for unsigned ones. */
static uint64_t make_integer(struct maker *maker, const struct grammar_field *field, uint64_t base)
{
	uint64_t step = field->align ? field->align : 1;
	uint64_t min = (field->min + step - 1) / step * step;
	uint64_t max = field->max;

	if (field->zero)
		return 0;
	if (field->is_signed)
		return field->min + maker->draw(maker, field->max - field->min);
	if (max > UINT64_MAX - base)
		max = UINT64_MAX - base;
	return min + maker->draw(maker, (max - min) / step) * step;
}

static uint64_t make_handle(struct maker *maker, const struct grammar_field *field)
{
	postern_handle_t handle = POSTERN_NO_HANDLE;

	/* In a struct, a handle is a number that only the call's handler looks at. */
	maker->handle(maker, field, MADE_GOOD, &handle);
	return handle;
}

uint64_t make_value(struct maker *maker, const struct grammar_field *field, uint64_t base)
{
	if (field->kind == GRAMMAR_ENUM)
		return make_member(maker, field);
	if (field->kind == GRAMMAR_FLAGS)
		return maker->draw(maker, UINT64_MAX) & grammar_mask(field, maker->level);
	if (field->kind == GRAMMAR_HANDLE)
		return make_handle(maker, field);
	return make_integer(maker, field, base);
}

/* Whether what is counted from a base can be valid: otherwise the base is too large. */
static bool has_room(const struct grammar_field *field, uint64_t base)
{
	return field->min <= UINT64_MAX - base;
}

void make_store(struct maker *maker, uint64_t at, uint64_t value, size_t bytes)
{
	maker->store(maker, at, &value, bytes);
}

/* ---- structs ---- */

static void make_field(struct maker *maker, const struct grammar_record *record,
		       const struct grammar_field *field, uint8_t *to)
{
	uint64_t base = 0;
	uint64_t value;

	if (field->kind == GRAMMAR_STRUCT) {
		make_record(maker, field->record, grammar_size(field->record, maker->level), to + field->at);
		return;
	}
	if (field->from >= 0) {
		const struct grammar_field *from = &record->fields[field->from];

		memcpy(&base, to + from->at, from->bytes);
		if (!has_room(field, base)) {
			base = from->min;
			memcpy(to + from->at, &base, from->bytes);
		}
	}
	for (unsigned i = 0; i < field->count || !i; i++) {
		value = make_value(maker, field, base);
		memcpy(to + field->at + i * field->bytes, &value, field->bytes);
	}
}

void make_record(struct maker *maker, const struct grammar_record *record, size_t size, void *to)
{
	uint8_t whole[LARGEST_RECORD];
	uint32_t caller_size = (uint32_t)size;

	memset(whole, 0, size);
	for (size_t i = record->extensible; i < record->field_count; i++) {
		/* What is not sent reads as zero, so it may as well not be drawn. */
		if (grammar_exists(&record->fields[i], maker->level) && record->fields[i].at < size)
			make_field(maker, record, &record->fields[i], whole);
	}
	if (record->extensible)
		memcpy(whole, &caller_size, sizeof caller_size);
	memcpy(to, whole, size);
}

/* ---- arguments ---- */

static uint64_t make_length(struct maker *maker, const struct grammar_field *arg)
{
	return arg->min + maker->draw(maker, arg->max - arg->min);
}

static void make_struct(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			struct made_place *place)
{
	uint8_t bytes[LARGEST_RECORD] = { 0 };

	place->size = grammar_size(arg->record, maker->level);
	make_record(maker, arg->record, place->size, bytes);
	place->at = maker->place(maker, place->size, 8);
	maker->store(maker, place->at, bytes, place->size);
	call->args[arg->at] = place->at;
}

/* Places and stores what has an address and a length. */
static void put_bytes(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
		      struct made_place *place, const void *bytes, size_t each, uint64_t count)
{
	place->size = count * each;
	place->at = maker->place(maker, place->size, each > 1 ? 8 : 1);
	if (bytes)
		maker->store(maker, place->at, bytes, place->size);
	call->args[arg->at] = place->at;
	call->args[arg->at + 1] = count;
}

static void make_vector(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			struct made_place *place)
{
	size_t each = grammar_size(arg->record, maker->level);
	uint64_t count = make_length(maker, arg);
	uint8_t bytes[LARGEST_COPY];

	for (uint64_t i = 0; i < count; i++)
		make_record(maker, arg->record, each, bytes + i * each);
	put_bytes(maker, arg, call, place, bytes, each, count);
}

static void make_bytes(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
		       struct made_place *place)
{
	uint64_t length = make_length(maker, arg);
	uint8_t bytes[LARGEST_COPY];

	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)('a' + i % 26);
	if (length)
		bytes[maker->draw(maker, length - 1)] = (uint8_t)(1 + maker->draw(maker, 254));
	put_bytes(maker, arg, call, place, bytes, 1, length);
}

static void make_buffer(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			struct made_place *place)
{
	put_bytes(maker, arg, call, place, NULL, 1, make_length(maker, arg));
}

static void make_segments(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			  struct made_place *place)
{
	struct postern_segment segments[LARGEST_COPY / sizeof(struct postern_segment)];
	uint64_t count = make_length(maker, arg);
	uint64_t left = arg->total;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t length = maker->draw(maker, left);

		segments[i] = (struct postern_segment){ maker->place(maker, length, 1), length };
		left -= length;
	}
	put_bytes(maker, arg, call, place, segments, sizeof *segments, count);
}

static void make_scalar(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			struct made_place *place)
{
	const struct grammar_field *args = grammar_calls[call->ordinal].args;
	uint64_t base = 0;

	(void)place;
	if (arg->from >= 0) {
		uint64_t *from = &call->args[args[arg->from].at];

		if (!has_room(arg, *from))
			*from = args[arg->from].min;
		base = *from;
	}
	call->args[arg->at] = make_value(maker, arg, base);
}

typedef void argument_maker(struct maker *maker, const struct grammar_field *arg, struct made_call *call,
			    struct made_place *place);

/* clang-format off */
static argument_maker *const argument_makers[] = {
	[GRAMMAR_INTEGER] = make_scalar,
	[GRAMMAR_ADDRESS] = make_scalar,
	[GRAMMAR_ENUM] = make_scalar,
	[GRAMMAR_FLAGS] = make_scalar,
	[GRAMMAR_HANDLE] = make_scalar,
	[GRAMMAR_STRUCT] = make_struct,
	[GRAMMAR_VECTOR] = make_vector,
	[GRAMMAR_STRING] = make_bytes,
	[GRAMMAR_BYTES] = make_bytes,
	[GRAMMAR_BUFFER] = make_buffer,
	[GRAMMAR_SEGMENTS] = make_segments,
};
/* clang-format on */

void make_call(struct maker *maker, unsigned ordinal, struct made_call *call)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	*call = (struct made_call){ .ordinal = ordinal, .number = abi_calls[ordinal].number };
	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];

		if (grammar_exists(arg, maker->level))
			argument_makers[arg->kind](maker, arg, call, &call->places[i]);
	}
}
