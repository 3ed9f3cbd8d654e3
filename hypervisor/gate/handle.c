/* SPDX-License-Identifier: ISC */
/*
 * handle.c - tables of handles. A look-up is a load, a compare-and-swap that adds a user, and no lock;
 * opening and closing take the table's mutex. A slot's last user, after it was closed, frees it.
 */
#include "gate/handle.h"

#include "gate/take.h"

#include <errno.h>
#include <stdlib.h>

#define SLOT_OPEN UINT64_C(0x80000000)
#define SLOT_USERS UINT64_C(0x7fffffff)
#define SLOT_GENERATION UINT64_C(0xff00000000)
#define SLOT_NEXT_GENERATION UINT64_C(0x100000000)

/* A handle is index | generation << 16 | kind << 24. */
static postern_handle_t make_handle(enum abi_handle_kind kind, uint32_t index, uint64_t word)
{
	return index | (uint32_t)((word & SLOT_GENERATION) >> 16) | (uint32_t)abi_handles[kind].kind << 24;
}

/* The slot that a handle could name, or NULL; and what its word must have. */
static struct gate_slot *slot_of(struct gate_vm *vm, enum abi_handle_kind kind, uint64_t handle,
				 uint64_t *wanted)
{
	struct gate_handles *table = &vm->handles[kind];
	uint64_t within = memory_within(table->capacity, handle & 0xffff, 1);

	*wanted = ((handle & 0xff0000) << 16) | SLOT_OPEN;
	if (!within || handle >> 24 != abi_handles[kind].kind)
		return NULL;
	return &table->slots[handle & 0xffff & within];
}

static bool slot_matches(uint64_t word, uint64_t wanted)
{
	return (word & (SLOT_GENERATION | SLOT_OPEN)) == wanted;
}

/* Adds a user to a slot that is open and of the right generation. */
static bool slot_use(struct gate_slot *slot, uint64_t wanted)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	do {
		if (!slot_matches(word, wanted) || (word & SLOT_USERS) == SLOT_USERS)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, word + 1, memory_order_acquire,
							memory_order_relaxed));
	return true;
}

/* Frees a slot that is closed and has no users. */
static void slot_free(struct gate_vm *vm, enum abi_handle_kind kind, struct gate_slot *slot)
{
	struct gate_handles *table = &vm->handles[kind];
	void (*release)(void *object) = slot->release;
	void *object = slot->object;
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	atomic_store_explicit(&slot->word, (word + SLOT_NEXT_GENERATION) & SLOT_GENERATION,
			      memory_order_relaxed);
	pthread_mutex_lock(&table->mutex);
	table->free[(table->free_first + table->free_count++) % table->capacity] =
		(uint16_t)(slot - table->slots);
	pthread_mutex_unlock(&table->mutex);
	if (release)
		release(object);
}

static void slot_leave(struct gate_vm *vm, enum abi_handle_kind kind, struct gate_slot *slot)
{
	uint64_t word = atomic_fetch_sub_explicit(&slot->word, 1, memory_order_acq_rel);

	if (!(word & SLOT_OPEN) && (word & SLOT_USERS) == 1)
		slot_free(vm, kind, slot);
}

int gate_handle_open(struct gate_vm *vm, enum abi_handle_kind kind, void *object,
		     void (*release)(void *object), uint32_t rights, uint32_t state, postern_handle_t *handle)
{
	struct gate_handles *table = &vm->handles[kind];
	struct gate_slot *slot = NULL;
	uint32_t index = 0;

	pthread_mutex_lock(&table->mutex);
	if (table->free_count) {
		index = table->free[table->free_first];
		table->free_first = (table->free_first + 1) % table->capacity;
		table->free_count--;
		slot = &table->slots[index];
	}
	pthread_mutex_unlock(&table->mutex);
	if (!slot)
		return -EAGAIN;

	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

	slot->object = object;
	slot->release = release;
	slot->rights = rights;
	atomic_store_explicit(&slot->state, state, memory_order_relaxed);
	*handle = make_handle(kind, index, word);
	atomic_store_explicit(&slot->word, word | SLOT_OPEN, memory_order_release);
	return 0;
}

int gate_handle_close(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle)
{
	uint64_t wanted;
	struct gate_slot *slot = slot_of(vm, kind, handle, &wanted);

	/* Closing is done as a user, so that exactly one caller frees the slot. */
	if (!slot || !slot_use(slot, wanted))
		return -EBADF;

	uint64_t word = atomic_fetch_and_explicit(&slot->word, ~SLOT_OPEN, memory_order_acq_rel);

	slot_leave(vm, kind, slot);
	return word & SLOT_OPEN ? 0 : -EBADF;
}

bool gate_handle_is_open(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle,
			 void **object)
{
	uint64_t wanted;
	struct gate_slot *slot = slot_of(vm, kind, handle, &wanted);

	if (!slot || !slot_use(slot, wanted))
		return false;
	*object = slot->object;
	slot_leave(vm, kind, slot);
	return true;
}

bool gate_handle_change(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle, uint32_t from,
			uint32_t to)
{
	uint64_t wanted;
	struct gate_slot *slot = slot_of(vm, kind, handle, &wanted);

	if (!slot || !slot_use(slot, wanted))
		return false;

	bool changed = atomic_compare_exchange_strong_explicit(&slot->state, &from, to, memory_order_acq_rel,
							       memory_order_relaxed);

	slot_leave(vm, kind, slot);
	return changed;
}

unsigned gate_take_handle(struct gate_frame *frame, uint64_t value, enum abi_handle_kind kind,
			  uint32_t rights, uint32_t state, int state_error, void **object)
{
	uint64_t wanted;
	struct gate_slot *slot;

	*object = NULL;
	if (value > UINT32_MAX)
		return GATE_WRONG_MALFORMED;
	slot = slot_of(frame->vm, kind, value, &wanted);
	if (!slot || !slot_use(slot, wanted))
		return GATE_WRONG_HANDLE;
	frame->held_kind[frame->held_count] = kind;
	frame->held[frame->held_count++] = slot;
	if (rights & ~slot->rights)
		return GATE_WRONG_RIGHT;
	if (state != GATE_ANY_STATE && atomic_load_explicit(&slot->state, memory_order_acquire) != state) {
		if (!frame->state_error)
			frame->state_error = state_error;
		return GATE_WRONG_STATE;
	}
	*object = slot->object;
	return 0;
}

unsigned gate_take_optional_handle(struct gate_frame *frame, uint64_t value, enum abi_handle_kind kind,
				   uint32_t rights, uint32_t state, int state_error, void **object)
{
	*object = NULL;
	if (value == POSTERN_NO_HANDLE)
		return 0;
	return gate_take_handle(frame, value, kind, rights, state, state_error, object);
}

int gate_handle_find(struct gate_frame *frame, enum abi_handle_kind kind, postern_handle_t handle,
		     uint32_t rights, void **object)
{
	unsigned wrong;

	if (frame->held_count == GATE_MAX_HELD)
		return -EBADF;
	wrong = gate_take_handle(frame, handle, kind, rights, GATE_ANY_STATE, 0, object);
	if (wrong & GATE_WRONG_HANDLE)
		return -EBADF;
	return wrong ? -EACCES : 0;
}

void gate_drop_handles(struct gate_frame *frame)
{
	while (frame->held_count) {
		frame->held_count--;
		slot_leave(frame->vm, frame->held_kind[frame->held_count], frame->held[frame->held_count]);
	}
}

static int create_table(struct gate_handles *table, uint32_t capacity)
{
	table->slots = calloc(capacity, sizeof *table->slots);
	table->free = calloc(capacity, sizeof *table->free);
	if (!table->slots || !table->free)
		return -ENOMEM;
	table->capacity = table->free_count = capacity;
	for (uint32_t i = 0; i < capacity; i++)
		table->free[i] = (uint16_t)i;
	return 0;
}

int gate_handles_create(struct gate_vm *vm)
{
	int error = 0;

	for (unsigned kind = 0; kind < ABI_HANDLE_KINDS; kind++) {
		pthread_mutex_init(&vm->handles[kind].mutex, NULL);
		if (create_table(&vm->handles[kind], abi_handles[kind].max))
			error = -ENOMEM;
	}
	return error;
}

static void release_open(const struct gate_handles *table)
{
	for (uint32_t i = 0; i < table->capacity; i++) {
		struct gate_slot *slot = &table->slots[i];

		if ((atomic_load_explicit(&slot->word, memory_order_acquire) & SLOT_OPEN) && slot->release)
			slot->release(slot->object);
	}
}

void gate_handles_destroy(struct gate_vm *vm)
{
	for (unsigned kind = 0; kind < ABI_HANDLE_KINDS; kind++) {
		struct gate_handles *table = &vm->handles[kind];

		release_open(table);
		free(table->slots);
		free(table->free);
		pthread_mutex_destroy(&table->mutex);
	}
}
