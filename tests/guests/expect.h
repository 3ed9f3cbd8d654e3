/* SPDX-License-Identifier: ISC */
/*
 * expect.h - for test guests: what has to be so, or the guest says where it is not and ends with status 1. A
 * test guest that finds everything as it should be prints what it found, and ends with 0.
 */
#ifndef TEST_GUESTS_EXPECT_H
#define TEST_GUESTS_EXPECT_H

#include <postern/guest.h>

#define EXPECT(fact) ((fact) ? (void)0 : expect_failed(__FILE__, __LINE__, #fact))
#define EXPECT_RESULT(call, expected) expect_result(__FILE__, __LINE__, #call, (int64_t)(call), (expected))

static inline _Noreturn void expect_failed(const char *file, int line, const char *fact)
{
	guest_printf("%s:%d: not so: %s\n", file, line, fact);
	guest_exit(1);
}

static inline void expect_result(const char *file, int line, const char *call, int64_t result,
				 int64_t expected)
{
	if (result == expected)
		return;
	guest_printf("%s:%d: %s answers %ld (%s), not %ld (%s)\n", file, line, call, (long)result,
		     guest_error_name(result), (long)expected, guest_error_name(expected));
	guest_exit(1);
}

/* The first number in the command line, or `otherwise`; and the one after it. */
static inline unsigned long expect_number(const char **command, unsigned long otherwise)
{
	char *end;
	unsigned long number;

	while (**command && (**command < '0' || **command > '9'))
		++*command;
	number = strtoul(*command, &end, 0);
	if (end == *command)
		return otherwise;
	*command = end;
	return number;
}

/* Numbers that look random and are the same each time (xorshift64*). */
static inline uint64_t expect_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
