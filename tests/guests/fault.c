/* SPDX-License-Identifier: ISC */
/*
 * fault.c - page faults come to the guest's handler, which puts right what was wrong, and the guest goes on.
 */
#include "expect.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_CALLBACKS));

enum { FAULT_WRITE = 2, FAULT_FETCH = 16 };

static uint64_t good = 4711;
static struct guest_registers last;
static unsigned faults;

/* Accesses below are through rax; a jump to nowhere was a call, and returns at once. */
static bool handle(struct guest_registers *registers)
{
	last = *registers;
	faults++;
	if (registers->rip == registers->address) {
		registers->rip = *(const uint64_t *)registers->rsp;
		registers->rsp += sizeof(uint64_t);
	} else {
		registers->rax = (uint64_t)&good;
	}
	return true;
}

static void read_at(uint64_t address)
{
	uint64_t value = 0;
	uint64_t other = 0x123456789abcdef;

	__asm__ volatile("movq (%%rax), %0" : "=r"(value), "+a"(address), "+r"(other) : : "memory");
	EXPECT(value == good && other == 0x123456789abcdef);
	EXPECT(!(last.error & (FAULT_WRITE | FAULT_FETCH)));
}

static void write_at(uint64_t address)
{
	uint64_t value = good + 1;

	__asm__ volatile("movq %1, (%%rax)" : "+a"(address) : "r"(value) : "memory");
	EXPECT(good == value && (last.error & FAULT_WRITE));
}

static void execute_at(uint64_t address)
{
	uint64_t before = address;

	__asm__ volatile("call *%%rax" : "+a"(address) : : "memory");
	EXPECT(address == before);
}

static void visit(uint64_t address)
{
	static void (*const accesses[])(uint64_t address) = { read_at, write_at, execute_at };

	for (unsigned i = 0; i < sizeof accesses / sizeof *accesses; i++) {
		unsigned before = faults;

		accesses[i](address);
		EXPECT(faults == before + 1 && last.address == address);
		EXPECT(last.cause == POSTERN_VCPU_CAUSE_PAGE_FAULT && last.vector == 14 && !last.events);
	}
}

int main(void)
{
	guest_on_page_fault(handle);
	visit(8);
	visit(0x7654321000);
	visit(guest_boot()->physmap + guest_boot()->memory + 0x123450);
	guest_printf("fault: %u faults handled\n", faults);
	return 0;
}
