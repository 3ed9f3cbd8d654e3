/* SPDX-License-Identifier: ISC */
/* test_clock.c - the time as a VM is told it, and random bytes. */
#include "fixture.h"

#include <time.h>
#include <x86intrin.h>

static struct world world;

static void create(uint64_t resolution, bool counter)
{
	world_prepare(&world);
	world.config.resolution = resolution;
	world.config.counter = counter;
	world_create(&world);
}

static uint64_t read_clock(unsigned vcpu, enum postern_clock_id clock, uint64_t resolution)
{
	struct postern_clock_info *info = world_struct(&world, vcpu);

	*info = (struct postern_clock_info){ .size = sizeof *info };
	assert_int_equal(CALL(&world, vcpu, POSTERN_CALL_CLOCK_READ, clock, world_struct_at(vcpu)), 0);
	assert_int_equal(info->clock, clock);
	assert_int_equal(info->resolution, resolution);
	assert_int_equal(info->nanoseconds % resolution, 0);
	return info->nanoseconds;
}

static void clocks_are_the_hosts(void **state)
{
	uint64_t before;
	uint64_t told;

	(void)state;
	create(1, false);
	before = (uint64_t)time(NULL);
	told = read_clock(0, POSTERN_CLOCK_ID_REALTIME, 1) / 1000000000;
	assert_in_range(told, before, (uint64_t)time(NULL));
	before = gate_monotonic(world.gate);
	told = read_clock(0, POSTERN_CLOCK_ID_MONOTONIC, 1);
	assert_in_range(told, before, gate_monotonic(world.gate));
	world_destroy(&world);
}

static void a_coarse_clock_is_coarse(void **state)
{
	const uint64_t resolution = 10 * MILLISECOND;
	uint64_t last = 0;
	unsigned steps = 0;

	(void)state;
	create(resolution, true);
	for (int i = 0; i < 30; i++) {
		uint64_t time = read_clock((unsigned)i % VCPUS, POSTERN_CLOCK_ID_MONOTONIC, resolution);

		assert_true(time >= last);
		steps += time != last;
		last = time;
		sleep_for(MILLISECOND);
	}
	assert_in_range(steps, 1, 29);
	world_destroy(&world);
}

static void a_scale_tells_the_time(void **state)
{
	struct postern_clock_scale *scale;
	uint64_t before;
	uint64_t reckoned;
	uint64_t after;

	(void)state;
	create(1, true);
	sleep_for(20 * MILLISECOND);
	scale = world_struct(&world, 0);
	*scale = (struct postern_clock_scale){ .size = sizeof *scale };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CLOCK_SCALE, world_struct_at(0)), 0);
	if (!scale->flags) { /* a processor whose counter is not steady */
		world_destroy(&world);
		skip();
	}
	assert_true(scale->lifetime >= 20 * MILLISECOND);
	sleep_for(10 * MILLISECOND);
	before = gate_monotonic(world.gate);
	reckoned = scale->monotonic +
		   (uint64_t)(((unsigned __int128)(__rdtsc() - scale->counter) * scale->multiplier) >>
			      scale->shift);
	after = gate_monotonic(world.gate);
	assert_in_range(reckoned, before - MILLISECOND / 10, after + MILLISECOND / 10);
	world_destroy(&world);
}

static void no_scale_for_a_coarse_clock(void **state)
{
	struct postern_clock_scale *scale;

	(void)state;
	create(1000, true);
	scale = world_struct(&world, 0);
	memset(scale, 0xff, sizeof *scale);
	scale->size = sizeof *scale;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CLOCK_SCALE, world_struct_at(0)), 0);
	assert_int_equal(scale->flags, 0);
	assert_int_equal(scale->counter | scale->multiplier | scale->lifetime | scale->monotonic, 0);
	world_destroy(&world);
}

static void random_bytes_fill_the_buffer(void **state)
{
	uint8_t *bytes;
	unsigned different = 0;

	(void)state;
	create(1, false);
	bytes = world_at(&world, STRUCT_AT);
	memset(bytes, 0, 8192);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, STRUCT_AT + 1, 4095), 4095);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(bytes[4096], 0);
	for (int i = 1; i < 4096; i++)
		different += bytes[i] != bytes[(i + 7) % 4096];
	assert_in_range(different, 4000, 4095);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, STRUCT_AT, 0), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, STRUCT_AT, 4097), -EINVAL);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, RAM_SIZE - 8, 16), -EFAULT);
	world_destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_are_the_hosts),         cmocka_unit_test(a_coarse_clock_is_coarse),
		cmocka_unit_test(a_scale_tells_the_time),       cmocka_unit_test(no_scale_for_a_coarse_clock),
		cmocka_unit_test(random_bytes_fill_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
