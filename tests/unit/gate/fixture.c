/* SPDX-License-Identifier: ISC */
/* fixture.c - see fixture.h. */
#include "fixture.h"

void vm_prepare(struct vm *vm)
{
	char error[128];

	memset(vm, 0, sizeof *vm);
	assert_int_equal(memory_create(&vm->memory, RAM_SIZE), 0);
	service_abi(&vm->handlers);
	service_ring(&vm->handlers);
	vm->config = (struct gate_config){
		.memory = &vm->memory,
		.handlers = &vm->handlers,
		.level = ABI_LEVELS - 1,
		.vcpus = 1,
		.in_flight = 8,
		.owner = vm,
	};
	assert_int_equal(gate_policy_allow(&vm->config.policy, "all", error, sizeof error), 0);
}

void vm_create(struct vm *vm)
{
	assert_int_equal(gate_create(&vm->config, &vm->gate), 0);
	vm->vcpu = gate_vcpu(vm->gate, 0);
}

void vm_destroy(struct vm *vm)
{
	gate_destroy(vm->gate);
	memory_destroy(&vm->memory);
}

int64_t vm_call(struct vm *vm, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };

	return gate_call(vm->gate, vm->vcpu, number, args);
}

void *vm_at(struct vm *vm, uint64_t address)
{
	return vm->memory.base + address;
}

uint64_t vm_calls(struct vm *vm, unsigned ordinal)
{
	struct gate_stats stats;
	uint64_t sum = 0;

	gate_read_stats(vm->gate, &stats);
	for (unsigned i = 0; i < GATE_CROSSINGS; i++)
		sum += stats.counts[i][ordinal].calls;
	return sum;
}

uint64_t vm_failed(struct vm *vm, unsigned ordinal)
{
	struct gate_stats stats;
	uint64_t sum = 0;

	gate_read_stats(vm->gate, &stats);
	for (unsigned i = 0; i < GATE_CROSSINGS; i++)
		sum += stats.counts[i][ordinal].failed;
	return sum;
}

uint64_t vm_refused(struct vm *vm, enum gate_refusal refusal)
{
	struct gate_stats stats;

	gate_read_stats(vm->gate, &stats);
	return stats.refused[refusal];
}
