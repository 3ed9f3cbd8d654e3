/* SPDX-License-Identifier: ISC */
/*
 * control.h - the ports by which a PC's software turns it off or resets it: ACPI's PM1 registers, the reset control
 * register (0xcf9), the keyboard controller's pulse (0x64) and system control port A (0x92). A keyboard there is none.
 */
#ifndef POSTERN_DEVICE_CONTROL_H
#define POSTERN_DEVICE_CONTROL_H

#include <stdint.h>

/* What a guest finds in its ACPI tables of the PM1 registers; see acpi.c. */
enum {
	CONTROL_PM1_EVENT = 0x600,
	CONTROL_PM1_EVENT_BYTES = 4, /* status, enable */
	CONTROL_PM1_CONTROL = 0x604,
	CONTROL_PM1_CONTROL_BYTES = 2,
	CONTROL_SLEEP_OFF = 5, /* the sleep type of S5 */
	CONTROL_RESET = 0xcf9,
	CONTROL_RESET_VALUE = 6,
};

struct control {
	void (*power_off)(void *owner);
	void (*reset)(void *owner);
	void *owner;
	/* Bytes, by all vCPUs, atomically, relaxed. */
	uint8_t pm1[CONTROL_PM1_EVENT_BYTES + CONTROL_PM1_CONTROL_BYTES];
};

/* Registers, for the bus; the device is a struct control. */
uint8_t control_pm1_read(void *device, uint64_t offset); /* from CONTROL_PM1_EVENT on */
void control_pm1_write(void *device, uint64_t offset, uint8_t value);
uint8_t control_zero_read(void *device, uint64_t offset);
void control_reset_write(void *device, uint64_t offset, uint8_t value);
void control_keyboard_write(void *device, uint64_t offset, uint8_t value); /* 0x64 */
void control_port_a_write(void *device, uint64_t offset, uint8_t value);   /* 0x92 */

#endif
