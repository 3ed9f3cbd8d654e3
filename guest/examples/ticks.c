/* SPDX-License-Identifier: ISC */
/* ticks.c - a timer that sends an event ten times a second, handled while the vCPU idles. */
#include <postern/guest.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(EVENT, EVENT_BIND),
		   POSTERN_NEED(TIMER, TIMER_SET), POSTERN_NEED(VCPU, VCPU_CALLBACKS, VCPU_HALT));

enum { TIMER_BIT = 0, TICKS = 10 };

static volatile unsigned ticks;

static void on_tick(unsigned bit, void *argument)
{
	(void)bit;
	(void)argument;
	ticks++;
	guest_printf("tick %u\n", ticks);
}

int main(void)
{
	struct postern_event_bind bind = POSTERN_INIT(event_bind);
	struct postern_timer_set set = POSTERN_INIT(timer_set);
	int64_t event;

	bind.vcpu = guest_vcpu_number();
	bind.bit = TIMER_BIT;
	event = postern_event_bind(&bind);
	if (event < 0)
		guest_panic("no event: %s", guest_error_name(event));
	guest_on_event(TIMER_BIT, on_tick, NULL);

	set.flags = POSTERN_TIMER_FLAGS_RELATIVE;
	set.deadline = set.period = 100000000; /* ns */
	postern_timer_set((postern_handle_t)event, &set);
	while (ticks < TICKS)
		guest_idle(GUEST_FOREVER);
	return 0;
}
