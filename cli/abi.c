/* SPDX-License-Identifier: ISC */
/* abi.c - `postern abi`: shows the contract that this program was built with, or what was named of it. */
#include "abi_print.h"
#include "command.h"
#include "nearest.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What can be named, in the order in which things that share a name are shown. */
/* clang-format off */
static const struct kind {
	const char *list;
	void (*print)(const struct page *page, const json_t *contract, const json_t *part);
} kinds[] = {
	{ "sections", print_section },
	{ "calls", print_call },
	{ "structs", print_struct },
	{ "enums", print_enum },
	{ "flags", print_flags },
	{ "handles", print_handle },
	{ "profiles", print_profile },
};
/* clang-format on */

enum { KINDS = sizeof kinds / sizeof *kinds };

static const char help[] =
	"usage: postern abi [--json] [NAME]...\n"
	"\n"
	"Shows the contract between guest and host that this program was built with: a table of its calls,\n"
	"or each NAME in full. A name is that of a call (clock.read), a section (clock), a struct, an enum,\n"
	"a set of flags, a kind of handle, or a profile.\n"
	"\n"
	"options:\n"
	"  --json   print JSON instead: all that the contract says, or all that it says of each NAME\n"
	"  --help   print this\n"
	"\n"
	"exit status: 0 done, 1 failed or no such name, 2 wrong command line\n";

/* ---- names ---- */

static bool is_known(const json_t *contract, const char *name)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (contract_find(contract, kinds[i].list, name))
			return true;
	}
	return false;
}

static void report_unknown(const json_t *contract, const char *name)
{
	struct nearest nearest = nearest_start(name);

	for (size_t i = 0; i < KINDS; i++) {
		const json_t *parts = json_object_get(contract, kinds[i].list);

		for (size_t j = 0; j < json_array_size(parts); j++)
			nearest_offer(&nearest, text_of(json_array_get(parts, j), "name"));
	}
	fprintf(stderr, "postern abi: %s: the contract has no such name", name);
	nearest_print(&nearest, "'postern abi' lists the calls", stderr);
	fputc('\n', stderr);
}

/* Whether the contract has all names. Each that it has not is reported. */
static bool are_known(const json_t *contract, char *const *names)
{
	bool known = true;

	for (; *names; names++) {
		if (is_known(contract, *names))
			continue;
		report_unknown(contract, *names);
		known = false;
	}
	return known;
}

/* ---- text ---- */

static void print_text(const json_t *contract, char *const *names)
{
	const struct page page = page_open();
	const char *before = "";

	if (!*names)
		print_table(&page, contract);
	for (; *names; names++) {
		for (size_t i = 0; i < KINDS; i++) {
			const json_t *part = contract_find(contract, kinds[i].list, *names);

			if (!part)
				continue;
			fputs(before, stdout);
			kinds[i].print(&page, contract, part);
			before = "\n";
		}
	}
}

/* ---- JSON ---- */

/* Adds a part to the list of that name in the selection, once. */
static bool select_part(json_t *selection, const char *list, json_t *part)
{
	json_t *selected = json_object_get(selection, list);

	for (size_t i = 0; i < json_array_size(selected); i++) {
		if (json_array_get(selected, i) == part)
			return true;
	}
	return !json_array_append(selected, part);
}

static bool select_calls(json_t *selection, const json_t *contract, const char *section)
{
	const json_t *calls = json_object_get(contract, "calls");
	bool done = true;

	for (size_t i = 0; i < json_array_size(calls); i++) {
		json_t *call = json_array_get(calls, i);

		if (!strcmp(text_of(call, "section"), section))
			done &= select_part(selection, "calls", call);
	}
	return done;
}

/* All that has the name; with a section come its calls. */
static bool select_name(json_t *selection, const json_t *contract, const char *name)
{
	bool done = true;

	for (size_t i = 0; i < KINDS; i++) {
		json_t *part = contract_find(contract, kinds[i].list, name);

		if (part)
			done &= select_part(selection, kinds[i].list, part);
	}
	return done &&
	       (!contract_find(contract, "sections", name) || select_calls(selection, contract, name));
}

/* An object like the contract, of which the lists are empty so far. NULL: no memory. */
static json_t *start_selection(const json_t *contract)
{
	json_t *selection = json_object();
	bool failed = false;

	for (const char *const *key = (const char *const[]){ "name", "version", "draft", NULL }; *key; key++)
		failed |= json_object_set(selection, *key, json_object_get(contract, *key)) != 0;
	for (size_t i = 0; i < KINDS; i++)
		failed |= json_object_set_new(selection, kinds[i].list, json_array()) != 0;
	if (!failed)
		return selection;
	json_decref(selection);
	return NULL;
}

static int print_selection(const json_t *contract, char *const *names)
{
	json_t *selection = start_selection(contract);
	bool done = selection;
	char *text;

	for (; done && *names; names++)
		done = select_name(selection, contract, *names);
	text = done ? json_dumps(selection, JSON_INDENT(2)) : NULL;
	if (text)
		puts(text);
	else
		fputs("postern abi: out of memory\n", stderr);
	json_decref(selection);
	free(text);
	return text ? STATUS_DONE : STATUS_FAILED;
}

/* ---- the command ---- */

static int print_all_json(void)
{
	fwrite(contract_text, 1, contract_text_size, stdout);
	return STATUS_DONE;
}

static int show(const json_t *contract, bool as_json, char *const *names)
{
	if (!are_known(contract, names))
		return STATUS_FAILED;
	if (as_json)
		return print_selection(contract, names);
	print_text(contract, names);
	return STATUS_DONE;
}

int command_abi(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool as_json = false;
	json_t *contract;
	int status;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return STATUS_DONE;
		default:
			fputs("'postern abi --help' tells what it takes\n", stderr);
			return STATUS_USAGE;
		}
	}
	if (as_json && optind == argc)
		return print_all_json();
	contract = contract_load();
	status = contract ? show(contract, as_json, argv + optind) : STATUS_FAILED;
	json_decref(contract);
	return status;
}
