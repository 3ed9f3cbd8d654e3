/* SPDX-License-Identifier: ISC */
/*
 * pit.h - the 8254 timer of a PC, for engines that have none of their own. Its channel 0 interrupts, by a thread of
 * its own; the other two only count.
 */
#ifndef POSTERN_DEVICE_PIT_H
#define POSTERN_DEVICE_PIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { PIT_FIRST = 0x40, PIT_PORTS = 4, PIT_CHANNELS = 3, PIT_HZ = 1193182 };

/* No guest has more interrupts than one in so many ns. */
#define PIT_LEAST_PERIOD UINT64_C(100000)

/* owner is pit_create()'s. None of these may call the timer. */
struct pit_hooks {
	void (*interrupt)(void *owner, bool level);
	void (*started)(void *owner); /* called by the thread, first and last */
	void (*ended)(void *owner);
};

struct pit_channel {
	uint8_t mode;    /* 0 to 5 */
	uint8_t access;  /* which bytes of a count are read and written: 1 low, 2 high, 3 low and then high */
	bool has_low;    /* with access 3: the low byte has been written */
	bool reads_high; /* with access 3: the high byte is the next to be read */
	bool is_latched;
	uint8_t low;
	uint16_t latch;
	uint32_t count; /* from which it counts down, 1 to 65536; 0: it does not count */
	uint64_t start; /* ns: when it began */
};

struct pit {
	struct pit_hooks hooks;
	void *owner;
	uint64_t resolution; /* ns: what the guest is told, and interrupted at, are multiples of it */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex; /* protects the rest */
	pthread_cond_t changed;
	bool stopping;
	uint64_t next; /* ns of CLOCK_MONOTONIC: the next interrupt; UINT64_MAX: none */
	struct pit_channel channels[PIT_CHANNELS];
};

/* Starts the thread. Errors: of pthread_create(3), negative; pit_destroy() is allowed then. */
int pit_create(struct pit *pit, const struct pit_hooks *hooks, void *owner, uint64_t resolution);
/* Ends the thread, without waiting for that. By any thread. */
void pit_stop(struct pit *pit);
/* Stops, and waits for the thread's end. Does nothing to one that is all zero. */
void pit_destroy(struct pit *pit);

/* Registers, for the bus; pit is a struct pit. One without a thread reads as no device. */
uint8_t pit_read(void *pit, uint64_t offset);
void pit_write(void *pit, uint64_t offset, uint8_t value);

#endif
