/* SPDX-License-Identifier: ISC */
/* test_line.c - the terminal's line discipline: lines and their editing, echo, keys that are signals, raw input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "fs/line.h"

#include <asm/termbits.h>
#include <signal.h>

enum { STEPS = 30000 };

static struct line line;
static char echoed[65536];
static size_t echoed_length;
static int last_signal;

static void echo(const char *bytes, size_t length)
{
	if (echoed_length + length > sizeof echoed)
		echoed_length = 0;
	memcpy(echoed + echoed_length, bytes, length);
	echoed_length += length;
}

static void on_signal(int number)
{
	last_signal = number;
}

static void start(void)
{
	line_init(&line, echo, on_signal);
	echoed_length = 0;
	last_signal = 0;
}

static void type(const char *text)
{
	line_input(&line, text, strlen(text));
}

static int64_t take(char *to, size_t size)
{
	struct transfer transfer;

	transfer_of_kernel(&transfer, to, size);
	return line_read(&line, &transfer);
}

/* One read gives exactly this. */
static void check_read(const char *expected)
{
	char text[256];

	CHECK(line_ready(&line));
	CHECK_IS(take(text, sizeof text), strlen(expected));
	CHECK(!memcmp(text, expected, strlen(expected)));
}

static void check_echo(const char *expected)
{
	CHECK_IS(echoed_length, strlen(expected));
	CHECK(!memcmp(echoed, expected, echoed_length));
	echoed_length = 0;
}

static void set_local(uint32_t clear, uint32_t set)
{
	struct line_settings settings;

	line_get(&line, &settings);
	settings.local = (settings.local & ~clear) | set;
	line_set(&line, &settings);
}

KERNEL_CASE(test_a_line_is_read_when_it_is_whole)
{
	start();
	type("one");
	CHECK(!line_ready(&line));
	check_echo("one");
	type("\rtwo\n");
	check_read("one\n");
	check_read("two\n");
	CHECK(!line_ready(&line));
}

KERNEL_CASE(test_a_line_is_read_in_parts_if_there_is_no_room)
{
	char text[4];

	start();
	type("abcdef\n");
	CHECK_IS(take(text, 4), 4);
	CHECK(!memcmp(text, "abcd", 4));
	check_read("ef\n");
}

KERNEL_CASE(test_keys_edit_the_line)
{
	start();
	type("abx\177c\n"); /* DEL */
	check_read("abc\n");
	echoed_length = 0;
	type("x\177");
	check_echo("x\b \b");
	type("\177\177");
	check_echo("");
	type("first  second \027third\n"); /* ^W */
	check_read("first  third\n");
	type("away\025stays\n"); /* ^U */
	check_read("stays\n");
	/* A character of several bytes is one. */
	echoed_length = 0;
	type("a\303\274\177b\n");
	check_read("ab\n");
	/* What is finished is not edited any more. */
	type("done\n\177\177\025x\n");
	check_read("done\n");
	check_read("x\n");
}

KERNEL_CASE(test_the_end_of_file_key_ends_a_read)
{
	start();
	type("\004");
	check_read("");
	CHECK(!line_ready(&line));
	type("part\004");
	check_read("part");
	CHECK(!line_ready(&line));
	type("line\n\004");
	check_read("line\n");
	check_read("");
	type("a\004b\004\004");
	check_read("a");
	check_read("b");
	check_read("");
	CHECK(!line_ready(&line));
}

KERNEL_CASE(test_keys_are_signals)
{
	start();
	type("typed\003");
	CHECK_IS(last_signal, SIGINT);
	check_echo("typed^C");
	type("\034");
	CHECK_IS(last_signal, SIGQUIT);
	type("\032");
	CHECK_IS(last_signal, SIGTSTP);
	type("x\n");
	check_read("x\n"); /* what was typed before is gone */
	set_local(ISIG, 0);
	last_signal = 0;
	type("\003\n");
	CHECK_IS(last_signal, 0);
	check_read("\003\n");
}

KERNEL_CASE(test_raw_input_comes_at_once_and_as_it_is)
{
	struct line_settings settings;

	start();
	type("begun");
	set_local(ICANON | ECHO | ISIG | IEXTEN, 0);
	check_read("begun"); /* what was being edited can be read */
	line_get(&line, &settings);
	settings.input = 0;
	settings.keys[VMIN] = 1;
	line_set(&line, &settings);
	echoed_length = 0;
	type("\r\003\004\177");
	check_read("\r\003\004\177");
	check_echo("");
	CHECK(!line_ready(&line));
	settings.keys[VMIN] = 3;
	line_set(&line, &settings);
	type("ab");
	CHECK(!line_ready(&line));
	type("c");
	check_read("abc");
	settings.keys[VMIN] = 0;
	line_set(&line, &settings);
	check_read("");
}

/* An end of file that was typed for a line is none for what comes after raw input. */
KERNEL_CASE(test_ends_of_file_do_not_outlive_their_mode)
{
	char text[16];

	start();
	type("abc\004");
	set_local(ICANON, 0);
	type("d");
	CHECK_IS(take(text, sizeof text), 4);
	set_local(0, ICANON);
	CHECK(!line_ready(&line));
	type("x\n");
	check_read("x\n");
	CHECK(!line_ready(&line));
}

KERNEL_CASE(test_a_line_has_a_longest)
{
	static char text[2 * LINE_SIZE];

	start();
	for (unsigned i = 0; i < 2 * LINE_SIZE; i++)
		type("x");
	CHECK(!line_ready(&line));
	type("\n");
	CHECK_IS(take(text, sizeof text), LINE_SIZE);
	CHECK_IS(text[LINE_SIZE - 1], '\n');
	type("next\n");
	check_read("next\n");
	type("gone\nand this");
	line_flush(&line);
	CHECK(!line_ready(&line));
	CHECK_IS(line_count(&line), 0);
}

/* ---- at random ---- */

static uint64_t seed;

static uint32_t random_below(uint32_t end)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % end;
}

static void check_line(void)
{
	const uint32_t used = line.head - line.tail;

	CHECK(used <= LINE_SIZE);
	CHECK(line.ready - line.tail <= used);
	CHECK(line.ends <= COUNT_OF(line.end_at));
	for (uint32_t i = 0; i < line.ends; i++)
		CHECK(line.end_at[i] - line.tail <= line.ready - line.tail);
}

static void at_random(void)
{
	static const char keys[] = "abc \n\r\003\004\025\027\032\034\177\303\274\026\021\023";
	static char bytes[5000];

	start();
	/* Where the counters run over. */
	line.head = line.ready = line.tail = UINT32_MAX - 3000;
	for (unsigned step = 0; step < STEPS; step++) {
		const size_t length = random_below(20) ? random_below(40) : random_below(sizeof bytes);
		struct line_settings settings;

		switch (random_below(8)) {
		case 0:
			line_get(&line, &settings);
			settings.local ^= UINT32_C(1) << random_below(16);
			settings.input ^= UINT32_C(1) << random_below(12);
			settings.keys[random_below(19)] = (uint8_t)random_below(256);
			settings.keys[VMIN] = (uint8_t)random_below(3);
			line_set(&line, &settings);
			break;
		case 1:
			if (!random_below(10))
				line_flush(&line);
			break;
		case 2:
		case 3:
		case 4:
			CHECK(take(bytes, length) <= (int64_t)length);
			break;
		default:
			for (size_t i = 0; i < length; i++)
				bytes[i] = random_below(4) ? keys[random_below(sizeof keys - 1)]
							   : (char)random_below(256);
			line_input(&line, bytes, length);
			break;
		}
		check_line();
	}
}

static void test_random_input_and_settings(void **state)
{
	(void)state;
	for (seed = 1; seed <= 3; seed++) {
		printf("# seed %lu\n", (unsigned long)seed);
		machine_run(&(struct machine){ 0 }, IN_KERNEL, at_random);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_is_read_when_it_is_whole),
		cmocka_unit_test(test_a_line_is_read_in_parts_if_there_is_no_room),
		cmocka_unit_test(test_keys_edit_the_line),
		cmocka_unit_test(test_the_end_of_file_key_ends_a_read),
		cmocka_unit_test(test_keys_are_signals),
		cmocka_unit_test(test_raw_input_comes_at_once_and_as_it_is),
		cmocka_unit_test(test_ends_of_file_do_not_outlive_their_mode),
		cmocka_unit_test(test_a_line_has_a_longest),
		cmocka_unit_test(test_random_input_and_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
