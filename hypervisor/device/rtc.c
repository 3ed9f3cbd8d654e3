/* SPDX-License-Identifier: ISC */
/* rtc.c - the registers of an MC146818, in the form of BCD and 24 hours unless the guest chooses another. */
#include "device/rtc.h"

#include <stdbool.h>
#include <time.h>

enum { INDEX, DATA };

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	STATUS_A = 10,
	STATUS_B = 11,
	STATUS_C = 12,
	STATUS_D = 13,
	CENTURY = 0x32, /* as ACPI's FADT can say */
	A_RATE = 0x26,  /* 32768 Hz, and the rate that firmware leaves behind */
	A_MINE = 0x80,  /* an update is under way: never */
	B_24_HOURS = 0x02,
	B_BINARY = 0x04,
	B_INTERRUPTS = 0x70,
	D_VALID = 0x80, /* the battery is good */
	HOUR_PM = 0x80,
};

static uint8_t load(const uint8_t *byte)
{
	return __atomic_load_n(byte, __ATOMIC_RELAXED);
}

static uint8_t coded(uint8_t mode, int value)
{
	return (uint8_t)(mode & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static uint8_t hour(uint8_t mode, int value)
{
	if (mode & B_24_HOURS)
		return coded(mode, value);
	return (uint8_t)(coded(mode, value % 12 ? value % 12 : 12) | (value >= 12 ? HOUR_PM : 0));
}

/* Sets *value if the register tells the time. */
static bool read_time(const struct rtc *rtc, uint8_t index, uint8_t *value)
{
	const uint8_t mode = load(&rtc->memory[STATUS_B]);
	const time_t seconds = (time_t)rtc->now(rtc->owner);
	struct tm date;

	gmtime_r(&seconds, &date);
	switch (index) {
	case SECONDS:
		*value = coded(mode, date.tm_sec);
		return true;
	case MINUTES:
		*value = coded(mode, date.tm_min);
		return true;
	case HOURS:
		*value = hour(mode, date.tm_hour);
		return true;
	case WEEKDAY:
		*value = coded(mode, date.tm_wday + 1);
		return true;
	case DAY:
		*value = coded(mode, date.tm_mday);
		return true;
	case MONTH:
		*value = coded(mode, date.tm_mon + 1);
		return true;
	case YEAR:
		*value = coded(mode, date.tm_year % 100);
		return true;
	case CENTURY:
		*value = coded(mode, date.tm_year / 100 + 19);
		return true;
	default:
		return false;
	}
}

uint8_t rtc_read(void *device, uint64_t offset)
{
	const struct rtc *rtc = device;
	const uint8_t index = load(&rtc->index) % RTC_BYTES;
	uint8_t value;

	if (offset == INDEX)
		return 0xff; /* cannot be read */
	if (read_time(rtc, index, &value))
		return value;
	return load(&rtc->memory[index]);
}

void rtc_write(void *device, uint64_t offset, uint8_t value)
{
	struct rtc *rtc = device;
	const uint8_t index = load(&rtc->index) % RTC_BYTES;

	if (offset == INDEX) {
		__atomic_store_n(&rtc->index, value, __ATOMIC_RELAXED);
		return;
	}
	if (index == STATUS_C || index == STATUS_D)
		return;
	if (index == STATUS_A)
		value &= (uint8_t)~A_MINE;
	if (index == STATUS_B)
		value &= (uint8_t)~B_INTERRUPTS;
	__atomic_store_n(&rtc->memory[index], value, __ATOMIC_RELAXED);
}

void rtc_create(struct rtc *rtc, uint64_t (*now)(void *owner), void *owner)
{
	*rtc = (struct rtc){ .now = now, .owner = owner };
	rtc->memory[STATUS_A] = A_RATE;
	rtc->memory[STATUS_B] = B_24_HOURS;
	rtc->memory[STATUS_D] = D_VALID;
}
