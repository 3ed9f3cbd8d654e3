/* SPDX-License-Identifier: ISC */
/*
 * user.c - the kernel's access to a program's memory: through the space's tables, in the memory of the kernel itself, so
 * that no access ever faults. A page that is not there is brought first.
 */
#include "mm/user.h"

#include "arch/arch.h"
#include "mm/space.h"
#include "task/fault.h"
#include "task/task.h"

/* The whole range lies where programs may have something. */
static bool is_valid(uint64_t address, size_t length)
{
	return length <= ARCH_USER_END && address <= ARCH_USER_END - length;
}

static void *memory_at(uint64_t address, unsigned access, size_t left, size_t *length)
{
	int error;
	void *memory;

	*length = least(left, PAGE_SIZE - (address & ~PAGE_MASK));
	memory = space_memory(current_process()->space, address, access, &error);
	if (!memory && error == -ENOMEM)
		fault_out_of_memory();
	return memory;
}

int user_read(void *to, uint64_t from, size_t length)
{
	char *at = to;

	if (!is_valid(from, length))
		return -EFAULT;
	while (length) {
		size_t part;
		const void *memory = memory_at(from, SPACE_READ, length, &part);

		if (!memory)
			return -EFAULT;
		memcpy(at, memory, part);
		at += part;
		from += part;
		length -= part;
	}
	return 0;
}

int user_write(uint64_t to, const void *from, size_t length)
{
	const char *at = from;

	if (!is_valid(to, length))
		return -EFAULT;
	while (length) {
		size_t part;
		void *memory = memory_at(to, SPACE_WRITE, length, &part);

		if (!memory)
			return -EFAULT;
		memcpy(memory, at, part);
		at += part;
		to += part;
		length -= part;
	}
	return 0;
}

int user_zero(uint64_t to, size_t length)
{
	if (!is_valid(to, length))
		return -EFAULT;
	while (length) {
		size_t part;
		void *memory = memory_at(to, SPACE_WRITE, length, &part);

		if (!memory)
			return -EFAULT;
		memset(memory, 0, part);
		to += part;
		length -= part;
	}
	return 0;
}

/* Each byte is read once: what the program changes meanwhile is in the copy or not. Returns its length; -1: no NUL. */
static int64_t copy_to_nul(char *to, const char *from, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		if (!to[i])
			return (int64_t)i;
	}
	return -1;
}

int64_t user_string(char *to, uint64_t from, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t part;
		const char *memory = memory_at(from + done, SPACE_READ, size - done, &part);
		int64_t end;

		if (!memory)
			return -EFAULT;
		end = copy_to_nul(to + done, memory, part);
		if (end >= 0)
			return (int64_t)done + end;
		done += part;
	}
	return -ENAMETOOLONG;
}

static uint32_t *word_at(uint64_t address, unsigned access)
{
	size_t part;

	if (address % sizeof(uint32_t))
		return NULL;
	return memory_at(address, access, sizeof(uint32_t), &part);
}

int user_load_u32(uint64_t address, uint32_t *value)
{
	const uint32_t *word = word_at(address, SPACE_READ);

	if (!word)
		return -EFAULT;
	*value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	return 0;
}

int user_compare_exchange_u32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *seen)
{
	uint32_t *word = word_at(address, SPACE_WRITE);

	if (!word)
		return -EFAULT;
	*seen = expected;
	(void)__atomic_compare_exchange_n(word, seen, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}
