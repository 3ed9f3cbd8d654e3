/* SPDX-License-Identifier: ISC */
/* emit_stubs.c - postern/stubs.h: for each call a function for a trap, and one to fill in a ring entry. */
#include "arena.h"
#include "c_names.h"
#include "emit.h"
#include "text.h"

#include <string.h>

/* What an argument puts into its registers. */
static const char *registers_of(const struct field *arg)
{
	const char *name = arg->name;

	switch (arg->type.kind) {
	case TYPE_INTEGER:
	case TYPE_GPA:
	case TYPE_ENUM:
	case TYPE_FLAGS:
	case TYPE_HANDLE:
		/* A negative value is widened with its sign, as the gate demands. */
		return arena_print("(uint64_t)%s%s", arg->type.is_signed ? "(int64_t)" : "", name);
	case TYPE_STRUCT:
		return arena_print("postern_address(%s)", name);
	case TYPE_VECTOR:
	case TYPE_SEGMENTS:
		return arena_print("postern_address(%s), %s_count", name, name);
	case TYPE_STRING:
	case TYPE_BYTES:
	case TYPE_BUFFER:
		return arena_print("postern_address(%s), %s_length", name, name);
	}
	return NULL;
}

/* All six registers, the unused ones zero. */
static const char *all_registers(const struct call *call)
{
	const char *list = NULL;

	for (size_t i = 0; i < call->arg_count; i++)
		list = join(list, ", ", registers_of(&call->args[i]));
	for (unsigned i = call->register_count; i < MAX_REGISTERS; i++)
		list = join(list, ", ", "0");
	return list;
}

static const char *parameters(const struct call *call)
{
	struct text text;

	print_c_parameters(call, text_open(&text));
	return text_close(&text);
}

static void emit_trap(const struct call *call, FILE *to)
{
	print_line(to, 0, "static inline int64_t postern_%s(%s)", call->c_name, parameters(call));
	fputs("{\n", to);
	print_line(to, 1, "return postern_hypercall(POSTERN_CALL_%s, %s);", upper(call->c_name),
		   all_registers(call));
	fputs("}\n", to);
}

/* name, or another when an argument has it. */
static const char *free_parameter(const struct call *call, const char *name)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		if (!strcmp(call->args[i].name, name))
			return free_parameter(call, arena_print("ring_%s", name));
	}
	return name;
}

static void emit_prepare(const struct call *call, FILE *to)
{
	const char *entry = free_parameter(call, "entry");
	const char *token = free_parameter(call, "token");

	fprintf(to, "\n/* Fills in a ring or batch entry with %s; %s comes back with the result. */\n",
		call->name, token);
	print_line(to, 0,
		   "static inline void postern_prepare_%s(struct postern_ring_entry *%s, uint64_t %s%s%s)",
		   call->c_name, entry, token, call->arg_count ? ", " : "",
		   call->arg_count ? parameters(call) : "");
	fprintf(to,
		"{\n"
		"\t*%s = (struct postern_ring_entry){\n"
		"\t\t.call = POSTERN_CALL_%s,\n"
		"\t\t.token = %s,\n",
		entry, upper(call->c_name), token);
	print_line(to, 2, ".args = { %s },", all_registers(call));
	fputs("\t};\n}\n", to);
}

static bool has_field(const struct record *record, const char *name, unsigned bytes, uint64_t count)
{
	for (size_t i = 0; i < record->field_count; i++) {
		const struct field *field = &record->fields[i];

		if (!strcmp(field->name, name))
			return field->type.kind == TYPE_INTEGER && field->type.bytes == bytes &&
			       field->type.count == count;
	}
	return false;
}

/* Whether the contract has the struct that postern_prepare_* fills in. */
static bool has_ring_entries(const struct contract *contract)
{
	for (size_t i = 0; i < contract->record_count; i++) {
		const struct record *record = &contract->records[i];

		if (!strcmp(record->name, "ring_entry"))
			return has_field(record, "call", 2, 0) && has_field(record, "token", 8, 0) &&
			       has_field(record, "args", 8, MAX_REGISTERS);
	}
	return false;
}

void emit_stubs(const struct contract *contract, FILE *to)
{
	bool has_rings = has_ring_entries(contract);

	print_generated(contract, "postern/stubs.h - hypercalls as functions, for guests.", to);
	fputs("#ifndef POSTERN_STUBS_H\n"
	      "#define POSTERN_STUBS_H\n"
	      "\n"
	      "#include <postern/abi.h>\n"
	      "/* Has int64_t postern_hypercall(number, six arguments) and uint64_t"
	      " postern_address(const void *). */\n"
	      "#include <postern/crossing.h>\n",
	      to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		fputc('\n', to);
		print_comment(call->prose, 0, to);
		if (call->crossings & CROSSING_TRAP)
			emit_trap(call, to);
		if (has_rings && (call->crossings & (CROSSING_BATCH | CROSSING_RING)))
			emit_prepare(call, to);
	}
	fputs("\n#endif\n", to);
}
