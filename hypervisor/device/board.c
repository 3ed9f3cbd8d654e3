/* SPDX-License-Identifier: ISC */
/* board.c - where the devices are, and how they are connected. */
#include "device/board.h"

#include <stddef.h>

/* clang-format off */
static const struct bus_range ranges[] = {
	{
		.name = "serial", .space = BUS_PORTS, .first = BOARD_SERIAL, .count = UART_REGISTERS,
		.device = offsetof(struct board, uart), .read = uart_read, .write = uart_write,
	},
	{
		.name = "clock", .space = BUS_PORTS, .first = 0x70, .count = 2,
		.device = offsetof(struct board, rtc), .read = rtc_read, .write = rtc_write,
	},
	{
		/* Software writes there to let time pass. */
		.name = "delay", .space = BUS_PORTS, .first = 0x80, .count = 1,
	},
	{
		.name = "keyboard", .space = BUS_PORTS, .first = 0x64, .count = 1,
		.device = offsetof(struct board, control),
		.read = control_zero_read, .write = control_keyboard_write,
	},
	{
		.name = "port-a", .space = BUS_PORTS, .first = 0x92, .count = 1,
		.device = offsetof(struct board, control),
		.read = control_zero_read, .write = control_port_a_write,
	},
	{
		.name = "power", .space = BUS_PORTS, .first = CONTROL_PM1_EVENT,
		.count = CONTROL_PM1_EVENT_BYTES + CONTROL_PM1_CONTROL_BYTES,
		.device = offsetof(struct board, control), .read = control_pm1_read, .write = control_pm1_write,
	},
	{
		.name = "reset", .space = BUS_PORTS, .first = CONTROL_RESET, .count = 1,
		.device = offsetof(struct board, control),
		.read = control_zero_read, .write = control_reset_write,
	},
	{
		.name = "pic-1", .space = BUS_PORTS, .first = PIC_FIRST, .count = PIC_PORTS,
		.device = offsetof(struct board, pic), .read = pic_read_first, .write = pic_write_first,
	},
	{
		.name = "pic-2", .space = BUS_PORTS, .first = PIC_SECOND, .count = PIC_PORTS,
		.device = offsetof(struct board, pic), .read = pic_read_second, .write = pic_write_second,
	},
	{
		.name = "timer", .space = BUS_PORTS, .first = PIT_FIRST, .count = PIT_PORTS,
		.device = offsetof(struct board, pit), .read = pit_read, .write = pit_write,
	},
	{ 0 },
};
/* clang-format on */

_Static_assert(sizeof ranges / sizeof *ranges <= BUS_MAX_RANGES, "the bus counts for so many");

/* ---- connections ---- */

static void on_send(void *owner, uint8_t byte)
{
	struct board *board = owner;

	wire_put(&board->wire, byte);
}

static void on_listen(void *owner)
{
	struct board *board = owner;

	wire_listen(&board->wire);
}

static void on_serial_interrupt(void *owner, bool level)
{
	struct board *board = owner;

	board->hooks.interrupt(board->owner, BOARD_SERIAL_LINE, level);
}

static void on_timer_interrupt(void *owner, bool level)
{
	struct board *board = owner;

	board->hooks.interrupt(board->owner, BOARD_TIMER_LINE, level);
}

static void on_timer_started(void *owner)
{
	struct board *board = owner;

	board->hooks.started(board->owner);
}

static void on_timer_ended(void *owner)
{
	struct board *board = owner;

	board->hooks.ended(board->owner);
}

static const struct pit_hooks timer_hooks = {
	.interrupt = on_timer_interrupt,
	.started = on_timer_started,
	.ended = on_timer_ended,
};

static const struct uart_hooks serial_hooks = {
	.send = on_send,
	.listen = on_listen,
	.interrupt = on_serial_interrupt,
};

static void on_power_off(void *owner)
{
	struct board *board = owner;

	wire_drain(&board->wire);
	board->hooks.power_off(board->owner);
}

static void on_reset(void *owner)
{
	struct board *board = owner;

	wire_drain(&board->wire);
	board->hooks.reset(board->owner);
}

/* ---- life ---- */

unsigned board_threads(const struct board_config *config)
{
	return config->has_chipset ? 1 : 2;
}

int board_create(struct board *board, const struct board_hooks *hooks, void *owner,
		 const struct board_config *config)
{
	const struct wire_config wire = {
		.input = config->input,
		.output = config->output,
		.uart = &board->uart,
		.started = hooks->started,
		.ended = hooks->ended,
		.escaped = hooks->escaped,
		.owner = owner,
	};
	int error;

	*board = (struct board){ .hooks = *hooks, .owner = owner };
	board->bus = (struct bus){ .ranges = ranges, .devices = board };
	board->control = (struct control){ .power_off = on_power_off, .reset = on_reset, .owner = board };
	pic_create(&board->pic);
	rtc_create(&board->rtc, hooks->now, owner);
	uart_create(&board->uart, &serial_hooks, board);
	error = wire_create(&board->wire, &wire);
	if (!error && !config->has_chipset)
		error = pit_create(&board->pit, &timer_hooks, board, config->timer_resolution);
	return error;
}

void board_stop(struct board *board)
{
	pit_stop(&board->pit);
	wire_stop(&board->wire);
}

void board_destroy(struct board *board)
{
	if (!board->bus.ranges)
		return;
	pit_destroy(&board->pit);
	wire_destroy(&board->wire);
	uart_destroy(&board->uart);
	pic_destroy(&board->pic);
	board->bus.ranges = NULL;
}

const char *board_count(const struct board *board, unsigned range, struct bus_count *count)
{
	const unsigned last = sizeof ranges / sizeof *ranges - 1;

	if (range > last)
		return NULL;
	*count = bus_read_count(&board->bus, range < last ? range : BUS_MAX_RANGES);
	return range < last ? ranges[range].name : "(no device)";
}
