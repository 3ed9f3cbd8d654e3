/* SPDX-License-Identifier: ISC */
/* fixture.h - a VM for tests of the gate: memory, a gate, and handlers that record what they got. */
#ifndef TEST_GATE_FIXTURE_H
#define TEST_GATE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gate/gate.h"
#include "gate/handle.h"
#include "gate/ring.h"
#include "memory/memory.h"
#include "service/service.h"

struct vm {
	struct guest_memory memory;
	struct abi_handlers handlers;
	struct gate_config config; /* change it between vm_prepare() and vm_create() */
	struct gate_vm *gate;
	struct gate_vcpu *vcpu; /* number 0 */
};

enum { RAM_SIZE = 1 << 20 };

/* A VM with the services of the gate itself, everything granted, and one vCPU. */
void vm_prepare(struct vm *vm);
void vm_create(struct vm *vm);
void vm_destroy(struct vm *vm);

/* A call by trap of vCPU 0, with the registers that are given and zero in the others. */
int64_t vm_call(struct vm *vm, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		uint64_t a4, uint64_t a5);
#define CALL_6(vm, number, a, b, c, d, e, f, ...) vm_call(vm, number, a, b, c, d, e, f)
#define CALL(vm, ...) CALL_6(vm, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* Guest memory, as the guest sees it. */
void *vm_at(struct vm *vm, uint64_t address);

/* Calls of an ordinal that have been counted, over all crossings; how many failed; refusals at a rank. */
uint64_t vm_calls(struct vm *vm, unsigned ordinal);
uint64_t vm_failed(struct vm *vm, unsigned ordinal);
uint64_t vm_refused(struct vm *vm, enum gate_refusal refusal);

#endif
