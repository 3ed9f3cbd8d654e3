/* SPDX-License-Identifier: ISC */
/*
 * test_refusal.c - whatever is wrong with a call, the gate answers what docs/contract.md says, runs no
 * handler, changes nothing in guest memory, and counts the refusal. What can be wrong comes from the grammar,
 * so a call that is added to the contract is tested here without a change.
 */
#include "call_vm.h"
#include "levels.h"
#include "spoil_call.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Each call is made by these. A ring differs from a batch only in the thread that serves it. */
static const enum gate_crossing crossings[] = { GATE_TRAP, GATE_BATCH };

enum { CROSSINGS = 2 };

static unsigned cases;

static bool is_known(unsigned ordinal, unsigned level)
{
	return abi_calls[ordinal].since <= level;
}

/* Calls test for each call that a level knows, each way to cross and each level, on a VM of its own. */
static void each_call(void (*prepare)(struct call_vm *vm),
		      void (*test)(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal))
{
	static struct call_vm vm;

	cases = 0;
	for (unsigned level = 0; level < ABI_LEVELS; level++) {
		call_vm_prepare(&vm, level);
		if (prepare)
			prepare(&vm);
		call_vm_create(&vm);
		for (unsigned i = 0; i < CROSSINGS; i++) {
			for (unsigned ordinal = ABI_NO_CALL + 1; ordinal < ABI_CALLS; ordinal++) {
				if (is_known(ordinal, level))
					test(&vm, crossings[i], ordinal);
			}
		}
		call_vm_destroy(&vm);
	}
	assert_true(cases > 0);
	print_message("# %u cases\n", cases);
}

static bool crosses(unsigned ordinal, enum gate_crossing crossing)
{
	return abi_calls[ordinal].crossings & 1 << crossing;
}

/* The first thing that is wrong with a call, if it is not the arguments. */
static const struct spoiled wrong_crossing = { GATE_MALFORMED, EINVAL, "cannot cross", "call" };

/* ---- one refusal ---- */

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition))                                                             \
			fail_msg("%s by %s at level %u: %s %s: not so: " #condition,          \
				 abi_calls[call->ordinal].name, gate_crossing_name(crossing), \
				 vm->maker.level, why->where, why->what);                     \
	} while (0)

static void check_counts(struct call_vm *vm, enum gate_crossing crossing, const struct made_call *call,
			 const struct spoiled *why, const struct gate_stats *before)
{
	struct gate_stats after;

	gate_read_stats(vm->gate, &after);
	for (unsigned i = 0; i < GATE_REFUSALS; i++)
		CHECK(after.refused[i] == before->refused[i] + (i == why->refusal));
	CHECK(after.counts[crossing][call->ordinal].calls ==
	      before->counts[crossing][call->ordinal].calls + 1);
	CHECK(after.counts[crossing][call->ordinal].failed ==
	      before->counts[crossing][call->ordinal].failed + 1);
	CHECK(after.undeclared == 0);
}

static void expect_refused(struct call_vm *vm, enum gate_crossing crossing, const struct made_call *call,
			   const struct spoiled *why)
{
	struct gate_stats before;
	int64_t result;

	gate_read_stats(vm->gate, &before);
	call_vm_remember(vm);
	result = call_vm_cross(vm, crossing, call);
	cases++;
	if (result != -why->error)
		fail_msg("%s by %s at level %u: %s %s: answered %lld, not %d", abi_calls[call->ordinal].name,
			 gate_crossing_name(crossing), vm->maker.level, why->where, why->what,
			 (long long)result, -why->error);
	CHECK(vm->handled == 0);
	CHECK(call_vm_changed(vm) == -1);
	check_counts(vm, crossing, call, why, &before);
}

/* Makes a call anew, with an argument spoiled in a way. */
static bool make_spoiled(struct call_vm *vm, unsigned ordinal, size_t arg, unsigned way,
			 struct made_call *call, struct spoiled *why)
{
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, call);
	return spoil_call(&vm->maker, call, arg, way, why);
}

/* Calls test for each single thing that can be wrong with a call. */
static void each_spoiled(struct call_vm *vm, unsigned ordinal,
			 void (*test)(struct call_vm *vm, enum gate_crossing crossing,
				      const struct made_call *call, const struct spoiled *why),
			 enum gate_crossing crossing, const struct spoiled *why)
{
	struct made_call call;
	struct spoiled spoiled;

	for (size_t arg = 0; arg <= grammar_calls[ordinal].arg_count; arg++) {
		for (unsigned way = 0; make_spoiled(vm, ordinal, arg, way, &call, &spoiled); way++)
			test(vm, crossing, &call, why ? why : &spoiled);
	}
}

/* ---- tests ---- */

static void check_valid(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	struct made_call call;

	if (!crosses(ordinal, crossing))
		return;
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	cases++;
	if (call_vm_cross(vm, crossing, &call) || vm->handled != 1 || vm->ordinal != ordinal)
		fail_msg("%s by %s at level %u did not reach its handler", abi_calls[ordinal].name,
			 gate_crossing_name(crossing), vm->maker.level);
}

static void test_valid_call_reaches_its_handler(void **state)
{
	(void)state;
	each_call(NULL, check_valid);
}

static void check_one_wrong(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	each_spoiled(vm, ordinal, expect_refused, crossing,
		     crosses(ordinal, crossing) ? NULL : &wrong_crossing);
}

static void test_one_thing_wrong(void **state)
{
	(void)state;
	each_call(NULL, check_one_wrong);
}

static const struct spoiled *lower(const struct spoiled *a, const struct spoiled *b)
{
	return b->refusal < a->refusal ? b : a;
}

static void check_two_arguments(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal,
				size_t first, size_t second)
{
	struct made_call call;
	struct spoiled a;
	struct spoiled b;

	for (unsigned i = 0; make_spoiled(vm, ordinal, first, i, &call, &a); i++) {
		for (unsigned j = 0; make_spoiled(vm, ordinal, first, i, &call, &a) &&
				     spoil_call(&vm->maker, &call, second, j, &b);
		     j++) {
			/* Of one rank, they may be moved to one place, and spoil each other. */
			if (a.refusal != b.refusal)
				expect_refused(vm, crossing, &call, lower(&a, &b));
		}
	}
}

static void check_two_wrong(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	size_t count = grammar_calls[ordinal].arg_count;

	if (!crosses(ordinal, crossing))
		return;
	for (size_t first = 0; first < count; first++) {
		for (size_t second = first + 1; second <= count; second++)
			check_two_arguments(vm, crossing, ordinal, first, second);
	}
}

static void test_lower_rank_of_two(void **state)
{
	(void)state;
	each_call(NULL, check_two_wrong);
}

static void deny_all(struct call_vm *vm)
{
	memset(&vm->config.policy, 0, sizeof vm->config.policy);
}

static void check_denied(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	static const struct spoiled denied = { GATE_DENIED, EPERM, "not granted", "call" };
	struct made_call call;

	if (abi_calls[ordinal].always)
		return;
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	expect_refused(vm, crossing, &call, &denied);
	each_spoiled(vm, ordinal, expect_refused, crossing, &denied);
}

static void test_denied_before_all_but_unknown(void **state)
{
	(void)state;
	each_call(deny_all, check_denied);
}

static const struct spoiled unknown = { GATE_UNKNOWN, ENOSYS, "not known", "call" };

static void remove_handlers(struct call_vm *vm)
{
	deny_all(vm);
	memset(&vm->handlers, 0, sizeof vm->handlers);
}

static void check_unknown(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	struct made_call call;

	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	expect_refused(vm, crossing, &call, &unknown);
	each_spoiled(vm, ordinal, expect_refused, crossing, &unknown);
}

static void test_no_handler_before_all(void **state)
{
	(void)state;
	each_call(remove_handlers, check_unknown);
}

static bool is_number(uint64_t number, unsigned level)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (abi_calls[i].number == number && is_known(i, level))
			return true;
	}
	return false;
}

/* Numbers that no call has, those of newer calls among them. */
static void test_unknown_numbers(void **state)
{
	static const uint64_t wide[] = { 0x10000, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };
	static struct call_vm vm;
	struct made_call call = { .ordinal = ABI_NO_CALL };

	(void)state;
	for (unsigned level = 0; level < ABI_LEVELS; level++) {
		struct gate_stats before;
		struct gate_stats after;
		uint64_t unknown_count = 0;

		call_vm_prepare(&vm, level);
		call_vm_create(&vm);
		gate_read_stats(vm.gate, &before);
		for (call.number = 0; call.number < 0x10000; call.number++) {
			if (is_number(call.number, level))
				continue;
			unknown_count += CROSSINGS;
			assert_int_equal(call_vm_cross(&vm, GATE_TRAP, &call), -ENOSYS);
			assert_int_equal(call_vm_cross(&vm, GATE_BATCH, &call), -ENOSYS);
		}
		for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
			/* Neither may a high bit lead to a call whose number the rest is. */
			call.number = wide[i];
			expect_refused(&vm, GATE_TRAP, &call, &unknown);
			unknown_count++;
		}
		gate_read_stats(vm.gate, &after);
		assert_int_equal(after.refused[GATE_UNKNOWN] - before.refused[GATE_UNKNOWN], unknown_count);
		assert_int_equal(vm.handled, 0);
		call_vm_destroy(&vm);
	}
}

/* An entry of a ring can be malformed itself. */
static void check_entry(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	uint64_t flags = abi_levels[vm->maker.level].mask.ring_entry_flags;
	struct postern_ring_entry entry = { .call = abi_calls[ordinal].number };
	struct made_call call;
	uint64_t handled;

	if (crossing == GATE_TRAP)
		return;
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	memcpy(entry.args, call.args, sizeof entry.args);
	handled = vm->handled;
	for (unsigned bit = 0; bit < 16; bit++) {
		if (flags >> bit & 1)
			continue;
		entry.flags = (uint16_t)(1U << bit);
		assert_int_equal(call_vm_send(vm, &entry), -EINVAL);
	}
	entry.flags = 0;
	for (unsigned bit = 0; bit < 32; bit++) {
		entry.reserved = 1U << bit;
		assert_int_equal(call_vm_send(vm, &entry), -EINVAL);
		cases++;
	}
	assert_int_equal(vm->handled, handled);
}

static void test_malformed_entries(void **state)
{
	(void)state;
	each_call(NULL, check_entry);
}

/* ---- limits ---- */

static const struct spoiled limit = { GATE_LIMIT, EAGAIN, "limit reached", "call" };

static void limit_rate(struct call_vm *vm)
{
	vm->config.rate_per_second = 1;
	vm->config.rate_burst = 2;
}

/* Empties the bucket. A slow machine may get further tokens meanwhile. */
static void use_up_rate(struct call_vm *vm, enum gate_crossing crossing, const struct made_call *call)
{
	for (unsigned i = 0; i < 1000 && call_vm_cross(vm, crossing, call) == 0; i++)
		;
	vm->handled = 0;
}

static void check_rate(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	struct made_call call;

	if (!abi_calls[ordinal].rate_limited || !crosses(ordinal, crossing))
		return;
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	use_up_rate(vm, crossing, &call);
	expect_refused(vm, crossing, &call, &limit);
	each_spoiled(vm, ordinal, expect_refused, crossing, NULL);
}

static void test_rate_limit_last(void **state)
{
	(void)state;
	each_call(limit_rate, check_rate);
}

static void allow_none_in_flight(struct call_vm *vm)
{
	vm->config.in_flight = 0;
}

static void check_in_flight(struct call_vm *vm, enum gate_crossing crossing, unsigned ordinal)
{
	struct made_call call;

	if (!abi_calls[ordinal].async || !crosses(ordinal, crossing))
		return;
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	if (crossing == GATE_BATCH) {
		expect_refused(vm, crossing, &call, &limit);
	} else {
		assert_int_equal(call_vm_cross(vm, crossing, &call), 0);
		assert_int_equal(vm->handled, 1);
	}
	each_spoiled(vm, ordinal, expect_refused, crossing, NULL);
}

static void test_calls_in_flight_last(void **state)
{
	(void)state;
	each_call(allow_none_in_flight, check_in_flight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_call_reaches_its_handler),
		cmocka_unit_test(test_one_thing_wrong),
		cmocka_unit_test(test_lower_rank_of_two),
		cmocka_unit_test(test_denied_before_all_but_unknown),
		cmocka_unit_test(test_no_handler_before_all),
		cmocka_unit_test(test_unknown_numbers),
		cmocka_unit_test(test_malformed_entries),
		cmocka_unit_test(test_rate_limit_last),
		cmocka_unit_test(test_calls_in_flight_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
