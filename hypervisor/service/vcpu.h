/* SPDX-License-Identifier: ISC */
/*
 * vcpu.h - what the services know of a vCPU: whether it runs, what it waits for in a call, and its page.
 *
 * A wait and what ends it follow one pattern. Who waits says so, and then looks; who has something to tell
 * stores it, and then looks whether somebody waits. A full fence stands between on both sides, so that at least
 * one of them sees the other.
 */
#ifndef POSTERN_SERVICE_VCPU_H
#define POSTERN_SERVICE_VCPU_H

#include "service/services.h"

enum vcpu_phase {
	VCPU_STOPPED,
	VCPU_RUNNING,
	VCPU_STOPPING, /* asked to stop, and has not yet left the guest; its handle is still in the state running */
};

struct service_vcpu {
	struct services *services;
	struct gate_vcpu *gate;
	unsigned number;
	postern_handle_t handle;
	struct postern_vcpu_page *page; /* in guest memory */
	_Atomic uint32_t phase;       /* enum vcpu_phase; written with services->lifecycle locked, seq_cst */
	_Atomic uint32_t alert;       /* a futex: changes when a vCPU that waits is to look again */
	_Atomic bool waiting;         /* by its own thread: it waits for alert */
	_Atomic bool kicked;          /* by any thread that kicks; taken by vcpu.park */
	_Atomic bool has_event_entry; /* by its own thread, and by who starts it; for any that sends */
};

/*
 * Looks whether a wait is over: returns what the call answers, or VCPU_WAIT_ON. It must not have changed
 * anything then.
 */
typedef int vcpu_look(struct service_vcpu *vcpu, const void *what);

enum { VCPU_WAIT_ON = -1 };

/*
 * Waits until look() finds something, the deadline (ns of the VM's clock; all ones: none) has passed, or the vCPU
 * has to leave the guest. Returns what look() did, or 0. On the vCPU's thread.
 */
int vcpu_wait(struct service_vcpu *vcpu, vcpu_look *look, const void *what, uint64_t deadline);

/* Whether an event would be delivered now, if the vCPU ran guest code. */
bool vcpu_can_deliver(const struct service_vcpu *vcpu);

/* Sets bits in the pending word, and has the vCPU notice. By any thread. */
void vcpu_send(struct service_vcpu *vcpu, uint64_t bits);

/* Whether one of the bits is pending, masked or not. */
bool vcpu_is_pending(const struct service_vcpu *vcpu, uint64_t bits);

/* Has a vCPU that waits look again. What it will look at has been stored before. By any thread. */
void vcpu_alert(struct service_vcpu *vcpu);

/* The calling vCPU. */
struct service_vcpu *vcpu_of(struct gate_frame *frame);

/* For services.c: makes vCPU number `number` known, once there is a gate. Errors: -EFAULT, -EAGAIN. */
int vcpu_create(struct services *services, unsigned number);

#endif
