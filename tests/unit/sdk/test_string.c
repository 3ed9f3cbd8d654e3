/* SPDX-License-Identifier: ISC */
/* test_string.c - the SDK's functions on memory and text against the C library's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *sdk_memcpy(void *to, const void *from, size_t length);
void *sdk_memmove(void *to, const void *from, size_t length);
void *sdk_memset(void *to, int byte, size_t length);
int sdk_memcmp(const void *left, const void *right, size_t length);
size_t sdk_strlen(const char *text);
int sdk_strcmp(const char *left, const char *right);
int sdk_strncmp(const char *left, const char *right, size_t length);
char *sdk_strchr(const char *text, int character);
unsigned long sdk_strtoul(const char *text, char **end, int base);

enum { SIZE = 200, ROUNDS = 20000 };

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void memory_is_moved_as_the_c_library_does(void **state)
{
	unsigned char ours[SIZE];
	unsigned char theirs[SIZE];

	(void)state;
	for (unsigned i = 0; i < SIZE; i++)
		ours[i] = theirs[i] = (unsigned char)i;
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t to = (size_t)rand() % SIZE;
		size_t from = (size_t)rand() % SIZE;
		size_t most = SIZE - (to > from ? to : from);
		size_t length = (size_t)rand() % (most + 1);

		assert_ptr_equal(sdk_memmove(ours + to, ours + from, length), ours + to);
		memmove(theirs + to, theirs + from, length);
		if (i % 10 == 0) {
			assert_ptr_equal(sdk_memset(ours + to, (int)i, length), ours + to);
			memset(theirs + to, (int)i, length);
		}
		if (to + length <= from || from + length <= to) {
			assert_ptr_equal(sdk_memcpy(ours + to, theirs + from, length), ours + to);
			memcpy(theirs + to, theirs + from, length);
		}
		assert_memory_equal(ours, theirs, SIZE);
		theirs[to] ^= (unsigned char)(i % 3);
		assert_int_equal(sign(sdk_memcmp(ours, theirs, SIZE)), sign(memcmp(ours, theirs, SIZE)));
		assert_int_equal(sdk_memcmp(ours, theirs, to), 0);
		theirs[to] = ours[to];
	}
}

static void text_is_compared_as_the_c_library_does(void **state)
{
	static const char *const texts[] = { "", "a", "ab", "abc", "abd", "\xff", "a\xff", "abcabcabc" };

	(void)state;
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(sdk_strlen(texts[i]), strlen(texts[i]));
		for (int c = -1; c < 256; c++)
			assert_ptr_equal(sdk_strchr(texts[i], c), strchr(texts[i], c));
		for (unsigned j = 0; j < sizeof texts / sizeof *texts; j++) {
			assert_int_equal(sign(sdk_strcmp(texts[i], texts[j])),
					 sign(strcmp(texts[i], texts[j])));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(sdk_strncmp(texts[i], texts[j], n)),
						 sign(strncmp(texts[i], texts[j], n)));
		}
	}
}

static void numbers_are_read_as_the_c_library_does(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"7 8",
		"  42x",
		"\t\n+19",
		"-1",
		"- 1",
		"0x",
		"0xfg",
		"0X1F",
		"0x",
		"0755",
		"0789",
		"zz",
		"+",
		"-0x10",
		"10000000000000000000000",
		"18446744073709551615",
		"18446744073709551616",
	};
	static const int bases[] = { 0, 2, 8, 10, 16, 36 };

	(void)state;
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		for (unsigned j = 0; j < sizeof bases / sizeof *bases; j++) {
			char *ours;
			char *theirs;

			assert_int_equal(sdk_strtoul(texts[i], &ours, bases[j]),
					 strtoul(texts[i], &theirs, bases[j]));
			assert_ptr_equal(ours, theirs);
		}
	}
	assert_int_equal(sdk_strtoul("12", NULL, 10), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_moved_as_the_c_library_does),
		cmocka_unit_test(text_is_compared_as_the_c_library_does),
		cmocka_unit_test(numbers_are_read_as_the_c_library_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
