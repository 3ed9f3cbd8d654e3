/* SPDX-License-Identifier: ISC */
/* line.h - a terminal's line discipline, as termios(3) has it: editing of lines, echo, keys that are signals. */
#ifndef KEEP_FS_LINE_H
#define KEEP_FS_LINE_H

#include "keep.h"
#include "mm/user.h"

/* The kernel's struct termios. */
struct line_settings {
	uint32_t input, output, control, local;
	uint8_t discipline;
	uint8_t keys[19];
};
_Static_assert(sizeof(struct line_settings) == 36, "as Linux' struct termios");

enum { LINE_SIZE = 4096 };

struct line {
	struct line_settings settings;
	void (*echo)(const char *bytes, size_t length);
	void (*signal)(int number);
	char bytes[LINE_SIZE]; /* a ring: what can be read, and behind it the line that is being edited */
	uint32_t head, ready, tail; /* end, end of what can be read, begin: they run freely */
	uint32_t ends;              /* end-of-file keys among what can be read, in canonical mode */
	uint32_t end_at[16];        /* where */
};

void line_init(struct line *line, void (*echo)(const char *bytes, size_t length), void (*signal)(int number));

/* Takes what the user typed. */
void line_input(struct line *line, const char *bytes, size_t length);

/* Whether a read would answer at once; and it. */
bool line_ready(const struct line *line);
int64_t line_read(struct line *line, struct transfer *to);
size_t line_count(const struct line *line);
void line_flush(struct line *line);

void line_get(const struct line *line, struct line_settings *settings);
void line_set(struct line *line, const struct line_settings *settings);
/* Whether output turns line feeds into carriage return and line feed. */
bool line_maps_newlines(const struct line *line);

#endif
