/* SPDX-License-Identifier: ISC */
/*
 * program.c - programs of tests: C functions that make system calls, touch memory and handle signals through the
 * registers of their task, as a program does.
 */
#include "machine.h"

#include "mm/space.h"
#include "mm/table.h"
#include "task/task.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

enum { HANDLERS = 16, HANDLER_STEP = 16, STEP = 1000, SYSTEM_CALL = 2, PAGE_FAULT_VECTOR = 14 };

/* Addresses in the program, of code that is not there: behind a system call; handlers. */
#define RESUME UINT64_C(0x400002)
#define FAULTING UINT64_C(0x410000)
#define HANDLERS_AT UINT64_C(0x500000)
#define STACK_AT UINT64_C(0x700000000000)

static program_handler *handlers[HANDLERS];

static struct registers *own_registers(void)
{
	return current_task()->registers;
}

uint64_t *program_stack(void)
{
	return &own_registers()->rsp;
}

/* ---- in and out of the kernel ---- */

static void enter(uint64_t cause)
{
	struct registers *registers = own_registers();

	registers->cause = cause;
	registers->mode = POSTERN_VCPU_MODE_PROGRAM;
	kernel_entered(registers);
}

static void run_handler(void)
{
	struct registers *registers = own_registers();
	const uint64_t index = (registers->rip - HANDLERS_AT) / HANDLER_STEP;
	uint64_t restorer;

	if (registers->rip < HANDLERS_AT || index >= HANDLERS || !handlers[index])
		machine_fail("the program goes on at %#lx", (unsigned long)registers->rip);
	CHECK(registers->rsp % 16 == 8);
	handlers[index]((int)registers->rdi, registers->rsi, registers->rdx);
	program_read(registers->rsp, &restorer, sizeof restorer);
	CHECK(restorer == PROGRAM_RESTORER);
	registers->rsp += sizeof restorer;
	registers->rax = SYS_rt_sigreturn;
	registers->rip = restorer + SYSTEM_CALL;
	enter(POSTERN_VCPU_CAUSE_SYSTEM_CALL);
}

/* Goes on until the program is where it was; handlers run before. */
static void settle(uint64_t where)
{
	struct registers *registers = own_registers();

	while (registers->rip != where) {
		if (registers->rip != RESUME - SYSTEM_CALL) {
			run_handler();
			continue;
		}
		registers->rip = RESUME;
		enter(POSTERN_VCPU_CAUSE_SYSTEM_CALL);
	}
}

static void take_events(void)
{
	if (!machine_has_event())
		return;
	own_registers()->rip = FAULTING;
	enter(POSTERN_VCPU_CAUSE_EVENT);
	settle(FAULTING);
}

void compute(uint64_t nanoseconds)
{
	for (uint64_t done = 0; done < nanoseconds; done += STEP) {
		machine_time += least(STEP, nanoseconds - done);
		take_events();
		machine_let_others_run();
	}
	take_events();
}

int64_t call6(long number, const uint64_t argument[6])
{
	struct registers *registers;

	take_events();
	machine_let_others_run();
	registers = own_registers();
	registers->rax = (uint64_t)number;
	registers->rdi = argument[0];
	registers->rsi = argument[1];
	registers->rdx = argument[2];
	registers->r10 = argument[3];
	registers->r8 = argument[4];
	registers->r9 = argument[5];
	registers->rip = RESUME;
	enter(POSTERN_VCPU_CAUSE_SYSTEM_CALL);
	settle(RESUME);
	return (int64_t)registers->rax;
}

/* ---- memory ---- */

static char *reach(uint64_t address, bool writes)
{
	for (;;) {
		const uint64_t entry = machine_shows(address);
		struct registers *registers = own_registers();

		if ((entry & TABLE_PRESENT) && (!writes || (entry & TABLE_WRITE)))
			return (char *)(entry & TABLE_ADDRESS) + address % PAGE_SIZE;
		registers->rip = FAULTING;
		registers->vector = PAGE_FAULT_VECTOR;
		registers->error = (entry ? FAULT_PRESENT : 0) | (writes ? FAULT_WRITE : 0);
		registers->address = address;
		enter(POSTERN_VCPU_CAUSE_PAGE_FAULT);
		settle(FAULTING);
	}
}

void program_read(uint64_t address, void *to, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((char *)to)[i] = *reach(address + i, false);
}

void program_write(uint64_t address, const void *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		*reach(address + i, true) = ((const char *)from)[i];
}

uint32_t program_load(uint64_t address)
{
	return *(uint32_t *)reach(address, false);
}

void program_store(uint64_t address, uint32_t value)
{
	*(uint32_t *)reach(address, true) = value;
}

uint64_t program_map(uint64_t length)
{
	const long mallocs = machine_mallocs;
	int64_t at;

	kernel_lock();
	machine_mallocs = -1; /* what the machine itself needs it always gets */
	at = space_map(current_process()->space, 0, length, SPACE_READ | SPACE_WRITE, 0, NULL, 0);
	machine_mallocs = mallocs;
	kernel_unlock();
	CHECK(at > 0);
	return (uint64_t)at;
}

/* ---- threads ---- */

void program_set(struct registers *registers, program_thread *function, void *argument)
{
	registers->r12 = (uint64_t)function;
	registers->r13 = (uint64_t)argument;
}

void program_enter(struct registers *registers)
{
	program_thread *function = (program_thread *)registers->r12;
	void *argument = (void *)registers->r13;
	const uint64_t where = registers->rip;

	/* Whatever was pending comes first. */
	if (where >= HANDLERS_AT) {
		registers->r12 = registers->r13 = 0;
		settle(RESUME);
	}
	registers->rsp = program_map(16 * PAGE_SIZE) + 16 * PAGE_SIZE - 64;
	function(argument);
	(void)call(SYS_exit, 0);
	machine_fail("a thread goes on after its end");
}

int64_t program_clone(uint64_t flags, uint64_t parent_id, uint64_t child_id, uint64_t tls,
		      program_thread *function, void *argument)
{
	int64_t id;

	program_set(own_registers(), function, argument);
	id = call(SYS_clone, flags, 0, parent_id, child_id, tls);
	program_set(own_registers(), NULL, NULL);
	return id;
}

int program_start(program_thread *function, void *argument)
{
	const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	const int64_t id = program_clone(flags, 0, 0, 0, function, argument);

	CHECK(id > 0);
	return (int)id;
}

/* ---- signals ---- */

uint64_t program_function(program_handler *handler)
{
	unsigned i = 0;

	while (i < HANDLERS && handlers[i] && handlers[i] != handler)
		i++;
	CHECK(i < HANDLERS);
	handlers[i] = handler;
	return HANDLERS_AT + i * HANDLER_STEP;
}

void program_handle(int number, program_handler *handler, uint64_t flags, uint64_t mask)
{
	const struct signal_action action = { program_function(handler), flags | 0x04000000 /* SA_RESTORER */,
					      PROGRAM_RESTORER, mask };
	const uint64_t at = program_map(PAGE_SIZE);

	program_write(at, &action, sizeof action);
	CHECK_IS(call(SYS_rt_sigaction, (uint64_t)number, at, 0, sizeof(signal_set)), 0);
	kernel_lock();
	CHECK_IS(space_unmap(current_process()->space, at, PAGE_SIZE), 0);
	kernel_unlock();
}
