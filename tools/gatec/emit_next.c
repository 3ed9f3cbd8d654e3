/* SPDX-License-Identifier: ISC */
/*
 * emit_next.c - the next minor version that this contract could have, with everything grown that may
 * grow, so that tests can have old and new on either side of the gate. The model is copied as far as
 * it changes; what the checker has set in the copy is the old contract's, and only names are printed.
 */
#include "arena.h"
#include "emit.h"
#include "print.h"

#include <string.h>

/*
 * A copy of an array with zeroed room for `more` elements. Copies are needed because arena_push() would
 * write into the array of the contract that is being read.
 */
static void *copy_array(const void *array, size_t count, size_t more, size_t element_size)
{
	void *copy = arena_alloc((count + more) * element_size + 1);

	if (count)
		memcpy(copy, array, count * element_size);
	return copy;
}

/* stem, or with a number after it when the array of structs that start with their name has it. */
static const char *free_name(const char *stem, const void *array, size_t count, size_t element_size)
{
	const char *name = stem;
	unsigned attempt = 1;

	for (size_t i = 0; i < count; i++) {
		const char *taken =
			*(const char *const *)(const void *)((const char *)array + i * element_size);

		if (strcmp(taken, name) != 0)
			continue;
		name = arena_print("%s_%u", stem, ++attempt);
		i = SIZE_MAX; /* from the start */
	}
	return name;
}

#define FREE_NAME(stem, array, count) free_name((stem), (array), (count), sizeof *(array))

static void grow_record(struct record *record, struct version version)
{
	size_t count = record->field_count;

	if (!record->extensible || record->size + 8 > MAX_STRUCT_SIZE)
		return;
	record->fields = copy_array(record->fields, count, 1, sizeof *record->fields);
	record->fields[count] = (struct field){
		.name = FREE_NAME("next_word", record->fields, count),
		.type = { .kind = TYPE_INTEGER, .bytes = 8 },
		.since = version,
		.offset = record->size,
		.prose = "What only the next version knows.",
	};
	record->field_count++;
}

/* The smallest value or bit that no member has; false: there is none. */
static bool find_free_value(const struct choice *choice, uint64_t *value)
{
	unsigned most = choice->is_flags ? 8 * choice->bytes - 1 : MAX_ENUM_VALUE;
	uint64_t used = 0;

	for (size_t i = 0; i < choice->member_count; i++)
		used |= choice->is_flags ? choice->members[i].value : UINT64_C(1) << choice->members[i].value;
	for (unsigned i = 0; i <= most; i++) {
		if (used & UINT64_C(1) << i)
			continue;
		*value = choice->is_flags ? UINT64_C(1) << i : i;
		return true;
	}
	return false;
}

static void grow_choice(struct choice *choice, struct version version)
{
	size_t count = choice->member_count;
	uint64_t value;

	if (!find_free_value(choice, &value))
		return;
	choice->members = copy_array(choice->members, count, 1, sizeof *choice->members);
	choice->members[count] = (struct member){
		.name = FREE_NAME(choice->is_flags ? "next_bit" : "next_value", choice->members, count),
		.value = value,
		.since = version,
		.prose = "What only the next version knows.",
	};
	choice->member_count++;
}

static bool find_free_number(const struct contract *contract, const struct section *section, uint64_t *number)
{
	uint64_t used = 0;

	for (size_t i = 0; i < contract->call_count; i++) {
		if (contract->calls[i].number >> 8 == section->number)
			used |= UINT64_C(1) << (contract->calls[i].number & 0xff);
	}
	if (!~used)
		return false;
	*number = section->number << 8 | (uint64_t)__builtin_ctzll(~used);
	return true;
}

/* Adds a call to the section; next->calls has room for it. */
static void grow_section(struct contract *next, const struct section *section)
{
	const char *stem = arena_print("%s.next_call", section->name);
	uint64_t number;

	if (next->call_count == MAX_CALLS || !find_free_number(next, section, &number))
		return;
	next->calls[next->call_count] = (struct call){
		.name = FREE_NAME(stem, next->calls, next->call_count),
		.number = number,
		.since = next->version,
		.prose = "Does nothing. Only the next version has this call.",
		.returns = "Zero.",
		.right = RIGHT_GRANTED,
		.cost = COST_CONSTANT,
		.crossings = CROSSING_ALL,
	};
	next->call_count++;
}

void emit_next(const struct contract *contract, FILE *to)
{
	struct contract next = *contract;

	next.version.minor++;
	next.draft = true;
	next.choices = copy_array(next.choices, next.choice_count, 0, sizeof *next.choices);
	next.records = copy_array(next.records, next.record_count, 0, sizeof *next.records);
	next.calls = copy_array(next.calls, next.call_count, next.section_count, sizeof *next.calls);
	for (size_t i = 0; i < next.choice_count; i++)
		grow_choice(&next.choices[i], next.version);
	for (size_t i = 0; i < next.record_count; i++)
		grow_record(&next.records[i], next.version);
	for (size_t i = 0; i < next.section_count; i++)
		grow_section(&next, &next.sections[i]);
	print_contract(&next, contract->lock, to);
}
