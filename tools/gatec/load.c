/* SPDX-License-Identifier: ISC */
/* load.c - from a file's name to a checked contract. */
#include "arena.h"
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE_SIZE = 1 << 24 };

static char *read_file(const char *file, size_t *length, struct diagnostics *list)
{
	struct location at = { .file = file };
	FILE *from = fopen(file, "rbe");
	char *text = NULL;
	size_t got;
	size_t size = 1 << 16;

	if (!from) {
		diagnose(list, at, "cannot open: %s", strerror(errno));
		return NULL;
	}
	/* One byte more than has been read is asked for, so that a full buffer means that there is more. */
	for (got = 0; got <= MAX_FILE_SIZE; size *= 2) {
		char *larger = arena_alloc(size + 1);

		if (got)
			memcpy(larger, text, got);
		text = larger;
		got += fread(text + got, 1, size - got, from);
		if (got < size)
			break;
	}
	if (ferror(from) || got > MAX_FILE_SIZE) {
		diagnose(list, at, "cannot read: %s", ferror(from) ? strerror(errno) : "larger than 16 MiB");
		text = NULL;
	}
	fclose(from);
	*length = got;
	return text;
}

/* Bytes of the UTF-8 sequence at text, or 0 when it is malformed. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
	/* clang-format off */
	static const struct {
		unsigned char mask, value;
		size_t length;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 1, 0 },
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};
	/* clang-format on */

	for (size_t form = 0; form < 4; form++) {
		size_t length = forms[form].length;
		uint32_t code = text[0] & (unsigned char)~forms[form].mask;

		if ((text[0] & forms[form].mask) != forms[form].value)
			continue;
		if (length > left)
			return 0;
		for (size_t i = 1; i < length; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[i] & 0x3f);
		}
		return code >= forms[form].least && code < 0x110000 && (code < 0xd800 || code > 0xdfff)
			       ? length
			       : 0;
	}
	return 0;
}

static void check_utf8(const char *file, const char *text, size_t length, struct diagnostics *list)
{
	struct location at = { file, 1, 1 };

	for (size_t i = 0; i < length;) {
		size_t step = utf8_length((const unsigned char *)text + i, length - i);

		if (!step) {
			diagnose(list, at, "not UTF-8: byte 0x%02x", (unsigned)(unsigned char)text[i]);
			return;
		}
		at.column += (uint32_t)step;
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		}
		i += step;
	}
}

struct contract *contract_load(const char *file, struct diagnostics *list)
{
	size_t length;
	size_t before = list->count;
	char *text = read_file(file, &length, list);

	if (!text)
		return NULL;
	check_utf8(file, text, length, list);
	if (list->count > before)
		return NULL;

	struct contract *contract = parse_contract(file, text, length, list);

	/* What was not understood has no meaning to check. */
	if (list->count == before)
		check_contract(contract, list);
	return list->count == before ? contract : NULL;
}
