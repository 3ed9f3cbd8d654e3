/* SPDX-License-Identifier: ISC */
/* emit_header.c - postern/abi.h: numbers, types, and assertions about every size and offset. */
#include "arena.h"
#include "c_names.h"
#include "emit.h"

#include <string.h>

static void emit_start(const struct contract *contract, FILE *to)
{
	print_generated(contract, "postern/abi.h - the hypercall ABI, for guests and for the host.", to);
	fprintf(to,
		"#ifndef POSTERN_ABI_H\n"
		"#define POSTERN_ABI_H\n"
		"\n"
		"#include <stddef.h>\n"
		"#include <stdint.h>\n"
		"\n"
		"#ifdef __cplusplus\n"
		"#define POSTERN_ABI_ASSERT(fact) static_assert(fact, #fact)\n"
		"#else\n"
		"#define POSTERN_ABI_ASSERT(fact) _Static_assert(fact, #fact)\n"
		"#endif\n"
		"\n"
		"#define POSTERN_ABI_MAJOR %u\n"
		"#define POSTERN_ABI_MINOR %u\n"
		"\n"
		"/* Names an object of the host: index, generation and kind. */\n"
		"typedef uint32_t postern_handle_t;\n"
		"#define POSTERN_NO_HANDLE UINT32_MAX\n"
		"\n"
		"/* An extensible struct, zeroed, with the size that this header knows:"
		" POSTERN_INIT(clock_info). */\n"
		"#define POSTERN_INIT(name)"
		" ((struct postern_##name){ .size = sizeof(struct postern_##name) })\n"
		"\n"
		"/* A piece of guest memory, in arguments of type segments. */\n"
		"struct postern_segment {\n"
		"\tuint64_t address; /* Guest-physical, in bytes. */\n"
		"\tuint64_t length; /* Bytes. */\n"
		"};\n"
		"POSTERN_ABI_ASSERT(sizeof(struct postern_segment) == 16);\n",
		contract->version.major, contract->version.minor);
}

static void emit_numbers(const struct contract *contract, FILE *to)
{
	/* C has no empty enums. */
	if (contract->section_count)
		fputs("\n/* Sections: the high bytes of call numbers. */\nenum postern_section {\n", to);
	for (size_t i = 0; i < contract->section_count; i++)
		fprintf(to, "\tPOSTERN_SECTION_%s = 0x%02llx,\n", upper(contract->sections[i].name),
			(unsigned long long)contract->sections[i].number);
	if (contract->section_count)
		fputs("};\n", to);
	if (contract->call_count)
		fputs("\n/* Call numbers. */\nenum postern_call {\n", to);
	for (size_t i = 0; i < contract->call_count; i++)
		fprintf(to, "\tPOSTERN_CALL_%s = 0x%04llx,\n", upper(contract->calls[i].c_name),
			(unsigned long long)contract->calls[i].number);
	if (contract->call_count)
		fputs("};\n", to);
}

static void emit_enum(const struct choice *choice, FILE *to)
{
	fprintf(to, "enum postern_%s {\n", choice->name);
	for (size_t i = 0; i < choice->member_count; i++) {
		const struct member *member = &choice->members[i];

		print_with_comment(arena_print("POSTERN_%s_%s = %llu,", upper(choice->name),
					       upper(member->name), (unsigned long long)member->value),
				   member->prose, 1, to);
	}
	fputs("};\n", to);
}

static void emit_flags(const struct choice *choice, FILE *to)
{
	for (size_t i = 0; i < choice->member_count; i++) {
		const struct member *member = &choice->members[i];

		print_with_comment(arena_print("#define POSTERN_%s_%s UINT%u_C(0x%llx)", upper(choice->name),
					       upper(member->name), 8 * choice->bytes,
					       (unsigned long long)member->value),
				   member->prose, 0, to);
	}
}

static void emit_choice(const struct choice *choice, FILE *to)
{
	fputc('\n', to);
	print_comment(choice->prose, 0, to);
	if (choice->is_flags)
		emit_flags(choice, to);
	else
		emit_enum(choice, to);
}

static void emit_handle(const struct handle *handle, FILE *to)
{
	fputc('\n', to);
	print_comment(handle->prose, 0, to);
	fprintf(to, "#define POSTERN_HANDLE_%s %llu\n", upper(handle->name),
		(unsigned long long)handle->kind);
	fprintf(to, "#define POSTERN_HANDLE_%s_MAX %llu\n", upper(handle->name),
		(unsigned long long)handle->max);
	for (size_t i = 0; i < handle->right_count; i++) {
		const struct member *right = &handle->rights[i];

		print_with_comment(arena_print("#define POSTERN_%s_RIGHT_%s UINT32_C(0x%llx)",
					       upper(handle->name), upper(right->name),
					       (unsigned long long)right->value),
				   right->prose, 0, to);
	}
	for (size_t i = 0; i < handle->state_count; i++) {
		const struct member *state = &handle->states[i];

		print_with_comment(arena_print("#define POSTERN_%s_STATE_%s %llu", upper(handle->name),
					       upper(state->name), (unsigned long long)state->value),
				   state->prose, 0, to);
	}
}

static void emit_field(const struct field *field, FILE *to)
{
	const char *type = field->type.kind == TYPE_STRUCT
				   ? arena_print("struct postern_%s", field->type.name)
				   : c_scalar(&field->type);
	const char *elements =
		field->type.count ? arena_print("[%llu]", (unsigned long long)field->type.count) : "";

	print_with_comment(arena_print("%s %s%s;", type, field->name, elements), field->prose, 1, to);
}

/* Names the size that the struct had at each version in which it grew. */
static void emit_sizes(const struct contract *contract, const struct record *record, FILE *to)
{
	for (unsigned minor = record->since.minor; minor <= contract->version.minor; minor++) {
		struct version version = { contract->version.major, minor };

		fprintf(to, "#define POSTERN_%s_SIZE_%u_%u %llu\n", upper(record->name), version.major, minor,
			(unsigned long long)record_size_at(record, version));
	}
}

static void emit_record(const struct contract *contract, const struct record *record, FILE *to)
{
	fputc('\n', to);
	print_comment(record->prose, 0, to);
	fprintf(to, "struct postern_%s {\n", record->name);
	for (size_t i = 0; i < record->field_count; i++)
		emit_field(&record->fields[i], to);
	/* A struct of small fields would otherwise be aligned to less than the gate asks for. */
	fprintf(to, "}%s;\n", record->extensible ? " __attribute__((aligned(8)))" : "");
	if (record->extensible)
		emit_sizes(contract, record, to);
	fprintf(to, "POSTERN_ABI_ASSERT(sizeof(struct postern_%s) == %llu);\n", record->name,
		(unsigned long long)record->size);
	fprintf(to, "POSTERN_ABI_ASSERT(__alignof__(struct postern_%s) == %llu);\n", record->name,
		(unsigned long long)record->alignment);
	for (size_t i = 0; i < record->field_count; i++)
		fprintf(to, "POSTERN_ABI_ASSERT(offsetof(struct postern_%s, %s) == %llu);\n", record->name,
			record->fields[i].name, (unsigned long long)record->fields[i].offset);
}

/* A struct's fields may be structs declared later in the file: those are written first. */
static void emit_record_after_its_parts(const struct contract *contract, const struct record *record,
					bool *written, FILE *to)
{
	size_t index = (size_t)(record - contract->records);

	if (written[index])
		return;
	written[index] = true;
	for (size_t i = 0; i < record->field_count; i++) {
		if (record->fields[i].type.record)
			emit_record_after_its_parts(contract, record->fields[i].type.record, written, to);
	}
	emit_record(contract, record, to);
}

void emit_header(const struct contract *contract, FILE *to)
{
	bool *written = arena_alloc(contract->record_count + 1);

	emit_start(contract, to);
	emit_numbers(contract, to);
	for (size_t i = 0; i < contract->choice_count; i++)
		emit_choice(&contract->choices[i], to);
	for (size_t i = 0; i < contract->handle_count; i++)
		emit_handle(&contract->handles[i], to);
	for (size_t i = 0; i < contract->record_count; i++)
		emit_record_after_its_parts(contract, &contract->records[i], written, to);
	fputs("\n#endif\n", to);
}
