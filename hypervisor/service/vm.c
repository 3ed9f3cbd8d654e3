/* SPDX-License-Identifier: ISC */
/* vm.c - section vm: how a VM ends. What that means is the machine's to say; here it is made to happen once. */
#include "service/service.h"
#include "service/services.h"

static bool is_first(struct services *services)
{
	return !atomic_exchange_explicit(&services->ended, true, memory_order_acq_rel);
}

static int64_t serve_exit(struct gate_frame *frame, struct abi_vm_exit *call)
{
	struct services *services = gate_owner(gate_frame_vm(frame));

	if (is_first(services))
		services->config.hooks.exit(services->config.owner, (int)call->code);
	return 0;
}

static int64_t serve_crash(struct gate_frame *frame, struct abi_vm_crash *call)
{
	struct services *services = gate_owner(gate_frame_vm(frame));

	if (is_first(services))
		services->config.hooks.crash(services->config.owner, gate_vcpu_number(gate_frame_vcpu(frame)),
					     &call->report, call->message);
	return 0;
}

void service_vm(struct abi_handlers *handlers)
{
	handlers->vm_exit = serve_exit;
	handlers->vm_crash = serve_crash;
}
