/* SPDX-License-Identifier: ISC */
/* test_pit.c - the timer: when it interrupts, how often at most, and what its counters tell. */
#include "device/pit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONTROL = 3, TICKS_10_MS = 11932 };

#define MS UINT64_C(1000000)

static struct pit pit;
static _Atomic unsigned rises, ends;

static void on_interrupt(void *owner, bool level)
{
	(void)owner;
	rises += level;
}

static void on_started(void *owner)
{
	(void)owner;
}

static void on_ended(void *owner)
{
	(void)owner;
	ends++;
}

static const struct pit_hooks hooks = { on_interrupt, on_started, on_ended };

static int set_up(void **state)
{
	(void)state;
	rises = ends = 0;
	return pit_create(&pit, &hooks, NULL, 1);
}

static int tear_down(void **state)
{
	(void)state;
	pit_destroy(&pit);
	assert_int_equal(ends, 1);
	pit_destroy(&pit);
	return 0;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 * MS + (uint64_t)time.tv_nsec;
}

static void set(unsigned channel, unsigned mode, unsigned count)
{
	pit_write(&pit, CONTROL, (uint8_t)(channel << 6 | 0x30 | mode << 1));
	pit_write(&pit, channel, (uint8_t)count);
	pit_write(&pit, channel, (uint8_t)(count >> 8));
}

static unsigned latched(unsigned channel)
{
	unsigned low;

	pit_write(&pit, CONTROL, (uint8_t)(channel << 6));
	low = pit_read(&pit, channel);
	return low | (unsigned)pit_read(&pit, channel) << 8;
}

static void wait_for(unsigned count)
{
	while (rises < count)
		usleep(100);
}

static void test_nothing_before_it_is_set(void **state)
{
	(void)state;
	usleep(20000);
	assert_int_equal(rises, 0);
	pit_write(&pit, CONTROL, 0x34);
	pit_write(&pit, 0, 1); /* half a count */
	usleep(20000);
	assert_int_equal(rises, 0);
}

static void test_a_beat(void **state)
{
	const uint64_t start = now();

	(void)state;
	set(0, 2, TICKS_10_MS);
	wait_for(5);
	assert_true(now() - start >= 50 * MS);
	set(0, 3, TICKS_10_MS / 2);
	rises = 0;
	wait_for(3);
}

static void test_once(void **state)
{
	const uint64_t start = now();

	(void)state;
	set(0, 0, TICKS_10_MS);
	wait_for(1);
	assert_true(now() - start >= 10 * MS);
	usleep(30000);
	assert_int_equal(rises, 1);
}

static void test_another_mode_stops_it(void **state)
{
	unsigned before;

	(void)state;
	set(0, 2, TICKS_10_MS);
	wait_for(1);
	pit_write(&pit, CONTROL, 0x34);
	before = rises;
	usleep(50000);
	assert_true(rises <= before + 1); /* one may have been on its way */
}

static void test_no_more_often_than_a_host_bears(void **state)
{
	uint64_t start = now();

	(void)state;
	set(0, 2, 2);
	wait_for(50);
	assert_true(now() - start >= 50 * PIT_LEAST_PERIOD);
}

static void test_others_do_not_interrupt(void **state)
{
	(void)state;
	set(1, 2, 2);
	set(2, 2, 2);
	usleep(20000);
	assert_int_equal(rises, 0);
}

static void test_counters_count_down(void **state)
{
	uint64_t start = now();
	unsigned first, second;
	uint64_t most;

	(void)state;
	set(2, 0, 0); /* 65536: 55 ms */
	first = latched(2);
	usleep(2000);
	second = latched(2);
	most = (now() - start) * PIT_HZ / (1000 * MS) + 1;
	if (most < 60000) { /* otherwise it has gone round */
		assert_true((uint16_t)(first - second) >= 2000 * (PIT_HZ / 1000) / 1000 - 1);
		assert_true((uint16_t)(0 - second) <= most);
	}
}

static void test_a_latched_count_stays(void **state)
{
	unsigned low, high;

	(void)state;
	set(2, 2, 50000);
	pit_write(&pit, CONTROL, 0xd8); /* read back the count of channel 2 */
	low = pit_read(&pit, 2);
	usleep(5000);
	high = pit_read(&pit, 2);
	pit_write(&pit, CONTROL, 0x80);
	pit_write(&pit, CONTROL, 0x80);
	assert_true((low | high << 8) <= 50000);
	assert_true((low | high << 8) >= 1);
}

static void test_single_bytes(void **state)
{
	(void)state;
	pit_write(&pit, CONTROL, 0x94); /* channel 2: low bytes only, mode 2 */
	pit_write(&pit, 2, 100);
	for (int i = 0; i < 100; i++)
		assert_in_range(pit_read(&pit, 2), 1, 100);
	pit_write(&pit, CONTROL, 0xa4); /* high bytes only */
	pit_write(&pit, 2, 0x80);
	assert_in_range(pit_read(&pit, 2), 0, 0x80);
	assert_int_equal(pit_read(&pit, CONTROL), 0xff);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_before_it_is_set),
		TEST(test_a_beat),
		TEST(test_once),
		TEST(test_another_mode_stops_it),
		TEST(test_no_more_often_than_a_host_bears),
		TEST(test_others_do_not_interrupt),
		TEST(test_counters_count_down),
		TEST(test_a_latched_count_stays),
		TEST(test_single_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
