/* SPDX-License-Identifier: ISC */
/*
 * innocent.c - a VM beside those of others: round after round it fills memory, waits for a while, and says what it finds
 * there. The rounds are the same each time; whoever reads them sees whether anybody has disturbed it.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(CLOCK, CLOCK_READ),
		   POSTERN_NEED(VCPU, VCPU_HALT));

enum { WORDS = 8192 };

static const uint64_t pause = 10000000; /* ns */
static uint64_t words[WORDS];

static uint64_t now(void)
{
	struct postern_clock_info info = POSTERN_INIT(clock_info);

	EXPECT_RESULT(postern_clock_read(POSTERN_CLOCK_ID_MONOTONIC, &info), 0);
	return info.nanoseconds;
}

int main(void)
{
	for (uint64_t round = 1;; round++) {
		uint64_t seed = round;
		uint64_t sum = 0;
		uint64_t time = now();

		for (unsigned i = 0; i < WORDS; i++)
			words[i] = expect_random(&seed);
		EXPECT_RESULT(guest_idle(time + pause), 0);
		EXPECT(now() >= time + pause);
		for (unsigned i = 0; i < WORDS; i++)
			sum += words[i];
		guest_printf("round %lu: %016lx\n", (unsigned long)round, (unsigned long)sum);
	}
}
