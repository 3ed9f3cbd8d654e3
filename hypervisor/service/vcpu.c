/* SPDX-License-Identifier: ISC */
/* vcpu.c - section vcpu: starting and stopping vCPUs, their waits, and the pages by which they get events. */
#include "service/vcpu.h"

#include "gate/futex.h"
#include "gate/handle.h"
#include "gate/ring.h"
#include "memory/words.h"
#include "service/clock.h"
#include "service/console.h"
#include "service/service.h"

#include <errno.h>
#include <sched.h>

/* The contract's: the last address of the kernel's part of the address space. */
#define KERNEL_END UINT64_C(0x7fffffffefff)

/* ns between two looks at a vCPU that is being stopped: at whether it began another call that has to be ended. */
#define STOP_PATIENCE UINT64_C(2000000)

struct service_vcpu *vcpu_of(struct gate_frame *frame)
{
	struct services *services = gate_owner(gate_frame_vm(frame));

	return &services->vcpus[gate_vcpu_number(gate_frame_vcpu(frame))];
}

/* ---- the page ---- */

static bool is_any_unmasked(const struct service_vcpu *vcpu)
{
	const struct postern_vcpu_page *page = vcpu->page;

	return memory_load_u64(&page->pending) & ~memory_load_u64(&page->masked);
}

bool vcpu_is_pending(const struct service_vcpu *vcpu, uint64_t bits)
{
	return memory_load_u64(&vcpu->page->pending) & bits;
}

/* The guest may have written anything anywhere: then it gets an interrupt too many, or misses its own event. */
bool vcpu_can_deliver(const struct service_vcpu *vcpu)
{
	const struct postern_vcpu_page *page = vcpu->page;

	return memory_load_u32(&page->enabled) && is_any_unmasked(vcpu) &&
	       memory_load_u32(&page->taken) == memory_load_u32(&page->delivered) &&
	       atomic_load_explicit(&vcpu->has_event_entry, memory_order_relaxed);
}

void vcpu_send(struct service_vcpu *vcpu, uint64_t bits)
{
	const struct services_config *config = &vcpu->services->config;
	memory_word *pending = (memory_word *)&vcpu->page->pending;

	/* Whoever set the bits that are set already looks, or has looked, for itself and for this. */
	if ((__atomic_fetch_or(pending, bits, __ATOMIC_SEQ_CST) & bits) == bits)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&vcpu->waiting, memory_order_seq_cst))
		vcpu_alert(vcpu);
	else if (!gate_ring_interrupt(vcpu->gate) && vcpu_can_deliver(vcpu))
		config->hooks.raise(config->owner, vcpu->number);
}

/* ---- waiting ---- */

void vcpu_alert(struct service_vcpu *vcpu)
{
	atomic_fetch_add_explicit(&vcpu->alert, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&vcpu->waiting, memory_order_seq_cst))
		futex_wake_all(&vcpu->alert);
}

/* Waits end, and none begins, once this is so. */
static bool has_to_leave(const struct service_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->services->stopping, memory_order_seq_cst) ||
	       atomic_load_explicit(&vcpu->phase, memory_order_seq_cst) == VCPU_STOPPING;
}

/* One look after another, each after an alert. */
static int keep_looking(struct service_vcpu *vcpu, vcpu_look *look, const void *what, uint64_t deadline)
{
	const struct gate_vm *gate = vcpu->services->gate;
	const struct timespec until = gate_host_time(gate, deadline);
	const bool endless = deadline == UINT64_MAX;

	for (;;) {
		const uint32_t alert = atomic_load_explicit(&vcpu->alert, memory_order_seq_cst);
		int result;

		atomic_thread_fence(memory_order_seq_cst);
		result = look(vcpu, what);
		if (result != VCPU_WAIT_ON)
			return result;
		if (has_to_leave(vcpu) || (!endless && gate_monotonic(gate) >= deadline))
			return 0;
		futex_wait(&vcpu->alert, alert, endless ? NULL : &until);
	}
}

int vcpu_wait(struct service_vcpu *vcpu, vcpu_look *look, const void *what, uint64_t deadline)
{
	int result = look(vcpu, what);

	if (result != VCPU_WAIT_ON)
		return result;
	memory_store_u32(&vcpu->page->running, 0);
	atomic_store_explicit(&vcpu->waiting, true, memory_order_seq_cst);
	result = keep_looking(vcpu, look, what, clock_round_up(vcpu->services, deadline));
	atomic_store_explicit(&vcpu->waiting, false, memory_order_relaxed);
	memory_store_u32(&vcpu->page->running, 1);
	return result;
}

bool services_interrupted(void *owner, struct gate_vcpu *gate_vcpu)
{
	struct services *services = owner;
	struct service_vcpu *vcpu = &services->vcpus[gate_vcpu_number(gate_vcpu)];

	atomic_thread_fence(memory_order_seq_cst);
	return is_any_unmasked(vcpu) || has_to_leave(vcpu);
}

static int look_for_any(struct service_vcpu *vcpu, const void *what)
{
	(void)what;
	return is_any_unmasked(vcpu) ? 1 : VCPU_WAIT_ON;
}

static int look_for_kick(struct service_vcpu *vcpu, const void *what)
{
	(void)what;
	if (atomic_load_explicit(&vcpu->kicked, memory_order_relaxed) &&
	    atomic_exchange_explicit(&vcpu->kicked, false, memory_order_seq_cst))
		return 1;
	return vcpu_can_deliver(vcpu) ? 2 : VCPU_WAIT_ON;
}

static int64_t serve_halt(struct gate_frame *frame, struct abi_vcpu_halt *call)
{
	return vcpu_wait(vcpu_of(frame), look_for_any, NULL, call->deadline);
}

static int64_t serve_park(struct gate_frame *frame, struct abi_vcpu_park *call)
{
	return vcpu_wait(vcpu_of(frame), look_for_kick, NULL, call->deadline);
}

static int64_t serve_kick(struct gate_frame *frame, struct abi_vcpu_kick *call)
{
	struct service_vcpu *vcpu = call->vcpu;

	(void)frame;
	atomic_store_explicit(&vcpu->kicked, true, memory_order_seq_cst);
	if (atomic_load_explicit(&vcpu->waiting, memory_order_seq_cst))
		vcpu_alert(vcpu);
	return 0;
}

/* Which vCPU should run instead is left to the host's scheduler. */
static int64_t serve_yield(struct gate_frame *frame, struct abi_vcpu_yield *call)
{
	(void)frame;
	(void)call;
	sched_yield();
	return 0;
}

/* ---- starting ---- */

static bool is_kernel_address(const struct services *services, uint64_t address)
{
	return address >= services->config.kernel_start && address <= KERNEL_END;
}

/* The vCPU's phase and its handle's state. The lifecycle is locked. */
static void set_phase(struct service_vcpu *vcpu, enum vcpu_phase phase)
{
	const uint32_t state = phase == VCPU_STOPPED ? POSTERN_VCPU_STATE_STOPPED
						     : POSTERN_VCPU_STATE_RUNNING;

	gate_handle_change(vcpu->services->gate, ABI_HANDLE_VCPU, vcpu->handle, !state, state);
	atomic_store_explicit(&vcpu->phase, phase, memory_order_seq_cst);
}

static int start(struct service_vcpu *vcpu, const struct postern_vcpu_start *how)
{
	struct services *services = vcpu->services;
	const struct services_config *config = &services->config;

	if (atomic_load_explicit(&vcpu->phase, memory_order_relaxed) != VCPU_STOPPED)
		return -EBUSY;
	atomic_store_explicit(&vcpu->kicked, false, memory_order_relaxed);
	atomic_store_explicit(&vcpu->has_event_entry, false, memory_order_relaxed);
	memory_store_u32(&vcpu->page->delivered, 0);
	memory_store_u32(&vcpu->page->running, 1);
	/* Before it runs, since it may stop itself before this is through. */
	set_phase(vcpu, VCPU_RUNNING);
	services->live_vcpus++;
	if (!config->hooks.start_vcpu(config->owner, vcpu->number, how->entry, how->stack, how->argument))
		return 0;
	services->live_vcpus--;
	set_phase(vcpu, VCPU_STOPPED);
	memory_store_u32(&vcpu->page->running, 0);
	return -ENOMEM;
}

static int64_t serve_start(struct gate_frame *frame, struct abi_vcpu_start *call)
{
	struct service_vcpu *vcpu = call->vcpu;
	struct services *services = vcpu->services;
	int error;

	(void)frame;
	if (!is_kernel_address(services, call->how.entry))
		return -EINVAL;
	pthread_mutex_lock(&services->lifecycle);
	error = start(vcpu, &call->how);
	pthread_mutex_unlock(&services->lifecycle);
	return error;
}

static bool is_entry(const struct services *services, uint64_t address)
{
	return !address || is_kernel_address(services, address);
}

static int64_t serve_callbacks(struct gate_frame *frame, struct abi_vcpu_callbacks *call)
{
	struct service_vcpu *vcpu = vcpu_of(frame);
	const struct services *services = vcpu->services;
	const struct postern_vcpu_callbacks *entries = &call->entries;

	if (!is_entry(services, entries->event) || !is_entry(services, entries->system_call) ||
	    !is_entry(services, entries->page_fault) || !is_entry(services, entries->exception))
		return -EINVAL;
	services->config.hooks.set_callbacks(services->config.owner, vcpu->number, entries);
	atomic_store_explicit(&vcpu->has_event_entry, entries->event, memory_order_relaxed);
	return 0;
}

/* ---- stopping ---- */

/*
 * Asks a vCPU to stop, if it runs; one that is asked already only has to be waited for. A caller that is itself
 * being stopped asks nobody: its result is lost, and it might otherwise stop the last one.
 */
static int ask_to_stop(struct service_vcpu *vcpu, const struct service_vcpu *caller)
{
	struct services *services = vcpu->services;
	const uint32_t phase = atomic_load_explicit(&vcpu->phase, memory_order_relaxed);

	if (atomic_load_explicit(&caller->phase, memory_order_relaxed) == VCPU_STOPPING)
		return 0;
	if (phase == VCPU_STOPPED)
		return -EALREADY;
	if (phase == VCPU_STOPPING)
		return 0;
	if (services->live_vcpus == 1)
		return -EDEADLK;
	services->live_vcpus--;
	set_phase(vcpu, VCPU_STOPPING);
	services->config.hooks.stop_vcpu(services->config.owner, vcpu->number);
	return 0;
}

static int look_for_stopped(struct service_vcpu *caller, const void *what)
{
	const struct service_vcpu *vcpu = what;

	(void)caller;
	return atomic_load_explicit(&vcpu->phase, memory_order_seq_cst) == VCPU_STOPPING ? VCPU_WAIT_ON : 1;
}

/*
 * Waits until a vCPU has left the guest. Its waits end by themselves; a console call that it made by a trap is
 * cancelled. That is looked at now and then, because the call may have been about to begin.
 */
static void wait_until_stopped(struct service_vcpu *caller, struct service_vcpu *vcpu)
{
	struct services *services = vcpu->services;

	vcpu_alert(vcpu);
	gate_ring_interrupt(vcpu->gate);
	do {
		if (gate_vcpu_pends(vcpu->gate))
			console_cancel(services, vcpu->gate);
	} while (!vcpu_wait(caller, look_for_stopped, vcpu, gate_monotonic(services->gate) + STOP_PATIENCE) &&
		 !has_to_leave(caller));
}

static int64_t serve_stop(struct gate_frame *frame, struct abi_vcpu_stop *call)
{
	struct service_vcpu *caller = vcpu_of(frame);
	struct service_vcpu *vcpu = call->vcpu;
	struct services *services = vcpu->services;
	int error;

	pthread_mutex_lock(&services->lifecycle);
	error = ask_to_stop(vcpu, caller);
	pthread_mutex_unlock(&services->lifecycle);
	/* A vCPU that stops itself does so when it has left this call. */
	if (!error && vcpu != caller)
		wait_until_stopped(caller, vcpu);
	return error;
}

void services_vcpu_stopped(struct services *services, unsigned number)
{
	struct service_vcpu *vcpu = &services->vcpus[number];

	memory_store_u32(&vcpu->page->running, 0);
	pthread_mutex_lock(&services->lifecycle);
	set_phase(vcpu, VCPU_STOPPED);
	pthread_mutex_unlock(&services->lifecycle);
	/* Those that stop it wait; the others, whose wait is for something else, look once too often. */
	for (unsigned i = 0; i < services->config.vcpus; i++)
		vcpu_alert(&services->vcpus[i]);
}

/* ---- creation ---- */

int vcpu_create(struct services *services, unsigned number)
{
	const gpa_t at = { services->config.vcpu_pages + number * MEMORY_PAGE_SIZE };
	struct service_vcpu *vcpu = &services->vcpus[number];
	const bool runs = number == 0;
	struct iovec span;

	if (!memory_span(gate_memory(services->gate), at, MEMORY_PAGE_SIZE, MEMORY_READ | MEMORY_WRITE,
			 &span))
		return -EFAULT;
	vcpu->services = services;
	vcpu->gate = gate_vcpu(services->gate, number);
	vcpu->number = number;
	vcpu->page = span.iov_base;
	memory_store_u32(&vcpu->page->number, number);
	memory_store_u32(&vcpu->page->running, runs);
	atomic_store_explicit(&vcpu->phase, runs ? VCPU_RUNNING : VCPU_STOPPED, memory_order_relaxed);
	/* Handles are given out in order, and the first generation is zero: the handle is the number. */
	return gate_handle_open(services->gate, ABI_HANDLE_VCPU, vcpu, NULL, 0,
				runs ? POSTERN_VCPU_STATE_RUNNING : POSTERN_VCPU_STATE_STOPPED,
				&vcpu->handle);
}

void service_vcpu(struct abi_handlers *handlers)
{
	handlers->vcpu_start = serve_start;
	handlers->vcpu_stop = serve_stop;
	handlers->vcpu_halt = serve_halt;
	handlers->vcpu_park = serve_park;
	handlers->vcpu_kick = serve_kick;
	handlers->vcpu_yield = serve_yield;
	handlers->vcpu_callbacks = serve_callbacks;
}
