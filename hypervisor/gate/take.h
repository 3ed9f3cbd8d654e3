/* SPDX-License-Identifier: ISC */
/*
 * take.h - what generated decoders are made of. Each gate_take_* takes one argument out of its registers
 * and guest memory: memory is read once, into the frame, and only that copy is looked at from then on.
 * They answer with bits that say what is wrong; a decoder collects the bits of all arguments, so that the
 * error of the lowest rank can be answered whichever argument it belongs to.
 */
#ifndef POSTERN_GATE_TAKE_H
#define POSTERN_GATE_TAKE_H

#include "gate/frame.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum gate_wrong {
	GATE_WRONG_MALFORMED = 1 << GATE_MALFORMED,
	GATE_WRONG_FAULT = 1 << GATE_FAULT,
	GATE_WRONG_TOO_BIG = 1 << GATE_TOO_BIG,
	GATE_WRONG_HANDLE = 1 << GATE_BAD_HANDLE,
	GATE_WRONG_RIGHT = 1 << GATE_NO_RIGHT,
	GATE_WRONG_STATE = 1 << GATE_BAD_STATE,
	GATE_WRONG_LIMIT = 1 << GATE_LIMIT,
};

#define GATE_ANY_STATE UINT32_MAX

/* Counts the refusal of the lowest rank and returns its negative errno. */
int64_t gate_refuse(struct gate_frame *frame, unsigned wrong);

/* Takes a token from the VM's bucket. Returns false when it is empty. */
bool gate_rate_take(struct gate_vm *vm);

static inline unsigned gate_malformed(bool is)
{
	return is ? GATE_WRONG_MALFORMED : 0;
}

/* Whether an enum has a value, by the mask of its valid ones. */
static inline bool gate_is_value(uint64_t value, uint64_t mask)
{
	return value < 64 && ((mask >> value) & 1);
}

/* Whether any of size bytes, of a private copy, is not zero. */
bool gate_any_set(const void *copy, size_t size);

/*
 * An extensible struct that the host reads. first: its size in the version that introduced it; known: at
 * the VM's level; copy_size: of the copy, of which what the caller did not send is zeroed. place: where
 * it is to be written back, or NULL if it is not.
 */
unsigned gate_take_struct(struct gate_frame *frame, uint64_t address, size_t first, size_t known, void *copy,
			  size_t copy_size, struct gate_place *place);

/* One that the host only writes: of the guest's, only the size and the unknown tail are looked at. The copy is zeroed. */
unsigned gate_take_out(struct gate_frame *frame, uint64_t address, size_t first, size_t known, void *copy,
		       size_t copy_size, struct gate_place *place);

/* Writes a struct back, all but its size. */
void gate_give_struct(const struct gate_place *place, const void *copy);

/* min to max fixed structs of each bytes (a multiple of 8). taken is 0 unless all are there. */
unsigned gate_take_vector(struct gate_frame *frame, uint64_t address, uint64_t count, uint32_t min,
			  uint32_t max, size_t each, void *copy, uint32_t *taken);

/* min to max bytes. */
unsigned gate_take_bytes(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			 uint32_t max, void *copy, uint32_t *taken);

/* The same without NULs inside, and with one after the last; the copy has room for max + 1. */
unsigned gate_take_string(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			  uint32_t max, char *copy, uint32_t *taken);

/* min to max bytes of guest memory, as a host span. access: enum memory_access. */
unsigned gate_take_buffer(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			  uint32_t max, unsigned access, struct iovec *span);

/* min to max pieces of guest memory, of at most total bytes together. */
unsigned gate_take_segments(struct gate_frame *frame, uint64_t address, uint64_t count, uint32_t min,
			    uint32_t max, uint64_t total, unsigned access, struct iovec *spans,
			    uint32_t *taken, uint64_t *bytes);

/*
 * An object, kept alive until the frame's call is complete. rights: all that are needed; state: the one
 * that is needed, or GATE_ANY_STATE; state_error: errno if it is in another.
 */
unsigned gate_take_handle(struct gate_frame *frame, uint64_t value, enum abi_handle_kind kind,
			  uint32_t rights, uint32_t state, int state_error, void **object);

/* The same, where POSTERN_NO_HANDLE means no object, and gives NULL. */
unsigned gate_take_optional_handle(struct gate_frame *frame, uint64_t value, enum abi_handle_kind kind,
				   uint32_t rights, uint32_t state, int state_error, void **object);

#endif
