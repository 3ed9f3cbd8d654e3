/* SPDX-License-Identifier: ISC */
/* test_wire.c - the thread between the serial port and descriptors: nothing is lost, and nobody waits for good. */
#include "device/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MUCH = 200000, IER = 1, FCR = 2, MCR = 4, LSR = 5 };

static struct {
	struct uart uart;
	struct wire wire;
	int input[2], output[2]; /* pipes; the wire has input[0] and output[1] */
	_Atomic int escapes, ends;
} it;

static void on_send(void *owner, uint8_t byte)
{
	(void)owner;
	wire_put(&it.wire, byte);
}

static void on_listen(void *owner)
{
	(void)owner;
	wire_listen(&it.wire);
}

static void on_interrupt(void *owner, bool level)
{
	(void)owner;
	(void)level;
}

static void on_started(void *owner)
{
	(void)owner;
}

static void on_ended(void *owner)
{
	(void)owner;
	atomic_fetch_add(&it.ends, 1);
}

static void on_escaped(void *owner)
{
	(void)owner;
	atomic_fetch_add(&it.escapes, 1);
}

static const struct uart_hooks hooks = { on_send, on_listen, on_interrupt };

static int set_up(void **state)
{
	struct wire_config config = {
		.uart = &it.uart,
		.started = on_started,
		.ended = on_ended,
		.escaped = on_escaped,
	};

	(void)state;
	memset(&it, 0, sizeof it);
	uart_create(&it.uart, &hooks, NULL);
	if (pipe(it.input) || pipe(it.output))
		return -1;
	config.input = it.input[0];
	config.output = it.output[1];
	return wire_create(&it.wire, &config);
}

static int tear_down(void **state)
{
	(void)state;
	wire_destroy(&it.wire);
	assert_int_equal(it.ends, 1);
	uart_destroy(&it.uart);
	for (int i = 0; i < 2; i++) {
		close(it.input[i]);
		if (it.output[i] >= 0)
			close(it.output[i]);
	}
	return 0;
}

static char letter(size_t number)
{
	return (char)('a' + number % 23);
}

/* A guest that listens by polling, as it waits for a byte. */
static char wait_for_byte(void)
{
	while (!(uart_read(&it.uart, LSR) & 1))
		usleep(100);
	return (char)uart_read(&it.uart, 0);
}

static void *write_much(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < MUCH; i++)
		uart_write(&it.uart, 0, (uint8_t)letter(i));
	return NULL;
}

/* More than the pipe and the buffer hold: the guest waits, and nothing is lost. */
static void test_all_output_arrives(void **state)
{
	static char got[MUCH];
	pthread_t guest;
	size_t count = 0;

	(void)state;
	assert_int_equal(pthread_create(&guest, NULL, write_much, NULL), 0);
	while (count < MUCH) {
		ssize_t more = read(it.output[0], got + count, MUCH - count);

		assert_true(more > 0);
		count += (size_t)more;
	}
	pthread_join(guest, NULL);
	for (size_t i = 0; i < MUCH; i++)
		assert_int_equal(got[i], letter(i));
}

static void test_a_few_bytes_arrive_by_themselves(void **state)
{
	char got[2];

	(void)state;
	uart_write(&it.uart, 0, '$');
	assert_int_equal(read(it.output[0], got, sizeof got), 1);
	assert_int_equal(got[0], '$');
}

static void test_draining_waits_for_all(void **state)
{
	int flags = fcntl(it.output[0], F_GETFL);
	char got[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		wire_put(&it.wire, 'x');
	wire_drain(&it.wire);
	assert_int_equal(fcntl(it.output[0], F_SETFL, flags | O_NONBLOCK), 0);
	assert_int_equal(read(it.output[0], got, sizeof got), 1000);
}

static void *fill(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < MUCH; i++)
		wire_put(&it.wire, 'x');
	wire_drain(&it.wire);
	return NULL;
}

/* Nobody reads: whoever waits for room, or for the output to leave, is let go at the end. */
static void test_the_end_lets_everybody_go(void **state)
{
	struct pollfd full = { .fd = it.output[1], .events = POLLOUT };
	pthread_t guest;

	(void)state;
	assert_int_equal(pthread_create(&guest, NULL, fill, NULL), 0);
	while (poll(&full, 1, 0) > 0)
		usleep(1000);
	wire_stop(&it.wire);
	pthread_join(guest, NULL);
}

static void test_output_after_the_reader_has_gone(void **state)
{
	(void)state;
	close(it.output[0]);
	it.output[0] = -1;
	fill(NULL);
	assert_true(it.wire.is_broken);
}

/* Input waits in the pipe while the guest does not listen, and comes in order when it does. */
static void test_all_input_arrives(void **state)
{
	static char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = letter(i);
	assert_int_equal(write(it.input[1], text, sizeof text), sizeof text);
	uart_write(&it.uart, FCR, 1);
	usleep(10000);
	assert_int_equal(uart_read(&it.uart, LSR) & 1, 0);
	uart_write(&it.uart, MCR, 2);
	for (size_t i = 0; i < sizeof text; i++)
		assert_int_equal(wait_for_byte(), letter(i));
}

/* The guest stops to listen between the look at the room and the reading: what was read is kept. */
static void test_input_that_was_read_is_kept(void **state)
{
	(void)state;
	uart_write(&it.uart, FCR, 1);
	for (size_t i = 0; i < 2000; i++) {
		char byte = letter(i);

		uart_write(&it.uart, MCR, 2);
		assert_int_equal(write(it.input[1], &byte, 1), 1);
		uart_write(&it.uart, MCR, 0);
		uart_write(&it.uart, MCR, 2);
		assert_int_equal(wait_for_byte(), byte);
	}
}

static void test_the_escape_character(void **state)
{
	(void)state;
	uart_write(&it.uart, FCR, 1);
	uart_write(&it.uart, MCR, 2);
	assert_int_equal(write(it.input[1], "a\x1d", 2), 2);
	assert_int_equal(wait_for_byte(), 'a');
	while (!atomic_load(&it.escapes))
		usleep(1000);
	assert_int_equal(uart_read(&it.uart, LSR) & 1, 0);
}

static void test_the_end_of_the_input(void **state)
{
	(void)state;
	uart_write(&it.uart, FCR, 1);
	uart_write(&it.uart, MCR, 2);
	assert_int_equal(write(it.input[1], "z", 1), 1);
	close(it.input[1]);
	it.input[1] = dup(it.output[1]);
	assert_int_equal(wait_for_byte(), 'z');
	uart_write(&it.uart, 0, '!');
	wire_drain(&it.wire);
	assert_int_equal(uart_read(&it.uart, LSR) & 1, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_all_output_arrives),
		TEST(test_a_few_bytes_arrive_by_themselves),
		TEST(test_draining_waits_for_all),
		TEST(test_the_end_lets_everybody_go),
		TEST(test_output_after_the_reader_has_gone),
		TEST(test_all_input_arrives),
		TEST(test_input_that_was_read_is_kept),
		TEST(test_the_escape_character),
		TEST(test_the_end_of_the_input),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
