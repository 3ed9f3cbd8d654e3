/* SPDX-License-Identifier: ISC */
/* test_crash.c - crash reports: causes in words, and backtraces of stacks that are right, odd and hostile. */
#include "machine/boot.h"
#include "machine/crash.h"
#include "tiny.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define STACK (ENGINE_PHYSMAP + 3 * MIB) /* where the synthetic stacks are */
#define CODE (ENGINE_PHYSMAP + BOOT_IMAGE + TINY_CODE)

static struct guest_memory memory;
static struct image image;
static const struct crash_scene scene = { &memory, &image };

static int set_up(void **state)
{
	struct message message;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	/* mov rax, [rcx] at the start of the code; the rest is nop */
	memcpy(tiny.code, "\x48\x8b\x01", 3);
	return image_open(&image, tiny_copy(&tiny), sizeof tiny, &message) ||
	       memory_create(&memory, 4 * MIB) ||
	       image_load(&image, &memory, (gpa_t){ BOOT_IMAGE }, &message) ||
	       p2m_set(&memory, 0, 1, P2M_HOLE);
}

static int tear_down(void **state)
{
	(void)state;
	memory_destroy(&memory);
	image_close(&image);
	return 0;
}

/* Puts a frame at a guest-virtual address: the caller's frame pointer, and where the call returns to. */
static void push(uint64_t at, uint64_t pointer, uint64_t returns_to)
{
	const uint64_t words[] = { pointer, returns_to };

	assert_true(memory_copy_out(&memory, (gpa_t){ at - ENGINE_PHYSMAP }, words, sizeof words));
}

static struct crash page_fault(uint64_t rip, uint64_t rbp)
{
	const struct engine_exit exit = {
		.kind = ENGINE_EXIT_EXCEPTION,
		.exception = { .vector = 14, .error = 6, .address = 0x1234 },
	};
	const struct engine_state state = { .rip = rip, .rbp = rbp, .rsp = STACK };
	struct crash crash;

	crash_from_exit(&crash, &scene, 2, &exit, &state);
	return crash;
}

static void expect_frame(const struct crash *crash, unsigned number, uint64_t address, const char *name,
			 uint64_t offset)
{
	assert_true(number < crash->frame_count);
	assert_int_equal(crash->frames[number].address, address);
	if (!name) {
		assert_null(crash->frames[number].name);
		return;
	}
	assert_non_null(crash->frames[number].name);
	assert_string_equal(crash->frames[number].name, name);
	assert_int_equal(crash->frames[number].offset, offset);
}

/* ---- backtraces ---- */

static void test_follows_frame_pointers(void **state)
{
	struct crash crash;

	(void)state;
	push(STACK, STACK + 64, CODE + 20);
	push(STACK + 64, STACK + 256, CODE + 50);
	push(STACK + 256, 0, 0);
	crash = page_fault(CODE, STACK);
	assert_int_equal(crash.frame_count, 3);
	expect_frame(&crash, 0, CODE, "first", 0);
	expect_frame(&crash, 1, CODE + 20, "second", 4);
	expect_frame(&crash, 2, CODE + 50, "tail", 2);
	assert_int_equal(crash.vcpu, 2);
	assert_true(crash.has_state);
	assert_false(crash.is_reported);
	assert_string_equal(crash.instruction, "mov rax, [rcx]");
	assert_string_equal(crash.cause, "page fault writing 0x1234, which is not mapped");
}

/* A call that ends its function returns to the start of the next one: it is the caller that is named. */
static void test_names_the_caller_of_a_last_call(void **state)
{
	struct crash crash;

	(void)state;
	push(STACK, 0, CODE + 16);
	crash = page_fault(CODE + 16, STACK);
	assert_int_equal(crash.frame_count, 2);
	expect_frame(&crash, 0, CODE + 16, "second", 0);
	expect_frame(&crash, 1, CODE + 16, "first", 16);
}

static void test_an_address_without_a_name_is_shown(void **state)
{
	const uint64_t end = ENGINE_PHYSMAP + BOOT_IMAGE + image.memory_size;
	struct crash crash;

	(void)state;
	push(STACK, STACK + 16, 0x1234);
	push(STACK + 16, 0, end + 1);
	crash = page_fault(0x40, STACK);
	assert_int_equal(crash.frame_count, 3);
	expect_frame(&crash, 0, 0x40, NULL, 0);
	expect_frame(&crash, 1, 0x1234, NULL, 0);
	expect_frame(&crash, 2, end + 1, NULL, 0);
	assert_string_equal(crash.instruction, "");
}

static void test_the_hypercall_page_has_a_name(void **state)
{
	struct crash crash;

	(void)state;
	push(STACK, 0, CODE + 1);
	crash = page_fault(ENGINE_HYPERCALL_PAGE + 5, STACK);
	expect_frame(&crash, 0, ENGINE_HYPERCALL_PAGE + 5, "(hypercall page)", 5);
	expect_frame(&crash, 1, CODE + 1, "first", 1);
}

/* A stack that leads back to itself, or down, ends. */
static void test_a_loop_ends(void **state)
{
	struct crash crash;

	(void)state;
	push(STACK, STACK, CODE);
	crash = page_fault(CODE, STACK);
	assert_int_equal(crash.frame_count, 2);
	push(STACK, STACK + 16, CODE);
	push(STACK + 16, STACK, CODE);
	crash = page_fault(CODE, STACK);
	assert_int_equal(crash.frame_count, 3);
}

static void test_a_deep_stack_is_cut(void **state)
{
	struct crash crash;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		push(STACK + i * 16, STACK + (i + 1) * 16, CODE + 1);
	crash = page_fault(CODE, STACK);
	assert_int_equal(crash.frame_count, CRASH_MAX_FRAMES);
	expect_frame(&crash, CRASH_MAX_FRAMES - 1, CODE + 1, "first", 1);
}

/* Frame pointers that lead out of RAM, across its end, into a hole, or nowhere. */
static void test_a_wild_frame_pointer_ends_it(void **state)
{
	static const uint64_t wild[] = {
		0,
		1,
		8,
		UINT64_MAX,
		UINT64_MAX - 15,
		ENGINE_PHYSMAP - 16,
		ENGINE_PHYSMAP - 8,
		ENGINE_PHYSMAP,
		ENGINE_PHYSMAP + 0xff0,
		ENGINE_PHYSMAP + 4 * MIB,
		ENGINE_PHYSMAP + 4 * MIB - 8,
		STACK + 1,
		STACK + 4,
		(UINT64_C(1) << 63) + STACK,
	};

	(void)state;
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
		assert_int_equal(page_fault(CODE, wild[i]).frame_count, 1);
}

static void test_a_wild_instruction_pointer_is_no_harm(void **state)
{
	static const uint64_t wild[] = {
		0, UINT64_MAX, ENGINE_PHYSMAP, ENGINE_PHYSMAP - 1, ENGINE_PHYSMAP + 4 * MIB, UINT64_MAX - 14,
	};
	struct crash crash;

	(void)state;
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		crash = page_fault(wild[i], 0);
		assert_string_equal(crash.instruction, "");
		assert_int_equal(crash.frame_count, 1);
	}
	/* The last byte of RAM holds a whole instruction. */
	memory.base[4 * MIB - 1] = 0xf4;
	crash = page_fault(ENGINE_PHYSMAP + 4 * MIB - 1, 0);
	assert_string_equal(crash.instruction, "hlt");
}

/* ---- causes ---- */

struct cause {
	struct engine_exit exit;
	const char *text;
};

/* clang-format off */
static const struct cause causes[] = {
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 14, 0, 0x10 } },
	  "page fault reading 0x10, which is not mapped" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 14, 7, ~0ULL } },
	  "page fault writing 0xffffffffffffffff, which is not allowed" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 14, 0x15, 0x5000 } },
	  "page fault executing 0x5000, which is not allowed" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 13, 0, 0 } },
	  "general protection fault (error code 0x0)" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 0, 0, 0 } }, "divide error (error code 0x0)" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 2, 0, 0 } }, "exception 2 (error code 0x0)" },
	{ { .kind = ENGINE_EXIT_EXCEPTION, .exception = { 255, 9, 0 } }, "exception 255 (error code 0x9)" },
	{ { .kind = ENGINE_EXIT_PORT, .port = { 0x3f8, 1, true, 65 } },
	  "1 bytes written to port 0x3f8, where there is no device" },
	{ { .kind = ENGINE_EXIT_MMIO, .mmio = { 0xfee00000, 4, false, 0 } },
	  "4 bytes read from address 0xfee00000, where there is no device" },
	{ { .kind = ENGINE_EXIT_HALT }, "hlt executed; a guest idles with vcpu.halt" },
	{ { .kind = ENGINE_EXIT_MSR, .msr = { 0xc0000080, false, 0 } },
	  "model-specific register 0xc0000080 read, which this VM lacks" },
	{ { .kind = ENGINE_EXIT_CPUID }, "an instruction that is not emulated" },
	{ { .kind = ENGINE_EXIT_SHUTDOWN }, "double fault, or its process ended" },
	{ { .kind = ENGINE_EXITS }, NULL },
};
/* clang-format on */

static void test_says_the_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		struct crash crash;

		crash_from_exit(&crash, &scene, 0, &causes[i].exit, NULL);
		if (causes[i].text)
			assert_string_equal(crash.cause, causes[i].text);
		assert_true(crash.cause[0]);
		assert_false(crash.has_state);
		assert_int_equal(crash.frame_count, 0);
	}
}

static void test_takes_the_guests_word(void **state)
{
	struct postern_vm_crash report = {
		.size = sizeof report,
		.cause = POSTERN_VM_CRASH_CAUSE_PANIC,
		.instruction = CODE,
		.stack = STACK - 8,
		.frame = STACK,
	};
	struct crash crash;

	(void)state;
	push(STACK, 0, CODE + 20);
	crash_from_guest(&crash, &scene, 1, &report, "out of luck");
	assert_string_equal(crash.cause, "panic");
	assert_string_equal(crash.message, "out of luck");
	assert_true(crash.is_reported);
	assert_false(crash.has_state);
	assert_int_equal(crash.vcpu, 1);
	assert_int_equal(crash.frame_count, 2);
	expect_frame(&crash, 1, CODE + 20, "second", 4);
	report = (struct postern_vm_crash){ .cause = POSTERN_VM_CRASH_CAUSE_EXCEPTION,
					    .vector = 6,
					    .error = 1 };
	crash_from_guest(&crash, &scene, 1, &report, "");
	assert_string_equal(crash.cause, "invalid opcode (error code 0x1)");
	assert_int_equal(crash.frame_count, 0);
	report.vector = UINT32_MAX;
	crash_from_guest(&crash, &scene, 1, &report, "");
	assert_string_equal(crash.cause, "exception 4294967295 (error code 0x1)");
	report.cause = UINT32_MAX;
	crash_from_guest(&crash, &scene, 1, &report, "");
	assert_string_equal(crash.cause, "it gave up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows_frame_pointers),
		cmocka_unit_test(test_names_the_caller_of_a_last_call),
		cmocka_unit_test(test_an_address_without_a_name_is_shown),
		cmocka_unit_test(test_the_hypercall_page_has_a_name),
		cmocka_unit_test(test_a_loop_ends),
		cmocka_unit_test(test_a_deep_stack_is_cut),
		cmocka_unit_test(test_a_wild_frame_pointer_ends_it),
		cmocka_unit_test(test_a_wild_instruction_pointer_is_no_harm),
		cmocka_unit_test(test_says_the_cause),
		cmocka_unit_test(test_takes_the_guests_word),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
