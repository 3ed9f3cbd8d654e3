/* SPDX-License-Identifier: ISC */
/*
 * test_space_model.c - an address space against a model that knows of each page by itself what is mapped there: after
 * thousands of random calls, both have the same mappings, access and contents, and the processor never has more than
 * that. What Linux refuses is refused with the same error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mapped_file.h"

#include "mm/internal.h"
#include "task/task.h"

#include <linux/mman.h>

enum {
	STEPS = 8000,
	SWEEP = 200, /* steps between looks at everything */
	LOW_PAGES = 256,
	HEAP_PAGES = 64,
	HIGH_PAGES = 4096,
	LENGTH_MOST = 40,
	FILES = 4,
	FILE_PAGES = 60,
	OBJECTS = 64,
	OBJECT_PAGES = 64,
};

#define LOW_BEGIN UINT64_C(0x10000000)
#define HEAP_BEGIN UINT64_C(0x20000000)
#define HIGH_BEGIN (SPACE_TOP - ((uint64_t)HIGH_PAGES << PAGE_SHIFT))

/* What several mappings may have in common: a file, or shared memory. */
struct object {
	struct file *file; /* NULL: shared memory, which keep makes itself */
	struct mapped_file mapped;
	bool writable;
	uint64_t size; /* pages; behind it is no access */
	uint64_t values[OBJECT_PAGES];
};

struct model_page {
	bool mapped, shared, locked;
	bool own;     /* has a value of its own: private, and written */
	bool written; /* since its file was last written back, by this mapping */
	unsigned access;
	struct object *object;
	uint64_t index; /* in it */
	uint64_t value;
};

static struct object objects[OBJECTS];
static unsigned object_count;
static struct model_page low[LOW_PAGES], heap[HEAP_PAGES], high[HIGH_PAGES];
static uint64_t heap_end;
static struct space *space;
static uint64_t seed;
static unsigned step;

static uint32_t random_below(uint32_t end)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % end;
}

static bool chance(unsigned percent)
{
	return random_below(100) < percent;
}

/* ---- the model ---- */

static struct model_page *page_of(uint64_t address)
{
	static struct model_page nothing;

	if (address >= LOW_BEGIN && address < LOW_BEGIN + (LOW_PAGES << PAGE_SHIFT))
		return &low[(address - LOW_BEGIN) >> PAGE_SHIFT];
	if (address >= HEAP_BEGIN && address < HEAP_BEGIN + (HEAP_PAGES << PAGE_SHIFT))
		return &heap[(address - HEAP_BEGIN) >> PAGE_SHIFT];
	if (address >= HIGH_BEGIN && address < SPACE_TOP)
		return &high[(address - HIGH_BEGIN) >> PAGE_SHIFT];
	nothing = (struct model_page){ 0 };
	return &nothing;
}

static bool is_anything_in(uint64_t begin, uint64_t end)
{
	for (; begin < end; begin += PAGE_SIZE) {
		if (page_of(begin)->mapped)
			return true;
	}
	return false;
}

static bool is_full(uint64_t begin, uint64_t end)
{
	for (; begin < end; begin += PAGE_SIZE) {
		if (!page_of(begin)->mapped)
			return false;
	}
	return true;
}

/* Whether two pages, one behind the other, are of one mapping. */
static bool continues(const struct model_page *lower, const struct model_page *upper)
{
	return lower->mapped && upper->mapped && lower->access == upper->access &&
	       lower->shared == upper->shared && lower->locked == upper->locked &&
	       lower->object == upper->object && (!lower->object || lower->index + 1 == upper->index);
}

static bool is_one_mapping(uint64_t begin, uint64_t end)
{
	for (uint64_t at = begin; at + PAGE_SIZE < end; at += PAGE_SIZE) {
		if (!continues(page_of(at), page_of(at + PAGE_SIZE)))
			return false;
	}
	return page_of(begin)->mapped;
}

static bool is_behind_end(const struct model_page *page)
{
	return page->object && page->index >= page->object->size;
}

static uint64_t value_of(const struct model_page *page)
{
	if (page->own)
		return page->value;
	return page->object ? page->object->values[page->index] : 0;
}

static void model_unmap(uint64_t begin, uint64_t end)
{
	for (; begin < end; begin += PAGE_SIZE) {
		struct model_page *page = page_of(begin);

		/* What was written through a mapping is known to the file when that has gone, or on its disk. */
		if (page->written)
			CHECK(page->object->mapped.dirty[page->index] ||
			      page->object->mapped.disk[page->index] == value_of(page));
		*page = (struct model_page){ 0 };
	}
}

static int expected_access(const struct model_page *page, unsigned access)
{
	if (!page->mapped)
		return -EFAULT;
	if (access == SPACE_READ ? !page->access : !(page->access & access))
		return -EACCES;
	return is_behind_end(page) && !page->own ? -EIO : 0;
}

/* Its pages come at once, up to the first that cannot; what may be written privately is copied by that. */
static void model_populate(uint64_t begin, uint64_t end)
{
	for (; begin < end; begin += PAGE_SIZE) {
		struct model_page *page = page_of(begin);

		if (expected_access(page, SPACE_READ))
			return;
		if (page->shared || !(page->access & SPACE_WRITE))
			continue;
		page->value = value_of(page);
		page->own = true;
	}
}

/* ---- looking at everything ---- */

static void check_shown(uint64_t address, uint64_t entry)
{
	const struct model_page *page = page_of(address);

	CHECK(page->mapped && page->access && !is_behind_end(page));
	CHECK(!(entry & TABLE_WRITE) || (page->access & SPACE_WRITE));
	CHECK((entry & TABLE_NO_EXECUTE) || (page->access & SPACE_EXECUTE));
	CHECK_IS(*(uint64_t *)(entry & TABLE_ADDRESS), value_of(page));
	/* It may be written without a fault: then nobody else sees that who should not. */
	if ((entry & TABLE_WRITE) && !page->shared)
		CHECK_IS(table_page(entry)->count, 1);
}

static void check_mapping(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			  struct file *file, uint64_t offset)
{
	uint64_t *pages = context;

	for (uint64_t at = begin; at < end; at += PAGE_SIZE, offset += PAGE_SIZE) {
		const struct model_page *page = page_of(at);

		CHECK(page->mapped);
		CHECK_IS(page->access, access);
		CHECK_IS(page->shared, !!(flags & SPACE_SHARED));
		CHECK_IS(page->locked, !!(flags & SPACE_LOCKED));
		if (page->object && page->object->file) {
			CHECK(page->object->file == file);
			CHECK_IS(page->index, offset >> PAGE_SHIFT);
		} else {
			CHECK(!file);
		}
		(*pages)++;
	}
	/* What could be one is one. */
	CHECK(!continues(page_of(end - PAGE_SIZE), page_of(end)));
}

static uint64_t count_pages(bool (*is_meant)(const struct model_page *page))
{
	uint64_t count = 0;

	for (size_t i = 0; i < LOW_PAGES; i++)
		count += is_meant(&low[i]);
	for (size_t i = 0; i < HEAP_PAGES; i++)
		count += is_meant(&heap[i]);
	for (size_t i = 0; i < HIGH_PAGES; i++)
		count += is_meant(&high[i]);
	return count;
}

static bool is_mapped(const struct model_page *page)
{
	return page->mapped;
}

static bool is_locked(const struct model_page *page)
{
	return page->mapped && page->locked;
}

static void sweep(void)
{
	uint64_t address, entry, pages = 0, resident = 0;
	struct table_walk walk;
	size_t at = 0;

	while (machine_shown_next(&at, &address, &entry))
		check_shown(address, entry);
	space_list(space, check_mapping, &pages);
	CHECK_IS(pages, count_pages(is_mapped));
	CHECK_IS(space_size(space), pages << PAGE_SHIFT);
	CHECK_IS(space_locked(space), count_pages(is_locked) << PAGE_SHIFT);
	table_walk_begin(&walk, space->root, 0, ARCH_USER_END);
	while (table_walk_next(&walk)) {
		CHECK(page_of(walk.address)->mapped);
		resident++;
	}
	CHECK_IS(space_resident(space), resident << PAGE_SHIFT);
	CHECK_IS(space_brk(space, 0), heap_end);
}

/* ---- random arguments ---- */

static uint64_t random_address(void)
{
	switch (random_below(8)) {
	case 0:
		return HEAP_BEGIN + ((uint64_t)random_below(HEAP_PAGES) << PAGE_SHIFT);
	case 1:
	case 2:
	case 3:
		return SPACE_TOP - ((uint64_t)(1 + random_below(200)) << PAGE_SHIFT);
	default:
		return LOW_BEGIN + ((uint64_t)random_below(LOW_PAGES - LENGTH_MOST) << PAGE_SHIFT);
	}
}

static uint64_t random_length(void)
{
	return (uint64_t)(1 + random_below(chance(70) ? 6 : LENGTH_MOST)) << PAGE_SHIFT;
}

/* An address where something is mapped, most of the time. */
static uint64_t mapped_address(void)
{
	uint64_t address = random_address();

	for (unsigned i = 0; i < 10 && !page_of(address)->mapped; i++)
		address = random_address();
	return address;
}

/* Within what the model knows. */
static uint64_t clamp(uint64_t address, uint64_t length)
{
	if (address >= HIGH_BEGIN)
		return least(length, SPACE_TOP - address);
	if (address >= HEAP_BEGIN)
		return least(length, HEAP_BEGIN + (HEAP_PAGES << PAGE_SHIFT) - address);
	return length;
}

static unsigned random_access(void)
{
	static const unsigned likely[] = { SPACE_READ | SPACE_WRITE, SPACE_READ, 0,
					   SPACE_READ | SPACE_EXECUTE };

	return chance(80) ? likely[random_below(COUNT_OF(likely))] : random_below(8);
}

/* ---- mmap ---- */

/* The highest place below the top where so much is free. */
static uint64_t highest_room(uint64_t length)
{
	uint64_t at = SPACE_TOP - length;

	while (is_anything_in(at, at + length)) {
		at -= PAGE_SIZE;
		CHECK(at > HIGH_BEGIN);
	}
	return at;
}

static struct object *choose_object(bool shared)
{
	struct object *object;

	if (chance(60))
		return &objects[random_below(FILES)];
	if (!shared || object_count == OBJECTS)
		return NULL;
	object = &objects[object_count++];
	*object = (struct object){ .writable = true };
	return object;
}

static int64_t expected_place(uint64_t hint, uint64_t length, unsigned flags)
{
	if ((flags & SPACE_NO_REPLACE) && is_anything_in(hint, hint + length))
		return -EEXIST;
	if (flags & SPACE_FIXED)
		return (int64_t)hint;
	return (int64_t)(hint && !is_anything_in(hint, hint + length) ? hint : highest_room(length));
}

static void try_map(void)
{
	const bool shared = chance(40);
	const unsigned places[] = { 0, SPACE_FIXED, SPACE_FIXED | SPACE_NO_REPLACE };
	const unsigned place = places[random_below(3)];
	const uint64_t hint = place || chance(40) ? random_address() : 0;
	const uint64_t length = clamp(hint ? hint : LOW_BEGIN, random_length());
	const unsigned access = random_access();
	struct object *object = choose_object(shared);
	const uint64_t index = object && object->file ? random_below(FILE_PAGES - 10) : 0;
	const bool locked = chance(5);
	const unsigned flags = place | (shared ? SPACE_SHARED : 0) | (locked ? SPACE_LOCKED : 0) |
			       (chance(5) ? SPACE_POPULATE : 0);
	int64_t expected = expected_place(hint, length, flags);
	int64_t result;

	if (shared && !object)
		return;
	if (expected > 0 && shared && (access & SPACE_WRITE) && !object->writable)
		expected = -EACCES;
	result = space_map(space, hint, length, access, flags, object ? object->file : NULL,
			   index << PAGE_SHIFT);
	CHECK_IS(result, expected);
	if (result < 0)
		return;
	if (object && !object->file)
		object->size = length >> PAGE_SHIFT;
	model_unmap((uint64_t)result, (uint64_t)result + length);
	for (uint64_t i = 0; i < length >> PAGE_SHIFT; i++)
		*page_of((uint64_t)result + (i << PAGE_SHIFT)) = (struct model_page){
			.mapped = true,
			.shared = shared,
			.locked = locked,
			.access = access,
			.object = object,
			.index = index + i,
		};
	if (flags & (SPACE_LOCKED | SPACE_POPULATE))
		model_populate((uint64_t)result, (uint64_t)result + length);
}

static void try_unmap(void)
{
	const uint64_t address = random_address();
	const uint64_t length = clamp(address, random_length());

	CHECK_IS(space_unmap(space, address, length), 0);
	model_unmap(address, address + length);
}

/* ---- mprotect, madvise, mlock, msync ---- */

static int64_t expected_protect(uint64_t begin, uint64_t end, unsigned access)
{
	if (!is_full(begin, end))
		return -ENOMEM;
	for (; begin < end; begin += PAGE_SIZE) {
		const struct model_page *page = page_of(begin);

		if (page->shared && (access & SPACE_WRITE) && !page->object->writable)
			return -EACCES;
	}
	return 0;
}

static void try_protect(void)
{
	const uint64_t begin = mapped_address();
	const uint64_t end = begin + clamp(begin, random_length());
	const unsigned access = random_access();
	const int64_t expected = expected_protect(begin, end, access);

	CHECK_IS(space_protect(space, begin, end - begin, access), expected);
	for (uint64_t at = begin; !expected && at < end; at += PAGE_SIZE)
		page_of(at)->access = access;
}

static void try_give_up(void)
{
	const uint64_t begin = mapped_address();
	const uint64_t end = begin + clamp(begin, random_length());
	const bool is_free = chance(30);
	int64_t expected = is_full(begin, end) ? 0 : -ENOMEM;
	int64_t result = space_advise(space, begin, end - begin, is_free ? MADV_FREE : MADV_DONTNEED);

	for (uint64_t at = begin; at < end; at += PAGE_SIZE) {
		struct model_page *page = page_of(at);

		if (page->mapped && (page->locked || (is_free && page->object))) {
			expected = -EINVAL;
			break;
		}
		page->own = false;
	}
	CHECK_IS(result, expected);
}

static void try_lock(void)
{
	const uint64_t begin = mapped_address();
	const uint64_t end = begin + clamp(begin, random_length());
	const bool locked = chance(30);
	const int64_t expected = is_full(begin, end) ? 0 : -ENOMEM;

	CHECK_IS(space_lock(space, begin, end - begin, locked, false), expected);
	for (uint64_t at = begin; !expected && at < end; at += PAGE_SIZE)
		page_of(at)->locked = locked;
}

static void try_sync(void)
{
	const uint64_t begin = mapped_address();
	const uint64_t end = begin + clamp(begin, random_length());

	CHECK_IS(space_sync(space, begin, end - begin), is_full(begin, end) ? 0 : -ENOMEM);
	for (uint64_t at = begin; at < end; at += PAGE_SIZE) {
		struct model_page *page = page_of(at);

		if (page->written)
			CHECK_IS(page->object->mapped.disk[page->index], value_of(page));
		page->written = false;
	}
}

/* ---- mremap ---- */

struct remap_case {
	uint64_t old, old_length, new_length, new_address;
	unsigned flags;
};

static int64_t expected_remap_error(const struct remap_case *how)
{
	const uint64_t end = how->old + how->old_length;
	const bool shrinks = how->new_length <= how->old_length &&
			     !(how->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP));

	if ((how->flags & MREMAP_DONTUNMAP) && how->old_length != how->new_length)
		return -EINVAL;
	if ((how->flags & MREMAP_FIXED) && how->new_address < end &&
	    how->old < how->new_address + how->new_length)
		return -EINVAL;
	if (!page_of(how->old)->mapped)
		return -EFAULT;
	if (!how->old_length && !page_of(how->old)->shared)
		return -EINVAL;
	/* What becomes shorter may have been several mappings, as on Linux. */
	return how->old_length && !shrinks && !is_one_mapping(how->old, end) ? -EFAULT : 0;
}

static bool grows_in_place(const struct remap_case *how)
{
	const uint64_t end = how->old + how->old_length;

	if (how->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) || !how->old_length)
		return false;
	return !continues(page_of(end - PAGE_SIZE), page_of(end)) &&
	       !is_anything_in(end, how->old + how->new_length);
}

/* Where it goes; the old address: it stays; an error. */
static int64_t expected_remap(const struct remap_case *how)
{
	const int64_t error = expected_remap_error(how);

	if (error)
		return error;
	if (how->flags & MREMAP_FIXED)
		return (int64_t)how->new_address;
	if (!(how->flags & MREMAP_DONTUNMAP) && (how->new_length <= how->old_length || grows_in_place(how)))
		return (int64_t)how->old;
	return how->flags & MREMAP_MAYMOVE ? (int64_t)highest_room(how->new_length) : -ENOMEM;
}

static void model_remap(const struct remap_case *how, uint64_t to)
{
	static struct model_page old[2 * LENGTH_MOST];
	const struct model_page first = *page_of(how->old);
	const uint64_t count = how->old_length >> PAGE_SHIFT;

	for (uint64_t i = 0; i < count; i++)
		old[i] = *page_of(how->old + (i << PAGE_SHIFT));
	for (uint64_t i = 0; i < count; i++) {
		struct model_page *page = page_of(how->old + (i << PAGE_SHIFT));

		if (to != how->old)
			page->own = page->written = false;
		if (to != how->old && !(how->flags & MREMAP_DONTUNMAP))
			*page = (struct model_page){ 0 };
		else if (to != how->old)
			page->locked = false;
	}
	if (to == how->old && how->new_length < how->old_length)
		model_unmap(how->old + how->new_length, how->old + how->old_length);
	if (to != how->old)
		model_unmap(to, to + how->new_length);
	for (uint64_t i = 0; i < how->new_length >> PAGE_SHIFT; i++) {
		struct model_page *page = page_of(to + (i << PAGE_SHIFT));

		if (to == how->old && i < count)
			continue;
		*page = i < count ? old[i] : first;
		page->index = first.index + i;
		page->own &= i < count;
		page->written &= i < count;
	}
	if (first.locked && (to != how->old || how->new_length > how->old_length))
		model_populate(to, to + how->new_length);
}

static void try_remap(void)
{
	struct remap_case how = { .old = mapped_address(), .flags = random_below(2) };
	int64_t expected, result;

	how.old_length = chance(5) ? 0 : clamp(how.old, random_length());
	how.new_length = chance(30) ? how.old_length : random_length();
	if (!how.new_length)
		how.new_length = PAGE_SIZE;
	if (how.flags && chance(30)) {
		how.flags |= MREMAP_FIXED;
		how.new_address = random_address();
		how.new_length = clamp(how.new_address, how.new_length);
	}
	if (how.flags && chance(15))
		how.flags |= MREMAP_DONTUNMAP;
	/* Beyond what the model knows of. */
	if (clamp(how.old, how.new_length) != how.new_length)
		return;
	expected = expected_remap(&how);
	result = space_remap(space, how.old, how.old_length, how.new_length, how.flags, how.new_address);
	CHECK_IS(result, expected);
	if (result >= 0)
		model_remap(&how, (uint64_t)result);
}

/* ---- the heap ---- */

static void try_brk(void)
{
	const uint64_t to = HEAP_BEGIN + random_below((HEAP_PAGES - 2) << PAGE_SHIFT);
	const uint64_t old_page = page_ceiling(heap_end);
	const uint64_t new_page = page_ceiling(to);
	/* A page behind it stays free. */
	const bool fits = new_page <= old_page || !is_anything_in(old_page, new_page + PAGE_SIZE);

	CHECK_IS(space_brk(space, to), fits ? to : heap_end);
	if (!fits)
		return;
	if (new_page < old_page)
		model_unmap(new_page, old_page);
	for (uint64_t at = old_page; at < new_page; at += PAGE_SIZE)
		*page_of(at) = (struct model_page){ .mapped = true, .access = SPACE_READ | SPACE_WRITE };
	heap_end = to;
}

/* ---- access ---- */

static void write_value(struct model_page *page, uint64_t value)
{
	if (page->shared) {
		page->object->values[page->index] = value;
		page->written = page->object->file && page->object->file->functions->dirty;
	} else {
		page->own = true;
		page->value = value;
	}
}

static void try_access(void)
{
	static const unsigned kinds[] = { SPACE_READ, SPACE_WRITE, SPACE_EXECUTE };
	const uint64_t address = mapped_address();
	const unsigned access = kinds[random_below(3)];
	struct model_page *page = page_of(address);
	const uint64_t entry = machine_shows(address);
	const bool at_once = access == SPACE_WRITE  ? entry & TABLE_WRITE
			     : access == SPACE_READ ? entry != 0
						    : entry && !(entry & TABLE_NO_EXECUTE);
	int error = 0;
	uint64_t *memory;

	if (!at_once || chance(10))
		error = space_fault(space, address + random_below(PAGE_SIZE), access);
	CHECK_IS(error, expected_access(page, access));
	if (error)
		return;
	memory = (uint64_t *)(machine_shows(address) & TABLE_ADDRESS);
	CHECK(memory);
	CHECK_IS(*memory, value_of(page));
	if (access != SPACE_WRITE)
		return;
	CHECK(machine_shows(address) & TABLE_WRITE);
	*memory = seed;
	write_value(page, seed);
}

/* The kernel's access, which needs nothing of the processor. */
static void try_kernel_access(void)
{
	const uint64_t address = mapped_address();
	struct model_page *page = page_of(address);
	const unsigned access = chance(50) ? SPACE_READ : SPACE_WRITE;
	const int expected = expected_access(page, access);
	int error = 0;
	uint64_t *memory = space_memory(space, address, access, &error);

	CHECK((memory == NULL) == (expected != 0));
	if (!memory) {
		CHECK_IS(error, expected);
		return;
	}
	CHECK_IS(*memory, value_of(page));
	if (access == SPACE_WRITE) {
		*memory = seed;
		write_value(page, seed);
	}
}

static void try_presence(void)
{
	static unsigned char present[LENGTH_MOST];
	const uint64_t address = mapped_address();
	const uint64_t length = clamp(address, random_length());
	const int64_t expected = is_full(address, address + length) ? 0 : -ENOMEM;

	CHECK_IS(space_is_present(space, address, length >> PAGE_SHIFT, present), expected);
	for (uint64_t i = 0; !expected && i < length >> PAGE_SHIFT; i++) {
		const struct model_page *page = page_of(address + (i << PAGE_SHIFT));

		CHECK(present[i] || !page->own);
		CHECK(present[i] || !machine_shows(address + (i << PAGE_SHIFT)));
	}
}

/* The host has no room for more mappings for a while: that shows in faults only. */
static void try_full_host(void)
{
	machine_maps = random_below(3);
	for (unsigned i = 0; i < 5; i++) {
		const uint64_t address = mapped_address();
		const int expected = expected_access(page_of(address), SPACE_READ);
		const int error = space_fault(space, address, SPACE_READ);

		CHECK(error == expected || (error == -ENOMEM && !expected));
		if (chance(50))
			try_unmap();
	}
	machine_maps = -1;
}

/* ---- all of it ---- */

static const struct {
	void (*run)(void);
	unsigned weight;
} operations[] = {
	{ try_map, 20 },    { try_unmap, 8 },          { try_protect, 12 }, { try_give_up, 5 },
	{ try_lock, 4 },    { try_sync, 4 },           { try_remap, 14 },   { try_brk, 4 },
	{ try_access, 50 }, { try_kernel_access, 20 }, { try_presence, 3 }, { try_full_host, 1 },
};

static void run_one(void)
{
	unsigned sum = 0;
	uint32_t chosen;
	size_t i = 0;

	for (size_t j = 0; j < COUNT_OF(operations); j++)
		sum += operations[j].weight;
	chosen = random_below(sum);
	while (chosen >= operations[i].weight)
		chosen -= operations[i++].weight;
	operations[i].run();
}

static void make_files(void)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct object *object = &objects[i];
		const uint64_t value = (uint64_t)(i + 1) << 32;

		object->writable = i % 2 == 0;
		object->size = FILE_PAGES - i;
		object->file = mapped_file_create(&object->mapped, object->size, value, i < 2,
						  object->writable ? 2 : 0);
		for (uint64_t j = 0; j < object->size; j++)
			object->values[j] = value + j;
	}
	object_count = FILES;
}

static void check_nothing_is_left(size_t pages, size_t blocks)
{
	for (unsigned i = 0; i < FILES; i++) {
		CHECK_IS(objects[i].file->count, 1);
		for (uint64_t j = 0; j < objects[i].size; j++)
			CHECK_IS(objects[i].mapped.pages[j]->count, 1);
	}
	CHECK_IS(pages_free(), pages);
	CHECK_IS(machine_blocks(), blocks);
}

static void against_the_model(void)
{
	size_t pages, blocks;

	make_files();
	pages = pages_free();
	blocks = machine_blocks();
	space = space_create();
	space_set_brk(space, HEAP_BEGIN);
	heap_end = HEAP_BEGIN;
	for (step = 0; step < STEPS; step++) {
		run_one();
		if (step % SWEEP == 0)
			sweep();
	}
	sweep();
	space_drop(space);
	check_nothing_is_left(pages, blocks);
}

static void test_an_address_space_is_as_its_model_is(void **state)
{
	const char *only = getenv("SEED");
	const uint64_t first = only ? strtoul(only, NULL, 0) : 1;

	(void)state;
	for (uint64_t i = first; i < first + (only ? 1 : 3); i++) {
		seed = i;
		printf("# seed %lu\n", (unsigned long)i);
		machine_run(&(struct machine){ .pages = 16384 }, IN_KERNEL, against_the_model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_space_is_as_its_model_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
