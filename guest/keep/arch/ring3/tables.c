/* SPDX-License-Identifier: ISC */
/*
 * tables.c - how the host's process follows keep's page tables: what they say for a range is told to the mapper of boot
 * information, in as few calls as possible, since each is a system call of the host and some 1.5 us.
 */
#include "arch/ring3/ring3.h"

enum { MAPPER_UNMAP, MAPPER_MAP };
enum { LEVELS = 4, INDEX_BITS = 9 };

#define ENTRY_PRESENT UINT64_C(1)
#define ENTRY_WRITE UINT64_C(2)
#define ENTRY_NO_EXECUTE (UINT64_C(1) << 63)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

/* Pages that follow each other, in the program's memory and in RAM, with the same access; or that are not there. */
struct run {
	uint64_t address, pages;
	uint64_t entry; /* of the first page; 0: not there */
};

static int64_t call_mapper(uint64_t what, uint64_t address, uint64_t length, uint64_t access, uint64_t from)
{
	const uint64_t mapper = guest_boot()->mapper;
	register uint64_t r10 __asm__("r10") = from; /* from here on there is no call that could change it */
	int64_t result;

	__asm__ volatile("call *%[mapper]"
			 : "=a"(result)
			 : "a"(what), "D"(address), "S"(length), "d"(access), "r"(r10), [mapper] "r"(mapper)
			 : "rcx", "r11", "cc", "memory");
	return result;
}

/* What is not there and was not there before need not be told. */
static int tell(const struct run *run, bool added)
{
	uint64_t length = run->pages << PAGE_SHIFT;
	uint64_t access = 1;

	if (!run->pages || (!run->entry && added))
		return 0;
	if (!run->entry)
		return (int)call_mapper(MAPPER_UNMAP, run->address, length, 0, 0);
	if (run->entry & ENTRY_WRITE)
		access |= 2;
	if (!(run->entry & ENTRY_NO_EXECUTE))
		access |= 4;
	return (int)call_mapper(MAPPER_MAP, run->address, length, access, run->entry & ENTRY_ADDRESS);
}

/*
 * The entry for an address, or 0; *span gets how many pages from there on have none, if a whole table is missing.
 */
static uint64_t find(const uint64_t *table, uint64_t address, uint64_t *span)
{
	*span = 1;
	for (unsigned level = LEVELS - 1;; level--) {
		unsigned shift = PAGE_SHIFT + level * INDEX_BITS;
		uint64_t entry = table[address >> shift & ((1 << INDEX_BITS) - 1)];

		if (!(entry & ENTRY_PRESENT)) {
			*span = (UINT64_C(1) << level * INDEX_BITS) -
				(address >> PAGE_SHIFT & ((UINT64_C(1) << level * INDEX_BITS) - 1));
			return 0;
		}
		if (level == 0)
			return entry;
		table = guest_pointer(entry & ENTRY_ADDRESS);
	}
}

/* Whether an entry continues a run. Accessed and dirty are nobody's business here. */
static bool continues(const struct run *run, uint64_t entry)
{
	const uint64_t matter = ENTRY_WRITE | ENTRY_NO_EXECUTE;

	if (!run->entry || !entry)
		return !run->entry && !entry;
	return (entry & matter) == (run->entry & matter) &&
	       (entry & ENTRY_ADDRESS) == (run->entry & ENTRY_ADDRESS) + (run->pages << PAGE_SHIFT);
}

/* The host's process has one address space, which is that of the current program. */
static const uint64_t *used;

int ring3_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added)
{
	const uint64_t end = address + ((uint64_t)pages << PAGE_SHIFT);
	struct run run = { .address = address };
	int error = 0;

	/* Of a program that is not there yet, or not any more: at most there is nothing, which faults will mend. */
	if (used && root != used)
		return tell(&(struct run){ .address = address, .pages = pages }, added);
	while (address < end && !error) {
		uint64_t span;
		uint64_t entry = find(root, address, &span);

		span = least(span, (end - address) >> PAGE_SHIFT);
		if (run.pages && !continues(&run, entry)) {
			error = tell(&run, added);
			run = (struct run){ .address = address };
		}
		if (!run.pages)
			run.entry = entry;
		run.pages += span;
		address += span << PAGE_SHIFT;
	}
	return error ? error : tell(&run, added);
}

/* The kernel is there whatever they say. */
void ring3_tables_begin(uint64_t *root)
{
	(void)root;
}

void ring3_tables_end(uint64_t *root)
{
	(void)root;
}

/* The host takes so much at once. */
static void unmap_all(void)
{
	const uint64_t most_at_once = UINT64_C(1) << 40;

	for (uint64_t at = ARCH_USER_BEGIN; at < ARCH_USER_END;) {
		const struct run run = { .address = at,
					 .pages = least(ARCH_USER_END - at, most_at_once) >> PAGE_SHIFT };

		if (tell(&run, false))
			guest_panic("the host cannot unmap a program's memory");
		at += run.pages << PAGE_SHIFT;
	}
}

void ring3_tables_use(const uint64_t *root)
{
	if (used == root)
		return;
	if (used) {
		unmap_all();
		ring3_forget_sites();
	}
	used = root;
}
