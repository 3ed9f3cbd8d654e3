/* SPDX-License-Identifier: ISC */
/*
 * test_memory.c - what faults bring: pages on demand and in clusters, copies on write, pages of files; stacks that grow;
 * the kernel's access to a program's memory; and the limits: mappings, memory, the host's mappings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "mapped_file.h"

#include "mm/internal.h"
#include "task/task.h"

#include <linux/mman.h>
#include <signal.h>
#include <sys/syscall.h>

enum { READ_WRITE = SPACE_READ | SPACE_WRITE, O_READ_WRITE = 2, O_READ = 0, OUT_OF_MEMORY = 9 };

#define PAGES(count) ((uint64_t)(count) << PAGE_SHIFT)
#define AT UINT64_C(0x40000000)

static struct space *own_space(void)
{
	return current_process()->space;
}

static uint64_t map(uint64_t pages, unsigned access, unsigned flags, struct file *file)
{
	int64_t at = space_map(own_space(), AT, PAGES(pages), access, flags | SPACE_FIXED, file, 0);

	CHECK_IS(at, AT);
	return AT;
}

static uint64_t *word(uint64_t address)
{
	CHECK(machine_shows(address));
	return (uint64_t *)(machine_shows(address) & TABLE_ADDRESS);
}

static int fault(uint64_t address, unsigned access)
{
	return space_fault(own_space(), address, access);
}

/* ---- on demand ---- */

KERNEL_CASE(test_memory_is_zero_and_comes_when_it_is_touched)
{
	const uint64_t at = map(64, READ_WRITE, 0, NULL);

	CHECK_IS(space_resident(own_space()), 0);
	CHECK(!machine_shows(at));
	CHECK_IS(fault(at + PAGES(20) + 123, SPACE_READ), 0);
	CHECK_IS(*word(at + PAGES(20)), 0);
	/* An aligned block around it, and nothing else. */
	CHECK_IS(space_resident(own_space()), PAGES(16));
	CHECK(machine_shows(at + PAGES(16)) && machine_shows(at + PAGES(31)));
	CHECK(!machine_shows(at + PAGES(15)) && !machine_shows(at + PAGES(32)));
}

KERNEL_CASE(test_clusters_grow_with_a_program_that_goes_on)
{
	const uint64_t at = map(1024, READ_WRITE, 0, NULL);
	unsigned faults = 0;

	for (uint64_t i = 0; i < 1024; i++) {
		if (machine_shows(at + PAGES(i)))
			continue;
		CHECK_IS(fault(at + PAGES(i), SPACE_WRITE), 0);
		faults++;
	}
	CHECK(faults < 1024 / 16 / 2);
}

KERNEL_CASE(test_clusters_stay_within_their_mapping_and_leave_what_is_there)
{
	const uint64_t at = map(16, READ_WRITE, 0, NULL);

	CHECK_IS(fault(at + PAGES(3), SPACE_WRITE), 0);
	*word(at + PAGES(3)) = 7;
	CHECK_IS(space_unmap(own_space(), at, PAGES(2)), 0);
	CHECK_IS(space_unmap(own_space(), at + PAGES(12), PAGES(4)), 0);
	CHECK_IS(space_advise(own_space(), at + PAGES(4), PAGES(8), MADV_DONTNEED), 0);
	CHECK_IS(fault(at + PAGES(11), SPACE_WRITE), 0);
	CHECK_IS(*word(at + PAGES(3)), 7);
	CHECK_IS(*word(at + PAGES(11)), 0);
	CHECK(!machine_shows(at + PAGES(1)) && !machine_shows(at + PAGES(12)));
}

KERNEL_CASE(test_access_is_refused_as_the_mapping_says)
{
	const uint64_t at = map(4, SPACE_READ, 0, NULL);

	CHECK_IS(fault(at, SPACE_WRITE), -EACCES);
	CHECK_IS(fault(at, SPACE_EXECUTE), -EACCES);
	CHECK_IS(fault(at + PAGES(4), SPACE_READ), -EFAULT);
	CHECK_IS(fault(0, SPACE_READ), -EFAULT);
	CHECK_IS(fault(UINT64_MAX, SPACE_READ), -EFAULT);
	CHECK_IS(fault(ARCH_USER_END, SPACE_READ), -EFAULT);
	CHECK_IS(space_protect(own_space(), at, PAGES(4), 0), 0);
	CHECK_IS(fault(at, SPACE_READ), -EACCES);
	/* As on x86: what may be written may be read. */
	CHECK_IS(space_protect(own_space(), at, PAGES(4), SPACE_WRITE), 0);
	CHECK_IS(fault(at, SPACE_READ), 0);
}

KERNEL_CASE(test_contents_outlive_a_time_without_access)
{
	const uint64_t at = map(4, READ_WRITE, 0, NULL);

	CHECK_IS(fault(at, SPACE_WRITE), 0);
	*word(at) = 42;
	CHECK_IS(space_protect(own_space(), at, PAGES(4), 0), 0);
	CHECK(!machine_shows(at));
	CHECK_IS(space_protect(own_space(), at, PAGES(4), SPACE_READ), 0);
	CHECK_IS(fault(at, SPACE_READ), 0);
	CHECK_IS(*word(at), 42);
	CHECK(!(machine_shows(at) & TABLE_WRITE));
}

/* ---- files ---- */

static struct mapped_file file_of_test;

KERNEL_CASE(test_a_private_page_is_copied_when_it_is_written)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, false, O_READ);
	const uint64_t at = map(4, READ_WRITE, 0, file);

	CHECK_IS(fault(at + PAGES(1), SPACE_READ), 0);
	CHECK(word(at + PAGES(1)) == page_memory(file_of_test.pages[1]));
	CHECK(!(machine_shows(at + PAGES(1)) & TABLE_WRITE));
	CHECK_IS(fault(at + PAGES(1), SPACE_WRITE), 0);
	CHECK(word(at + PAGES(1)) != page_memory(file_of_test.pages[1]));
	CHECK_IS(*word(at + PAGES(1)), 101);
	*word(at + PAGES(1)) = 5;
	CHECK_IS(mapped_file_word(&file_of_test, 1), 101);
	/* Given up, it is the file's again. */
	CHECK_IS(space_advise(own_space(), at, PAGES(4), MADV_DONTNEED), 0);
	CHECK_IS(fault(at + PAGES(1), SPACE_READ), 0);
	CHECK_IS(*word(at + PAGES(1)), 101);
}

KERNEL_CASE(test_a_shared_page_is_the_file_s)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, true, O_READ_WRITE);
	const uint64_t at = map(4, READ_WRITE, SPACE_SHARED, file);

	CHECK_IS(fault(at, SPACE_READ), 0);
	CHECK(!(machine_shows(at) & TABLE_WRITE)); /* or the file would not know */
	CHECK(!file_of_test.dirty[0]);
	CHECK_IS(fault(at, SPACE_WRITE), 0);
	CHECK(file_of_test.dirty[0]);
	*word(at) = 7;
	CHECK_IS(mapped_file_word(&file_of_test, 0), 7);
	CHECK_IS(file_of_test.disk[0], 100);
	CHECK_IS(space_sync(own_space(), at, PAGES(4)), 0);
	CHECK_IS(file_of_test.disk[0], 7);
	/* What is changed after that is not lost, either. */
	*word(at) = 8;
	CHECK_IS(space_sync(own_space(), at, PAGES(4)), 0);
	CHECK_IS(file_of_test.disk[0], 8);
	*word(at) = 9;
	CHECK_IS(space_unmap(own_space(), at, PAGES(4)), 0);
	CHECK(file_of_test.dirty[0]);
}

KERNEL_CASE(test_pages_at_hand_around_a_fault_come_with_it)
{
	struct file *file = mapped_file_create(&file_of_test, 40, 0, false, O_READ);
	const uint64_t at = map(40, SPACE_READ, 0, file);

	CHECK_IS(fault(at + PAGES(18), SPACE_READ), 0);
	CHECK_IS(file_of_test.faults, 1);
	CHECK(machine_shows(at + PAGES(16)) && machine_shows(at + PAGES(31)));
	CHECK(!machine_shows(at + PAGES(15)) && !machine_shows(at + PAGES(32)));
	CHECK_IS(*word(at + PAGES(25)), 25);
}

KERNEL_CASE(test_behind_the_end_of_a_file_is_no_page)
{
	struct file *file = mapped_file_create(&file_of_test, 3, 0, false, O_READ);
	const uint64_t at = map(8, READ_WRITE, 0, file);

	CHECK_IS(fault(at + PAGES(2), SPACE_READ), 0);
	CHECK_IS(fault(at + PAGES(3), SPACE_READ), -EIO);
	CHECK_IS(fault(at + PAGES(3), SPACE_WRITE), -EIO);
	CHECK(!machine_shows(at + PAGES(3)));
	CHECK_IS(space_advise(own_space(), at, PAGES(8), MADV_POPULATE_READ), -EFAULT);
}

KERNEL_CASE(test_what_a_file_cannot_give_is_refused)
{
	static struct mapped_file other;
	struct file *readable = mapped_file_create(&file_of_test, 3, 0, false, O_READ);
	struct file *writable = mapped_file_create(&other, 3, 0, false, 1 /* O_WRONLY */);
	struct space *space = own_space();

	CHECK_IS(space_map(space, 0, PAGES(1), READ_WRITE, SPACE_SHARED, readable, 0), -EACCES);
	CHECK_IS(space_map(space, 0, PAGES(1), SPACE_READ, 0, writable, 0), -EACCES);
	CHECK_IS(space_map(space, 0, PAGES(1), SPACE_READ, 0, readable, 1), -EINVAL);
	CHECK_IS(space_map(space, 0, PAGES(2), SPACE_READ, 0, readable, INT64_MAX & PAGE_MASK), -EOVERFLOW);
	CHECK_IS(space_map(space, 0, 0, SPACE_READ, 0, NULL, 0), -EINVAL);
	CHECK_IS(space_map(space, 0, UINT64_MAX, SPACE_READ, 0, NULL, 0), -ENOMEM);
	CHECK_IS(space_map(space, AT + 1, PAGES(1), SPACE_READ, SPACE_FIXED, NULL, 0), -EINVAL);
	CHECK_IS(space_map(space, ARCH_USER_END, PAGES(1), SPACE_READ, SPACE_FIXED, NULL, 0), -ENOMEM);
	CHECK_IS(space_map(space, 0, PAGES(1), SPACE_READ, SPACE_FIXED, NULL, 0), -EPERM);
	CHECK_IS(space_map(space, 0, PAGES(1), SPACE_READ, SPACE_SHARED | SPACE_STACK, NULL, 0), -EINVAL);
	CHECK_IS(readable->count, 1);
	map(1, SPACE_READ, SPACE_SHARED, readable);
	CHECK_IS(space_protect(space, AT, PAGES(1), READ_WRITE), -EACCES);
	CHECK_IS(readable->count, 2);
	CHECK_IS(space_unmap(space, AT, PAGES(1)), 0);
	CHECK_IS(readable->count, 1);
}

KERNEL_CASE(test_the_last_mapping_closes_a_file)
{
	struct file *file = mapped_file_create(&file_of_test, 3, 0, false, O_READ);

	map(3, SPACE_READ, 0, file);
	file_drop(file);
	CHECK_IS(space_unmap(own_space(), AT + PAGES(1), PAGES(1)), 0);
	CHECK_IS(file_of_test.closed, 0);
	CHECK_IS(space_unmap(own_space(), AT, PAGES(3)), 0);
	CHECK_IS(file_of_test.closed, 1);
}

/* While a page comes, others change what is mapped there. */
static void unmap_meanwhile(void)
{
	file_of_test.before_page = NULL;
	CHECK_IS(space_unmap(own_space(), AT, PAGES(4)), 0);
}

KERNEL_CASE(test_a_mapping_that_goes_while_its_page_comes)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, false, O_READ);

	map(4, SPACE_READ, 0, file);
	file_drop(file);
	file_of_test.before_page = unmap_meanwhile;
	CHECK_IS(fault(AT, SPACE_READ), -EFAULT);
	CHECK(!machine_shows(AT));
	CHECK_IS(space_resident(own_space()), 0);
	CHECK_IS(file_of_test.closed, 1);
}

static void replace_meanwhile(void)
{
	unmap_meanwhile();
	map(2, READ_WRITE, 0, NULL);
	CHECK_IS(fault(AT, SPACE_WRITE), 0);
	*word(AT) = 77;
}

KERNEL_CASE(test_a_mapping_that_is_replaced_while_its_page_comes)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, false, O_READ);

	map(4, SPACE_READ, 0, file);
	file_of_test.before_page = replace_meanwhile;
	CHECK_IS(fault(AT, SPACE_READ), 0);
	CHECK_IS(*word(AT), 77);
	for (unsigned i = 0; i < 4; i++)
		CHECK_IS(file_of_test.pages[i]->count, 1);
}

KERNEL_CASE(test_an_error_of_a_file_is_the_fault_s)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, false, O_READ);

	map(4, SPACE_READ, 0, file);
	file_of_test.error = -ENOSPC;
	CHECK_IS(fault(AT, SPACE_READ), -ENOSPC);
	CHECK_IS(file->count, 2);
}

/* ---- shared memory ---- */

KERNEL_CASE(test_shared_memory_is_one_for_all_its_mappings)
{
	struct space *space = own_space();
	const uint64_t at = map(4, READ_WRITE, SPACE_SHARED, NULL);
	/* mremap(2) of nothing makes a further mapping. */
	const int64_t other = space_remap(space, at, 0, PAGES(8), MREMAP_MAYMOVE, 0);

	CHECK(other > 0);
	CHECK_IS(fault(at + PAGES(1), SPACE_WRITE), 0);
	*word(at + PAGES(1)) = 9;
	CHECK_IS(fault((uint64_t)other + PAGES(1), SPACE_READ), 0);
	CHECK_IS(*word((uint64_t)other + PAGES(1)), 9);
	CHECK_IS(fault((uint64_t)other + PAGES(4), SPACE_READ), -EIO);
	CHECK_IS(space_unmap(space, at, PAGES(4)), 0);
	CHECK_IS(*word((uint64_t)other + PAGES(1)), 9);
	/* Giving pages up does not change what is in it. */
	CHECK_IS(space_advise(space, (uint64_t)other, PAGES(4), MADV_DONTNEED), 0);
	CHECK_IS(fault((uint64_t)other + PAGES(1), SPACE_READ), 0);
	CHECK_IS(*word((uint64_t)other + PAGES(1)), 9);
}

KERNEL_CASE(test_a_hole_is_made_in_the_file)
{
	struct file *file = mapped_file_create(&file_of_test, 4, 100, false, O_READ_WRITE);
	const uint64_t at = map(4, READ_WRITE, SPACE_SHARED, file);

	CHECK_IS(fault(at + PAGES(1), SPACE_WRITE), 0);
	CHECK_IS(space_advise(own_space(), at + PAGES(1), PAGES(1), MADV_REMOVE), 0);
	CHECK_IS(file_of_test.punched, 1);
	CHECK_IS(fault(at + PAGES(1), SPACE_READ), 0);
	CHECK_IS(*word(at + PAGES(1)), 0);
	CHECK_IS(*word(at + PAGES(2)), 102);
}

/* ---- stacks ---- */

KERNEL_CASE(test_a_stack_grows_to_where_it_is_touched)
{
	struct space *space = own_space();
	const uint64_t at = map(2, READ_WRITE, SPACE_STACK, NULL);

	CHECK_IS(fault(at - PAGES(10), SPACE_WRITE), 0);
	CHECK_IS(space_size(space), PAGES(12));
	CHECK_IS(fault(at - PAGES(11) + 1, SPACE_READ), 0);
	/* To its limit, and not into what is below, but for a gap. */
	CHECK_IS(fault(at - (UINT64_C(8) << 20), SPACE_READ), -EFAULT);
	CHECK_IS(space_map(space, at - PAGES(1000), PAGES(1), SPACE_READ, SPACE_FIXED, NULL, 0),
		 at - PAGES(1000));
	CHECK_IS(fault(at - PAGES(900), SPACE_WRITE), -EFAULT);
	CHECK_IS(fault(at - PAGES(1000 - 1 - 256), SPACE_WRITE), 0);
}

KERNEL_CASE(test_a_stack_of_a_file_keeps_its_contents_in_place)
{
	struct file *file = mapped_file_create(&file_of_test, 20, 100, false, O_READ);
	struct space *space = own_space();

	CHECK_IS(space_map(space, AT, PAGES(2), SPACE_READ, SPACE_STACK | SPACE_FIXED, file, PAGES(10)), AT);
	CHECK_IS(fault(AT - PAGES(3), SPACE_READ), 0);
	CHECK_IS(*word(AT - PAGES(3)), 107);
	CHECK_IS(fault(AT, SPACE_READ), 0);
	CHECK_IS(*word(AT), 110);
	CHECK_IS(fault(AT - PAGES(11), SPACE_READ), -EFAULT);
}

KERNEL_CASE(test_nothing_is_mapped_right_below_a_stack)
{
	struct space *space = own_space();
	int64_t at;

	CHECK(space_map(space, SPACE_TOP - PAGES(2), PAGES(2), READ_WRITE, SPACE_STACK | SPACE_FIXED, NULL,
			0) > 0);
	at = space_map(space, 0, PAGES(4), SPACE_READ, 0, NULL, 0);
	CHECK_IS(at, SPACE_TOP - PAGES(2 + 256 + 4));
	at = space_map(space, SPACE_TOP - PAGES(8), PAGES(4), SPACE_READ, 0, NULL, 0);
	CHECK_IS(at, SPACE_TOP - PAGES(2 + 256 + 8));
}

/* ---- the kernel's access ---- */

KERNEL_CASE(test_copies_cross_pages_and_stop_where_nothing_is)
{
	static char text[3 * PAGE_SIZE], back[3 * PAGE_SIZE];
	const uint64_t at = map(3, READ_WRITE, 0, NULL);

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7 + i / PAGE_SIZE);
	CHECK_IS(user_write(at, text, sizeof text), 0);
	CHECK_IS(user_read(back, at, sizeof back), 0);
	CHECK(!memcmp(text, back, sizeof text));
	CHECK_IS(space_unmap(own_space(), at + PAGES(1), PAGES(1)), 0);
	CHECK_IS(user_read(back, at + PAGE_SIZE - 4, 8), -EFAULT);
	CHECK_IS(user_read(back, at + PAGE_SIZE - 4, 4), 0);
	CHECK_IS(user_write(at, text, PAGE_SIZE + 1), -EFAULT);
	CHECK_IS(user_zero(at + PAGE_SIZE - 1, 2), -EFAULT);
	CHECK_IS(user_zero(at, PAGE_SIZE), 0);
	CHECK_IS(user_read(back, at, PAGE_SIZE), 0);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		CHECK(!back[i]);
}

KERNEL_CASE(test_the_kernel_cannot_do_what_the_program_cannot)
{
	char byte = 0;
	const uint64_t at = map(1, SPACE_READ, 0, NULL);

	CHECK_IS(user_write(at, &byte, 1), -EFAULT);
	CHECK_IS(user_read(&byte, at, 1), 0);
	CHECK_IS(space_protect(own_space(), at, PAGES(1), 0), 0);
	CHECK_IS(user_read(&byte, at, 1), -EFAULT);
}

KERNEL_CASE(test_addresses_that_wrap_or_are_the_kernel_s_are_refused)
{
	static char bytes[64];
	uint32_t value;

	CHECK_IS(user_read(bytes, UINT64_MAX - 8, 64), -EFAULT);
	CHECK_IS(user_write(UINT64_MAX - 8, bytes, 64), -EFAULT);
	CHECK_IS(user_zero(0, SIZE_MAX), -EFAULT);
	CHECK_IS(user_read(bytes, ARCH_USER_END - 8, 64), -EFAULT);
	CHECK_IS(user_read(bytes, POINTER(bytes), 8), -EFAULT);
	CHECK_IS(user_string(bytes, UINT64_MAX - 3, sizeof bytes), -EFAULT);
	CHECK_IS(user_load_u32(ARCH_USER_END, &value), -EFAULT);
	CHECK_IS(user_load_u32(2, &value), -EFAULT);
}

KERNEL_CASE(test_strings_end_at_their_nul)
{
	static char back[2 * PAGE_SIZE];
	const uint64_t at = map(2, READ_WRITE, 0, NULL);

	CHECK_IS(user_write(at + PAGE_SIZE - 3, "abcdef", 7), 0);
	CHECK_IS(user_string(back, at + PAGE_SIZE - 3, sizeof back), 6);
	CHECK(!strcmp(back, "abcdef"));
	CHECK_IS(user_string(back, at + PAGE_SIZE - 3, 7), 6);
	CHECK_IS(user_string(back, at + PAGE_SIZE - 3, 6), -ENAMETOOLONG);
	CHECK_IS(space_unmap(own_space(), at + PAGE_SIZE, PAGES(1)), 0);
	CHECK_IS(user_string(back, at + PAGE_SIZE - 3, sizeof back), -EFAULT);
	CHECK_IS(user_string(back, at + PAGE_SIZE - 3, 3), -ENAMETOOLONG);
}

KERNEL_CASE(test_transfers_go_through_pieces_and_say_how_far)
{
	const uint64_t at = map(4, READ_WRITE, 0, NULL);
	const struct user_vector pieces[] = {
		{ at, 3 }, { 0, 0 }, { at + PAGE_SIZE - 2, 5 }, { at + PAGES(4) - 2, 10 }, { at, 100 },
	};
	struct transfer transfer;
	char back[32] = { 0 };

	transfer_of_pieces(&transfer, pieces, COUNT_OF(pieces));
	CHECK_IS(transfer.left, 118);
	CHECK_IS(transfer_to(&transfer, "abcdefghijklm", 13), 10);
	CHECK_IS(transfer_to(&transfer, "x", 1), -EFAULT);
	CHECK_IS(user_read(back, at, 3), 0);
	CHECK_IS(user_read(back + 3, at + PAGE_SIZE - 2, 5), 0);
	CHECK_IS(user_read(back + 8, at + PAGES(4) - 2, 2), 0);
	CHECK(!memcmp(back, "abcdefghij", 10));
	transfer_of_pieces(&transfer, pieces, 3);
	memset(back, 0, sizeof back);
	CHECK_IS(transfer_from(&transfer, back, 100), 8);
	CHECK(!memcmp(back, "abcdefgh", 9));
	transfer_of_pieces(&transfer, (const struct user_vector[]){ { at, 4 }, { UINT64_MAX - 1, 8 } }, 2);
	CHECK_IS(transfer_from(&transfer, back, 12), 4);
	CHECK_IS(transfer_from(&transfer, back, 8), -EFAULT);
}

/* ---- limits ---- */

KERNEL_CASE(test_there_are_65530_mappings_and_then_an_error)
{
	struct space *space = own_space();
	const uint64_t at = map(70000, 0, 0, NULL);
	uint64_t i = 0;

	while (!space_protect(space, at + PAGES(2 * i), PAGES(1), SPACE_READ))
		i++;
	CHECK_IS(space_protect(space, at + PAGES(2 * i), PAGES(1), SPACE_READ), -ENOMEM);
	CHECK(2 * i >= 65528 && 2 * i <= 65530);
	/* What is there works, and room can be made. */
	CHECK_IS(space_map(space, 0, PAGES(1), SPACE_READ, 0, NULL, 0), -ENOMEM);
	CHECK_IS(fault(at + PAGES(2), SPACE_READ), 0);
	CHECK_IS(space_unmap(space, at + PAGES(2), PAGES(100)), 0);
	CHECK(space_map(space, 0, PAGES(1), SPACE_READ, 0, NULL, 0) > 0);
	CHECK_IS(space_protect(space, at + PAGES(102), PAGES(70000 - 102), 0), 0);
	CHECK_IS(space_unmap(space, 0, ARCH_USER_END), 0);
	CHECK_IS(space_size(space), 0);
}

KERNEL_CASE(test_more_than_there_is_cannot_be_had_privately)
{
	struct space *space = own_space();
	const uint64_t all = PAGES(pages_total());

	CHECK_IS(space_map(space, 0, all + PAGES(1), READ_WRITE, 0, NULL, 0), -ENOMEM);
	CHECK(space_map(space, 0, 8 * all, READ_WRITE, SPACE_NO_RESERVE, NULL, 0) > 0);
	CHECK_IS(space_map(space, AT, 8 * all, 0, SPACE_FIXED, NULL, 0), AT);
	CHECK_IS(space_protect(space, AT, 8 * all, READ_WRITE), -ENOMEM);
	CHECK_IS(space_protect(space, AT, all / 2, READ_WRITE), 0);
}

static void use_up(void)
{
	while (page_alloc(PAGES_PROGRAM, false))
		;
}

KERNEL_CASE(test_a_fault_without_memory_leaves_nothing_behind)
{
	const uint64_t at = map(4, READ_WRITE, 0, NULL);
	struct file *file = mapped_file_create(&file_of_test, 2, 0, false, O_READ);
	size_t left;

	CHECK_IS(space_map(own_space(), AT + (UINT64_C(1) << 32), PAGES(2), READ_WRITE, SPACE_FIXED, file, 0),
		 AT + (UINT64_C(1) << 32));
	use_up();
	left = pages_free();
	CHECK_IS(fault(at, SPACE_READ), -ENOMEM);
	CHECK_IS(fault(AT + (UINT64_C(1) << 32), SPACE_READ), -ENOMEM);
	CHECK_IS(fault(AT + (UINT64_C(1) << 32), SPACE_WRITE), -ENOMEM);
	CHECK_IS(pages_free(), left);
	CHECK_IS(space_resident(own_space()), 0);
	CHECK_IS(file_of_test.pages[0]->count, 1);
}

/* Whatever cannot be allocated: the call fails as a whole. */
static int64_t try_change(unsigned which)
{
	struct space *space = own_space();

	switch (which) {
	case 0:
		return space_map(space, AT + PAGES(4), PAGES(8), READ_WRITE, SPACE_FIXED, NULL, 0);
	case 1:
		return space_map(space, AT + PAGES(4), PAGES(8), READ_WRITE, SPACE_FIXED | SPACE_SHARED, NULL,
				 0);
	case 2:
		return space_unmap(space, AT + PAGES(4), PAGES(8));
	case 3:
		return space_protect(space, AT + PAGES(4), PAGES(8), SPACE_READ);
	case 4:
		return space_lock(space, AT + PAGES(4), PAGES(8), true, false);
	default:
		return space_remap(space, AT + PAGES(4), PAGES(8), PAGES(30), MREMAP_MAYMOVE, 0);
	}
}

static void count_mapping(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			  struct file *file, uint64_t offset)
{
	unsigned *count = context;

	(void)file;
	(void)offset;
	CHECK(begin == AT && end == AT + PAGES(20) && access == READ_WRITE && !flags);
	(*count)++;
}

KERNEL_CASE(test_calls_without_memory_change_nothing)
{
	map(20, READ_WRITE, 0, NULL);
	for (uint64_t i = 0; i < 20; i++) {
		CHECK_IS(fault(AT + PAGES(i), SPACE_WRITE), 0);
		*word(AT + PAGES(i)) = i;
	}
	for (unsigned which = 0; which < 6; which++) {
		for (machine_mallocs = 0; machine_mallocs < 2;) {
			const long mallocs = machine_mallocs;
			const size_t blocks = machine_blocks();
			unsigned count = 0;

			if (try_change(which) != -ENOMEM)
				machine_fail("call %u succeeds with %ld blocks", which, mallocs);
			machine_mallocs = -1;
			CHECK_IS(machine_blocks(), blocks);
			space_list(own_space(), count_mapping, &count);
			CHECK_IS(count, 1);
			for (uint64_t i = 0; i < 20; i++)
				CHECK_IS(*word(AT + PAGES(i)), i);
			machine_mallocs = mallocs + 1;
			if (which < 1)
				break; /* it needs one block only at first, then splits */
		}
		machine_mallocs = -1;
	}
}

KERNEL_CASE(test_a_host_without_room_for_mappings_forgets_and_learns_again)
{
	const uint64_t at = map(64, READ_WRITE, 0, NULL);

	for (uint64_t i = 0; i < 64; i++) {
		CHECK_IS(fault(at + PAGES(i), SPACE_WRITE), 0);
		*word(at + PAGES(i)) = i;
	}
	machine_maps = 0;
	CHECK_IS(space_protect(own_space(), at + PAGES(8), PAGES(8), SPACE_READ), 0);
	for (uint64_t i = 0; i < 64; i++)
		CHECK(!machine_shows(at + PAGES(i)));
	CHECK_IS(fault(at, SPACE_READ), -ENOMEM);
	machine_maps = -1;
	CHECK_IS(fault(at + PAGES(8), SPACE_WRITE), -EACCES);
	CHECK_IS(fault(at + PAGES(8), SPACE_READ), 0);
	CHECK_IS(*word(at + PAGES(8)), 8);
	/* All that has the same access and follows in memory comes back at once. */
	CHECK_IS(*word(at + PAGES(15)), 15);
	CHECK(!machine_shows(at + PAGES(16)));
	CHECK_IS(fault(at + PAGES(20), SPACE_WRITE), 0);
	CHECK_IS(*word(at + PAGES(31)), 31);
}

/* ---- the end of a program that needs more than there is ---- */

static void check_message(void)
{
	CHECK(strstr(machine_output, "killed: the guest is out of memory"));
	CHECK(strstr(machine_output, "--memory"));
}

static void touch_all(void)
{
	const uint64_t at = AT;

	kernel_lock();
	CHECK(space_map(own_space(), at, PAGES(1 << 20), READ_WRITE, SPACE_FIXED | SPACE_NO_RESERVE, NULL,
			0) > 0);
	kernel_unlock();
	for (uint64_t i = 0; i < 1 << 20; i++)
		program_store(at + PAGES(i), 1);
}

static void read_all(void)
{
	kernel_lock();
	CHECK(space_map(own_space(), AT, PAGES(1 << 20), READ_WRITE, SPACE_FIXED | SPACE_NO_RESERVE, NULL,
			0) > 0);
	kernel_unlock();
	/* The kernel writes, instead of the program. */
	(void)call(SYS_getrandom, AT, PAGES(1 << 20), 0);
}

static void test_a_program_that_takes_all_memory_is_killed(void **state)
{
	(void)state;
	machine_check_at_end = check_message;
	machine_run_until(&(struct machine){ 0 }, IN_PROGRAM, touch_all, OUT_OF_MEMORY);
	machine_run_until(&(struct machine){ 0 }, IN_PROGRAM, read_all, OUT_OF_MEMORY);
	machine_check_at_end = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_zero_and_comes_when_it_is_touched),
		cmocka_unit_test(test_clusters_grow_with_a_program_that_goes_on),
		cmocka_unit_test(test_clusters_stay_within_their_mapping_and_leave_what_is_there),
		cmocka_unit_test(test_access_is_refused_as_the_mapping_says),
		cmocka_unit_test(test_contents_outlive_a_time_without_access),
		cmocka_unit_test(test_a_private_page_is_copied_when_it_is_written),
		cmocka_unit_test(test_a_shared_page_is_the_file_s),
		cmocka_unit_test(test_pages_at_hand_around_a_fault_come_with_it),
		cmocka_unit_test(test_behind_the_end_of_a_file_is_no_page),
		cmocka_unit_test(test_what_a_file_cannot_give_is_refused),
		cmocka_unit_test(test_the_last_mapping_closes_a_file),
		cmocka_unit_test(test_a_mapping_that_goes_while_its_page_comes),
		cmocka_unit_test(test_a_mapping_that_is_replaced_while_its_page_comes),
		cmocka_unit_test(test_an_error_of_a_file_is_the_fault_s),
		cmocka_unit_test(test_shared_memory_is_one_for_all_its_mappings),
		cmocka_unit_test(test_a_hole_is_made_in_the_file),
		cmocka_unit_test(test_a_stack_grows_to_where_it_is_touched),
		cmocka_unit_test(test_a_stack_of_a_file_keeps_its_contents_in_place),
		cmocka_unit_test(test_nothing_is_mapped_right_below_a_stack),
		cmocka_unit_test(test_copies_cross_pages_and_stop_where_nothing_is),
		cmocka_unit_test(test_the_kernel_cannot_do_what_the_program_cannot),
		cmocka_unit_test(test_addresses_that_wrap_or_are_the_kernel_s_are_refused),
		cmocka_unit_test(test_strings_end_at_their_nul),
		cmocka_unit_test(test_transfers_go_through_pieces_and_say_how_far),
		cmocka_unit_test(test_there_are_65530_mappings_and_then_an_error),
		cmocka_unit_test(test_more_than_there_is_cannot_be_had_privately),
		cmocka_unit_test(test_a_fault_without_memory_leaves_nothing_behind),
		cmocka_unit_test(test_calls_without_memory_change_nothing),
		cmocka_unit_test(test_a_host_without_room_for_mappings_forgets_and_learns_again),
		cmocka_unit_test(test_a_program_that_takes_all_memory_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
