/* SPDX-License-Identifier: ISC */
/* fixture.h - a VM with all services and no engine: tests are its vCPUs, and its hooks record what they are told. */
#ifndef TEST_SERVICE_FIXTURE_H
#define TEST_SERVICE_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gate/gate.h"
#include "gate/ring.h"
#include "service/service.h"
#include "service/services.h"

enum { RAM_SIZE = 1 << 20, VCPUS = 4, PAGES_AT = 0x2000, STRUCT_AT = 0x8000, RING_AT = 0x10000 };

/* A quarter of a second is long enough for whatever should happen, and short enough for what should not. */
#define MILLISECOND UINT64_C(1000000)
#define LONG (20000 * MILLISECOND)
#define NEVER UINT64_MAX

#define KERNEL UINT64_C(0x200000000000)

struct world {
	struct guest_memory memory;
	struct abi_handlers handlers;
	struct services_config config; /* change it between world_prepare() and world_create() */
	struct services services;
	struct gate_vm *gate;
	struct postern_vcpu_page *pages[VCPUS];

	/* What the hooks were told. */
	_Atomic unsigned raised[VCPUS];
	_Atomic unsigned started[VCPUS];
	_Atomic unsigned stop_asked[VCPUS]; /* services_vcpu_stopped() is owed */
	_Atomic unsigned callbacks_set;
	uint64_t entry, stack, argument;
	int start_error; /* what start_vcpu answers */
};

/* A call of a vCPU on a thread of its own. */
struct call {
	struct world *world;
	unsigned vcpu;
	uint64_t number;
	uint64_t args[6];
	int64_t result;
	_Atomic bool is_done;
	pthread_t thread;
};

void world_prepare(struct world *world);
void world_create(struct world *world);
void world_destroy(struct world *world);

/* A call by trap. Afterwards the vCPU leaves the guest, if it was asked to. */
int64_t world_call(struct world *world, unsigned vcpu, uint64_t number, uint64_t a0, uint64_t a1,
		   uint64_t a2);
#define CALL_3(world, vcpu, number, a, b, c, ...) world_call(world, vcpu, number, a, b, c)
#define CALL(world, vcpu, ...) CALL_3(world, vcpu, __VA_ARGS__, 0, 0, 0, 0)

void call_begin(struct call *call, struct world *world, unsigned vcpu, uint64_t number, uint64_t a0,
		uint64_t a1, uint64_t a2);
int64_t call_end(struct call *call);

/* Guest memory. Structs for calls are put at STRUCT_AT, plus 0x100 for each vCPU. */
void *world_at(struct world *world, uint64_t address);
void *world_struct(struct world *world, unsigned vcpu);
uint64_t world_struct_at(unsigned vcpu);

/* An event for a bit of a vCPU, bound by vCPU 0. */
postern_handle_t world_bind(struct world *world, unsigned vcpu, unsigned bit);

uint64_t world_now(struct world *world);
void sleep_for(uint64_t nanoseconds);
uint64_t world_pending(struct world *world, unsigned vcpu);
/* What a guest does that takes its events. */
void world_clear(struct world *world, unsigned vcpu, uint64_t bits);

/* Makes events deliverable on a vCPU, as far as it is concerned. */
void world_enable(struct world *world, unsigned vcpu);

/* Waits until a vCPU waits in a call: its page says that it does not run. */
void world_await_idle(struct world *world, unsigned vcpu);

#endif
