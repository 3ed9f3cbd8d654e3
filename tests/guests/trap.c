/* SPDX-License-Identifier: ISC */
/* trap.c - calls by trap: the cheapest one a thousand times, discovery, and calls that are not right. */
#include "expect.h"

static void query(uint32_t section)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	EXPECT_RESULT(postern_abi_query(section, &info), 0);
	EXPECT(info.size == sizeof info && info.section == section);
	EXPECT(info.major == guest_boot()->major && info.minor == guest_boot()->minor);
	for (uint32_t call = 0; call < 64; call++) {
		int64_t probed = postern_abi_probe(section << 8 | call);

		EXPECT(((info.calls >> call) & 1) == (probed == 7));
	}
	guest_printf("section 0x%02x: calls 0x%lx, features 0x%lx\n", section, info.calls, info.features);
}

int main(void)
{
	for (unsigned i = 0; i < 1000; i++)
		EXPECT_RESULT(postern_abi_nop(), 0);
	for (uint32_t section = 0; section < 16; section++)
		query(section);
	query(255);
	EXPECT_RESULT(postern_abi_probe(POSTERN_CALL_ABI_NOP), 7);
	EXPECT_RESULT(postern_abi_probe(0xffff), 0);
	EXPECT_RESULT(postern_hypercall(0xffff, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EXPECT_RESULT(postern_hypercall(UINT64_C(1) << 32, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EXPECT_RESULT(postern_hypercall(POSTERN_CALL_ABI_NOP, 1, 0, 0, 0, 0, 0), -EINVAL);
	EXPECT_RESULT(postern_hypercall(POSTERN_CALL_ABI_NOP, 0, 0, 0, 0, 0, 1), -EINVAL);
	EXPECT_RESULT(postern_abi_probe(0x10000), -EINVAL);
	guest_print("trap: 1000 calls\n");
	return 0;
}
