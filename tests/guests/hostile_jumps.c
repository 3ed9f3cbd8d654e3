/* SPDX-License-Identifier: ISC */
/*
 * hostile_jumps.c - jumps to every byte of the engine's code next to the hypercall page, with registers of
 * its own. Command line: the first offset, how many, and the seed. The VM may end by any of them, or wait for
 * ever, and so a test gives it a watchdog; what counts is that the host and other VMs do not notice.
 */
#include "expect.h"
#include "registers.h"

enum { CODE_SIZE = 0x4000 };

static unsigned long recovered;

static bool handle(struct guest_registers *registers)
{
	recovered++;
	registers_recover(registers);
	return true;
}

/*
 * What an engine's code may take for something of its own: addresses near it, system calls, file descriptors.
 */
static uint64_t random_register(uint64_t *seed)
{
	uint64_t bits = expect_random(seed);

	switch (bits % 6) {
	case 0:
		return bits >> 8 & 0x1ff;
	case 1:
		return guest_boot()->physmap - (UINT64_C(1) << 28) + (bits >> 8 & 0x1fff8);
	case 2:
		return postern_hypercall_page + (bits >> 8 & 0x3fff);
	case 3:
		return (uint64_t)guest_vcpu_page() + (bits >> 8 & 0xff8);
	case 4:
		return (uint64_t)guest_boot() - (bits >> 8 & 0xfff8);
	default:
		return bits;
	}
}

int main(void)
{
	const char *command = guest_command();
	unsigned long first = expect_number(&command, 0);
	unsigned long count = expect_number(&command, CODE_SIZE);
	uint64_t seed = expect_number(&command, 1) | 1;
	unsigned long returned = 0;

	guest_on_exception(handle);
	for (unsigned long offset = first; offset < first + count; offset++) {
		uint64_t registers[REGISTERS];

		if (offset % 256 == 0)
			guest_printf("hostile_jumps: offset 0x%lx\n", offset);
		for (unsigned i = 0; i < REGISTERS; i++)
			registers[i] = random_register(&seed);
		returned += registers_call(registers, postern_hypercall_page + offset);
	}
	guest_printf("hostile_jumps: %lu returned, %lu were exceptions\n", returned, recovered);
	return 0;
}
