/* SPDX-License-Identifier: ISC */
/*
 * emit_man.c - the reference manual as a page for man(1), in the macros of man(7). The page has no date:
 * the same contract must give the same bytes on every day.
 */
#include "arena.h"
#include "c_names.h"
#include "emit.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

/* Lines of the source, not of the page. */
enum { SOURCE_WIDTH = 76, PROTOTYPE_WIDTH = 64 };

/* ---- text ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Decodes the UTF-8 character at text, which is known to be valid. Returns its length. */
static size_t decode(const char *text, uint32_t *code)
{
	unsigned char first = (unsigned char)*text;
	size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*code = first & (0x7fU >> length);
	for (size_t i = 1; i < length; i++)
		*code = *code << 6 | ((unsigned char)text[i] & 0x3f);
	return length;
}

/* What roff reads as something else than the character that it is. A hyphen in a word stays one. */
static const char *const escapes[128] = {
	['\\'] = "\\e", ['"'] = "\\(dq", ['\''] = "\\(aq", ['`'] = "\\(ga", ['^'] = "\\(ha", ['~'] = "\\(ti",
};

static const char *escaped(const char *prose)
{
	struct text text;
	FILE *to = text_open(&text);

	for (size_t i = 0; prose[i];) {
		unsigned char c = (unsigned char)prose[i];
		bool in_word = i && is_letter(prose[i - 1]) && is_letter(prose[i + 1]);
		uint32_t code;

		if (c >= 0x80) {
			i += decode(prose + i, &code);
			fprintf(to, "\\[u%04" PRIX32 "]", code);
			continue;
		}
		if (c == '-' && !in_word)
			fputs("\\-", to);
		else if (escapes[c])
			fputs(escapes[c], to);
		else
			fputc(c, to);
		i++;
	}
	return text_close(&text);
}

/* A line of text must not start with a control character. */
static const char *guard(const char *word)
{
	return *word == '.' || *word == '\'' ? "\\&" : "";
}

/* between: the macro that parts two paragraphs, with its newline. */
static void print_text(const char *roff, const char *between, FILE *to)
{
	const struct wrap wrap = {
		.width = SOURCE_WIDTH,
		.between = between,
		.sentence_ends_line = true,
		.guard = guard,
	};

	if (*roff)
		print_wrapped(roff, &wrap, to);
}

static void print_paragraphs(const char *prose, FILE *to)
{
	if (!prose)
		return;
	fputs(".PP\n", to);
	print_text(escaped(prose), ".PP\n", to);
}

/* A tagged paragraph. The tag is roff, the body is what it says, plain. */
static void print_tagged(const char *tag, const char *body, FILE *to)
{
	fprintf(to, ".TP\n%s\n", tag);
	if (body && *body)
		print_text(escaped(body), ".IP\n", to);
	else
		fputs("\\&\n", to);
}

static const char *bold(const char *text)
{
	return arena_print("\\fB%s\\fR", escaped(text));
}

static const char *italic(const char *text)
{
	return arena_print("\\fI%s\\fR", escaped(text));
}

/* The first paragraph after a heading, which parts it from what was before. */
static void print_first(const char *prose, FILE *to)
{
	if (prose)
		print_text(escaped(prose), ".PP\n", to);
}

/* A paragraph after the prose of a type, which in a lock file has none. */
static void print_facts(const char *prose, const char *facts, FILE *to)
{
	if (prose)
		print_paragraphs(facts, to);
	else
		print_first(facts, to);
}

static void print_heading(const char *macro, const char *heading, FILE *to)
{
	fprintf(to, ".%s \"%s\"\n", macro, escaped(heading));
}

/* "Meaning. Limits." from what may be missing. */
static const char *sentences(const char *first, const char *second)
{
	const char *all = first && *first ? first : NULL;

	return *second ? join(all, " ", arena_print("[%s]", second)) : all;
}

/* ---- types ---- */

static void print_members(const char *what, const struct member *members, size_t count, bool are_bits,
			  struct version owner, FILE *to)
{
	for (size_t i = 0; i < count; i++) {
		const struct member *member = &members[i];
		const char *value = arena_print(are_bits ? "0x%" PRIx64 : "%" PRIu64, member->value);
		bool is_newer = version_compare(member->since, owner) > 0;
		const char *note = is_newer ? arena_print("since %s", version_text(member->since)) : "";

		print_tagged(arena_print("%s%s = %s", what, bold(member->name), value),
			     sentences(member->prose, note), to);
	}
}

static void print_choice(const struct choice *choice, FILE *to)
{
	const char *word = choice_words[choice->is_flags];

	print_heading("SS", arena_print("%s %s : u%u", word, choice->name, 8 * choice->bytes), to);
	print_first(choice->prose, to);
	print_members("", choice->members, choice->member_count, choice->is_flags, choice->since, to);
}

static void print_handle(const struct handle *handle, FILE *to)
{
	print_heading("SS", arena_print("handle %s", handle->name), to);
	print_first(handle->prose, to);
	print_facts(handle->prose,
		    arena_print("Kind %" PRIu64 "; a VM may have %" PRIu64 ".", handle->kind, handle->max),
		    to);
	print_members("right ", handle->rights, handle->right_count, true, handle->since, to);
	print_members("state ", handle->states, handle->state_count, false, handle->since, to);
}

static void print_record(const struct record *record, FILE *to)
{
	print_heading("SS", arena_print("struct %s", record->name), to);
	print_first(record->prose, to);
	print_facts(record->prose,
		    arena_print("%s, %" PRIu64 " bytes. Before each field is its offset.",
				record->extensible ? "Extensible" : "Fixed", record->size),
		    to);
	for (size_t i = 0; i < record->field_count; i++) {
		const struct field *field = &record->fields[i];
		const char *tag = arena_print("%" PRIu64 " %s : %s", field->offset, bold(field->name),
					      italic(type_text(&field->type)));

		print_tagged(tag, sentences(field->prose, notes_text(field, record->since)), to);
	}
}

/* The types that belong to a section, or, for NULL, to none; under a heading of their own, if it has one. */
static void print_types(const struct contract *contract, const struct section *section, const char *heading,
			FILE *to)
{
	struct text text;
	FILE *types = text_open(&text);

	for (size_t i = 0; i < contract->choice_count; i++) {
		if (type_section(contract, contract->choices[i].name) == section)
			print_choice(&contract->choices[i], types);
	}
	for (size_t i = 0; i < contract->handle_count; i++) {
		if (type_section(contract, contract->handles[i].name) == section)
			print_handle(&contract->handles[i], types);
	}
	for (size_t i = 0; i < contract->record_count; i++) {
		if (type_section(contract, contract->records[i].name) == section)
			print_record(&contract->records[i], types);
	}

	const char *all = text_close(&text);

	if (*all && heading)
		print_heading("SH", heading, to);
	fputs(all, to);
}

/* ---- calls ---- */

static void print_code(const struct call *call, FILE *to)
{
	struct text text;

	print_prototype(call, PROTOTYPE_WIDTH, text_open(&text));
	fprintf(to, ".nf\n\\fB%s", escaped(text_close(&text)));
	fputs("\\fR\n.fi\n", to);
}

static void print_arguments(const struct call *call, FILE *to)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct field *arg = &call->args[i];
		const char *tag = arena_print("%s %s %s : %s", registers_text(arg),
					      direction_words[arg->direction], bold(arg->name),
					      italic(type_text(&arg->type)));

		print_tagged(tag, sentences(arg->prose, notes_text(arg, call->since)), to);
	}
}

static void print_errors(const struct call *call, FILE *to)
{
	struct error_rows rows = call_errors(call);

	for (size_t i = 0; i < rows.count; i++)
		print_tagged(bold(rows.items[i].name), rows.items[i].reason, to);
}

static void print_properties(const struct call *call, FILE *to)
{
	const char *text = arena_print("Since %s. Right: %s. Cost: %s. Crossings: %s.",
				       version_text(call->since), right_words[call->right],
				       cost_meaning(call), crossings_text(call->crossings, ", "));

	if (call->rate_limited)
		text = join(text, " ", "Rate limited.");
	if (call->async)
		text = join(text, " ", "Asynchronous.");
	print_paragraphs(text, to);
}

static void print_call(const struct call *call, FILE *to)
{
	print_heading("SS", arena_print("%s (0x%04" PRIx64 ")", call->name, call->number), to);
	print_code(call, to);
	print_paragraphs(call->prose, to);
	print_arguments(call, to);
	if (call->returns)
		print_tagged("Returns", call->returns, to);
	print_errors(call, to);
	print_properties(call, to);
}

/* ---- the page ---- */

static const char *page_title(const struct contract *contract)
{
	return arena_print("%s-ABI", upper(contract->name));
}

static void print_head(const struct contract *contract, FILE *to)
{
	const char *version = arena_print("%s ABI %s%s", capitalized(contract->name),
					  version_text(contract->version), contract->draft ? " (draft)" : "");

	fprintf(to,
		".\\\" Generated by gatec from the contract %s. Change the contract, not this file.\n"
		".TH %s 7 \"\" \"%s\"\n"
		".SH NAME\n"
		"%s\\-abi \\- the hypercalls of %s, version %s%s\n"
		".SH DESCRIPTION\n",
		contract->name, escaped(page_title(contract)), escaped(version), contract->name,
		capitalized(contract->name), version_text(contract->version),
		contract->draft ? ", a draft" : "");
	print_first(contract->prose ? contract->prose : "This page lists them.", to);
}

static const char rules[] =
	".SH RULES\n"
	"Arguments are in registers 0 to 5; a ring entry has them in\n"
	"\\fIargs\\fR.\n"
	"A register that a call does not use must be zero, and a value must fit its\n"
	"type.\n"
	"Memory has two registers: its address and its length, in bytes or elements.\n"
	"For segments that is an array of \\fIstruct postern_segment\\fR, each an address\n"
	"and a length of 64 bits.\n"
	"A result of zero or more is success, a negative one is a Linux errno.\n"
	"When several things are wrong, the first of these is answered, and nothing has\n"
	"changed:\n"
	"ENOSYS, EPERM, EINVAL, EFAULT, E2BIG, EBADF, EACCES, the error of an object in\n"
	"another state, EAGAIN.\n"
	".PP\n"
	"An extensible struct states its size, a multiple of 8.\n"
	"What the caller does not know reads as zero, and zero means the old behaviour;\n"
	"a tail that the host does not know must be zero.\n"
	"Structs, vectors, strings and bytes are copied once, and only the copy is\n"
	"looked at.\n"
	"A guest decides on features, never on version numbers.\n"
	".PP\n"
	"Below, a call has its prototype for a guest in C, then its arguments with their\n"
	"registers, what it returns, and its errors in the order in which they are found.\n"
	"Limits are in brackets.\n";

static void print_overview(const struct contract *contract, FILE *to)
{
	const struct call **calls = calls_in_order(contract);

	print_heading("SH", "CALLS", to);
	for (size_t i = 0; i < contract->call_count; i++)
		print_tagged(arena_print("0x%04" PRIx64 " %s", calls[i]->number, bold(calls[i]->name)),
			     first_sentence(calls[i]->prose), to);
}

static void print_section(const struct contract *contract, const struct section *section, FILE *to)
{
	const struct call **calls = calls_in_order(contract);

	print_heading("SH",
		      arena_print("SECTION %s (0x%02" PRIx64 ")", upper(section->name), section->number), to);
	print_first(section->prose, to);
	print_types(contract, section, NULL, to);
	for (size_t i = 0; i < contract->call_count; i++) {
		if (calls[i]->section == section)
			print_call(calls[i], to);
	}
}

static void print_profiles(const struct contract *contract, FILE *to)
{
	if (contract->profile_count)
		print_heading("SH", "PROFILES", to);
	for (size_t i = 0; i < contract->profile_count; i++) {
		const struct profile *profile = &contract->profiles[i];
		const char *entries = NULL;

		for (size_t j = 0; j < profile->entry_count; j++)
			entries = join(entries, ", ", profile->entries[j].text);
		print_tagged(bold(profile->name), sentences(profile->prose, entries ? entries : ""), to);
	}
}

void emit_man(const struct contract *contract, FILE *to)
{
	const struct section **sections = sections_in_order(contract);

	print_head(contract, to);
	fputs(rules, to);
	print_overview(contract, to);
	print_types(contract, NULL, "SHARED TYPES", to);
	for (size_t i = 0; i < contract->section_count; i++)
		print_section(contract, sections[i], to);
	print_profiles(contract, to);
	fputs(".SH SEE ALSO\n.BR postern (1)\n", to);
}
