/* SPDX-License-Identifier: ISC */
/* emit_host_header.c - abi_host.h: ordinals, typed arguments, handlers and levels, for the host's side. */
#include "c_names.h"
#include "emit.h"

static void emit_ordinals(const struct contract *contract, FILE *to)
{
	fputs("\n/* Calls counted through, so that tables need no gaps; 0 is no call. */\n"
	      "enum abi_ordinal {\n"
	      "\tABI_NO_CALL,\n",
	      to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, "\tABI_%s,\n", upper(contract->calls[i].c_name));
	fputs("\tABI_CALLS\n};\n\n/* X(name, NAME) for each call. */\n#define ABI_EACH_CALL(X)", to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, " \\\n\tX(%s, %s)", contract->calls[i].c_name, upper(contract->calls[i].c_name));
	fputs("\n\nenum abi_handle_kind {\n", to);
	for (size_t i = 0; i < contract->handle_count; i++)
		fprintf(to, "\tABI_HANDLE_%s,\n", upper(contract->handles[i].name));
	fputs("\tABI_HANDLE_KINDS\n};\n", to);
}

/* The fields that one argument becomes in its call's struct. */
static void emit_argument_fields(const struct field *arg, FILE *to)
{
	const char *name = arg->name;
	unsigned long long max = arg->max;

	switch (arg->type.kind) {
	case TYPE_INTEGER:
	case TYPE_ENUM:
	case TYPE_FLAGS:
		fprintf(to, "\t%s %s;\n", c_scalar(&arg->type), name);
		return;
	case TYPE_GPA:
		fprintf(to, "\tgpa_t %s;\n", name);
		return;
	case TYPE_HANDLE:
		fprintf(to,
			"\tpostern_handle_t %s_handle;\n"
			"\tvoid *%s; /* %sthe object, alive until the call is complete */\n",
			name, name, arg->optional ? "NULL, or " : "");
		return;
	case TYPE_STRUCT:
		fprintf(to, "\tstruct postern_%s %s;\n", arg->type.name, name);
		if (arg->direction != DIRECTION_IN)
			fprintf(to, "\tstruct gate_place %s_place;\n", name);
		return;
	case TYPE_VECTOR:
		fprintf(to, "\tuint32_t %s_count;\n\tstruct postern_%s %s[%llu];\n", name, arg->type.name,
			name, max);
		return;
	case TYPE_STRING:
		fprintf(to, "\tuint32_t %s_length;\n\tchar %s[%llu];\n", name, name, max + 1);
		return;
	case TYPE_BYTES:
		fprintf(to, "\tuint32_t %s_length;\n\tuint8_t %s[%llu];\n", name, name, max);
		return;
	case TYPE_BUFFER:
		fprintf(to,
			"\tstruct iovec %s;"
			" /* memory of the guest: data to pass on, never to look at twice */\n",
			name);
		return;
	case TYPE_SEGMENTS:
		fprintf(to,
			"\tuint32_t %s_count;\n\tuint64_t %s_bytes; /* of all of them */\n"
			"\tstruct iovec %s[%llu]; /* memory of the guest, as above */\n",
			name, name, name, max);
		return;
	}
}

static void emit_arguments(const struct contract *contract, FILE *to)
{
	fputs("\n/* The arguments of each call as its handler gets them: checked copies. */\n", to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		fprintf(to, "struct abi_%s {\n", call->c_name);
		for (size_t j = 0; j < call->arg_count; j++)
			emit_argument_fields(&call->args[j], to);
		if (!call->arg_count)
			fputs("\tuint8_t none;\n", to);
		fputs("};\n\n", to);
	}
	fputs("union abi_args {\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, "\tstruct abi_%s %s;\n", contract->calls[i].c_name, contract->calls[i].c_name);
	fputs("};\n", to);
}

static void emit_handlers(const struct contract *contract, FILE *to)
{
	fputs("\n/*\n"
	      " * What serves each call. A handler answers zero, a positive result, a negative errno\n"
	      " * that the contract declares, or, if the call is async, GATE_PENDING. NULL: the call\n"
	      " * answers ENOSYS.\n"
	      " */\n"
	      "struct abi_handlers {\n",
	      to);
	for (size_t i = 0; i < contract->call_count; i++) {
		const char *name = contract->calls[i].c_name;

		fprintf(to, "\tint64_t (*%s)(struct gate_frame *frame, struct abi_%s *call);\n", name, name);
	}
	fputs("};\n", to);
}

static void emit_levels(const struct contract *contract, FILE *to)
{
	bool any = false;

	fputs("\n/* What a released version knew: valid values of each enum and flags, sizes of each"
	      " extensible struct. */\n"
	      "struct abi_level {\n"
	      "\tunsigned minor;\n"
	      "\tstruct {\n",
	      to);
	for (size_t i = 0; i < contract->choice_count; i++)
		fprintf(to, "\t\tuint64_t %s;\n", contract->choices[i].name);
	if (!contract->choice_count)
		fputs("\t\tuint64_t none;\n", to);
	fputs("\t} mask;\n\tstruct {\n", to);
	for (size_t i = 0; i < contract->record_count; i++) {
		if (!contract->records[i].extensible)
			continue;
		fprintf(to, "\t\tuint16_t %s;\n", contract->records[i].name);
		any = true;
	}
	if (!any)
		fputs("\t\tuint16_t none;\n", to);
	fprintf(to,
		"\t} size;\n"
		"};\n"
		"\n"
		"#define ABI_LEVELS %u\n"
		"extern const struct abi_level abi_levels[ABI_LEVELS]; /* by minor version */\n",
		contract->version.minor + 1);
}

static uint64_t highest_number(const struct contract *contract)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < contract->call_count; i++) {
		if (contract->calls[i].number > highest)
			highest = contract->calls[i].number;
	}
	return highest;
}

void emit_host_header(const struct contract *contract, FILE *to)
{
	print_generated(contract, "abi_host.h - the host's view of the hypercall ABI.", to);
	fputs("#ifndef POSTERN_ABI_HOST_H\n"
	      "#define POSTERN_ABI_HOST_H\n"
	      "\n"
	      "#include \"gate/abi_types.h\"\n"
	      "#include \"memory/memory.h\"\n"
	      "\n"
	      "#include <postern/abi.h>\n"
	      "#include <sys/uio.h>\n",
	      to);
	emit_ordinals(contract, to);
	emit_arguments(contract, to);
	emit_handlers(contract, to);
	emit_levels(contract, to);
	fprintf(to,
		"\n"
		"extern const struct abi_call abi_calls[ABI_CALLS];\n"
		"extern const struct abi_handle abi_handles[ABI_HANDLE_KINDS];\n"
		"\n"
		"#define ABI_PROFILES %zu\n"
		"extern const struct abi_profile abi_profiles[ABI_PROFILES];\n"
		"\n"
		"#define ABI_SECTIONS %zu\n"
		"extern const struct abi_section abi_sections[ABI_SECTIONS];\n"
		"\n"
		"/* The ordinal of each number below ABI_NUMBERS. */\n"
		"#define ABI_NUMBERS %llu\n"
		"extern const uint8_t abi_ordinals[ABI_NUMBERS];\n"
		"\n"
		"#endif\n",
		contract->profile_count, contract->section_count,
		(unsigned long long)highest_number(contract) + 1);
}
