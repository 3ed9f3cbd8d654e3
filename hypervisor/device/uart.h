/* SPDX-License-Identifier: ISC */
/*
 * uart.h - a serial port as PCs have it: the registers of a 16550A, with its FIFO for what is received. What is
 * sent leaves at once, whatever the baud rate, so the transmitter is always empty.
 */
#ifndef POSTERN_DEVICE_UART_H
#define POSTERN_DEVICE_UART_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UART_FIFO = 16, UART_REGISTERS = 8 };

/* What a serial port is connected to. owner is uart_create()'s. None of these may call the port. */
struct uart_hooks {
	/* A byte that the guest sends; may wait for room. Without the port's mutex. */
	void (*send)(void *owner, uint8_t byte);
	/* There is room for input, and the guest listens, where one or the other was not so before. */
	void (*listen)(void *owner);
	/* The interrupt line, when it changes. Under the port's mutex, so that changes keep their order. */
	void (*interrupt)(void *owner, bool level);
};

struct uart {
	const struct uart_hooks *hooks;
	void *owner;
	pthread_mutex_t mutex; /* protects the rest */
	uint8_t enabled;       /* IER */
	uint8_t line;          /* LCR */
	uint8_t modem;         /* MCR */
	uint8_t scratch;
	uint16_t divisor;
	bool has_fifo; /* FCR: enabled; otherwise it holds one byte */
	uint8_t trigger;
	uint8_t fifo[UART_FIFO];
	unsigned first; /* of the FIFO's bytes */
	unsigned count; /* how many there are */
	bool is_emptied; /* the transmitter has something to tell: IIR has not been read since it became empty */
	bool level;      /* of the interrupt line */
};

void uart_create(struct uart *uart, const struct uart_hooks *hooks, void *owner);
void uart_destroy(struct uart *uart);

/* Registers, for the bus; uart is a struct uart. */
uint8_t uart_read(void *uart, uint64_t offset);
void uart_write(void *uart, uint64_t offset, uint8_t value);

/*
 * How many bytes it would take now. Nothing before the guest raises RTS, as on a line with flow control; and a guest
 * that has connected the interrupt line gets nothing before it enables the interrupt of received bytes, since drivers
 * throw away what comes before.
 */
size_t uart_room(struct uart *uart);
/* Takes bytes, as many as uart_room() said, or fewer. Returns how many: less if the guest does not listen any more. */
size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t count);

#endif
