/* SPDX-License-Identifier: ISC */
/* trace.c - prints a call as strace does, from the shapes that gatec wrote. */
#include "gate/gate.h"
#include "gate/trace_tables.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_TEXT = 64, MOST_ELEMENTS = 4 }; /* shown of a string, of a vector */

/* Text that is cut at the end of its buffer, but counts on. */
struct text {
	char *to;
	size_t size;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	size_t used = text->length < text->size ? text->length : text->size;
	va_list args;

	va_start(args, format);

	int length = vsnprintf(text->to ? text->to + used : NULL, text->size - used, format, args);

	va_end(args);
	text->length += length > 0 ? (size_t)length : 0;
}

static uint64_t load(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static int64_t load_signed(const uint8_t *at, unsigned bytes)
{
	unsigned unused = 64 - 8 * bytes;

	return (int64_t)(load(at, bytes) << unused) >> unused;
}

static void put_enum(struct text *text, const struct trace_name *names, uint64_t value)
{
	for (; names->name; names++) {
		if (names->value == value) {
			put(text, "%s", names->name);
			return;
		}
	}
	put(text, "%" PRIu64, value);
}

static void put_flags(struct text *text, const struct trace_name *names, uint64_t value)
{
	const char *between = "";

	for (; names->name; names++) {
		if (value & names->value) {
			put(text, "%s%s", between, names->name);
			between = "|";
			value &= ~names->value;
		}
	}
	if (value || !*between)
		put(text, "%s%#" PRIx64, between, value);
}

/* Text of a guest, with everything that a terminal could take for a command made harmless. */
static void put_string(struct text *text, const uint8_t *from, size_t length)
{
	put(text, "\"");
	for (size_t i = 0; i < length && i < MOST_TEXT; i++) {
		if (from[i] == '"' || from[i] == '\\')
			put(text, "\\%c", from[i]);
		else if (from[i] >= ' ' && from[i] < 0x7f)
			put(text, "%c", from[i]);
		else
			put(text, "\\x%02x", from[i]);
	}
	put(text, length > MOST_TEXT ? "\"..." : "\"");
}

static void put_scalar(struct text *text, const struct trace_field *field, const uint8_t *at)
{
	if (field->kind == TRACE_ENUM)
		put_enum(text, field->names, load(at, field->bytes));
	else if (field->kind == TRACE_FLAGS)
		put_flags(text, field->names, load(at, field->bytes));
	else if (field->kind == TRACE_SIGNED)
		put(text, "%" PRId64, load_signed(at, field->bytes));
	else if (field->kind == TRACE_UNSIGNED)
		put(text, "%" PRIu64, load(at, field->bytes));
	else
		put(text, "%#" PRIx64, load(at, field->bytes));
}

static void put_field(struct text *text, const struct trace_field *field, const uint8_t *base,
		      bool succeeded);

static void put_struct(struct text *text, const struct trace_record *record, const uint8_t *at)
{
	const char *between = "";

	put(text, "{");
	for (const struct trace_field *field = record->fields; field->name; field++) {
		if (!strcmp(field->name, "size") || !strcmp(field->name, "reserved"))
			continue;
		put(text, "%s%s=", between, field->name);
		put_field(text, field, at, true);
		between = ", ";
	}
	put(text, "}");
}

static void put_elements(struct text *text, const struct trace_field *field, const uint8_t *at,
			 uint32_t count)
{
	put(text, "[");
	for (uint32_t i = 0; i < count && i < MOST_ELEMENTS; i++) {
		if (i)
			put(text, ", ");
		if (field->kind == TRACE_VECTOR)
			put_struct(text, field->record, at + i * field->record->size);
		else if (field->kind == TRACE_SEGMENTS)
			put(text, "%zu bytes", ((const struct iovec *)(const void *)at)[i].iov_len);
		else
			put_scalar(text, field, at + (size_t)i * field->bytes);
	}
	put(text, count > MOST_ELEMENTS ? ", ...%u]" : "]", count);
}

static void put_field(struct text *text, const struct trace_field *field, const uint8_t *base, bool succeeded)
{
	const uint8_t *at = base + field->offset;
	uint32_t length;

	switch (field->kind) {
	case TRACE_UNSIGNED:
	case TRACE_SIGNED:
	case TRACE_ADDRESS:
	case TRACE_ENUM:
	case TRACE_FLAGS:
	case TRACE_HANDLE:
		if (field->count)
			put_elements(text, field, at, field->count);
		else
			put_scalar(text, field, at);
		return;
	case TRACE_STRUCT:
		if (field->is_output && !succeeded)
			put(text, "{...}");
		else
			put_struct(text, field->record, at);
		return;
	case TRACE_VECTOR:
	case TRACE_SEGMENTS:
		length = (uint32_t)load(base + field->length_at, sizeof length);
		put_elements(text, field, at, length);
		return;
	case TRACE_STRING:
		length = (uint32_t)load(base + field->length_at, sizeof length);
		put_string(text, at, length);
		return;
	case TRACE_BYTES:
		length = (uint32_t)load(base + field->length_at, sizeof length);
		put(text, "%u bytes", length);
		return;
	case TRACE_BUFFER:
		put(text, "%zu bytes", ((const struct iovec *)(const void *)at)->iov_len);
		return;
	}
}

static void put_checked(struct text *text, const struct gate_trace *trace)
{
	const char *between = "";

	for (const struct trace_field *field = trace_calls[trace->ordinal]; field->name; field++) {
		put(text, "%s%s=", between, field->name);
		put_field(text, field, (const uint8_t *)trace->checked, trace->result >= 0);
		between = ", ";
	}
}

static void put_registers(struct text *text, const uint64_t args[6])
{
	for (unsigned i = 0; i < 6; i++)
		put(text, "%s%#" PRIx64, i ? ", " : "", args[i]);
}

static void put_result(struct text *text, int64_t result)
{
	const char *name = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;

	if (name)
		put(text, " = -%s", name);
	else
		put(text, " = %" PRId64, result);
}

int gate_trace_print(const struct gate_trace *trace, char *to, size_t size)
{
	struct text text = { .to = to, .size = size };

	if (trace->ordinal == ABI_NO_CALL)
		put(&text, "%#" PRIx64 "(", trace->number);
	else
		put(&text, "%s(", abi_calls[trace->ordinal].name);
	if (trace->checked)
		put_checked(&text, trace);
	else
		put_registers(&text, trace->args);
	put(&text, ")");
	put_result(&text, trace->result);
	return (int)text.length;
}
