/* SPDX-License-Identifier: ISC */
/* event.h - an event: a bit of a vCPU's pending word, with a timer that can send it. Lives until its last user. */
#ifndef POSTERN_SERVICE_EVENT_H
#define POSTERN_SERVICE_EVENT_H

#include "service/timer.h"
#include "service/vcpu.h"

struct service_event {
	struct service_vcpu *vcpu;
	uint64_t bit;          /* with that bit set */
	pthread_mutex_t mutex; /* protects the two below, and is held while the bit is set */
	bool held_back;        /* by event.mask */
	bool was_sent;         /* while it was held back */
	struct timer timer;    /* protected by the lock of the timers */
};

/* By any thread. Takes no lock of the timers. */
void event_send(struct service_event *event);

#endif
