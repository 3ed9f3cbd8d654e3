/* SPDX-License-Identifier: ISC */
/* compat.h - may a guest or host built for one contract meet one built for another? */
#ifndef GATEC_COMPAT_H
#define GATEC_COMPAT_H

#include "model.h"

/*
 * Names each change from old to new that could break a guest or a host built for old: one
 * diagnostic each, at its place in new (or, for what new has no longer, at the place in new of what
 * held it), saying what changed and why that breaks.
 */
void compat_check(const struct contract *old, const struct contract *new, struct diagnostics *list);

#endif
