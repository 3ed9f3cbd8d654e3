/* SPDX-License-Identifier: ISC */
/* watch_call.c - see watch_call.h. */
#include "watch_call.h"

#include "call_copy.h"
#include "judge_call.h"
#include "levels.h"

#include <string.h>

/* ---- handlers ---- */

#define SERVE(name, NAME)                                                              \
	static int64_t serve_##name(struct gate_frame *frame, struct abi_##name *call) \
	{                                                                              \
		struct watcher *watcher = gate_owner(gate_frame_vm(frame));            \
                                                                                       \
		return watcher->serve(watcher, frame, ABI_##NAME, call);               \
	}
ABI_EACH_CALL(SERVE)
#undef SERVE

void watch_handlers(struct abi_handlers *handlers)
{
#define SET(name, NAME) handlers->name = serve_##name;
	ABI_EACH_CALL(SET)
#undef SET
}

/* ---- checks ---- */

/* An argument as its handler got it. */
struct seen {
	const struct gate_vm *vm;
	unsigned ordinal;
	void *args;
	const struct grammar_field *arg;
	uint8_t *copy;
};

static const char *failure(bool failed, const char *what)
{
	return failed ? what : NULL;
}

static bool any_set(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return true;
	}
	return false;
}

static uint64_t scalar_of(const struct grammar_field *arg, const uint8_t *copy)
{
	unsigned unused = 64U - 8U * arg->bytes;
	uint64_t value = copy_load(copy, arg->bytes);

	return arg->is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static const char *check_scalar(const struct seen *seen)
{
	const struct grammar_field *arg = seen->arg;
	const struct grammar_field *from = grammar_calls[seen->ordinal].args + arg->from;
	uint64_t base = arg->from >= 0 ? scalar_of(from, copy_of(seen->args, from)) : 0;

	return failure(!judge_value(arg, gate_level(seen->vm), scalar_of(arg, seen->copy), base),
		       "value not valid");
}

static const char *check_handle(const struct seen *seen)
{
	bool none = copy_load(seen->copy, sizeof(postern_handle_t)) == POSTERN_NO_HANDLE;
	bool object = *copy_object(seen->args, seen->arg);

	return failure(object == none || (none && !seen->arg->optional), "no object");
}

/* Host memory that stands for guest memory: where it must be, if there is any. */
static const char *check_span(const struct seen *seen, const void *host, size_t size)
{
	const struct guest_memory *memory = gate_memory(seen->vm);

	return failure(!judge_memory(memory, (uint64_t)((const uint8_t *)host - memory->base), size),
		       "memory that the guest does not own");
}

static const char *check_struct(const struct seen *seen)
{
	const struct grammar_record *record = seen->arg->record;
	size_t known = grammar_size(record, gate_level(seen->vm));
	size_t newest = grammar_size(record, ABI_LEVELS - 1);
	uint32_t size = (uint32_t)copy_load(seen->copy, sizeof size);
	const struct gate_place *place = copy_place(seen->args, seen->arg);

	if (size < grammar_first_size(record) || size % 8 || size > 4096)
		return "size not valid";
	if (any_set(seen->copy + known, newest - known))
		return "newer fields are not zero";
	if (size < known && any_set(seen->copy + size, known - size))
		return "fields that were not sent are not zero";
	if (seen->arg->direction == GRAMMAR_OUT && any_set(seen->copy + sizeof size, newest - sizeof size))
		return "output is not zero";
	if (seen->arg->direction != GRAMMAR_OUT && !judge_record(record, gate_level(seen->vm), seen->copy))
		return "field not valid";
	if (seen->arg->direction == GRAMMAR_IN)
		return NULL;
	if (place->size != (size < known ? size : known))
		return "another size would be written";
	return check_span(seen, place->host, place->size);
}

static const char *check_length(const struct seen *seen)
{
	uint32_t length = *copy_length(seen->args, seen->ordinal, seen->arg);

	return failure(length < seen->arg->min || length > seen->arg->max, "length out of range");
}

static const char *check_vector(const struct seen *seen)
{
	size_t each = grammar_size(seen->arg->record, gate_level(seen->vm));
	uint32_t count = *copy_length(seen->args, seen->ordinal, seen->arg);
	const char *wrong = check_length(seen);

	for (uint32_t i = 0; i < count && !wrong; i++)
		wrong = failure(!judge_record(seen->arg->record, gate_level(seen->vm), seen->copy + i * each),
				"element not valid");
	return wrong;
}

static const char *check_string(const struct seen *seen)
{
	uint32_t length = *copy_length(seen->args, seen->ordinal, seen->arg);
	const char *wrong = check_length(seen);

	if (wrong)
		return wrong;
	return failure(memchr(seen->copy, '\0', (size_t)length + 1) != seen->copy + length,
		       "not ended by its only NUL");
}

static const char *check_buffer(const struct seen *seen)
{
	const struct iovec *span = copy_spans(seen->args, seen->arg);

	if (span->iov_len < seen->arg->min || span->iov_len > seen->arg->max)
		return "length out of range";
	return check_span(seen, span->iov_base, span->iov_len);
}

static const char *check_segments(const struct seen *seen)
{
	const struct iovec *spans = copy_spans(seen->args, seen->arg);
	uint32_t count = *copy_length(seen->args, seen->ordinal, seen->arg);
	const char *wrong = check_length(seen);
	uint64_t total = 0;

	for (uint32_t i = 0; i < count && !wrong; i++) {
		total += spans[i].iov_len;
		wrong = check_span(seen, spans[i].iov_base, spans[i].iov_len);
	}
	if (wrong)
		return wrong;
	return failure(total > seen->arg->total || total != *copy_total(seen->args, seen->arg),
		       "total not valid");
}

/* clang-format off */
static const char *(*const checks[])(const struct seen *seen) = {
	[GRAMMAR_INTEGER] = check_scalar,
	[GRAMMAR_ADDRESS] = check_scalar,
	[GRAMMAR_ENUM] = check_scalar,
	[GRAMMAR_FLAGS] = check_scalar,
	[GRAMMAR_HANDLE] = check_handle,
	[GRAMMAR_STRUCT] = check_struct,
	[GRAMMAR_VECTOR] = check_vector,
	[GRAMMAR_STRING] = check_string,
	[GRAMMAR_BYTES] = check_length,
	[GRAMMAR_BUFFER] = check_buffer,
	[GRAMMAR_SEGMENTS] = check_segments,
};
/* clang-format on */

static bool has_length(const struct grammar_field *arg)
{
	return arg->kind >= GRAMMAR_VECTOR && arg->kind != GRAMMAR_BUFFER;
}

/* Arguments that the level does not have read as zero, and as nothing. */
static const char *check_absent(const struct seen *seen)
{
	if (has_length(seen->arg))
		return failure(*copy_length(seen->args, seen->ordinal, seen->arg),
			       "newer than the level, and not empty");
	if (seen->arg->kind == GRAMMAR_BUFFER)
		return failure(copy_spans(seen->args, seen->arg)->iov_len,
			       "newer than the level, and not empty");
	return failure(copy_load(seen->copy, seen->arg->bytes), "newer than the level, and not zero");
}

const char *watch_check(const struct gate_vm *vm, unsigned ordinal, void *args, const char **where)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];
		const struct seen seen = { vm, ordinal, args, arg, copy_of(args, arg) };
		const char *wrong = grammar_exists(arg, gate_level(vm)) ? checks[arg->kind](&seen)
									: check_absent(&seen);

		if (wrong) {
			*where = arg->name;
			return wrong;
		}
	}
	return NULL;
}

/* ---- comparison ---- */

static size_t size_of_copy(unsigned ordinal, void *args, const struct grammar_field *arg)
{
	switch (arg->kind) {
	case GRAMMAR_HANDLE:
		return sizeof(postern_handle_t);
	case GRAMMAR_STRUCT:
		return grammar_size(arg->record, ABI_LEVELS - 1);
	case GRAMMAR_VECTOR:
		return *copy_length(args, ordinal, arg) * grammar_size(arg->record, ABI_LEVELS - 1);
	case GRAMMAR_STRING:
	case GRAMMAR_BYTES:
		return *copy_length(args, ordinal, arg);
	case GRAMMAR_BUFFER:
		return sizeof(struct iovec);
	case GRAMMAR_SEGMENTS:
		return *copy_length(args, ordinal, arg) * sizeof(struct iovec);
	case GRAMMAR_INTEGER:
	case GRAMMAR_ADDRESS:
	case GRAMMAR_ENUM:
	case GRAMMAR_FLAGS:
		break;
	}
	return arg->bytes;
}

static bool is_same(unsigned ordinal, const struct grammar_field *arg, void *args, void *expected)
{
	if (has_length(arg) && *copy_length(args, ordinal, arg) != *copy_length(expected, ordinal, arg))
		return false;
	if (arg->kind == GRAMMAR_HANDLE && *copy_object(args, arg) != *copy_object(expected, arg))
		return false;
	if (arg->kind == GRAMMAR_STRUCT && arg->direction != GRAMMAR_IN &&
	    memcmp(copy_place(args, arg), copy_place(expected, arg), sizeof(struct gate_place)))
		return false;
	return !memcmp(copy_of(args, arg), copy_of(expected, arg), size_of_copy(ordinal, args, arg));
}

const char *watch_compare(const struct gate_vm *vm, unsigned ordinal, void *args, void *expected)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];

		if (grammar_exists(arg, gate_level(vm)) && !is_same(ordinal, arg, args, expected))
			return arg->name;
	}
	return NULL;
}

/* ---- use ---- */

void watch_each_span(const struct gate_vm *vm, unsigned ordinal, void *args, watch_span *function,
		     void *context)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];
		const struct iovec *spans = copy_spans(args, arg);
		uint32_t count = 1;

		if ((arg->kind != GRAMMAR_BUFFER && arg->kind != GRAMMAR_SEGMENTS) ||
		    !grammar_exists(arg, gate_level(vm)))
			continue;
		if (arg->kind == GRAMMAR_SEGMENTS)
			count = *copy_length(args, ordinal, arg);
		for (uint32_t j = 0; j < count; j++)
			function(context, arg, &spans[j]);
	}
}

void watch_fill(unsigned ordinal, void *args, uint8_t pattern)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];

		if (arg->kind == GRAMMAR_STRUCT && arg->direction != GRAMMAR_IN)
			memset(copy_of(args, arg) + sizeof(uint32_t), pattern,
			       grammar_size(arg->record, ABI_LEVELS - 1) - sizeof(uint32_t));
	}
}
