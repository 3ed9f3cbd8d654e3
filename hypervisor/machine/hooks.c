/* SPDX-License-Identifier: ISC */
/*
 * hooks.c - between the services and the machine: what services ask of it, what they are made with, and what the
 * image may ask of both.
 */
#include "machine/internal.h"

#include "service/service.h"

#include <errno.h>
#include <string.h>

/* ---- what services ask of the machine ---- */

static void on_exit_call(void *owner, int code)
{
	machine_end(owner, MACHINE_EXITED, code);
}

static void on_crash_call(void *owner, unsigned vcpu, const struct postern_vm_crash *report,
			  const char *message)
{
	struct machine *machine = owner;
	const struct crash_scene scene = { &machine->memory, &machine->image };
	struct machine_result *result = machine_decide(machine, MACHINE_CRASHED);

	if (!result)
		return;
	crash_from_guest(&result->crash, &scene, vcpu, report, message);
	machine_announce(machine);
}

/* The vCPU's thread waits to be started, so its state may be set. */
static int on_start_vcpu(void *owner, unsigned number, uint64_t entry, uint64_t stack, uint64_t argument)
{
	struct machine *machine = owner;
	struct machine_vcpu *vcpu = &machine->vcpus[number];
	struct engine_state state;
	const struct engine_callbacks none = { 0 };
	int error;

	boot_vcpu_state(number, entry, stack, argument, &state);
	error = machine->engine->set_callbacks(vcpu->engine, &none);
	if (!error)
		error = machine->engine->set_state(vcpu->engine, &state);
	if (error)
		return error;
	return machine_vcpu_start(vcpu) ? 0 : -EBUSY;
}

static void on_stop_vcpu(void *owner, unsigned number)
{
	machine_vcpu_stop(&((struct machine *)owner)->vcpus[number]);
}

static void on_set_callbacks(void *owner, unsigned number, const struct postern_vcpu_callbacks *entries)
{
	struct machine *machine = owner;
	const struct engine_callbacks callbacks = {
		.event = entries->event,
		.system_call = entries->system_call,
		.page_fault = entries->page_fault,
		.exception = entries->exception,
	};
	int error = machine->engine->set_callbacks(machine->vcpus[number].engine, &callbacks);

	if (error)
		machine_end(machine, MACHINE_FAILED, error);
}

static void on_raise(void *owner, unsigned number)
{
	struct machine *machine = owner;

	machine->engine->raise(machine->vcpus[number].engine);
}

static const struct services_hooks hooks = {
	.exit = on_exit_call,
	.crash = on_crash_call,
	.start_vcpu = on_start_vcpu,
	.stop_vcpu = on_stop_vcpu,
	.set_callbacks = on_set_callbacks,
	.raise = on_raise,
};

/* ---- making the services and the gate ---- */

static void on_doorbell(void *owner, struct gate_vcpu *vcpu)
{
	struct services *services = owner;

	(void)vcpu;
	poller_ring(&((struct machine *)services->config.owner)->poller);
}

static int create_services(struct machine *machine, const struct machine_config *config,
			   struct message *message)
{
	const struct services_config services = {
		.hooks = hooks,
		.owner = machine,
		.vcpus = config->vcpus,
		.in_flight = config->in_flight,
		.vcpu_pages = BOOT_VCPU_PAGES,
		.kernel_start = ENGINE_PHYSMAP,
		.input = config->input,
		.output = config->output,
		.error = config->error,
		.mounts = config->mounts,
		.mount_count = config->mount_count,
		.resolution = machine->resolution,
		.counter = machine->resolution == 1,
		.vcpu_features = config->engine->has_tables ? POSTERN_VCPU_FEATURES_TABLES : 0,
	};
	int error = services_create(&machine->services, &services);

	return error ? message_say(message, error, "cannot make the services: %s", strerror(-error)) : 0;
}

int machine_create_gate(struct machine *machine, const struct machine_config *config, struct message *message)
{
	const struct gate_config gate = {
		.memory = &machine->memory,
		.handlers = &machine->handlers,
		.policy = config->policy,
		.level = config->level,
		.vcpus = config->vcpus,
		.in_flight = config->in_flight,
		.rate_per_second = config->rate_per_second,
		.rate_burst = config->rate_burst,
		.owner = &machine->services,
		.doorbell = on_doorbell,
		.notify = services_notify,
		.cancel = services_cancel,
		.interrupted = services_interrupted,
		.describe = services_describe,
		.resolution = machine->resolution,
	};
	int error = create_services(machine, config, message);

	if (error)
		return error;
	service_all(&machine->handlers);
	error = gate_create(&gate, &machine->gate);
	if (error)
		return message_say(message, error, "cannot make the gate: %s", strerror(-error));
	gate_set_timing(machine->gate, config->timing);
	gate_set_trace(machine->gate, config->trace, config->trace_context);
	return 0;
}

/* ---- what the image may ask for ---- */

void machine_offer(void *context, unsigned section, struct image_offer *offered)
{
	const struct machine *machine = context;
	struct postern_abi_info info = { .section = section };

	for (unsigned ordinal = ABI_NO_CALL + 1; ordinal < ABI_CALLS; ordinal++) {
		const unsigned number = abi_calls[ordinal].number;
		const uint64_t bit = UINT64_C(1) << (number & 0xff);

		if (number >> 8 != section)
			continue;
		offered->known |= abi_calls[ordinal].since <= gate_level(machine->gate) ? bit : 0;
		offered->handled |= gate_verdict(machine->gate, ordinal) != GATE_UNKNOWN ? bit : 0;
		offered->permitted |= gate_permits(machine->gate, ordinal) ? bit : 0;
	}
	gate_describe(machine->gate, &info);
	offered->features = info.features;
	if (section == POSTERN_SECTION_VCPU)
		offered->features |= machine->services.config.vcpu_features;
}
