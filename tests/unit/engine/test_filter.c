/* SPDX-License-Identifier: ISC */
/*
 * test_filter.c - the filter of ring3's guest processes, run over all numbers, places and architectures, and over
 * arguments at and around every limit: what it lets through is what is written here, once more and differently.
 */
#include "engine/ring3/layout.h"
#include "engine/ring3/reach.h"

#include <linux/audit.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define CODE UINT64_C(0x1ffffff00000)
#define CODE_END UINT64_C(0x1ffffff04000)

enum { NUMBERS = 2048, FD = 3 };

static const uint32_t architectures[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0 };

/* ---- what may be ---- */

/* Nothing but RAM, and nowhere but below where the engine has its own; wherever it ends. */
static bool is_programs(uint64_t address, uint64_t length)
{
	return address < UINT64_C(0x100000000000) && length < UINT64_C(0xfff00000000);
}

static bool may_be(const struct seccomp_data *call)
{
	const uint64_t *args = (const uint64_t *)call->args;

	switch (call->nr) {
	case SYS_rt_sigreturn:
		return true;
	case SYS_futex:
		return (uint32_t)args[1] == FUTEX_WAIT || (uint32_t)args[1] == FUTEX_WAKE;
	case SYS_munmap:
		return is_programs(args[0], args[1]);
	case SYS_mprotect:
		return is_programs(args[0], args[1]) && (uint32_t)args[2] <= 7;
	case SYS_mmap:
		return is_programs(args[0], args[1]) && args[2] <= 7 &&
		       args[3] == (MAP_SHARED | MAP_FIXED | MAP_POPULATE) && (uint32_t)args[4] == FD;
	default:
		return false;
	}
}

/* ---- places and numbers ---- */

static void test_from_elsewhere_all_is_trapped(void **state)
{
	static const uint64_t places[] = { 0,
					   1,
					   0x10000,
					   CODE & 0xffffffff,
					   (CODE & 0xffffffff) + 2,
					   CODE - 1,
					   CODE_END,
					   CODE_END + 1,
					   CODE + (UINT64_C(1) << 32),
					   CODE - (UINT64_C(1) << 32),
					   UINT64_C(0x1ffff0008000),
					   UINT64_C(0x200000000000),
					   UINT64_C(0x7fffffffe000),
					   UINT64_C(0xffffffffff600000),
					   UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		for (size_t j = 0; j < sizeof architectures / sizeof *architectures; j++) {
			for (int number = -1; number < NUMBERS; number++) {
				const struct seccomp_data call = {
					number, architectures[j], places[i], { 0 }
				};

				assert_int_equal(ring3_filter_answers(&call, true), RING3_TRAPS);
			}
		}
	}
}

static bool has_number(int number)
{
	return number == SYS_rt_sigreturn || number == SYS_futex || number == SYS_mmap ||
	       number == SYS_munmap || number == SYS_mprotect;
}

static void test_numbers(void **state)
{
	(void)state;
	for (uint64_t place = CODE; place < CODE_END; place += 0x3ff) {
		for (int number = -1; number < NUMBERS; number++) {
			struct seccomp_data call = { number, AUDIT_ARCH_X86_64, place, { 0 } };
			unsigned answers = ring3_filter_answers(&call, true);

			assert_int_equal((answers & RING3_ALLOWS) != 0, has_number(number));
			assert_int_equal(answers & ~(unsigned)(RING3_ALLOWS | RING3_KILLS), 0);
			/* Those of x32, which has the same architecture. */
			call.nr |= 0x40000000;
			assert_int_equal(ring3_filter_answers(&call, true), RING3_KILLS);
		}
	}
}

static void test_other_architectures(void **state)
{
	(void)state;
	for (size_t i = 1; i < sizeof architectures / sizeof *architectures; i++) {
		for (int number = -1; number < NUMBERS; number++) {
			const struct seccomp_data call = { number, architectures[i], CODE + 2, { 0 } };

			assert_int_equal(ring3_filter_answers(&call, true), RING3_KILLS);
		}
	}
}

/* ---- arguments ---- */

/* Around all that the filter, the process and the processor have for a limit. */
/* clang-format off */
static const uint64_t words[] = {
	0, 1, 3, 7, 8, 128, 0x8011, 0x8012,
	UINT64_C(0xffffffff), UINT64_C(0x100000003), UINT64_C(0x100008011),
	UINT64_C(0xffeffffffff), UINT64_C(0xfff00000000), UINT64_C(0xfffffffffff), UINT64_C(0x100000000000),
	UINT64_C(0x1ffff0000000), UINT64_C(0x1ffffff00000), UINT64_C(0x200000000000), UINT64_C(0x8000000000000000),
	UINT64_MAX,
};
/* clang-format on */

enum { WORDS = sizeof words / sizeof *words };

/* All five arguments that are looked at, in all combinations, by numbers with as many digits. */
static void try_arguments(int number)
{
	uint64_t allowed = 0;

	for (uint64_t i = 0; i < UINT64_C(1) * WORDS * WORDS * WORDS * WORDS * WORDS; i++) {
		struct seccomp_data call = { number, AUDIT_ARCH_X86_64, CODE + 0x1020, { 0 } };
		uint64_t digits = i;

		for (unsigned j = 0; j < 5; j++, digits /= WORDS)
			call.args[j] = words[digits % WORDS];
		if (ring3_filter_answers(&call, false) != (may_be(&call) ? RING3_ALLOWS : RING3_KILLS))
			fail_msg("call %d: %#llx %#llx %#llx %#llx %#llx", number, call.args[0], call.args[1],
				 call.args[2], call.args[3], call.args[4]);
		allowed += may_be(&call);
		/* Those of calls with fewer are not worth all the others. */
		if (number != SYS_mmap && i >= UINT64_C(1) * WORDS * WORDS * WORDS)
			break;
	}
	assert_true(allowed);
}

static void test_arguments(void **state)
{
	(void)state;
	try_arguments(SYS_mmap);
	try_arguments(SYS_munmap);
	try_arguments(SYS_mprotect);
	try_arguments(SYS_futex);
}

/* Whatever a program may map lies before what is the engine's. */
static void test_ranges_end_before_the_engine(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS; i++) {
		for (unsigned j = 0; j < WORDS; j++) {
			if (is_programs(words[i], words[j]))
				assert_true(words[i] + words[j] + 0x1000 < RING3_AREAS);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_elsewhere_all_is_trapped), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_other_architectures),           cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_ranges_end_before_the_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
