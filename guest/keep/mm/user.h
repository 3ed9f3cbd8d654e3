/* SPDX-License-Identifier: ISC */
/*
 * user.h - access to the memory of the current program. Each byte is read or written once. May sleep, for memory that
 * comes from a file. Errors: -EFAULT, with what was copied before it left where it is; for want of memory, too, and then
 * the process ends.
 */
#ifndef KEEP_MM_USER_H
#define KEEP_MM_USER_H

#include "keep.h"

int user_read(void *to, uint64_t from, size_t length);
int user_write(uint64_t to, const void *from, size_t length);
int user_zero(uint64_t to, size_t length);

/*
 * Copies a string with its NUL. Returns its length without that. Errors: -EFAULT, -ENAMETOOLONG when there is no NUL in
 * `size` bytes.
 */
int64_t user_string(char *to, uint64_t from, size_t size);

/*
 * An atomic operation on a program's aligned 32-bit word. Returns 0 or -EFAULT. exchanged says whether the word was
 * `expected`, and *seen gets what it was.
 */
int user_load_u32(uint64_t address, uint32_t *value);
int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *seen);

/*
 * A place in the memory of a program, of the kernel, or of several pieces (iovec), from which or to which a file's
 * functions copy: they move forward in it. The file system needs to know only this.
 */
struct user_vector {
	uint64_t base;
	uint64_t length;
};
struct transfer {
	char *kernel;                     /* not NULL: memory of the kernel, and no pieces */
	const struct user_vector *pieces; /* of the program; the kernel's own copy */
	size_t piece_count;
	uint64_t piece_offset; /* within the first piece that is left */
	uint64_t left;         /* bytes in all */
};

void transfer_of_kernel(struct transfer *transfer, void *memory, size_t length);
void transfer_of_user(struct transfer *transfer, struct user_vector *piece, uint64_t address,
		      uint64_t length);
void transfer_of_pieces(struct transfer *transfer, const struct user_vector *pieces, size_t count);

/* Copy `length` bytes, at most transfer->left. Return how many, less than asked only before -EFAULT. */
int64_t transfer_to(struct transfer *transfer, const void *from, size_t length);
int64_t transfer_zero(struct transfer *transfer, size_t length);
int64_t transfer_from(struct transfer *transfer, void *to, size_t length);
/*
 * The next piece as memory of the kernel, without a copy, as for a call to the host: within one page, at most `length`
 * bytes. `writes`: the memory is going to be written. Good until the caller sleeps, unless held by page_hold(). Then
 * transfer_advance().
 */
void *transfer_memory(struct transfer *transfer, bool writes, size_t *length, int *error);
void transfer_advance(struct transfer *transfer, size_t length);

#endif
