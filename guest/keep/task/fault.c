/* SPDX-License-Identifier: ISC */
/* fault.c - what page faults and exceptions of a program come to. */
#include "task/fault.h"

#include "arch/arch.h"
#include "mm/space.h"
#include "task/task.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

/* Vectors of the processor. */
enum {
	DIVIDE_ERROR,
	DEBUG,
	BREAKPOINT = 3,
	OVERFLOW,
	BOUND,
	INVALID_OPCODE,
	NO_DEVICE,
	INVALID_TSS = 10,
	NO_SEGMENT,
	STACK_FAULT,
	GENERAL_PROTECTION,
	PAGE_FAULT,
	X87_ERROR = 16,
	ALIGNMENT,
	SIMD_ERROR = 19
};

enum { X87_CONTROL_AT = 0, X87_STATUS_AT = 2, MXCSR_AT = 24, MXCSR_MASKS_SHIFT = 7, ALL_FLOATING = 0x3f };

static void remember(const struct registers *registers)
{
	struct task *task = current_task();

	task->trap.vector = registers->vector;
	task->trap.error = registers->error;
	task->trap.address = registers->address;
}

/* ---- page faults ---- */

static unsigned access_of(uint64_t error)
{
	if (error & FAULT_EXECUTE)
		return SPACE_EXECUTE;
	return error & FAULT_WRITE ? SPACE_WRITE : SPACE_READ;
}

/* Nothing else could be done: there is no memory that would come free by waiting. */
void fault_out_of_memory(void)
{
	const struct process *process = current_process();
	char text[160];
	int length = guest_snprintf(text, sizeof text,
				    "postern: %s: killed: the guest is out of memory (%lu MiB): "
				    "give it more with --memory\n",
				    current_task()->name,
				    (unsigned long)(pages_total() >> (20 - PAGE_SHIFT)));

	if (!process->ending)
		(void)guest_write(POSTERN_CONSOLE_STREAM_ERROR, text,
				  least((uint64_t)length, sizeof text - 1));
	process_end(current_process(), SIGKILL);
}

static const struct {
	int error, number, code;
} page_errors[] = {
	{ -EFAULT, SIGSEGV, SEGV_MAPERR },
	{ -EACCES, SIGSEGV, SEGV_ACCERR },
	{ -EIO, SIGBUS, BUS_ADRERR },
};

void fault_page(struct registers *registers)
{
	/* What was in them is lost with the next entry, and making the page accessible may sleep. */
	const uint64_t address = registers->address;
	const uint64_t error = registers->error;
	int result = space_fault(current_process()->space, address, access_of(error));

	if (!result)
		return;
	remember(registers);
	if (result == -ENOMEM) {
		fault_out_of_memory();
		return;
	}
	for (size_t i = 0; i < COUNT_OF(page_errors); i++) {
		if (page_errors[i].error == result) {
			signal_fault(page_errors[i].number, page_errors[i].code, address);
			return;
		}
	}
	signal_fault(SIGBUS, BUS_ADRERR, address);
}

/* ---- exceptions ---- */

/* The first of these that happened tells the code. Underflow includes operands that were denormal. */
static int floating_code(unsigned flags)
{
	static const struct {
		unsigned flag;
		int code;
	} codes[] = {
		{ 0x01, FPE_FLTINV }, { 0x04, FPE_FLTDIV }, { 0x08, FPE_FLTOVF },
		{ 0x12, FPE_FLTUND }, { 0x20, FPE_FLTRES },
	};

	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		if (flags & codes[i].flag)
			return codes[i].code;
	}
	return SIGNAL_KERNEL;
}

static int x87_code(void)
{
	char *state = current_task()->extended_scratch;
	uint16_t control, status;

	arch_extended_save(state);
	memcpy(&control, state + X87_CONTROL_AT, sizeof control);
	memcpy(&status, state + X87_STATUS_AT, sizeof status);
	return floating_code((unsigned)(status & ~control) & ALL_FLOATING);
}

static int simd_code(void)
{
	char *state = current_task()->extended_scratch;
	uint32_t mxcsr;

	arch_extended_save(state);
	memcpy(&mxcsr, state + MXCSR_AT, sizeof mxcsr);
	return floating_code(mxcsr & ~(mxcsr >> MXCSR_MASKS_SHIFT) & ALL_FLOATING);
}

static const struct {
	int number, code;
	int (*find_code)(void);
	bool tells_instruction; /* si_addr is where it happened */
} exceptions[] = {
	/* clang-format off */
	[DIVIDE_ERROR] = { SIGFPE, FPE_INTDIV, NULL, true },
	[DEBUG] = { SIGTRAP, TRAP_TRACE, NULL, true },
	[BREAKPOINT] = { SIGTRAP, SIGNAL_KERNEL, NULL, false },
	[OVERFLOW] = { SIGSEGV, SIGNAL_KERNEL, NULL, false },
	[BOUND] = { SIGSEGV, SIGNAL_KERNEL, NULL, false },
	[INVALID_OPCODE] = { SIGILL, ILL_ILLOPN, NULL, true },
	[NO_DEVICE] = { SIGSEGV, SIGNAL_KERNEL, NULL, false },
	[INVALID_TSS] = { SIGSEGV, SIGNAL_KERNEL, NULL, false },
	[NO_SEGMENT] = { SIGBUS, SIGNAL_KERNEL, NULL, false },
	[STACK_FAULT] = { SIGBUS, SIGNAL_KERNEL, NULL, false },
	[GENERAL_PROTECTION] = { SIGSEGV, SIGNAL_KERNEL, NULL, false },
	[X87_ERROR] = { SIGFPE, 0, x87_code, true },
	[ALIGNMENT] = { SIGBUS, BUS_ADRALN, NULL, false },
	[SIMD_ERROR] = { SIGFPE, 0, simd_code, true },
	/* clang-format on */
};

void fault_exception(struct registers *registers)
{
	const uint64_t vector = registers->vector;
	int code;

	if (vector == PAGE_FAULT) {
		fault_page(registers);
		return;
	}
	if (vector == GENERAL_PROTECTION && arch_emulate(registers))
		return;
	remember(registers);
	if (vector >= COUNT_OF(exceptions) || !exceptions[vector].number) {
		signal_fault(SIGSEGV, SIGNAL_KERNEL, 0);
		return;
	}
	code = exceptions[vector].find_code ? exceptions[vector].find_code() : exceptions[vector].code;
	signal_fault(exceptions[vector].number, code,
		     exceptions[vector].tells_instruction ? registers->rip : 0);
}
