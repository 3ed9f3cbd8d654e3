/* SPDX-License-Identifier: ISC */
/*
 * registers.h - calls any address with all general registers given, and takes them back, for hostile guests.
 * In a handler, registers_recover() gets out of whatever that led to.
 */
#ifndef TEST_GUESTS_REGISTERS_H
#define TEST_GUESTS_REGISTERS_H

#include <postern/guest.h>

/* In the processor's order, without rsp. */
enum { RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };

/*
 * Returns whether the call returned; otherwise a handler recovered, and the registers are as they were given.
 */
bool registers_call(uint64_t registers[REGISTERS], uint64_t target);

/* Where registers_call() ends when a handler says so, and its stack there. */
extern const char registers_recovered[];
extern uint64_t registers_stack;

static inline void registers_recover(struct guest_registers *registers)
{
	uint16_t code;
	uint16_t data;

	/* An instruction may have left 64-bit mode. */
	__asm__("movw %%cs, %0" : "=r"(code));
	__asm__("movw %%ss, %0" : "=r"(data));
	registers->rip = (uint64_t)registers_recovered;
	registers->rsp = registers_stack;
	registers->cs = code;
	registers->ss = data;
	registers->rflags = 0x202;
}

#endif
