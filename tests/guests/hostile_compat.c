/* SPDX-License-Identifier: ISC */
/*
 * hostile_compat.c - as a 32-bit program: leaves 64-bit mode in memory that the mapper has put below 4 GiB, and makes
 * every system call there by int 0x80, sysenter and syscall. Each comes back to the guest, or is an exception.
 */
#include "hostile.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_CALLBACKS));

enum { MAP = 1, PAGE = 4096, ALL = 7, NUMBERS = 512, COMPATIBILITY = 0x23, DATA = 0x2b };

#define LOW UINT64_C(0x10000)

static unsigned long system_calls;
static unsigned long exceptions;

static bool recover(struct guest_registers *registers)
{
	if (registers->cause == POSTERN_VCPU_CAUSE_SYSTEM_CALL)
		system_calls++;
	else
		exceptions++;
	registers_recover(registers);
	return true;
}

/* rdi: where to go, r8: stack. The rest is for whoever serves the call. */
extern const char leave_long_mode[];
__asm__("leave_long_mode:\n"
	"	pushq $0x2b\n"
	"	pushq %r8\n"
	"	pushq $0x202\n"
	"	pushq $0x23\n"
	"	pushq %rdi\n"
	"	iretq\n");

static void call(unsigned long number, unsigned long instruction)
{
	uint64_t registers[REGISTERS] = {
		[RAX] = number,
		[RBX] = LOW,
		[RCX] = LOW,
		[RDX] = LOW,
		[RSI] = LOW,
		[RBP] = LOW + PAGE / 2,
		[RDI] = LOW + instruction,
		[R8] = LOW + PAGE - 64,
	};
	unsigned long before = system_calls + exceptions;

	EXPECT(!registers_call(registers, (uint64_t)leave_long_mode));
	EXPECT(system_calls + exceptions == before + 1);
}

int main(void)
{
	/* Each followed by UD2. */
	static const char code[3][4] = { { "\xcd\x80\x0f\x0b" },
					 { "\x0f\x34\x0f\x0b" },
					 { "\x0f\x05\x0f\x0b" } };
	static const char *const names[] = { "int 0x80", "sysenter", "syscall" };
	char *page = guest_pages_alloc(1);
	register uint64_t from __asm__("r10") = postern_address(page);
	int64_t result;

	hostile_need_ring3();
	memset(page, 0, PAGE);
	memcpy(page, code, sizeof code);
	__asm__ volatile("call *%[mapper]"
			 : "=a"(result)
			 : "a"(MAP), "D"(LOW), "S"(PAGE), "d"(ALL),
			   "r"(from), [mapper] "r"(guest_boot()->mapper)
			 : "rcx", "r11", "cc", "memory");
	EXPECT_RESULT(result, 0);
	guest_on_exception(recover);
	guest_on_page_fault(recover);
	guest_on_system_call(recover);
	for (unsigned i = 0; i < sizeof code / sizeof *code; i++) {
		system_calls = exceptions = 0;
		for (unsigned long number = 0; number < NUMBERS; number++)
			call(number, i * sizeof *code);
		guest_printf("%s: %lu came back as system calls, %lu as exceptions\n", names[i], system_calls,
			     exceptions);
		EXPECT(system_calls + exceptions == NUMBERS);
	}
	EXPECT_RESULT(postern_abi_nop(), 0);
	return 0;
}
