/* SPDX-License-Identifier: ISC */
/*
 * board.h - the devices of a VM whose guest knows nothing of Postern: a serial port on the console's descriptors, a
 * real-time clock, what turns the VM off, and interrupt controllers and a timer, in case that the engine has none of its own.
 */
#ifndef POSTERN_DEVICE_BOARD_H
#define POSTERN_DEVICE_BOARD_H

#include "device/bus.h"
#include "device/control.h"
#include "device/pic.h"
#include "device/pit.h"
#include "device/rtc.h"
#include "device/uart.h"
#include "device/wire.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	BOARD_SERIAL = 0x3f8,
	BOARD_TIMER_LINE = 0,
	BOARD_SERIAL_LINE = 4,
	BOARD_POWER_LINE = 9 /* of ACPI; never raised */
};

/* What the board asks of the machine. By vCPUs' threads and, but for the last two, those of devices. */
struct board_hooks {
	void (*interrupt)(void *owner, unsigned line, bool level);
	uint64_t (*now)(void *owner); /* seconds since 1970, UTC, as finely as the VM may know them */
	void (*escaped)(void *owner); /* the user wants out; NULL: no character is for that */
	void (*started)(void *owner); /* each device's thread, first and last */
	void (*ended)(void *owner);
	void (*power_off)(void *owner); /* what the guest sent has left */
	void (*reset)(void *owner);
};

/* What there is of the host and the engine. */
struct board_config {
	int input, output;         /* the serial port's descriptors, which stay the caller's; -1: none */
	bool has_chipset;          /* the engine has interrupt controllers and a timer */
	uint64_t timer_resolution; /* ns, at least 1: of a timer of ours */
};

struct board {
	struct board_hooks hooks;
	void *owner;
	struct bus bus;
	struct uart uart;
	struct wire wire;
	struct rtc rtc;
	/* Seen by the guest, and told of lines by the machine, if the engine has no chipset: */
	struct pic pic;
	struct pit pit;
	struct control control;
};

/*
 * Makes the devices, and starts their threads: board_threads() of them. Errors: of wire_create() and pit_create();
 * board_destroy() is needed then.
 */
int board_create(struct board *board, const struct board_hooks *hooks, void *owner,
		 const struct board_config *config);
unsigned board_threads(const struct board_config *config);
/* Ends all waiting in devices. By any thread. */
void board_stop(struct board *board);
/* Stops, and frees everything. Does nothing to one that is all zero. */
void board_destroy(struct board *board);

/* The name and count of the board's range number `range`; NULL behind the last. */
const char *board_count(const struct board *board, unsigned range, struct bus_count *count);

#endif
