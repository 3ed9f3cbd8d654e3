/* SPDX-License-Identifier: ISC */
/* print.c - printf's formats, and text to the console. */
#include "internal.h"

enum { MOST_DIGITS = 64, BUFFER = 256, MOST_AT_ONCE = 65536 };

/* ---- formatting ---- */

struct sink {
	void (*put)(void *to, const char *text, size_t length);
	void *to;
	int count;
};

/* One conversion: %, flags, width, precision, length, letter. */
struct conversion {
	bool left;
	bool zeros;
	int width;
	int precision; /* -1: none */
	char size;     /* h, l, z, j or t; 'H' for hh, 'L' for ll, 0 for none */
};

static void put(struct sink *sink, const char *text, size_t length)
{
	sink->put(sink->to, text, length);
	sink->count += (int)length;
}

static void put_times(struct sink *sink, char character, int times)
{
	while (times-- > 0)
		put(sink, &character, 1);
}

/* Text in its field; a sign or prefix goes before the zeros that fill it. */
static void put_field(struct sink *sink, const struct conversion *how, const char *prefix, const char *text,
		      size_t length)
{
	size_t prefix_length = strlen(prefix);
	int blanks = how->width - (int)(length + prefix_length);

	if (!how->left && !how->zeros)
		put_times(sink, ' ', blanks);
	put(sink, prefix, prefix_length);
	if (!how->left && how->zeros)
		put_times(sink, '0', blanks);
	put(sink, text, length);
	if (how->left)
		put_times(sink, ' ', blanks);
}

static void put_number(struct sink *sink, const struct conversion *how, const char *prefix, uint64_t value,
		       unsigned base, const char *digits)
{
	char text[MOST_DIGITS];
	char *at = text + sizeof text;

	do {
		*--at = digits[value % base];
		value /= base;
	} while (value);
	while (at > text && text + sizeof text - at < how->precision)
		*--at = '0';
	put_field(sink, how, prefix, at, (size_t)(text + sizeof text - at));
}

static void put_string(struct sink *sink, struct conversion *how, const char *text)
{
	size_t length = 0;

	if (!text)
		text = "(null)";
	while ((how->precision < 0 || length < (size_t)how->precision) && text[length])
		length++;
	how->zeros = false;
	put_field(sink, how, "", text, length);
}

/* va_list is an array on x86-64, so a pointer to one has to be in a struct. */
struct arguments {
	va_list list;
};

static int64_t next_signed(struct arguments *arguments, char size)
{
	switch (size) {
	case 'H':
		return (signed char)va_arg(arguments->list, int);
	case 'h':
		return (short)va_arg(arguments->list, int);
	case 0:
		return va_arg(arguments->list, int);
	default: /* long, long long, size_t, intmax_t and ptrdiff_t all have 64 bits */
		return va_arg(arguments->list, int64_t);
	}
}

static uint64_t next_unsigned(struct arguments *arguments, char size)
{
	switch (size) {
	case 'H':
		return (unsigned char)va_arg(arguments->list, unsigned);
	case 'h':
		return (unsigned short)va_arg(arguments->list, unsigned);
	case 0:
		return va_arg(arguments->list, unsigned);
	default:
		return va_arg(arguments->list, uint64_t);
	}
}

static const char *parse_flags(const char *at, struct conversion *how)
{
	for (;; at++) {
		if (*at == '-')
			how->left = true;
		else if (*at == '0')
			how->zeros = true;
		else
			return at;
	}
}

/* A number, or * for an argument. */
static const char *parse_count(const char *at, int *count, struct arguments *arguments)
{
	if (*at == '*') {
		*count = va_arg(arguments->list, int);
		return at + 1;
	}
	for (*count = 0; *at >= '0' && *at <= '9' && *count < 100000; at++)
		*count = *count * 10 + (*at - '0');
	return at;
}

static const char *parse_size(const char *at, struct conversion *how)
{
	char size = *at;

	if (!size || !strchr("hlzjt", size))
		return at;
	how->size = size;
	if ((size == 'h' || size == 'l') && at[1] == size) {
		how->size = size == 'h' ? 'H' : 'L';
		at++;
	}
	return at + 1;
}

static const char *parse(const char *at, struct conversion *how, struct arguments *arguments)
{
	*how = (struct conversion){ .precision = -1 };
	at = parse_flags(at, how);
	at = parse_count(at, &how->width, arguments);
	if (how->width < 0) {
		how->left = true;
		how->width = how->width == INT32_MIN ? 0 : -how->width;
	}
	if (*at == '.')
		at = parse_count(at + 1, &how->precision, arguments);
	return parse_size(at, how);
}

/* Returns false for a letter that stands for nothing. */
static bool convert(struct sink *sink, char letter, struct conversion *how, struct arguments *arguments)
{
	static const char lower[] = "0123456789abcdef";
	static const char upper[] = "0123456789ABCDEF";
	int64_t number;
	char character;

	switch (letter) {
	case 'd':
	case 'i':
		number = next_signed(arguments, how->size);
		put_number(sink, how, number < 0 ? "-" : "",
			   number < 0 ? -(uint64_t)number : (uint64_t)number, 10, lower);
		return true;
	case 'u':
		put_number(sink, how, "", next_unsigned(arguments, how->size), 10, lower);
		return true;
	case 'x':
		put_number(sink, how, "", next_unsigned(arguments, how->size), 16, lower);
		return true;
	case 'X':
		put_number(sink, how, "", next_unsigned(arguments, how->size), 16, upper);
		return true;
	case 'p':
		put_number(sink, how, "0x", (uint64_t)va_arg(arguments->list, void *), 16, lower);
		return true;
	case 's':
		put_string(sink, how, va_arg(arguments->list, const char *));
		return true;
	case 'c':
		character = (char)va_arg(arguments->list, int);
		how->zeros = false;
		put_field(sink, how, "", &character, 1);
		return true;
	case '%':
		put(sink, "%", 1);
		return true;
	default:
		return false;
	}
}

int guest_format(void (*to_put)(void *to, const char *text, size_t length), void *to, const char *format,
		 va_list list)
{
	struct sink sink = { .put = to_put, .to = to };
	struct arguments arguments;

	va_copy(arguments.list, list);
	while (*format) {
		const char *at = format;
		struct conversion how;

		while (*at && *at != '%')
			at++;
		put(&sink, format, (size_t)(at - format));
		if (!*at)
			break;
		format = parse(at + 1, &how, &arguments);
		if (*format && convert(&sink, *format, &how, &arguments)) {
			format++;
			continue;
		}
		put(&sink, at, (size_t)(format - at));
	}
	va_end(arguments.list);
	return sink.count;
}

/* ---- into a buffer ---- */

struct room {
	char *at;
	size_t left;
};

static void put_into_room(void *to, const char *text, size_t length)
{
	struct room *room = to;
	size_t count = length < room->left ? length : room->left;

	memcpy(room->at, text, count);
	room->at += count;
	room->left -= count;
}

int guest_vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
	struct room room = { buffer, size ? size - 1 : 0 };
	int count = guest_format(put_into_room, &room, format, arguments);

	if (size)
		*room.at = '\0';
	return count;
}

int guest_snprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	int count;

	va_start(arguments, format);
	count = guest_vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	return count;
}

/* ---- to the console ---- */

int64_t guest_write(uint32_t stream, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		int64_t taken =
			postern_console_write(stream, at, length < MOST_AT_ONCE ? length : MOST_AT_ONCE);

		if (taken < 0)
			return taken;
		/* A host that takes nothing, or more than there is, is not to be reasoned with. */
		if (taken == 0 || (uint64_t)taken > length)
			return -EIO;
		at += taken;
		length -= (size_t)taken;
	}
	return 0;
}

void guest_print(const char *text)
{
	(void)guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, text, strlen(text));
}

/* What was formatted and not yet written. */
struct line {
	char text[BUFFER];
	size_t length;
};

static void flush(struct line *line)
{
	(void)guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, line->text, line->length);
	line->length = 0;
}

static void put_into_line(void *to, const char *text, size_t length)
{
	struct line *line = to;

	while (length) {
		size_t room = sizeof line->text - line->length;
		size_t count = length < room ? length : room;

		memcpy(line->text + line->length, text, count);
		line->length += count;
		text += count;
		length -= count;
		if (line->length == sizeof line->text)
			flush(line);
	}
}

int guest_printf(const char *format, ...)
{
	struct line line;
	va_list arguments;
	int count;

	line.length = 0;
	va_start(arguments, format);
	count = guest_format(put_into_line, &line, format, arguments);
	va_end(arguments);
	flush(&line);
	return count;
}
