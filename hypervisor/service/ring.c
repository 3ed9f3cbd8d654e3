/* SPDX-License-Identifier: ISC */
/* ring.c - section ring: the calling vCPU's ring pair. The gate does the work; see gate/ring.h. */
#include "gate/ring.h"
#include "gate/handle.h"
#include "service/service.h"

static int64_t serve_setup(struct gate_frame *frame, struct abi_ring_setup *call)
{
	postern_handle_t event = call->setup.event;
	void *object;
	int error = 0;

	if (event != POSTERN_NO_HANDLE)
		error = gate_handle_find(frame, ABI_HANDLE_EVENT, event, POSTERN_EVENT_RIGHT_SEND, &object);
	return error ? error : gate_ring_setup(gate_frame_vcpu(frame), &call->setup);
}

static int64_t serve_enter(struct gate_frame *frame, struct abi_ring_enter *call)
{
	return gate_ring_enter(gate_frame_vcpu(frame), call->submit, call->wait, call->deadline);
}

static int64_t serve_close(struct gate_frame *frame, struct abi_ring_close *call)
{
	(void)call;
	return gate_ring_close(gate_frame_vcpu(frame));
}

void service_ring(struct abi_handlers *handlers)
{
	handlers->ring_setup = serve_setup;
	handlers->ring_enter = serve_enter;
	handlers->ring_close = serve_close;
}
