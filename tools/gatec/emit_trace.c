/* SPDX-License-Identifier: ISC */
/* emit_trace.c - abi_trace.c: names and shapes, for printing calls as strace does. */
#include "arena.h"
#include "c_names.h"
#include "emit.h"

static const char *const kind_names[] = {
	[TYPE_INTEGER] = "TRACE_UNSIGNED", [TYPE_GPA] = "TRACE_ADDRESS",       [TYPE_ENUM] = "TRACE_ENUM",
	[TYPE_FLAGS] = "TRACE_FLAGS",      [TYPE_HANDLE] = "TRACE_HANDLE",     [TYPE_STRUCT] = "TRACE_STRUCT",
	[TYPE_VECTOR] = "TRACE_VECTOR",    [TYPE_STRING] = "TRACE_STRING",     [TYPE_BYTES] = "TRACE_BYTES",
	[TYPE_BUFFER] = "TRACE_BUFFER",    [TYPE_SEGMENTS] = "TRACE_SEGMENTS",
};

static void emit_names(const struct choice *choice, FILE *to)
{
	fprintf(to, "\nstatic const struct trace_name names_%s[] = {\n", choice->name);
	for (size_t i = 0; i < choice->member_count; i++)
		fprintf(to, "\t{ \"%s\", %s },\n", choice->members[i].name,
			c_constant(choice->members[i].value));
	fputs("\t{ NULL, 0 },\n};\n", to);
}

/* Where the length of an argument lies, or NULL. */
static const char *length_suffix(enum type_kind kind)
{
	if (kind == TYPE_VECTOR || kind == TYPE_SEGMENTS)
		return "count";
	return kind == TYPE_STRING || kind == TYPE_BYTES ? "length" : NULL;
}

/* One row; owner is the C struct that the field lies in. An argument's handle is beside its object. */
static void emit_row(const char *owner, bool is_argument, const struct field *field, FILE *to)
{
	enum type_kind kind = field->type.kind;
	const char *length = length_suffix(kind);

	fprintf(to, "\t{ .name = \"%s\", .kind = %s, .offset = offsetof(%s, %s%s)", field->name,
		kind == TYPE_INTEGER && field->type.is_signed ? "TRACE_SIGNED" : kind_names[kind], owner,
		field->name, kind == TYPE_HANDLE && is_argument ? "_handle" : "");
	if (field->type.bytes)
		fprintf(to, ", .bytes = %u", field->type.bytes);
	if (field->type.count)
		fprintf(to, ", .count = %llu", (unsigned long long)field->type.count);
	if (field->direction != DIRECTION_IN)
		fputs(", .is_output = true", to);
	if (length)
		fprintf(to, ", .length_at = offsetof(%s, %s_%s)", owner, field->name, length);
	if (field->type.choice)
		fprintf(to, ", .names = names_%s", field->type.name);
	if (field->type.record)
		fprintf(to, ", .record = &record_%s", field->type.name);
	fputs(" },\n", to);
}

static void emit_rows(const char *owner, bool is_argument, const struct field *fields, size_t count, FILE *to)
{
	for (size_t i = 0; i < count; i++)
		emit_row(owner, is_argument, &fields[i], to);
	fputs("\t{ .name = NULL },\n};\n", to);
}

static void emit_record(const struct record *record, FILE *to)
{
	fprintf(to, "\nstatic const struct trace_field fields_%s[] = {\n", record->name);
	emit_rows(arena_print("struct postern_%s", record->name), false, record->fields, record->field_count,
		  to);
	fprintf(to,
		"\nstatic const struct trace_record record_%s = {\n"
		"\t.size = sizeof(struct postern_%s),\n"
		"\t.fields = fields_%s,\n"
		"};\n",
		record->name, record->name, record->name);
}

/* Marks what fields refer to, so that nothing unused is written. */
static void mark_used(const struct contract *contract, const struct field *fields, size_t count,
		      bool *choices, bool *records)
{
	for (size_t i = 0; i < count; i++) {
		const struct type *type = &fields[i].type;

		if (type->choice)
			choices[type->choice - contract->choices] = true;
		if (type->record) {
			records[type->record - contract->records] = true;
			mark_used(contract, type->record->fields, type->record->field_count, choices,
				  records);
		}
	}
}

/* A struct's parts come before it. */
static void emit_record_after_its_parts(const struct contract *contract, const struct record *record,
					bool *wanted, FILE *to)
{
	size_t index = (size_t)(record - contract->records);

	if (!wanted[index])
		return;
	wanted[index] = false;
	for (size_t i = 0; i < record->field_count; i++) {
		if (record->fields[i].type.record)
			emit_record_after_its_parts(contract, record->fields[i].type.record, wanted, to);
	}
	emit_record(record, to);
}

void emit_trace(const struct contract *contract, FILE *to)
{
	bool *choices = arena_alloc(contract->choice_count + 1);
	bool *records = arena_alloc(contract->record_count + 1);

	print_generated(contract, "abi_trace.c - names and shapes for the tracer.", to);
	fputs("#include \"gate/trace_tables.h\"\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		mark_used(contract, contract->calls[i].args, contract->calls[i].arg_count, choices, records);
	for (size_t i = 0; i < contract->choice_count; i++) {
		if (choices[i])
			emit_names(&contract->choices[i], to);
	}
	for (size_t i = 0; i < contract->record_count; i++)
		emit_record_after_its_parts(contract, &contract->records[i], records, to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		fprintf(to, "\nstatic const struct trace_field args_%s[] = {\n", call->c_name);
		emit_rows(arena_print("struct abi_%s", call->c_name), true, call->args, call->arg_count, to);
	}
	fputs("\nconst struct trace_field *const trace_calls[ABI_CALLS] = {\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, "\t[ABI_%s] = args_%s,\n", upper(contract->calls[i].c_name),
			contract->calls[i].c_name);
	fputs("};\n", to);
}
