/* SPDX-License-Identifier: ISC */
/* policy.h - which calls a VM may make. */
#ifndef POSTERN_GATE_POLICY_H
#define POSTERN_GATE_POLICY_H

#include "abi_host.h"

#include <stddef.h>

struct gate_policy {
	uint8_t granted[ABI_CALLS]; /* by ordinal; calls with `right always` need no grant */
};

/*
 * Adds to a policy what a list names, left to right: profiles, sections and calls, apart by commas; a
 * leading '-' takes away: "compute,file,-file.remove". An empty list changes nothing.
 *
 * Errors: -EINVAL, with a message in error naming the word, and the policy unchanged.
 */
int gate_policy_allow(struct gate_policy *policy, const char *list, char *error, size_t error_size);

#endif
