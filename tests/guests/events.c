/* SPDX-License-Identifier: ISC */
/* events.c - events of vCPU 0 to itself: delivered, held back in all three ways, waited for, closed. */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_CALLBACKS, VCPU_HALT),
		   POSTERN_NEED(EVENT, EVENT_BIND, EVENT_CLOSE, EVENT_SEND, EVENT_MASK, EVENT_WAIT));

enum { BIT = 3, OTHER_BIT = 63 };
#define MASK (UINT64_C(1) << BIT)
#define OTHER_MASK (UINT64_C(1) << OTHER_BIT)

static volatile unsigned handled[64];

static void count(unsigned bit, void *argument)
{
	EXPECT(argument == (void *)&handled && !guest_events_enabled());
	handled[bit]++;
}

static postern_handle_t bind(unsigned bit)
{
	struct postern_event_bind how = POSTERN_INIT(event_bind);
	int64_t handle;

	how.bit = bit;
	guest_on_event(bit, count, (void *)&handled);
	handle = postern_event_bind(&how);
	EXPECT(handle >= 0);
	return (postern_handle_t)handle;
}

/* With events enabled, the handler has run when the call returns, and the registers are as they were. */
static void deliver(postern_handle_t event)
{
	unsigned before = handled[BIT];

	guest_events_enable();
	for (unsigned i = 1; i <= 1000; i++) {
		EXPECT_RESULT(postern_event_send(event), 0);
		EXPECT(handled[BIT] == before + i);
	}
	EXPECT(guest_events_disable());
}

/* Disabled, events gather and count once; enabling them needs no call to have them handled. */
static void disable(postern_handle_t event, postern_handle_t other)
{
	unsigned before = handled[BIT];

	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT_RESULT(postern_event_send(other), 0);
	EXPECT(handled[BIT] == before && guest_vcpu_page()->pending == (MASK | OTHER_MASK));
	guest_events_enable();
	EXPECT(handled[BIT] == before + 1 && handled[OTHER_BIT] == 1 && guest_vcpu_page()->pending == 0);
	guest_events_disable();
}

/* Masked in the page, the bit is set and does nothing. */
static void mask(postern_handle_t event)
{
	unsigned before = handled[BIT];

	guest_events_enable();
	guest_events_mask(MASK);
	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT(handled[BIT] == before && (guest_vcpu_page()->pending & MASK));
	guest_events_unmask(MASK);
	EXPECT(handled[BIT] == before + 1);
	guest_events_disable();
}

/* Held back by the host, it is not even set. */
static void hold_back(postern_handle_t event)
{
	unsigned before = handled[BIT];

	guest_events_enable();
	EXPECT_RESULT(postern_event_mask(event, 1), 0);
	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT(handled[BIT] == before && !(guest_vcpu_page()->pending & MASK));
	EXPECT_RESULT(postern_event_mask(event, 0), 1);
	EXPECT(handled[BIT] == before + 1);
	guest_events_disable();
}

static void wait_for(postern_handle_t event)
{
	unsigned before = handled[BIT];

	EXPECT_RESULT(postern_event_wait(MASK, 0), 0);
	EXPECT_RESULT(postern_vcpu_halt(0), 0);
	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT_RESULT(postern_event_wait(MASK, GUEST_FOREVER), 1);
	EXPECT_RESULT(postern_vcpu_halt(GUEST_FOREVER), 1);
	EXPECT(guest_events_take(MASK) == MASK && handled[BIT] == before);
	EXPECT_RESULT(postern_event_send(event), 0);
	EXPECT_RESULT(guest_idle(GUEST_FOREVER), 1);
	EXPECT(handled[BIT] == before + 1 && !guest_events_enabled());
}

int main(void)
{
	postern_handle_t event = bind(BIT);
	postern_handle_t other = bind(OTHER_BIT);

	deliver(event);
	disable(event, other);
	mask(event);
	hold_back(event);
	wait_for(event);
	EXPECT_RESULT(postern_event_close(event), 0);
	EXPECT_RESULT(postern_event_send(event), -EBADF);
	guest_printf("events: %u handled\n", handled[BIT] + handled[OTHER_BIT]);
	return 0;
}
