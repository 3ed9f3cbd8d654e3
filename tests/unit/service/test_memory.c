/* SPDX-License-Identifier: ISC */
/* test_memory.c - pages that go and come back, their figures, and the end of a VM. */
#include "fixture.h"

static struct world world;
static unsigned exits;
static int code;
static unsigned crashes;
static char said[64];

static void on_exit_call(void *owner, int status)
{
	(void)owner;
	exits++;
	code = status;
}

static void on_crash_call(void *owner, unsigned vcpu, const struct postern_vm_crash *report,
			  const char *message)
{
	(void)owner;
	crashes += vcpu == 2 && report->cause == POSTERN_VM_CRASH_CAUSE_PANIC;
	strncpy(said, message, sizeof said - 1);
}

static int setup(void **state)
{
	(void)state;
	exits = crashes = 0;
	world_prepare(&world);
	world.config.hooks.exit = on_exit_call;
	world.config.hooks.crash = on_crash_call;
	world.config.max_owned = RAM_SIZE / 4096 - 2;
	world_create(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(&world);
	return 0;
}

static struct postern_memory_info count(void)
{
	struct postern_memory_info *info = world_struct(&world, 0);

	*info = (struct postern_memory_info){ .size = sizeof *info };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_MEMORY_INFO, world_struct_at(0)), 0);
	return *info;
}

static int64_t change(uint64_t number, const struct postern_page_range *ranges, uint64_t n)
{
	memcpy(world_at(&world, STRUCT_AT + 0x1000), ranges, n * sizeof *ranges);
	return CALL(&world, 0, number, STRUCT_AT + 0x1000, n);
}

static void pages_go_and_come_back(void **state)
{
	const struct postern_page_range ranges[] = { { 0x20, 4 }, { 0x30, 1 } };
	const struct postern_memory_info before = count();
	struct postern_memory_info after;
	uint8_t *bytes = world_at(&world, 0x20000);

	(void)state;
	assert_int_equal(before.total, before.owned);
	assert_int_equal(before.released, 0);
	bytes[5] = 9;
	assert_int_equal(change(POSTERN_CALL_MEMORY_RELEASE, ranges, 2), 2);
	after = count();
	assert_int_equal(after.total, before.total);
	assert_int_equal(after.owned, before.owned - 5);
	assert_int_equal(after.released, 5);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, 0x20000, 8), -EFAULT);
	/* One of them twice: the first stands, and the answer is the number before the culprit. */
	assert_int_equal(change(POSTERN_CALL_MEMORY_POPULATE,
				(struct postern_page_range[]){ { 0x20, 2 }, { 0x21, 1 } }, 2),
			 1);
	assert_int_equal(bytes[5], 0);
	/* The limit is two pages below all. */
	assert_int_equal(
		change(POSTERN_CALL_MEMORY_POPULATE, (struct postern_page_range[]){ { 0x22, 2 } }, 1),
		-EAGAIN);
	assert_int_equal(
		change(POSTERN_CALL_MEMORY_POPULATE, (struct postern_page_range[]){ { 0x20, 3 } }, 1),
		-EBUSY);
	assert_int_equal(
		change(POSTERN_CALL_MEMORY_POPULATE, (struct postern_page_range[]){ { 0x22, 1 } }, 1), 1);
	assert_int_equal(count().released, 2);
}

static void pages_in_use_stay(void **state)
{
	const struct postern_page_range shared = { PAGES_AT >> 12, 1 };

	(void)state;
	assert_in_range(count().shared, VCPUS, count().owned);
	assert_int_equal(change(POSTERN_CALL_MEMORY_RELEASE, &shared, 1), -EBUSY);
	assert_int_equal(change(POSTERN_CALL_MEMORY_REPORT, &shared, 1), -EBUSY);
	assert_int_equal(change(POSTERN_CALL_MEMORY_RELEASE,
				(struct postern_page_range[]){ { RAM_SIZE >> 12, 1 } }, 1),
			 -EFAULT);
	assert_int_equal(change(POSTERN_CALL_MEMORY_RELEASE, (struct postern_page_range[]){ { 1, 0 } }, 1),
			 -EINVAL);
}

static void reported_pages_are_empty_and_owned(void **state)
{
	const uint64_t owned = count().owned;
	uint8_t *bytes = world_at(&world, 0x40000);
	int64_t resident;

	(void)state;
	memset(bytes, 1, 0x8000);
	memset(world_at(&world, STRUCT_AT + 0x1000), 0, 16); /* where the ranges will be */
	resident = memory_resident(&world.memory);
	assert_int_equal(change(POSTERN_CALL_MEMORY_REPORT, (struct postern_page_range[]){ { 0x40, 8 } }, 1),
			 1);
	assert_int_equal(memory_resident(&world.memory), resident - 0x8000);
	assert_int_equal(bytes[100], 0);
	assert_int_equal(count().owned, owned);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ENTROPY_READ, 0x40000, 8), 8);
}

static void the_first_end_decides(void **state)
{
	struct postern_vm_crash *report = world_struct(&world, 2);

	(void)state;
	*report = (struct postern_vm_crash){ .size = sizeof *report, .cause = POSTERN_VM_CRASH_CAUSE_PANIC };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VM_EXIT, 256), -EINVAL);
	assert_int_equal(exits, 0);
	strcpy(world_at(&world, STRUCT_AT + 0x1000), "oh no");
	CALL(&world, 2, POSTERN_CALL_VM_CRASH, world_struct_at(2), STRUCT_AT + 0x1000, 5);
	assert_int_equal(crashes, 1);
	assert_string_equal(said, "oh no");
	CALL(&world, 0, POSTERN_CALL_VM_EXIT, 3);
	assert_int_equal(exits, 0);
}

static void an_exit_has_a_code(void **state)
{
	(void)state;
	CALL(&world, 1, POSTERN_CALL_VM_EXIT, 42);
	assert_int_equal(exits, 1);
	assert_int_equal(code, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_go_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_in_use_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(reported_pages_are_empty_and_owned, setup, teardown),
		cmocka_unit_test_setup_teardown(the_first_end_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(an_exit_has_a_code, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
