/* SPDX-License-Identifier: ISC */
/* pc.c - memory as a PC's kernel finds it. */
#include "machine/pc.h"

#include <errno.h>
#include <string.h>

enum { ENTRIES = 512, DIRECTORIES = 4, PRESENT_WRITABLE = 3, LARGE = 0x80 };

#define LARGE_PAGE UINT64_C(0x200000)

_Static_assert(PC_PAGE_TABLES + (2 + DIRECTORIES) * MEMORY_PAGE_SIZE <= PC_COMMAND, "page tables have room");

void pc_map(const struct guest_memory *memory, struct pc_region regions[PC_REGIONS])
{
	regions[0] = (struct pc_region){ 0, PC_LOW_END, PC_MEMORY_RAM };
	regions[1] = (struct pc_region){ PC_LOW_END, PC_ACPI - PC_LOW_END, PC_MEMORY_RESERVED };
	regions[2] = (struct pc_region){ PC_ACPI, PC_ACPI_END - PC_ACPI, PC_MEMORY_ACPI };
	regions[3] = (struct pc_region){ PC_HIGH, memory->size - PC_HIGH, PC_MEMORY_RAM };
}

/* One table of each of the upper levels, and a directory of large pages for each GiB. */
uint64_t pc_write_page_tables(const struct guest_memory *memory)
{
	uint64_t *tables = (uint64_t *)(memory->base + PC_PAGE_TABLES);
	uint64_t *directories = tables + 2 * (size_t)ENTRIES;

	tables[0] = (PC_PAGE_TABLES + MEMORY_PAGE_SIZE) | PRESENT_WRITABLE;
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		tables[ENTRIES + i] = (PC_PAGE_TABLES + (2 + i) * MEMORY_PAGE_SIZE) | PRESENT_WRITABLE;
	for (uint64_t i = 0; i < DIRECTORIES * (uint64_t)ENTRIES; i++)
		directories[i] = i * LARGE_PAGE | PRESENT_WRITABLE | LARGE;
	return PC_PAGE_TABLES;
}

int pc_write_command(const struct guest_memory *memory, const char *command, uint64_t most,
		     struct message *message)
{
	const size_t length = strlen(command);

	if (most > PC_COMMAND_END - PC_COMMAND - 1)
		most = PC_COMMAND_END - PC_COMMAND - 1;
	if (length > most)
		return message_say(message, -E2BIG, "the command line has %zu bytes, more than %llu", length,
				   (unsigned long long)most);
	memcpy(memory->base + PC_COMMAND, command, length + 1);
	return 0;
}

int pc_load_initrd(const struct guest_memory *memory, const void *initrd, size_t size, uint64_t kernel_end,
		   uint64_t end, uint64_t *at, struct message *message)
{
	if (end > memory->size)
		end = memory->size;
	if (kernel_end > end || size > end - kernel_end ||
	    ((end - size) & ~(MEMORY_PAGE_SIZE - 1)) < kernel_end)
		return message_say(
			message, -ENOEXEC,
			"the initrd of %zu bytes does not fit into memory of %llu MiB, of which the kernel "
			"leaves %llu bytes",
			size, (unsigned long long)(memory->size >> 20),
			(unsigned long long)(kernel_end > end ? 0 : end - kernel_end));
	*at = (end - size) & ~(MEMORY_PAGE_SIZE - 1);
	if (size)
		memcpy(memory->base + *at, initrd, size);
	return 0;
}
