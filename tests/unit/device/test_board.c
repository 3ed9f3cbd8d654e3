/* SPDX-License-Identifier: ISC */
/* test_board.c - all devices where a guest finds them: the bus, the clock, power-off and reset. */
#include "device/board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct {
	struct board board;
	uint64_t now;
	unsigned offs, resets;
} it;

static void on_interrupt(void *owner, unsigned line, bool level)
{
	(void)owner;
	(void)line;
	(void)level;
}

static uint64_t on_now(void *owner)
{
	(void)owner;
	return it.now;
}

static void on_thread(void *owner)
{
	(void)owner;
}

static void on_power_off(void *owner)
{
	(void)owner;
	it.offs++;
}

static void on_reset(void *owner)
{
	(void)owner;
	it.resets++;
}

static const struct board_hooks hooks = {
	.interrupt = on_interrupt,
	.now = on_now,
	.started = on_thread,
	.ended = on_thread,
	.power_off = on_power_off,
	.reset = on_reset,
};

static const struct board_config config = { .input = -1, .output = -1, .has_chipset = true };

static int set_up(void **state)
{
	(void)state;
	memset(&it, 0, sizeof it);
	return board_create(&it.board, &hooks, NULL, &config);
}

static int tear_down(void **state)
{
	(void)state;
	board_destroy(&it.board);
	board_destroy(&it.board);
	return 0;
}

static uint64_t in(uint16_t port, unsigned bytes)
{
	return bus_access(&it.board.bus, BUS_PORTS, port, bytes, false, 0);
}

static void out(uint16_t port, unsigned bytes, uint64_t value)
{
	assert_int_equal(bus_access(&it.board.bus, BUS_PORTS, port, bytes, true, value), 0);
}

static struct bus_count count_of(const char *device)
{
	struct bus_count count;
	const char *name;

	for (unsigned i = 0; (name = board_count(&it.board, i, &count)); i++) {
		if (!strcmp(name, device))
			return count;
	}
	fail_msg("no device %s", device);
	return count;
}

/* ---- the bus ---- */

static void test_all_ones_where_there_is_no_device(void **state)
{
	(void)state;
	assert_int_equal(in(0x1000, 1), 0xff);
	assert_int_equal(in(0x1000, 2), 0xffff);
	assert_int_equal(in(0xffff, 4), 0xffffffff); /* beyond the last port */
	assert_true(bus_access(&it.board.bus, BUS_MEMORY, UINT64_MAX - 3, 8, false, 0) == UINT64_MAX);
	out(0x1000, 4, 0);
	assert_int_equal(count_of("(no device)").reads, 4);
	assert_int_equal(count_of("(no device)").writes, 1);
	/* A port is no address. */
	assert_int_equal(bus_access(&it.board.bus, BUS_MEMORY, BOARD_SERIAL + 5, 1, false, 0), 0xff);
}

static void test_a_wide_access_is_several_bytes(void **state)
{
	(void)state;
	out(BOARD_SERIAL + 7, 1, 0x5a);
	out(BOARD_SERIAL + 3, 2, 0x0b03); /* LCR, MCR */
	assert_int_equal(in(BOARD_SERIAL + 3, 2), 0x0b03);
	assert_int_equal(in(BOARD_SERIAL + 4, 4), 0x5ab0600b); /* MCR, LSR, MSR, scratch */
	assert_int_equal(in(BOARD_SERIAL + 7, 2), 0xff5a);     /* and what is behind */
	assert_int_equal(count_of("serial").writes, 2);
	assert_int_equal(count_of("serial").reads, 3);
}

/* ---- the clock ---- */

static unsigned cmos(uint8_t index)
{
	out(0x70, 1, index);
	return (unsigned)in(0x71, 1);
}

static void set_cmos(uint8_t index, uint8_t value)
{
	out(0x70, 2, (uint64_t)value << 8 | index);
}

/* In BCD, so that the digits are those of the text. */
static void read_date(char text[32])
{
	snprintf(text, 32, "%02x%02x-%02x-%02x %02x:%02x:%02x %u", cmos(0x32), cmos(9), cmos(8), cmos(7),
		 cmos(4), cmos(2), cmos(0), cmos(6) - 1);
}

/* Each day from 1970 to 2199, as the C library has it. */
static void test_dates(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 84000; day++) {
		time_t now = (time_t)(day * 86400 + day % 86400);
		struct tm date;
		char expected[32];
		char text[32];

		it.now = (uint64_t)now;
		gmtime_r(&now, &date);
		strftime(expected, sizeof expected, "%Y-%m-%d %H:%M:%S %w", &date);
		read_date(text);
		assert_string_equal(text, expected);
	}
}

static void test_forms_of_the_time(void **state)
{
	(void)state;
	it.now = 23 * 3600 + 59 * 60 + 58;
	assert_int_equal(cmos(4), 0x23);
	set_cmos(11, 6); /* binary */
	assert_int_equal(cmos(4), 23);
	assert_int_equal(cmos(2), 59);
	set_cmos(11, 0); /* 12 hours, BCD */
	assert_int_equal(cmos(4), 0x91);
	it.now = 600;
	assert_int_equal(cmos(4), 0x12);
	it.now = 12 * 3600;
	assert_int_equal(cmos(4), 0x92);
}

static void test_cmos_memory(void **state)
{
	(void)state;
	assert_int_equal(cmos(10), 0x26);
	assert_int_equal(cmos(11), 2);
	assert_int_equal(cmos(12), 0);
	assert_int_equal(cmos(13), 0x80);
	set_cmos(0x40, 0x77);
	assert_int_equal(cmos(0x40), 0x77);
	assert_int_equal(cmos(0xc0), 0x77); /* the upper bit of the index is for NMIs */
	set_cmos(0, 0x55);
	assert_int_equal(cmos(0), 0); /* the time is the host's */
	set_cmos(13, 0);
	assert_int_equal(cmos(13), 0x80);
	set_cmos(11, 0x72);
	assert_int_equal(cmos(11), 2); /* no interrupts */
	assert_int_equal(in(0x70, 1), 0xff);
}

/* ---- power-off and reset ---- */

static void test_power_off(void **state)
{
	(void)state;
	assert_int_equal(in(0x604, 2), 1); /* ACPI is on */
	out(0x604, 2, 5 << 10);
	assert_int_equal(in(0x604, 2), 5 << 10 | 1);
	out(0x604, 2, 1 << 13); /* another sleep type */
	out(0x604, 2, 4 << 10 | 1 << 13);
	assert_int_equal(it.offs, 0);
	out(0x604, 2, 5 << 10 | 1 << 13);
	assert_int_equal(it.offs, 1);
	assert_int_equal(in(0x604, 2), 5 << 10 | 1); /* the command itself reads as zero */
}

static void test_events_of_acpi(void **state)
{
	(void)state;
	out(0x600, 2, 0xffff);
	assert_int_equal(in(0x600, 2), 0);
	out(0x602, 2, 0x0120);
	assert_int_equal(in(0x602, 2), 0x0120);
	assert_int_equal(in(0x600, 4), 0x01200000);
}

static void test_resets(void **state)
{
	(void)state;
	out(0xcf9, 1, 2);
	out(0x64, 1, 0xd1);
	out(0x64, 1, 0xff);
	out(0x92, 1, 2);
	assert_int_equal(it.resets, 0);
	out(0xcf9, 1, 6);
	assert_int_equal(it.resets, 1);
	out(0x64, 1, 0xfe);
	assert_int_equal(it.resets, 2);
	out(0x92, 1, 3);
	assert_int_equal(it.resets, 3);
	assert_int_equal(in(0x64, 1), 0);
	assert_int_equal(it.offs, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_all_ones_where_there_is_no_device),
		TEST(test_a_wide_access_is_several_bytes),
		TEST(test_dates),
		TEST(test_forms_of_the_time),
		TEST(test_cmos_memory),
		TEST(test_power_off),
		TEST(test_events_of_acpi),
		TEST(test_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
