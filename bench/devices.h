/* SPDX-License-Identifier: ISC */
/*
 * devices.h - what the guest of `postern bench economics` finds at its ports: a serial port, as PCs have it, and a port
 * that gives the words of a file one after the other.
 */
#ifndef POSTERN_BENCH_DEVICES_H
#define POSTERN_BENCH_DEVICES_H

#include "device/bus.h"
#include "device/uart.h"

#include <stdint.h>

struct devices {
	struct bus bus;
	struct uart uart;
	int output; /* where bytes go that are sent */
	int file;
	uint64_t position; /* of the next word; by the vCPU's thread alone */
	uint8_t word[4];
};

/* Descriptors stay the caller's. */
void devices_create(struct devices *devices, int output, int file);

#endif
