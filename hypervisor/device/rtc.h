/* SPDX-License-Identifier: ISC */
/*
 * rtc.h - a PC's real-time clock with its CMOS memory (MC146818): an index register and a data register. The time is
 * the host's, and what a guest sets is not kept; there are no alarms and no interrupts.
 */
#ifndef POSTERN_DEVICE_RTC_H
#define POSTERN_DEVICE_RTC_H

#include <stdint.h>

enum { RTC_BYTES = 128 };

struct rtc {
	uint64_t (*now)(void *owner); /* seconds since 1970, UTC */
	void *owner;
	/* Bytes, by all vCPUs, atomically, relaxed: of vCPUs that race, one comes first. */
	uint8_t index;
	uint8_t memory[RTC_BYTES];
};

void rtc_create(struct rtc *rtc, uint64_t (*now)(void *owner), void *owner);

/* Registers, for the bus: index, data. rtc is a struct rtc. */
uint8_t rtc_read(void *rtc, uint64_t offset);
void rtc_write(void *rtc, uint64_t offset, uint8_t value);

#endif
