/* SPDX-License-Identifier: ISC */
/* bus.c - finds the device of an address, byte by byte. Tables are short, so they are searched from the start. */
#include "device/bus.h"

enum { NOBODY = BUS_MAX_RANGES };

static unsigned find(const struct bus *bus, enum bus_space space, uint64_t address)
{
	for (unsigned i = 0; bus->ranges[i].name; i++) {
		const struct bus_range *range = &bus->ranges[i];

		if (range->space == space && address - range->first < range->count)
			return i;
	}
	return NOBODY;
}

static uint8_t read_byte(struct bus *bus, unsigned number, uint64_t address)
{
	const struct bus_range *range = number == NOBODY ? NULL : &bus->ranges[number];

	if (!range || !range->read)
		return 0xff;
	return range->read((char *)bus->devices + range->device, address - range->first);
}

static void write_byte(struct bus *bus, unsigned number, uint64_t address, uint8_t value)
{
	const struct bus_range *range = number == NOBODY ? NULL : &bus->ranges[number];

	if (range && range->write)
		range->write((char *)bus->devices + range->device, address - range->first, value);
}

uint64_t bus_access(struct bus *bus, enum bus_space space, uint64_t address, unsigned bytes, bool write,
		    uint64_t value)
{
	struct bus_count *count = &bus->counts[find(bus, space, address)];
	uint64_t result = 0;

	__atomic_fetch_add(write ? &count->writes : &count->reads, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < bytes && i < sizeof value; i++) {
		const unsigned number = find(bus, space, address + i);

		if (write)
			write_byte(bus, number, address + i, (uint8_t)(value >> (8 * i)));
		else
			result |= (uint64_t)read_byte(bus, number, address + i) << (8 * i);
	}
	return result;
}

struct bus_count bus_read_count(const struct bus *bus, unsigned range)
{
	const struct bus_count *count = &bus->counts[range];

	return (struct bus_count){
		.reads = __atomic_load_n(&count->reads, __ATOMIC_RELAXED),
		.writes = __atomic_load_n(&count->writes, __ATOMIC_RELAXED),
	};
}
