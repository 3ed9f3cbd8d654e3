/* SPDX-License-Identifier: ISC */
/* uart.c - the registers of a 16550A, as National Semiconductor's data sheet PC16550D has them. */
#include "device/uart.h"

/* Registers. The first two are the divisor's bytes while LCR says so. */
enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };

enum {
	IER_RECEIVED = 0x01,
	IER_EMPTIED = 0x02,
	IER_ALL = 0x0f,
	IIR_NONE = 0x01,
	IIR_EMPTIED = 0x02,
	IIR_RECEIVED = 0x04,
	IIR_TIMEOUT = 0x0c, /* received, but less than the trigger's level, and no more has come */
	IIR_FIFO = 0xc0,
	FCR_ENABLE = 0x01,
	FCR_CLEAR_RECEIVED = 0x02,
	LCR_DIVISOR = 0x80,
	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08, /* on a PC, connects the interrupt line */
	MCR_LOOP = 0x10,
	MCR_ALL = 0x1f,
	LSR_RECEIVED = 0x01,
	LSR_EMPTY = 0x60, /* holding register and transmitter */
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

static const uint8_t triggers[] = { 1, 4, 8, 14 };

/* ---- what is pending ---- */

static uint8_t cause(const struct uart *uart)
{
	if ((uart->enabled & IER_RECEIVED) && uart->count)
		return uart->count >= uart->trigger ? IIR_RECEIVED : IIR_TIMEOUT;
	if ((uart->enabled & IER_EMPTIED) && uart->is_emptied)
		return IIR_EMPTIED;
	return IIR_NONE;
}

static void update_line(struct uart *uart)
{
	const bool level = (uart->modem & MCR_OUT2) && cause(uart) != IIR_NONE;

	if (level == uart->level)
		return;
	uart->level = level;
	uart->hooks->interrupt(uart->owner, level);
}

static bool is_listening(const struct uart *uart)
{
	return (uart->modem & MCR_RTS) && !(uart->modem & MCR_LOOP) &&
	       (!(uart->modem & MCR_OUT2) || (uart->enabled & IER_RECEIVED));
}

static size_t room(const struct uart *uart)
{
	return is_listening(uart) ? (uart->has_fifo ? UART_FIFO : 1U) - uart->count : 0;
}

/* ---- the FIFO ---- */

static void put(struct uart *uart, uint8_t byte)
{
	if (uart->count < (uart->has_fifo ? UART_FIFO : 1U))
		uart->fifo[(uart->first + uart->count++) % UART_FIFO] = byte;
}

static uint8_t take(struct uart *uart)
{
	uint8_t byte = uart->fifo[uart->first];

	if (!uart->count)
		return 0;
	uart->first = (uart->first + 1) % UART_FIFO;
	uart->count--;
	return byte;
}

/* ---- registers ---- */

static uint8_t modem_status(const struct uart *uart)
{
	if (!(uart->modem & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((uart->modem & MCR_RTS ? MSR_CTS : 0) | (uart->modem & MCR_DTR ? MSR_DSR : 0) |
			 (uart->modem & MCR_OUT1 ? MSR_RI : 0) | (uart->modem & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t read_cause(struct uart *uart)
{
	const uint8_t value = cause(uart);

	if (value == IIR_EMPTIED)
		uart->is_emptied = false;
	return (uint8_t)(value | (uart->has_fifo ? IIR_FIFO : 0));
}

static uint8_t read_register(struct uart *uart, uint64_t offset)
{
	switch (offset) {
	case DATA:
		return uart->line & LCR_DIVISOR ? (uint8_t)uart->divisor : take(uart);
	case IER:
		return uart->line & LCR_DIVISOR ? (uint8_t)(uart->divisor >> 8) : uart->enabled;
	case IIR_FCR:
		return read_cause(uart);
	case LCR:
		return uart->line;
	case MCR:
		return uart->modem;
	case LSR:
		return (uint8_t)(LSR_EMPTY | (uart->count ? LSR_RECEIVED : 0));
	case MSR:
		return modem_status(uart);
	default:
		return uart->scratch;
	}
}

static void write_enabled(struct uart *uart, uint8_t value)
{
	/* The transmitter is empty, and tells so whenever somebody begins to listen. */
	if ((value & ~uart->enabled) & IER_EMPTIED)
		uart->is_emptied = true;
	uart->enabled = value & IER_ALL;
}

static void write_fifo_control(struct uart *uart, uint8_t value)
{
	const bool has_fifo = value & FCR_ENABLE;

	if (has_fifo != uart->has_fifo || (value & FCR_CLEAR_RECEIVED))
		uart->count = 0;
	uart->has_fifo = has_fifo;
	uart->trigger = has_fifo ? triggers[value >> 6] : 1;
}

/* Returns whether the byte is to be sent. */
static bool write_data(struct uart *uart, uint8_t value)
{
	uart->is_emptied = true; /* again, at once */
	if (uart->modem & MCR_LOOP)
		put(uart, value);
	return !(uart->modem & MCR_LOOP);
}

/* Returns whether a byte is to be sent. */
static bool write_register(struct uart *uart, uint64_t offset, uint8_t value)
{
	const bool is_divisor = uart->line & LCR_DIVISOR;

	if (offset == DATA && !is_divisor)
		return write_data(uart, value);
	if (offset == DATA)
		uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
	else if (offset == IER && is_divisor)
		uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | value << 8);
	else if (offset == IER)
		write_enabled(uart, value);
	else if (offset == IIR_FCR)
		write_fifo_control(uart, value);
	else if (offset == LCR)
		uart->line = value;
	else if (offset == MCR)
		uart->modem = value & MCR_ALL;
	else if (offset == SCRATCH)
		uart->scratch = value;
	return false;
}

uint8_t uart_read(void *device, uint64_t offset)
{
	struct uart *uart = device;
	bool has_room;
	uint8_t value;

	pthread_mutex_lock(&uart->mutex);
	has_room = room(uart);
	value = read_register(uart, offset);
	has_room = !has_room && room(uart);
	update_line(uart);
	pthread_mutex_unlock(&uart->mutex);
	if (has_room)
		uart->hooks->listen(uart->owner);
	return value;
}

void uart_write(void *device, uint64_t offset, uint8_t value)
{
	struct uart *uart = device;
	bool has_room;
	bool sends;

	pthread_mutex_lock(&uart->mutex);
	has_room = room(uart);
	sends = write_register(uart, offset, value);
	has_room = !has_room && room(uart);
	update_line(uart);
	pthread_mutex_unlock(&uart->mutex);
	if (sends)
		uart->hooks->send(uart->owner, value);
	if (has_room)
		uart->hooks->listen(uart->owner);
}

/* ---- the other end ---- */

size_t uart_room(struct uart *uart)
{
	size_t result;

	pthread_mutex_lock(&uart->mutex);
	result = room(uart);
	pthread_mutex_unlock(&uart->mutex);
	return result;
}

size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t count)
{
	size_t done = 0;

	pthread_mutex_lock(&uart->mutex);
	while (done < count && room(uart))
		put(uart, bytes[done++]);
	update_line(uart);
	pthread_mutex_unlock(&uart->mutex);
	return done;
}

void uart_create(struct uart *uart, const struct uart_hooks *hooks, void *owner)
{
	*uart = (struct uart){ .hooks = hooks, .owner = owner, .trigger = 1, .divisor = 1 };
	pthread_mutex_init(&uart->mutex, NULL);
}

void uart_destroy(struct uart *uart)
{
	pthread_mutex_destroy(&uart->mutex);
}
