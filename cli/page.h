/* SPDX-License-Identifier: ISC */
/*
 * page.h - text on standard output as a person reads it: wrapped to the width of the terminal, and with
 * bold type if there is one. All widths are in columns; a character of UTF-8 has one.
 */
#ifndef POSTERN_PAGE_H
#define POSTERN_PAGE_H

#include <stddef.h>

struct page {
	size_t width;       /* of a line: $COLUMNS, or the terminal's, or 100 */
	size_t prose_width; /* no wider than can be read with ease */
	const char *bold;   /* what switches bold type on, and ... */
	const char *plain;  /* ... off again: empty unless stdout is a terminal that may have it */
};

struct page page_open(void);

size_t text_columns(const char *text);

/* sprintf() to memory that the caller frees. Ends the program if there is none. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "list, more", or only more if list is empty. Frees list, and never gives NULL. */
char *text_join(char *list, const char *more);

/* A line in bold type. */
void page_heading(const struct page *page, const char *text);

/* Wrapped lines, each indented. "\n\n" parts paragraphs. */
void page_prose(const struct page *page, size_t indent, const char *text);

/* A label in bold type, indented, and prose beside it from a column on; below it if the label is too long. */
void page_item(const struct page *page, size_t indent, const char *label, size_t column, const char *prose);

/* A declaration, indented, and broken after commas or a bracket if it is too long for a line. */
void page_code(const struct page *page, size_t indent, const char *code);

/* The rest of a line: as many words as fit into some columns, with "..." for those that do not. */
void page_cut(const char *text, size_t columns);

#endif
