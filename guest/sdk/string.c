/* SPDX-License-Identifier: ISC */
/*
 * string.c - the functions on memory and text that compilers call and programs expect. The processor's own
 * string instructions are fast enough for what a guest copies.
 */
#include "internal.h"

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length) : : "memory");
	return to;
}

void *memset(void *to, int byte, size_t length)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(byte) : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t length)
{
	char *end = (char *)to + length;
	const char *source = (const char *)from + length;

	if ((uintptr_t)to - (uintptr_t)from >= length)
		return memcpy(to, from, length);
	while (length--)
		*--end = *--source;
	return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
	const unsigned char *a = left;
	const unsigned char *b = right;

	for (; length; a++, b++, length--) {
		if (*a != *b)
			return *a - *b;
	}
	return 0;
}

size_t strlen(const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	return (size_t)(end - text);
}

int strncmp(const char *left, const char *right, size_t length)
{
	for (; length; left++, right++, length--) {
		if (*left != *right || !*left)
			return (unsigned char)*left - (unsigned char)*right;
	}
	return 0;
}

int strcmp(const char *left, const char *right)
{
	return strncmp(left, right, SIZE_MAX);
}

char *strchr(const char *text, int character)
{
	for (; *text != (char)character; text++) {
		if (!*text)
			return NULL;
	}
	return (char *)(uintptr_t)text;
}

/* 36: no digit. */
static unsigned digit(char character)
{
	if (character >= '0' && character <= '9')
		return (unsigned)(character - '0');
	if (character >= 'a' && character <= 'z')
		return (unsigned)(character - 'a') + 10;
	if (character >= 'A' && character <= 'Z')
		return (unsigned)(character - 'A') + 10;
	return 36;
}

static bool is_blank(char character)
{
	return character == ' ' || (character >= '\t' && character <= '\r');
}

/* Takes the prefix of a number, and returns the base that it is in. */
static unsigned take_base(const char **text, unsigned base)
{
	const char *at = *text;

	if (at[0] == '0' && (at[1] | 0x20) == 'x' && digit(at[2]) < 16 && (base == 0 || base == 16)) {
		*text += 2;
		return 16;
	}
	if (base == 0)
		return at[0] == '0' ? 8 : 10;
	return base;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
	const char *at = text;
	const char *digits;
	unsigned long value = 0;
	bool negative;
	bool overflow = false;
	unsigned radix;

	while (is_blank(*at))
		at++;
	negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	radix = take_base(&at, (unsigned)base);
	for (digits = at; digit(*at) < radix; at++)
		overflow |= __builtin_mul_overflow(value, radix, &value) ||
			    __builtin_add_overflow(value, digit(*at), &value);
	if (end)
		*end = (char *)(uintptr_t)(at == digits ? text : at);
	if (overflow)
		return ~0UL;
	return negative ? -value : value;
}
