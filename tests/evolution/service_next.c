/* SPDX-License-Identifier: ISC */
/* service_next.c - what a host of the next version serves: all that this one does, a new call, and a new field. */
#include "service/service.h"
#include "service/services.h"

void service_all_before(struct abi_handlers *handlers);

static int64_t serve_double(struct gate_frame *frame, struct abi_more_double *call)
{
	(void)frame;
	return 2 * (int64_t)call->value;
}

static int64_t (*serve_info_before)(struct gate_frame *frame, struct abi_memory_info *call);

/* The new field has the bytes of all that is owned. */
static int64_t serve_info(struct gate_frame *frame, struct abi_memory_info *call)
{
	int64_t result = serve_info_before(frame, call);

	call->info.next_word = call->info.owned * 4096;
	return result;
}

void service_all(struct abi_handlers *handlers)
{
	service_all_before(handlers);
	handlers->more_double = serve_double;
	serve_info_before = handlers->memory_info;
	handlers->memory_info = serve_info;
}
