/* SPDX-License-Identifier: ISC */
/* test_heap.c - pages and malloc: nothing overlaps, everything comes back, and misuse is a panic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <postern/guest.h>

void *sdk_malloc(size_t size);
void *sdk_calloc(size_t count, size_t size);
void *sdk_realloc(void *memory, size_t size);
void sdk_free(void *memory);

enum { PAGE = 4096, PAGES = 512 };

static char *ram;
static jmp_buf panicked;

/* ---- what it stands on ---- */

void guest_lock(struct guest_lock *lock)
{
	assert_int_equal(lock->holder, 0);
	lock->holder = 1;
}

void guest_unlock(struct guest_lock *lock)
{
	lock->holder = 0;
}

void guest_panic(const char *format, ...)
{
	(void)format;
	longjmp(panicked, 1);
}

void *sdk_memcpy(void *to, const void *from, size_t length);
void *sdk_memcpy(void *to, const void *from, size_t length)
{
	return memcpy(to, from, length);
}

void *sdk_memset(void *to, int byte, size_t length);
void *sdk_memset(void *to, int byte, size_t length)
{
	return memset(to, byte, length);
}

#define PANICS(statement)                                  \
	do {                                               \
		if (!setjmp(panicked)) {                   \
			statement;                         \
			fail_msg("no panic: " #statement); \
		}                                          \
	} while (0)

/* For all tests: the heap keeps pages from one to the next. The first find all of them free. */
static int setup(void **state)
{
	(void)state;
	ram = aligned_alloc(PAGE, PAGES * PAGE);
	assert_non_null(ram);
	memset(ram, 0xaa, PAGES * PAGE);
	guest_pages_free(ram, PAGES);
	assert_int_equal(guest_pages_available(), PAGES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

/* ---- pages ---- */

static void pages_come_back_as_one(void **state)
{
	char *pages[PAGES];

	(void)state;
	assert_null(guest_pages_alloc(0));
	assert_null(guest_pages_alloc(PAGES + 1));
	for (unsigned i = 0; i < PAGES; i++) {
		pages[i] = guest_pages_alloc(1);
		assert_true(pages[i] >= ram && pages[i] < ram + PAGES * PAGE);
	}
	assert_null(guest_pages_alloc(1));
	/* In an order that leaves holes on both sides. */
	for (unsigned i = 0; i < PAGES; i++)
		guest_pages_free(pages[i * 37 % PAGES], 1);
	assert_int_equal(guest_pages_available(), PAGES);
	assert_ptr_equal(guest_pages_alloc(PAGES), ram);
	/* Any part may be given back. */
	guest_pages_free(ram + 100 * PAGE, 5);
	assert_ptr_equal(guest_pages_alloc(5), ram + 100 * PAGE);
	guest_pages_free(ram, PAGES);
	guest_pages_free(NULL, 5);
}

static void pages_are_given_back_once(void **state)
{
	char *pages = guest_pages_alloc(4);

	(void)state;
	PANICS(guest_pages_free(pages + 1, 1));
	guest_pages_free(pages, 4);
	PANICS(guest_pages_free(pages, 4));
	PANICS(guest_pages_free(pages + 3 * PAGE, 1));
	PANICS(guest_pages_free(ram, 1));
	assert_int_equal(guest_pages_available(), PAGES);
}

/* ---- malloc ---- */

enum { BLOCKS = 300, STEPS = 50000 };

static struct {
	unsigned char *memory;
	size_t size;
	unsigned char byte;
} blocks[BLOCKS];

static size_t random_size(void)
{
	unsigned kind = (unsigned)rand() % 8;

	return (unsigned)rand() % (kind < 4 ? 100 : kind < 7 ? 2100 : 20000);
}

static void fill(unsigned i, unsigned char *memory, size_t size)
{
	assert_int_equal((uintptr_t)memory % 16, 0);
	assert_true(memory >= (unsigned char *)ram && memory + size <= (unsigned char *)ram + PAGES * PAGE);
	blocks[i].memory = memory;
	blocks[i].size = size;
	blocks[i].byte = (unsigned char)rand();
	memset(memory, blocks[i].byte, size);
}

static void check(unsigned i, size_t size)
{
	for (size_t j = 0; j < size; j++)
		assert_int_equal(blocks[i].memory[j], blocks[i].byte);
}

static void resize(unsigned i)
{
	size_t size = random_size();
	unsigned char *memory = sdk_realloc(blocks[i].memory, size);

	if (!memory)
		return;
	blocks[i].memory = memory;
	check(i, size < blocks[i].size ? size : blocks[i].size);
	fill(i, memory, size);
}

static void step(unsigned i)
{
	if (blocks[i].memory) {
		check(i, blocks[i].size);
		if (rand() % 3 == 0) {
			resize(i);
			return;
		}
		sdk_free(blocks[i].memory);
		blocks[i].memory = NULL;
	} else {
		size_t size = random_size();
		unsigned char *memory = sdk_malloc(size);

		if (memory)
			fill(i, memory, size);
	}
}

static void blocks_keep_what_is_in_them(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < STEPS; i++)
		step((unsigned)rand() % BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++) {
		sdk_free(blocks[i].memory);
		blocks[i].memory = NULL;
	}
	/* Each size keeps at most a page for next time. */
	assert_true(guest_pages_available() >= PAGES - 14);
}

static void odd_sizes_are_right(void **state)
{
	char *memory;
	size_t before = guest_pages_available();

	(void)state;
	assert_null(sdk_malloc(SIZE_MAX));
	assert_null(sdk_malloc(SIZE_MAX - 100));
	assert_null(sdk_malloc(PAGES * PAGE));
	assert_null(sdk_calloc(SIZE_MAX / 2, 3));
	memory = sdk_malloc(30 * PAGE);
	assert_non_null(memory);
	memset(memory, 1, 30 * PAGE);
	sdk_free(memory);
	memory = sdk_malloc(0);
	assert_non_null(memory);
	sdk_free(memory);
	sdk_free(NULL);
	memory = sdk_calloc(3, 1000);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(memory[i], 0);
	sdk_free(memory);
	memory = sdk_realloc(NULL, 10);
	assert_non_null(memory);
	assert_null(sdk_realloc(memory, SIZE_MAX / 2));
	sdk_free(memory);
	assert_true(guest_pages_available() + 14 >= before);
}

static void misuse_is_a_panic(void **state)
{
	static char elsewhere[3 * PAGE];
	char *small = sdk_malloc(100);
	char *other = sdk_malloc(100);
	char *large = sdk_malloc(10000);

	(void)state;
	PANICS(sdk_free(elsewhere + PAGE));
	PANICS(sdk_free(small + 16));
	PANICS(sdk_free((char *)((uintptr_t)small & ~(uintptr_t)(PAGE - 1))));
	PANICS(sdk_free(large + 16));
	PANICS(sdk_realloc(elsewhere + PAGE, 10));
	sdk_free(large);
	PANICS(sdk_free(large));
	(void)other;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_come_back_as_one),      cmocka_unit_test(pages_are_given_back_once),
		cmocka_unit_test(blocks_keep_what_is_in_them), cmocka_unit_test(odd_sizes_are_right),
		cmocka_unit_test(misuse_is_a_panic),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
