/* SPDX-License-Identifier: ISC */
/*
 * call_vm.h - a VM for tests that know calls by the grammar only: it makes valid calls, crosses by trap or
 * batch, and sees what reaches a handler and what changes in guest memory.
 */
#ifndef POSTERN_FUZZ_CALL_VM_H
#define POSTERN_FUZZ_CALL_VM_H

#include "make_call.h"
#include "watch_call.h"

#include "gate/gate.h"

enum {
	CALL_VM_PAGES = 32,
	CALL_VM_ARENA = 1, /* page: here arguments are placed */
	CALL_VM_HOLE = 24, /* page: released */
	CALL_VM_RING = 28, /* page: of the ring pair */
	CALL_VM_OBJECTS = 8,
	CALL_VM_RAM = CALL_VM_PAGES * 4096,
};

struct call_vm_object {
	enum abi_handle_kind kind;
	uint32_t rights;
	uint32_t state;
	postern_handle_t handle;
};

struct call_vm {
	struct watcher watcher;
	struct maker maker;
	struct guest_memory memory;
	struct abi_handlers handlers;
	struct gate_config config; /* may be changed between call_vm_prepare() and call_vm_create() */
	struct gate_vm *gate;
	struct gate_vcpu *vcpu;
	uint64_t next; /* address: where the next argument is placed */
	struct call_vm_object objects[CALL_VM_OBJECTS];
	size_t object_count;
	uint32_t entries; /* that went through the ring */
	uint8_t before[CALL_VM_RAM];
	/* What reached a handler since call_vm_begin(). */
	unsigned handled;
	unsigned ordinal;
	/* Called by the handlers, if not NULL; its result is theirs. */
	int64_t (*serve)(struct call_vm *vm, unsigned ordinal, void *args);
};

/* A VM at a level, to which everything is granted. All calls have a handler that answers 0. */
void call_vm_prepare(struct call_vm *vm, unsigned level);
void call_vm_create(struct call_vm *vm);
void call_vm_destroy(struct call_vm *vm);

/* Forgets the calls made before, and their objects. */
void call_vm_begin(struct call_vm *vm);

/* Remembers what is in guest memory, for call_vm_changed(). */
void call_vm_remember(struct call_vm *vm);

/* The first address that has changed since, apart from the ring's pages; or -1. */
int64_t call_vm_changed(const struct call_vm *vm);

/* Makes a call by trap or batch. The ring is set up when it is first needed. */
int64_t call_vm_cross(struct call_vm *vm, enum gate_crossing crossing, const struct made_call *call);

/* Sends one entry in a batch, as it is. */
int64_t call_vm_send(struct call_vm *vm, const struct postern_ring_entry *entry);

#endif
