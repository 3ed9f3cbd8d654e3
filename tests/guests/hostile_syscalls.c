/* SPDX-License-Identifier: ISC */
/*
 * hostile_syscalls.c - system calls to the host's kernel, by every instruction and number there is: each
 * comes back to the guest's own handler, or is an exception, and none is served by anybody else.
 *
 * Linux itself lets two numbers pass every seccomp filter, 335 and 336 (uretprobe and uprobe), which are for
 * code that it has put into a process (seccomp_uprobe_exception() in kernel/seccomp.c). From elsewhere the
 * one is an exception and the other an error.
 */
#include "expect.h"
#include "registers.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(VCPU, VCPU_CALLBACKS));

enum { NUMBERS = 1024, ANSWER = 4711, UPROBE = 336 };

static volatile unsigned long system_calls;
static volatile unsigned long exceptions;

static bool answer(struct guest_registers *registers)
{
	system_calls++;
	registers->rax = ANSWER;
	return true;
}

/* Not the way of an ordinary system call: out of it by the emergency exit. */
static bool recover(struct guest_registers *registers)
{
	if (registers->cause == POSTERN_VCPU_CAUSE_SYSTEM_CALL)
		system_calls++;
	else
		exceptions++;
	registers_recover(registers);
	return true;
}

static bool is_let_pass(uint64_t number, int64_t result)
{
	return number == UPROBE && (result == -ENXIO || result == -ENOSYS);
}

/* Functions for registers_call(). */
extern const char by_syscall[], by_int80[], by_sysenter[];
__asm__(".text\n"
	"by_syscall: syscall; ret\n"
	"by_int80: int $0x80; ret\n"
	"by_sysenter: sysenter; ret\n");

static void call(const char *name, uint64_t target, uint64_t number)
{
	unsigned long before = system_calls + exceptions;
	uint64_t registers[REGISTERS] = { 0 };
	bool returned;

	/* The worst that a host could make of it: everything, of everybody. */
	registers[RAX] = number;
	registers[RDI] = registers[RSI] = registers[RDX] = registers[RBX] = (uint64_t)guest_boot();
	registers[RCX] = registers[R10] = registers[R8] = registers[R9] = UINT64_MAX;
	returned = registers_call(registers, target);
	if (returned && is_let_pass(number, (int64_t)registers[RAX]))
		return;
	if (system_calls + exceptions != before + 1 || (returned && registers[RAX] != ANSWER)) {
		guest_printf("hostile_syscalls: %s, number 0x%lx: answered 0x%lx by somebody else\n", name,
			     (unsigned long)number, (unsigned long)registers[RAX]);
		guest_exit(1);
	}
}

static void call_all(const char *name, const char *target, guest_entry_handler *handler)
{
	unsigned long before = system_calls;

	guest_on_system_call(handler);
	for (uint64_t number = 0; number < NUMBERS; number++)
		call(name, (uint64_t)target, number);
	for (uint64_t number = 0; number < NUMBERS; number++)
		call(name, (uint64_t)target, UINT64_C(0x40000000) | number);
	call(name, (uint64_t)target, UINT64_MAX);
	call(name, (uint64_t)target, UINT64_C(1) << 32);
	guest_printf("hostile_syscalls: %s: %lu came back as system calls\n", name, system_calls - before);
}

int main(void)
{
	const char *command = guest_command();

	guest_on_exception(recover);
	call_all("syscall", by_syscall, answer);
	call_all("int 0x80", by_int80, recover);
	guest_on_system_call(recover);
	for (uint64_t i = 0; i < 3; i++)
		call("vsyscall", UINT64_C(0xffffffffff600000) + 0x400 * i, 0);
	guest_print("hostile_syscalls: vsyscall: came back\n");
	/* On some processors this ends the process that the VM lives in, so it is for who asks for it. */
	if (expect_number(&command, 0))
		call_all("sysenter", by_sysenter, recover);
	guest_printf("hostile_syscalls: %lu exceptions\n", exceptions);
	return 0;
}
