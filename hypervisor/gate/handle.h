/* SPDX-License-Identifier: ISC */
/*
 * handle.h - a VM's handles: small numbers by which a guest names objects of the host. One table for
 * each kind. A handle that was closed is not mistaken for the next one in its place, since each has a
 * generation; an object lives until the last call that uses it is complete.
 */
#ifndef POSTERN_GATE_HANDLE_H
#define POSTERN_GATE_HANDLE_H

#include "gate/gate.h"

/*
 * Gives an object a handle. rights: bitmap as the contract defines for the kind; state: as it defines,
 * or 0. release is called with the object when the handle is closed and no call uses it any more, on
 * the thread of the last user; it may be NULL.
 *
 * Errors: -EAGAIN when the VM has the kind's maximum open.
 */
int gate_handle_open(struct gate_vm *vm, enum abi_handle_kind kind, void *object,
		     void (*release)(void *object), uint32_t rights, uint32_t state,
		     postern_handle_t *handle);

/* Whether a handle is open, and what it names: for callers who see that it is not closed meanwhile. */
bool gate_handle_is_open(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle,
			 void **object);

/* Closes a handle: it is not found any more from here on. Errors: -EBADF. */
int gate_handle_close(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle);

/*
 * Changes an object's state from one to another in one atomic step. Handlers whose call needs a state
 * do this themselves: between the gate's check and the handler, another vCPU may have been faster.
 *
 * Returns false if the handle is not open, or its state is not `from`.
 */
bool gate_handle_change(struct gate_vm *vm, enum abi_handle_kind kind, postern_handle_t handle, uint32_t from,
			uint32_t to);

/*
 * Finds the object of a handle that came inside a struct, and keeps it alive until the frame's call is
 * complete. Errors: -EBADF, -EACCES.
 */
int gate_handle_find(struct gate_frame *frame, enum abi_handle_kind kind, postern_handle_t handle,
		     uint32_t rights, void **object);

#endif
