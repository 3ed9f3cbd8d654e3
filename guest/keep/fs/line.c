/* SPDX-License-Identifier: ISC */
/* line.c - the line discipline: canonical mode collects a line, which keys edit; without it bytes pass at once. */
#include "fs/line.h"

#include <asm/signal.h>
#include <asm/termbits.h>

static bool has(uint32_t flags, uint32_t flag)
{
	return (flags & flag) == flag;
}

void line_init(struct line *line, void (*echo)(const char *bytes, size_t length), void (*signal)(int number))
{
	*line = (struct line){
		.echo = echo,
		.signal = signal,
		.settings = {
			.input = ICRNL | IXON,
			.output = OPOST | ONLCR,
			.control = B38400 | CS8 | CREAD,
			.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
			.keys = {
				[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
				[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VWERASE] = 23,
				[VLNEXT] = 22,
			},
		},
	};
}

/* ---- the ring ---- */

static uint32_t room(const struct line *line)
{
	return LINE_SIZE - (line->head - line->tail);
}

static char *byte_at(struct line *line, uint32_t index)
{
	return &line->bytes[index % LINE_SIZE];
}

static void put(struct line *line, char byte)
{
	*byte_at(line, line->head++) = byte;
}

/* ---- echo ---- */

static void echo_byte(const struct line *line, char byte)
{
	const bool is_control = (unsigned char)byte < 32 && byte != '\n' && byte != '\t';
	char text[2] = { '^', (char)(byte + '@') };

	if (is_control && has(line->settings.local, ECHOCTL))
		line->echo(text, 2);
	else
		line->echo(&byte, 1);
}

static void echo_if_on(const struct line *line, char byte)
{
	if (has(line->settings.local, ECHO) || (byte == '\n' && has(line->settings.local, ECHONL | ICANON)))
		echo_byte(line, byte);
}

static void echo_erasure(const struct line *line, char byte)
{
	const unsigned columns = (unsigned char)byte < 32 && has(line->settings.local, ECHOCTL) ? 2 : 1;

	for (unsigned i = 0; i < columns && has(line->settings.local, ECHO | ECHOE); i++)
		line->echo("\b \b", 3);
}

/* ---- editing ---- */

/* Takes a character of the edited line back; in UTF-8 that may be several bytes. Returns false if there is none. */
static bool erase(struct line *line)
{
	char byte;

	if (line->head == line->ready)
		return false;
	do
		byte = *byte_at(line, --line->head);
	while ((byte & 0xc0) == 0x80 && line->head != line->ready);
	echo_erasure(line, byte);
	return true;
}

static bool is_blank_before(struct line *line)
{
	return line->head != line->ready && *byte_at(line, line->head - 1) == ' ';
}

static void erase_word(struct line *line)
{
	while (is_blank_before(line))
		erase(line);
	while (line->head != line->ready && !is_blank_before(line))
		erase(line);
}

static void erase_all(struct line *line)
{
	while (erase(line))
		;
}

static void finish(struct line *line)
{
	line->ready = line->head;
}

static void finish_by_end(struct line *line)
{
	if (line->ends < COUNT_OF(line->end_at))
		line->end_at[line->ends++] = line->head;
	finish(line);
}

static bool is_key(const struct line *line, unsigned key, char byte)
{
	return line->settings.keys[key] && line->settings.keys[key] == (uint8_t)byte;
}

static void edit(struct line *line, char byte)
{
	if (is_key(line, VERASE, byte)) {
		erase(line);
	} else if (is_key(line, VKILL, byte)) {
		erase_all(line);
	} else if (is_key(line, VWERASE, byte) && has(line->settings.local, IEXTEN)) {
		erase_word(line);
	} else if (is_key(line, VEOF, byte)) {
		finish_by_end(line);
	} else if (room(line) > 1 || byte == '\n') {
		echo_if_on(line, byte);
		if (room(line))
			put(line, byte);
		if (byte == '\n' || is_key(line, VEOL, byte) || is_key(line, VEOL2, byte))
			finish(line);
	}
}

/* ---- input ---- */

static bool is_signal(struct line *line, char byte)
{
	static const struct {
		unsigned key;
		int signal;
	} keys[] = { { VINTR, SIGINT }, { VQUIT, SIGQUIT }, { VSUSP, SIGTSTP } };

	for (size_t i = 0; has(line->settings.local, ISIG) && i < COUNT_OF(keys); i++) {
		if (!is_key(line, keys[i].key, byte))
			continue;
		echo_if_on(line, byte);
		if (!has(line->settings.local, NOFLSH))
			line_flush(line);
		line->signal(keys[i].signal);
		return true;
	}
	return false;
}

/* Returns false if the byte is to be dropped. */
static bool translate(const struct line *line, char *byte)
{
	const uint32_t flags = line->settings.input;

	if (flags & ISTRIP)
		*byte &= 0x7f;
	if (*byte == '\r' && (flags & IGNCR))
		return false;
	if (*byte == '\r' && (flags & ICRNL))
		*byte = '\n';
	else if (*byte == '\n' && (flags & INLCR))
		*byte = '\r';
	return true;
}

static void take_byte(struct line *line, char byte)
{
	if (!translate(line, &byte) || is_signal(line, byte))
		return;
	if (has(line->settings.local, ICANON)) {
		edit(line, byte);
		return;
	}
	if (!room(line))
		return;
	echo_if_on(line, byte);
	put(line, byte);
	finish(line);
}

void line_input(struct line *line, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		take_byte(line, bytes[i]);
}

/* ---- reading ---- */

bool line_ready(const struct line *line)
{
	const uint32_t count = line->ready - line->tail;

	if (has(line->settings.local, ICANON))
		return count || line->ends;
	return count >= most(line->settings.keys[VMIN], 1) || (count == 0 && !line->settings.keys[VMIN]);
}

static void forget_first_end(struct line *line)
{
	line->ends--;
	memmove(line->end_at, line->end_at + 1, line->ends * sizeof *line->end_at);
}

/* How much one read may take: in canonical mode not beyond the end of a line. */
static uint32_t readable(struct line *line)
{
	const uint32_t count = line->ready - line->tail;
	uint32_t length = 0;

	if (!has(line->settings.local, ICANON))
		return count;
	while (length < count) {
		if (line->ends && line->end_at[0] == line->tail + length)
			break;
		if (*byte_at(line, line->tail + length++) == '\n')
			break;
	}
	return length;
}

int64_t line_read(struct line *line, struct transfer *to)
{
	uint32_t length = readable(line);
	int64_t done = 0;

	while (length && to->left) {
		size_t part = least(to->left, length);
		int error;
		char *memory = transfer_memory(to, true, &part, &error);

		if (!memory)
			return done ? done : error;
		/* Getting the program's page may have taken time, in which somebody else read or flushed. */
		length = (uint32_t)least(length, line->ready - line->tail);
		part = least(least(part, length), LINE_SIZE - line->tail % LINE_SIZE);
		memcpy(memory, byte_at(line, line->tail), part);
		transfer_advance(to, part);
		line->tail += (uint32_t)part;
		length -= (uint32_t)part;
		done += (int64_t)part;
	}
	/* One that came right behind a whole line is for the next read. */
	if (line->ends && line->end_at[0] == line->tail && !(done && *byte_at(line, line->tail - 1) == '\n'))
		forget_first_end(line);
	return done;
}

size_t line_count(const struct line *line)
{
	return line->ready - line->tail;
}

void line_flush(struct line *line)
{
	line->tail = line->ready = line->head;
	line->ends = 0;
}

/* ---- settings ---- */

void line_get(const struct line *line, struct line_settings *settings)
{
	*settings = line->settings;
}

void line_set(struct line *line, const struct line_settings *settings)
{
	if (has(line->settings.local, ICANON) && !has(settings->local, ICANON)) {
		finish(line); /* what was being edited can be read */
		line->ends = 0;
	}
	line->settings = *settings;
}

bool line_maps_newlines(const struct line *line)
{
	return has(line->settings.output, OPOST | ONLCR);
}
