/* SPDX-License-Identifier: ISC */
/*
 * test_lock.c - the SDK's lock with threads for vCPUs: one holder at a time, and events as they were before.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <postern/guest.h>

enum { VCPUS = 4, COUNT = 20000 };

static _Thread_local uint32_t number;
static _Thread_local bool events;
static jmp_buf panicked;
static struct guest_lock lock;
static uint64_t counter; /* under the lock */

uint32_t guest_vcpu_number(void)
{
	return number;
}

bool guest_events_disable(void)
{
	bool before = events;

	events = false;
	return before;
}

void guest_events_restore(bool enabled)
{
	events = enabled;
}

void guest_panic(const char *format, ...)
{
	(void)format;
	longjmp(panicked, 1);
}

int64_t postern_hypercall(uint64_t call, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	if (call != POSTERN_CALL_VCPU_YIELD || a0 >= VCPUS)
		return -EINVAL;
	sched_yield();
	return 0;
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

static void *count(void *argument)
{
	unsigned wrong = 0;

	number = (uint32_t)(uintptr_t)argument;
	for (unsigned i = 0; i < COUNT; i++) {
		events = i % 2;
		guest_lock(&lock);
		wrong += events;
		counter++;
		guest_unlock(&lock);
		wrong += events != i % 2;
	}
	return (void *)(uintptr_t)wrong;
}

static void one_holds_it_at_a_time(void **state)
{
	pthread_t threads[VCPUS];
	void *wrong;

	(void)state;
	for (uintptr_t i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)i), 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(counter, VCPUS * COUNT);
}

static void locks_nest(void **state)
{
	static struct guest_lock inner;

	(void)state;
	events = true;
	guest_lock(&lock);
	guest_lock(&inner);
	guest_unlock(&inner);
	assert_false(events);
	guest_unlock(&lock);
	assert_true(events);
}

static void taking_it_twice_is_a_panic(void **state)
{
	(void)state;
	guest_lock(&lock);
	if (!setjmp(panicked)) {
		guest_lock(&lock);
		fail_msg("no panic");
	}
	guest_unlock(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holds_it_at_a_time),
		cmocka_unit_test(locks_nest),
		cmocka_unit_test(taking_it_twice_is_a_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
