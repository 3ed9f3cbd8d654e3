/* SPDX-License-Identifier: ISC */
/*
 * timer.h - the timers of a VM's events, and the thread that sends the events when their time has come.
 *
 * One lock protects all timers. It is held while an event is sent, so that a timer that was cancelled under it
 * sends nothing any more. In the order of locks it comes before an event's and the gate's.
 */
#ifndef POSTERN_SERVICE_TIMER_H
#define POSTERN_SERVICE_TIMER_H

#include "gate/gate.h"

#include <stdbool.h>
#include <stdint.h>

struct services;
struct service_event;

/* Part of an event; all zero: never set. */
struct timer {
	bool armed;     /* also for a time that never comes: then it is in no heap */
	bool closed;    /* its event is: it cannot be armed any more */
	unsigned place; /* in the heap, from 1 on; 0: in none */
	uint32_t clock; /* enum postern_clock_id: by whose time the rest is */
	uint64_t base;  /* ns: the first deadline, as it was given */
	uint64_t period;
	uint64_t due; /* ns: the next deadline, a multiple of the resolution */
};

/* Makes what the timers need. Errors: -ENOMEM, or what timerfd_create(2) and eventfd(2) say. */
int timers_create(struct services *services);

/* Starts the thread. Errors: of pthread_create(3). */
int timers_start(struct services *services);

/* Makes the thread end, without waiting for that; by any thread, again and again. services->stopping is set. */
void timers_stop(struct services *services);
void timers_join(struct services *services);
void timers_destroy(struct services *services);

/* Closes an event's handle and disarms its timer for good. Errors: as gate_event_close(), and nothing has changed. */
int timer_close_event(struct gate_vm *gate, struct service_event *event, postern_handle_t handle);

#endif
