/* SPDX-License-Identifier: ISC */
/* kernel.c - which kind of kernel a file is, what all kinds need, and the simplest of them. */
#include "machine/kernel.h"

#include "machine/boot.h"
#include "machine/pc.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum { LINUX_MAGIC_AT = 0x202 };

static const char linux_magic[] = { 'H', 'd', 'r', 'S' };

static bool has(const uint8_t *bytes, size_t size, size_t at, const char *what, size_t length)
{
	return size >= at + length && !memcmp(bytes + at, what, length);
}

/* ---- bare ---- */

static int bare_load(const struct kernel *kernel, const struct image *image,
		     const struct kernel_config *config, struct kernel_start *start, struct message *message)
{
	const uint64_t at = image->entry - image->base + BOOT_IMAGE;
	int error = image_load(image, config->memory, (gpa_t){ BOOT_IMAGE }, message);

	(void)kernel;
	if (error)
		return error;
	if (config->initrd_size || *config->command)
		return message_say(message, -EINVAL, "this kernel takes no initrd and no command line");
	*start = (struct kernel_start){ .start = ENGINE_START_PARAVIRTUAL, .state.rip = ENGINE_PHYSMAP + at };
	if (config->is_hardware)
		*start = (struct kernel_start){
			.start = ENGINE_START_LINUX64,
			.page_tables = pc_write_page_tables(config->memory),
			.state.rip = at,
		};
	return 0;
}

/* ---- all kinds ---- */

static const struct {
	const char *name;
	int (*load)(const struct kernel *kernel, const struct image *image,
		    const struct kernel_config *config, struct kernel_start *start, struct message *message);
} kinds[KERNEL_KINDS] = {
	[KERNEL_NONE] = { "none", NULL },
	[KERNEL_LINUX] = { "linux", linux_load },
	[KERNEL_PVH] = { "pvh", pvh_load },
	[KERNEL_BARE] = { "bare", bare_load },
};

const char *kernel_kind_name(enum kernel_kind kind)
{
	return kinds[kind].name;
}

static int open_elf(struct kernel *kernel, struct image *image, struct message *message)
{
	uint8_t *bytes = image->file;
	const size_t size = image->file_size;
	int error = pvh_open(kernel, image, message);

	if (error || kernel->kind == KERNEL_PVH)
		return error;
	kernel->kind = KERNEL_BARE;
	return image_open_bare(image, bytes, size, message);
}

int kernel_open(struct kernel *kernel, struct image *image, uint8_t *bytes, size_t size,
		struct message *message)
{
	int error;

	*kernel = (struct kernel){ .kind = KERNEL_NONE };
	*image = (struct image){ .file = bytes, .file_size = size };
	if (has(bytes, size, LINUX_MAGIC_AT, linux_magic, sizeof linux_magic))
		error = linux_open(kernel, image, message);
	else if (has(bytes, size, 0, ELFMAG, SELFMAG))
		error = open_elf(kernel, image, message);
	else
		error = message_say(message, -ENOEXEC, "neither a Linux bzImage nor an ELF file");
	if (error)
		*image = (struct image){ .file = NULL };
	return error;
}

int kernel_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
		struct kernel_start *start, struct message *message)
{
	if (!config->is_hardware && kernel->kind != KERNEL_BARE)
		return message_say(
			message, -ENOTSUP,
			"a %s kernel needs hardware virtualization, which this engine does not use; "
			"'postern doctor' tells what works here",
			kernel_kind_name(kernel->kind));
	if (!config->is_hardware && config->vcpus > 1)
		return message_say(message, -ENOTSUP, "%u vCPUs, where this engine gives such a guest one",
				   config->vcpus);
	if (config->memory->size < PC_LEAST_MEMORY || config->memory->size > ENGINE_CHIPSET_RAM_END)
		return message_say(message, -EINVAL,
				   "memory of %llu MiB, where a guest that knows nothing of Postern can have "
				   "%llu to %llu MiB",
				   (unsigned long long)(config->memory->size >> 20),
				   (unsigned long long)(PC_LEAST_MEMORY >> 20),
				   (unsigned long long)(ENGINE_CHIPSET_RAM_END >> 20));
	return kinds[kernel->kind].load(kernel, image, config, start, message);
}
