/* SPDX-License-Identifier: ISC */
/* test_uart.c - the serial port as a driver sees it: registers, FIFO, interrupts, and when it lets input in. */
#include "device/uart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, FCR = IIR };
enum { RTS_OUT2 = 0x0a };

static struct {
	struct uart uart;
	char sent[64];
	size_t count;
	unsigned listens;
	unsigned rises;
	bool level;
} it;

static void on_send(void *owner, uint8_t byte)
{
	(void)owner;
	it.sent[it.count++] = (char)byte;
}

static void on_listen(void *owner)
{
	(void)owner;
	it.listens++;
}

static void on_interrupt(void *owner, bool level)
{
	(void)owner;
	assert_true(level != it.level);
	it.level = level;
	it.rises += level;
}

static const struct uart_hooks hooks = { on_send, on_listen, on_interrupt };

static int set_up(void **state)
{
	(void)state;
	memset(&it, 0, sizeof it);
	uart_create(&it.uart, &hooks, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	uart_destroy(&it.uart);
	return 0;
}

static uint8_t in(unsigned offset)
{
	return uart_read(&it.uart, offset);
}

static void out(unsigned offset, uint8_t value)
{
	uart_write(&it.uart, offset, value);
}

static size_t receive(const char *text)
{
	return uart_receive(&it.uart, (const uint8_t *)text, strlen(text));
}

static void test_after_reset(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(in(DATA), 0);
	assert_int_equal(uart_room(&it.uart), 0);
	assert_false(it.level);
}

static void test_registers_keep_what_they_have_bits_for(void **state)
{
	(void)state;
	out(SCRATCH, 0xa5);
	assert_int_equal(in(SCRATCH), 0xa5);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
	out(LCR, 0x1b);
	assert_int_equal(in(LCR), 0x1b);
}

static void test_the_divisor_is_behind_a_bit(void **state)
{
	(void)state;
	out(LCR, 0x83);
	out(DATA, 0x12);
	out(IER, 0x34);
	assert_int_equal(in(DATA), 0x12);
	assert_int_equal(in(IER), 0x34);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(it.count, 0);
}

static void test_what_is_sent_leaves_at_once(void **state)
{
	(void)state;
	out(DATA, 'a');
	out(DATA, 'b');
	assert_int_equal(it.count, 2);
	assert_memory_equal(it.sent, "ab", 2);
	assert_int_equal(in(LSR), 0x60);
}

static void test_the_transmitter_interrupts_when_it_is_empty(void **state)
{
	(void)state;
	out(MCR, RTS_OUT2);
	out(IER, 2);
	assert_true(it.level);
	assert_int_equal(in(IIR), 0x02);
	assert_false(it.level); /* reading that was the acknowledgement */
	assert_int_equal(in(IIR), 0x01);
	out(DATA, 'x');
	out(DATA, 'y');
	assert_true(it.level);
	assert_int_equal(it.rises, 2);
	assert_int_equal(in(IIR), 0x02);
	/* And whenever somebody begins to listen. */
	out(IER, 0);
	out(IER, 2);
	assert_int_equal(in(IIR), 0x02);
}

static void test_out2_connects_the_line(void **state)
{
	(void)state;
	out(IER, 2);
	assert_false(it.level);
	assert_int_equal(in(IIR), 0x02);
	out(DATA, 'x');
	out(MCR, 8);
	assert_true(it.level);
	out(MCR, 0);
	assert_false(it.level);
}

static void test_received_bytes_interrupt(void **state)
{
	(void)state;
	out(FCR, 0x81); /* FIFO, trigger 8 */
	out(MCR, RTS_OUT2);
	out(IER, 1);
	assert_int_equal(receive("1234567"), 7);
	assert_true(it.level);
	assert_int_equal(in(IIR), 0xcc); /* fewer than the trigger: a time-out */
	assert_int_equal(receive("8"), 1);
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(LSR), 0x61);
	for (char byte = '1'; byte <= '8'; byte++)
		assert_int_equal(in(DATA), byte);
	assert_int_equal(in(LSR), 0x60);
	assert_false(it.level);
	assert_int_equal(it.rises, 1);
}

static void test_received_comes_before_emptied(void **state)
{
	(void)state;
	out(FCR, 1);
	out(MCR, RTS_OUT2);
	out(IER, 3);
	receive("x");
	assert_int_equal(in(IIR), 0xc4);
	in(DATA);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc1);
}

static void test_no_more_than_fits(void **state)
{
	(void)state;
	out(MCR, 2);
	assert_int_equal(uart_room(&it.uart), 1); /* without its FIFO */
	assert_int_equal(receive("ab"), 1);
	assert_int_equal(in(DATA), 'a');
	out(FCR, 1);
	assert_int_equal(uart_room(&it.uart), 16);
	assert_int_equal(receive("0123456789abcdefg"), 16);
	assert_int_equal(uart_room(&it.uart), 0);
	it.listens = 0;
	assert_int_equal(in(DATA), '0');
	assert_int_equal(it.listens, 1); /* there is room, where there was none */
	assert_int_equal(in(DATA), '1');
	assert_int_equal(it.listens, 1);
	assert_int_equal(receive("gh!"), 2);
	for (const char *byte = "23456789abcdefgh"; *byte; byte++)
		assert_int_equal(in(DATA), *byte);
}

static void test_clearing_the_fifo(void **state)
{
	(void)state;
	out(MCR, 2);
	out(FCR, 1);
	receive("abc");
	out(FCR, 3);
	assert_int_equal(in(LSR), 0x60);
	receive("d");
	out(FCR, 0); /* turning it off clears it, too */
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0x01);
}

static void test_nothing_comes_before_somebody_listens(void **state)
{
	(void)state;
	out(FCR, 1);
	assert_int_equal(receive("x"), 0);
	out(MCR, RTS_OUT2);
	assert_int_equal(receive("x"), 0); /* interrupts are connected, but not enabled */
	assert_int_equal(it.listens, 0);
	out(IER, 1);
	assert_int_equal(it.listens, 1);
	assert_int_equal(receive("x"), 1);
	out(MCR, 0);
	assert_int_equal(receive("y"), 0);
	out(MCR, 2); /* polling */
	assert_int_equal(receive("y"), 1);
}

static void test_the_loop(void **state)
{
	(void)state;
	out(FCR, 1);
	out(MCR, 0x1a);
	assert_int_equal(in(MSR), 0x90); /* what drivers look for */
	out(MCR, 0x15);
	assert_int_equal(in(MSR), 0x60);
	out(DATA, 'q');
	assert_int_equal(it.count, 0);
	assert_int_equal(in(DATA), 'q');
	assert_int_equal(receive("x"), 0);
	for (int i = 0; i < 40; i++)
		out(DATA, 'z'); /* more than it holds is lost */
	for (int i = 0; i < 16; i++)
		assert_int_equal(in(DATA), 'z');
	assert_int_equal(in(LSR), 0x60);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_after_reset),
		TEST(test_registers_keep_what_they_have_bits_for),
		TEST(test_the_divisor_is_behind_a_bit),
		TEST(test_what_is_sent_leaves_at_once),
		TEST(test_the_transmitter_interrupts_when_it_is_empty),
		TEST(test_out2_connects_the_line),
		TEST(test_received_bytes_interrupt),
		TEST(test_received_comes_before_emptied),
		TEST(test_no_more_than_fits),
		TEST(test_clearing_the_fifo),
		TEST(test_nothing_comes_before_somebody_listens),
		TEST(test_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
