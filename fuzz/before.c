/* SPDX-License-Identifier: ISC */
/*
 * before.c - see before.h. The tables of the contract as it is now are part of this file, under another
 * name, so that they can stand beside those of the grown contract.
 */
#define grammar_calls before_calls
#include "before.inc"

#include "before.h"

#include <string.h>

static const char *const names[ABI_CALLS] = {
#define NAME(name, NAME) [ABI_##NAME] = #name,
	ABI_EACH_CALL(NAME)
#undef NAME
};

static bool find_in_fields(const char *wanted, const char *owner, const char *name,
			   const struct grammar_field *fields, size_t count, uint64_t *mask)
{
	for (size_t i = 0; i < count; i++) {
		const struct grammar_field *field = &fields[i];
		const struct grammar_record *record = field->record;

		if (!strcmp(owner, wanted) && !strcmp(field->name, name)) {
			*mask = field->mask;
			return true;
		}
		if (record &&
		    find_in_fields(wanted, record->name, name, record->fields, record->field_count, mask))
			return true;
	}
	return false;
}

bool before_mask(const char *owner, const char *field, uint64_t *mask)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		const struct grammar_call *call = &before_calls[i];

		if (find_in_fields(owner, names[i], field, call->args, call->arg_count, mask))
			return true;
	}
	return false;
}

bool before_has_call(const char *c_name)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (!strcmp(names[i], c_name))
			return true;
	}
	return false;
}

uint16_t before_size(const char *record)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		for (size_t j = 0; j < before_calls[i].arg_count; j++) {
			const struct grammar_record *of = before_calls[i].args[j].record;

			if (of && !strcmp(of->name, record))
				return of->sizes[ABI_LEVELS - 1];
		}
	}
	return 0;
}
