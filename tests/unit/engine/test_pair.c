/* SPDX-License-Identifier: ISC */
/*
 * test_pair.c - where the two threads of a pair run: how looking is given up and tried again, and that both are
 * confined to one processor only for as long as it is said. A process that does nothing stands for the guest's.
 */
#include "engine/ring3/pair.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOKS = 400, MANY = 100000 };

static struct pair_places places;

/* ---- looking ---- */

static void looking_is_given_up_when_it_is_in_vain(void **state)
{
	struct spin spin = spin_new(LOOKS);
	unsigned waits = 0;

	(void)state;
	while (spin.budget && waits < MANY) {
		assert_false(spin_learn(&spin, false));
		waits++;
	}
	assert_in_range(waits, 2, 16);
}

static void looking_is_tried_again_at_ever_longer_intervals(void **state)
{
	struct spin spin = spin_new(LOOKS);
	unsigned before = 0;

	(void)state;
	for (unsigned trial = 0; trial < 5; trial++) {
		unsigned waits = 1;

		while (!spin_learn(&spin, false) && waits < MANY)
			waits++;
		assert_int_equal(spin.budget, LOOKS);
		assert_true(waits > before);
		before = waits;
	}
	for (unsigned i = 0; i <= SPIN_RETRY_TURNS; i++)
		assert_false(spin_learn(&spin, true));
	assert_int_equal(spin.retry, SPIN_RETRY);
}

static void looking_that_pays_is_kept(void **state)
{
	struct spin spin = spin_new(LOOKS);

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		assert_false(spin_learn(&spin, true));
	assert_int_equal(spin.budget, LOOKS);
}

static void nobody_looks_where_there_is_one_processor(void **state)
{
	struct pair pair;

	(void)state;
	pair_init(&pair, &places, 0, getpid());
	for (unsigned i = 0; i < MANY; i++) {
		assert_false(pair_waited(&pair, false));
		assert_int_equal(pair.spin.budget, 0);
	}
	assert_false(pair.confined);
}

/* The guest has to be woken each time, however fast it is then. */
static void one_side_alone_does_not_look(void **state)
{
	struct pair pair;
	unsigned waits = 0;

	(void)state;
	pair_init(&pair, &places, LOOKS, getpid());
	pair.guest_slept = true;
	places.guest_clock = CLOCK_MONOTONIC;
	while (pair.spin.budget && waits < MANY) {
		pair_waited(&pair, true);
		waits++;
	}
	assert_in_range(waits, 2, 16);
	pair_release(&pair);
}

/* ---- confining ---- */

/* Also where a test fails, nothing stays behind. */
static _Noreturn void idle(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static pid_t start_guest(void)
{
	pid_t guest = fork();

	assert_true(guest >= 0);
	if (!guest)
		idle();
	places = (struct pair_places){ 0 };
	assert_int_equal(clock_getcpuclockid(guest, &places.guest_clock), 0);
	return guest;
}

static void end_guest(pid_t guest)
{
	kill(guest, SIGKILL);
	waitpid(guest, NULL, 0);
}

static cpu_set_t set_of(pid_t thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	assert_int_equal(sched_getaffinity(thread, sizeof set, &set), 0);
	return set;
}

/* Waits in vain until both are confined. */
static void wait_until_confined(struct pair *pair)
{
	unsigned waits = 0;

	while (!pair_waited(pair, false) && waits < MANY)
		waits++;
	assert_true(waits < MANY);
	assert_true(pair->confined);
}

static void a_pair_is_confined_and_let_go(void **state)
{
	const cpu_set_t all = set_of(0);
	const pid_t guest = start_guest();
	struct pair pair;
	cpu_set_t host_set;
	cpu_set_t guest_set;

	(void)state;
	if (CPU_COUNT(&all) < 2) {
		end_guest(guest);
		skip();
	}
	pair_init(&pair, &places, LOOKS, guest);
	assert_int_equal(pair.spin.budget, LOOKS);
	for (unsigned round = 0; round < 3; round++) {
		wait_until_confined(&pair);
		host_set = set_of(0);
		guest_set = set_of(guest);
		assert_int_equal(CPU_COUNT(&host_set), 1);
		assert_true(CPU_EQUAL(&host_set, &guest_set));
		assert_int_equal(pair.spin.budget, 0);
		pair_release(&pair);
		host_set = set_of(0);
		guest_set = set_of(guest);
		assert_true(CPU_EQUAL(&host_set, &all) && CPU_EQUAL(&guest_set, &all));
	}
	end_guest(guest);
}

/* Its clock runs all the time. */
static void a_guest_that_computes_is_not_confined(void **state)
{
	const pid_t guest = start_guest();
	struct pair pair;

	(void)state;
	places.guest_clock = CLOCK_MONOTONIC;
	pair_init(&pair, &places, LOOKS, guest);
	for (unsigned i = 0; i < 200; i++)
		assert_false(pair_waited(&pair, false));
	end_guest(guest);
}

static void two_pairs_keep_apart(void **state)
{
	const cpu_set_t all = set_of(0);
	const pid_t guest = start_guest();
	const pid_t other_guest = fork();
	struct pair pair;
	struct pair other;
	cpu_set_t set;
	cpu_set_t other_set;

	(void)state;
	if (!other_guest)
		idle();
	if (CPU_COUNT(&all) >= 2) {
		pair_init(&pair, &places, LOOKS, guest);
		pair_init(&other, &places, LOOKS, other_guest);
		/* Both were on the same processor. */
		pair.guest_processor = other.guest_processor = (uint32_t)sched_getcpu() + 1;
		wait_until_confined(&pair);
		set = set_of(guest);
		wait_until_confined(&other);
		other_set = set_of(other_guest);
		assert_int_equal(CPU_COUNT(&other_set), 1);
		assert_false(CPU_EQUAL(&set, &other_set));
		pair_release(&other);
		pair_release(&pair);
		sched_setaffinity(0, sizeof all,
				  &all); /* a thread of one pair each, and here it was one for both */
	}
	end_guest(guest);
	end_guest(other_guest);
	if (CPU_COUNT(&all) < 2)
		skip();
}

static bool is_over(struct pair_places *of)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec >= atomic_load(&of->paused_until);
}

/* A pause lets the scheduler sort out who has met. */
static void there_is_a_pause_now_and_then(void **state)
{
	const pid_t guest = start_guest();
	struct pair pair;

	(void)state;
	pair_init(&pair, &places, LOOKS, guest);
	for (unsigned round = 0; round < PAIR_ROUNDS; round++)
		pair_round_ended(&places);
	/* On a machine with much else to do it may be over before we are. */
	for (unsigned i = 0; i < 64; i++) {
		if (pair_waited(&pair, false))
			assert_true(is_over(&places));
	}
	pair_release(&pair);
	end_guest(guest);
}

static void a_pair_that_looks_again_is_let_go(void **state)
{
	const cpu_set_t all = set_of(0);
	const pid_t guest = start_guest();
	struct pair pair;
	cpu_set_t set;

	(void)state;
	if (CPU_COUNT(&all) < 2) {
		end_guest(guest);
		skip();
	}
	pair_init(&pair, &places, LOOKS, guest);
	wait_until_confined(&pair);
	for (unsigned i = 0; pair.confined && i < MANY; i++)
		pair_waited(&pair, false);
	assert_false(pair.confined);
	assert_int_equal(pair.spin.budget, LOOKS);
	set = set_of(0);
	assert_true(CPU_EQUAL(&set, &all));
	end_guest(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looking_is_given_up_when_it_is_in_vain),
		cmocka_unit_test(looking_is_tried_again_at_ever_longer_intervals),
		cmocka_unit_test(looking_that_pays_is_kept),
		cmocka_unit_test(nobody_looks_where_there_is_one_processor),
		cmocka_unit_test(one_side_alone_does_not_look),
		cmocka_unit_test(a_pair_is_confined_and_let_go),
		cmocka_unit_test(a_guest_that_computes_is_not_confined),
		cmocka_unit_test(two_pairs_keep_apart),
		cmocka_unit_test(there_is_a_pause_now_and_then),
		cmocka_unit_test(a_pair_that_looks_again_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
