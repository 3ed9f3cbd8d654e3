/* SPDX-License-Identifier: ISC */
/* test_event.c - the vCPU page's words as the SDK handles them: what is handled when, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <postern/guest.h>

#define BIT(number) (UINT64_C(1) << (number))

static struct postern_vcpu_page page;
static unsigned handled[64];
static unsigned order[8];
static unsigned count;
static void (*in_handler)(void);
static uint64_t send_in_halt;

struct postern_vcpu_page *guest_vcpu_page(void)
{
	return &page;
}

void guest_panic(const char *format, ...)
{
	(void)format;
	fail();
	__builtin_unreachable();
}

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	assert_int_equal(number, POSTERN_CALL_VCPU_HALT);
	assert_int_equal(a0, 4711);
	assert_int_equal(page.enabled, 0);
	page.pending |= send_in_halt;
	return (page.pending & ~page.masked) != 0;
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

static void handle(unsigned bit, void *argument)
{
	assert_ptr_equal(argument, &handled[bit]);
	assert_int_equal(page.enabled, 0);
	assert_false(page.pending & BIT(bit));
	handled[bit]++;
	order[count++ % 8] = bit;
	if (in_handler)
		in_handler();
}

static int setup(void **state)
{
	(void)state;
	memset(&page, 0, sizeof page);
	memset(handled, 0, sizeof handled);
	count = 0;
	in_handler = NULL;
	send_in_halt = 0;
	for (unsigned i = 0; i < 64; i++)
		guest_on_event(i, i == 7 ? NULL : handle, &handled[i]);
	return 0;
}

static void enabling_handles_what_is_pending(void **state)
{
	(void)state;
	page.pending = BIT(63) | BIT(0) | BIT(5);
	guest_events_enable();
	assert_int_equal(count, 3);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 5);
	assert_int_equal(order[2], 63);
	assert_int_equal(page.pending, 0);
	assert_true(guest_events_enabled());
	assert_true(guest_events_disable());
	assert_false(guest_events_disable());
	assert_false(guest_events_enabled());
}

static void without_a_handler_a_bit_is_cleared(void **state)
{
	(void)state;
	page.pending = BIT(7);
	guest_events_enable();
	assert_int_equal(page.pending, 0);
	assert_int_equal(count, 0);
}

static void masked_bits_stay(void **state)
{
	(void)state;
	guest_events_mask(BIT(1) | BIT(2));
	page.pending = BIT(1) | BIT(3);
	guest_events_enable();
	assert_int_equal(page.pending, BIT(1));
	assert_int_equal(handled[3], 1);
	guest_events_unmask(BIT(1));
	assert_int_equal(handled[1], 1);
	assert_int_equal(page.masked, BIT(2));
	assert_true(guest_events_disable());
	/* Disabled, unmasking handles nothing. */
	page.pending = BIT(2);
	guest_events_unmask(BIT(2));
	assert_int_equal(handled[2], 0);
	assert_false(guest_events_enabled());
}

static void send_again(void)
{
	if (count < 3)
		page.pending |= BIT(4);
}

static void what_comes_meanwhile_is_handled_too(void **state)
{
	(void)state;
	in_handler = send_again;
	page.pending = BIT(4);
	guest_events_enable();
	assert_int_equal(handled[4], 3);
	assert_int_equal(page.pending, 0);
}

static void mask_the_rest(void)
{
	guest_events_mask(BIT(9));
}

static void a_handler_may_mask_what_follows(void **state)
{
	(void)state;
	in_handler = mask_the_rest;
	page.pending = BIT(8) | BIT(9);
	guest_events_enable();
	assert_int_equal(handled[8], 1);
	assert_int_equal(handled[9], 0);
	assert_int_equal(page.pending, BIT(9));
}

static void enable(void)
{
	in_handler = NULL;
	guest_events_enable();
}

static void a_handler_may_enable_events(void **state)
{
	(void)state;
	in_handler = enable;
	page.pending = BIT(1) | BIT(2);
	guest_events_restore(true);
	assert_int_equal(handled[1], 1);
	assert_int_equal(handled[2], 1);
	assert_true(guest_events_enabled());
	guest_events_restore(false);
	assert_false(guest_events_enabled());
}

static void taking_handles_nothing(void **state)
{
	(void)state;
	page.pending = BIT(1) | BIT(2);
	assert_int_equal(guest_events_take(BIT(2) | BIT(3)), BIT(2));
	assert_int_equal(page.pending, BIT(1));
	assert_int_equal(count, 0);
}

static void idling_handles_what_ends_it(void **state)
{
	(void)state;
	guest_events_enable();
	send_in_halt = BIT(6);
	assert_int_equal(guest_idle(4711), 1);
	assert_int_equal(handled[6], 1);
	assert_false(guest_events_enabled());
	send_in_halt = 0;
	assert_int_equal(guest_idle(4711), 0);
	assert_int_equal(count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(enabling_handles_what_is_pending, setup),
		cmocka_unit_test_setup(without_a_handler_a_bit_is_cleared, setup),
		cmocka_unit_test_setup(masked_bits_stay, setup),
		cmocka_unit_test_setup(what_comes_meanwhile_is_handled_too, setup),
		cmocka_unit_test_setup(a_handler_may_mask_what_follows, setup),
		cmocka_unit_test_setup(a_handler_may_enable_events, setup),
		cmocka_unit_test_setup(taking_handles_nothing, setup),
		cmocka_unit_test_setup(idling_handles_what_ends_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
