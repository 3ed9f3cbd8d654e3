/* SPDX-License-Identifier: ISC */
/* abi_page.c - one part of the contract in full, in the manner of a manual page. */
#include "abi_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 4, WIDEST_LABEL = 40 };

/* Prints what text_format() made, and frees it. */
static void print_made(const struct page *page, size_t indent, char *text)
{
	page_prose(page, indent, text);
	free(text);
}

static void print_made_heading(const struct page *page, char *text)
{
	page_heading(page, text);
	free(text);
}

static void print_title(const struct page *page, const char *title)
{
	putchar('\n');
	page_heading(page, title);
}

static void print_paragraphs(const struct page *page, const json_t *part)
{
	page_prose(page, INDENT, text_of(part, "prose"));
}

/* The strings of an array as a list. The caller frees it. */
static char *joined(const json_t *words)
{
	char *all = text_format("%s", "");

	for (size_t i = 0; i < json_array_size(words); i++)
		all = text_join(all, json_string_value(json_array_get(words, i)));
	return all;
}

/* ---- lists of things with a label each ---- */

typedef char *label_maker(const json_t *item);

static size_t label_column(size_t indent, const json_t *items, label_maker *label_of)
{
	size_t widest = 0;

	for (size_t i = 0; i < json_array_size(items); i++) {
		char *label = label_of(json_array_get(items, i));
		size_t columns = text_columns(label);

		widest = columns > widest ? columns : widest;
		free(label);
	}
	return indent + 2 + (widest < WIDEST_LABEL ? widest : WIDEST_LABEL);
}

/* The prose of an item, then in brackets its limits, and its version unless that is its owner's. */
static char *described(const json_t *item, const char *since)
{
	const char *limits = text_of(item, "limits"), *prose = text_of(item, "prose");
	const char *version = text_of(item, "since");
	bool is_newer = *version && strcmp(version, since) != 0;

	if (!*limits && !is_newer)
		return text_format("%s", prose);
	return text_format("%s%s[%s%s%s%s]", prose, *prose ? " " : "", limits,
			   *limits && is_newer ? "; " : "", is_newer ? "since " : "",
			   is_newer ? version : "");
}

/* since: the version of what the items belong to. */
static void print_items(const struct page *page, size_t indent, const json_t *items, label_maker *label_of,
			const char *since)
{
	size_t column = label_column(indent, items, label_of);

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		char *label = label_of(item), *prose = described(item, since);

		page_item(page, indent, label, column, prose);
		free(prose);
		free(label);
	}
}

static char *value_label(const json_t *member)
{
	return text_format("%s = %" PRIu64, text_of(member, "name"), number_of(member, "value"));
}

static char *bit_label(const json_t *member)
{
	return text_format("%s = 0x%" PRIx64, text_of(member, "name"), number_of(member, "value"));
}

static char *right_label(const json_t *right)
{
	return text_format("right %s = 0x%" PRIx64, text_of(right, "name"), number_of(right, "value"));
}

static char *state_label(const json_t *state)
{
	return text_format("state %s = %" PRIu64, text_of(state, "name"), number_of(state, "value"));
}

static char *field_label(const json_t *field)
{
	return text_format("%4" PRIu64 " %s : %s", number_of(field, "offset"), text_of(field, "name"),
			   text_of(field, "type"));
}

static char *error_label(const json_t *error)
{
	return text_format("%s", text_of(error, "name"));
}

/* "1,2 in path : string": what takes two registers has its address in the first. */
static char *argument_label(const json_t *argument)
{
	const json_t *registers = json_object_get(argument, "registers");
	int first = (int)json_integer_value(json_array_get(registers, 0));
	bool has_length = json_array_size(registers) > 1;
	char *place = has_length ? text_format("%d,%d", first, first + 1) : text_format("%d  ", first);
	char *label = text_format("%s %s %s : %s", place, text_of(argument, "direction"),
				  text_of(argument, "name"), text_of(argument, "type"));

	free(place);
	return label;
}

/* ---- types ---- */

static void print_choice(const struct page *page, const json_t *choice, const char *word, label_maker *label)
{
	print_made_heading(page, text_format("%s %s : u%" PRIu64, word, text_of(choice, "name"),
					     8 * number_of(choice, "bytes")));
	print_paragraphs(page, choice);
	print_made(page, INDENT, text_format("Since %s.", text_of(choice, "since")));
	putchar('\n');
	print_items(page, INDENT, json_object_get(choice, "members"), label, text_of(choice, "since"));
}

void print_enum(const struct page *page, const json_t *contract, const json_t *choice)
{
	(void)contract;
	print_choice(page, choice, "enum", value_label);
}

void print_flags(const struct page *page, const json_t *contract, const json_t *choice)
{
	(void)contract;
	print_choice(page, choice, "flags", bit_label);
}

void print_handle(const struct page *page, const json_t *contract, const json_t *handle)
{
	const json_t *rights = json_object_get(handle, "rights"), *states = json_object_get(handle, "states");
	const char *since = text_of(handle, "since");

	(void)contract;
	print_made_heading(page, text_format("handle %s", text_of(handle, "name")));
	print_paragraphs(page, handle);
	print_made(page, INDENT,
		   text_format("Kind %" PRIu64 "; a VM may have %" PRIu64 " at once. Since %s.",
			       number_of(handle, "number"), number_of(handle, "max"), since));
	if (json_array_size(rights) || json_array_size(states))
		putchar('\n');
	print_items(page, INDENT, rights, right_label, since);
	print_items(page, INDENT, states, state_label, since);
}

static char *layout_of(const json_t *record)
{
	uint64_t size = number_of(record, "size"), first = number_of(record, "first_size");
	const char *since = text_of(record, "since");

	if (size == first)
		return text_format("%s, %" PRIu64 " bytes, since %s. Before each field is its offset.",
				   is_true(record, "extensible") ? "Extensible" : "Fixed", size, since);
	return text_format("Extensible, %" PRIu64 " bytes, since %s, when it had %" PRIu64
			   ". Before each field is its offset.",
			   size, since, first);
}

void print_struct(const struct page *page, const json_t *contract, const json_t *record)
{
	(void)contract;
	print_made_heading(page, text_format("struct %s", text_of(record, "name")));
	print_paragraphs(page, record);
	print_made(page, INDENT, layout_of(record));
	putchar('\n');
	print_items(page, INDENT, json_object_get(record, "fields"), field_label, text_of(record, "since"));
}

/* ---- the types that something uses ---- */

/* By the kind of an argument or field; what is not here names no type. */
/* clang-format off */
static const struct type_kind {
	const char *kind;
	const char *list;
	void (*print)(const struct page *page, const json_t *contract, const json_t *type);
} type_kinds[] = {
	{ "enum", "enums", print_enum },
	{ "flags", "flags", print_flags },
	{ "handle", "handles", print_handle },
	{ "struct", "structs", print_struct },
	{ "vector", "structs", print_struct },
};
/* clang-format on */

static const struct type_kind *kind_of(const json_t *user)
{
	for (size_t i = 0; i < sizeof type_kinds / sizeof *type_kinds; i++) {
		if (!strcmp(type_kinds[i].kind, text_of(user, "kind")))
			return &type_kinds[i];
	}
	return NULL;
}

static bool contains(const json_t *list, const json_t *part)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_array_get(list, i) == part)
			return true;
	}
	return false;
}

/* Prints the types that arguments or fields use, and what those use, but none that is in printed already. */
static void print_types(const struct page *page, const json_t *contract, const json_t *users, json_t *printed)
{
	for (size_t i = 0; i < json_array_size(users); i++) {
		const json_t *user = json_array_get(users, i);
		const struct type_kind *kind = kind_of(user);
		json_t *type = kind ? contract_find(contract, kind->list, text_of(user, "of")) : NULL;

		if (!type || contains(printed, type))
			continue;
		json_array_append(printed, type);
		putchar('\n');
		kind->print(page, contract, type);
		/* A struct cannot contain itself, so this ends. */
		print_types(page, contract, json_object_get(type, "fields"), printed);
	}
}

/* ---- calls ---- */

/* "call clock.read(in clock : enum clock_id, out info : struct clock_info)" */
static char *signature_of(const json_t *call)
{
	const json_t *arguments = json_object_get(call, "args");
	char *list = text_format("%s", ""), *signature;

	for (size_t i = 0; i < json_array_size(arguments); i++) {
		const json_t *argument = json_array_get(arguments, i);
		char *words = text_format("%s %s : %s", text_of(argument, "direction"),
					  text_of(argument, "name"), text_of(argument, "type"));

		list = text_join(list, words);
		free(words);
	}
	signature = text_format("call %s(%s)", text_of(call, "name"), list);
	free(list);
	return signature;
}

static void print_synopsis(const struct page *page, const json_t *call)
{
	char *signature = signature_of(call), *prototype = text_format("%s;", text_of(call, "prototype"));

	page_code(page, INDENT, signature);
	page_code(page, INDENT, prototype);
	putchar('\n');
	free(prototype);
	free(signature);
}

/* What a word of the contract means: around what the cost is counted in, if that matters. */
static const struct meaning {
	const char *word, *before, *after;
} meanings[] = {
	{ "always", "always: every VM may make the call", "" },
	{ "granted", "granted: only a VM whose policy says so may make the call", "" },
	{ "constant", "constant: takes constant time", "" },
	{ "linear", "linear: grows with ", ", up to its declared maximum" },
	{ "partial", "partial: may stop early; the result says how much of ", " is done" },
	{ "blocking", "blocking: may wait for something", "" },
};

static void print_meaning(const struct page *page, const char *label, const char *word, const char *of)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		const struct meaning *meaning = &meanings[i];

		if (!strcmp(meaning->word, word)) {
			char *text = text_format("%s%s%s", meaning->before, of, meaning->after);

			page_item(page, INDENT, label, INDENT + 11, text);
			free(text);
		}
	}
}

static void print_properties(const struct page *page, const json_t *call)
{
	const size_t column = INDENT + 11;
	bool served = has_handler(text_of(call, "name"));
	char *crossings = joined(json_object_get(call, "crossings"));

	print_title(page, "PROPERTIES");
	print_meaning(page, "Right", text_of(call, "right"), "");
	print_meaning(page, "Cost", text_of(call, "cost"), text_of(call, "cost_of"));
	page_item(page, INDENT, "Crossings", column, crossings);
	if (is_true(call, "rate_limited"))
		page_item(page, INDENT, "Rate", column, "limited: the VM's token bucket is asked first");
	if (is_true(call, "async"))
		page_item(page, INDENT, "Async", column, "may complete later: over a ring, out of order");
	page_item(page, INDENT, "Since", column, text_of(call, "since"));
	page_item(page, INDENT, "Handler", column,
		  served ? "in this build" : "none in this build, so that the call answers ENOSYS");
	free(crossings);
}

static void print_arguments(const struct page *page, const json_t *call)
{
	const json_t *arguments = json_object_get(call, "args");

	if (!json_array_size(arguments))
		return;
	print_title(page, "ARGUMENTS, after their registers");
	print_items(page, INDENT, arguments, argument_label, text_of(call, "since"));
}

void print_call(const struct page *page, const json_t *contract, const json_t *call)
{
	json_t *printed = json_array();

	print_made_heading(
		page, text_format("%s (0x%04" PRIx64 ")", text_of(call, "name"), number_of(call, "number")));
	print_synopsis(page, call);
	print_paragraphs(page, call);
	print_arguments(page, call);
	print_title(page, "RETURNS");
	page_prose(page, INDENT, text_of(call, "returns"));
	print_title(page, "ERRORS, of which the first that applies is answered");
	print_items(page, INDENT, json_object_get(call, "errors"), error_label, "");
	print_properties(page, call);
	print_types(page, contract, json_object_get(call, "args"), printed);
	json_decref(printed);
}

/* ---- sections and profiles ---- */

/* Whether a type is a section's: by convention its name starts with that of the section. */
static bool is_of_section(const char *type, const char *section)
{
	size_t length = strlen(section);

	return !strncmp(type, section, length) && (type[length] == '_' || !type[length]);
}

static void print_type_names(const struct page *page, const json_t *contract, const char *list,
			     const char *word, const char *section)
{
	const json_t *types = json_object_get(contract, list);
	char *names = text_format("%s", "");

	for (size_t i = 0; i < json_array_size(types); i++) {
		const char *name = text_of(json_array_get(types, i), "name");

		if (is_of_section(name, section))
			names = text_join(names, name);
	}
	if (*names)
		page_item(page, 0, word, 10, names);
	free(names);
}

void print_section(const struct page *page, const json_t *contract, const json_t *section)
{
	const char *name = text_of(section, "name");

	print_made_heading(page,
			   text_format("section %s (0x%02" PRIx64 ")", name, number_of(section, "number")));
	print_paragraphs(page, section);
	putchar('\n');
	print_section_calls(page, contract, name);
	print_type_names(page, contract, "enums", "enums", name);
	print_type_names(page, contract, "flags", "flags", name);
	print_type_names(page, contract, "handles", "handles", name);
	print_type_names(page, contract, "structs", "structs", name);
}

void print_profile(const struct page *page, const json_t *contract, const json_t *profile)
{
	char *entries = joined(json_object_get(profile, "entries"));
	char *calls = joined(json_object_get(profile, "calls"));

	(void)contract;
	print_made_heading(page, text_format("profile %s", text_of(profile, "name")));
	print_paragraphs(page, profile);
	putchar('\n');
	page_item(page, INDENT, "Grants", INDENT + 8, entries);
	page_item(page, INDENT, "Calls", INDENT + 8, calls);
	free(calls);
	free(entries);
}
