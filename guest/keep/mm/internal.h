/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of address spaces share. Above the page tables: mappings say what may be there, entries
 * never allow more than the mapping does.
 */
#ifndef KEEP_MM_INTERNAL_H
#define KEEP_MM_INTERNAL_H

#include "arch/arch.h"
#include "fs/file.h"
#include "mm/mapping.h"
#include "mm/space.h"
#include "mm/table.h"

/* As Linux's vm.max_map_count. */
enum { MOST_MAPPINGS = 65530 };

/* Where mappings go from, downwards, when nobody says where. Above are 256 MiB for the stack. */
#define SPACE_TOP (ARCH_USER_END - (UINT64_C(1) << 28))

struct space {
	uint32_t count;
	uint64_t *root; /* of the page tables */
	struct mappings mappings;
	/* Goes up whenever mappings change: whoever slept finds out. */
	uint64_t generation;
	uint64_t top;
	uint64_t brk_begin, brk_end;
	uint64_t size, resident, locked; /* bytes, pages, bytes */
};

/* ---- space.c ---- */

/* The mapping at an address; NULL: none. */
struct mapping *space_at(const struct space *space, uint64_t address);

static inline uint64_t file_index(const struct mapping *mapping, uint64_t address)
{
	return (mapping->offset + (address - mapping->begin)) >> PAGE_SHIFT;
}

/* Whether a range lies where programs may have something. Its end does not overflow then. */
static inline bool is_user_range(uint64_t address, uint64_t length)
{
	return length <= ARCH_USER_END && address <= ARCH_USER_END - length;
}

/* ---- pieces.c: changing mappings ---- */

/* Makes an address the border of a mapping, if one reaches over it. */
int space_split(struct space *space, uint64_t address);
/* Joins what is the same on both sides of an address. Returns the mapping there. */
void space_join(struct space *space, uint64_t address);
/* The same for all borders in a range, and its ends. */
void space_join_all(struct space *space, uint64_t begin, uint64_t end);
/* Whether there is something everywhere in a range. */
bool space_is_full(const struct space *space, uint64_t begin, uint64_t end);
bool space_is_empty(const struct space *space, uint64_t begin, uint64_t end);

/* A mapping like another, that holds its file too, and is in no space. NULL: no memory. */
struct mapping *mapping_copy(const struct mapping *mapping);
void mapping_free(struct mapping *mapping);
/* Adds one that is ready, where nothing is; it may be joined with others. Its file's hold goes with it. */
void space_add(struct space *space, struct mapping *mapping);

/* ---- contents.c: pages of a range ---- */

/* Makes the host or the processor follow the tables. Errors: -ENOMEM; then it has forgotten all, and asks by faults. */
int space_tell(struct space *space, uint64_t begin, uint64_t end);
/* The same after new entries, for the sake of one address: 0 if that is there in the end. */
int space_show(struct space *space, uint64_t begin, uint64_t end, uint64_t address);
/* The same after one entry has got another page. */
int space_replaced(struct space *space, uint64_t page);
/* Removes the pages of a range. */
void space_clear(struct space *space, uint64_t begin, uint64_t end);
/* Makes the entries of a mapping, all in [begin, end), follow its access. */
void space_restrict(struct space *space, const struct mapping *mapping, uint64_t begin, uint64_t end);
/* Tells a file about its pages that the program could change, in [begin, end) of a mapping. */
void space_mark_dirty(struct space *space, const struct mapping *mapping, uint64_t begin, uint64_t end);
/* Moves the pages of a range to another, where there are none. Errors: -ENOMEM, and nothing has been moved. */
int space_move(struct space *space, uint64_t from, uint64_t to, uint64_t length);

/* An entry for a page, as the access of a mapping allows it; `own`: the page is the mapping's own. */
uint64_t entry_for(const struct mapping *mapping, const struct page *page, bool own, bool writable);

/* ---- cluster.c: memory of nobody else ---- */

/* Gives a mapping without a file pages at an address where there is none, and around it. Returns 0 or -ENOMEM. */
int cluster_fault(struct space *space, struct mapping *mapping, uint64_t address);

/* ---- shared.c ---- */

/* A file without a name, of zeros, for shared memory. NULL: no memory. */
struct file *shared_create(uint64_t length);
bool shared_is(const struct file *file);

/* ---- others ---- */

/* Whether so many bytes more may be written privately: not more than the memory that there is, as Linux guesses. */
bool space_may_commit(uint64_t length);
/* Brings pages of a range, as far as they may be accessed. Returns the first error. */
int space_populate(struct space *space, uint64_t begin, uint64_t end);

#endif
