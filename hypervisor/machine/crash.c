/* SPDX-License-Identifier: ISC */
/*
 * crash.c - puts a crash report together. The backtrace follows frame pointers: rbp points to the caller's
 * rbp, and behind that is where the call returns to. Only stacks in RAM are followed, and only upwards.
 */
#include "machine/crash.h"

#include "machine/boot.h"

#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_INSTRUCTION = 15 };

/* ---- guest memory by guest-virtual address ---- */

/* Copies memory that the guest sees in the physmap. Of others it is not known where they are. */
static bool read_guest(const struct crash_scene *scene, uint64_t address, void *to, size_t size)
{
	return address >= ENGINE_PHYSMAP &&
	       memory_copy_in(scene->memory, to, (gpa_t){ address - ENGINE_PHYSMAP }, size);
}

/* ---- backtrace ---- */

/*
 * The function of an address. A call returns behind itself, and that may be the next function if the call was
 * the last thing in its own: so for callers, it is the byte before that is looked up.
 */
static void add_frame(struct crash *crash, const struct crash_scene *scene, uint64_t address, bool is_caller)
{
	struct crash_frame *frame = &crash->frames[crash->frame_count++];
	uint64_t linked = boot_linked(scene->image, address) - is_caller;

	*frame = (struct crash_frame){ .address = address };
	if (address - ENGINE_HYPERCALL_PAGE < MEMORY_PAGE_SIZE) {
		frame->name = "(hypercall page)";
		frame->offset = address - ENGINE_HYPERCALL_PAGE;
	} else if (linked - scene->image->base < scene->image->memory_size) {
		frame->name = symbols_find(&scene->image->symbols, linked, &frame->offset);
		frame->offset += is_caller;
	}
}

static void trace_back(struct crash *crash, const struct crash_scene *scene)
{
	uint64_t pointer = crash->state.rbp;

	add_frame(crash, scene, crash->state.rip, false);
	while (crash->frame_count < CRASH_MAX_FRAMES) {
		uint64_t words[2]; /* the caller's frame pointer; where the call returns to */

		if (pointer % sizeof *words || !read_guest(scene, pointer, words, sizeof words) || !words[1])
			return;
		add_frame(crash, scene, words[1], true);
		if (words[0] <= pointer)
			return;
		pointer = words[0];
	}
}

/* ---- the instruction ---- */

static size_t fetch(const struct crash_scene *scene, uint64_t address, uint8_t bytes[LONGEST_INSTRUCTION])
{
	size_t size = LONGEST_INSTRUCTION;

	while (size && !read_guest(scene, address, bytes, size))
		size--;
	return size;
}

static void disassemble(struct crash *crash, const struct crash_scene *scene)
{
	uint8_t bytes[LONGEST_INSTRUCTION];
	size_t size = fetch(scene, crash->state.rip, bytes);
	ZydisDisassembledInstruction instruction;

	if (size && ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, crash->state.rip, bytes,
						       size, &instruction)))
		snprintf(crash->instruction, sizeof crash->instruction, "%s", instruction.text);
}

/* ---- causes ---- */

/* Names of exceptions, as Intel's and AMD's manuals have them. */
static const char *const exceptions[] = {
	[0] = "divide error",
	[1] = "debug exception",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[6] = "invalid opcode",
	[7] = "device not available",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack fault",
	[13] = "general protection fault",
	[14] = "page fault",
	[16] = "x87 floating-point error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD floating-point error",
	[21] = "control protection fault",
};

enum { EXCEPTIONS = sizeof exceptions / sizeof *exceptions, PAGE_FAULT = 14 };

/* Bits of a page fault's error code. */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_FETCH = 16 };

static const char *access_name(uint64_t error)
{
	if (error & FAULT_FETCH)
		return "executing";
	return error & FAULT_WRITE ? "writing" : "reading";
}

static void say_exception(struct crash *crash, uint32_t vector, uint64_t error, uint64_t address)
{
	const char *name = vector < EXCEPTIONS ? exceptions[vector] : NULL;

	if (vector == PAGE_FAULT)
		snprintf(crash->cause, sizeof crash->cause, "page fault %s 0x%" PRIx64 ", which is %s",
			 access_name(error), address, error & FAULT_PRESENT ? "not allowed" : "not mapped");
	else if (name)
		snprintf(crash->cause, sizeof crash->cause, "%s (error code 0x%" PRIx64 ")", name, error);
	else
		snprintf(crash->cause, sizeof crash->cause,
			 "exception %" PRIu32 " (error code 0x%" PRIx64 ")", vector, error);
}

static void say_port(struct crash *crash, const struct engine_exit *exit)
{
	snprintf(crash->cause, sizeof crash->cause, "%u bytes %s port 0x%x, where there is no device",
		 exit->port.bytes, exit->port.write ? "written to" : "read from", exit->port.port);
}

static void say_mmio(struct crash *crash, const struct engine_exit *exit)
{
	snprintf(crash->cause, sizeof crash->cause,
		 "%u bytes %s address 0x%" PRIx64 ", where there is no device", exit->mmio.bytes,
		 exit->mmio.write ? "written to" : "read from", exit->mmio.address);
}

static void say_msr(struct crash *crash, const struct engine_exit *exit)
{
	snprintf(crash->cause, sizeof crash->cause,
		 "model-specific register 0x%" PRIx32 " %s, which this VM lacks", exit->msr.number,
		 exit->msr.write ? "written" : "read");
}

static void say_exit_exception(struct crash *crash, const struct engine_exit *exit)
{
	say_exception(crash, exit->exception.vector, exit->exception.error, exit->exception.address);
}

static void say_halt(struct crash *crash, const struct engine_exit *exit)
{
	(void)exit;
	snprintf(crash->cause, sizeof crash->cause, "hlt executed; a guest idles with vcpu.halt");
}

static void say_instruction(struct crash *crash, const struct engine_exit *exit)
{
	(void)exit;
	snprintf(crash->cause, sizeof crash->cause, "an instruction that is not emulated");
}

static void say_shutdown(struct crash *crash, const struct engine_exit *exit)
{
	(void)exit;
	snprintf(crash->cause, sizeof crash->cause, "double fault, or its process ended");
}

static void (*const say[ENGINE_EXITS])(struct crash *crash, const struct engine_exit *exit) = {
	[ENGINE_EXIT_PORT] = say_port,
	[ENGINE_EXIT_MMIO] = say_mmio,
	[ENGINE_EXIT_HALT] = say_halt,
	[ENGINE_EXIT_CPUID] = say_instruction,
	[ENGINE_EXIT_MSR] = say_msr,
	[ENGINE_EXIT_TSC] = say_instruction,
	[ENGINE_EXIT_EXCEPTION] = say_exit_exception,
	[ENGINE_EXIT_SHUTDOWN] = say_shutdown,
};

void crash_from_exit(struct crash *crash, const struct crash_scene *scene, unsigned vcpu,
		     const struct engine_exit *exit, const struct engine_state *state)
{
	*crash = (struct crash){ .vcpu = vcpu };
	if (exit->kind < ENGINE_EXITS && say[exit->kind])
		say[exit->kind](crash, exit);
	else
		snprintf(crash->cause, sizeof crash->cause, "exit %u, which nothing serves",
			 (unsigned)exit->kind);
	if (!state)
		return;
	crash->has_state = true;
	crash->state = *state;
	disassemble(crash, scene);
	trace_back(crash, scene);
}

static const char *guest_cause(uint32_t cause)
{
	static const char *const causes[] = {
		[POSTERN_VM_CRASH_CAUSE_UNKNOWN] = "it gave up",
		[POSTERN_VM_CRASH_CAUSE_PANIC] = "panic",
		[POSTERN_VM_CRASH_CAUSE_EXCEPTION] = "exception",
		[POSTERN_VM_CRASH_CAUSE_MEMORY] = "out of memory",
		[POSTERN_VM_CRASH_CAUSE_HOST] = "the host broke the contract",
	};

	return cause < sizeof causes / sizeof *causes ? causes[cause]
						      : causes[POSTERN_VM_CRASH_CAUSE_UNKNOWN];
}

void crash_from_guest(struct crash *crash, const struct crash_scene *scene, unsigned vcpu,
		      const struct postern_vm_crash *report, const char *message)
{
	*crash = (struct crash){ .vcpu = vcpu, .is_reported = true };
	if (report->cause == POSTERN_VM_CRASH_CAUSE_EXCEPTION)
		say_exception(crash, report->vector, report->error, report->address);
	else
		snprintf(crash->cause, sizeof crash->cause, "%s", guest_cause(report->cause));
	snprintf(crash->message, sizeof crash->message, "%s", message);
	crash->state.rip = report->instruction;
	crash->state.rsp = report->stack;
	crash->state.rbp = report->frame;
	if (!report->instruction)
		return;
	disassemble(crash, scene);
	trace_back(crash, scene);
}
