/* SPDX-License-Identifier: ISC */
/* test_timer.c - timers: never early, each in its turn, and silent once they are cancelled. */
#include "fixture.h"

#include <time.h>

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_prepare(&world);
	world_create(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(&world);
	return 0;
}

static int64_t set(postern_handle_t event, uint32_t clock, uint32_t flags, uint64_t deadline, uint64_t period)
{
	struct postern_timer_set *how = world_struct(&world, 0);

	*how = POSTERN_INIT(timer_set);
	how->clock = clock;
	how->flags = flags;
	how->deadline = deadline;
	how->period = period;
	return CALL(&world, 0, POSTERN_CALL_TIMER_SET, event, world_struct_at(0));
}

static int64_t set_at(postern_handle_t event, uint64_t deadline)
{
	return set(event, POSTERN_CLOCK_ID_MONOTONIC, 0, deadline, 0);
}

static int64_t cancel(postern_handle_t event)
{
	return CALL(&world, 0, POSTERN_CALL_TIMER_CANCEL, event);
}

/* vCPU 0 waits for bits, for long. */
static int64_t await(uint64_t bits)
{
	return CALL(&world, 0, POSTERN_CALL_EVENT_WAIT, bits, world_now(&world) + LONG);
}

static void a_deadline_that_has_passed_is_now(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);

	(void)state;
	assert_int_equal(set_at(event, 0), 0);
	assert_int_equal(world_pending(&world, 0), 1);
	assert_int_equal(cancel(event), 0);
	world_clear(&world, 0, 1);
	assert_int_equal(set(event, POSTERN_CLOCK_ID_REALTIME, 0, 5, 0), 0);
	assert_int_equal(world_pending(&world, 0), 1);
	world_clear(&world, 0, 1);
	assert_int_equal(set(event, 0, POSTERN_TIMER_FLAGS_RELATIVE, 0, 0), 0);
	assert_int_equal(world_pending(&world, 0), 1);
}

static void a_timer_is_not_early(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	uint64_t deadline = world_now(&world) + 30 * MILLISECOND;

	(void)state;
	assert_int_equal(cancel(event), 0);
	assert_int_equal(set_at(event, deadline), 0);
	assert_int_equal(world_pending(&world, 0), 0);
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) >= deadline);
	assert_int_equal(cancel(event), 0);
}

static void the_realtime_clock_has_timers(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	struct timespec time;
	uint64_t now;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &time);
	now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	assert_int_equal(set(event, POSTERN_CLOCK_ID_REALTIME, 0, now + 30 * MILLISECOND, 0), 0);
	assert_int_equal(world_pending(&world, 0), 0);
	assert_int_equal(await(1), 1);
	clock_gettime(CLOCK_REALTIME, &time);
	assert_true((uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec >= now + 30 * MILLISECOND);
	world_clear(&world, 0, 1);
	/* Elapsed time is not a date. */
	now = world_now(&world);
	assert_int_equal(
		set(event, POSTERN_CLOCK_ID_REALTIME, POSTERN_TIMER_FLAGS_RELATIVE, 20 * MILLISECOND, 0), 0);
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) >= now + 20 * MILLISECOND);
}

static void never_is_armed_and_does_not_come(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);

	(void)state;
	assert_int_equal(set(event, 0, 0, NEVER, 1), 0);
	assert_int_equal(cancel(event), 1);
	assert_int_equal(cancel(event), 0);
	assert_int_equal(set(event, 0, POSTERN_TIMER_FLAGS_RELATIVE, NEVER - 1, 0), 0);
	assert_int_equal(cancel(event), 1);
	assert_int_equal(set(event, POSTERN_CLOCK_ID_REALTIME, 0, NEVER - 1, 0), 0);
	/* The second time is never: the sum is too large. */
	assert_int_equal(world_pending(&world, 0), 0);
	assert_int_equal(set(event, 0, 0, 5, NEVER - 4), 0);
	assert_int_equal(world_pending(&world, 0), 1);
	world_clear(&world, 0, 1);
	sleep_for(5 * MILLISECOND);
	assert_int_equal(world_pending(&world, 0), 0);
	assert_int_equal(cancel(event), 1);
}

static void a_period_goes_on_by_its_multiples(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	const uint64_t start = world_now(&world);

	(void)state;
	assert_int_equal(set(event, 0, 0, start + 10 * MILLISECOND, 10 * MILLISECOND), 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(await(1), 1);
		assert_true(world_now(&world) >= start + i * 10 * MILLISECOND);
		world_clear(&world, 0, 1);
	}
	assert_int_equal(cancel(event), 1);
	world_clear(&world, 0, 1);
	sleep_for(25 * MILLISECOND);
	assert_int_equal(world_pending(&world, 0), 0);
}

/* The first deadline lies far back; the times since are missed, and those to come are multiples from there. */
static void missed_times_count_once(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	uint64_t start;
	uint64_t next;

	(void)state;
	sleep_for(25 * MILLISECOND);
	start = world_now(&world);
	assert_int_equal(set(event, 0, 0, 1, 100 * MILLISECOND), 0);
	assert_int_equal(world_pending(&world, 0), 1);
	world_clear(&world, 0, 1);
	next = 1 + ((start - 1) / (100 * MILLISECOND) + 1) * 100 * MILLISECOND;
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) >= next);
	assert_true(world_now(&world) < next + 90 * MILLISECOND);
}

static void setting_replaces(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	const uint64_t start = world_now(&world);

	(void)state;
	set_at(event, start + LONG);
	set_at(event, start + 20 * MILLISECOND);
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) < start + LONG);
	world_clear(&world, 0, 1);
	set_at(event, world_now(&world) + 20 * MILLISECOND);
	set_at(event, NEVER);
	sleep_for(50 * MILLISECOND);
	assert_int_equal(world_pending(&world, 0), 0);
}

/* Whether every timer that was due before one that has come has come, too: they are sent in their order. */
static void assert_in_order(const uint64_t *deadlines, unsigned many, uint64_t come)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < many; i++) {
		if (come >> i & 1 && deadlines[i] > last)
			last = deadlines[i];
	}
	assert_true(world_now(&world) >= last);
	for (unsigned i = 0; i < many; i++)
		assert_true(deadlines[i] > last || come >> i & 1);
}

/* In an order that is neither that of their deadlines nor its reverse; some are taken out again. */
static void each_timer_of_many_has_its_time(void **state)
{
	enum { MANY = 64 };
	uint64_t deadlines[MANY];
	postern_handle_t events[MANY];
	uint64_t seen = 0;
	uint64_t cancelled = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		events[i] = world_bind(&world, 0, i);
	for (unsigned i = 0; i < MANY; i++) {
		deadlines[i] = world_now(&world) + 100 * MILLISECOND + (i * 37 % MANY) * MILLISECOND;
		set_at(events[i], deadlines[i]);
	}
	for (unsigned i = 0; i < MANY; i += 5) {
		assert_int_equal(cancel(events[i]), 1);
		cancelled |= UINT64_C(1) << i;
		deadlines[i] = NEVER;
	}
	while (seen != ~cancelled) {
		assert_int_equal(await(~seen & ~cancelled), 1);
		seen = world_pending(&world, 0);
		assert_int_equal(seen & cancelled, 0);
		assert_in_order(deadlines, MANY, seen);
	}
}

static void nothing_is_sent_after_cancel_and_close(void **state)
{
	unsigned armed = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		postern_handle_t event = world_bind(&world, 0, 0);

		set_at(event, world_now(&world) + 80000);
		for (unsigned k = 0; k < i % 40; k++)
			sleep_for(1000);
		if (i % 2)
			armed += (unsigned)cancel(event);
		assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_CLOSE, event), 0);
		world_clear(&world, 0, 1);
		sleep_for(100000);
		assert_int_equal(world_pending(&world, 0), 0);
	}
	/* Some came before their end, and some did not. */
	assert_in_range(armed, 1, 199);
}

static void deadlines_are_rounded_up_to_the_resolution(void **state)
{
	postern_handle_t event;
	uint64_t start;

	(void)state;
	world_prepare(&world);
	world.config.resolution = 40 * MILLISECOND;
	world_create(&world);
	event = world_bind(&world, 0, 0);
	start = world_now(&world) / (40 * MILLISECOND) * (40 * MILLISECOND) + 80 * MILLISECOND;
	set_at(event, start + 1);
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) >= start + 40 * MILLISECOND);
	/* So are those of waits. */
	start = world_now(&world) / (40 * MILLISECOND) * (40 * MILLISECOND) + 40 * MILLISECOND;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_WAIT, 2, start + 1), 0);
	assert_true(world_now(&world) >= start + 40 * MILLISECOND);
	/* A period below the resolution is made equal to it, and each of its times is told apart. */
	start = world_now(&world) / (40 * MILLISECOND) * (40 * MILLISECOND) + 40 * MILLISECOND;
	world_clear(&world, 0, 1);
	set(event, 0, 0, start + 1, 1);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(await(1), 1);
		world_clear(&world, 0, 1);
		assert_true(world_now(&world) >= start + i * 40 * MILLISECOND);
	}
	world_destroy(&world);
}

/*
 * A multiple of the period has passed, but not its rounded time: for the guest, whose clock shows less, it is
 * still to come.
 */
static void a_time_between_two_steps_is_not_missed(void **state)
{
	const uint64_t step = 40 * MILLISECOND;
	const uint64_t first = 10 * step;
	bool is_between;

	(void)state;
	world_prepare(&world);
	world.config.resolution = step;
	world_create(&world);
	sleep_for(first + step / 2 - world_now(&world));
	set(world_bind(&world, 0, 0), 0, 0, 1, first + step / 4 - 1);
	is_between = world_now(&world) < first + step;
	assert_int_equal(world_pending(&world, 0), 1);
	world_clear(&world, 0, 1);
	assert_int_equal(await(1), 1);
	assert_true(world_now(&world) >= first + step);
	assert_true(!is_between || world_now(&world) < 2 * first);
	world_destroy(&world);
}

static void a_period_of_a_nanosecond_costs_no_processor(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	struct timespec before, after;
	uint64_t used;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	set(event, 0, 0, 1, 1);
	sleep_for(200 * MILLISECOND);
	assert_int_equal(cancel(event), 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	used = (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000 +
	       (uint64_t)(after.tv_nsec - before.tv_nsec);
	assert_true(used < 120 * MILLISECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_deadline_that_has_passed_is_now),
		TEST(a_timer_is_not_early),
		TEST(the_realtime_clock_has_timers),
		TEST(never_is_armed_and_does_not_come),
		TEST(a_period_goes_on_by_its_multiples),
		TEST(missed_times_count_once),
		TEST(setting_replaces),
		TEST(each_timer_of_many_has_its_time),
		TEST(nothing_is_sent_after_cancel_and_close),
		cmocka_unit_test(deadlines_are_rounded_up_to_the_resolution),
		cmocka_unit_test(a_time_between_two_steps_is_not_missed),
		TEST(a_period_of_a_nanosecond_costs_no_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
