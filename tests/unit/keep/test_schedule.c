/* SPDX-License-Identifier: ISC */
/* test_schedule.c - which task runs where and for how long; sleeping and being woken; timers; the end of tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mm/pages.h"
#include "task/task.h"

#include <linux/time_types.h>
#include <signal.h>
#include <sys/syscall.h>

enum { MILLISECOND = 1000000, THREADS = 24, TIMERS = 200, TIMER_STEPS = 20000 };

static bool stop;
static unsigned ended;
static uint64_t computed[THREADS], vcpus_of[THREADS];
static uint64_t memory;

static unsigned index_of(const void *argument)
{
	return (unsigned)(uint64_t)argument;
}

static void computes(void *argument)
{
	const unsigned i = index_of(argument);

	while (!stop) {
		compute(MILLISECOND / 10);
		computed[i] += MILLISECOND / 10;
		vcpus_of[i] |= UINT64_C(1) << guest_vcpu_number();
	}
	ended++;
}

static void wait_for_end(unsigned count)
{
	stop = true;
	for (unsigned i = 0; i < 100000 && ended < count; i++)
		compute(MILLISECOND / 10);
	CHECK_IS(ended, count);
}

/* ---- turns ---- */

PROGRAM_CASE(test_those_who_compute_take_turns)
{
	program_start(computes, (void *)0);
	program_start(computes, (void *)1);
	compute(150 * MILLISECOND);
	CHECK(computed[0] > 40 * MILLISECOND && computed[1] > 40 * MILLISECOND);
	CHECK(current_task()->preemptions >= 5);
	wait_for_end(2);
}

PROGRAM_CASE(test_who_waits_does_not_wait_for_the_others_slices_to_end_for_ever)
{
	const struct __kernel_timespec time = { 0, MILLISECOND };
	uint64_t begin;

	memory = program_map(PAGE_SIZE);
	program_write(memory, &time, sizeof time);
	program_start(computes, (void *)0);
	for (unsigned i = 0; i < 10; i++) {
		begin = machine_time;
		CHECK_IS(call(SYS_nanosleep, memory, 0), 0);
		/* When it wakes up it is ready, and its turn comes with the next slice. */
		CHECK(machine_time - begin >= MILLISECOND && machine_time - begin < 8 * MILLISECOND);
	}
	wait_for_end(1);
}

PROGRAM_CASE_ON(test_all_vcpus_run_when_there_is_work_for_them, .vcpus = 4, .seed = 5)
{
	uint64_t used = 0;

	for (uint64_t i = 0; i < 8; i++)
		program_start(computes, (void *)i);
	compute(100 * MILLISECOND);
	for (unsigned i = 0; i < 8; i++) {
		CHECK(computed[i]);
		used |= vcpus_of[i];
	}
	CHECK_IS(used | UINT64_C(1) << guest_vcpu_number(), 15);
	wait_for_end(8);
}

PROGRAM_CASE_ON(test_idle_vcpus_are_left_alone, .vcpus = 4)
{
	uint64_t events;

	compute(MILLISECOND);
	events = machine_events_sent;
	for (unsigned i = 0; i < 100; i++)
		(void)call(SYS_getpid, 0);
	compute(50 * MILLISECOND);
	CHECK_IS(machine_events_sent, events);
}

/* ---- affinity ---- */

static void computes_on_one(void *argument)
{
	const uint64_t mask = UINT64_C(1) << index_of(argument);
	const uint64_t at = program_map(PAGE_SIZE);

	program_write(at, &mask, sizeof mask);
	CHECK_IS(call(SYS_sched_setaffinity, 0, sizeof mask, at), 0);
	compute(MILLISECOND);
	for (unsigned i = 0; i < 200; i++) {
		compute(MILLISECOND / 10);
		CHECK_IS(guest_vcpu_number(), index_of(argument));
	}
	ended++;
}

PROGRAM_CASE_ON(test_a_task_runs_where_it_may, .vcpus = 3, .seed = 11)
{
	const uint64_t nowhere = UINT64_C(1) << 40;

	for (uint64_t i = 0; i < 9; i++)
		program_start(computes_on_one, (void *)(i % 3));
	wait_for_end(9);
	memory = program_map(PAGE_SIZE);
	program_write(memory, &nowhere, sizeof nowhere);
	CHECK_IS(call(SYS_sched_setaffinity, 0, sizeof nowhere, memory), -EINVAL);
	CHECK_IS(call(SYS_sched_setaffinity, 12345, sizeof nowhere, memory), -ESRCH);
	CHECK_IS(call(SYS_sched_getaffinity, 0, 8, memory), 8);
	CHECK_IS(program_load(memory), 7);
}

/* ---- sleeping ---- */

static uint64_t wanted[THREADS], woken[THREADS];

static void sleeps(void *argument)
{
	const unsigned i = index_of(argument);
	const uint64_t at = program_map(PAGE_SIZE);
	const struct __kernel_timespec time = { 0, (int64_t)((i * 7919) % THREADS) * MILLISECOND };

	program_write(at, &time, sizeof time);
	wanted[i] = machine_time + (uint64_t)time.tv_nsec;
	CHECK_IS(call(SYS_nanosleep, at, 0), 0);
	woken[i] = machine_time;
	ended++;
}

PROGRAM_CASE_ON(test_sleepers_wake_in_time, .vcpus = 2, .seed = 2)
{
	for (uint64_t i = 0; i < THREADS; i++)
		program_start(sleeps, (void *)i);
	wait_for_end(THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK(woken[i] >= wanted[i]);
		CHECK(woken[i] < wanted[i] + 2 * MILLISECOND);
	}
}

static struct waiters queue;
static unsigned woken_count;

static void waits_alone(void *argument)
{
	struct waiter waiter;

	kernel_lock();
	waiter_init(&waiter);
	waiter.exclusive = index_of(argument) < 4;
	task_prepare_sleep();
	waiter_add(&queue, &waiter);
	CHECK_IS(task_sleep(FOREVER, true), 0);
	waiter_remove(&waiter);
	woken_count++;
	kernel_unlock();
	ended++;
}

static void wake(unsigned count)
{
	kernel_lock();
	waiters_wake(&queue, count, 0);
	kernel_unlock();
	compute(20 * MILLISECOND);
}

/* Of those who want it alone as many as are said, and all the others. */
PROGRAM_CASE_ON(test_as_many_are_woken_as_should_be, .vcpus = 2)
{
	waiters_init(&queue);
	for (uint64_t i = 0; i < 6; i++)
		program_start(waits_alone, (void *)i);
	compute(20 * MILLISECOND);
	wake(1);
	CHECK_IS(woken_count, 3);
	wake(0);
	CHECK_IS(woken_count, 3);
	/* Twice before the first has run: each of them counts. */
	kernel_lock();
	waiters_wake(&queue, 1, 0);
	waiters_wake(&queue, 1, 0);
	kernel_unlock();
	compute(20 * MILLISECOND);
	CHECK_IS(woken_count, 5);
	wake(9);
	wait_for_end(6);
}

/* ---- timers ---- */

static struct timer timers[TIMERS];
static bool fired[TIMERS];
static uint64_t expected[TIMERS], last_deadline, timers_seed;

static uint32_t random_below(uint32_t end)
{
	timers_seed = timers_seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(timers_seed >> 33) % end;
}

static void on_timer(struct timer *timer)
{
	const size_t i = (size_t)(timer - timers);

	CHECK(expected[i] != FOREVER);
	CHECK(timer->deadline >= last_deadline);
	CHECK_IS(timer->deadline, expected[i]);
	last_deadline = timer->deadline;
	fired[i] = true;
	expected[i] = FOREVER;
	/* One that sets itself again, later. */
	if (i % 10 == 0) {
		expected[i] = timer->deadline + 1 + random_below(50);
		timer_set(timer, expected[i]);
	}
}

static uint64_t first_expected(void)
{
	uint64_t first = FOREVER;

	for (size_t i = 0; i < TIMERS; i++)
		first = least(first, expected[i]);
	return first;
}

KERNEL_CASE(test_timers_run_in_order)
{
	uint64_t now = 1;

	timers_seed = 4;
	for (size_t i = 0; i < TIMERS; i++) {
		timer_init(&timers[i], on_timer);
		expected[i] = FOREVER;
	}
	for (unsigned step = 0; step < TIMER_STEPS; step++) {
		const size_t i = random_below(TIMERS);

		switch (random_below(4)) {
		case 0:
			CHECK_IS(timer_cancel(&timers[i]), expected[i] != FOREVER);
			expected[i] = FOREVER;
			break;
		case 1:
			now += random_below(20);
			last_deadline = 0;
			timers_run(now);
			CHECK(first_expected() > now);
			break;
		default:
			expected[i] = now + random_below(300);
			timer_set(&timers[i], expected[i]);
			break;
		}
		CHECK_IS(timer_is_set(&timers[i]), expected[i] != FOREVER);
		CHECK_IS(timers_first(), first_expected());
	}
}

/* ---- of programs ---- */

static unsigned alarms;

static void on_alarm(int number, uint64_t info, uint64_t context)
{
	(void)number;
	(void)info;
	(void)context;
	alarms++;
}

PROGRAM_CASE(test_an_interval_timer_fires_again_and_again)
{
	const int64_t every[] = { 0, 2000, 0, 5000 }; /* microseconds */
	int64_t left[4];

	memory = program_map(PAGE_SIZE);
	program_handle(SIGALRM, on_alarm, 0, 0);
	program_write(memory, every, sizeof every);
	CHECK_IS(call(SYS_setitimer, 0, memory, 0), 0);
	CHECK_IS(call(SYS_getitimer, 0, memory + 64), 0);
	program_read(memory + 64, left, sizeof left);
	CHECK(left[1] == 2000 && left[3] > 4900 && left[3] <= 5000);
	compute(4 * MILLISECOND);
	CHECK_IS(alarms, 0);
	compute(21 * MILLISECOND);
	CHECK_IS(alarms, 11);
	program_write(memory, (const int64_t[4]){ 0 }, 32);
	CHECK_IS(call(SYS_setitimer, 0, memory, memory + 64), 0);
	compute(10 * MILLISECOND);
	CHECK_IS(alarms, 11);
	program_write(memory, (const int64_t[4]){ 0, 1000000, 0, 0 }, 32);
	CHECK_IS(call(SYS_setitimer, 0, memory, 0), -EINVAL);
}

PROGRAM_CASE(test_expiries_that_were_not_taken_are_counted)
{
	const int64_t every[] = { 0, MILLISECOND, 0, MILLISECOND };
	const uint64_t set = signal_bit(SIGALRM);
	int32_t id;

	memory = program_map(PAGE_SIZE);
	program_handle(SIGALRM, on_alarm, 0, 0);
	program_write(memory, every, sizeof every);
	program_write(memory + 64, &set, sizeof set);
	CHECK_IS(call(SYS_rt_sigprocmask, SIG_BLOCK, memory + 64, 0, 8), 0);
	CHECK_IS(call(SYS_timer_create, 1, 0, memory + 128), 0);
	id = (int32_t)program_load(memory + 128);
	CHECK_IS(call(SYS_timer_settime, (uint64_t)id, 0, memory, 0), 0);
	compute(10 * MILLISECOND + MILLISECOND / 2);
	CHECK_IS(call(SYS_rt_sigprocmask, SIG_UNBLOCK, memory + 64, 0, 8), 0);
	CHECK_IS(alarms, 1);
	CHECK_IS(call(SYS_timer_getoverrun, (uint64_t)id), 9);
	CHECK_IS(call(SYS_timer_delete, (uint64_t)id), 0);
	CHECK_IS(call(SYS_timer_delete, (uint64_t)id), -EINVAL);
}

/* An interval so short that it is over before it is set again. */
PROGRAM_CASE(test_the_shortest_interval_does_not_take_all_the_time)
{
	const int64_t every[] = { 0, 1, 0, 1 };

	memory = program_map(PAGE_SIZE);
	program_handle(SIGALRM, on_alarm, 0, 0);
	program_write(memory, every, sizeof every);
	CHECK_IS(call(SYS_timer_create, 1, 0, memory + 128), 0);
	CHECK_IS(call(SYS_timer_settime, program_load(memory + 128), 0, memory, 0), 0);
	compute(MILLISECOND);
	CHECK(alarms > 0);
}

/* ---- the end ---- */

static void ends(void *argument)
{
	(void)argument;
	ended++;
}

PROGRAM_CASE_ON(test_what_threads_had_is_given_back, .vcpus = 2)
{
	size_t pages, blocks;

	/* Their stacks are the program's, and stay. */
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 50; i++)
			program_start(ends, NULL);
		compute(10 * MILLISECOND);
		CHECK_IS(schedule_busy(), 1);
		if (round == 0) {
			pages = pages_free();
			blocks = machine_blocks();
		}
	}
	CHECK_IS(ended, 150);
	CHECK_IS(current_process()->task_count, 1);
	/* The mappings of 100 stacks, at most: no kernel stacks, of which each has four pages. */
	CHECK(pages - pages_free() < 100 * 4);
	CHECK(machine_blocks() - blocks <= 100);
}

PROGRAM_CASE(test_threads_that_cannot_be_made)
{
	int64_t id;

	machine_mallocs = 0;
	id = program_clone(0x10f00, 0, 0, 0, ends, NULL);
	machine_mallocs = -1;
	CHECK_IS(id, -EAGAIN);
	CHECK_IS(current_process()->task_count, 1);
	CHECK_IS(program_clone(0x10e00 /* without CLONE_VM */, 0, 0, 0, ends, NULL), -EINVAL);
	CHECK_IS(program_clone(0x11 /* SIGCHLD: fork */, 0, 0, 0, ends, NULL), -ENOSYS);
}

static void waits_without_interruption(void *argument)
{
	(void)argument;
	kernel_lock();
	(void)wait_on(&queue, FOREVER, true);
	kernel_unlock();
	compute(MILLISECOND);
	machine_fail("it goes on");
}

static void ends_all(void)
{
	waiters_init(&queue);
	for (uint64_t i = 0; i < 4; i++)
		program_start(computes, (void *)i);
	program_start(waits_without_interruption, NULL);
	compute(20 * MILLISECOND);
	(void)call(SYS_exit_group, 42);
}

static void leaves_others(void)
{
	program_start(sleeps, (void *)5);
	(void)call(SYS_exit, 7);
}

static void test_the_end_of_a_process(void **state)
{
	(void)state;
	machine_run_until(&(struct machine){ .vcpus = 3 }, IN_PROGRAM, ends_all, 42 << 8);
	machine_run_until(&(struct machine){ .vcpus = 1 }, IN_PROGRAM, leaves_others, 7 << 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_those_who_compute_take_turns),
		cmocka_unit_test(test_who_waits_does_not_wait_for_the_others_slices_to_end_for_ever),
		cmocka_unit_test(test_all_vcpus_run_when_there_is_work_for_them),
		cmocka_unit_test(test_idle_vcpus_are_left_alone),
		cmocka_unit_test(test_a_task_runs_where_it_may),
		cmocka_unit_test(test_sleepers_wake_in_time),
		cmocka_unit_test(test_as_many_are_woken_as_should_be),
		cmocka_unit_test(test_timers_run_in_order),
		cmocka_unit_test(test_an_interval_timer_fires_again_and_again),
		cmocka_unit_test(test_expiries_that_were_not_taken_are_counted),
		cmocka_unit_test(test_the_shortest_interval_does_not_take_all_the_time),
		cmocka_unit_test(test_what_threads_had_is_given_back),
		cmocka_unit_test(test_threads_that_cannot_be_made),
		cmocka_unit_test(test_the_end_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
