/* SPDX-License-Identifier: ISC */
/*
 * hostile_mailbox.c - writes garbage where the engine ring3 keeps its own things in the guest's reach, and calls; with a
 * second vCPU, that one writes all the time, while the monitor reads. Command line: how many bytes of each area, how
 * often, and the seed. The VM may end by it at any time; what counts is that the host and other VMs do not notice.
 */
#include "hostile.h"

enum { MAILBOX = 64 };

static unsigned long size;
static uint64_t seed;

/* Garbage that is half sensible gets further. */
static uint64_t random_word(uint64_t *from)
{
	uint64_t bits = expect_random(from);

	return bits % 2 ? bits >> 1 & 0xf0000000f : bits;
}

static void spoil(uint64_t *from)
{
	for (uint64_t vcpu = 0; vcpu < guest_boot()->vcpus; vcpu++) {
		for (uint64_t at = 0; at + 8 <= size && at < HOSTILE_AREA_SIZE; at += 8)
			*(volatile uint64_t *)(HOSTILE_AREAS + vcpu * HOSTILE_AREA_SIZE + at) =
				random_word(from);
	}
}

static void spoil_on(void *unused)
{
	uint64_t own = seed ^ 0x5555;

	(void)unused;
	for (;;)
		spoil(&own);
}

int main(void)
{
	const char *command = guest_command();
	unsigned long answered = 0;
	unsigned long rounds;

	size = expect_number(&command, MAILBOX);
	rounds = expect_number(&command, 1000);
	seed = expect_number(&command, 1) | 1;
	hostile_need_ring3();
	guest_printf("%lu bytes, %lu times\n", size, rounds);
	if (guest_boot()->vcpus > 1)
		guest_vcpu_start(1, spoil_on, NULL);
	for (unsigned long i = 0; i < rounds; i++) {
		spoil(&seed);
		answered += postern_abi_nop() == 0;
	}
	guest_printf("%lu calls were answered\n", answered);
	return 0;
}
