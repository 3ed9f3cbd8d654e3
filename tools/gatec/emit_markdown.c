/* SPDX-License-Identifier: ISC */
/*
 * emit_markdown.c - docs/abi.md, the reference manual as a forge shows it. Links within the page rely on
 * the anchors that forges make of headings: small letters, blanks as hyphens, no punctuation.
 */
#include "arena.h"
#include "emit.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { PAGE_WIDTH = 100 };

struct page {
	const struct contract *contract;
	FILE *to;
};

/* ---- text ---- */

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return !c || c == ' ' || c == '\n';
}

/*
 * Whether the dot or bracket at i makes the start of a list of a number in prose, should the number
 * start a line: any number can at the start of a paragraph, and only 1 within one.
 */
static bool ends_list_number(const char *text, size_t i)
{
	size_t start = i;

	while (start && is_digit(text[start - 1]))
		start--;
	if (start == i || !is_blank(text[i + 1]))
		return false;
	return !start || text[start - 1] == '\n' ||
	       (text[start - 1] == ' ' && i - start == 1 && text[start] == '1');
}

/* Whether Markdown, or the dialect of a forge, would take the character for more than itself. */
static bool needs_escape(const char *text, size_t i)
{
	if (strchr("\\`*[]<>|~$&", text[i]))
		return true;
	if (text[i] == '_')
		return !i || !is_word_char(text[i - 1]) || !is_word_char(text[i + 1]);
	return (text[i] == '.' || text[i] == ')') && ends_list_number(text, i);
}

/* What would make a heading or a list of a line of prose. */
static const char *guard(const char *word)
{
	return strchr("#+-=", *word) ? "\\" : "";
}

/* The anchor of a heading. */
static const char *anchor(const char *heading)
{
	struct text text;
	FILE *to = text_open(&text);

	for (; *heading; heading++) {
		if (*heading == ' ')
			fputc('-', to);
		else if (is_word_char(*heading) || *heading == '_' || *heading == '-')
			fputc(*heading >= 'A' && *heading <= 'Z' ? *heading - 'A' + 'a' : *heading, to);
	}
	return text_close(&text);
}

static const char *call_heading(const struct call *call)
{
	return arena_print("%s (0x%04" PRIx64 ")", call->name, call->number);
}

static const char *section_heading(const struct section *section)
{
	return arena_print("%s (0x%02" PRIx64 ")", section->name, section->number);
}

static const char *call_link(const struct call *call)
{
	return arena_print("[`%s`](#%s)", call->name, anchor(call_heading(call)));
}

/* The call whose name stands at i, as a whole word; NULL: none does. */
static const struct call *call_at(const struct page *page, const char *text, size_t i)
{
	static const char *const name_chars = "abcdefghijklmnopqrstuvwxyz0123456789_.";
	size_t length = strspn(text + i, name_chars);

	if (i && (is_word_char(text[i - 1]) || strchr("_.", text[i - 1])))
		return NULL;
	while (length && text[i + length - 1] == '.')
		length--;
	return length ? find_call(page->contract, arena_copy(text + i, length)) : NULL;
}

/* Prose as Markdown: what has a meaning to it is escaped, and names of calls become links. */
static const char *escaped(const struct page *page, const char *prose)
{
	struct text text;
	FILE *to = text_open(&text);

	for (size_t i = 0; prose[i];) {
		const struct call *call = call_at(page, prose, i);

		if (call) {
			fputs(call_link(call), to);
			i += strlen(call->name);
			continue;
		}
		if (needs_escape(prose, i))
			fputc('\\', to);
		fputc(prose[i++], to);
	}
	return text_close(&text);
}

static void print_prose(const struct page *page, const char *prose)
{
	static const struct wrap wrap = { .width = PAGE_WIDTH, .between = "\n", .guard = guard };

	if (!prose)
		return;
	fputc('\n', page->to);
	print_wrapped(escaped(page, prose), &wrap, page->to);
}

/* Prose in a cell of a table, which is one line. */
static const char *cell(const struct page *page, const char *prose)
{
	struct text text;
	FILE *to = text_open(&text);
	const char *rest = escaped(page, prose ? prose : "");

	for (; *rest; rest++) {
		if (*rest != '\n') {
			fputc(*rest, to);
			continue;
		}
		fputs("<br><br>", to);
		rest++; /* the second line break between the paragraphs */
	}
	return text_close(&text);
}

static void print_heading(const struct page *page, unsigned level, const char *heading)
{
	static const char marks[] = "######";

	fprintf(page->to, "\n%s %s\n", marks + (sizeof marks - 1 - level), heading);
}

/* ---- types ---- */

/* The heading under which a type is described, which its links lead to. */
static const char *type_heading(const struct type *type)
{
	if (type->choice)
		return arena_print("%s %s", choice_words[type->choice->is_flags], type->name);
	return arena_print("%s %s", type->handle ? "handle" : "struct", type->name);
}

static const char *type_link(const struct type *type)
{
	return type->name ? arena_print("[`%s`](#%s)", type_text(type), anchor(type_heading(type)))
			  : arena_print("`%s`", type_text(type));
}

/* What a member means, and its version where that is not the one of its type. */
static const char *member_meaning(const struct page *page, const struct member *member, struct version owner)
{
	const char *meaning = member->prose ? cell(page, member->prose) : NULL;

	if (version_compare(member->since, owner) == 0)
		return meaning ? meaning : "";
	return join(meaning, " ", arena_print("Since %s.", version_text(member->since)));
}

static void print_members(const struct page *page, const char *what, const struct member *members,
			  size_t count, struct version owner)
{
	bool are_bits = strcmp(what, "bit") == 0 || strcmp(what, "right") == 0;

	if (!count)
		return;
	fprintf(page->to, "\n| %s | name | meaning |\n|---|---|---|\n", what);
	for (size_t i = 0; i < count; i++) {
		const struct member *member = &members[i];

		fprintf(page->to, are_bits ? "| 0x%" PRIx64 : "| %" PRIu64, member->value);
		fprintf(page->to, " | `%s` | %s |\n", member->name, member_meaning(page, member, owner));
	}
}

static void print_choice(const struct page *page, const struct choice *choice)
{
	print_heading(page, 3, arena_print("%s %s", choice_words[choice->is_flags], choice->name));
	print_prose(page, choice->prose);
	fprintf(page->to, "\nBase type `u%u`; since %s.\n", 8 * choice->bytes, version_text(choice->since));
	print_members(page, choice->is_flags ? "bit" : "value", choice->members, choice->member_count,
		      choice->since);
}

static void print_handle(const struct page *page, const struct handle *handle)
{
	print_heading(page, 3, arena_print("handle %s", handle->name));
	print_prose(page, handle->prose);
	fprintf(page->to, "\nKind %" PRIu64 "; a VM may have %s; since %s.\n", handle->kind,
		number_text(handle->max), version_text(handle->since));
	print_members(page, "right", handle->rights, handle->right_count, handle->since);
	print_members(page, "state", handle->states, handle->state_count, handle->since);
}

static void print_field_row(const struct page *page, const struct record *record, const struct field *field)
{
	uint64_t each = field->type.kind == TYPE_STRUCT ? field->type.record->size : field->type.bytes;

	fprintf(page->to, "| %" PRIu64 " | %" PRIu64 " | `%s` | %s | %s | %s |\n", field->offset,
		field->type.count ? each * field->type.count : each, field->name, type_link(&field->type),
		cell(page, notes_text(field, record->since)), cell(page, field->prose));
}

static void print_record(const struct page *page, const struct record *record)
{
	print_heading(page, 3, arena_print("struct %s", record->name));
	print_prose(page, record->prose);
	fprintf(page->to, "\n%s, %" PRIu64 " bytes; since %s.\n", record->extensible ? "Extensible" : "Fixed",
		record->size, version_text(record->since));
	fputs("\n| offset | size | field | type | limits | meaning |\n|---|---|---|---|---|---|\n", page->to);
	for (size_t i = 0; i < record->field_count; i++)
		print_field_row(page, record, &record->fields[i]);
}

/* The types that belong to a section, or, for NULL, to none. */
static void print_types(const struct page *page, const struct section *section)
{
	const struct contract *contract = page->contract;

	for (size_t i = 0; i < contract->choice_count; i++) {
		if (type_section(contract, contract->choices[i].name) == section)
			print_choice(page, &contract->choices[i]);
	}
	for (size_t i = 0; i < contract->handle_count; i++) {
		if (type_section(contract, contract->handles[i].name) == section)
			print_handle(page, &contract->handles[i]);
	}
	for (size_t i = 0; i < contract->record_count; i++) {
		if (type_section(contract, contract->records[i].name) == section)
			print_record(page, &contract->records[i]);
	}
}

static bool has_shared_types(const struct contract *contract)
{
	for (size_t i = 0; i < contract->choice_count; i++) {
		if (!type_section(contract, contract->choices[i].name))
			return true;
	}
	for (size_t i = 0; i < contract->handle_count; i++) {
		if (!type_section(contract, contract->handles[i].name))
			return true;
	}
	for (size_t i = 0; i < contract->record_count; i++) {
		if (!type_section(contract, contract->records[i].name))
			return true;
	}
	return false;
}

/* ---- calls ---- */

static void print_arguments(const struct page *page, const struct call *call)
{
	if (!call->arg_count)
		return;
	fputs("\n| register | | argument | type | limits | meaning |\n|---|---|---|---|---|---|\n", page->to);
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct field *arg = &call->args[i];

		fprintf(page->to, "| %s | %s | `%s` | %s | %s | %s |\n", registers_text(arg),
			direction_words[arg->direction], arg->name, type_link(&arg->type),
			cell(page, notes_text(arg, call->since)), cell(page, arg->prose));
	}
}

static void print_errors(const struct page *page, const struct call *call)
{
	struct error_rows rows = call_errors(call);

	fputs("\n| error | when |\n|---|---|\n", page->to);
	for (size_t i = 0; i < rows.count; i++)
		fprintf(page->to, "| %s | %s |\n", rows.items[i].name, cell(page, rows.items[i].reason));
}

static void print_properties(const struct page *page, const struct call *call)
{
	fprintf(page->to,
		"\n| since | right | cost | crossings | rate | completes |\n|---|---|---|---|---|---|\n"
		"| %s | %s | %s | %s | %s | %s |\n",
		version_text(call->since), right_words[call->right], cell(page, cost_meaning(call)),
		crossings_text(call->crossings, ", "), call->rate_limited ? "limited" : "not limited",
		call->async ? "asynchronously" : "before it returns");
}

static void print_call(const struct page *page, const struct call *call)
{
	print_heading(page, 3, call_heading(call));
	fputs("\n```c\n", page->to);
	print_prototype(call, PAGE_WIDTH, page->to);
	fputs("```\n", page->to);
	print_prose(page, call->prose);
	print_arguments(page, call);
	if (call->returns)
		print_prose(page, arena_print("Returns: %s", call->returns));
	print_errors(page, call);
	print_properties(page, call);
}

/* ---- the page ---- */

static void print_head(const struct page *page)
{
	const struct contract *contract = page->contract;

	fprintf(page->to,
		"<!-- Generated by gatec from the contract %s %s. Change the contract, not this file. -->\n\n"
		"# The %s ABI, version %s%s\n",
		contract->name, version_text(contract->version), capitalized(contract->name),
		version_text(contract->version), contract->draft ? " (draft)" : "");
	if (contract->draft)
		fputs("\n**This is a draft: it may still change in any way.**\n", page->to);
	print_prose(page, contract->prose);
}

static void print_call_row(const struct page *page, const struct call *call)
{
	fprintf(page->to, "| 0x%04" PRIx64 " | %s | %s | %s | %s | %s |\n", call->number, call_link(call),
		version_text(call->since), right_words[call->right], crossings_text(call->crossings, ", "),
		cell(page, first_sentence(call->prose)));
}

static void print_contents(const struct page *page)
{
	const struct contract *contract = page->contract;
	const struct section **sections = sections_in_order(contract);
	const struct call **calls = calls_in_order(contract);
	size_t next = 0;

	print_heading(page, 2, "Contents");
	fputs("\n- [Rules in short](#rules-in-short)\n", page->to);
	if (has_shared_types(contract))
		fputs("- [Shared types](#shared-types)\n", page->to);
	for (size_t i = 0; i < contract->section_count; i++)
		fprintf(page->to, "- [%s](#%s): %s\n", section_heading(sections[i]),
			anchor(section_heading(sections[i])), cell(page, first_sentence(sections[i]->prose)));
	if (contract->profile_count)
		fputs("- [Profiles](#profiles)\n", page->to);
	fputs("\n| number | call | since | right | crossings | what it does |\n|---|---|---|---|---|---|\n",
	      page->to);
	/* Both are in the order of their numbers, so the calls of a section are next. */
	for (size_t i = 0; i < contract->section_count; i++) {
		fprintf(page->to, "| **0x%02" PRIx64 "** | [**%s**](#%s) | | | | |\n", sections[i]->number,
			sections[i]->name, anchor(section_heading(sections[i])));
		for (; next < contract->call_count && calls[next]->section == sections[i]; next++)
			print_call_row(page, calls[next]);
	}
}

static const char rules[] =
	"\n## Rules in short\n"
	"\n"
	"[The contract and its language](contract.md) has the rules in full.\n"
	"\n"
	"- Arguments are in registers 0 to 5; a ring entry has them in `args[0]` to `args[5]`. A register\n"
	"  that a call does not use must be zero, and a value must fit its type.\n"
	"- Memory has two registers: its address and its length, in bytes or elements. For `segments`, it\n"
	"  is an array of `struct postern_segment`, each a `u64 address` and a `u64 length`.\n"
	"- A result of zero or more is success, a negative one is a Linux errno. A refused call has changed\n"
	"  nothing.\n"
	"- When several things are wrong, the first of this list is answered:\n"
	"\n"
	"  | rank | error | when |\n"
	"  |---|---|---|\n"
	"  | 1 | ENOSYS | the VM's level does not have the call, or nothing serves it |\n"
	"  | 2 | EPERM | the VM's policy does not grant it |\n"
	"  | 3 | EINVAL | an argument, a field, a reserved bit or the crossing is malformed |\n"
	"  | 4 | EFAULT | guest memory that the VM does not own, or may not access in this way |\n"
	"  | 5 | E2BIG | an extensible struct has a nonzero tail that is not known, or over 4096 bytes |\n"
	"  | 6 | EBADF | not a live handle of that kind |\n"
	"  | 7 | EACCES | the handle lacks a right |\n"
	"  | 8 | (declared) | the object is in another state than the call needs |\n"
	"  | 9 | EAGAIN | a limit is reached |\n"
	"\n"
	"- An extensible struct states its `size`, a multiple of 8. What the caller does not know reads as\n"
	"  zero, and zero means the old behaviour; a tail that the host does not know must be zero.\n"
	"- Structs, vectors, strings and bytes are copied once, and only the copy is looked at.\n"
	"- A call whose cost is partial answers how many elements are done; if a later one than the first\n"
	"  fails, its error comes when the guest calls again from there.\n"
	"- A guest decides on features, never on version numbers.\n";

static void print_section(const struct page *page, const struct section *section)
{
	const struct contract *contract = page->contract;
	const struct call **calls = calls_in_order(contract);

	print_heading(page, 2, section_heading(section));
	print_prose(page, section->prose);
	print_types(page, section);
	for (size_t i = 0; i < contract->call_count; i++) {
		if (calls[i]->section == section)
			print_call(page, calls[i]);
	}
}

static void print_profile(const struct page *page, const struct profile *profile)
{
	const struct contract *contract = page->contract;
	const struct call **calls = calls_in_order(contract);
	const char *entries = NULL;
	const char *granted = NULL;

	for (size_t i = 0; i < profile->entry_count; i++)
		entries = join(entries, ", ", profile->entries[i].text);
	for (size_t i = 0; i < contract->call_count; i++) {
		if (profile->calls[calls[i] - contract->calls])
			granted = join(granted, ", ", calls[i]->name);
	}
	print_heading(page, 3, arena_print("profile %s", profile->name));
	print_prose(page, profile->prose);
	print_prose(page, arena_print("Made of: %s.", entries ? entries : "nothing"));
	print_prose(page, arena_print("Calls: %s.", granted ? granted : "none"));
}

void emit_markdown(const struct contract *contract, FILE *to)
{
	const struct page page = { .contract = contract, .to = to };
	const struct section **sections = sections_in_order(contract);

	print_head(&page);
	print_contents(&page);
	fputs(rules, to);
	if (has_shared_types(contract)) {
		print_heading(&page, 2, "Shared types");
		print_types(&page, NULL);
	}
	for (size_t i = 0; i < contract->section_count; i++)
		print_section(&page, sections[i]);
	if (contract->profile_count)
		fputs("\n## Profiles\n\nNamed sets of calls that a VM's policy may grant.\n", to);
	for (size_t i = 0; i < contract->profile_count; i++)
		print_profile(&page, &contract->profiles[i]);
}
