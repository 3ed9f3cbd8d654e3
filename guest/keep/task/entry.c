/* SPDX-License-Identifier: ISC */
/* entry.c - from the program into the kernel: system calls, events, page faults, exceptions; and back. */
#include "arch/arch.h"
#include "mm/space.h"
#include "syscall/syscall.h"
#include "task/fault.h"
#include "task/task.h"

static void on_event(struct registers *registers)
{
	(void)registers;
	schedule_events();
}

static void on_system_call(struct registers *registers)
{
	arch_system_call(registers);
	system_call_run(registers);
}

static void (*const causes[])(struct registers *registers) = {
	[POSTERN_VCPU_CAUSE_EVENT] = on_event,
	[POSTERN_VCPU_CAUSE_SYSTEM_CALL] = on_system_call,
	[POSTERN_VCPU_CAUSE_PAGE_FAULT] = fault_page,
	[POSTERN_VCPU_CAUSE_EXCEPTION] = fault_exception,
};

void entry_leave(struct registers *registers)
{
	schedule_if_due();
	signal_deliver(registers);
	kernel_unlock();
}

void kernel_entered(struct registers *registers)
{
	if (registers->mode != POSTERN_VCPU_MODE_PROGRAM)
		guest_panic("exception %u, error 0x%x, address 0x%lx in the kernel at 0x%lx",
			    (unsigned)registers->vector, (unsigned)registers->error,
			    (unsigned long)registers->address, (unsigned long)registers->rip);
	KEEP_ASSERT(registers->cause < COUNT_OF(causes) && causes[registers->cause]);
	kernel_lock();
	current_task()->system_call = NO_SYSTEM_CALL;
	causes[registers->cause](registers);
	entry_leave(registers);
}
