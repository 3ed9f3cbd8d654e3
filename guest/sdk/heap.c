/* SPDX-License-Identifier: ISC */
/*
 * heap.c - malloc() over whole pages. Small blocks come from slabs: pages of blocks of one size, each with a
 * header in front. Larger ones have pages of their own, with the same header. So the page that a pointer lies
 * in says everything about its block.
 */
#include "internal.h"

/* A free block. */
struct block {
	struct block *next;
};

/* At the start of a page; 64 bytes, which keeps what follows aligned to a cache line. */
struct header {
	uint32_t magic;
	uint32_t size;       /* SLAB: bytes of each block */
	uint32_t used;       /* SLAB: blocks */
	uint32_t capacity;   /* SLAB: blocks */
	size_t pages;        /* LARGE */
	struct block *free;  /* SLAB: its free blocks */
	struct header *next; /* SLAB with free blocks: others of the same size */
	struct header *previous;
	uint64_t reserved[2];
};

_Static_assert(sizeof(struct header) == 64, "blocks are aligned to 16 bytes or more");

enum { SLAB = 0x62616c73, LARGE = 0x6772616c };

/* Multiples of 16, chosen so that little of a page is left over. */
static const uint32_t sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1008, 1344, 2016 };

enum { SIZES = sizeof sizes / sizeof *sizes };

static struct guest_lock lock;        /* of all slabs and this: */
static struct header *partial[SIZES]; /* slabs with free blocks, by size */

static struct header *header_of(const void *memory)
{
	return (struct header *)((uintptr_t)memory & ~(uintptr_t)(GUEST_PAGE_SIZE - 1));
}

static char *blocks_of(struct header *header)
{
	return (char *)header + sizeof *header;
}

/* SIZES: none is large enough. */
static unsigned size_class(size_t size)
{
	unsigned i = 0;

	while (i < SIZES && sizes[i] < size)
		i++;
	return i;
}

/* ---- slabs; the lock is held ---- */

static void link_slab(struct header *slab, unsigned class)
{
	slab->next = partial[class];
	slab->previous = NULL;
	if (slab->next)
		slab->next->previous = slab;
	partial[class] = slab;
}

static void unlink_slab(struct header *slab, unsigned class)
{
	*(slab->previous ? &slab->previous->next : &partial[class]) = slab->next;
	if (slab->next)
		slab->next->previous = slab->previous;
}

static struct header *new_slab(unsigned class)
{
	struct header *slab = guest_pages_alloc(1);
	uint32_t size = sizes[class];

	if (!slab)
		return NULL;
	*slab = (struct header){ .magic = SLAB, .size = size };
	slab->capacity = (GUEST_PAGE_SIZE - (uint32_t)sizeof *slab) / size;
	for (uint32_t i = slab->capacity; i--;) {
		struct block *block = (struct block *)(blocks_of(slab) + (size_t)i * size);

		block->next = slab->free;
		slab->free = block;
	}
	link_slab(slab, class);
	return slab;
}

static void *take_block(unsigned class)
{
	struct header *slab = partial[class] ? partial[class] : new_slab(class);
	struct block *block;

	if (!slab)
		return NULL;
	block = slab->free;
	slab->free = block->next;
	slab->used++;
	if (!slab->free)
		unlink_slab(slab, class);
	return block;
}

/*
 * A slab without used blocks goes, unless it is the only one with room: the next block would need it again.
 */
static void give_block(struct header *slab, struct block *block)
{
	unsigned class = size_class(slab->size);

	if (!slab->free)
		link_slab(slab, class);
	block->next = slab->free;
	slab->free = block;
	if (--slab->used == 0 && (slab->next || slab->previous)) {
		unlink_slab(slab, class);
		slab->magic = 0;
		guest_pages_free(slab, 1);
	}
}

static bool is_block(struct header *slab, const char *memory)
{
	size_t offset = (size_t)(memory - blocks_of(slab));

	return memory >= blocks_of(slab) && slab->used && offset % slab->size == 0 &&
	       offset / slab->size < slab->capacity;
}

/* ---- large blocks ---- */

static void *take_large(size_t size)
{
	size_t pages = (size + sizeof(struct header) + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
	struct header *header = guest_pages_alloc(pages);

	if (!header)
		return NULL;
	*header = (struct header){ .magic = LARGE, .pages = pages };
	return blocks_of(header);
}

/* ---- the interface ---- */

void *malloc(size_t size)
{
	unsigned class = size_class(size);
	void *block;

	if (size > PTRDIFF_MAX - GUEST_PAGE_SIZE)
		return NULL;
	if (class == SIZES)
		return take_large(size);
	guest_lock(&lock);
	block = take_block(class);
	guest_unlock(&lock);
	return block;
}

void free(void *memory)
{
	struct header *header = header_of(memory);
	bool is_ours;

	if (!memory)
		return;
	if (header->magic == LARGE && (char *)memory == blocks_of(header)) {
		header->magic = 0;
		guest_pages_free(header, header->pages);
		return;
	}
	guest_lock(&lock);
	is_ours = header->magic == SLAB && is_block(header, memory);
	if (is_ours)
		give_block(header, memory);
	guest_unlock(&lock);
	if (!is_ours)
		guest_panic("%p is freed, and was not allocated", memory);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	memory = malloc(bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

static size_t usable(const void *memory)
{
	struct header *header = header_of(memory);

	if (header->magic == LARGE)
		return header->pages * GUEST_PAGE_SIZE - sizeof *header;
	if (header->magic != SLAB)
		guest_panic("%p is resized, and was not allocated", memory);
	return header->size;
}

void *realloc(void *memory, size_t size)
{
	size_t old;
	void *moved;

	if (!memory)
		return malloc(size);
	old = usable(memory);
	/* Memory that would become less than half full is moved. */
	if (size <= old && size >= old / 2)
		return memory;
	moved = malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, memory, old < size ? old : size);
	free(memory);
	return moved;
}
