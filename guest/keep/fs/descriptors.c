/* SPDX-License-Identifier: ISC */
/* descriptors.c - a table that grows by doubling, up to the limit of the process. */
#include "fs/descriptors.h"

#include "task/task.h"

#include <asm/resource.h>

struct slot {
	struct file *file; /* held; NULL: free */
	bool close_on_exec;
};

struct descriptors {
	struct slot *slots;
	unsigned size;
	unsigned lowest; /* nothing below it is free */
};

enum { FIRST_SIZE = 64, MOST = 1 << 20 };

struct descriptors *descriptors_create(void)
{
	return calloc(1, sizeof(struct descriptors));
}

void descriptors_destroy(struct descriptors *descriptors)
{
	for (unsigned i = 0; i < descriptors->size; i++) {
		if (descriptors->slots[i].file)
			file_drop(descriptors->slots[i].file);
	}
	free(descriptors->slots);
	free(descriptors);
}

static struct descriptors *own(void)
{
	return current_process()->descriptors;
}

static struct slot *slot_of(uint64_t number)
{
	struct descriptors *descriptors = own();

	return number < descriptors->size && descriptors->slots[number].file ? &descriptors->slots[number]
									     : NULL;
}

struct file *descriptor_file(uint64_t number)
{
	struct slot *slot = slot_of((uint32_t)number);

	if (!slot)
		return NULL;
	file_hold(slot->file);
	return slot->file;
}

/* Makes the table have a number. */
static int grow_to(struct descriptors *descriptors, unsigned number)
{
	unsigned size = descriptors->size ? descriptors->size : FIRST_SIZE;
	struct slot *slots;

	if (number < descriptors->size)
		return 0;
	while (size <= number)
		size *= 2;
	slots = realloc(descriptors->slots, size * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	memset(slots + descriptors->size, 0, (size - descriptors->size) * sizeof *slots);
	descriptors->slots = slots;
	descriptors->size = size;
	return 0;
}

static bool is_within_limit(unsigned number)
{
	return number < least(current_process()->limits[RLIMIT_NOFILE].soft, MOST);
}

int64_t descriptor_add(struct file *file, unsigned from, bool close_on_exec)
{
	struct descriptors *descriptors = own();
	unsigned number = from > descriptors->lowest ? from : descriptors->lowest;
	int error;

	while (number < descriptors->size && descriptors->slots[number].file)
		number++;
	error = is_within_limit(number) ? grow_to(descriptors, number) : -EMFILE;
	if (error) {
		file_drop(file);
		return error;
	}
	if (from <= descriptors->lowest)
		descriptors->lowest = number + 1;
	descriptors->slots[number] = (struct slot){ file, close_on_exec };
	return number;
}

int64_t descriptor_put(struct file *file, unsigned number, bool close_on_exec)
{
	struct descriptors *descriptors = own();
	int error = is_within_limit(number) ? grow_to(descriptors, number) : -EBADF;
	struct file *old;

	if (error) {
		file_drop(file);
		return error;
	}
	old = descriptors->slots[number].file;
	descriptors->slots[number] = (struct slot){ file, close_on_exec };
	if (old)
		file_drop(old);
	return number;
}

int descriptor_close(uint64_t number)
{
	struct slot *slot = slot_of((uint32_t)number);
	struct file *file;

	if (!slot)
		return -EBADF;
	file = slot->file;
	slot->file = NULL;
	if ((uint32_t)number < own()->lowest)
		own()->lowest = (uint32_t)number;
	file_drop(file);
	return 0;
}

int descriptor_get_flag(uint64_t number)
{
	const struct slot *slot = slot_of((uint32_t)number);

	return slot ? slot->close_on_exec : -EBADF;
}

int descriptor_set_flag(uint64_t number, bool close_on_exec)
{
	struct slot *slot = slot_of((uint32_t)number);

	if (!slot)
		return -EBADF;
	slot->close_on_exec = close_on_exec;
	return 0;
}

int64_t descriptor_next(unsigned from)
{
	const struct descriptors *descriptors = own();

	for (; from < descriptors->size; from++) {
		if (descriptors->slots[from].file)
			return from;
	}
	return -1;
}
