/* SPDX-License-Identifier: ISC */
/*
 * device_fuzz.c - fuzzes the devices of guests that know nothing of Postern: an input is a sequence of accesses to
 * the bus and of what happens on the other side of devices. The devices live from one input to the next.
 */
#include "device/board.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct board board;
static bool level;
static uint64_t now;

static void on_interrupt(void *owner, unsigned line, bool is_high)
{
	(void)owner;
	/* The timer has a thread of its own. */
	if (line == BOARD_SERIAL_LINE) {
		assert(is_high != level);
		level = is_high;
	}
	pic_line(&board.pic, line, is_high);
}

static uint64_t on_now(void *owner)
{
	(void)owner;
	return now;
}

static void nothing(void *owner)
{
	(void)owner;
}

static const struct board_hooks hooks = {
	.interrupt = on_interrupt,
	.now = on_now,
	.started = nothing,
	.ended = nothing,
	.power_off = nothing,
	.reset = nothing,
};

/* Ports where there are devices are the likely ones. */
static uint64_t address_of(uint8_t low, uint8_t high)
{
	static const uint16_t likely[] = { 0x20, 0x40, 0x3f8, 0x3f8, 0x64, 0x70, 0x92, 0xa0, 0x600, 0xcf8 };

	if (high & 0x80)
		return (uint64_t)high << 8 | low;
	return likely[high % (sizeof likely / sizeof *likely)] + (low & 15U);
}

/* Eight bytes an event. */
static void happen(const uint8_t event[8])
{
	const unsigned bytes = 1U << (event[1] & 3);
	uint32_t value;

	memcpy(&value, event + 4, sizeof value);
	switch (event[0] & 7) {
	case 0: {
		const size_t room = uart_room(&board.uart);

		assert(room <= UART_FIFO && uart_receive(&board.uart, event + 4, 4) <= room);
		break;
	}
	case 1:
		assert(pic_acknowledge(&board.pic) < 256);
		break;
	case 2:
		now = (uint64_t)value << (event[1] & 31);
		break;
	case 3:
		bus_access(&board.bus, BUS_MEMORY, (uint64_t)value << 32 | value, bytes, event[1] & 4, value);
		break;
	default: {
		const bool write = event[1] & 4;
		const uint64_t got = bus_access(&board.bus, BUS_PORTS, address_of(event[2], event[3]), bytes,
						write, value);

		assert(bytes == 8 || got >> (8 * bytes) == 0);
		assert(!write || got == 0);
		break;
	}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct board_config config = { .input = -1, .output = -1, .timer_resolution = 1000 };

	if (!board.bus.ranges && board_create(&board, &hooks, NULL, &config))
		abort();
	for (; size >= 8; data += 8, size -= 8)
		happen(data);
	return 0;
}
