/* SPDX-License-Identifier: ISC */
/*
 * memory_edges.c - addresses at and beyond the edges of RAM, structs of sizes that do and do not fit, and
 * pages that the guest has given away.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(MEMORY, MEMORY_INFO, MEMORY_RELEASE, MEMORY_POPULATE, MEMORY_REPORT));

enum { PAGE = 4096 };

static int64_t query_at(uint64_t address)
{
	return postern_hypercall(POSTERN_CALL_ABI_QUERY, 0, address, 0, 0, 0, 0);
}

static int64_t write_from(uint64_t address, uint64_t length)
{
	return postern_hypercall(POSTERN_CALL_CONSOLE_WRITE, POSTERN_CONSOLE_STREAM_OUTPUT, address, length,
				 0, 0, 0);
}

static void try_addresses(char *last)
{
	const uint64_t end = guest_boot()->memory;
	struct postern_abi_info *info = (struct postern_abi_info *)(last + PAGE - sizeof *info);

	*info = POSTERN_INIT(abi_info);
	EXPECT_RESULT(query_at(postern_address(info)), 0);
	EXPECT(info->calls & 1);
	*(uint32_t *)(last + PAGE - 8) = sizeof *info;
	EXPECT_RESULT(query_at(end - 8), -EFAULT);
	EXPECT_RESULT(query_at(end), -EFAULT);
	EXPECT_RESULT(query_at(0), -EFAULT);
	EXPECT_RESULT(query_at(PAGE - 8), -EFAULT);
	EXPECT_RESULT(query_at(UINT64_MAX - 7), -EFAULT);
	EXPECT_RESULT(query_at(guest_boot()->physmap), -EFAULT);
	EXPECT_RESULT(query_at(postern_address(last) + 4), -EINVAL);
	EXPECT_RESULT(write_from(end - 1, 2), -EFAULT);
	EXPECT_RESULT(write_from(end, 1), -EFAULT);
	EXPECT_RESULT(write_from(UINT64_MAX, 1), -EFAULT);
	EXPECT_RESULT(write_from(UINT64_MAX, 2), -EFAULT);
	EXPECT_RESULT(write_from(postern_address(last), 65537), -EINVAL);
}

static void try_sizes(char *page)
{
	struct postern_abi_info *info = (struct postern_abi_info *)page;
	static const struct {
		uint32_t size;
		int64_t result;
	} cases[] = {
		{ 0, -EINVAL },
		{ 8, -EINVAL },
		{ sizeof *info - 8, -EINVAL },
		{ sizeof *info + 4, -EINVAL },
		{ sizeof *info + 8, 0 },
		{ PAGE, 0 },
		{ PAGE + 8, -E2BIG },
		{ 0xfffffff8, -E2BIG },
	};

	memset(page, 0, PAGE);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		info->size = cases[i].size;
		EXPECT_RESULT(postern_abi_query(0, info), cases[i].result);
	}
	page[PAGE - 1] = 1;
	info->size = PAGE;
	EXPECT_RESULT(postern_abi_query(0, info), -E2BIG);
	EXPECT(page[PAGE - 1] == 1);
}

static void give_away(char *page)
{
	struct postern_page_range range = { .first = postern_address(page) / PAGE, .count = 1 };
	const struct postern_page_range nowhere = { .first = guest_boot()->memory / PAGE, .count = 1 };
	const struct postern_page_range vcpu_page = { .first = guest_boot()->vcpu_pages / PAGE, .count = 1 };
	struct postern_memory_info before = POSTERN_INIT(memory_info);
	struct postern_memory_info after = POSTERN_INIT(memory_info);

	memset(page, 0x55, PAGE);
	EXPECT_RESULT(postern_memory_report(&range, 1), 1);
	page[0] = 1;
	EXPECT_RESULT(postern_memory_info(&before), 0);
	EXPECT_RESULT(postern_memory_release(&range, 1), 1);
	EXPECT_RESULT(postern_memory_info(&after), 0);
	EXPECT(after.released == before.released + 1 && after.owned == before.owned - 1 &&
	       after.total == before.total);
	EXPECT_RESULT(write_from(postern_address(page), 1), -EFAULT);
	EXPECT_RESULT(postern_memory_release(&range, 1), -EFAULT);
	EXPECT_RESULT(postern_memory_populate(&range, 1), 1);
	EXPECT_RESULT(postern_memory_populate(&range, 1), -EBUSY);
	for (unsigned i = 0; i < PAGE; i++)
		EXPECT(!page[i]);
	EXPECT_RESULT(postern_memory_release(&nowhere, 1), -EFAULT);
	EXPECT_RESULT(postern_memory_release(&vcpu_page, 1), -EBUSY);
}

int main(void)
{
	/* The allocator begins at the end of RAM. */
	char *last = guest_pages_alloc(1);

	EXPECT(last && postern_address(last) + PAGE == guest_boot()->memory);
	try_addresses(last);
	try_sizes(last);
	give_away(last);
	guest_print("memory_edges: all as they should be\n");
	return 0;
}
