/* SPDX-License-Identifier: ISC */
/* emit_stubs.c - postern/stubs.h: what a guest calls. One function for a trap, one to fill in a ring entry. */
#include "c_names.h"
#include "emit.h"
#include "text.h"

#include <string.h>

/* What an argument puts into its registers. */
static void emit_registers(const struct field *arg, FILE *to)
{
	switch (arg->type.kind) {
	case TYPE_INTEGER:
	case TYPE_GPA:
	case TYPE_ENUM:
	case TYPE_FLAGS:
	case TYPE_HANDLE:
		/* A negative value is widened with its sign, as the gate demands. */
		fprintf(to, "(uint64_t)%s%s", arg->type.is_signed ? "(int64_t)" : "", arg->name);
		return;
	case TYPE_STRUCT:
		fprintf(to, "postern_address(%s)", arg->name);
		return;
	case TYPE_VECTOR:
	case TYPE_SEGMENTS:
		fprintf(to, "postern_address(%s), %s_count", arg->name, arg->name);
		return;
	case TYPE_STRING:
	case TYPE_BYTES:
	case TYPE_BUFFER:
		fprintf(to, "postern_address(%s), %s_length", arg->name, arg->name);
		return;
	}
}

/* All six registers, the unused ones zero. */
static void emit_all_registers(const struct call *call, FILE *to)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		if (i)
			fputs(", ", to);
		emit_registers(&call->args[i], to);
	}
	for (unsigned i = call->register_count; i < MAX_REGISTERS; i++)
		fprintf(to, "%s0", i ? ", " : "");
}

static void emit_trap(const struct call *call, FILE *to)
{
	fprintf(to, "static inline int64_t postern_%s(", call->c_name);
	print_c_parameters(call, to);
	fprintf(to, ")\n{\n\treturn postern_hypercall(POSTERN_CALL_%s, ", upper(call->c_name));
	emit_all_registers(call, to);
	fputs(");\n}\n", to);
}

static void emit_prepare(const struct call *call, FILE *to)
{
	fprintf(to, "\n/* Fills in a ring or batch entry with %s; token comes back with the result. */\n", call->name);
	fprintf(to, "static inline void postern_prepare_%s(struct postern_ring_entry *entry, uint64_t token", call->c_name);
	if (call->arg_count) {
		fputs(", ", to);
		print_c_parameters(call, to);
	}
	fprintf(to, ")\n{\n\t*entry = (struct postern_ring_entry){ .call = POSTERN_CALL_%s, .token = token, .args = { ",
		upper(call->c_name));
	emit_all_registers(call, to);
	fputs(" } };\n}\n", to);
}

static bool has_record(const struct contract *contract, const char *name)
{
	for (size_t i = 0; i < contract->record_count; i++) {
		if (!strcmp(contract->records[i].name, name))
			return true;
	}
	return false;
}

void emit_stubs(const struct contract *contract, FILE *to)
{
	bool has_rings = has_record(contract, "ring_entry");

	print_generated(contract, "postern/stubs.h - hypercalls as functions, for guests.", to);
	fputs("#ifndef POSTERN_STUBS_H\n"
	      "#define POSTERN_STUBS_H\n"
	      "\n"
	      "#include <postern/abi.h>\n"
	      "/* Has int64_t postern_hypercall(number, six arguments) and uint64_t postern_address(const void *). */\n"
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
