/* SPDX-License-Identifier: ISC */
/*
 * ring.h - rings and batches: entries of 64 bytes in guest memory, served by the gate like traps.
 *
 * Who takes entries: the vCPU's thread in ring.enter (a batch), or, if the ring was set up as polled, the
 * host's I/O thread with gate_ring_poll(). Who completes an async call: any thread. The protocol with the
 * guest is the one that tests/model/ring.pml checks; R1 to R7 in comments are its rules.
 */
#ifndef POSTERN_GATE_RING_H
#define POSTERN_GATE_RING_H

#include "abi_host.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate_vm;
struct gate_vcpu;
struct gate_frame;

struct gate_ring {
	/* 1 while a thread works on the ring; it alone touches what is below `completed`. Never waited for by a
	 * thread that completes calls: it leaves them in the list, and the owner finds them. */
	_Atomic uint32_t owned;
	_Atomic(struct gate_frame *) completed; /* pushed by any thread, emptied by the owner */
	_Atomic uint32_t progress;              /* a futex: changes with every completion that is published */
	_Atomic uint32_t waiting;               /* whether the vCPU's thread waits on it */

	bool active;
	bool polled;
	_Atomic bool
		broken; /* the poller found indices that make no sense; the guest has to close the ring */
	uint32_t submit_size;   /* entries, a power of two */
	uint32_t complete_size; /* completions, a power of two */
	/* In guest memory. What the host wrote there is never read back: the guest may have changed it. */
	struct postern_ring_guest *guest;
	struct postern_ring_host *host;
	const struct postern_ring_entry *entries;
	struct postern_ring_completion *completions;
	uint32_t submit_head;   /* entries taken */
	uint32_t complete_tail; /* completions written */
	uint32_t published;     /* of those, how many the guest was told of */
	uint32_t in_flight;     /* entries taken that have no result yet */
	uint32_t flags;         /* what host->flags holds */
	postern_handle_t event; /* with its object: written by the owner, with the VM's ring_events locked */
	void *event_object;
	uint64_t first_page;
	uint64_t page_count;
	struct gate_frame *free; /* frames for async calls that have been used */
	unsigned used_frames;    /* the others are the pool's from here on, and have not been touched */
};

/*
 * Sets up the calling vCPU's ring, or takes it down. Only the vCPU's thread. Errors of the first: -EINVAL
 * for sizes that do not fit together, -EOPNOTSUPP if it is to be polled and nobody can, -EFAULT for memory
 * that the guest does not own, -EBADF for an event that is not open, -EBUSY for a ring that exists, or for
 * pages that the host uses already. The second waits until nothing is in flight; -ENXIO without a ring.
 */
int gate_ring_setup(struct gate_vcpu *vcpu, const struct postern_ring_setup *setup);
int gate_ring_close(struct gate_vcpu *vcpu);

/*
 * ring.enter, on the vCPU's thread: takes up to submit entries (a polled ring's are left to the poller,
 * which is woken), and if it got all of them waits until wait completions are unread, nothing is in flight,
 * the deadline has passed, the config's interrupted() says so, or the VM stops. deadline: ns of the VM's
 * monotonic clock, all ones for none.
 *
 * Returns how many entries were taken. Errors: -ENXIO without a ring, -EINVAL when the guest's indices make
 * no sense, or for more completions than the ring holds.
 */
int64_t gate_ring_enter(struct gate_vcpu *vcpu, uint32_t submit, uint32_t wait, uint64_t deadline);

/*
 * Makes the vCPU ask interrupted() again if it waits in ring.enter; what that looks at has been stored before,
 * by any thread, with sequential consistency. Returns whether the vCPU was found waiting.
 */
bool gate_ring_interrupt(struct gate_vcpu *vcpu);

/*
 * Closes the handle of an event, unless a ring uses it. Errors: -EBUSY, -EBADF. A ring's event is thus alive
 * until the ring is closed, if events are closed in no other way.
 */
int gate_event_close(struct gate_vm *vm, postern_handle_t event);

/* The object of the event that the vCPU's ring uses, for gate_config.notify(). */
void *gate_ring_event(const struct gate_vcpu *vcpu);

/*
 * The poller, one thread: takes up to most entries of a polled ring and publishes their completions.
 * Returns how many it took; 0 also when there is no polled ring.
 */
unsigned gate_ring_poll(struct gate_vcpu *vcpu, unsigned most);

/*
 * The poller is about to sleep: asks the guest for a doorbell (R4). Returns false if there is work after
 * all; then, and after each sleep, gate_ring_wake() takes the request back.
 */
bool gate_ring_doze(struct gate_vcpu *vcpu);
void gate_ring_wake(struct gate_vcpu *vcpu);

/*
 * Whether an async call may pend: the VM's limit of calls in flight from a ring. For generated decoders.
 */
bool gate_may_pend(const struct gate_frame *frame);

/* For gate.c: hands a completed frame to the ring; and sets up the frames of a new vCPU's ring. */
void gate_ring_complete(struct gate_frame *frame);
int gate_ring_create(struct gate_vcpu *vcpu, unsigned in_flight);
void gate_ring_destroy(struct gate_vcpu *vcpu);

#endif
