/* SPDX-License-Identifier: ISC */
/* event.c - section event: making, sending and masking events, and waiting for their bits. */
#include "service/event.h"

#include "gate/handle.h"
#include "gate/ring.h"
#include "service/service.h"

#include <errno.h>
#include <stdlib.h>

void event_send(struct service_event *event)
{
	pthread_mutex_lock(&event->mutex);
	if (event->held_back)
		event->was_sent = true;
	else
		vcpu_send(event->vcpu, event->bit);
	pthread_mutex_unlock(&event->mutex);
}

void services_notify(void *owner, struct gate_vcpu *vcpu, postern_handle_t handle)
{
	(void)owner;
	(void)handle;
	/* It is alive: while the ring uses it, it cannot be closed. */
	event_send(gate_ring_event(vcpu));
}

/* ---- making and closing ---- */

static void release(void *object)
{
	struct service_event *event = object;

	pthread_mutex_destroy(&event->mutex);
	free(event);
}

static int64_t serve_bind(struct gate_frame *frame, struct abi_event_bind *call)
{
	struct service_event *event;
	postern_handle_t handle;
	void *vcpu;
	int error = gate_handle_find(frame, ABI_HANDLE_VCPU, call->how.vcpu, 0, &vcpu);

	if (error)
		return error;
	event = calloc(1, sizeof *event);
	if (!event)
		return -EAGAIN;
	event->vcpu = vcpu;
	event->bit = UINT64_C(1) << call->how.bit;
	pthread_mutex_init(&event->mutex, NULL);
	error = gate_handle_open(gate_frame_vm(frame), ABI_HANDLE_EVENT, event, release,
				 POSTERN_EVENT_RIGHT_SEND | POSTERN_EVENT_RIGHT_RECEIVE, 0, &handle);
	if (error) {
		release(event);
		return error;
	}
	return handle;
}

static int64_t serve_close(struct gate_frame *frame, struct abi_event_close *call)
{
	return timer_close_event(gate_frame_vm(frame), call->event, call->event_handle);
}

/* ---- sending and masking ---- */

static int64_t serve_send(struct gate_frame *frame, struct abi_event_send *call)
{
	(void)frame;
	event_send(call->event);
	return 0;
}

static int64_t serve_mask(struct gate_frame *frame, struct abi_event_mask *call)
{
	struct service_event *event = call->event;
	bool before;

	(void)frame;
	pthread_mutex_lock(&event->mutex);
	before = event->held_back;
	event->held_back = call->on;
	if (!event->held_back && event->was_sent) {
		event->was_sent = false;
		vcpu_send(event->vcpu, event->bit);
	}
	pthread_mutex_unlock(&event->mutex);
	return before;
}

/* ---- waiting ---- */

static int look_for_bits(struct service_vcpu *vcpu, const void *what)
{
	const uint64_t *bits = what;

	if (vcpu_is_pending(vcpu, *bits))
		return 1;
	return vcpu_can_deliver(vcpu) ? 2 : VCPU_WAIT_ON;
}

static int64_t serve_wait(struct gate_frame *frame, struct abi_event_wait *call)
{
	return vcpu_wait(vcpu_of(frame), look_for_bits, &call->bits, call->deadline);
}

void service_event(struct abi_handlers *handlers)
{
	handlers->event_bind = serve_bind;
	handlers->event_close = serve_close;
	handlers->event_send = serve_send;
	handlers->event_mask = serve_mask;
	handlers->event_wait = serve_wait;
}
