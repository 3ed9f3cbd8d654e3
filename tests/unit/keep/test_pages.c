/* SPDX-License-Identifier: ISC */
/* test_pages.c - the allocator of pages: blocks do not overlap, come back, are zero if asked for, and run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mm/pages.h"

enum { STEPS = 20000, BLOCKS = 400 };

static uint64_t seed;

static uint32_t random_below(uint32_t end)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % end;
}

static void fill(struct page *page, size_t count, uint64_t value)
{
	uint64_t *words = page_memory(page);

	for (size_t i = 0; i < count * PAGE_SIZE / 8; i += 64)
		words[i] = value + i;
}

static bool is_filled(const struct page *page, size_t count, uint64_t value)
{
	const uint64_t *words = page_memory(page);

	for (size_t i = 0; i < count * PAGE_SIZE / 8; i += 64) {
		if (words[i] != value + i)
			return false;
	}
	return true;
}

static bool is_zero(const struct page *page, size_t count)
{
	const uint64_t *words = page_memory(page);

	for (size_t i = 0; i < count * PAGE_SIZE / 8; i++) {
		if (words[i])
			return false;
	}
	return true;
}

/* ---- cases ---- */

KERNEL_CASE(test_a_page_has_an_address_and_memory)
{
	struct page *page = page_alloc(PAGES_KERNEL, true);

	CHECK(page && page->count == 1);
	CHECK(page_at(page_address(page)) == page);
	CHECK(page_at(page_address(page) + PAGE_SIZE - 1) == page);
	CHECK(guest_pointer(page_address(page)) == page_memory(page));
	page_drop(page);
}

KERNEL_CASE(test_blocks_are_aligned_to_their_size)
{
	for (unsigned order = 0; order <= PAGES_MAX_ORDER; order++) {
		struct page *block = pages_alloc(order, PAGES_KERNEL, false);

		CHECK(block);
		CHECK(page_address(block) % ((uint64_t)PAGE_SIZE << order) == 0);
		for (size_t i = 0; i < (size_t)1 << order; i++)
			CHECK(block[i].count == 1);
		pages_drop(block, (size_t)1 << order);
	}
}

KERNEL_CASE(test_a_page_stays_until_the_last_holder_drops_it)
{
	const size_t before = pages_free();
	struct page *page = page_alloc(PAGES_KERNEL, false);

	page_hold(page);
	page_drop(page);
	CHECK_IS(pages_free(), before - 1);
	page_drop(page);
	CHECK_IS(pages_free(), before);
}

KERNEL_CASE(test_a_block_is_given_back_page_by_page)
{
	const size_t before = pages_free();
	struct page *block = pages_alloc(4, PAGES_KERNEL, false);

	page_hold(&block[5]);
	pages_drop(block, 16);
	CHECK_IS(pages_free(), before - 1);
	CHECK_IS(block[5].count, 1);
	page_drop(&block[5]);
	CHECK_IS(pages_free(), before);
}

KERNEL_CASE(test_everything_can_be_had_and_comes_back_joined)
{
	const size_t before = pages_free();
	struct page **all = calloc(before + 1, sizeof *all);
	size_t count = 0;
	struct page *block;

	while ((all[count] = page_alloc(PAGES_KERNEL, count % 2)) != NULL) {
		if (count % 2)
			CHECK(is_zero(all[count], 1));
		fill(all[count], 1, count);
		count++;
	}
	CHECK_IS(count, before);
	CHECK_IS(pages_free(), 0);
	for (size_t i = 0; i < count; i++)
		CHECK(is_filled(all[i], 1, i));
	for (size_t i = 0; i < count; i += 2)
		page_drop(all[i]);
	CHECK(!pages_alloc(1, PAGES_KERNEL, false)); /* every other page: nothing larger */
	for (size_t i = 1; i < count; i += 2)
		page_drop(all[i]);
	CHECK_IS(pages_free(), before);
	block = pages_alloc(PAGES_MAX_ORDER, PAGES_KERNEL, true);
	CHECK(block && is_zero(block, 1 << PAGES_MAX_ORDER));
	free(all);
}

KERNEL_CASE(test_programs_leave_a_reserve_for_the_kernel)
{
	size_t kept = 0;

	while (page_alloc(PAGES_PROGRAM, false))
		;
	CHECK(pages_free() >= 32);
	CHECK(pages_free() < pages_total() / 16);
	while (page_alloc(PAGES_KERNEL, false))
		kept++;
	CHECK(kept >= 32);
	CHECK_IS(pages_free(), 0);
}

/* Pages that are known to be zero do not join with others, until a larger block is needed. */
KERNEL_CASE(test_zero_blocks_are_joined_with_others_for_the_kernel)
{
	const size_t before = pages_free();
	struct page **all = calloc(before, sizeof *all);
	size_t count = 0;

	/* All memory becomes half pages that were used, half that never were. */
	while (count < before / 2 && (all[count] = page_alloc(PAGES_KERNEL, false)) != NULL)
		count++;
	for (size_t i = 0; i < count; i++)
		page_drop(all[i]);
	count = 0;
	while (pages_alloc(PAGES_MAX_ORDER, PAGES_KERNEL, false))
		count++;
	CHECK(count >= before / 512 - 2);
	free(all);
}

KERNEL_CASE(test_the_sdk_gets_runs_of_any_length)
{
	static const size_t counts[] = { 1, 3, 16, 511, 512, 513, 1024, 1500 };
	const size_t before = pages_free();

	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		char *memory = guest_pages_alloc(counts[i]);

		CHECK(memory);
		CHECK_IS(pages_free(), before - counts[i]);
		memset(memory, 0xa5, counts[i] * PAGE_SIZE);
		/* A part of it, and the rest. */
		guest_pages_free(memory + PAGE_SIZE, counts[i] - 1);
		guest_pages_free(memory, 1);
		CHECK_IS(pages_free(), before);
	}
	CHECK(!guest_pages_alloc(0));
	CHECK(!guest_pages_alloc(before + 1));
	CHECK(!guest_pages_alloc(SIZE_MAX / PAGE_SIZE));
	CHECK_IS(pages_free(), before);
}

/* Allocations of all kinds at random, each filled with something of its own. */
static void at_random(void)
{
	static struct {
		struct page *pages;
		size_t count;
		uint64_t value;
	} blocks[BLOCKS];
	const size_t before = pages_free();
	size_t taken = 0;

	for (unsigned step = 0; step < STEPS; step++) {
		const uint32_t i = random_below(BLOCKS);
		const unsigned order = random_below(8) ? random_below(4) : random_below(PAGES_MAX_ORDER + 1);
		const bool zero = random_below(2);

		if (blocks[i].pages) {
			CHECK(is_filled(blocks[i].pages, blocks[i].count, blocks[i].value));
			pages_drop(blocks[i].pages, blocks[i].count);
			taken -= blocks[i].count;
			blocks[i].pages = NULL;
		} else {
			blocks[i].pages =
				pages_alloc(order, random_below(2) ? PAGES_KERNEL : PAGES_PROGRAM, zero);
			if (!blocks[i].pages)
				continue;
			blocks[i].count = (size_t)1 << order;
			blocks[i].value = (uint64_t)step << 32;
			taken += blocks[i].count;
			if (zero)
				CHECK(is_zero(blocks[i].pages, blocks[i].count));
			fill(blocks[i].pages, blocks[i].count, blocks[i].value);
		}
		CHECK_IS(pages_free(), before - taken);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[i].pages)
			pages_drop(blocks[i].pages, blocks[i].count);
	}
	CHECK_IS(pages_free(), before);
}

static void test_random_allocations(void **state)
{
	(void)state;
	for (seed = 1; seed <= 3; seed++) {
		printf("# seed %lu\n", (unsigned long)seed);
		machine_run(&(struct machine){ .pages = 4096 + seed * 777 }, IN_KERNEL, at_random);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_has_an_address_and_memory),
		cmocka_unit_test(test_blocks_are_aligned_to_their_size),
		cmocka_unit_test(test_a_page_stays_until_the_last_holder_drops_it),
		cmocka_unit_test(test_a_block_is_given_back_page_by_page),
		cmocka_unit_test(test_everything_can_be_had_and_comes_back_joined),
		cmocka_unit_test(test_programs_leave_a_reserve_for_the_kernel),
		cmocka_unit_test(test_zero_blocks_are_joined_with_others_for_the_kernel),
		cmocka_unit_test(test_the_sdk_gets_runs_of_any_length),
		cmocka_unit_test(test_random_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
