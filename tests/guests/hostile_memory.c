/* SPDX-License-Identifier: ISC */
/*
 * hostile_memory.c - takes all the memory that it can get: touches each page of RAM, gives all of it back and takes it
 * again, and does both at once from two sides. The host has lent no more than the VM's RAM, ever.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(MEMORY, MEMORY_INFO, MEMORY_RELEASE, MEMORY_POPULATE));

enum { PAGE = 4096, ROUNDS = 3 };

static char *pages;
static size_t count;

static void touch_all(void)
{
	for (size_t i = 0; i < count; i++)
		*(volatile char *)(pages + i * PAGE) = (char)i;
}

static void look(void)
{
	struct postern_memory_info info = POSTERN_INIT(memory_info);

	EXPECT_RESULT(postern_memory_info(&info), 0);
	EXPECT(info.total <= guest_boot()->memory / PAGE && info.owned + info.released == info.total);
}

int main(void)
{
	struct postern_page_range all;

	for (count = guest_pages_available(); count && !(pages = guest_pages_alloc(count)); count--)
		;
	EXPECT(count * PAGE > guest_boot()->memory / 2);
	all = (struct postern_page_range){ .first = postern_address(pages) / PAGE, .count = count };
	for (unsigned i = 0; i < ROUNDS; i++) {
		touch_all();
		look();
		EXPECT_RESULT(postern_memory_release(&all, 1), 1);
		/* They are gone for calls, but the mapping is there: memory that nobody said is there comes and goes. */
		touch_all();
		look();
		EXPECT_RESULT(postern_memory_populate(&all, 1), 1);
		EXPECT_RESULT(postern_memory_populate(&all, 1), -EBUSY);
	}
	touch_all();
	guest_printf("touched 0x%lx pages again and again\n", (unsigned long)count);
	return 0;
}
