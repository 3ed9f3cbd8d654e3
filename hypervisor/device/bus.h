/* SPDX-License-Identifier: ISC */
/*
 * bus.h - where a device's registers are: ranges of ports and of guest-physical addresses, each served by a
 * device a byte at a time. A wider access is several bytes, lowest first, as on the 8-bit bus that these devices
 * were made for. Where there is no device, reads give all ones, writes go nowhere, and both are counted.
 */
#ifndef POSTERN_DEVICE_BUS_H
#define POSTERN_DEVICE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bus_space { BUS_PORTS, BUS_MEMORY, BUS_SPACES };

/* A range. read and write may be called by several vCPUs at once; what is NULL is as if there were no device. */
struct bus_range {
	const char *name;
	enum bus_space space;
	uint64_t first;
	uint64_t count;
	size_t device; /* offset of the device in what the bus was made for */
	uint8_t (*read)(void *device, uint64_t offset);
	void (*write)(void *device, uint64_t offset, uint8_t value);
};

enum { BUS_MAX_RANGES = 16 };

/* Accesses of a range, however wide. */
struct bus_count {
	uint64_t reads, writes;
};

struct bus {
	const struct bus_range *ranges; /* a table; ends with a row without a name */
	void *devices;                  /* what `device` of a range is an offset in */
	/* By all vCPUs, atomically, relaxed. The last is of what no device serves. */
	struct bus_count counts[BUS_MAX_RANGES + 1];
};

/* An access of 1 to 8 bytes. Returns what was read, zero-extended; 0 for a write. */
uint64_t bus_access(struct bus *bus, enum bus_space space, uint64_t address, unsigned bytes, bool write,
		    uint64_t value);

/* What was counted for range number `range`, or, with BUS_MAX_RANGES, for what no device serves. */
struct bus_count bus_read_count(const struct bus *bus, unsigned range);

#endif
