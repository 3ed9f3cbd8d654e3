/* SPDX-License-Identifier: ISC */
/* timer.c - timers: periodic ones are counted, and none is early; then one that is cancelled. */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(CLOCK, CLOCK_READ),
		   POSTERN_NEED(VCPU, VCPU_CALLBACKS, VCPU_HALT),
		   POSTERN_NEED(EVENT, EVENT_BIND, EVENT_CLOSE),
		   POSTERN_NEED(TIMER, TIMER_SET, TIMER_CANCEL));

enum { BIT = 5, TICKS = 20 };

static const uint64_t period = 2000000; /* ns */
static volatile unsigned ticks;

static void tick(unsigned bit, void *argument)
{
	(void)bit;
	(void)argument;
	ticks++;
}

static uint64_t now(void)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	EXPECT_RESULT(postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info), 0);
	return info.nanoseconds;
}

static void set(postern_handle_t event, uint32_t flags, uint64_t deadline, uint64_t every)
{
	struct postern_timer_set how = POSTERN_INIT(timer_set);

	how.clock = POSTERN_CLOCK_ID_MONOTONIC;
	how.flags = flags;
	how.deadline = deadline;
	how.period = every;
	EXPECT_RESULT(postern_timer_set(event, &how), 0);
}

static uint64_t count(void)
{
	while (ticks < TICKS)
		guest_idle(GUEST_FOREVER);
	return now();
}

int main(void)
{
	struct postern_event_bind how = POSTERN_INIT(event_bind);
	postern_handle_t event;
	uint64_t start;
	uint64_t took;

	how.bit = BIT;
	event = (postern_handle_t)postern_event_bind(&how);
	guest_on_event(BIT, tick, NULL);

	start = now();
	set(event, POSTERN_TIMER_FLAGS_RELATIVE, period, period);
	took = count() - start;
	EXPECT(took >= TICKS * period);
	EXPECT_RESULT(postern_timer_cancel(event), 1);
	EXPECT_RESULT(postern_timer_cancel(event), 0);
	guest_events_take(UINT64_C(1) << BIT);

	/* An absolute deadline, once; one that has passed fires before the call returns. */
	ticks = TICKS - 1;
	start = now();
	set(event, 0, start + period, 0);
	EXPECT(count() >= start + period);
	EXPECT_RESULT(postern_timer_cancel(event), 0);
	set(event, 0, 1, 0);
	EXPECT(guest_events_take(UINT64_C(1) << BIT));

	/* Cancelled in time, it does not fire. */
	set(event, POSTERN_TIMER_FLAGS_RELATIVE, 10000 * period, 0);
	EXPECT_RESULT(postern_timer_cancel(event), 1);
	EXPECT_RESULT(postern_vcpu_halt(now() + period), 0);
	EXPECT_RESULT(postern_event_close(event), 0);
	guest_printf("timer: %d ticks in %lu us\n", TICKS, (unsigned long)(took / 1000));
	return 0;
}
