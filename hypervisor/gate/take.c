/* SPDX-License-Identifier: ISC */
/* take.c - takes arguments out of guest memory. See take.h. */
#include "gate/take.h"

#include <string.h>

enum { LARGEST_STRUCT = 4096 };

bool gate_any_set(const void *copy, size_t size)
{
	const uint8_t *byte = copy;
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= byte[i];
	return any;
}

/* Whether words of guest memory are all zero; each is read once. */
static bool tail_is_zero(const uint8_t *host, size_t size)
{
	uint64_t any = 0;

	for (size_t i = 0; i < size; i += 8)
		any |= memory_load_u64(host + i);
	return !any;
}

/* Zeroes a multiple of 8 bytes. Structs are small, and a call of memset() would cost more than they do. */
static inline void zero_words(void *to, size_t size)
{
	memory_word *word = to;

	for (size_t i = 0; i < size / 8; i++)
		word[i] = 0;
}

/* What is known of a caller's struct once its size has been read. */
struct caller {
	uint8_t *host;
	uint64_t head; /* the first word: size, and four bytes more */
	size_t kept;   /* bytes that both sides know */
};

/* The rules for extensible structs, in docs/contract.md. */
static unsigned find_struct(struct gate_frame *frame, uint64_t address, size_t first, size_t known,
			    unsigned access, struct caller *caller)
{
	const struct guest_memory *memory = frame->vm->memory;
	struct iovec span;
	size_t size;

	if (address % 8)
		return GATE_WRONG_MALFORMED;
	if (!memory_span(memory, (gpa_t){ address }, sizeof caller->head, access, &span))
		return GATE_WRONG_FAULT;
	caller->host = span.iov_base;
	caller->head = memory_load_u64(caller->host);
	size = (uint32_t)caller->head;
	if (size < first || size % 8)
		return GATE_WRONG_MALFORMED;
	if (size > LARGEST_STRUCT)
		return GATE_WRONG_TOO_BIG;
	/* The page of the first word has been judged; only a struct that goes on into another is looked at again. */
	if (address % MEMORY_PAGE_SIZE + size > MEMORY_PAGE_SIZE &&
	    !memory_span(memory, (gpa_t){ address }, size, access, &span))
		return GATE_WRONG_FAULT;
	caller->kept = size < known ? size : known;
	return tail_is_zero(caller->host + caller->kept, size - caller->kept) ? 0 : GATE_WRONG_TOO_BIG;
}

unsigned gate_take_struct(struct gate_frame *frame, uint64_t address, size_t first, size_t known, void *copy,
			  size_t copy_size, struct gate_place *place)
{
	unsigned access = place ? MEMORY_READ | MEMORY_WRITE : MEMORY_READ;
	struct caller caller;
	unsigned wrong = find_struct(frame, address, first, known, access, &caller);

	if (wrong)
		return wrong;
	/* The size is not read again: a second look might find another one. */
	memcpy(copy, &caller.head, sizeof caller.head);
	memory_load_words((uint8_t *)copy + 8, caller.host + 8, caller.kept / 8 - 1);
	zero_words((uint8_t *)copy + caller.kept, copy_size - caller.kept);
	if (place)
		*place = (struct gate_place){ caller.host, caller.kept };
	return 0;
}

unsigned gate_take_out(struct gate_frame *frame, uint64_t address, size_t first, size_t known, void *copy,
		       size_t copy_size, struct gate_place *place)
{
	struct caller caller;
	uint32_t size;
	unsigned wrong = find_struct(frame, address, first, known, MEMORY_READ | MEMORY_WRITE, &caller);

	if (wrong)
		return wrong;
	size = (uint32_t)caller.head;
	zero_words(copy, copy_size);
	memcpy(copy, &size, sizeof size);
	*place = (struct gate_place){ caller.host, caller.kept };
	return 0;
}

void gate_give_struct(const struct gate_place *place, const void *copy)
{
	const uint8_t *from = copy;
	uint32_t after_size;

	memcpy(&after_size, from + 4, sizeof after_size);
	memory_store_u32(place->host + 4, after_size);
	memory_store_words(place->host + 8, from + 8, place->size / 8 - 1);
}

unsigned gate_take_vector(struct gate_frame *frame, uint64_t address, uint64_t count, uint32_t min,
			  uint32_t max, size_t each, void *copy, uint32_t *taken)
{
	struct iovec span;

	*taken = 0;
	if (count < min || count > max || address % 8)
		return GATE_WRONG_MALFORMED;
	if (!memory_span(frame->vm->memory, (gpa_t){ address }, count * each, MEMORY_READ, &span))
		return GATE_WRONG_FAULT;
	memory_load_words(copy, span.iov_base, span.iov_len / 8);
	*taken = (uint32_t)count;
	return 0;
}

unsigned gate_take_bytes(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			 uint32_t max, void *copy, uint32_t *taken)
{
	*taken = 0;
	if (length < min || length > max)
		return GATE_WRONG_MALFORMED;
	if (!memory_copy_in(frame->vm->memory, copy, (gpa_t){ address }, length))
		return GATE_WRONG_FAULT;
	*taken = (uint32_t)length;
	return 0;
}

unsigned gate_take_string(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			  uint32_t max, char *copy, uint32_t *taken)
{
	unsigned wrong = gate_take_bytes(frame, address, length, min, max, copy, taken);

	copy[*taken] = '\0';
	if (memchr(copy, '\0', *taken))
		return GATE_WRONG_MALFORMED;
	return wrong;
}

unsigned gate_take_buffer(struct gate_frame *frame, uint64_t address, uint64_t length, uint32_t min,
			  uint32_t max, unsigned access, struct iovec *span)
{
	if (length < min || length > max)
		return GATE_WRONG_MALFORMED;
	return memory_span(frame->vm->memory, (gpa_t){ address }, length, access, span) ? 0
											: GATE_WRONG_FAULT;
}

unsigned gate_take_segments(struct gate_frame *frame, uint64_t address, uint64_t count, uint32_t min,
			    uint32_t max, uint64_t total, unsigned access, struct iovec *spans,
			    uint32_t *taken, uint64_t *bytes)
{
	const struct guest_memory *memory = frame->vm->memory;
	struct iovec array;
	uint64_t sum = 0;
	unsigned wrong = 0;

	*taken = 0;
	*bytes = 0;
	if (count < min || count > max || address % 8)
		return GATE_WRONG_MALFORMED;
	if (!memory_span(memory, (gpa_t){ address }, count * sizeof(struct postern_segment), MEMORY_READ,
			 &array))
		return GATE_WRONG_FAULT;
	for (size_t i = 0; i < count; i++) {
		struct postern_segment segment;

		memory_load_words(&segment, (uint8_t *)array.iov_base + i * sizeof segment,
				  sizeof segment / 8);
		/* A length above what is left of total would overflow nothing, but is too much already. */
		if (segment.length > total - sum) {
			wrong |= GATE_WRONG_MALFORMED;
			break;
		}
		sum += segment.length;
		if (!memory_span(memory, (gpa_t){ segment.address }, segment.length, access, &spans[i]))
			wrong |= GATE_WRONG_FAULT;
	}
	if (wrong)
		return wrong;
	*taken = (uint32_t)count;
	*bytes = sum;
	return 0;
}
