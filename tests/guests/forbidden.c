/* SPDX-License-Identifier: ISC */
/*
 * forbidden.c - every call that the VM may not make answers EPERM, and every one that does not exist ENOSYS,
 * just as abi.probe says. To be run by a VM that may not make all of them.
 */
#include "expect.h"

enum { SECTIONS = 16, CALLS = 64 };

/* Whether the call was refused for want of permission. Calls that may be made are left alone. */
static bool is_forbidden(uint32_t number)
{
	int64_t probed = postern_abi_probe(number);

	EXPECT(probed >= 0);
	if (probed == 7)
		return false;
	if (!(probed & POSTERN_ABI_PROBE_RESULT_HANDLED)) {
		EXPECT_RESULT(postern_hypercall(number, 0, 0, 0, 0, 0, 0), -ENOSYS);
		return false;
	}
	/* Before anything else is looked at: even registers that do not make sense. */
	EXPECT_RESULT(postern_hypercall(number, 0, 0, 0, 0, 0, 0), -EPERM);
	EXPECT_RESULT(postern_hypercall(number, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL), -EPERM);
	return true;
}

int main(void)
{
	unsigned forbidden = 0;

	for (uint32_t section = 0; section < SECTIONS; section++) {
		for (uint32_t call = 0; call < CALLS; call++)
			forbidden += is_forbidden(section << 8 | call);
	}
	guest_printf("forbidden: %u calls\n", forbidden);
	EXPECT(forbidden > 0);
	return 0;
}
