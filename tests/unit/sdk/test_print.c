/* SPDX-License-Identifier: ISC */
/* test_print.c - the SDK's formats against the C library's, and what reaches the console. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <postern/guest.h>

/* ---- the console: takes a few bytes at a time ---- */

static char console[8192];
static size_t written;
static uint64_t most;
static int64_t refusal;

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	uint64_t count = a2 < most ? a2 : most;

	(void)a0, (void)a3, (void)a4, (void)a5;
	assert_int_equal(number, POSTERN_CALL_CONSOLE_WRITE);
	if (refusal)
		return refusal;
	memcpy(console + written, (const void *)a1, count);
	written += count;
	return (int64_t)count;
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

static int setup(void **state)
{
	(void)state;
	written = 0;
	most = 7;
	refusal = 0;
	return 0;
}

/* ---- tests ---- */

/* The same by both, in buffers of all sizes. */
#define SAME(...)                                                                                            \
	do {                                                                                                 \
		char expected[256];                                                                          \
		int length = snprintf(expected, sizeof expected, __VA_ARGS__);                               \
		for (size_t size = 0; size <= (size_t)length + 2; size++) {                                  \
			char buffer[256] = "untouched";                                                      \
			assert_int_equal(guest_snprintf(buffer, size, __VA_ARGS__), length);                 \
			if (!size) {                                                                         \
				assert_string_equal(buffer, "untouched");                                    \
				continue;                                                                    \
			}                                                                                    \
			assert_int_equal(strlen(buffer), (size_t)length < size ? (size_t)length : size - 1); \
			assert_memory_equal(buffer, expected, strlen(buffer));                               \
		}                                                                                            \
	} while (0)

static void formats_are_the_c_librarys(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%s and %s", "one", "another");
	SAME("[%10s] [%-10s] [%2s]", "right", "left", "long");
	SAME("[%.3s] [%.0s] [%10.2s] [%-*.*s]", "abcdef", "abc", "xyz", 6, 1, "star");
	SAME("%c%c%c [%3c] [%-3c]", 'a', 'b', 'c', 'd', 'e');
	SAME("%d %i %u", -1, 1, 3000000000U);
	SAME("%d %d", INT_MIN, INT_MAX);
	SAME("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
	SAME("%x %X %lx %llx", 0xdeadbeefU, 0xdeadbeefU, 0x123456789abcdefUL, 0xfedcba9876543210ULL);
	SAME("%08x %016lx %-8x|", 0xabcU, 0xabcUL, 0xabcU);
	SAME("%5d|%-5d|%05d|%2d|%06d", 42, 42, 42, 12345, -42);
	SAME("%.5d|%.5x|%8.4u|%-8.4d|", 42, 0xabU, 7U, -3);
	SAME("%zu %zd %jd %td", (size_t)1 << 40, (ssize_t)-5, (intmax_t)INTMAX_MIN, (ptrdiff_t)-6);
	SAME("%hhd %hhu %hd %hu", (signed char)-100, (unsigned char)200, (short)-30000,
	     (unsigned short)60000);
	SAME("%p", (void *)0x7fff12345678);
	SAME("100%%");
	SAME("%*d|%*d", 6, 1, -6, 2);
	SAME("%d%s%d", 1, "", 2);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
static void what_is_no_conversion_is_printed(void **state)
{
	const char *volatile nothing = NULL;
	char buffer[64];

	(void)state;
	guest_snprintf(buffer, sizeof buffer, "%y %5k %", 1);
	assert_string_equal(buffer, "%y %5k %");
	guest_snprintf(buffer, sizeof buffer, "%s", nothing);
	assert_string_equal(buffer, "(null)");
}
#pragma GCC diagnostic pop

static void text_is_written_to_its_end(void **state)
{
	char text[1000];
	int length = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof text - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof text - 1] = '\0';
	guest_print(text);
	assert_int_equal(written, sizeof text - 1);
	assert_memory_equal(console, text, written);
	length = guest_printf("<%s> %d\n", text, 4711);
	assert_int_equal(written, sizeof text - 1 + (size_t)length);
	assert_memory_equal(console + written - 6, " 4711\n", 6);
	guest_print("");
	assert_int_equal(guest_write(POSTERN_CONSOLE_STREAM_ERROR, text, 0), 0);
	assert_int_equal(written, sizeof text - 1 + (size_t)length);
}

static void errors_are_passed_on(void **state)
{
	(void)state;
	refusal = -EPIPE;
	assert_int_equal(guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, "x", 1), -EPIPE);
	guest_printf("%s", "nobody reads this");
	refusal = 0;
	most = 0;
	assert_int_equal(guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, "x", 1), -EIO);
}

static void errors_have_names(void **state)
{
	(void)state;
	assert_string_equal(guest_error_name(0), "success");
	assert_string_equal(guest_error_name(INT64_MAX), "success");
	assert_string_equal(guest_error_name(-EPERM), "EPERM");
	assert_string_equal(guest_error_name(-ENAMETOOLONG), "ENAMETOOLONG");
	assert_string_equal(guest_error_name(-ECANCELED), "ECANCELED");
	assert_string_equal(guest_error_name(-ECANCELED - 1), "unknown error");
	assert_string_equal(guest_error_name(-3), "unknown error");
	assert_string_equal(guest_error_name(INT64_MIN), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_the_c_librarys),
		cmocka_unit_test(what_is_no_conversion_is_printed),
		cmocka_unit_test_setup(text_is_written_to_its_end, setup),
		cmocka_unit_test_setup(errors_are_passed_on, setup),
		cmocka_unit_test(errors_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
