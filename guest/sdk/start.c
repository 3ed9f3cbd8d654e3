/* SPDX-License-Identifier: ISC */
/* start.c - from the image's first instruction to main(), and from its end to the VM's. */
#include "internal.h"

uint64_t postern_hypercall_page;
uint64_t postern_physmap;

/* What the host's struct does not have reads as zero. */
static struct postern_boot_info info;

/* Of guest.ld: functions to call before main(). */
extern void (*const guest_init_begin[])(void) HIDDEN;
extern void (*const guest_init_end[])(void) HIDDEN;

/* Keeps a note in the image; its own, if the program has none. */
extern const char postern_guest_note[];
static const char *const keep_note __attribute__((used)) = postern_guest_note;

/* From the System V ABI for x86-64: what a static PIE has to do to itself, and how it is told. */
struct dynamic {
	int64_t tag;
	uint64_t value;
};
struct relocation {
	uint64_t at;
	uint64_t info;
	uint64_t addend;
};
enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, R_X86_64_RELATIVE = 8 };

/*
 * Relocates the image from the addresses that it was linked for, 0 and up, to where it is. Before that no
 * address may be taken from memory, so this does without.
 */
void guest_relocate(uint64_t base, const void *dynamic)
{
	const struct relocation *table = NULL;
	uint64_t size = 0;

	for (const struct dynamic *entry = dynamic; entry->tag != DT_NULL; entry++) {
		if (entry->tag == DT_RELA)
			table = (const struct relocation *)(base + entry->value);
		if (entry->tag == DT_RELASZ)
			size = entry->value;
	}
	for (uint64_t i = 0; i < size / sizeof *table; i++) {
		/* Nothing can be said yet: the VM ends with an exception here. */
		if ((uint32_t)table[i].info != R_X86_64_RELATIVE)
			__builtin_trap();
		*(uint64_t *)(base + table[i].at) = base + table[i].addend;
	}
}

const struct postern_boot_info *guest_boot(void)
{
	return &info;
}

void *guest_pointer(uint64_t address)
{
	return (void *)(postern_physmap + address);
}

const char *guest_command(void)
{
	return info.command ? guest_pointer(info.command) : "";
}

static void take_boot_info(const struct postern_boot_info *boot)
{
	memcpy(&info, boot, boot->size < sizeof info ? boot->size : sizeof info);
	postern_hypercall_page = info.hypercall;
	postern_physmap = info.physmap;
}

static void take_free_memory(void)
{
	uint64_t begin = (info.free + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

	if (info.memory > begin)
		guest_pages_free(guest_pointer(begin), (info.memory - begin) / GUEST_PAGE_SIZE);
}

void guest_start(const struct postern_boot_info *boot)
{
	take_boot_info(boot);
	guest_vcpu_page()->entry_stack = (uint64_t)guest_entry_stack_end;
	guest_vcpu_set_callbacks();
	take_free_memory();
	for (void (*const *init)(void) = guest_init_begin; init < guest_init_end; init++)
		(*init)();
	guest_exit(main());
}
