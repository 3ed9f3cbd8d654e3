/* SPDX-License-Identifier: ISC */
/*
 * hostile_deaf.c - a vCPU that the monitor cannot have: it blocks all signals. Command line: 0: it then loops, and
 * the VM goes on until somebody ends it; 1: another vCPU stops it, while it fights for the word on which its monitor
 * sleeps and wakes it all the time, so that the monitor's patience must be its own. Needs two vCPUs.
 */
#include "hostile.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_START, VCPU_STOP));

enum {
	FUTEX = 202,
	WAKE = 1,
	HOST_WAITS = 4,
	FRAME_RSP = 20,
	FRAME_RIP = 21,
	FRAME_FLAGS = 22,
	FRAME_SEGMENTS = 23
};
enum { FRAME_BLOCKED = 37, FRAME_WORDS = 64 };

static uint64_t frame[FRAME_WORDS] __attribute__((aligned(64)));
static char stack[0x4000] __attribute__((aligned(64)));
static volatile bool is_deaf;
static bool fights;

static void loop(void)
{
	volatile uint32_t *turn = (volatile uint32_t *)(HOSTILE_AREAS + HOSTILE_AREA_SIZE);
	const uint64_t place = hostile_find_syscall(0);

	is_deaf = true;
	while (fights) {
		*turn = HOST_WAITS;
		hostile_call(place, FUTEX, (uint64_t)turn, WAKE, INT32_MAX, 0);
		*turn = 0;
	}
	for (;;)
		__builtin_ia32_pause();
}

static void become_deaf(void *unused)
{
	(void)unused;
	frame[2] = HOSTILE_AREAS + HOSTILE_AREA_SIZE + 0x8000;
	frame[4] = HOSTILE_AREA_SIZE - 0x8000;
	frame[FRAME_RSP] = (uint64_t)(stack + sizeof stack - 8);
	frame[FRAME_RIP] = (uint64_t)loop;
	frame[FRAME_FLAGS] = 0x202;
	frame[FRAME_SEGMENTS] = UINT64_C(0x002b000000000033);
	frame[FRAME_BLOCKED] = UINT64_MAX;
	__asm__ volatile("movq %0, %%rsp\n\tjmp *%1" : : "r"(frame), "r"(hostile_find_sigreturn()));
	__builtin_unreachable();
}

int main(void)
{
	const char *command = guest_command();

	hostile_need_ring3();
	fights = expect_number(&command, 0);
	if (guest_boot()->vcpus < 2)
		become_deaf(NULL);
	EXPECT_RESULT(guest_vcpu_start(1, become_deaf, NULL), 0);
	while (!is_deaf)
		__builtin_ia32_pause();
	guest_print(fights ? "must end: it fights\n" : "deaf\n");
	if (fights)
		guest_vcpu_stop(1);
	while (!fights)
		__builtin_ia32_pause();
	return 0;
}
