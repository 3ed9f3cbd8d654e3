/* SPDX-License-Identifier: ISC */
/*
 * linux.c - Linux's 64-bit boot protocol, as Documentation/arch/x86/boot.rst and the kernel's own header of it have
 * it. The header is copied out of the file before it is looked at.
 */
#include "machine/kernel.h"
#include "machine/pc.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

enum {
	HEADER_AT = offsetof(struct boot_params, hdr),
	HEADER_END_AT = 0x201, /* a byte: how far behind HEADER_JUMPED the header ends */
	HEADER_JUMPED = 0x202,
	LEAST_HEADER = HEADER_AT + (int)sizeof(struct setup_header),
	BOOT_FLAG = 0xaa55,
	FIRST_VERSION = 0x20c, /* that has a 64-bit entry */
	SECTOR = 512,
	DEFAULT_SECTORS = 4,
	PARAGRAPH = 16,
	ENTRY_64 = 0x200, /* from where the kernel is loaded on */
	UNKNOWN_LOADER = 0xff,
};

#define MOST_ALIGNMENT (UINT64_C(1) << 30)

_Static_assert(sizeof(struct boot_params) == 4096, "the boot parameters are a page");
_Static_assert(PC_BOOT_PARAMS + sizeof(struct boot_params) <= PC_PAGE_TABLES, "which has its room");

/* ---- opening ---- */

static int check_version(const struct setup_header *header, struct message *message)
{
	if (header->boot_flag != BOOT_FLAG)
		return message_say(message, -ENOEXEC, "a Linux kernel without its boot flag");
	if (header->version < FIRST_VERSION)
		return message_say(message, -ENOEXEC,
				   "it speaks version %u.%02u of Linux's boot protocol, and 2.12 is needed",
				   header->version >> 8, header->version & 0xff);
	if (!(header->xloadflags & XLF_KERNEL_64))
		return message_say(message, -ENOEXEC, "a Linux kernel without a 64-bit entry");
	if (!(header->loadflags & LOADED_HIGH))
		return message_say(message, -ENOEXEC, "a zImage; only a bzImage can be loaded");
	return 0;
}

/* Where things are in the file. */
static int check_sizes(const struct image *image, const struct setup_header *header,
		       struct kernel_linux *result, struct message *message)
{
	const uint64_t sectors = header->setup_sects ? header->setup_sects : DEFAULT_SECTORS;
	const uint64_t said = (uint64_t)header->syssize * PARAGRAPH;
	uint64_t end;
	const uint64_t payload_end = (uint64_t)header->payload_offset + header->payload_length;

	result->setup_size = (sectors + 1) * SECTOR;
	end = result->setup_size + said;
	if (end > image->file_size)
		return message_say(message, -ENOEXEC, "cut short: %zu bytes, where its header speaks of %llu",
				   image->file_size, (unsigned long long)end);
	result->loaded_size = image->file_size - result->setup_size;
	if (said <= ENTRY_64 || payload_end > said)
		return message_say(message, -ENOEXEC, "its header contradicts itself on where the kernel is");
	return 0;
}

/* Where things are to be in memory. */
static int check_places(const struct setup_header *header, struct kernel_linux *result,
			struct message *message)
{
	const uint64_t alignment = header->kernel_alignment;

	result->needs = header->init_size;
	result->preferred = header->pref_address;
	result->initrd_end = (uint64_t)header->initrd_addr_max + 1;
	result->max_command = header->cmdline_size;
	result->alignment = header->relocatable_kernel ? alignment : 0;
	if (header->relocatable_kernel &&
	    (alignment < MEMORY_PAGE_SIZE || alignment > MOST_ALIGNMENT || (alignment & (alignment - 1))))
		return message_say(message, -ENOEXEC, "a Linux kernel that is aligned to 0x%llx",
				   (unsigned long long)alignment);
	/* What is behind the kernel in the file, a signature say, is not loaded. */
	if (result->loaded_size > (uint64_t)header->syssize * PARAGRAPH)
		result->loaded_size = (uint64_t)header->syssize * PARAGRAPH;
	if (result->needs < result->loaded_size)
		return message_say(message, -ENOEXEC,
				   "a Linux kernel that needs less memory than it has bytes");
	return 0;
}

int linux_open(struct kernel *kernel, struct image *image, struct message *message)
{
	struct setup_header header;
	int error;

	kernel->kind = KERNEL_LINUX;
	if (image->file_size < LEAST_HEADER)
		return message_say(message, -ENOEXEC, "cut short: %zu bytes, of which a header needs %d",
				   image->file_size, LEAST_HEADER);
	memcpy(&header, image->file + HEADER_AT, sizeof header);
	error = check_version(&header, message);
	if (!error)
		error = check_sizes(image, &header, &kernel->linux_kernel, message);
	return error ? error : check_places(&header, &kernel->linux_kernel, message);
}

/* ---- loading ---- */

static bool fits(const struct guest_memory *memory, uint64_t at, uint64_t size)
{
	return at >= PC_HIGH && at <= memory->size && size <= memory->size - at;
}

/* Where it prefers to be, or else as low as it can be. */
static int find_place(const struct kernel_linux *kernel, const struct guest_memory *memory, uint64_t *at,
		      struct message *message)
{
	*at = kernel->preferred;
	if (fits(memory, *at, kernel->needs))
		return 0;
	if (kernel->alignment) {
		*at = (PC_HIGH + kernel->alignment - 1) & ~(kernel->alignment - 1);
		if (fits(memory, *at, kernel->needs))
			return 0;
	}
	return message_say(message, -ENOEXEC,
			   "too large for memory of %llu MiB: needs %llu bytes from address 0x%llx on",
			   (unsigned long long)(memory->size >> 20), (unsigned long long)kernel->needs,
			   (unsigned long long)*at);
}

/* The kernel's own header, as long as it says that it is, goes back to it. */
static void copy_header(const struct image *image, struct setup_header *header)
{
	size_t size = HEADER_JUMPED + (size_t)image->file[HEADER_END_AT] - HEADER_AT;

	memcpy(header, image->file + HEADER_AT, size < sizeof *header ? size : sizeof *header);
}

static void write_params(const struct image *image, const struct kernel_config *config, uint64_t at,
			 uint64_t initrd)
{
	struct boot_params params = { 0 };
	struct pc_region regions[PC_REGIONS];

	copy_header(image, &params.hdr);
	params.hdr.type_of_loader = UNKNOWN_LOADER;
	params.hdr.code32_start = (uint32_t)at;
	params.hdr.ramdisk_image = (uint32_t)(config->initrd_size ? initrd : 0);
	params.hdr.ramdisk_size = (uint32_t)config->initrd_size;
	params.hdr.cmd_line_ptr = (uint32_t)PC_COMMAND;
	params.hdr.setup_data = 0;
	params.acpi_rsdp_addr = PC_ACPI;
	pc_map(config->memory, regions);
	for (unsigned i = 0; i < PC_REGIONS; i++)
		params.e820_table[i] = (struct boot_e820_entry){
			.addr = regions[i].first,
			.size = regions[i].size,
			.type = regions[i].kind,
		};
	params.e820_entries = PC_REGIONS;
	memcpy(config->memory->base + PC_BOOT_PARAMS, &params, sizeof params);
}

int linux_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
	       struct kernel_start *start, struct message *message)
{
	const struct kernel_linux *it = &kernel->linux_kernel;
	const struct guest_memory *memory = config->memory;
	uint64_t initrd = 0;
	uint64_t at;
	int error = find_place(it, memory, &at, message);

	if (!error)
		error = pc_load_initrd(memory, config->initrd, config->initrd_size, at + it->needs,
				       it->initrd_end, &initrd, message);
	if (!error)
		error = pc_write_command(memory, config->command, it->max_command, message);
	if (error)
		return error;
	memcpy(memory->base + at, image->file + it->setup_size, it->loaded_size);
	write_params(image, config, at, initrd);
	pc_write_acpi(memory, config->vcpus);
	*start = (struct kernel_start){
		.start = ENGINE_START_LINUX64,
		.page_tables = pc_write_page_tables(memory),
		.state = { .rip = at + ENTRY_64, .rsi = PC_BOOT_PARAMS },
	};
	return 0;
}
