/* SPDX-License-Identifier: ISC */
/* emit_fuzz.c - abi_fuzz.c: what is valid in each argument, for fuzzers and tests. See fuzz/grammar.h. */
#include "arena.h"
#include "c_names.h"
#include "emit.h"

static const char *const kind_names[] = {
	[TYPE_INTEGER] = "GRAMMAR_INTEGER",   [TYPE_GPA] = "GRAMMAR_ADDRESS",
	[TYPE_ENUM] = "GRAMMAR_ENUM",         [TYPE_FLAGS] = "GRAMMAR_FLAGS",
	[TYPE_HANDLE] = "GRAMMAR_HANDLE",     [TYPE_STRUCT] = "GRAMMAR_STRUCT",
	[TYPE_VECTOR] = "GRAMMAR_VECTOR",     [TYPE_STRING] = "GRAMMAR_STRING",
	[TYPE_BYTES] = "GRAMMAR_BYTES",       [TYPE_BUFFER] = "GRAMMAR_BUFFER",
	[TYPE_SEGMENTS] = "GRAMMAR_SEGMENTS",
};

static const char *const direction_names[] = { "GRAMMAR_IN", "GRAMMAR_OUT", "GRAMMAR_INOUT" };

static uint64_t whole_mask(const struct choice *choice)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < choice->member_count; i++)
		mask |= choice->is_flags ? choice->members[i].value : UINT64_C(1) << choice->members[i].value;
	return mask;
}

static void emit_number(const char *name, uint64_t value, FILE *to)
{
	if (value)
		fprintf(to, "\t\t.%s = %s,\n", name, c_constant(value));
}

static void emit_flag(const char *name, bool value, FILE *to)
{
	if (value)
		fprintf(to, "\t\t.%s = true,\n", name);
}

static void emit_handle_needs(const struct field *field, FILE *to)
{
	fprintf(to, "\t\t.handle = ABI_HANDLE_%s,\n", upper(field->type.name));
	emit_number("rights", field->needed_rights, to);
	if (!field->needed_state)
		return;
	fprintf(to, "\t\t.state = %llu,\n\t\t.state_error = %d,\n",
		(unsigned long long)field->needed_state->value, errno_number(field->state_error.text));
}

/* call: whose argument the field is, or NULL; first: the first of the fields that it stands among. */
static void emit_field(const struct call *call, const struct field *first, const struct field *field,
		       FILE *to)
{
	fprintf(to, "\t{\n\t\t.name = \"%s\",\n\t\t.kind = %s,\n", field->name, kind_names[field->type.kind]);
	if (call)
		fprintf(to, "\t\t.direction = %s,\n\t\t.copy = offsetof(struct abi_%s, %s%s),\n",
			direction_names[field->direction], call->c_name, field->name,
			field->type.kind == TYPE_HANDLE ? "_handle" : "");
	emit_number("at", call ? field->first_register : field->offset, to);
	emit_number("since", field->since.minor, to);
	emit_number("bytes", field->type.bytes, to);
	emit_number("count", field->type.count, to);
	emit_flag("is_signed", field->type.is_signed, to);
	emit_flag("zero", field->zero, to);
	emit_flag("optional", field->optional, to);
	emit_number("min", field->min, to);
	emit_number("max", field->max, to);
	emit_number("align", field->align, to);
	emit_number("total", field->total, to);
	if (field->type.choice)
		emit_number("mask", whole_mask(field->type.choice), to);
	fprintf(to, "\t\t.from = %d,\n", field->from_field ? (int)(field->from_field - first) : -1);
	if (!field->needed_state)
		fputs("\t\t.state = -1,\n", to);
	if (field->type.handle)
		emit_handle_needs(field, to);
	if (field->type.record)
		fprintf(to, "\t\t.record = &record_%s,\n", field->type.name);
	fputs("\t},\n", to);
}

static void emit_fields(const struct call *call, const struct field *fields, size_t count, FILE *to)
{
	for (size_t i = 0; i < count; i++)
		emit_field(call, fields, &fields[i], to);
	fputs("};\n", to);
}

static void emit_record(const struct contract *contract, const struct record *record, FILE *to)
{
	fprintf(to, "\nstatic const struct grammar_field fields_%s[] = {\n", record->name);
	emit_fields(NULL, record->fields, record->field_count, to);
	fprintf(to, "\nstatic const struct grammar_record record_%s = {\n\t.name = \"%s\",\n", record->name,
		record->name);
	if (record->extensible)
		fputs("\t.extensible = true,\n", to);
	fprintf(to, "\t.since = %u,\n\t.sizes = {", record->since.minor);
	for (unsigned minor = 0; minor <= contract->version.minor; minor++)
		fprintf(to, " %llu,",
			(unsigned long long)record_size_at(
				record, (struct version){ contract->version.major, minor }));
	fprintf(to, " },\n\t.field_count = %zu,\n\t.fields = fields_%s,\n};\n", record->field_count,
		record->name);
}

/* A struct's parts come before it; only those that arguments lead to are written. */
static void emit_reachable(const struct contract *contract, const struct field *fields, size_t count,
			   bool *written, FILE *to)
{
	for (size_t i = 0; i < count; i++) {
		const struct record *record = fields[i].type.record;

		if (!record || written[record - contract->records])
			continue;
		written[record - contract->records] = true;
		emit_reachable(contract, record->fields, record->field_count, written, to);
		emit_record(contract, record, to);
	}
}

void emit_fuzz(const struct contract *contract, FILE *to)
{
	bool *written = arena_alloc(contract->record_count + 1);

	print_generated(contract, "abi_fuzz.c - what is valid in each argument of each call.", to);
	fputs("#include \"grammar.h\"\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		emit_reachable(contract, contract->calls[i].args, contract->calls[i].arg_count, written, to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		if (!call->arg_count)
			continue;
		fprintf(to, "\nstatic const struct grammar_field args_%s[] = {\n", call->c_name);
		emit_fields(call, call->args, call->arg_count, to);
	}
	fputs("\nconst struct grammar_call grammar_calls[ABI_CALLS] = {\n", to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		if (call->arg_count)
			fprintf(to, "\t[ABI_%s] = { .arg_count = %zu, .args = args_%s },\n",
				upper(call->c_name), call->arg_count, call->c_name);
	}
	fputs("};\n", to);
}
