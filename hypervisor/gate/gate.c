/* SPDX-License-Identifier: ISC */
/* gate.c - a VM's gate: made from a configuration, looked into, and taken down. */
#include "gate/gate.h"

#include "gate/frame.h"
#include "gate/futex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_IN_FLIGHT = 4096 };

#define NANOSECONDS UINT64_C(1000000000)

/* ---- time ---- */

uint64_t gate_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

uint64_t gate_monotonic(const struct gate_vm *vm)
{
	return gate_now() - vm->created_at;
}

struct timespec gate_host_time(const struct gate_vm *vm, uint64_t nanoseconds)
{
	uint64_t time;

	if (__builtin_add_overflow(nanoseconds, vm->created_at, &time))
		time = UINT64_MAX;
	return (struct timespec){ .tv_sec = (time_t)(time / NANOSECONDS),
				  .tv_nsec = (long)(time % NANOSECONDS) };
}

/* ---- obstacles ---- */

static bool has_handler(const struct abi_handlers *handlers, unsigned ordinal)
{
	void (*handler)(void);

	memcpy(&handler, (const char *)handlers + abi_calls[ordinal].handler, sizeof handler);
	return handler;
}

static uint8_t obstacles_of(const struct gate_config *config, enum gate_crossing crossing, unsigned ordinal)
{
	const struct abi_call *call = &abi_calls[ordinal];
	uint8_t obstacles = 0;

	if (ordinal == ABI_NO_CALL || call->since > config->level || !has_handler(config->handlers, ordinal))
		return GATE_OBSTACLE_UNKNOWN;
	if (!call->always && !config->policy.granted[ordinal])
		obstacles |= GATE_OBSTACLE_DENIED;
	if (!(call->crossings & (1 << crossing)))
		obstacles |= GATE_OBSTACLE_CROSSING;
	return obstacles;
}

static void set_obstacles(struct gate_vm *vm, const struct gate_config *config)
{
	for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++) {
		for (unsigned ordinal = 0; ordinal < ABI_CALLS; ordinal++)
			vm->obstacles[crossing][ordinal] = obstacles_of(config, crossing, ordinal);
	}
}

/* Whether every call has to take the slow path, where it is watched. */
static void set_observed(struct gate_vm *vm)
{
	bool observed = vm->trace || atomic_load_explicit(&vm->timed, memory_order_relaxed);

	for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++) {
		for (unsigned ordinal = 0; ordinal < ABI_CALLS; ordinal++) {
			vm->obstacles[crossing][ordinal] &= (uint8_t)~GATE_OBSTACLE_OBSERVED;
			vm->obstacles[crossing][ordinal] |= observed ? GATE_OBSTACLE_OBSERVED : 0;
		}
	}
}

enum gate_refusal gate_verdict(const struct gate_vm *vm, unsigned ordinal)
{
	/* A call that cannot be made by a trap has no obstacle but that. */
	uint8_t obstacles = vm->obstacles[GATE_TRAP][ordinal];

	if (obstacles & GATE_OBSTACLE_UNKNOWN)
		return GATE_UNKNOWN;
	return obstacles & GATE_OBSTACLE_DENIED ? GATE_DENIED : GATE_REFUSALS;
}

/* ---- creation ---- */

static void destroy_vcpu(struct gate_vcpu *vcpu)
{
	if (!vcpu)
		return;
	gate_ring_destroy(vcpu);
	free(vcpu);
}

static int create_vcpu(struct gate_vm *vm, unsigned number)
{
	struct gate_vcpu *vcpu = calloc(1, sizeof *vcpu);

	if (!vcpu)
		return -ENOMEM;
	vm->vcpus[number] = vcpu;
	vcpu->vm = vm;
	vcpu->number = number;
	for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++) {
		struct gate_frame *frame = &vcpu->lanes[crossing].frame;

		frame->vm = vm;
		frame->vcpu = vcpu;
		frame->crossing = (uint8_t)crossing;
	}
	return gate_ring_create(vcpu, vm->in_flight);
}

static void set_rate(struct gate_vm *vm, const struct gate_config *config)
{
	if (!config->rate_per_second)
		return;
	vm->rate_interval = NANOSECONDS / config->rate_per_second;
	if (!vm->rate_interval)
		vm->rate_interval = 1;
	vm->rate_depth = vm->rate_interval * (config->rate_burst ? config->rate_burst : 1);
}

static bool is_valid(const struct gate_config *config)
{
	return config->memory && config->handlers && config->level < ABI_LEVELS && config->vcpus >= 1 &&
	       config->vcpus <= POSTERN_HANDLE_VCPU_MAX && config->in_flight <= MOST_IN_FLIGHT;
}

int gate_create(const struct gate_config *config, struct gate_vm **result)
{
	struct gate_vm *vm;
	int error;

	if (!is_valid(config))
		return -EINVAL;
	vm = calloc(1, sizeof *vm);
	if (!vm)
		return -ENOMEM;
	vm->memory = config->memory;
	vm->handlers = config->handlers;
	vm->level = &abi_levels[config->level];
	vm->owner = config->owner;
	vm->doorbell = config->doorbell;
	vm->notify = config->notify;
	vm->cancel = config->cancel;
	vm->interrupted = config->interrupted;
	vm->describe = config->describe;
	pthread_mutex_init(&vm->ring_events, NULL);
	vm->policy = config->policy;
	vm->resolution = config->resolution ? config->resolution : 1;
	vm->in_flight = config->in_flight;
	vm->created_at = gate_now();
	set_obstacles(vm, config);
	set_rate(vm, config);
	error = gate_handles_create(vm);
	vm->vcpus = calloc(config->vcpus, sizeof *vm->vcpus);
	if (!vm->vcpus)
		error = -ENOMEM;
	for (unsigned i = 0; i < config->vcpus && !error; i++) {
		vm->vcpu_count = i + 1;
		error = create_vcpu(vm, i);
	}
	if (error) {
		gate_destroy(vm);
		return error;
	}
	*result = vm;
	return 0;
}

void gate_destroy(struct gate_vm *vm)
{
	if (!vm)
		return;
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		destroy_vcpu(vm->vcpus[i]);
	gate_handles_destroy(vm);
	pthread_mutex_destroy(&vm->ring_events);
	free(vm->vcpus);
	free(vm);
}

void gate_stop(struct gate_vm *vm)
{
	atomic_store_explicit(&vm->stopping, 1, memory_order_seq_cst);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct gate_ring *ring = &vm->vcpus[i]->ring;

		atomic_fetch_add_explicit(&ring->progress, 1, memory_order_seq_cst);
		futex_wake_all(&ring->progress);
	}
}

/* ---- parts ---- */

struct gate_vcpu *gate_vcpu(struct gate_vm *vm, unsigned number)
{
	return number < vm->vcpu_count ? vm->vcpus[number] : NULL;
}

unsigned gate_vcpu_number(const struct gate_vcpu *vcpu)
{
	return vcpu->number;
}

bool gate_vcpu_pends(const struct gate_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->pends, memory_order_relaxed);
}

unsigned gate_vcpu_count(const struct gate_vm *vm)
{
	return vm->vcpu_count;
}

struct guest_memory *gate_memory(const struct gate_vm *vm)
{
	return vm->memory;
}

void *gate_owner(const struct gate_vm *vm)
{
	return vm->owner;
}

unsigned gate_level(const struct gate_vm *vm)
{
	return vm->level->minor;
}

struct gate_vm *gate_frame_vm(const struct gate_frame *frame)
{
	return frame->vm;
}

struct gate_vcpu *gate_frame_vcpu(const struct gate_frame *frame)
{
	return frame->vcpu;
}

enum gate_crossing gate_frame_crossing(const struct gate_frame *frame)
{
	return (enum gate_crossing)frame->crossing;
}

bool gate_permits(const struct gate_vm *vm, unsigned ordinal)
{
	return abi_calls[ordinal].always || vm->policy.granted[ordinal];
}

void gate_describe(const struct gate_vm *vm, struct postern_abi_info *info)
{
	if (info->section == POSTERN_SECTION_ABI) {
		info->limits[POSTERN_ABI_LIMIT_RATE] = vm->rate_interval ? NANOSECONDS / vm->rate_interval
									 : 0;
		info->limits[POSTERN_ABI_LIMIT_BURST] = vm->rate_interval ? vm->rate_depth / vm->rate_interval
									  : 0;
	} else if (info->section == POSTERN_SECTION_RING) {
		info->features = vm->doorbell ? POSTERN_RING_FEATURES_POLLED : 0;
		info->limits[POSTERN_RING_LIMIT_IN_FLIGHT] = vm->in_flight;
	} else if (vm->describe) {
		vm->describe(vm->owner, info);
	}
}

/* ---- watching ---- */

void gate_set_timing(struct gate_vm *vm, bool on)
{
	atomic_store_explicit(&vm->timed, on, memory_order_relaxed);
	set_observed(vm);
}

void gate_set_trace(struct gate_vm *vm, gate_trace_hook *hook, void *context)
{
	vm->trace = hook;
	vm->trace_context = context;
	set_observed(vm);
}

static void add_lane(const struct gate_lane *lane, struct gate_count *counts, struct gate_stats *stats)
{
	for (unsigned i = 0; i < ABI_CALLS; i++) {
		counts[i].calls += atomic_load_explicit(&lane->counters[i].calls, memory_order_relaxed);
		counts[i].failed += atomic_load_explicit(&lane->counters[i].failed, memory_order_relaxed);
		counts[i].nanoseconds +=
			atomic_load_explicit(&lane->counters[i].nanoseconds, memory_order_relaxed);
	}
	for (unsigned i = 0; i < GATE_REFUSALS; i++)
		stats->refused[i] += atomic_load_explicit(&lane->refused[i], memory_order_relaxed);
	stats->undeclared += atomic_load_explicit(&lane->undeclared, memory_order_relaxed);
}

void gate_read_stats(const struct gate_vm *vm, struct gate_stats *stats)
{
	memset(stats, 0, sizeof *stats);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++)
			add_lane(&vm->vcpus[i]->lanes[crossing], stats->counts[crossing], stats);
	}
}

const char *gate_crossing_name(enum gate_crossing crossing)
{
	static const char *const names[GATE_CROSSINGS] = { "trap", "batch", "ring" };

	return names[crossing];
}
