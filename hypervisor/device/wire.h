/* SPDX-License-Identifier: ISC */
/*
 * wire.h - what a serial port is connected to: two descriptors of the host. A thread reads and writes them, so that
 * a vCPU pays for a byte no more than putting it into a buffer, and waits only when that is full.
 *
 * Descriptors may be shared with other programs, so their flags are not changed: nothing is read or written before
 * poll() has said that it would not block.
 */
#ifndef POSTERN_DEVICE_WIRE_H
#define POSTERN_DEVICE_WIRE_H

#include "device/uart.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_BUFFER = 16384 };

struct wire_config {
	int input, output;            /* descriptors, which stay the caller's; -1: none */
	struct uart *uart;            /* that takes the input */
	void (*started)(void *owner); /* called by the thread, first and last */
	void (*ended)(void *owner);
	void (*escaped)(void *owner); /* the user has typed the escape character; NULL: there is none */
	void *owner;
};

enum { WIRE_ESCAPE = 0x1d }; /* Ctrl-] */

struct wire {
	struct wire_config config;
	pthread_t thread;
	bool has_thread;
	int bell;              /* an eventfd: something has changed */
	pthread_mutex_t mutex; /* protects the rest, but for what is the thread's own */
	pthread_cond_t moved;  /* output has left, or the end has come */
	uint8_t buffer[WIRE_BUFFER];
	size_t first, count; /* of the bytes in it */
	bool is_awake;       /* the thread knows that there is output */
	bool is_urgent;      /* somebody waits for it */
	bool is_broken;      /* nobody reads the output any more */
	bool stopping;
	/* The thread's own. */
	bool at_end;             /* of the input */
	uint8_t kept[UART_FIFO]; /* input that the port did not take any more */
	size_t kept_count;
};

/* Starts the thread. Errors: of eventfd(2) and pthread_create(3), negative; wire_destroy() is allowed then. */
int wire_create(struct wire *wire, const struct wire_config *config);

/* Sends a byte; waits for room, if need be, until wire_stop(). By any thread. */
void wire_put(struct wire *wire, uint8_t byte);
/* There may be room for input. By any thread; does not block. */
void wire_listen(struct wire *wire);
/* Waits until all that was sent has left, or wire_stop(). By any thread but its own. */
void wire_drain(struct wire *wire);
/* Ends all waiting, and the thread, without waiting for that. By any thread. */
void wire_stop(struct wire *wire);
/* Stops, and waits for the thread's end. Does nothing to one that is all zero. */
void wire_destroy(struct wire *wire);

#endif
