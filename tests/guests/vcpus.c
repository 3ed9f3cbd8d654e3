/* SPDX-License-Identifier: ISC */
/*
 * vcpus.c - all vCPUs at once: each counts, under a lock and without, and they are waited for, first by
 * parking, then by events. Each is started twice.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(VCPU, VCPU_START, VCPU_STOP, VCPU_HALT, VCPU_PARK, VCPU_KICK, VCPU_YIELD,
				VCPU_CALLBACKS),
		   POSTERN_NEED(EVENT, EVENT_BIND, EVENT_CLOSE, EVENT_SEND));

enum { COUNT = 20000, MOST = 64, BIT = 9 };

static struct guest_lock lock = { 0 };
static uint64_t locked;
static uint64_t unlocked;
static uint32_t arrived;
static postern_handle_t event;

static void count(void)
{
	for (unsigned i = 0; i < COUNT; i++) {
		__atomic_fetch_add(&unlocked, 1, __ATOMIC_RELAXED);
		guest_lock(&lock);
		locked++;
		guest_unlock(&lock);
	}
}

static void count_and_kick(void *argument)
{
	EXPECT(argument == &locked && guest_vcpu_number() < guest_boot()->vcpus);
	count();
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	EXPECT_RESULT(postern_vcpu_kick(0), 0);
}

static void count_and_send(void *argument)
{
	EXPECT(argument == &unlocked);
	count();
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	EXPECT_RESULT(postern_event_send(event), 0);
}

static void start_all(void (*function)(void *argument), void *argument)
{
	arrived = 0;
	for (uint32_t i = 1; i < guest_boot()->vcpus; i++) {
		int64_t result;

		/* It may not yet have stopped after the last time. */
		while ((result = guest_vcpu_start(i, function, argument)) == -EBUSY)
			(void)postern_vcpu_yield(i);
		EXPECT_RESULT(result, 0);
	}
}

static bool all_arrived(void)
{
	return __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == guest_boot()->vcpus - 1;
}

int main(void)
{
	const uint32_t vcpus = guest_boot()->vcpus;
	struct postern_event_bind how = POSTERN_INIT(event_bind);

	EXPECT(vcpus >= 1 && vcpus <= MOST && guest_vcpu_number() == 0);
	EXPECT_RESULT(guest_vcpu_start(0, count_and_kick, NULL), -EBUSY);
	EXPECT_RESULT(guest_vcpu_start(vcpus, count_and_kick, NULL), -EBADF);

	start_all(count_and_kick, &locked);
	count();
	while (!all_arrived())
		EXPECT_RESULT(postern_vcpu_park(GUEST_FOREVER), 1);
	EXPECT(locked == (uint64_t)vcpus * COUNT && unlocked == locked);

	how.bit = BIT;
	event = (postern_handle_t)postern_event_bind(&how);
	start_all(count_and_send, &unlocked);
	count();
	while (!all_arrived())
		EXPECT_RESULT(guest_idle(GUEST_FOREVER), 1);
	EXPECT(locked == 2 * (uint64_t)vcpus * COUNT && unlocked == locked);
	guest_printf("vcpus: %u counted to %lu\n", vcpus, (unsigned long)locked);
	return 0;
}
