/* SPDX-License-Identifier: ISC */
/*
 * emit_host.c - abi_host.c: for each call one function that takes its arguments out of registers
 * and guest memory, checks them, and only then calls the handler; and the tables of calls, levels
 * and profiles. What the functions rely on is in hypervisor/gate/take.h.
 */
#include "arena.h"
#include "c_names.h"
#include "emit.h"
#include "text.h"

#include <string.h>

/* ---- checks of one value ---- */

/* Collects the conditions under which a value is malformed, as one C expression. */
struct conditions {
	const char *text;
};

static void add_condition(struct conditions *conditions, const char *condition)
{
	conditions->text = conditions->text ? arena_print("%s || %s", conditions->text, condition)
					    : condition;
}

static void add_unsigned_bounds(struct conditions *conditions, const struct field *field, const char *value)
{
	if (field->min)
		add_condition(conditions, arena_print("%s < %s", value, c_constant(field->min)));
	if (field->max < unsigned_limit(field->type.bytes))
		add_condition(conditions, arena_print("%s > %s", value, c_constant(field->max)));
}

static const char *signed_constant(uint64_t value)
{
	/* C has no literal for the least: it would be the negative of one that is too large. */
	return (int64_t)value == INT64_MIN ? "INT64_MIN" : arena_print("%lld", (long long)value);
}

static void add_signed_bounds(struct conditions *conditions, const struct field *field, const char *value)
{
	int64_t most = (int64_t)(unsigned_limit(field->type.bytes) >> 1);

	if ((int64_t)field->min > -most - 1)
		add_condition(conditions, arena_print("%s < %s", value, signed_constant(field->min)));
	if ((int64_t)field->max < most)
		add_condition(conditions, arena_print("%s > %s", value, signed_constant(field->max)));
}

/* The sum of field and the one that it counts from overflows; it cannot when both are small. */
static void add_overflow(struct conditions *conditions, const struct field *field, const char *value,
			 const char *base)
{
	const struct field *from = field->from_field;
	/* In a handler's arguments an address is a gpa_t; in a guest's struct it is a number. */
	bool wrapped = from->type.kind == TYPE_GPA && !strcmp(base, "call->");

	if (field->type.bytes == 8 || from->type.bytes == 8)
		add_condition(conditions, arena_print("%s > UINT64_MAX - %s%s%s%s", value,
						      from->type.bytes < 8 ? "(uint64_t)" : "", base,
						      from->name, wrapped ? ".value" : ""));
}

/* base is what a sibling's name is appended to: "it->" or "call->". */
static void add_integer_conditions(struct conditions *conditions, const struct field *field,
				   const char *value, const char *base)
{
	if (field->zero)
		add_condition(conditions, arena_print("%s != 0", value));
	else if (field->type.is_signed)
		add_signed_bounds(conditions, field, value);
	else
		add_unsigned_bounds(conditions, field, value);
	if (field->align)
		add_condition(conditions, arena_print("(%s & %s) != 0", value, c_constant(field->align - 1)));
	if (field->from_field)
		add_overflow(conditions, field, value, base);
}

static void emit_malformed(const char *condition, unsigned tabs, FILE *to)
{
	if (condition)
		print_line(to, tabs, "wrong |= gate_malformed(%s);", condition);
}

/* ---- structs ---- */

/* The check of one field of a struct; nothing when every value is valid. */
static void emit_field_check(const struct record *record, const struct field *field, FILE *to)
{
	const char *value = arena_print("it->%s", field->name);
	struct conditions conditions = { NULL };

	if (record->extensible && field == record->fields)
		return; /* size: gate_take_struct() has dealt with it */
	switch (field->type.kind) {
	case TYPE_INTEGER:
		if (field->type.count) {
			if (field->zero)
				add_condition(&conditions,
					      arena_print("gate_any_set(%s, sizeof %s)", value, value));
			break;
		}
		add_integer_conditions(&conditions, field, value, "it->");
		break;
	case TYPE_GPA:
		add_integer_conditions(&conditions, field, value, "it->");
		break;
	case TYPE_ENUM:
		add_condition(&conditions,
			      arena_print("!gate_is_value(%s, level->mask.%s)", value, field->type.name));
		break;
	case TYPE_FLAGS:
		add_condition(&conditions,
			      arena_print("(%s & ~level->mask.%s) != 0", value, field->type.name));
		break;
	case TYPE_STRUCT:
		fprintf(to, "\twrong |= check_%s(&%s, level);\n", field->type.name, value);
		break;
	case TYPE_HANDLE: /* in a struct, a number that the handler looks up */
	case TYPE_VECTOR:
	case TYPE_STRING:
	case TYPE_BYTES:
	case TYPE_BUFFER:
	case TYPE_SEGMENTS:
		break;
	}
	emit_malformed(conditions.text, 1, to);
}

static void emit_record_check(const struct contract *contract, const struct record *record, bool *written,
			      FILE *to)
{
	size_t index = (size_t)(record - contract->records);

	if (written[index])
		return;
	written[index] = true;
	for (size_t i = 0; i < record->field_count; i++) {
		if (record->fields[i].type.record)
			emit_record_check(contract, record->fields[i].type.record, written, to);
	}
	fputc('\n', to);
	print_line(to, 0,
		   "static unsigned check_%s(const struct postern_%s *it, const struct abi_level *level)",
		   record->name, record->name);
	fputs("{\n"
	      "\tunsigned wrong = 0;\n"
	      "\n"
	      "\t(void)it;\n"
	      "\t(void)level;\n",
	      to);
	for (size_t i = 0; i < record->field_count; i++)
		emit_field_check(record, &record->fields[i], to);
	fputs("\treturn wrong;\n}\n", to);
}

/* Only structs that the host reads need a check. */
static bool is_read(const struct field *arg)
{
	return arg->type.record && arg->direction != DIRECTION_OUT;
}

static void emit_record_checks(const struct contract *contract, FILE *to)
{
	bool *written = arena_alloc(contract->record_count + 1);

	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		for (size_t j = 0; j < call->arg_count; j++) {
			if (is_read(&call->args[j]))
				emit_record_check(contract, call->args[j].type.record, written, to);
		}
	}
}

/* ---- arguments ---- */

static const char *access_of(const struct field *arg)
{
	return arg->direction == DIRECTION_OUT ? "MEMORY_WRITE" : "MEMORY_READ";
}

/* The condition under which a register does not fit its argument's type, or NULL. */
static const char *width_condition(const struct field *arg)
{
	if (arg->type.is_signed && arg->type.bytes < 8)
		return arena_print("(int64_t)args[%u] != (int%u_t)args[%u]", arg->first_register,
				   8 * arg->type.bytes, arg->first_register);
	/* Bounds are compared with the narrowed copy, so they do not make this needless. */
	if (!arg->type.is_signed && arg->type.bytes < 8)
		return arena_print("args[%u] > %s", arg->first_register,
				   c_constant(unsigned_limit(arg->type.bytes)));
	return NULL;
}

static void emit_scalar(const struct field *arg, unsigned tabs, FILE *to)
{
	const char *value = arena_print("call->%s", arg->name);
	const char *cast = "";
	struct conditions conditions = { width_condition(arg) };

	if (arg->type.kind == TYPE_GPA)
		value = arena_print("call->%s.value", arg->name);
	else if (arg->type.bytes < 8 || arg->type.is_signed)
		cast = arena_print("(%s)", c_scalar(&arg->type));
	print_line(to, tabs, "%s = %sargs[%u];", value, cast, arg->first_register);
	if (arg->type.kind == TYPE_ENUM)
		add_condition(&conditions,
			      arena_print("!gate_is_value(%s, level->mask.%s)", value, arg->type.name));
	else if (arg->type.kind == TYPE_FLAGS)
		add_condition(&conditions, arena_print("(%s & ~level->mask.%s) != 0", value, arg->type.name));
	else
		add_integer_conditions(&conditions, arg, value, "call->");
	emit_malformed(conditions.text, tabs, to);
}

static void emit_handle_argument(const struct field *arg, unsigned tabs, FILE *to)
{
	const char *state = arg->needed_state
				    ? arena_print("%llu", (unsigned long long)arg->needed_state->value)
				    : "GATE_ANY_STATE";

	print_line(to, tabs, "call->%s_handle = (postern_handle_t)args[%u];", arg->name, arg->first_register);
	print_line(to, tabs,
		   "wrong |= gate_take_%shandle(frame, args[%u], ABI_HANDLE_%s, %s, %s, %s, &call->%s);",
		   arg->optional ? "optional_" : "", arg->first_register, upper(arg->type.name),
		   c_constant(arg->needed_rights), state, arg->state_error.text ? arg->state_error.text : "0",
		   arg->name);
}

/* How much the guest must send, what the level knows, and where the copy goes. */
static const char *struct_sizes(const struct field *arg)
{
	const struct record *record = arg->type.record;

	return arena_print("%llu, level->size.%s, &call->%s, sizeof call->%s",
			   (unsigned long long)record_size_at(record, record->since), record->name, arg->name,
			   arg->name);
}

static void emit_struct_argument(const struct field *arg, unsigned tabs, FILE *to)
{
	const char *place = arg->direction == DIRECTION_IN ? "NULL"
							   : arena_print("&call->%s_place", arg->name);

	if (arg->direction == DIRECTION_OUT) {
		print_line(to, tabs, "wrong |= gate_take_out(frame, args[%u], %s, %s);", arg->first_register,
			   struct_sizes(arg), place);
		return;
	}
	print_line(to, tabs, "found = gate_take_struct(frame, args[%u], %s, %s);", arg->first_register,
		   struct_sizes(arg), place);
	print_line(to, tabs, "wrong |= found ? found : check_%s(&call->%s, level);", arg->type.name,
		   arg->name);
}

/* The registers and the lengths between which the second of them must be. */
static const char *lengths(const struct field *arg)
{
	return arena_print("args[%u], args[%u], %llu, %llu", arg->first_register, arg->first_register + 1,
			   (unsigned long long)arg->min, (unsigned long long)arg->max);
}

static void emit_vector(const struct field *arg, unsigned tabs, FILE *to)
{
	const char *name = arg->name;

	print_line(to, tabs,
		   "wrong |= gate_take_vector(frame, %s, sizeof *call->%s, call->%s, &call->%s_count);",
		   lengths(arg), name, name, name);
	print_line(to, tabs, "for (uint32_t i = 0; i < call->%s_count; i++)", name);
	print_line(to, tabs + 1, "wrong |= check_%s(&call->%s[i], level);", arg->type.name, name);
}

static void emit_bytes(const struct field *arg, unsigned tabs, FILE *to)
{
	print_line(to, tabs, "wrong |= gate_take_%s(frame, %s, call->%s, &call->%s_length);",
		   arg->type.kind == TYPE_STRING ? "string" : "bytes", lengths(arg), arg->name, arg->name);
}

static void emit_buffer(const struct field *arg, unsigned tabs, FILE *to)
{
	print_line(to, tabs, "wrong |= gate_take_buffer(frame, %s, %s, &call->%s);", lengths(arg),
		   access_of(arg), arg->name);
}

static void emit_segments(const struct field *arg, unsigned tabs, FILE *to)
{
	const char *name = arg->name;

	print_line(
		to, tabs,
		"wrong |= gate_take_segments(frame, %s, %s, %s, call->%s, &call->%s_count, &call->%s_bytes);",
		lengths(arg), c_constant(arg->total), access_of(arg), name, name, name);
}

typedef void emit_argument_function(const struct field *arg, unsigned tabs, FILE *to);

static emit_argument_function *const argument_emitters[] = {
	[TYPE_INTEGER] = emit_scalar,
	[TYPE_GPA] = emit_scalar,
	[TYPE_ENUM] = emit_scalar,
	[TYPE_FLAGS] = emit_scalar,
	[TYPE_HANDLE] = emit_handle_argument,
	[TYPE_STRUCT] = emit_struct_argument,
	[TYPE_VECTOR] = emit_vector,
	[TYPE_STRING] = emit_bytes,
	[TYPE_BYTES] = emit_bytes,
	[TYPE_BUFFER] = emit_buffer,
	[TYPE_SEGMENTS] = emit_segments,
};

/* What tells the length of an argument, beside it in the call's struct. */
static const char *const lengths_beside[][3] = {
	[TYPE_VECTOR] = { "count" },
	[TYPE_STRING] = { "length" },
	[TYPE_BYTES] = { "length" },
	[TYPE_SEGMENTS] = { "count", "bytes" },
};

/* An argument that is newer than its call does not exist at older levels: it reads as zero there. */
static void emit_argument(const struct call *call, const struct field *arg, FILE *to)
{
	if (arg->since.minor == call->since.minor) {
		argument_emitters[arg->type.kind](arg, 1, to);
		return;
	}
	print_line(to, 1, "if (level->minor >= %u) {", arg->since.minor);
	argument_emitters[arg->type.kind](arg, 2, to);
	print_line(to, 1, "} else {");
	print_line(to, 2, "memset(&call->%s, 0, sizeof call->%s);", arg->name, arg->name);
	for (const char *const *part = lengths_beside[arg->type.kind]; *part; part++)
		print_line(to, 2, "call->%s_%s = 0;", arg->name, *part);
	for (unsigned i = 0; i < arg->register_count; i++)
		print_line(to, 2, "wrong |= gate_malformed(args[%u] != 0);", arg->first_register + i);
	print_line(to, 1, "}");
}

static void emit_unused(const struct call *call, FILE *to)
{
	const char *list = NULL;

	for (unsigned i = call->register_count; i < MAX_REGISTERS; i++)
		list = join(list, " | ", arena_print("args[%u]", i));
	if (call->register_count + 1 < MAX_REGISTERS)
		list = arena_print("(%s)", list);
	if (list)
		print_line(to, 1, "wrong |= gate_malformed(%s != 0);", list);
}

/* ---- calls ---- */

static bool any_argument(const struct call *call, bool (*test)(const struct field *arg))
{
	for (size_t i = 0; i < call->arg_count; i++) {
		if (test(&call->args[i]))
			return true;
	}
	return false;
}

static bool is_read_struct(const struct field *arg)
{
	return arg->type.kind == TYPE_STRUCT && arg->direction != DIRECTION_OUT;
}

static bool is_written_struct(const struct field *arg)
{
	return arg->type.kind == TYPE_STRUCT && arg->direction != DIRECTION_IN;
}

static void emit_call(const struct call *call, FILE *to)
{
	fprintf(to, "\n/* %s */\n", call->name);
	print_line(to, 0, "static int64_t call_%s(struct gate_frame *frame, const uint64_t args[6])",
		   call->c_name);
	fprintf(to,
		"{\n"
		"\tconst struct abi_level *level = frame->vm->level;\n"
		"\tstruct abi_%s *call = &frame->args.%s;\n"
		"\tunsigned wrong = 0;\n",
		call->c_name, call->c_name);
	if (any_argument(call, is_read_struct))
		fputs("\tunsigned found;\n", to);
	fputs("\n\t(void)level;\n", to);
	for (size_t i = 0; i < call->arg_count; i++)
		emit_argument(call, &call->args[i], to);
	emit_unused(call, to);
	fputs("\tif (gate_unlikely(wrong))\n\t\treturn gate_refuse(frame, wrong);\n", to);
	if (call->async)
		fputs("\tif (!gate_may_pend(frame))\n\t\treturn gate_refuse(frame, GATE_WRONG_LIMIT);\n", to);
	if (call->rate_limited)
		fputs("\tif (!gate_rate_take(frame->vm))\n\t\treturn gate_refuse(frame, GATE_WRONG_LIMIT);\n",
		      to);
	fprintf(to, "\treturn frame->vm->handlers->%s(frame, call);\n}\n", call->c_name);
	if (!any_argument(call, is_written_struct))
		return;
	fprintf(to,
		"\nstatic void give_%s(struct gate_frame *frame)\n"
		"{\n"
		"\tstruct abi_%s *call = &frame->args.%s;\n"
		"\n",
		call->c_name, call->c_name, call->c_name);
	for (size_t i = 0; i < call->arg_count; i++) {
		if (is_written_struct(&call->args[i]))
			fprintf(to, "\tgate_give_struct(&call->%s_place, &call->%s);\n", call->args[i].name,
				call->args[i].name);
	}
	fputs("}\n", to);
}

/* ---- tables ---- */

static const char *crossing_text(unsigned crossings)
{
	static const char *const names[] = { "GATE_TRAP", "GATE_BATCH", "GATE_RING" };
	const char *text = NULL;

	for (unsigned i = 0; i < 3; i++) {
		if (crossings & (1U << i))
			text = text ? arena_print("%s | 1 << %s", text, names[i])
				    : arena_print("1 << %s", names[i]);
	}
	return text;
}

/* Adds an errno to a bitmap of three words. */
static void add_error(uint64_t bitmap[3], int number)
{
	bitmap[number / 64] |= UINT64_C(1) << (number % 64);
}

static void emit_call_row(const struct call *call, FILE *to)
{
	uint64_t errors[3] = { 0 };

	for (size_t i = 0; i < call->error_count; i++)
		add_error(errors, call->errors[i].number);
	fprintf(to,
		"\t[ABI_%s] = {\n"
		"\t\t.name = \"%s\",\n"
		"\t\t.number = POSTERN_CALL_%s,\n"
		"\t\t.call = call_%s,\n",
		upper(call->c_name), call->name, upper(call->c_name), call->c_name);
	if (any_argument(call, is_written_struct))
		fprintf(to, "\t\t.give = give_%s,\n", call->c_name);
	fprintf(to,
		"\t\t.handler = offsetof(struct abi_handlers, %s),\n"
		"\t\t.args_size = sizeof(struct abi_%s),\n"
		"\t\t.since = %u,\n"
		"\t\t.crossings = %s,\n"
		"\t\t.always = %s,\n"
		"\t\t.async = %s,\n"
		"\t\t.rate_limited = %s,\n"
		"\t\t.errors = { 0x%llx, 0x%llx, 0x%llx },\n"
		"\t},\n",
		call->c_name, call->c_name, call->since.minor, crossing_text(call->crossings),
		call->right == RIGHT_ALWAYS ? "true" : "false", call->async ? "true" : "false",
		call->rate_limited ? "true" : "false", (unsigned long long)errors[0],
		(unsigned long long)errors[1], (unsigned long long)errors[2]);
}

static void emit_calls_table(const struct contract *contract, FILE *to)
{
	fputs("\nconst struct abi_call abi_calls[ABI_CALLS] = {\n"
	      "\t[ABI_NO_CALL] = { .name = \"no call\" },\n",
	      to);
	for (size_t i = 0; i < contract->call_count; i++)
		emit_call_row(&contract->calls[i], to);
	fputs("};\n\nconst uint8_t abi_ordinals[ABI_NUMBERS] = {\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, "\t[POSTERN_CALL_%s] = ABI_%s,\n", upper(contract->calls[i].c_name),
			upper(contract->calls[i].c_name));
	fputs("};\n", to);
}

static void emit_other_tables(const struct contract *contract, FILE *to)
{
	fputs("\nconst struct abi_section abi_sections[ABI_SECTIONS] = {\n", to);
	for (size_t i = 0; i < contract->section_count; i++)
		fprintf(to, "\t{ .name = \"%s\", .number = 0x%02llx },\n", contract->sections[i].name,
			(unsigned long long)contract->sections[i].number);
	fputs("};\n\nconst struct abi_handle abi_handles[ABI_HANDLE_KINDS] = {\n", to);
	for (size_t i = 0; i < contract->handle_count; i++) {
		const struct handle *handle = &contract->handles[i];

		fprintf(to, "\t[ABI_HANDLE_%s] = { .name = \"%s\", .kind = %llu, .max = %llu },\n",
			upper(handle->name), handle->name, (unsigned long long)handle->kind,
			(unsigned long long)handle->max);
	}
	fputs("};\n", to);
}

static uint64_t mask_at(const struct choice *choice, struct version version)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < choice->member_count; i++) {
		const struct member *member = &choice->members[i];

		if (version_compare(member->since, version) <= 0)
			mask |= choice->is_flags ? member->value : UINT64_C(1) << member->value;
	}
	return mask;
}

static void emit_level(const struct contract *contract, struct version version, FILE *to)
{
	fprintf(to, "\t[%u] = {\n\t\t.minor = %u,\n\t\t.mask = {\n", version.minor, version.minor);
	for (size_t i = 0; i < contract->choice_count; i++)
		fprintf(to, "\t\t\t.%s = UINT64_C(0x%llx),\n", contract->choices[i].name,
			(unsigned long long)mask_at(&contract->choices[i], version));
	fputs("\t\t},\n\t\t.size = {\n", to);
	for (size_t i = 0; i < contract->record_count; i++) {
		if (contract->records[i].extensible)
			fprintf(to, "\t\t\t.%s = %llu,\n", contract->records[i].name,
				(unsigned long long)record_size_at(&contract->records[i], version));
	}
	fputs("\t\t},\n\t},\n", to);
}

static void emit_levels_table(const struct contract *contract, FILE *to)
{
	fputs("\nconst struct abi_level abi_levels[ABI_LEVELS] = {\n", to);
	for (unsigned minor = 0; minor <= contract->version.minor; minor++)
		emit_level(contract, (struct version){ contract->version.major, minor }, to);
	fputs("};\n", to);
}

static void emit_profiles(const struct contract *contract, FILE *to)
{
	fputs("\nconst struct abi_profile abi_profiles[ABI_PROFILES] = {\n", to);
	for (size_t i = 0; i < contract->profile_count; i++) {
		const struct profile *profile = &contract->profiles[i];

		fprintf(to, "\t{\n\t\t.name = \"%s\",\n\t\t.calls = (const uint8_t[ABI_CALLS]){\n",
			profile->name);
		for (size_t j = 0; j < contract->call_count; j++) {
			if (profile->calls[j])
				fprintf(to, "\t\t\t[ABI_%s] = 1,\n", upper(contract->calls[j].c_name));
		}
		fputs("\t\t},\n\t},\n", to);
	}
	fputs("};\n", to);
}

void emit_host(const struct contract *contract, FILE *to)
{
	print_generated(contract, "abi_host.c - decoders and validators: the only code that calls a handler.",
			to);
	fputs("#include \"abi_host.h\"\n"
	      "\n"
	      "#include \"gate/take.h\"\n"
	      "\n"
	      "#include <errno.h>\n"
	      "#include <stddef.h>\n"
	      "#include <string.h>\n",
	      to);
	emit_record_checks(contract, to);
	for (size_t i = 0; i < contract->call_count; i++)
		emit_call(&contract->calls[i], to);
	emit_calls_table(contract, to);
	emit_other_tables(contract, to);
	emit_levels_table(contract, to);
	emit_profiles(contract, to);
}
