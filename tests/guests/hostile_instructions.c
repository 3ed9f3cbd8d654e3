/* SPDX-License-Identifier: ISC */
/*
 * hostile_instructions.c - executes garbage: random bytes with random registers. Some of it is privileged, for the host
 * to emulate or refuse, some changes segments, modes and what only threads of a process have; most are exceptions.
 * Command line: how often, and the seed: three of four run as a program. With a second vCPU, that one ends a VM that is
 * stuck. The VM may end by any of it.
 */
#include "hostile.h"

enum { LONGEST = 15, CODE_SIZE = 4096, ENDING = 0x0b0f /* UD2 */, MAP = 1, ALL = 7 };

#define LOW UINT64_C(0x10000000) /* where programs are, whose instructions the host does not emulate */

static uint8_t code[CODE_SIZE] __attribute__((aligned(4096)));
static volatile unsigned long executed;
static unsigned long vectors[32];

static bool recover(struct guest_registers *registers)
{
	vectors[registers->vector % 32]++;
	registers_recover(registers);
	return true;
}

/* Prefixes and the second page of opcodes are where the odd ones are. */
static void write_instruction(uint8_t *at, uint64_t *seed)
{
	static const uint8_t beginnings[] = { 0x0f, 0x66, 0xf2, 0xf3, 0xf0, 0x64, 0x65, 0x67,
					      0x48, 0xc4, 0xc5, 0x62, 0xcd, 0xcf, 0xcb, 0xca,
					      0x8e, 0xe4, 0xec, 0xee, 0x6c, 0x6e, 0xfa, 0xfb };
	uint64_t bits = expect_random(seed);
	unsigned count = bits % 4;

	for (unsigned i = 0; i < LONGEST; i += 7) {
		uint64_t word = expect_random(seed);

		memcpy(at + i, &word, 8);
	}
	for (unsigned i = 0; i < count; i++)
		at[i] = beginnings[(bits >> (8 + 8 * i) & 0xff) % sizeof beginnings];

	if (bits >> 40 & 1)
		at[count] = 0x0f;
}

static void map_low(void)
{
	uint64_t registers[REGISTERS] = {
		[RAX] = MAP, [RDI] = LOW, [RSI] = CODE_SIZE, [RDX] = ALL, [R10] = postern_address(code)
	};

	EXPECT(registers_call(registers, guest_boot()->mapper) && registers[RAX] == 0);
}

int main(void)
{
	const char *command = guest_command();
	unsigned long count = expect_number(&command, 10000);
	unsigned long first = expect_number(&command, 1);
	const bool is_program = first % 4;
	const uint64_t at = is_program ? LOW : (uint64_t)code;
	uint64_t seed = first << 20 | 1;

	hostile_need_ring3();
	guest_on_exception(recover);
	guest_on_page_fault(recover);
	guest_on_system_call(recover);
	hostile_watch(&executed);
	if (is_program)
		map_low();
	for (executed = 0; executed < count; executed++) {
		uint64_t registers[REGISTERS];

		for (unsigned i = 0; i < sizeof code; i += 2)
			*(uint16_t *)(code + i) = ENDING;
		write_instruction(code + CODE_SIZE / 2, &seed);
		for (unsigned i = 0; i < REGISTERS; i++)
			registers[i] = expect_random(&seed) >> expect_random(&seed) % 64;
		registers_call(registers, at + CODE_SIZE / 2);
	}
	for (unsigned i = 0; i < 32; i++) {
		if (vectors[i])
			guest_printf("vector %u: %lu times\n", i, vectors[i]);
	}
	return 0;
}
