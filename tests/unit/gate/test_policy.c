/* SPDX-License-Identifier: ISC */
/* test_policy.c - permission sets, from lists of names. */
#include "fixture.h"

static struct gate_policy allow(const char *list)
{
	struct gate_policy policy = { 0 };
	char error[128] = "";

	if (gate_policy_allow(&policy, list, error, sizeof error))
		fail_msg("%s", error);
	return policy;
}

static unsigned count(const struct gate_policy *policy)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < ABI_CALLS; i++)
		sum += policy->granted[i];
	return sum;
}

static void nothing_grants_nothing(void **state)
{
	struct gate_policy policy = allow("");

	(void)state;
	assert_int_equal(count(&policy), 0);
}

static void a_section_grants_its_calls_and_no_others(void **state)
{
	struct gate_policy policy = allow("clock");

	(void)state;
	assert_true(policy.granted[ABI_CLOCK_READ] && policy.granted[ABI_CLOCK_SCALE]);
	assert_int_equal(count(&policy), 2);
}

static void a_call_is_granted_by_its_name(void **state)
{
	struct gate_policy policy = allow("clock.read");

	(void)state;
	assert_true(policy.granted[ABI_CLOCK_READ]);
	assert_int_equal(count(&policy), 1);
}

static void a_profile_holds_what_the_contract_says(void **state)
{
	struct gate_policy minimal = allow("minimal");
	struct gate_policy all = allow("all");

	(void)state;
	assert_true(minimal.granted[ABI_CONSOLE_WRITE] && minimal.granted[ABI_VM_EXIT]);
	assert_false(minimal.granted[ABI_CONSOLE_READ] || minimal.granted[ABI_FILE_OPEN]);
	assert_int_equal(count(&all), ABI_CALLS - 1);
}

static void words_apply_from_left_to_right(void **state)
{
	struct gate_policy policy = allow("all,-file,file.read,-clock.scale");

	(void)state;
	assert_true(policy.granted[ABI_FILE_READ] && policy.granted[ABI_CLOCK_READ]);
	assert_false(policy.granted[ABI_FILE_WRITE] || policy.granted[ABI_CLOCK_SCALE]);
}

static void an_unknown_word_changes_nothing_and_is_named(void **state)
{
	static const char *const lists[] = { "clock,disks", "clock,cloc",      "clock,clock.", "clock,,timer",
					     "clock,-",     "clock,clock.rea", " clock" };

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct gate_policy policy = { 0 };
		char error[128] = "";

		assert_int_equal(gate_policy_allow(&policy, lists[i], error, sizeof error), -EINVAL);
		assert_int_equal(count(&policy), 0);
		assert_non_null(strstr(error, "is no profile, section or call"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_grants_nothing),
		cmocka_unit_test(a_section_grants_its_calls_and_no_others),
		cmocka_unit_test(a_call_is_granted_by_its_name),
		cmocka_unit_test(a_profile_holds_what_the_contract_says),
		cmocka_unit_test(words_apply_from_left_to_right),
		cmocka_unit_test(an_unknown_word_changes_nothing_and_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
