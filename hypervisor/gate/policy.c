/* SPDX-License-Identifier: ISC */
/* policy.c - permission sets, from the names of profiles, sections and calls. */
#include "gate/policy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct word {
	const char *text;
	size_t length;
};

static bool is_word(const struct word *word, const char *name)
{
	return strlen(name) == word->length && !memcmp(word->text, name, word->length);
}

/* The section of a call is what stands before the dot of its name. */
static bool is_section_of(const struct word *word, const char *call)
{
	return strcspn(call, ".") == word->length && !memcmp(word->text, call, word->length);
}

static const struct abi_profile *find_profile(const struct word *word)
{
	for (size_t i = 0; i < ABI_PROFILES; i++) {
		if (is_word(word, abi_profiles[i].name))
			return &abi_profiles[i];
	}
	return NULL;
}

static bool apply(struct gate_policy *policy, const struct word *word, uint8_t grant)
{
	const struct abi_profile *profile = find_profile(word);
	bool found = profile;

	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		const char *call = abi_calls[i].name;

		if ((profile && profile->calls[i]) || is_section_of(word, call) || is_word(word, call)) {
			policy->granted[i] = grant;
			found = true;
		}
	}
	return found;
}

int gate_policy_allow(struct gate_policy *policy, const char *list, char *error, size_t error_size)
{
	struct gate_policy changed = *policy;

	while (*list) {
		bool take_away = *list == '-';
		struct word word = { list + take_away, strcspn(list + take_away, ",") };

		if (!apply(&changed, &word, !take_away)) {
			snprintf(error, error_size, "'%.*s' is no profile, section or call", (int)word.length,
				 word.text);
			return -EINVAL;
		}
		list = word.text + word.length;
		list += *list == ',';
	}
	*policy = changed;
	return 0;
}
