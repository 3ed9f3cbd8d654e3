/* SPDX-License-Identifier: ISC */
/*
 * poller.h - the I/O thread of a VM: it takes entries from polled rings, and sleeps when there are none. How
 * long it looks before it sleeps depends on whether that has paid.
 */
#ifndef POSTERN_MACHINE_POLLER_H
#define POSTERN_MACHINE_POLLER_H

#include "gate/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Something else that the thread waits for, and serves. */
struct poller_source {
	int fd; /* readable when there is something to do; -1: no source */
	unsigned (*serve)(
		void *owner); /* answers how much there was; called when there may be nothing, too */
	void *owner;
};

struct poller {
	struct gate_vm *gate;
	struct poller_source source;
	pthread_t thread;
	bool has_thread;
	int doorbell;        /* an eventfd, written only while the poller sleeps */
	_Atomic bool rung;   /* set by whoever rings, cleared by the poller */
	_Atomic bool asleep; /* written by the poller: the doorbell has to be written */
	_Atomic bool stopping;
	/* The rest is the poller's own. */
	uint64_t spin_most;           /* ns; 0 on a host with one processor */
	uint64_t spin;                /* ns to look for work before sleeping */
	void (*started)(void *owner); /* called by the thread, first and last */
	void (*ended)(void *owner);
	void *owner;
};

/*
 * Starts the thread. The gate, the source and the owner have to outlive it; source: NULL if there is none. Errors: negative errno; the poller then is as
 * after poller_destroy().
 */
int poller_create(struct poller *poller, struct gate_vm *gate, const struct poller_source *source,
		  void (*started)(void *owner), void (*ended)(void *owner), void *owner);

/* Somebody may have put entries into a ring, or made room in it. By any thread; does not block. */
void poller_ring(struct poller *poller);

/* Makes the thread end, without waiting for that. By any thread. */
void poller_stop(struct poller *poller);

/* Stops the thread and waits for its end. Does nothing to a poller that is all zero. */
void poller_destroy(struct poller *poller);

#endif
