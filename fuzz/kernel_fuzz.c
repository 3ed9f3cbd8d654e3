/* SPDX-License-Identifier: ISC */
/*
 * kernel_fuzz.c - fuzzes the loader of kernels that know nothing of Postern. The first byte of an input chooses what is
 * changed by the rest: a file as it is, a bzImage, a PVH file, or a static PIE; and what is loaded beside it.
 */
#include "change.h"
#include "machine/kernel.h"
#include "machine/pc.h"

#include "../tests/machine/kernels.h"
#include "../tests/machine/tiny.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 8 << 20, KINDS = 4, IS_SOFTWARE = 0x80, HAS_INITRD = 0x40, HAS_COMMAND = 0x20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_memory memory;

static uint8_t *copy(const void *bytes, size_t size)
{
	uint8_t *file = malloc(size ? size : 1);

	if (file)
		memcpy(file, bytes, size);
	return file;
}

static uint8_t *make_file(uint8_t kind, const uint8_t *data, size_t size, size_t *file_size)
{
	static union {
		struct bz bz;
		struct pvh pvh;
		struct tiny tiny;
	} file;

	if (kind == 0) {
		*file_size = size;
		return copy(data, size);
	}
	if (kind == 1) {
		bz_fill(&file.bz);
		file.bz.header.pref_address = 0x400000; /* within the memory that there is */
		*file_size = sizeof file.bz;
	} else if (kind == 2) {
		pvh_fill(&file.pvh);
		*file_size = sizeof file.pvh;
	} else {
		tiny_fill(&file.tiny);
		file.tiny.programs[3].p_type = PT_NULL;
		*file_size = sizeof file.tiny;
	}
	change_file(&file, *file_size, data, size);
	return copy(&file, *file_size);
}

/* What a start has to be, whatever the kernel says of itself. */
static void judge(const struct kernel *kernel, const struct kernel_start *start)
{
	switch (start->start) {
	case ENGINE_START_PARAVIRTUAL:
		assert(kernel->kind == KERNEL_BARE && start->state.rip >= ENGINE_PHYSMAP &&
		       start->state.rip - ENGINE_PHYSMAP < RAM);
		break;
	case ENGINE_START_LINUX64:
		assert(start->state.rip < RAM && start->page_tables == PC_PAGE_TABLES);
		assert(kernel->kind == KERNEL_BARE || start->state.rsi == PC_BOOT_PARAMS);
		break;
	case ENGINE_START_PVH:
		assert(kernel->kind == KERNEL_PVH && start->state.rip < RAM &&
		       start->state.rbx == PC_START_INFO);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t initrd[10000];
	const uint8_t choice = size ? data[0] : 0;
	struct kernel_config config = {
		.memory = &memory,
		.command = choice & HAS_COMMAND ? "console=ttyS0" : "",
		.initrd = initrd,
		.initrd_size = choice & HAS_INITRD ? sizeof initrd : 0,
		.vcpus = 1,
		.is_hardware = !(choice & IS_SOFTWARE),
	};
	struct message message = { "" };
	struct kernel_start start;
	struct kernel kernel;
	struct image image;
	size_t file_size;
	uint8_t *file;

	if (!memory.base && memory_create(&memory, RAM))
		abort();
	file = make_file(choice % KINDS, data + (size ? 1 : 0), size ? size - 1 : 0, &file_size);
	if (!file)
		return 0;
	if (kernel_open(&kernel, &image, file, file_size, &message)) {
		assert(message.text[0]);
		free(file);
		return 0;
	}
	if (kernel_load(&kernel, &image, &config, &start, &message))
		assert(message.text[0]);
	else
		judge(&kernel, &start);
	image_close(&image);
	return 0;
}
