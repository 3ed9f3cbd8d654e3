/* SPDX-License-Identifier: ISC */
/*
 * emit_json.c - the whole contract for machines; `postern abi` prints from it.
 *
 * Keys come in one order. Numbers are JSON integers up to 2^63 - 1, what most readers can hold, and
 * strings such as "0x8000000000000000" above that. Prose is a string, with "\n\n" between its
 * paragraphs, or null. A type is told three times: "type" as the contract spells it, "kind" (its first
 * word; "integer" for the integers) and, where it names another, "of". "min" and "max" bound values, or
 * lengths for memory; what does not apply to a type is left out, and what was not stated has its default.
 */
#include "emit.h"
#include "text.h"

#include <inttypes.h>

struct json {
	FILE *to;
	unsigned depth;
	bool has_element; /* in the innermost object or array */
};

/* ---- writing JSON ---- */

static void write_string(struct json *json, const char *text)
{
	fputc('"', json->to);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(json->to, "\\%c", *c);
		else if (*c == '\n')
			fputs("\\n", json->to);
		else if (*c < ' ' || *c == 0x7f)
			fprintf(json->to, "\\u%04x", *c);
		else
			fputc(*c, json->to);
	}
	fputc('"', json->to);
}

static void start_line(struct json *json)
{
	fputc('\n', json->to);
	for (unsigned i = 0; i < json->depth; i++)
		fputc('\t', json->to);
}

/* Starts an element of an object, or, where key is NULL, of an array. */
static void start_element(struct json *json, const char *key)
{
	if (json->has_element)
		fputc(',', json->to);
	if (json->depth)
		start_line(json);
	json->has_element = true;
	if (key) {
		write_string(json, key);
		fputs(": ", json->to);
	}
}

static void json_open(struct json *json, const char *key, char bracket)
{
	start_element(json, key);
	fputc(bracket, json->to);
	json->depth++;
	json->has_element = false;
}

static void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->has_element)
		start_line(json);
	fputc(bracket, json->to);
	json->has_element = true;
}

static void add_string(struct json *json, const char *key, const char *text)
{
	start_element(json, key);
	if (text)
		write_string(json, text);
	else
		fputs("null", json->to);
}

static void add_bool(struct json *json, const char *key, bool value)
{
	start_element(json, key);
	fputs(value ? "true" : "false", json->to);
}

static void add_number(struct json *json, const char *key, uint64_t value)
{
	start_element(json, key);
	fprintf(json->to, value > INT64_MAX ? "\"0x%" PRIx64 "\"" : "%" PRIu64, value);
}

static void add_value(struct json *json, const char *key, const struct type *type, uint64_t value)
{
	if (!type->is_signed) {
		add_number(json, key, value);
		return;
	}
	start_element(json, key);
	fprintf(json->to, "%" PRId64, (int64_t)value);
}

static void add_version(struct json *json, const char *key, struct version version)
{
	add_string(json, key, version_text(version));
}

/* ---- types, fields and arguments ---- */

static const char *const kind_words[] = {
	[TYPE_INTEGER] = "integer", [TYPE_GPA] = "gpa",           [TYPE_ENUM] = "enum",
	[TYPE_FLAGS] = "flags",     [TYPE_HANDLE] = "handle",     [TYPE_STRUCT] = "struct",
	[TYPE_VECTOR] = "vector",   [TYPE_STRING] = "string",     [TYPE_BYTES] = "bytes",
	[TYPE_BUFFER] = "buffer",   [TYPE_SEGMENTS] = "segments",
};

static void add_type(struct json *json, const struct type *type)
{
	add_string(json, "type", type_text(type));
	add_string(json, "kind", kind_words[type->kind]);
	if (type->name)
		add_string(json, "of", type->name);
	if (type->kind == TYPE_INTEGER) {
		add_number(json, "bytes", type->bytes);
		add_bool(json, "signed", type->is_signed);
	}
	if (type->count)
		add_number(json, "count", type->count);
}

static void add_handle_constraints(struct json *json, const struct field *field)
{
	json_open(json, "needs", '[');
	for (size_t i = 0; i < field->need_count; i++)
		add_string(json, NULL, field->needs[i].text);
	json_close(json, ']');
	add_string(json, "while", field->state.text);
	add_string(json, "else", field->state_error.text);
	add_bool(json, "optional", field->optional);
}

static void add_constraints(struct json *json, const struct field *field, bool is_argument)
{
	const struct type *type = &field->type;
	bool has_bounds = is_bounded(type) || type_is_memory(type->kind);

	if (has_bounds) {
		add_value(json, "min", type, field->zero ? 0 : field->min);
		add_value(json, "max", type, field->zero ? 0 : field->max);
	}
	if (field->has_total)
		add_number(json, "total", field->total);
	if (is_bounded(type)) {
		add_number(json, "align", field->align ? field->align : 1);
		add_string(json, "from", field->from.text);
	}
	if (type->kind == TYPE_INTEGER)
		add_bool(json, "zero", field->zero);
	if (type->kind == TYPE_HANDLE && is_argument)
		add_handle_constraints(json, field);
	add_string(json, "limits", limits_text(field));
}

static uint64_t field_size(const struct field *field)
{
	uint64_t each = field->type.kind == TYPE_STRUCT ? field->type.record->size : field->type.bytes;

	return field->type.count ? each * field->type.count : each;
}

static void add_field(struct json *json, const struct field *field)
{
	json_open(json, NULL, '{');
	add_string(json, "name", field->name);
	add_number(json, "offset", field->offset);
	add_number(json, "size", field_size(field));
	add_type(json, &field->type);
	add_constraints(json, field, false);
	add_version(json, "since", field->since);
	add_string(json, "prose", field->prose);
	json_close(json, '}');
}

static void add_argument(struct json *json, const struct field *arg)
{
	json_open(json, NULL, '{');
	add_string(json, "name", arg->name);
	add_string(json, "direction", direction_words[arg->direction]);
	add_type(json, &arg->type);
	json_open(json, "registers", '[');
	for (unsigned i = 0; i < arg->register_count; i++)
		add_number(json, NULL, arg->first_register + i);
	json_close(json, ']');
	add_constraints(json, arg, true);
	add_version(json, "since", arg->since);
	add_string(json, "prose", arg->prose);
	json_close(json, '}');
}

/* ---- declarations ---- */

static void add_members(struct json *json, const char *key, const struct member *members, size_t count)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < count; i++) {
		json_open(json, NULL, '{');
		add_string(json, "name", members[i].name);
		add_number(json, "value", members[i].value);
		add_version(json, "since", members[i].since);
		add_string(json, "prose", members[i].prose);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_choices(struct json *json, const struct contract *contract, bool are_flags)
{
	json_open(json, are_flags ? "flags" : "enums", '[');
	for (size_t i = 0; i < contract->choice_count; i++) {
		const struct choice *choice = &contract->choices[i];

		if (choice->is_flags != are_flags)
			continue;
		json_open(json, NULL, '{');
		add_string(json, "name", choice->name);
		add_number(json, "bytes", choice->bytes);
		add_version(json, "since", choice->since);
		add_string(json, "prose", choice->prose);
		add_members(json, "members", choice->members, choice->member_count);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_handles(struct json *json, const struct contract *contract)
{
	json_open(json, "handles", '[');
	for (size_t i = 0; i < contract->handle_count; i++) {
		const struct handle *handle = &contract->handles[i];

		json_open(json, NULL, '{');
		add_string(json, "name", handle->name);
		add_number(json, "number", handle->kind);
		add_number(json, "max", handle->max);
		add_version(json, "since", handle->since);
		add_string(json, "prose", handle->prose);
		add_members(json, "rights", handle->rights, handle->right_count);
		add_members(json, "states", handle->states, handle->state_count);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_structs(struct json *json, const struct contract *contract)
{
	json_open(json, "structs", '[');
	for (size_t i = 0; i < contract->record_count; i++) {
		const struct record *record = &contract->records[i];

		json_open(json, NULL, '{');
		add_string(json, "name", record->name);
		add_bool(json, "extensible", record->extensible);
		add_number(json, "size", record->size);
		add_number(json, "first_size", record_size_at(record, record->since));
		add_number(json, "alignment", record->alignment);
		add_version(json, "since", record->since);
		add_string(json, "prose", record->prose);
		json_open(json, "fields", '[');
		for (size_t j = 0; j < record->field_count; j++)
			add_field(json, &record->fields[j]);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_sections(struct json *json, const struct contract *contract)
{
	const struct section **sections = sections_in_order(contract);

	json_open(json, "sections", '[');
	for (size_t i = 0; i < contract->section_count; i++) {
		json_open(json, NULL, '{');
		add_string(json, "name", sections[i]->name);
		add_number(json, "number", sections[i]->number);
		add_string(json, "prose", sections[i]->prose);
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* ---- calls and profiles ---- */

static void add_errors(struct json *json, const struct call *call)
{
	struct error_rows rows = call_errors(call);

	json_open(json, "errors", '[');
	for (size_t i = 0; i < rows.count; i++) {
		json_open(json, NULL, '{');
		add_string(json, "name", rows.items[i].name);
		add_number(json, "number", (uint64_t)rows.items[i].number);
		add_number(json, "rank", rows.items[i].rank);
		add_bool(json, "implied", rows.items[i].implied);
		add_string(json, "prose", rows.items[i].reason);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void add_crossings(struct json *json, unsigned crossings)
{
	json_open(json, "crossings", '[');
	for (unsigned bit = CROSSING_TRAP; bit <= CROSSING_RING; bit <<= 1) {
		if (crossings & bit)
			add_string(json, NULL, crossings_text(bit, ""));
	}
	json_close(json, ']');
}

static void add_call(struct json *json, const struct call *call)
{
	json_open(json, NULL, '{');
	add_string(json, "name", call->name);
	add_number(json, "number", call->number);
	add_string(json, "section", call->section->name);
	add_version(json, "since", call->since);
	add_string(json, "prose", call->prose);
	json_open(json, "args", '[');
	for (size_t i = 0; i < call->arg_count; i++)
		add_argument(json, &call->args[i]);
	json_close(json, ']');
	add_string(json, "returns", call->returns);
	add_errors(json, call);
	add_string(json, "right", right_words[call->right]);
	add_string(json, "cost", cost_words[call->cost]);
	add_string(json, "cost_of", call->cost_arg.text);
	add_crossings(json, call->crossings);
	add_bool(json, "async", call->async);
	add_bool(json, "rate_limited", call->rate_limited);
	add_string(json, "prototype", c_prototype(call));
	json_close(json, '}');
}

static void add_calls(struct json *json, const struct contract *contract)
{
	const struct call **calls = calls_in_order(contract);

	json_open(json, "calls", '[');
	for (size_t i = 0; i < contract->call_count; i++)
		add_call(json, calls[i]);
	json_close(json, ']');
}

/* "entries" is what the contract lists, "calls" is what that amounts to. */
static void add_profiles(struct json *json, const struct contract *contract)
{
	json_open(json, "profiles", '[');
	for (size_t i = 0; i < contract->profile_count; i++) {
		const struct profile *profile = &contract->profiles[i];

		json_open(json, NULL, '{');
		add_string(json, "name", profile->name);
		add_string(json, "prose", profile->prose);
		json_open(json, "entries", '[');
		for (size_t j = 0; j < profile->entry_count; j++)
			add_string(json, NULL, profile->entries[j].text);
		json_close(json, ']');
		json_open(json, "calls", '[');
		for (size_t j = 0; j < contract->call_count; j++) {
			if (profile->calls[j])
				add_string(json, NULL, contract->calls[j].name);
		}
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

void emit_json(const struct contract *contract, FILE *to)
{
	struct json json = { .to = to };

	json_open(&json, NULL, '{');
	add_string(&json, "name", contract->name);
	add_version(&json, "version", contract->version);
	add_bool(&json, "draft", contract->draft);
	add_string(&json, "prose", contract->prose);
	add_sections(&json, contract);
	add_choices(&json, contract, false);
	add_choices(&json, contract, true);
	add_handles(&json, contract);
	add_structs(&json, contract);
	add_calls(&json, contract);
	add_profiles(&json, contract);
	json_close(&json, '}');
	fputc('\n', to);
}
