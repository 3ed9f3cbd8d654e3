/* SPDX-License-Identifier: ISC */
/* transfer.c - places that are read or written in order: of the kernel, or pieces of a program's memory. */
#include "mm/user.h"

#include "mm/space.h"
#include "task/fault.h"
#include "task/task.h"

void transfer_of_kernel(struct transfer *transfer, void *memory, size_t length)
{
	*transfer = (struct transfer){ .kernel = memory, .left = length };
}

void transfer_of_user(struct transfer *transfer, struct user_vector *piece, uint64_t address, uint64_t length)
{
	*piece = (struct user_vector){ address, length };
	transfer_of_pieces(transfer, piece, 1);
}

/* Callers check that the sum is not more than a call may transfer; here it stops where it would overflow. */
void transfer_of_pieces(struct transfer *transfer, const struct user_vector *pieces, size_t count)
{
	*transfer = (struct transfer){ .pieces = pieces, .piece_count = count };
	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(transfer->left, pieces[i].length, &transfer->left)) {
			transfer->left = UINT64_MAX;
			return;
		}
	}
}

static void skip_finished(struct transfer *transfer)
{
	while (transfer->piece_count && transfer->piece_offset == transfer->pieces->length) {
		transfer->pieces++;
		transfer->piece_count--;
		transfer->piece_offset = 0;
	}
}

void *transfer_memory(struct transfer *transfer, bool writes, size_t *length, int *error)
{
	uint64_t address;
	uint64_t part = least(*length, transfer->left);
	void *memory;

	*error = 0;
	if (transfer->kernel) {
		*length = least(part, PAGE_SIZE - ((uint64_t)transfer->kernel & ~PAGE_MASK));
		return transfer->kernel;
	}
	skip_finished(transfer);
	if (!transfer->piece_count || !part) {
		*length = 0;
		return NULL;
	}
	if (__builtin_add_overflow(transfer->pieces->base, transfer->piece_offset, &address)) {
		*error = -EFAULT;
		return NULL;
	}
	part = least(part, transfer->pieces->length - transfer->piece_offset);
	*length = least(part, PAGE_SIZE - (address & ~PAGE_MASK));
	memory = space_memory(current_process()->space, address, writes ? SPACE_WRITE : SPACE_READ, error);
	if (!memory && *error == -ENOMEM)
		fault_out_of_memory();
	return memory;
}

void transfer_advance(struct transfer *transfer, size_t length)
{
	KEEP_ASSERT(length <= transfer->left);
	transfer->left -= length;
	if (transfer->kernel) {
		transfer->kernel += length;
		return;
	}
	while (length) {
		uint64_t part;

		skip_finished(transfer);
		part = least(length, transfer->pieces->length - transfer->piece_offset);
		transfer->piece_offset += part;
		length -= part;
	}
}

/* Does something with what is at the place now, `done` bytes after the beginning. */
typedef void step_function(void *memory, const void *context, size_t done, size_t length);

static int64_t run(struct transfer *transfer, bool writes, size_t length, step_function *step,
		   const void *context)
{
	size_t done = 0;

	length = least(length, transfer->left);
	while (done < length) {
		size_t part = length - done;
		int error;
		void *memory = transfer_memory(transfer, writes, &part, &error);

		if (!memory)
			return done ? (int64_t)done : -EFAULT;
		step(memory, context, done, part);
		transfer_advance(transfer, part);
		done += part;
	}
	return (int64_t)done;
}

static void step_to(void *memory, const void *from, size_t done, size_t length)
{
	memcpy(memory, (const char *)from + done, length);
}

static void step_zero(void *memory, const void *unused, size_t done, size_t length)
{
	(void)unused;
	(void)done;
	memset(memory, 0, length);
}

/* Its context is where the pointer is, since the bytes go there. */
static void step_from(void *memory, const void *to, size_t done, size_t length)
{
	memcpy(*(char *const *)to + done, memory, length);
}

int64_t transfer_to(struct transfer *transfer, const void *from, size_t length)
{
	return run(transfer, true, length, step_to, from);
}

int64_t transfer_zero(struct transfer *transfer, size_t length)
{
	return run(transfer, true, length, step_zero, NULL);
}

int64_t transfer_from(struct transfer *transfer, void *to, size_t length)
{
	return run(transfer, false, length, step_from, &to);
}
