/* SPDX-License-Identifier: ISC */
/*
 * hostile_calls.c - calls with random numbers and arguments: each is answered, and no register but rax, rcx
 * and r11 changes. Command line: how many, and the seed. What calls mean is the fuzzer's to try; left out are
 * those that end the VM, wait, or would hit what the guest itself needs.
 */
#include "expect.h"
#include "registers.h"

static const uint16_t left_out[] = {
	POSTERN_CALL_VM_EXIT,       POSTERN_CALL_VM_CRASH,       POSTERN_CALL_CONSOLE_WRITE,
	POSTERN_CALL_CONSOLE_READ,  POSTERN_CALL_CONSOLE_MODE,   POSTERN_CALL_MEMORY_RELEASE,
	POSTERN_CALL_MEMORY_REPORT, POSTERN_CALL_RING_ENTER,     POSTERN_CALL_VCPU_START,
	POSTERN_CALL_VCPU_STOP,     POSTERN_CALL_VCPU_HALT,      POSTERN_CALL_VCPU_PARK,
	POSTERN_CALL_EVENT_WAIT,    POSTERN_CALL_VCPU_CALLBACKS, POSTERN_CALL_CONSOLE_WATCH,
};

static char scratch[8192] __attribute__((aligned(4096)));

static bool is_left_out(uint64_t number)
{
	for (unsigned i = 0; i < sizeof left_out / sizeof *left_out; i++) {
		if (left_out[i] == number)
			return true;
	}
	return false;
}

static uint64_t random_number(uint64_t *seed)
{
	uint64_t number;

	do {
		uint64_t bits = expect_random(seed);

		number = bits % 4 ? bits >> 8 & 0xf3f : bits >> (bits >> 2) % 64;
	} while (is_left_out(number));
	return number;
}

/* Small numbers, addresses of memory that is there to be spoilt, and addresses that no VM has. */
static uint64_t random_argument(uint64_t *seed)
{
	uint64_t bits = expect_random(seed);

	switch (bits % 5) {
	case 0:
		return 0;
	case 1:
		return bits >> 8 & 0xff;
	case 2:
		return postern_address(scratch) + (bits >> 8 & 0xff8);
	case 3:
		return bits | UINT64_C(1) << 62;
	default:
		return -(bits >> 8 & 0xfff);
	}
}

int main(void)
{
	const char *command = guest_command();
	unsigned long rounds = expect_number(&command, 20000);
	uint64_t seed = expect_number(&command, 1) | 1;
	unsigned long failed = 0;

	for (unsigned long i = 0; i < rounds; i++) {
		uint64_t before[REGISTERS];
		uint64_t after[REGISTERS];

		bool is_bare = expect_random(&seed) % 4 == 0;

		for (unsigned j = 0; j < REGISTERS; j++)
			before[j] = after[j] = is_bare ? 0 : random_argument(&seed);
		for (unsigned j = 0; j < sizeof scratch; j += 8)
			*(uint64_t *)(scratch + j) = random_argument(&seed);
		before[RAX] = after[RAX] = random_number(&seed);
		EXPECT(registers_call(after, postern_hypercall_page));
		for (unsigned j = 0; j < REGISTERS; j++) {
			if (j != RAX && j != RCX && j != R11)
				EXPECT(after[j] == before[j]);
		}
		failed += (int64_t)after[RAX] < 0;
		EXPECT((int64_t)after[RAX] > -4096);
	}
	guest_printf("hostile_calls: %lu calls, %lu of them refused\n", rounds, failed);
	return 0;
}
