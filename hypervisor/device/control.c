/* SPDX-License-Identifier: ISC */
/* control.c - power-off and reset. */
#include "device/control.h"

enum {
	STATUS_BYTES = 2, /* of the PM1 events: nothing ever happens there */
	SLEEP_BYTE = 5,   /* the upper one of PM1 control */
	SLEEP_TYPE_SHIFT = 2,
	SLEEP_TYPE = 7,
	SLEEP_ENABLE = 0x20,
	ACPI_BYTE = 4,
	ACPI_ENABLED = 0x01, /* SCI_EN: there is no other mode */
	RESET_NOW = 0x04,
	PULSE = 0xf0, /* a command to the keyboard controller: pulse these of its lines, where 0 is the reset */
	PULSE_MASK = 0xf1,
	PORT_A_RESET = 0x01,
};

uint8_t control_pm1_read(void *device, uint64_t offset)
{
	const struct control *control = device;
	const uint8_t value = __atomic_load_n(&control->pm1[offset], __ATOMIC_RELAXED);

	return (uint8_t)(offset == ACPI_BYTE ? value | ACPI_ENABLED : value);
}

void control_pm1_write(void *device, uint64_t offset, uint8_t value)
{
	struct control *control = device;

	if (offset < STATUS_BYTES)
		return;
	if (offset == SLEEP_BYTE) {
		const unsigned type = value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE;

		if ((value & SLEEP_ENABLE) && type == CONTROL_SLEEP_OFF)
			control->power_off(control->owner);
		value &= (uint8_t)~SLEEP_ENABLE; /* reads as zero */
	}
	__atomic_store_n(&control->pm1[offset], value, __ATOMIC_RELAXED);
}

uint8_t control_zero_read(void *device, uint64_t offset)
{
	(void)device;
	(void)offset;
	return 0;
}

void control_reset_write(void *device, uint64_t offset, uint8_t value)
{
	struct control *control = device;

	(void)offset;
	if (value & RESET_NOW)
		control->reset(control->owner);
}

void control_keyboard_write(void *device, uint64_t offset, uint8_t value)
{
	struct control *control = device;

	(void)offset;
	if ((value & PULSE_MASK) == PULSE)
		control->reset(control->owner);
}

void control_port_a_write(void *device, uint64_t offset, uint8_t value)
{
	struct control *control = device;

	(void)offset;
	if (value & PORT_A_RESET)
		control->reset(control->owner);
}
