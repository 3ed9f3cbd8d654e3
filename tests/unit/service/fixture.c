/* SPDX-License-Identifier: ISC */
/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <sched.h>
#include <time.h>

/* ---- hooks ---- */

static void on_exit_call(void *owner, int code)
{
	(void)owner;
	(void)code;
}

static void on_crash_call(void *owner, unsigned vcpu, const struct postern_vm_crash *report,
			  const char *message)
{
	(void)owner;
	(void)vcpu;
	(void)report;
	(void)message;
}

static int on_start(void *owner, unsigned vcpu, uint64_t entry, uint64_t stack, uint64_t argument)
{
	struct world *world = owner;

	if (world->start_error)
		return world->start_error;
	world->entry = entry;
	world->stack = stack;
	world->argument = argument;
	atomic_fetch_add(&world->started[vcpu], 1);
	return 0;
}

static void on_stop(void *owner, unsigned vcpu)
{
	atomic_fetch_add(&((struct world *)owner)->stop_asked[vcpu], 1);
}

static void on_callbacks(void *owner, unsigned vcpu, const struct postern_vcpu_callbacks *entries)
{
	(void)vcpu;
	(void)entries;
	atomic_fetch_add(&((struct world *)owner)->callbacks_set, 1);
}

static void on_raise(void *owner, unsigned vcpu)
{
	atomic_fetch_add(&((struct world *)owner)->raised[vcpu], 1);
}

/* ---- life ---- */

void world_prepare(struct world *world)
{
	memset(world, 0, sizeof *world);
	assert_int_equal(memory_create(&world->memory, RAM_SIZE), 0);
	world->config = (struct services_config){
		.hooks = {
			.exit = on_exit_call,
			.crash = on_crash_call,
			.start_vcpu = on_start,
			.stop_vcpu = on_stop,
			.set_callbacks = on_callbacks,
			.raise = on_raise,
		},
		.owner = world,
		.vcpus = VCPUS,
		.in_flight = 8,
		.vcpu_pages = PAGES_AT,
		.kernel_start = KERNEL,
		.input = -1,
		.output = -1,
		.error = -1,
		.resolution = 1,
	};
}

void world_create(struct world *world)
{
	struct gate_config gate = {
		.memory = &world->memory,
		.handlers = &world->handlers,
		.level = ABI_LEVELS - 1,
		.vcpus = VCPUS,
		.in_flight = 8,
		.resolution = world->config.resolution,
		.owner = &world->services,
		.notify = services_notify,
		.cancel = services_cancel,
		.interrupted = services_interrupted,
		.describe = services_describe,
	};
	struct abi_handlers all = { 0 };
	char error[128];

	/* A test's own handlers stay. */
	service_all(&all);
	for (size_t i = 0; i < sizeof all / sizeof(void (*)(void)); i++) {
		void (**mine)(void) = (void (**)(void)) & world->handlers;

		if (!mine[i])
			mine[i] = ((void (**)(void)) & all)[i];
	}
	assert_int_equal(p2m_set(&world->memory, PAGES_AT / MEMORY_PAGE_SIZE, VCPUS, P2M_SHARED), 0);
	for (unsigned i = 0; i < VCPUS; i++)
		world->pages[i] = world_at(world, PAGES_AT + i * MEMORY_PAGE_SIZE);
	assert_int_equal(services_create(&world->services, &world->config), 0);
	assert_int_equal(gate_policy_allow(&gate.policy, "all", error, sizeof error), 0);
	assert_int_equal(gate_create(&gate, &world->gate), 0);
	assert_int_equal(services_start(&world->services, world->gate), 0);
}

void world_destroy(struct world *world)
{
	struct gate_stats stats;

	gate_read_stats(world->gate, &stats);
	services_stop(&world->services);
	services_join(&world->services);
	gate_destroy(world->gate);
	services_destroy(&world->services);
	memory_destroy(&world->memory);
	/* Handlers answer what the contract declares, and nothing else. */
	assert_int_equal(stats.undeclared, 0);
}

/* ---- calls ---- */

static int64_t call_gate(struct world *world, unsigned vcpu, uint64_t number, const uint64_t args[6])
{
	const int64_t result = gate_call(world->gate, gate_vcpu(world->gate, vcpu), number, args);

	if (atomic_exchange(&world->stop_asked[vcpu], 0))
		services_vcpu_stopped(&world->services, vcpu);
	return result;
}

int64_t world_call(struct world *world, unsigned vcpu, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
	const uint64_t args[6] = { a0, a1, a2 };

	return call_gate(world, vcpu, number, args);
}

static void *run_call(void *argument)
{
	struct call *call = argument;

	call->result = call_gate(call->world, call->vcpu, call->number, call->args);
	atomic_store(&call->is_done, true);
	return NULL;
}

void call_begin(struct call *call, struct world *world, unsigned vcpu, uint64_t number, uint64_t a0,
		uint64_t a1, uint64_t a2)
{
	*call = (struct call){ .world = world, .vcpu = vcpu, .number = number, .args = { a0, a1, a2 } };
	assert_int_equal(pthread_create(&call->thread, NULL, run_call, call), 0);
}

int64_t call_end(struct call *call)
{
	pthread_join(call->thread, NULL);
	return call->result;
}

postern_handle_t world_bind(struct world *world, unsigned vcpu, unsigned bit)
{
	struct postern_event_bind *how = world_struct(world, 0);
	int64_t handle;

	*how = POSTERN_INIT(event_bind);
	how->vcpu = vcpu;
	how->bit = bit;
	handle = CALL(world, 0, POSTERN_CALL_EVENT_BIND, world_struct_at(0));
	assert_true(handle >= 0);
	return (postern_handle_t)handle;
}

/* ---- memory and time ---- */

void *world_at(struct world *world, uint64_t address)
{
	return world->memory.base + address;
}

uint64_t world_struct_at(unsigned vcpu)
{
	return STRUCT_AT + vcpu * 0x100;
}

void *world_struct(struct world *world, unsigned vcpu)
{
	return world_at(world, world_struct_at(vcpu));
}

uint64_t world_now(struct world *world)
{
	return gate_monotonic(world->gate);
}

void sleep_for(uint64_t nanoseconds)
{
	const struct timespec time = { (time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000) };

	nanosleep(&time, NULL);
}

uint64_t world_pending(struct world *world, unsigned vcpu)
{
	return __atomic_load_n(&world->pages[vcpu]->pending, __ATOMIC_ACQUIRE);
}

void world_clear(struct world *world, unsigned vcpu, uint64_t bits)
{
	__atomic_fetch_and(&world->pages[vcpu]->pending, ~bits, __ATOMIC_SEQ_CST);
}

void world_enable(struct world *world, unsigned vcpu)
{
	struct postern_vcpu_callbacks *entries = world_struct(world, vcpu);

	*entries = POSTERN_INIT(vcpu_callbacks);
	entries->event = KERNEL;
	assert_int_equal(CALL(world, vcpu, POSTERN_CALL_VCPU_CALLBACKS, world_struct_at(vcpu)), 0);
	memory_store_u32(&world->pages[vcpu]->enabled, 1);
}

void world_await_idle(struct world *world, unsigned vcpu)
{
	while (memory_load_u32(&world->pages[vcpu]->running))
		sched_yield();
	/* Until it sleeps, most likely; a test that depends on it would fail only now and then. */
	sleep_for(5 * MILLISECOND);
}
