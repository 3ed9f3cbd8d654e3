/* SPDX-License-Identifier: ISC */
/* levels.c - see levels.h. The answers are collected once, by the address of the field. */
#include "levels.h"

#include "before.h"

#include <stdlib.h>

enum { MOST_MASKS = 1024 };

static struct {
	const struct grammar_field *field;
	uint64_t mask;
} masks[MOST_MASKS];

static size_t mask_count;

static const char *const names[ABI_CALLS] = {
#define NAME(name, NAME) [ABI_##NAME] = #name,
	ABI_EACH_CALL(NAME)
#undef NAME
};

static uint64_t *find(const struct grammar_field *field)
{
	for (size_t i = 0; i < mask_count; i++) {
		if (masks[i].field == field)
			return &masks[i].mask;
	}
	return NULL;
}

static void collect_fields(const char *owner, const struct grammar_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct grammar_field *field = &fields[i];
		uint64_t mask = field->mask;

		if (field->record)
			collect_fields(field->record->name, field->record->fields,
				       field->record->field_count);
		if ((field->kind != GRAMMAR_ENUM && field->kind != GRAMMAR_FLAGS) || find(field))
			continue;
		if (mask_count == MOST_MASKS)
			abort();
		before_mask(owner, field->name, &mask);
		masks[mask_count].field = field;
		masks[mask_count++].mask = mask;
	}
}

uint64_t grammar_mask(const struct grammar_field *field, unsigned level)
{
	if (level == ABI_LEVELS - 1)
		return field->mask;
	if (!mask_count) {
		for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++)
			collect_fields(names[i], grammar_calls[i].args, grammar_calls[i].arg_count);
	}
	return *find(field);
}
