/* SPDX-License-Identifier: ISC */
/* rtc.c - the registers of an MC146818, in the form of BCD and 24 hours unless the guest chooses another. */
#include "device/rtc.h"

#include <stdbool.h>

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

struct date {
	int second, minute, hour, weekday, day, month, year;
};

/*
 * The date of a time. gmtime_r() would open the file of the time zone, which a jail does not let it. Years begin in
 * March here, so that the day that is not always there is the last one.
 */
static struct date date_of(uint64_t seconds)
{
	const uint64_t days = seconds / 86400;
	const uint64_t from_march = days + 719468; /* days since 1 March of the year 0 */
	const uint64_t era = from_march / 146097;  /* 400 years */
	const uint64_t of_era = from_march % 146097;
	const uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const uint64_t month = (5 * of_year + 2) / 153; /* 0: March */

	return (struct date){
		.second = (int)(seconds % 60),
		.minute = (int)(seconds / 60 % 60),
		.hour = (int)(seconds / 3600 % 24),
		.weekday = (int)((days + 4) % 7) + 1, /* 1: Sunday */
		.day = (int)(of_year - (153 * month + 2) / 5) + 1,
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.year = (int)(year + era * 400 + (month >= 10)),
	};
}

/* Sets *value if the register tells the time. */
static bool read_time(const struct rtc *rtc, uint8_t index, uint8_t *value)
{
	const uint8_t mode = load(&rtc->memory[STATUS_B]);
	const struct date date = date_of(rtc->now(rtc->owner));

	switch (index) {
	case SECONDS:
		*value = coded(mode, date.second);
		return true;
	case MINUTES:
		*value = coded(mode, date.minute);
		return true;
	case HOURS:
		*value = hour(mode, date.hour);
		return true;
	case WEEKDAY:
		*value = coded(mode, date.weekday);
		return true;
	case DAY:
		*value = coded(mode, date.day);
		return true;
	case MONTH:
		*value = coded(mode, date.month);
		return true;
	case YEAR:
		*value = coded(mode, date.year % 100);
		return true;
	case CENTURY:
		*value = coded(mode, date.year / 100);
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
