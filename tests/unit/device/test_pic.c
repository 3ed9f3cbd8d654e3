/* SPDX-License-Identifier: ISC */
/* test_pic.c - the two interrupt controllers: which line comes first, what is remembered, and how an interrupt ends. */
#include "device/pic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { COMMAND, DATA, BASE_1 = 0x20, BASE_2 = 0x28, END = 0x20 };

static struct pic pic;

static void initialize(void (*write)(void *pic, uint64_t offset, uint8_t value), uint8_t base, uint8_t mode)
{
	write(&pic, COMMAND, 0x11);
	write(&pic, DATA, base);
	write(&pic, DATA, 4);
	write(&pic, DATA, mode);
	write(&pic, DATA, 0); /* the mask */
}

static int set_up(void **state)
{
	(void)state;
	pic_create(&pic);
	initialize(pic_write_first, BASE_1, 1);
	initialize(pic_write_second, BASE_2, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pic_destroy(&pic);
	return 0;
}

static void test_nothing_before_it_is_set_up(void **state)
{
	struct pic fresh;

	(void)state;
	pic_create(&fresh);
	assert_false(pic_line(&fresh, 4, true));
	assert_int_equal(pic_acknowledge(&fresh), -1);
	pic_destroy(&fresh);
}

static void test_a_line_and_its_end(void **state)
{
	(void)state;
	assert_true(pic_line(&pic, 4, true));
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 4);
	assert_int_equal(pic_acknowledge(&pic), -1);
	pic_line(&pic, 4, false);
	assert_false(pic_line(&pic, 4, true)); /* it is still being served */
	pic_write_first(&pic, COMMAND, END);
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 4);
}

static void test_an_edge_counts_once(void **state)
{
	(void)state;
	pic_line(&pic, 3, true);
	pic_line(&pic, 3, true);
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 3);
	pic_write_first(&pic, COMMAND, END);
	assert_int_equal(pic_acknowledge(&pic), -1); /* though it is high */
	pic_line(&pic, 3, false);
	pic_line(&pic, 3, true);
	pic_line(&pic, 3, false);
	assert_int_equal(pic_acknowledge(&pic), -1); /* gone before it was taken */
}

static void test_the_lower_line_first(void **state)
{
	(void)state;
	pic_line(&pic, 5, true);
	pic_line(&pic, 1, true);
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 1);
	pic_line(&pic, 0, true);
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 0); /* interrupts the other */
	assert_int_equal(pic_acknowledge(&pic), -1);
	pic_write_first(&pic, COMMAND, END); /* of the more urgent */
	assert_int_equal(pic_acknowledge(&pic), -1);
	pic_write_first(&pic, COMMAND, 0x60 | 1); /* of that line */
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 5);
}

static void test_masks(void **state)
{
	(void)state;
	pic_write_first(&pic, DATA, 0xff & ~(1 << 4));
	assert_int_equal(pic_read_first(&pic, DATA), 0xef);
	assert_false(pic_line(&pic, 3, true));
	assert_true(pic_line(&pic, 4, true));
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 4);
	pic_write_first(&pic, COMMAND, END);
	pic_write_first(&pic, DATA, 0);
	assert_true(pic_is_pending(&pic)); /* what was masked is remembered */
	assert_int_equal(pic_acknowledge(&pic), BASE_1 + 3);
}

static void test_the_second_is_behind_line_2(void **state)
{
	(void)state;
	assert_true(pic_line(&pic, 14, true));
	assert_int_equal(pic_acknowledge(&pic), BASE_2 + 6);
	pic_line(&pic, 8, true);
	assert_int_equal(pic_acknowledge(&pic), -1); /* until both have ended the other */
	pic_write_second(&pic, COMMAND, END);
	assert_int_equal(pic_acknowledge(&pic), -1);
	pic_write_first(&pic, COMMAND, END);
	assert_int_equal(pic_acknowledge(&pic), BASE_2 + 0);
	pic_write_first(&pic, COMMAND, END);
	pic_write_second(&pic, COMMAND, END);
	pic_write_first(&pic, DATA, 1 << 2);
	assert_false(pic_line(&pic, 15, true));
}

static void test_what_is_requested_and_served_can_be_read(void **state)
{
	(void)state;
	pic_line(&pic, 6, true);
	assert_int_equal(pic_read_first(&pic, COMMAND), 0x40);
	pic_acknowledge(&pic);
	assert_int_equal(pic_read_first(&pic, COMMAND), 0);
	pic_write_first(&pic, COMMAND, 0x0b);
	assert_int_equal(pic_read_first(&pic, COMMAND), 0x40);
	pic_write_first(&pic, COMMAND, END);
	assert_int_equal(pic_read_first(&pic, COMMAND), 0);
}

static void test_one_that_ends_by_itself(void **state)
{
	(void)state;
	initialize(pic_write_first, 0x40, 3);
	pic_line(&pic, 7, true);
	assert_int_equal(pic_acknowledge(&pic), 0x47);
	pic_line(&pic, 7, false);
	pic_line(&pic, 7, true);
	assert_int_equal(pic_acknowledge(&pic), 0x47);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_before_it_is_set_up),
		TEST(test_a_line_and_its_end),
		TEST(test_an_edge_counts_once),
		TEST(test_the_lower_line_first),
		TEST(test_masks),
		TEST(test_the_second_is_behind_line_2),
		TEST(test_what_is_requested_and_served_can_be_read),
		TEST(test_one_that_ends_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
