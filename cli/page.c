/* SPDX-License-Identifier: ISC */
/* page.c - wrapped and bold text on standard output. */
#include "page.h"

#include "command.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	USUAL_WIDTH = 100,
	PROSE_WIDTH = 80,
	LEAST_PROSE = 20, /* columns for prose, however deep it is indented */
	MOST_COLUMNS = 10000,
};

/* ---- the terminal ---- */

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

/* What a shell or a user says of the width, if it makes sense; otherwise 0. */
static size_t stated_width(void)
{
	const char *text = getenv("COLUMNS");
	char *end;
	unsigned long width;

	if (!text || *text < '0' || *text > '9')
		return 0;
	width = strtoul(text, &end, 10);
	return *end || width > MOST_COLUMNS ? 0 : width;
}

static size_t line_width(void)
{
	struct winsize size;
	size_t width = stated_width();

	if (width)
		return width;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return USUAL_WIDTH;
}

static bool may_be_bold(void)
{
	return isatty(STDOUT_FILENO) && !is_set("NO_COLOR") && is_set("TERM") &&
	       strcmp(getenv("TERM"), "dumb") != 0;
}

struct page page_open(void)
{
	size_t width = line_width();
	bool bold = may_be_bold();

	return (struct page){
		.width = width,
		.prose_width = width < PROSE_WIDTH ? width : PROSE_WIDTH,
		.bold = bold ? "\033[1m" : "",
		.plain = bold ? "\033[0m" : "",
	};
}

/* ---- pieces of text ---- */

static size_t columns_of(const char *text, size_t length)
{
	size_t columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += ((unsigned char)text[i] & 0xc0) != 0x80;
	return columns;
}

size_t text_columns(const char *text)
{
	return columns_of(text, strlen(text));
}

char *text_format(const char *format, ...)
{
	va_list values;
	char *text;
	int length;

	va_start(values, format);
	length = vasprintf(&text, format, values);
	va_end(values);
	if (length >= 0)
		return text;
	fputs("postern: out of memory\n", stderr);
	exit(STATUS_FAILED);
}

char *text_join(char *list, const char *more)
{
	char *longer = text_format("%s%s%s", list, *list ? ", " : "", more);

	free(list);
	return longer;
}

static void put(const char *text, size_t length)
{
	fwrite(text, 1, length, stdout);
}

static void put_blanks(size_t count)
{
	for (size_t i = 0; i < count; i++)
		putchar(' ');
}

/* ---- lines ---- */

void page_heading(const struct page *page, const char *text)
{
	printf("%s%s%s\n", page->bold, text, page->plain);
}

/* Lines from a column on, when the first of them has come to column at, which is at most that. */
static void put_wrapped(const struct page *page, size_t indent, size_t at, const char *text)
{
	size_t width = page->prose_width > indent + LEAST_PROSE ? page->prose_width : indent + LEAST_PROSE;

	while (*text) {
		size_t length = strcspn(text, " \n"), columns = columns_of(text, length);
		bool starts_line = at <= indent;

		if (*text == '\n' || (length && !starts_line && at + 1 + columns > width)) {
			putchar('\n');
			text += *text == '\n';
			at = 0;
			continue;
		}
		if (length) {
			put_blanks(starts_line ? indent - at : 1);
			put(text, length);
			at = (starts_line ? indent : at + 1) + columns;
		}
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

void page_prose(const struct page *page, size_t indent, const char *text)
{
	put_wrapped(page, indent, 0, text);
}

void page_item(const struct page *page, size_t indent, const char *label, size_t column, const char *prose)
{
	size_t end = indent + text_columns(label);

	if (column + LEAST_PROSE > page->prose_width)
		column = indent + 4;
	put_blanks(indent);
	printf("%s%s%s", page->bold, label, page->plain);
	if (end + 2 > column && *prose) {
		putchar('\n');
		end = 0;
	}
	put_wrapped(page, end < column ? column : end, end, prose);
}

/* Bytes up to where a declaration may be broken: with the bracket or the comma before that. */
static size_t unbroken_bytes(const char *code)
{
	size_t length = strcspn(code, "(,");

	return length + (code[length] != '\0');
}

void page_code(const struct page *page, size_t indent, const char *code)
{
	size_t at = indent;

	put_blanks(indent);
	while (*code) {
		size_t gap = *code == ' ';
		size_t length = unbroken_bytes(code + gap);
		size_t columns = columns_of(code + gap, length);

		if (at > indent && at + gap + columns > page->prose_width) {
			putchar('\n');
			at = indent + 8;
			put_blanks(at);
		} else {
			put_blanks(gap);
			at += gap;
		}
		put(code + gap, length);
		at += columns;
		code += gap + length;
	}
	putchar('\n');
}

/* Bytes of the words of text, from the first on, that fit into some columns; without a comma at their end. */
static size_t words_that_fit(const char *text, size_t columns)
{
	size_t fit = 0;

	for (size_t i = 0; text[i] && columns_of(text, i + 1) <= columns; i++) {
		if (text[i + 1] == ' ' || !text[i + 1])
			fit = i + 1;
	}
	while (fit && strchr(",;:", text[fit - 1]))
		fit--;
	return fit;
}

void page_cut(const char *text, size_t columns)
{
	static const char mark[] = "...";
	size_t marked = sizeof mark - 1;

	if (text_columns(text) <= columns) {
		put(text, strlen(text));
	} else if (columns >= marked) {
		put(text, words_that_fit(text, columns - marked));
		put(mark, marked);
	}
	putchar('\n');
}
