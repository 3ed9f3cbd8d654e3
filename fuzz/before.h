/* SPDX-License-Identifier: ISC */
/* before.h - the contract as it is now, seen from tests that are built for one that has grown since. */
#ifndef POSTERN_FUZZ_BEFORE_H
#define POSTERN_FUZZ_BEFORE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The valid part of an enum or flags. owner: a struct, or a call with an underscore for its dot; field: a
 * field of it, or an argument. Returns false if the contract has no such owner or field.
 */
bool before_mask(const char *owner, const char *field, uint64_t *mask);

/* Whether the contract has a call; c_name has an underscore for the dot. */
bool before_has_call(const char *c_name);

/* Bytes of a struct that is an argument, or 0 if the contract has none of that name. */
uint16_t before_size(const char *record);

#endif
