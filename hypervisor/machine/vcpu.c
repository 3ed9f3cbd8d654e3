/* SPDX-License-Identifier: ISC */
/* vcpu.c - the threads that run vCPUs: each waits to be started, runs until an exit, and serves that. */
#include "machine/internal.h"

#include "gate/futex.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

/* ---- exits ---- */

static void serve_hypercall(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	exit->hypercall.result =
		gate_call(vcpu->machine->gate, vcpu->gate, exit->hypercall.number, exit->hypercall.args);
}

/* The guest did something that nobody serves. */
void machine_serve_crash(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	struct machine *machine = vcpu->machine;
	const struct crash_scene scene = { &machine->memory, &machine->image };
	struct machine_result *result = machine_decide(machine, MACHINE_CRASHED);
	struct engine_state state;
	bool has_state;

	if (!result)
		return;
	/* A vCPU that never ran, or is gone, has none. */
	has_state = !machine->engine->get_state(vcpu->engine, &state) && state.rip;
	crash_from_exit(&result->crash, &scene, vcpu->number, exit, has_state ? &state : NULL);
	machine_announce(machine);
}

/* A counter that tells no more than the clocks: nanoseconds, rounded down as theirs are. */
void machine_serve_tsc(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	const uint64_t time = gate_monotonic(vcpu->machine->gate);

	exit->tsc.value = time - time % vcpu->machine->resolution;
}

static void serve_port(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	if (vcpu->machine->ports)
		exit->port.value = (uint32_t)bus_access(vcpu->machine->ports, BUS_PORTS, exit->port.port,
							exit->port.bytes, exit->port.write, exit->port.value);
	else
		machine_serve_crash(vcpu, exit);
}

static void serve_exception(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	if (vcpu->machine->engine->deliver(vcpu->engine))
		machine_serve_crash(vcpu, exit);
}

/* Somebody wants the thread to look at its phase. */
void machine_serve_interrupted(struct machine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	(void)exit;
}

/* clang-format off */
machine_server *const machine_serve[ENGINE_EXITS] = {
	[ENGINE_EXIT_HYPERCALL] = serve_hypercall,
	[ENGINE_EXIT_PORT] = serve_port,
	[ENGINE_EXIT_MMIO] = machine_serve_crash,
	[ENGINE_EXIT_HALT] = machine_serve_crash,
	[ENGINE_EXIT_CPUID] = machine_serve_cpuid,
	[ENGINE_EXIT_MSR] = machine_serve_crash,
	[ENGINE_EXIT_TSC] = machine_serve_tsc,
	[ENGINE_EXIT_EXCEPTION] = serve_exception,
	[ENGINE_EXIT_SHUTDOWN] = machine_serve_crash,
	[ENGINE_EXIT_INTERRUPTED] = machine_serve_interrupted,
};
/* clang-format on */

/* ---- the thread ---- */

static bool is_stopping(const struct machine *machine)
{
	return atomic_load_explicit(&machine->stopping, memory_order_relaxed);
}

static uint32_t phase_of(struct machine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->phase, memory_order_acquire);
}

/* Only its own thread counts, so there is nothing to lose between load and store. */
static void count_exit(struct machine_vcpu *vcpu, enum engine_exit_kind kind)
{
	const uint64_t count = atomic_load_explicit(&vcpu->exits[kind], memory_order_relaxed);

	atomic_store_explicit(&vcpu->exits[kind], count + 1, memory_order_relaxed);
}

static void run_guest(struct machine_vcpu *vcpu)
{
	struct machine *machine = vcpu->machine;
	struct engine_exit exit = { .kind = ENGINE_EXIT_INTERRUPTED };

	while (!is_stopping(machine) && phase_of(vcpu) == MACHINE_VCPU_RUNNING) {
		int error = machine->engine->run(vcpu->engine, &exit);

		if (error == -ESRCH) {
			exit.kind = ENGINE_EXIT_SHUTDOWN;
		} else if (error) {
			machine_end(machine, MACHINE_FAILED, error);
			return;
		}
		count_exit(vcpu, exit.kind);
		machine->serve[exit.kind](vcpu, &exit);
	}
}

/* Returns whether it was in phase `from`. Phases change by read-modify-write only, so that none is overlooked. */
static bool change_phase(struct machine_vcpu *vcpu, enum machine_phase from, enum machine_phase to)
{
	uint32_t expected = from;

	if (!atomic_compare_exchange_strong_explicit(&vcpu->phase, &expected, to, memory_order_acq_rel,
						     memory_order_acquire))
		return false;
	futex_wake_all(&vcpu->phase);
	return true;
}

static void *run_thread(void *argument)
{
	struct machine_vcpu *vcpu = argument;
	struct machine *machine = vcpu->machine;
	char name[16];

	snprintf(name, sizeof name, "vcpu%u", vcpu->number);
	prctl(PR_SET_NAME, name);
	sem_post(&machine->started);
	while (!is_stopping(machine)) {
		if (phase_of(vcpu) == MACHINE_VCPU_STOPPED) {
			futex_wait(&vcpu->phase, MACHINE_VCPU_STOPPED, NULL);
			continue;
		}
		run_guest(vcpu);
		/* Once the services know, they may start it again. */
		if (change_phase(vcpu, MACHINE_VCPU_STOPPING, MACHINE_VCPU_STOPPED))
			services_vcpu_stopped(&machine->services, vcpu->number);
	}
	atomic_fetch_sub_explicit(&machine->alive, 1, memory_order_release);
	machine_wake(machine);
	return NULL;
}

int machine_vcpus_create(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		struct machine_vcpu *vcpu = &machine->vcpus[i];
		int error;

		vcpu->machine = machine;
		vcpu->number = i;
		vcpu->engine = machine->engine->vcpu(machine->vm, i);
		vcpu->gate = gate_vcpu(machine->gate, i);
		atomic_fetch_add_explicit(&machine->alive, 1, memory_order_relaxed);
		error = -pthread_create(&vcpu->thread, NULL, run_thread, vcpu);
		if (error) {
			atomic_fetch_sub_explicit(&machine->alive, 1, memory_order_relaxed);
			return error;
		}
		vcpu->has_thread = true;
		while (sem_wait(&machine->started))
			;
	}
	return 0;
}

bool machine_vcpu_start(struct machine_vcpu *vcpu)
{
	return change_phase(vcpu, MACHINE_VCPU_STOPPED, MACHINE_VCPU_RUNNING);
}

void machine_vcpu_stop(struct machine_vcpu *vcpu)
{
	change_phase(vcpu, MACHINE_VCPU_RUNNING, MACHINE_VCPU_STOPPING);
	vcpu->machine->engine->kick(vcpu->engine);
}

void machine_vcpus_interrupt(struct machine *machine)
{
	if (machine->vm)
		machine->engine->kill(machine->vm);
	machine_wake_halted(machine);
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		struct machine_vcpu *vcpu = &machine->vcpus[i];

		if (!vcpu->has_thread)
			continue;
		/* A thread that waits to be started looks for `stopping` only when its phase has changed. */
		if (atomic_exchange_explicit(&vcpu->phase, MACHINE_VCPU_RUNNING, memory_order_acq_rel) ==
		    MACHINE_VCPU_STOPPED)
			futex_wake_all(&vcpu->phase);
	}
}

void machine_vcpus_join(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vcpu_count; i++) {
		struct machine_vcpu *vcpu = &machine->vcpus[i];

		if (vcpu->has_thread)
			pthread_join(vcpu->thread, NULL);
		vcpu->has_thread = false;
	}
}
