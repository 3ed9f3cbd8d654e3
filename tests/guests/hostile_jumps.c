/* SPDX-License-Identifier: ISC */
/*
 * hostile_jumps.c - jumps to every byte of the engine's code next to the hypercall page, with registers of
 * its own. Command line: the first offset, how many, and the seed. The VM may end by any of them; the last line
 * says where it was, so that another can go on behind. With a second vCPU, that one ends a VM that is stuck. What
 * counts is that the host and other VMs do not notice.
 */
#include "hostile.h"

enum { FILL = 0xcc, WINDOW = 16 };

static unsigned long recovered;
static volatile unsigned long jumps;

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
	static const uint16_t calls[] = { 9,  10, 11,  13,  15,  25,  28,  56, 57,
					  59, 62, 101, 157, 202, 231, 257, 435 };
	uint64_t bits = expect_random(seed);

	switch (bits % 8) {
	case 0:
		return bits >> 8 & 0x1ff;
	case 1:
		return HOSTILE_AREAS + (bits >> 8 & 0x1fff8);
	case 2:
		return postern_hypercall_page + (bits >> 8 & 0x3fff);
	case 3:
		return (uint64_t)guest_vcpu_page() + (bits >> 8 & 0xff8);
	case 4:
		return (uint64_t)guest_boot() - (bits >> 8 & 0xfff8);
	case 5:
		return calls[(bits >> 8) % (sizeof calls / sizeof *calls)];
	case 6:
		return (bits >> 8 & 0xffff) << 12;
	default:
		return bits;
	}
}

/* Whether there is nothing but what fills the page, here and for a while; then one line tells of several. */
static bool is_dull(unsigned long offset)
{
	const uint8_t *code = (const uint8_t *)postern_hypercall_page;

	for (unsigned i = 0; i < WINDOW && offset + i < HOSTILE_CODE_SIZE; i++) {
		if (code[offset + i] != FILL)
			return false;
	}
	return offset % WINDOW;
}

int main(void)
{
	const char *command = guest_command();
	unsigned long first = expect_number(&command, 0);
	unsigned long count = expect_number(&command, HOSTILE_CODE_SIZE);
	uint64_t seed = expect_number(&command, 1) | 1;
	unsigned long returned = 0;

	hostile_need_ring3();
	guest_on_exception(handle);
	hostile_watch(&jumps);
	for (unsigned long offset = first; offset < first + count && offset < HOSTILE_CODE_SIZE; offset++) {
		uint64_t registers[REGISTERS];

		if (!is_dull(offset))
			guest_printf("offset %lu\n", offset);
		for (unsigned i = 0; i < REGISTERS; i++)
			registers[i] = random_register(&seed);
		returned += registers_call(registers, postern_hypercall_page + offset);
		jumps++;
	}
	guest_printf("done: %lu returned, %lu were exceptions\n", returned, recovered);
	return 0;
}
