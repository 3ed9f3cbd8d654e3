/* SPDX-License-Identifier: ISC */
/* test_vcpu.c - starting and stopping vCPUs, kicks, entries, and what a guest can ask about them. */
#include "fixture.h"

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

static int64_t start_from(unsigned caller, unsigned vcpu, uint64_t entry)
{
	struct postern_vcpu_start *how = world_struct(&world, caller);

	*how = POSTERN_INIT(vcpu_start);
	how->entry = entry;
	how->stack = 77;
	how->argument = 88;
	return CALL(&world, caller, POSTERN_CALL_VCPU_START, vcpu, world_struct_at(caller));
}

static int64_t start(unsigned vcpu)
{
	return start_from(0, vcpu, KERNEL + 0x1000);
}

static int64_t kick(unsigned vcpu)
{
	return CALL(&world, 0, POSTERN_CALL_VCPU_KICK, vcpu);
}

/* ---- starting and stopping ---- */

static void a_stopped_vcpu_starts_where_it_should(void **state)
{
	(void)state;
	world.pages[1]->delivered = 5;
	assert_int_equal(world.pages[0]->running, 1);
	assert_int_equal(world.pages[1]->running, 0);
	assert_int_equal(world.pages[3]->number, 3);
	assert_int_equal(start(1), 0);
	assert_int_equal(world.started[1], 1);
	assert_true(world.entry == KERNEL + 0x1000 && world.stack == 77 && world.argument == 88);
	assert_int_equal(world.pages[1]->delivered, 0);
	assert_int_equal(world.pages[1]->running, 1);
	assert_int_equal(start(1), -EBUSY);
	assert_int_equal(start(0), -EBUSY);
	assert_int_equal(start(VCPUS), -EBADF);
	assert_int_equal(world.started[1], 1);
}

static void a_start_that_fails_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(start_from(0, 1, KERNEL - 1), -EINVAL);
	assert_int_equal(start_from(0, 1, UINT64_C(0x7fffffffeff0) + 0x10), -EINVAL);
	assert_int_equal(start_from(0, 1, UINT64_MAX), -EINVAL);
	world.start_error = -EBUSY;
	assert_int_equal(start(1), -ENOMEM);
	assert_int_equal(world.pages[1]->running, 0);
	/* Not even that it was counted as running. */
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, 0), -EDEADLK);
	world.start_error = 0;
	assert_int_equal(start(1), 0);
}

static void the_last_one_cannot_be_stopped(void **state)
{
	(void)state;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, 0), -EDEADLK);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, 1), -EALREADY);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, VCPUS), -EBADF);
	start(1);
	/* It leaves the guest in the fixture, as in a machine, after the call. */
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, 0), 0);
	assert_int_equal(world.pages[0]->running, 0);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_STOP, 1), -EDEADLK);
	assert_int_equal(start_from(1, 0, KERNEL), 0);
}

static void stop_returns_when_the_vcpu_has_left(void **state)
{
	struct call stops[2];

	(void)state;
	start(1);
	start(2);
	call_begin(&stops[0], &world, 0, POSTERN_CALL_VCPU_STOP, 1, 0, 0);
	call_begin(&stops[1], &world, 2, POSTERN_CALL_VCPU_STOP, 1, 0, 0);
	sleep_for(50 * MILLISECOND);
	assert_int_equal(world.stop_asked[1], 1);
	assert_false(stops[0].is_done || stops[1].is_done);
	/* Until then it runs, and makes calls. */
	assert_int_equal(start_from(3, 1, KERNEL), -EBUSY);
	CALL(&world, 1, POSTERN_CALL_ABI_NOP);
	assert_int_equal(call_end(&stops[0]), 0);
	assert_int_equal(call_end(&stops[1]), 0);
	assert_int_equal(start(1), 0);
}

static void stop_ends_every_wait(void **state)
{
	static const struct {
		uint64_t number, a0, a1;
	} waits[] = {
		{ POSTERN_CALL_VCPU_HALT, NEVER, 0 },
		{ POSTERN_CALL_VCPU_PARK, NEVER, 0 },
		{ POSTERN_CALL_EVENT_WAIT, 1, NEVER },
		{ POSTERN_CALL_VCPU_STOP, 2, 0 }, /* which does not stop */
	};

	(void)state;
	start(2);
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct call wait;

		assert_int_equal(start(1), 0);
		call_begin(&wait, &world, 1, waits[i].number, waits[i].a0, waits[i].a1, 0);
		world_await_idle(&world, 1);
		assert_false(wait.is_done);
		assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_STOP, 1), 0);
		call_end(&wait);
		assert_int_equal(world.pages[1]->running, 0);
	}
}

/* Also when there is a third, so that it would be possible to stop both. */
static void of_two_that_stop_each_other_one_stays(void **state)
{
	(void)state;
	start(2);
	for (unsigned i = 0; i < 200; i++) {
		struct call stops[2];
		unsigned running;
		unsigned stopped;

		if (!world.pages[1]->running)
			assert_int_equal(start(1), 0);
		call_begin(&stops[0], &world, 0, POSTERN_CALL_VCPU_STOP, 1, 0, 0);
		call_begin(&stops[1], &world, 1, POSTERN_CALL_VCPU_STOP, 0, 0, 0);
		for (unsigned k = 0; k < 2; k++)
			pthread_join(stops[k].thread, NULL);
		running = world.pages[0]->running ? 0 : 1;
		stopped = !running;
		assert_int_equal(world.pages[running]->running, 1);
		assert_int_equal(stops[running].result, 0);
		assert_int_equal(start_from(running, stopped, KERNEL), 0);
	}
}

/* ---- parking ---- */

static void a_kick_is_kept_and_two_are_one(void **state)
{
	(void)state;
	start(1);
	kick(1);
	kick(1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, NEVER), 1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, world_now(&world) + 20 * MILLISECOND), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_PARK, 0), 0);
	kick(0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_PARK, 0), 1);
}

static void starting_forgets_kicks_and_entries(void **state)
{
	(void)state;
	kick(1);
	world_enable(&world, 1);
	start(1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, 0), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_SEND, world_bind(&world, 1, 0)), 0);
	assert_int_equal(world.raised[1], 0);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, 0), 0);
}

static void a_kick_ends_park_and_nothing_else(void **state)
{
	struct call call;

	(void)state;
	start(1);
	call_begin(&call, &world, 1, POSTERN_CALL_VCPU_PARK, NEVER, 0, 0);
	world_await_idle(&world, 1);
	assert_false(call.is_done);
	kick(1);
	assert_int_equal(call_end(&call), 1);
	call_begin(&call, &world, 1, POSTERN_CALL_VCPU_HALT, world_now(&world) + 60 * MILLISECOND, 0, 0);
	world_await_idle(&world, 1);
	kick(1);
	assert_int_equal(call_end(&call), 0);
	assert_int_equal(world.raised[1], 0);
	assert_int_equal(world_pending(&world, 1), 0);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, NEVER), 1);
}

static void an_event_ends_park_if_it_is_delivered(void **state)
{
	postern_handle_t event = world_bind(&world, 1, 0);
	postern_handle_t other = world_bind(&world, 1, 1);
	struct call park;

	(void)state;
	start(1);
	call_begin(&park, &world, 1, POSTERN_CALL_VCPU_PARK, world_now(&world) + 60 * MILLISECOND, 0, 0);
	world_await_idle(&world, 1);
	CALL(&world, 0, POSTERN_CALL_EVENT_SEND, event);
	assert_int_equal(call_end(&park), 0);
	world_clear(&world, 1, 1);
	world_enable(&world, 1);
	world.pages[1]->masked = 1;
	call_begin(&park, &world, 1, POSTERN_CALL_VCPU_PARK, NEVER, 0, 0);
	world_await_idle(&world, 1);
	CALL(&world, 0, POSTERN_CALL_EVENT_SEND, event);
	sleep_for(20 * MILLISECOND);
	assert_false(park.is_done);
	CALL(&world, 0, POSTERN_CALL_EVENT_SEND, other);
	assert_int_equal(call_end(&park), 2);
	/* The kick goes first, and is kept if it was not looked at. */
	kick(1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, NEVER), 1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_PARK, NEVER), 2);
}

enum { ROUNDS = 3000 };

static _Atomic unsigned lost;

static void *play(void *argument)
{
	const unsigned me = *(const unsigned *)argument;

	for (unsigned i = 0; i < ROUNDS && !lost; i++) {
		if (me == 0)
			CALL(&world, 0, POSTERN_CALL_VCPU_KICK, 1);
		if (CALL(&world, me, POSTERN_CALL_VCPU_PARK, world_now(&world) + LONG) != 1)
			atomic_fetch_add(&lost, 1);
		if (me == 1)
			CALL(&world, 1, POSTERN_CALL_VCPU_KICK, 0);
	}
	return NULL;
}

static void no_kick_is_lost(void **state)
{
	static const unsigned numbers[2] = { 0, 1 };
	pthread_t threads[2];

	(void)state;
	start(1);
	atomic_store(&lost, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play, (void *)&numbers[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lost, 0);
}

/* ---- the rest ---- */

static void entries_are_zero_or_the_kernels(void **state)
{
	struct postern_vcpu_callbacks *entries = world_struct(&world, 0);
	uint64_t *const fields[] = { &entries->event, &entries->system_call, &entries->page_fault,
				     &entries->exception };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		*entries = POSTERN_INIT(vcpu_callbacks);
		*fields[i] = KERNEL - 1;
		assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_CALLBACKS, world_struct_at(0)), -EINVAL);
		assert_int_equal(world.callbacks_set, i);
		*fields[i] = KERNEL;
		assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_CALLBACKS, world_struct_at(0)), 0);
		assert_int_equal(world.callbacks_set, i + 1);
	}
}

static void yield_takes_any_vcpu_or_none(void **state)
{
	(void)state;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_YIELD, POSTERN_NO_HANDLE), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_YIELD, 0), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_YIELD, 1), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_YIELD, VCPUS), -EBADF);
}

static void query_tells_of_vcpus_and_memory(void **state)
{
	struct postern_abi_info *info;

	(void)state;
	world_destroy(&world);
	world_prepare(&world);
	world.config.vcpu_features = POSTERN_VCPU_FEATURES_TABLES;
	world_create(&world);
	info = world_struct(&world, 0);
	*info = POSTERN_INIT(abi_info);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ABI_QUERY, POSTERN_SECTION_VCPU, world_struct_at(0)),
			 0);
	assert_int_equal(info->features, POSTERN_VCPU_FEATURES_TABLES);
	assert_int_equal(info->limits[POSTERN_VCPU_LIMIT_VCPUS], VCPUS);
	assert_int_equal(info->calls, 0x7f);
	*info = POSTERN_INIT(abi_info);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ABI_QUERY, POSTERN_SECTION_MEMORY, world_struct_at(0)),
			 0);
	assert_int_equal(info->limits[POSTERN_MEMORY_LIMIT_SPACE], RAM_SIZE / MEMORY_PAGE_SIZE);
	assert_int_equal(info->limits[POSTERN_MEMORY_LIMIT_OWNED], RAM_SIZE / MEMORY_PAGE_SIZE);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ABI_QUERY, 255, world_struct_at(0)), 0);
	assert_int_equal(info->calls | info->features | info->limits[0], 0);
}

static void a_bad_config_is_refused(void **state)
{
	struct services services;
	struct services_config config = {
		.vcpus = 1, .vcpu_pages = 0x2001, .input = -1, .output = -1, .error = -1
	};

	(void)state;
	assert_int_equal(services_create(&services, &config), -EINVAL);
	config.vcpu_pages = 0x2000;
	config.vcpus = 0;
	assert_int_equal(services_create(&services, &config), -EINVAL);
	config.vcpus = POSTERN_HANDLE_VCPU_MAX + 1;
	assert_int_equal(services_create(&services, &config), -EINVAL);
	services_destroy(&services);
	config.vcpus = 1;
	assert_int_equal(services_create(&services, &config), 0);
	services_destroy(&services);
	services_destroy(&services);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_stopped_vcpu_starts_where_it_should),
		TEST(a_start_that_fails_changes_nothing),
		TEST(the_last_one_cannot_be_stopped),
		TEST(stop_returns_when_the_vcpu_has_left),
		TEST(stop_ends_every_wait),
		TEST(of_two_that_stop_each_other_one_stays),
		TEST(a_kick_is_kept_and_two_are_one),
		TEST(starting_forgets_kicks_and_entries),
		TEST(a_kick_ends_park_and_nothing_else),
		TEST(an_event_ends_park_if_it_is_delivered),
		TEST(no_kick_is_lost),
		TEST(entries_are_zero_or_the_kernels),
		TEST(yield_takes_any_vcpu_or_none),
		TEST(query_tells_of_vcpus_and_memory),
		cmocka_unit_test(a_bad_config_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
