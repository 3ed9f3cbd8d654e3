/* SPDX-License-Identifier: ISC */
/*
 * event.c - enabling, masking and handling events, without a trap. The rules are in the prose of struct
 * vcpu_page of the contract: pending is the host's to set and ours to clear, the rest of what is used here
 * only this vCPU writes.
 */
#include "internal.h"

/* By bit. Written by any vCPU at any time: the argument before the handler. */
static struct {
	guest_event_handler *handler;
	void *argument;
} handlers[64];

void guest_on_event(unsigned bit, guest_event_handler *handler, void *argument)
{
	if (bit >= sizeof handlers / sizeof *handlers)
		guest_panic("there is no event bit %u", bit);
	/* Nobody meets the old handler with the new argument. */
	__atomic_store_n(&handlers[bit].handler, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&handlers[bit].argument, argument, __ATOMIC_RELAXED);
	__atomic_store_n(&handlers[bit].handler, handler, __ATOMIC_RELEASE);
}

static void handle(unsigned bit)
{
	guest_event_handler *handler = __atomic_load_n(&handlers[bit].handler, __ATOMIC_ACQUIRE);

	if (handler)
		handler(bit, __atomic_load_n(&handlers[bit].argument, __ATOMIC_RELAXED));
}

/* Bits that stand for an event to handle now. */
static uint64_t deliverable(const struct postern_vcpu_page *page)
{
	return __atomic_load_n(&page->pending, __ATOMIC_ACQUIRE) & ~page->masked;
}

void guest_events_handle(void)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	uint64_t bits;

	/* A handler may mask what is still to come, so each bit is taken by itself. */
	while ((bits = deliverable(page)) != 0) {
		unsigned bit = (unsigned)__builtin_ctzll(bits);

		guest_events_take(UINT64_C(1) << bit);
		handle(bit);
		/* A handler may have enabled events. */
		guest_events_disable();
	}
}

static void store_enabled(struct postern_vcpu_page *page, uint32_t enabled)
{
	__atomic_store_n(&page->enabled, enabled, __ATOMIC_RELAXED);
	/* To this vCPU, the store is before whatever follows it: events are delivered here. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

bool guest_events_enabled(void)
{
	return __atomic_load_n(&guest_vcpu_page()->enabled, __ATOMIC_RELAXED) != 0;
}

bool guest_events_disable(void)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	bool enabled = __atomic_load_n(&page->enabled, __ATOMIC_RELAXED) != 0;

	store_enabled(page, 0);
	return enabled;
}

void guest_events_enable(void)
{
	struct postern_vcpu_page *page = guest_vcpu_page();

	for (;;) {
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		store_enabled(page, 1);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!deliverable(page))
			return;
		store_enabled(page, 0);
		guest_events_handle();
	}
}

void guest_events_restore(bool enabled)
{
	if (enabled)
		guest_events_enable();
	else
		guest_events_disable();
}

/* Two steps, and a handler between them might mask other bits: so without events. */
static void change_masked(uint64_t clear, uint64_t set)
{
	struct postern_vcpu_page *page = guest_vcpu_page();
	bool enabled = guest_events_disable();

	__atomic_store_n(&page->masked, (page->masked & ~clear) | set, __ATOMIC_RELAXED);
	guest_events_restore(enabled);
}

void guest_events_mask(uint64_t bits)
{
	change_masked(0, bits);
}

void guest_events_unmask(uint64_t bits)
{
	change_masked(bits, 0);
}

uint64_t guest_events_take(uint64_t bits)
{
	return __atomic_fetch_and(&guest_vcpu_page()->pending, ~bits, __ATOMIC_SEQ_CST) & bits;
}

int64_t guest_idle(uint64_t deadline)
{
	int64_t result;

	guest_events_disable();
	result = postern_vcpu_halt(deadline);
	guest_events_handle();
	return result;
}
