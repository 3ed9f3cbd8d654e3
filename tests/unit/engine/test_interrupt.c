/* SPDX-License-Identifier: ISC */
/*
 * test_interrupt.c - interrupts of unmodified guests on ring3, on memory alone: descriptor tables and stacks that are
 * right, and those of a guest that means harm.
 */
#include "engine/ring3/decode.h"
#include "engine/ring3/interrupt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { RAM = 1 << 20, IDT = 0x1000, STACK = 0x8000, ENTRY = 0x4567, VECTOR = 0x24 };

#define AT(address) (ENGINE_PHYSMAP + (address))

struct gate {
	uint16_t low, selector, kind, middle;
	uint32_t high, reserved;
};

static struct guest_memory memory;
static struct ring3_idt idt;
static struct engine_state state;

static struct gate *gate(unsigned vector)
{
	return (struct gate *)(memory.base + IDT) + vector;
}

static const uint64_t *frame(void)
{
	return (const uint64_t *)(memory.base + state.rsp - ENGINE_PHYSMAP);
}

static int set_up(void **unused)
{
	const uint64_t entry = AT(ENTRY);

	(void)unused;
	if (memory_create(&memory, RAM))
		return -1;
	idt = (struct ring3_idt){ .base = AT(IDT), .limit = 256 * 16 - 1, .is_loaded = true };
	state = (struct engine_state){ .rip = AT(0x100), .rsp = AT(STACK) + 4, .rflags = 0x246 };
	*gate(VECTOR) = (struct gate){ (uint16_t)entry,         0x33, 0x8e00, (uint16_t)(entry >> 16),
				       (uint32_t)(entry >> 32), 0 };
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	memory_destroy(&memory);
	return 0;
}

static bool enabled;

static bool interrupt(unsigned vector)
{
	enabled = true;
	return ring3_interrupt(&memory, &idt, (uint8_t)vector, 0x1234, &state, &enabled);
}

static void test_there_and_back(void **unused)
{
	const struct engine_state before = state;

	(void)unused;
	assert_true(interrupt(VECTOR));
	assert_true(state.rip == AT(ENTRY));
	assert_false(enabled);
	assert_int_equal(state.rsp % 16, 8); /* five words below an aligned stack */
	assert_true(frame()[0] == before.rip && frame()[3] == before.rsp);
	assert_int_equal(frame()[1] & 3, 0); /* so that IRETQ traps */
	assert_true(ring3_return(&memory, &state, &enabled));
	assert_true(enabled);
	assert_memory_equal(&state, &before, sizeof state);
}

static void test_returning_with_interrupts_off(void **unused)
{
	(void)unused;
	assert_true(interrupt(VECTOR));
	((uint64_t *)frame())[2] = 0x46;
	assert_true(ring3_return(&memory, &state, &enabled));
	assert_false(enabled);
}

/* Of the flags in a frame, only those of programs count. */
static void test_flags_that_a_frame_cannot_set(void **unused)
{
	(void)unused;
	assert_true(interrupt(VECTOR));
	((uint64_t *)frame())[2] = UINT64_MAX;
	state.rflags = 2;
	assert_true(ring3_return(&memory, &state, &enabled));
	assert_int_equal(state.rflags, 0xdd7);
}

static void test_exceptions(void **unused)
{
	const struct engine_state before = state;

	(void)unused;
	*gate(13) = *gate(VECTOR);
	gate(13)->kind = 0x8f00; /* a trap gate, which leaves interrupts as they are */
	assert_true(interrupt(13));
	assert_true(enabled);
	assert_int_equal(state.rsp % 16, 0);
	assert_int_equal(frame()[0], 0x1234);
	assert_true(frame()[1] == before.rip);
	state.rsp += 8; /* as a handler does */
	assert_true(ring3_return(&memory, &state, &enabled));
	assert_memory_equal(&state, &before, sizeof state);
	*gate(6) = *gate(13);
	assert_true(interrupt(6)); /* has none */
	assert_true(frame()[0] == before.rip);
	enabled = false;
	assert_true(ring3_interrupt(&memory, &idt, 6, 0, &state, &enabled));
	assert_int_equal(frame()[2] & 0x200, 0);
	assert_false(enabled);
}

static void refuse(const char *what, unsigned vector)
{
	const struct engine_state before = state;

	print_message("# %s\n", what);
	assert_false(interrupt(vector));
	assert_memory_equal(&state, &before, sizeof state);
}

static void test_tables_that_are_none(void **unused)
{
	(void)unused;
	refuse("no gate there", VECTOR + 1);
	gate(VECTOR)->kind = 0x0e00;
	refuse("not present", VECTOR);
	gate(VECTOR)->kind = 0x8500;
	refuse("a task gate", VECTOR);
	gate(VECTOR)->kind = 0x8e00;
	idt.limit = VECTOR * 16 + 14;
	refuse("cut by the limit", VECTOR);
	idt.limit = VECTOR * 16 + 15;
	assert_true(interrupt(VECTOR));
	idt.limit = UINT16_MAX;
	idt.base = AT(RAM) - 16 * VECTOR;
	refuse("behind RAM", VECTOR);
	idt.base = AT(RAM) - 16 * VECTOR - 8;
	refuse("half behind RAM", VECTOR);
	idt.base = 0;
	refuse("a program's address", VECTOR);
	idt.base = UINT64_MAX - 16 * VECTOR;
	refuse("around the end of addresses", VECTOR);
	idt.is_loaded = false;
	refuse("never loaded", VECTOR);
}

static void test_stacks_that_are_none(void **unused)
{
	static const uint64_t stacks[] = { 0, 16, AT(0), AT(39), AT(RAM) + 41, UINT64_MAX };

	(void)unused;
	for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
		state.rsp = stacks[i];
		refuse("stack", VECTOR);
		if (stacks[i] != AT(0) && stacks[i] != AT(39)) /* reads upwards */
			assert_false(ring3_return(&memory, &state, &enabled));
	}
	p2m_set(&memory, STACK / 4096 - 1, 2, P2M_RELEASED);
	state.rsp = AT(STACK);
	refuse("released", VECTOR);
	assert_false(ring3_return(&memory, &state, &enabled));
}

static void test_loading_a_table(void **unused)
{
	const uint64_t base = 0x1122334455667788;
	const uint16_t limit = 0xfff;

	(void)unused;
	memcpy(memory.base + RAM - 10, &limit, 2);
	memcpy(memory.base + RAM - 8, &base, 8);
	assert_true(ring3_load_idt(&memory, AT(RAM) - 10, &idt));
	assert_true(idt.base == base && idt.limit == limit && idt.is_loaded);
	assert_false(ring3_load_idt(&memory, AT(RAM) - 9, &idt));
	assert_false(ring3_load_idt(&memory, 0, &idt));
	assert_true(idt.base == base);
}

/* ---- decoding ---- */

static void decode(const char *bytes, size_t size, uint64_t expected)
{
	struct engine_exit exit;
	uint8_t length;

	assert_int_equal(ring3_decode((const uint8_t *)bytes, size, &state, &exit, &length),
			 RING3_EFFECT_TABLE);
	assert_int_equal(length, size);
	assert_true(exit.mmio.address == expected);
}

static void test_operands_of_lidt(void **unused)
{
	struct engine_exit exit;
	uint8_t length;

	(void)unused;
	state.rax = AT(0x10);
	state.rbx = AT(0x20);
	state.rcx = 3;
	state.r13 = AT(0x40);
	decode("\x0f\x01\x18", 3, AT(0x10));                           /* lidt (%rax) */
	decode("\x0f\x01\x5c\x8b\xf8", 5, AT(0x20) + 3 * 4 - 8);       /* lidt -8(%rbx,%rcx,4) */
	decode("\x41\x0f\x01\x5d\x00", 5, AT(0x40));                   /* lidt 0(%r13) */
	decode("\x0f\x01\x1c\x24", 4, state.rsp);                      /* lidt (%rsp) */
	decode("\x0f\x01\x1d\x10\x00\x00\x00", 7, state.rip + 7 + 16); /* lidt 16(%rip) */
	assert_int_equal(ring3_decode((const uint8_t *)"\x48\xcf", 2, &state, &exit, &length),
			 RING3_EFFECT_RETURN);
	assert_int_equal(ring3_decode((const uint8_t *)"\xcf", 1, &state, &exit, &length),
			 RING3_EFFECT_UNKNOWN); /* iretd */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_returning_with_interrupts_off),
		TEST(test_flags_that_a_frame_cannot_set),
		TEST(test_exceptions),
		TEST(test_tables_that_are_none),
		TEST(test_stacks_that_are_none),
		TEST(test_loading_a_table),
		TEST(test_operands_of_lidt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
