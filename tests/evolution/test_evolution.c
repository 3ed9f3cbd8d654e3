/* SPDX-License-Identifier: ISC */
/*
 * test_evolution.c - guests built for an older or a newer version meet this host, at each of its levels.
 * Every call and struct that may grow is found in the grammar. Built twice: for the contract that we have,
 * which has one level, and for one that has grown from it, whose level 0 has to behave as ours does.
 */
#include "before.h"
#include "call_copy.h"
#include "call_vm.h"
#include "levels.h"
#include "service/service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LARGEST = 4096, AROUND = 64, SENTINEL = 0xaa, PATTERN = 0x5a };

/* The struct under test, as a handler got it. */
static struct {
	const struct grammar_field *arg;
	uint8_t copy[LARGEST];
} got;

/* What the handlers answer. */
static int64_t answer;

static int64_t record_and_fill(struct call_vm *vm, unsigned ordinal, void *args)
{
	(void)vm;
	if (got.arg)
		memcpy(got.copy, copy_of(args, got.arg), grammar_size(got.arg->record, ABI_LEVELS - 1));
	watch_fill(ordinal, args, PATTERN);
	return answer;
}

/* The way that a call is made here: by a trap, if it can cross so. */
static enum gate_crossing crossing_of(unsigned ordinal)
{
	if (abi_calls[ordinal].crossings & 1 << GATE_TRAP)
		return GATE_TRAP;
	assert_true(abi_calls[ordinal].crossings & 1 << GATE_BATCH);
	return GATE_BATCH;
}

static int64_t cross(struct call_vm *vm, const struct made_call *call)
{
	vm->handled = 0;
	return call_vm_cross(vm, crossing_of(call->ordinal), call);
}

/* ---- each struct ---- */

/* A struct that is an argument of a call, to be tried at a level. */
struct subject {
	struct call_vm *vm;
	unsigned ordinal;
	size_t index;
	const struct grammar_field *arg;
	const struct grammar_record *record;
	size_t first; /* bytes in its first version */
	size_t known; /* bytes at the level */
	struct made_call call;
	uint64_t at;
};

static void describe(const struct subject *it, const char *what, size_t size)
{
	fail_msg("%s: %s of %zu bytes at level %u: %s", abi_calls[it->ordinal].name, it->arg->name, size,
		 it->vm->maker.level, what);
}

#define EXPECT(it, size, condition)                                    \
	do {                                                           \
		if (!(condition))                                      \
			describe((it), "not so: " #condition, (size)); \
	} while (0)

static uint8_t *guest(const struct subject *it)
{
	return it->vm->memory.base + it->at;
}

/* Makes the call, with a struct of size bytes between sentinels: known fields valid, the tail zero. */
static void prepare(struct subject *it, size_t size)
{
	size_t sent = size < LARGEST ? size : LARGEST;
	uint32_t stated = (uint32_t)size;

	call_vm_begin(it->vm);
	make_call(&it->vm->maker, it->ordinal, &it->call);
	it->at = it->vm->maker.place(&it->vm->maker, LARGEST + 2 * AROUND, 8) + AROUND;
	it->call.args[it->arg->at] = it->at;
	memset(guest(it) - AROUND, SENTINEL, LARGEST + 2 * AROUND);
	make_record(&it->vm->maker, it->record, sent, guest(it));
	memcpy(guest(it), &stated, sizeof stated);
	got.arg = it->arg;
	memset(&got.copy, SENTINEL, sizeof got.copy);
	call_vm_remember(it->vm);
}

static bool is_filled(const uint8_t *bytes, uint8_t with, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != with)
			return false;
	}
	return true;
}

/* What the handler saw: what was sent, as far as both sides know it, and zero behind. */
static void check_seen(const struct subject *it, size_t size)
{
	const uint8_t *before = it->vm->before + it->at;
	size_t newest = grammar_size(it->record, ABI_LEVELS - 1);
	size_t kept = size < it->known ? size : it->known;
	size_t sent = it->arg->direction == GRAMMAR_OUT ? sizeof(uint32_t) : kept;

	EXPECT(it, size, !memcmp(got.copy, before, sent));
	EXPECT(it, size, is_filled(got.copy + sent, 0, newest - sent));
}

/* What the guest finds: the answer as far as both sides know it, and everything else as it was. */
static void check_written(const struct subject *it, size_t size)
{
	const uint8_t *before = it->vm->before + it->at;
	size_t kept = size < it->known ? size : it->known;
	size_t written = it->arg->direction == GRAMMAR_IN ? sizeof(uint32_t) : kept;

	EXPECT(it, size, !memcmp(guest(it) - AROUND, before - AROUND, AROUND + sizeof(uint32_t)));
	EXPECT(it, size, is_filled(guest(it) + sizeof(uint32_t), PATTERN, written - sizeof(uint32_t)));
	EXPECT(it, size, !memcmp(guest(it) + written, before + written, LARGEST + AROUND - written));
}

static void expect_served(struct subject *it, size_t size)
{
	prepare(it, size);
	EXPECT(it, size, cross(it->vm, &it->call) == 0);
	EXPECT(it, size, it->vm->handled == 1);
	check_seen(it, size);
	check_written(it, size);
}

static void expect_refused(struct subject *it, size_t size, int error)
{
	EXPECT(it, size, cross(it->vm, &it->call) == -error);
	EXPECT(it, size, it->vm->handled == 0);
	EXPECT(it, size, call_vm_changed(it->vm) == -1);
}

/* A caller who knows a version, older or newer than the level or the same. */
static void try_version(struct subject *it, size_t size)
{
	expect_served(it, size);
	for (size_t i = it->known; i < size; i++) {
		prepare(it, size);
		guest(it)[i] = 1;
		call_vm_remember(it->vm);
		expect_refused(it, size, E2BIG);
	}
}

/* Each size that there can be. */
static void try_all_sizes(struct subject *it)
{
	for (size_t size = 0; size <= LARGEST + AROUND; size++) {
		prepare(it, size);
		if (size < it->first || size % 8)
			expect_refused(it, size, EINVAL);
		else if (size > LARGEST)
			expect_refused(it, size, E2BIG);
		else
			expect_served(it, size);
	}
}

/* The level's own fields reach the handler with what the guest put there. */
static void try_new_fields(struct subject *it)
{
	for (size_t i = 0; i < it->record->field_count; i++) {
		const struct grammar_field *field = &it->record->fields[i];
		uint64_t value = 0x1122334455667788;

		if (field->since != it->vm->maker.level || field->since <= it->record->since ||
		    it->arg->direction == GRAMMAR_OUT || strncmp(field->name, "next_word", 9) != 0)
			continue;
		prepare(it, it->known);
		memcpy(guest(it) + field->at, &value, sizeof value);
		EXPECT(it, it->known, cross(it->vm, &it->call) == 0);
		EXPECT(it, it->known, !memcmp(got.copy + field->at, &value, sizeof value));
	}
}

/* A call that fails writes no struct, whatever its handler has put into the copy. */
static void try_failure(struct subject *it)
{
	prepare(it, it->known);
	answer = -ECANCELED;
	EXPECT(it, it->known, cross(it->vm, &it->call) == -ECANCELED);
	EXPECT(it, it->known, it->vm->handled == 1);
	EXPECT(it, it->known, call_vm_changed(it->vm) == -1);
	answer = 0;
}

static void try_struct(struct subject *it)
{
	for (unsigned version = it->record->since; version < ABI_LEVELS; version++)
		try_version(it, grammar_size(it->record, version));
	if (grammar_size(it->record, ABI_LEVELS - 1) < LARGEST)
		try_version(it, grammar_size(it->record, ABI_LEVELS - 1) + 8);
	try_all_sizes(it);
	try_new_fields(it);
	try_failure(it);
}

/* Which structs and calls have been tried. */
static struct {
	const struct grammar_record *records[1024];
	size_t record_count;
	size_t call_count;
	size_t tries;
} tried;

static void remember_record(const struct grammar_record *record)
{
	for (size_t i = 0; i < tried.record_count; i++) {
		if (tried.records[i] == record)
			return;
	}
	tried.records[tried.record_count++] = record;
}

/* Tries each struct of a call. Returns whether there is one. */
static bool try_call(struct call_vm *vm, unsigned ordinal)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];
	bool any = false;

	for (size_t i = 0; i < grammar->arg_count; i++) {
		struct subject it = { .vm = vm, .ordinal = ordinal, .index = i, .arg = &grammar->args[i] };

		if (it.arg->kind != GRAMMAR_STRUCT)
			continue;
		it.record = it.arg->record;
		it.first = grammar_first_size(it.record);
		it.known = grammar_size(it.record, vm->maker.level);
		try_struct(&it);
		remember_record(it.record);
		tried.tries++;
		any = true;
	}
	return any;
}

static void on_each_level(void (*test)(struct call_vm *vm))
{
	static struct call_vm vm;

	for (unsigned level = 0; level < ABI_LEVELS; level++) {
		call_vm_prepare(&vm, level);
		vm.serve = record_and_fill;
		call_vm_create(&vm);
		test(&vm);
		call_vm_destroy(&vm);
	}
}

static void try_structs(struct call_vm *vm)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (abi_calls[i].since <= vm->maker.level && try_call(vm, i) &&
		    vm->maker.level == ABI_LEVELS - 1)
			tried.call_count++;
	}
}

/* Counted from the host's tables, not from the grammar: a struct that has a size by level is extensible. */
static size_t count_in_tables(size_t *calls)
{
	size_t records = sizeof abi_levels->size / sizeof(uint16_t) - 1; /* the last one is none */

	*calls = 0;
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		bool any = false;

		for (size_t j = 0; j < grammar_calls[i].arg_count; j++)
			any |= grammar_calls[i].args[j].kind == GRAMMAR_STRUCT;
		*calls += any;
	}
	return records;
}

static void test_structs_of_every_version(void **state)
{
	size_t calls;
	size_t records = count_in_tables(&calls);

	(void)state;
	on_each_level(try_structs);
	print_message("# %zu structs in %zu calls, at %d levels\n", tried.record_count, tried.call_count,
		      ABI_LEVELS);
	assert_int_equal(tried.record_count, records);
	assert_int_equal(tried.call_count, calls);
}

/* ---- enums and flags ---- */

static size_t new_members;

/* The members that came with a level, but the first. */
static uint64_t came_with(const struct grammar_field *field, unsigned level)
{
	if (field->kind != GRAMMAR_ENUM && field->kind != GRAMMAR_FLAGS)
		return 0;
	return grammar_mask(field, level) & ~grammar_mask(field, level - 1);
}

/* Makes the call with a value in a register or in memory, and looks whether the level takes it. */
static void try_member(struct call_vm *vm, unsigned ordinal, size_t arg, const struct grammar_field *field,
		       uint64_t offset, uint64_t value, bool is_valid)
{
	struct made_call call;
	int64_t result;

	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	if (grammar_calls[ordinal].args[arg].record)
		make_store(&vm->maker, call.places[arg].at + offset, value, field->bytes);
	else
		call.args[field->at] = value;
	result = cross(vm, &call);
	if (result != (is_valid ? 0 : -EINVAL) || vm->handled != is_valid)
		fail_msg("%s: %s = %#llx at level %u: answered %lld", abi_calls[ordinal].name, field->name,
			 (unsigned long long)value, vm->maker.level, (long long)result);
	new_members++;
}

static void try_members(struct call_vm *vm, unsigned ordinal, size_t arg, const struct grammar_field *field,
			uint64_t offset)
{
	unsigned level = vm->maker.level;

	if (!grammar_exists(field, level))
		return;
	for (unsigned newer = 1; newer < ABI_LEVELS; newer++) {
		for (uint64_t left = came_with(field, newer); left; left &= left - 1) {
			uint64_t value = (uint64_t)__builtin_ctzll(left);

			if (field->kind == GRAMMAR_FLAGS)
				value = UINT64_C(1) << value;
			try_member(vm, ordinal, arg, field, offset, value, level >= newer);
		}
	}
	if (field->record && field->direction != GRAMMAR_OUT) {
		for (size_t i = 0; i < field->record->field_count; i++)
			try_members(vm, ordinal, arg, &field->record->fields[i],
				    offset + field->record->fields[i].at);
	}
}

static void try_all_members(struct call_vm *vm)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		for (size_t j = 0; j < grammar_calls[i].arg_count && abi_calls[i].since <= vm->maker.level;
		     j++)
			try_members(vm, i, j, &grammar_calls[i].args[j], 0);
	}
}

static void test_new_members_of_enums_and_flags(void **state)
{
	(void)state;
	got.arg = NULL;
	on_each_level(try_all_members);
	print_message("# %zu times a member that is not at every level\n", new_members);
	assert_true(ABI_LEVELS == 1 || new_members > 0);
}

/* ---- calls ---- */

static int64_t probe(struct call_vm *vm, uint64_t number)
{
	const uint64_t args[6] = { number };

	return gate_call(vm->gate, vm->vcpu, POSTERN_CALL_ABI_PROBE, args);
}

static uint64_t calls_of_section(struct call_vm *vm, uint64_t section)
{
	struct postern_abi_info *info = (struct postern_abi_info *)vm->memory.base;
	const uint64_t args[6] = { section, 0 };

	memset(info, 0, sizeof *info);
	info->size = abi_levels[vm->maker.level].size.abi_info;
	assert_int_equal(gate_call(vm->gate, vm->vcpu, POSTERN_CALL_ABI_QUERY, args), 0);
	assert_int_equal(info->minor, vm->maker.level);
	return info->calls;
}

static void try_reach(struct call_vm *vm, unsigned ordinal)
{
	const struct abi_call *it = &abi_calls[ordinal];
	bool is_known = it->since <= vm->maker.level;
	struct made_call call;
	int64_t result;

	assert_int_equal(probe(vm, it->number), is_known ? 7 : 0);
	assert_int_equal(calls_of_section(vm, it->number >> 8) >> (it->number & 0xff) & 1, is_known);
	call_vm_begin(vm);
	make_call(&vm->maker, ordinal, &call);
	result = cross(vm, &call);
	assert_true(is_known ? result >= 0 : result == -ENOSYS);
	/* Some of section abi are not ours here. */
	if (it->number >> 8 != POSTERN_SECTION_ABI)
		assert_int_equal(vm->handled, is_known);
}

static void try_calls(struct call_vm *vm)
{
	struct made_call nothing = { 0 };

	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++)
		try_reach(vm, i);
	/* Numbers that a next version may give. */
	for (nothing.number = 0; nothing.number < 0x10000; nothing.number++) {
		if (nothing.number < ABI_NUMBERS && abi_ordinals[nothing.number])
			continue;
		assert_int_equal(gate_call(vm->gate, vm->vcpu, nothing.number, nothing.args), -ENOSYS);
		assert_int_equal(probe(vm, nothing.number), 0);
	}
}

static void test_new_calls(void **state)
{
	static struct call_vm vm;

	(void)state;
	for (unsigned level = 0; level < ABI_LEVELS; level++) {
		call_vm_prepare(&vm, level);
		service_abi(&vm.handlers);
		call_vm_create(&vm);
		try_calls(&vm);
		call_vm_destroy(&vm);
	}
}

/* ---- level 0 is the contract that we have ---- */

static void test_first_level_is_the_contract(void **state)
{
	static const char *const names[ABI_CALLS] = {
#define NAME(name, NAME) [ABI_##NAME] = #name,
		ABI_EACH_CALL(NAME)
#undef NAME
	};
	size_t calls = 0;

	(void)state;
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		/* Calls that only tests have are in a section of their own. */
		if (!strncmp(names[i], "extra_", 6))
			continue;
		assert_int_equal(before_has_call(names[i]), abi_calls[i].since == 0);
		for (size_t j = 0; j < grammar_calls[i].arg_count; j++) {
			const struct grammar_record *record = grammar_calls[i].args[j].record;

			if (record)
				assert_int_equal(grammar_size(record, 0), before_size(record->name));
		}
		calls++;
	}
	assert_true(calls > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structs_of_every_version),
		cmocka_unit_test(test_new_members_of_enums_and_flags),
		cmocka_unit_test(test_new_calls),
		cmocka_unit_test(test_first_level_is_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
