/* SPDX-License-Identifier: ISC */
/* abi_table.c - the calls of the contract as a table: one line each, cut to the width of the page. */
#include "abi_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 }; /* blanks between columns */

/* ---- cells: text that the caller frees ---- */

static char *handler_cell(const json_t *call)
{
	return text_format("%s", has_handler(text_of(call, "name")) ? "" : "-");
}

static char *number_cell(const json_t *call)
{
	return text_format("0x%04" PRIx64, number_of(call, "number"));
}

static char *name_cell(const json_t *call)
{
	return text_format("%s", text_of(call, "name"));
}

static char *cost_cell(const json_t *call)
{
	return text_format("%s", text_of(call, "cost"));
}

static char *right_cell(const json_t *call)
{
	return text_format("%s", text_of(call, "right"));
}

/* "tbr", with "-" for a crossing that the call does not have. */
static char *crossings_cell(const json_t *call)
{
	static const char *const crossings[] = { "trap", "batch", "ring" };
	const json_t *has = json_object_get(call, "crossings");
	char letters[] = "---";

	for (size_t i = 0; i < json_array_size(has); i++) {
		const char *crossing = json_string_value(json_array_get(has, i));

		for (size_t j = 0; j < sizeof crossings / sizeof *crossings; j++) {
			if (!strcmp(crossing, crossings[j]))
				letters[j] = *crossing;
		}
	}
	return text_format("%s", letters);
}

static char *marks_cell(const json_t *call)
{
	bool async = is_true(call, "async"), limited = is_true(call, "rate_limited");

	return text_format("%s%s%s", async ? "async" : "", async && limited ? " " : "",
			   limited ? "rate" : "");
}

/* clang-format off */
static const struct column {
	const char *heading;
	char *(*cell)(const json_t *call);
} columns[] = {
	{ "", handler_cell },
	{ "NUMBER", number_cell },
	{ "CALL", name_cell },
	{ "COST", cost_cell },
	{ "RIGHT", right_cell },
	{ "VIA", crossings_cell },
	{ "MARKS", marks_cell },
};
/* clang-format on */

enum { COLUMNS = sizeof columns / sizeof *columns };

static const char legend[] = "-: no handler in this build. VIA: crosses by trap, batch, ring.\n"
			     "async: may complete later. rate: rate-limited.";

/* ---- rows ---- */

struct table {
	const struct page *page;
	size_t widths[COLUMNS];
};

static size_t column_width(const struct column *column, const json_t *calls)
{
	size_t widest = text_columns(column->heading);

	for (size_t i = 0; i < json_array_size(calls); i++) {
		char *cell = column->cell(json_array_get(calls, i));
		size_t width = text_columns(cell);

		widest = width > widest ? width : widest;
		free(cell);
	}
	return widest;
}

/* Widths are those of the whole contract, so that a section looks as it does there. */
static struct table table_of(const struct page *page, const json_t *contract)
{
	struct table table = { .page = page };

	for (size_t i = 0; i < COLUMNS; i++)
		table.widths[i] = column_width(&columns[i], json_object_get(contract, "calls"));
	return table;
}

static void print_cell(const struct table *table, size_t column, const char *text)
{
	printf("%-*s", (int)(table->widths[column] + GAP), text);
}

static size_t summary_width(const struct table *table)
{
	size_t taken = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		taken += table->widths[i] + GAP;
	return taken < table->page->width ? table->page->width - taken : 0;
}

static void print_headings(const struct table *table)
{
	fputs(table->page->bold, stdout);
	for (size_t i = 0; i < COLUMNS; i++)
		print_cell(table, i, columns[i].heading);
	printf("SUMMARY%s\n", table->page->plain);
}

static void print_row(const struct table *table, const json_t *call)
{
	char *summary = summary_of(call);

	for (size_t i = 0; i < COLUMNS; i++) {
		char *cell = columns[i].cell(call);

		print_cell(table, i, cell);
		free(cell);
	}
	page_cut(summary, summary_width(table));
	free(summary);
}

static void print_rows(const struct table *table, const json_t *contract, const char *section)
{
	const json_t *calls = json_object_get(contract, "calls");

	for (size_t i = 0; i < json_array_size(calls); i++) {
		const json_t *call = json_array_get(calls, i);

		if (!strcmp(text_of(call, "section"), section))
			print_row(table, call);
	}
}

/* "clock (0x03): The time.", cut. */
static void print_section_line(const struct page *page, const json_t *section)
{
	char *summary = summary_of(section);
	char *rest = text_format(" (0x%02" PRIx64 "): %s", number_of(section, "number"), summary);
	const char *name = text_of(section, "name");
	size_t taken = text_columns(name);

	printf("\n%s%s%s", page->bold, name, page->plain);
	page_cut(rest, page->width > taken ? page->width - taken : 0);
	free(rest);
	free(summary);
}

/* ---- the whole ---- */

static size_t count_of(const json_t *contract, const char *list)
{
	return json_array_size(json_object_get(contract, list));
}

static size_t count_served(const json_t *contract)
{
	const json_t *calls = json_object_get(contract, "calls");
	size_t served = 0;

	for (size_t i = 0; i < json_array_size(calls); i++)
		served += has_handler(text_of(json_array_get(calls, i), "name"));
	return served;
}

static void print_sums(const json_t *contract)
{
	printf("%s %s%s: %zu calls in %zu sections, %zu structs, %zu enums, %zu flags, %zu handles; "
	       "%zu calls have a handler in this build\n",
	       text_of(contract, "name"), text_of(contract, "version"),
	       is_true(contract, "draft") ? " (draft)" : "", count_of(contract, "calls"),
	       count_of(contract, "sections"), count_of(contract, "structs"), count_of(contract, "enums"),
	       count_of(contract, "flags"), count_of(contract, "handles"), count_served(contract));
}

void print_section_calls(const struct page *page, const json_t *contract, const char *section)
{
	const struct table table = table_of(page, contract);

	print_headings(&table);
	print_rows(&table, contract, section);
	printf("\n");
	page_prose(page, 0, legend);
}

void print_table(const struct page *page, const json_t *contract)
{
	const struct table table = table_of(page, contract);
	const json_t *sections = json_object_get(contract, "sections");

	print_headings(&table);
	for (size_t i = 0; i < json_array_size(sections); i++) {
		const json_t *section = json_array_get(sections, i);

		print_section_line(page, section);
		print_rows(&table, contract, text_of(section, "name"));
	}
	printf("\n");
	page_prose(page, 0, legend);
	print_sums(contract);
}
