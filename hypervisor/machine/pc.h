/* SPDX-License-Identifier: ISC */
/*
 * pc.h - what a kernel that knows nothing of Postern finds in memory when it starts, as on a PC: where RAM is, page
 * tables, ACPI tables, its command line and its initrd.
 *
 * Guest-physical memory, from 0:
 *   0x0            free, but for what is used until the kernel has its own:
 *   0x50000        PVH's start info
 *   0x51000        Linux's boot parameters
 *   0x52000        page tables
 *   0x60000        the command line
 *   0xa0000        reserved, as video memory and firmware are
 *   0xe0000        ACPI tables
 *   0x100000       the kernel, or above; at the end of RAM, the initrd
 */
#ifndef POSTERN_MACHINE_PC_H
#define POSTERN_MACHINE_PC_H

#include "machine/message.h"
#include "memory/memory.h"

#include <stddef.h>
#include <stdint.h>

#define PC_START_INFO UINT64_C(0x50000)
#define PC_BOOT_PARAMS UINT64_C(0x51000)
#define PC_PAGE_TABLES UINT64_C(0x52000)
#define PC_COMMAND UINT64_C(0x60000)
#define PC_COMMAND_END UINT64_C(0x70000)
#define PC_LOW_END UINT64_C(0xa0000)
#define PC_ACPI UINT64_C(0xe0000) /* the root pointer, and behind it the tables */
#define PC_ACPI_END UINT64_C(0x100000)
#define PC_HIGH UINT64_C(0x100000)
#define PC_LEAST_MEMORY UINT64_C(0x400000)

/* Kinds of memory, as ACPI and Linux's e820 number them. */
enum pc_memory { PC_MEMORY_RAM = 1, PC_MEMORY_RESERVED = 2, PC_MEMORY_ACPI = 3 };

struct pc_region {
	uint64_t first, size;
	enum pc_memory kind;
};

enum { PC_REGIONS = 4 };

/* What guest-physical memory is, in ascending order. */
void pc_map(const struct guest_memory *memory, struct pc_region regions[PC_REGIONS]);

/* Writes page tables that map the first 4 GiB where they are. Returns where. */
uint64_t pc_write_page_tables(const struct guest_memory *memory);

/* Writes the command line. Errors: -E2BIG if it has more than `most` bytes, with a message. */
int pc_write_command(const struct guest_memory *memory, const char *command, uint64_t most,
		     struct message *message);

/*
 * Puts the initrd as high as it can be, below `end` and above the kernel's end. Sets *at. Errors: -ENOEXEC if there is
 * no room, with a message.
 */
int pc_load_initrd(const struct guest_memory *memory, const void *initrd, size_t size, uint64_t kernel_end,
		   uint64_t end, uint64_t *at, struct message *message);

/* Writes the ACPI tables of a VM with so many vCPUs, up to ENGINE_MAX_VCPUS. */
void pc_write_acpi(const struct guest_memory *memory, unsigned vcpus);

#endif
