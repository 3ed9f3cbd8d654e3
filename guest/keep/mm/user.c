/* SPDX-License-Identifier: ISC */
/* user.c - access to the program's memory, page by page, by what keep's own tables say is there. */
#include "mm/user.h"

#include "mm/space.h"
#include "task/task.h"

/* The memory behind an address, with how much of `length` is there in one piece. */
static char *piece(uint64_t address, unsigned access, size_t length, size_t *part)
{
	int error;

	*part = least(length, PAGE_SIZE - address % PAGE_SIZE);
	return space_memory(current_process()->space, address, access, &error);
}

int user_read(void *to, uint64_t from, size_t length)
{
	for (size_t part; length; length -= part, from += part, to = (char *)to + part) {
		const char *memory = piece(from, SPACE_READ, length, &part);

		if (!memory)
			return -EFAULT;
		memcpy(to, memory, part);
	}
	return 0;
}

int user_write(uint64_t to, const void *from, size_t length)
{
	for (size_t part; length; length -= part, to += part, from = (const char *)from + part) {
		char *memory = piece(to, SPACE_WRITE, length, &part);

		if (!memory)
			return -EFAULT;
		memcpy(memory, from, part);
	}
	return 0;
}

int user_zero(uint64_t to, size_t length)
{
	for (size_t part; length; length -= part, to += part) {
		char *memory = piece(to, SPACE_WRITE, length, &part);

		if (!memory)
			return -EFAULT;
		memset(memory, 0, part);
	}
	return 0;
}

int64_t user_string(char *to, uint64_t from, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t part;
		const char *memory = piece(from + done, SPACE_READ, size - done, &part);

		if (!memory)
			return -EFAULT;
		for (size_t i = 0; i < part; i++) {
			to[done + i] = __atomic_load_n(&memory[i], __ATOMIC_RELAXED);
			if (!to[done + i])
				return (int64_t)(done + i);
		}
		done += part;
	}
	return -ENAMETOOLONG;
}

/* ---- words ---- */

static uint32_t *word(uint64_t address, unsigned access)
{
	size_t part;

	return address % 4 ? NULL : (uint32_t *)(void *)piece(address, access, 4, &part);
}

int user_load_u32(uint64_t address, uint32_t *value)
{
	const uint32_t *at = word(address, SPACE_READ);

	if (!at)
		return -EFAULT;
	*value = __atomic_load_n(at, __ATOMIC_SEQ_CST);
	return 0;
}

int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	uint32_t *at = word(address, SPACE_WRITE);

	if (!at)
		return -EFAULT;
	*seen = expected;
	(void)__atomic_compare_exchange_n(at, seen, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}
