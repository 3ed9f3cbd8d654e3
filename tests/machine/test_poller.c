/* SPDX-License-Identifier: ISC */
/*
 * test_poller.c - the I/O thread: it takes what is in a polled ring, awake and asleep, and takes no processor
 * time when there is nothing to do. The test plays the guest.
 */
#include "gate/gate.h"
#include "machine/poller.h"
#include "service/service.h"

#include "postern/abi.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { RAM = 1 << 20, RING = 0x2000, ORDER = 6, ENTRIES = 1 << ORDER };

struct ring {
	struct postern_ring_guest guest;
	struct postern_ring_host host;
	struct postern_ring_entry entries[ENTRIES];
	struct postern_ring_completion completions[ENTRIES];
};

static struct guest_memory memory;
static struct abi_handlers handlers;
static struct gate_vm *gate;
static struct poller poller;
static sem_t started;
static _Atomic bool ended;
static struct ring *ring;

static void on_started(void *owner)
{
	(void)owner;
	sem_post(&started);
}

static void on_ended(void *owner)
{
	(void)owner;
	atomic_store(&ended, true);
}

static void on_doorbell(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	poller_ring(&poller);
}

/* A call by trap. */
static int64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const uint64_t args[6] = { a0, a1, a2 };

	return gate_call(gate, gate_vcpu(gate, 0), number, args);
}

static int set_up(void **state)
{
	struct gate_config config = {
		.memory = &memory,
		.handlers = &handlers,
		.vcpus = 1,
		.in_flight = 8,
		.doorbell = on_doorbell,
	};
	const struct postern_ring_setup setup = {
		.size = sizeof setup,
		.flags = POSTERN_RING_SETUP_FLAGS_POLLED,
		.base = RING,
		.submit_order = ORDER,
		.complete_order = ORDER,
		.event = POSTERN_NO_HANDLE,
	};
	char why[64];

	(void)state;
	service_abi(&handlers);
	service_ring(&handlers);
	sem_init(&started, 0, 0);
	atomic_store(&ended, false);
	if (memory_create(&memory, RAM) || gate_policy_allow(&config.policy, "all", why, sizeof why) ||
	    gate_create(&config, &gate) || poller_create(&poller, gate, NULL, on_started, on_ended, NULL))
		return -1;
	ring = (struct ring *)(memory.base + RING);
	memcpy(memory.base + 0x1000, &setup, sizeof setup);
	return sem_wait(&started) || call(POSTERN_CALL_RING_SETUP, 0x1000, 0, 0) != 0;
}

static int tear_down(void **state)
{
	(void)state;
	poller_destroy(&poller);
	gate_destroy(gate);
	memory_destroy(&memory);
	sem_destroy(&started);
	return !atomic_load(&ended);
}

/* Submits one call that does nothing, as a driver does: entry, tail, fence, look at need_wakeup. */
static void submit(uint32_t *tail)
{
	ring->entries[*tail % ENTRIES] =
		(struct postern_ring_entry){ .call = POSTERN_CALL_ABI_NOP, .token = *tail };
	__atomic_store_n(&ring->guest.submit_tail, ++*tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring->host.flags, __ATOMIC_RELAXED) & POSTERN_RING_HOST_FLAGS_NEED_WAKEUP)
		assert_int_equal(call(POSTERN_CALL_RING_ENTER, 1, 0, 0), 0);
}

/* Waits until the completion behind `head` is there, and takes it. Without ring.enter: only the poller can help. */
static void complete(uint32_t *head)
{
	while (__atomic_load_n(&ring->host.complete_tail, __ATOMIC_ACQUIRE) == *head)
		sched_yield();
	assert_int_equal(ring->completions[*head % ENTRIES].token, *head);
	assert_int_equal(ring->completions[*head % ENTRIES].result, 0);
	__atomic_store_n(&ring->guest.complete_head, ++*head, __ATOMIC_RELEASE);
}

static void sleep_for(long milliseconds)
{
	const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static void test_takes_entries_one_by_one(void **state)
{
	uint32_t tail = 0;
	uint32_t head = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		submit(&tail);
		complete(&head);
	}
}

static void test_takes_entries_after_a_sleep(void **state)
{
	uint32_t tail = 0;
	uint32_t head = 0;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		/* From awake and looking to fast asleep. */
		sleep_for(i % 3);
		for (unsigned entries = 0; entries < 1 + i; entries++)
			submit(&tail);
		while (head != tail)
			complete(&head);
	}
}

static uint64_t processor_time(void)
{
	struct timespec time;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(poller.thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Also with a ring that was busy before. */
static void test_sleeps_when_there_is_nothing_to_do(void **state)
{
	uint32_t tail = 0;
	uint32_t head = 0;
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		submit(&tail);
		complete(&head);
	}
	sleep_for(20);
	before = processor_time();
	sleep_for(300);
	/* One that looked all the time would have used 300 ms. */
	assert_true(processor_time() - before < 10000000);
	assert_true(__atomic_load_n(&ring->host.flags, __ATOMIC_RELAXED) &
		    POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
}

static void test_stops_while_it_sleeps(void **state)
{
	(void)state;
	sleep_for(20);
	poller_stop(&poller);
	while (!atomic_load(&ended))
		sched_yield();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_takes_entries_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_takes_entries_after_a_sleep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sleeps_when_there_is_nothing_to_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stops_while_it_sleeps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
