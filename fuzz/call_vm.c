/* SPDX-License-Identifier: ISC */
/* call_vm.c - see call_vm.h. The ring has one slot, and lies in a page of its own. */
#include "call_vm.h"

#include "gate/handle.h"
#include "gate/ring.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#define RING_AT (CALL_VM_RING * MEMORY_PAGE_SIZE)

static struct call_vm *vm_of(struct maker *maker)
{
	return (struct call_vm *)((char *)maker - offsetof(struct call_vm, maker));
}

/* ---- the maker ---- */

/* Small, and not zero where there is a choice. */
static uint64_t draw(struct maker *maker, uint64_t most)
{
	(void)maker;
	return most < 3 ? most : 3;
}

static uint64_t place(struct maker *maker, uint64_t size, uint64_t align)
{
	struct call_vm *vm = vm_of(maker);
	uint64_t at = (vm->next + align - 1) / align * align;

	vm->next = at + size;
	assert_true(vm->next <= CALL_VM_HOLE * MEMORY_PAGE_SIZE);
	return at;
}

static void store(struct maker *maker, uint64_t at, const void *from, uint64_t size)
{
	const struct guest_memory *memory = maker->memory;

	for (uint64_t i = 0; i < size && at + i < memory->size; i++)
		memory->base[at + i] = ((const uint8_t *)from)[i];
}

static postern_handle_t open_object(struct call_vm *vm, enum abi_handle_kind kind, uint32_t rights,
				    uint32_t state)
{
	struct call_vm_object *object = &vm->objects[vm->object_count++];

	assert_true(vm->object_count <= CALL_VM_OBJECTS);
	*object = (struct call_vm_object){ .kind = kind, .rights = rights, .state = state };
	assert_int_equal(gate_handle_open(vm->gate, kind, vm, NULL, rights, state, &object->handle), 0);
	return object->handle;
}

/* One is enough of each sort: a kind may have few. */
static postern_handle_t find_or_open(struct call_vm *vm, enum abi_handle_kind kind, uint32_t rights,
				     uint32_t state)
{
	for (size_t i = 0; i < vm->object_count; i++) {
		const struct call_vm_object *object = &vm->objects[i];

		if (object->kind == kind && object->rights == rights && object->state == state)
			return object->handle;
	}
	return open_object(vm, kind, rights, state);
}

static void close_last(struct call_vm *vm)
{
	vm->object_count--;
	assert_int_equal(gate_handle_close(vm->gate, vm->objects[vm->object_count].kind,
					   vm->objects[vm->object_count].handle),
			 0);
}

static bool handle(struct maker *maker, const struct grammar_field *arg, enum made_handle sort,
		   postern_handle_t *result)
{
	struct call_vm *vm = vm_of(maker);
	enum abi_handle_kind kind = arg->handle;
	uint32_t rights = UINT32_MAX;
	uint32_t state = arg->state >= 0 ? (uint32_t)arg->state : 0;

	if (sort == MADE_OTHER_KIND)
		kind = (kind + 1) % ABI_HANDLE_KINDS;
	else if (sort == MADE_OTHER_STATE)
		state++;
	else if (sort == MADE_NO_RIGHT)
		rights &= ~(arg->rights & -arg->rights);
	if (sort == MADE_CLOSED) {
		*result = open_object(vm, kind, rights, state);
		close_last(vm);
	} else {
		*result = find_or_open(vm, kind, rights, state);
	}
	return true;
}

/* ---- the VM ---- */

static int64_t serve(struct watcher *watcher, struct gate_frame *frame, unsigned ordinal, void *args)
{
	struct call_vm *vm = (struct call_vm *)watcher;
	const char *where = "";
	const char *wrong = watch_check(gate_frame_vm(frame), ordinal, args, &where);

	if (wrong)
		fail_msg("%s: %s: %s", abi_calls[ordinal].name, where, wrong);
	vm->handled++;
	vm->ordinal = ordinal;
	return vm->serve ? vm->serve(vm, ordinal, args) : 0;
}

void call_vm_prepare(struct call_vm *vm, unsigned level)
{
	memset(vm, 0, sizeof *vm);
	assert_int_equal(memory_create(&vm->memory, CALL_VM_RAM), 0);
	assert_int_equal(memory_release(&vm->memory, CALL_VM_HOLE, 1), 0);
	vm->watcher.serve = serve;
	watch_handlers(&vm->handlers);
	vm->maker = (struct maker){
		.memory = &vm->memory,
		.level = level,
		.draw = draw,
		.place = place,
		.handle = handle,
		.store = store,
		.hole = CALL_VM_HOLE * MEMORY_PAGE_SIZE,
	};
	vm->config = (struct gate_config){
		.memory = &vm->memory,
		.handlers = &vm->handlers,
		.level = level,
		.vcpus = 1,
		.in_flight = 1,
		.owner = vm,
	};
	memset(vm->config.policy.granted, 1, sizeof vm->config.policy.granted);
}

void call_vm_create(struct call_vm *vm)
{
	assert_int_equal(gate_create(&vm->config, &vm->gate), 0);
	vm->vcpu = gate_vcpu(vm->gate, 0);
	call_vm_begin(vm);
}

void call_vm_destroy(struct call_vm *vm)
{
	gate_destroy(vm->gate);
	memory_destroy(&vm->memory);
}

void call_vm_begin(struct call_vm *vm)
{
	while (vm->object_count)
		close_last(vm);
	vm->next = CALL_VM_ARENA * MEMORY_PAGE_SIZE;
	vm->handled = 0;
}

void call_vm_remember(struct call_vm *vm)
{
	memcpy(vm->before, vm->memory.base, CALL_VM_RAM);
}

int64_t call_vm_changed(const struct call_vm *vm)
{
	if (!memcmp(vm->memory.base, vm->before, RING_AT))
		return -1;
	for (uint64_t i = 0; i < RING_AT; i++) {
		if (vm->memory.base[i] != vm->before[i])
			return (int64_t)i;
	}
	return -1;
}

/* ---- crossings ---- */

static void set_up_ring(struct call_vm *vm)
{
	struct postern_ring_setup setup = { .base = RING_AT, .event = POSTERN_NO_HANDLE };

	assert_int_equal(gate_ring_setup(vm->vcpu, &setup), 0);
}

int64_t call_vm_send(struct call_vm *vm, const struct postern_ring_entry *entry)
{
	struct postern_ring_guest *guest = (struct postern_ring_guest *)(vm->memory.base + RING_AT);
	struct postern_ring_entry *slot = (struct postern_ring_entry *)(guest + 2);
	const struct postern_ring_completion *completion = (const struct postern_ring_completion *)(slot + 1);

	if (!vm->entries)
		set_up_ring(vm);
	*slot = *entry;
	slot->token = vm->entries;
	guest->submit_tail = ++vm->entries;
	assert_int_equal(gate_ring_enter(vm->vcpu, 1, 0, 0), 1);
	assert_int_equal(completion->token, slot->token);
	guest->complete_head = vm->entries;
	return completion->result;
}

int64_t call_vm_cross(struct call_vm *vm, enum gate_crossing crossing, const struct made_call *call)
{
	struct postern_ring_entry entry = { .call = (uint16_t)call->number };

	if (crossing == GATE_TRAP)
		return gate_call(vm->gate, vm->vcpu, call->number, call->args);
	memcpy(entry.args, call->args, sizeof entry.args);
	return call_vm_send(vm, &entry);
}
