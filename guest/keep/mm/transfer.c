/* SPDX-License-Identifier: ISC */
/* transfer.c - moving through memory of the kernel, or pieces of a program's, while copying. */
#include "mm/space.h"
#include "mm/user.h"
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

void transfer_of_pieces(struct transfer *transfer, const struct user_vector *pieces, size_t count)
{
	*transfer = (struct transfer){ .pieces = pieces, .piece_count = count };
	for (size_t i = 0; i < count; i++)
		transfer->left += pieces[i].length;
}

void transfer_advance(struct transfer *transfer, size_t length)
{
	KEEP_ASSERT(length <= transfer->left);
	transfer->left -= length;
	if (transfer->kernel) {
		transfer->kernel += length;
		return;
	}
	transfer->piece_offset += length;
	while (transfer->piece_count && transfer->piece_offset >= transfer->pieces->length) {
		transfer->piece_offset -= transfer->pieces->length;
		transfer->pieces++;
		transfer->piece_count--;
	}
}

void *transfer_memory(struct transfer *transfer, bool writes, size_t *length, int *error)
{
	uint64_t address;

	*error = 0;
	*length = least(*length, transfer->left);
	if (transfer->kernel) {
		*length = least(*length, PAGE_SIZE - (uint64_t)transfer->kernel % PAGE_SIZE);
		return transfer->kernel;
	}
	while (transfer->piece_count && !transfer->pieces->length) {
		transfer->pieces++;
		transfer->piece_count--;
	}
	if (!transfer->piece_count) {
		*length = 0;
		return NULL;
	}
	address = transfer->pieces->base + transfer->piece_offset;
	*length = least(*length, transfer->pieces->length - transfer->piece_offset);
	*length = least(*length, PAGE_SIZE - address % PAGE_SIZE);
	return space_memory(current_process()->space, address, writes ? SPACE_WRITE : SPACE_READ, error);
}

/* What each copying function does with a piece of memory. */
typedef void copy_function(void *memory, void *other, size_t length);

static int64_t copy(struct transfer *transfer, void *other, size_t length, bool writes, copy_function *run)
{
	size_t done = 0;

	length = least(length, transfer->left);
	while (done < length) {
		size_t part = length - done;
		int error;
		void *memory = transfer_memory(transfer, writes, &part, &error);

		if (!memory)
			return done ? (int64_t)done : -EFAULT;
		run(memory, other ? (char *)other + done : NULL, part);
		transfer_advance(transfer, part);
		done += part;
	}
	return (int64_t)done;
}

static void copy_to(void *memory, void *other, size_t length)
{
	memcpy(memory, other, length);
}

static void copy_from(void *memory, void *other, size_t length)
{
	memcpy(other, memory, length);
}

static void clear(void *memory, void *other, size_t length)
{
	(void)other;
	memset(memory, 0, length);
}

int64_t transfer_to(struct transfer *transfer, const void *from, size_t length)
{
	return copy(transfer, (void *)(uintptr_t)from, length, true, copy_to);
}

int64_t transfer_zero(struct transfer *transfer, size_t length)
{
	return copy(transfer, NULL, length, true, clear);
}

int64_t transfer_from(struct transfer *transfer, void *to, size_t length)
{
	return copy(transfer, to, length, false, copy_from);
}
