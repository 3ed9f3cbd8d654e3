/* SPDX-License-Identifier: ISC */
/* devices.c - each access does what the hypercall in its place does: a write(2) or pread(2) of the host. */
#include "devices.h"

#include "guests/economics.h"

#include <stddef.h>
#include <unistd.h>

enum { SERIAL = 0x3f8 };

static uint8_t read_data(void *device, uint64_t offset)
{
	struct devices *devices = device;

	/* A word comes as four bytes, the lowest first. */
	if (offset == 0) {
		(void)!pread(devices->file, devices->word, sizeof devices->word, (off_t)devices->position);
		devices->position = (devices->position + sizeof devices->word) % ECONOMICS_SPAN;
	}
	return devices->word[offset];
}

/* Back to the start. */
static void write_data(void *device, uint64_t offset, uint8_t value)
{
	(void)offset;
	(void)value;
	((struct devices *)device)->position = 0;
}

/* clang-format off */
static const struct bus_range ranges[] = {
	{
		.name = "serial", .space = BUS_PORTS, .first = SERIAL, .count = UART_REGISTERS,
		.device = offsetof(struct devices, uart), .read = uart_read, .write = uart_write,
	},
	{
		.name = "data", .space = BUS_PORTS, .first = ECONOMICS_DATA_PORT, .count = ECONOMICS_WORD,
		.device = 0, .read = read_data, .write = write_data,
	},
	{ 0 },
};
/* clang-format on */

static void on_send(void *owner, uint8_t byte)
{
	const struct devices *devices = owner;

	(void)!write(devices->output, &byte, 1);
}

static void on_listen(void *owner)
{
	(void)owner;
}

static void on_interrupt(void *owner, bool level)
{
	(void)owner;
	(void)level;
}

void devices_create(struct devices *devices, int output, int file)
{
	static const struct uart_hooks hooks = { on_send, on_listen, on_interrupt };

	*devices = (struct devices){ .output = output, .file = file };
	devices->bus = (struct bus){ .ranges = ranges, .devices = devices };
	uart_create(&devices->uart, &hooks, devices);
}
