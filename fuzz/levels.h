/* SPDX-License-Identifier: ISC */
/* levels.h - what of the grammar is valid at a level. */
#ifndef POSTERN_FUZZ_LEVELS_H
#define POSTERN_FUZZ_LEVELS_H

#include "grammar.h"

/*
 * The valid part of an enum or flags at a level. The tables say it of the newest level only; what an older
 * one knew is asked of the contract that was the newest then.
 */
uint64_t grammar_mask(const struct grammar_field *field, unsigned level);

/* Whether an argument or a field exists at a level. */
static inline bool grammar_exists(const struct grammar_field *field, unsigned level)
{
	return field->since <= level;
}

/* Bytes of a struct at a level, and in the version that introduced it. */
static inline size_t grammar_size(const struct grammar_record *record, unsigned level)
{
	return record->sizes[level];
}

static inline size_t grammar_first_size(const struct grammar_record *record)
{
	return record->sizes[record->since];
}

/* Registers that an argument takes. */
static inline unsigned grammar_registers(const struct grammar_field *arg)
{
	return arg->kind >= GRAMMAR_VECTOR ? 2 : 1;
}

#endif
