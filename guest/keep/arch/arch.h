/* SPDX-License-Identifier: ISC */
/*
 * arch.h - what touches the processor: how a program is entered and left, how kernel stacks are switched, and how a
 * change of page tables reaches it. A folder beside this file has what is special where keep runs in ring 3 of a
 * process of the host (ring3), and where it has rings, descriptors and page tables of its own (hvm); arch_choose()
 * decides at start. All of keep above is the same.
 */
#ifndef KEEP_ARCH_ARCH_H
#define KEEP_ARCH_ARCH_H

#include "keep.h"

/* Finds out where keep runs. First of all; returns false if programs cannot be run there. */
bool arch_choose(void);

/* ---- programs' registers ---- */

/*
 * What a program had in its registers when it was left; the program goes on with what is here. It lies at the top of
 * the task's kernel stack. The extended state (x87, SSE, AVX ...) stays in the processor meanwhile.
 */
struct registers {
	uint64_t cause;   /* enum postern_vcpu_cause: why it was left */
	uint64_t mode;    /* enum postern_vcpu_mode */
	uint64_t vector;  /* of the exception */
	uint64_t error;   /* the processor's error code */
	uint64_t address; /* whose access faulted */
	uint64_t gs_base;
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* The error code of a page fault, as the processor has it. */
#define FAULT_PRESENT 1 /* the page is there: it is the kind of access that is not allowed */
#define FAULT_WRITE 2
#define FAULT_EXECUTE 16

/* Bits of rflags that a program may have whatever it says: carry, parity, adjust, zero, sign, direction, overflow, ... */
#define RFLAGS_OF_PROGRAM UINT64_C(0x240dd5)

/* What a program's registers are at its start: zero, with the segments and flags that it needs. */
void arch_registers_reset(struct registers *registers);

/*
 * A general protection fault of the program: whether it was an instruction that the program may execute and that only
 * traps in this VM. Then it is done.
 */
bool arch_emulate(struct registers *registers);

/* ---- tasks ---- */

/* Where a task that does not run goes on, in the kernel. */
struct context {
	uint64_t rsp;
	uint64_t fs_base; /* the program's */
	void *extended;   /* the program's extended state, arch_extended_size() bytes, aligned to 64 */
};

/* The FS base in the processor, which is the current task's. */
uint64_t arch_fs_base(void);
void arch_set_fs_base(uint64_t base);

/* Finds out what the processor has. Once, before the functions below. */
void arch_extended_start(void);

/* Bytes that saving the extended state takes, as XSAVE writes it, and its components (0: FXSAVE). */
size_t arch_extended_size(void);
uint64_t arch_extended_features(void);

/* Saves what is in the processor, which is the current task's, to `to`; loads it from there. Aligned to 64. */
void arch_extended_save(void *to);
void arch_extended_load(const void *from);
/* Writes an initial state to `to`. */
void arch_extended_reset(void *to);

/*
 * Makes a context that begins with start(argument), on a kernel stack that ends at stack_end, 16-byte aligned.
 * start() must not return.
 */
void arch_context_make(struct context *context, void *stack_end, void (*start)(void *argument),
		       void *argument);

/*
 * Switches from the calling context to another; returns when somebody switches back. With extended state and FS
 * base, if `extended` of the one or the other is not NULL. entry_stack is the end of the stack on which the vCPU is
 * to enter the kernel from then on.
 */
void arch_context_switch(struct context *from, const struct context *to, void *entry_stack);

/* Enters the program with these registers, from a task's first steps or after exec; leaves nothing on the stack. */
_Noreturn void arch_enter_program(struct registers *registers);

/* ---- entries ---- */

/* Tells the host of this vCPU's entries. On each vCPU, once, before it runs a program. */
void arch_start_vcpu(void);

/*
 * Called with a program's registers when it was left, on the task's kernel stack, with events disabled and without the
 * kernel's lock; the program goes on when it returns. In task/entry.c.
 */
void kernel_entered(struct registers *registers);

/*
 * The current task is about to make the system call that its registers ask for; with the kernel's lock. The engine may
 * use that to make the next one cheaper. May sleep.
 */
void arch_system_call(struct registers *registers);

/* Whether the engine has put something into a range of the current program's addresses, which is to stay as it is. */
bool arch_keeps(uint64_t address, uint64_t length);

/* ---- page tables ---- */

/*
 * Page tables have the format of the processor (x86-64, four levels, 4 KiB pages) on every engine, and mm/table.c keeps
 * them. Here is what makes the processor follow them. On hardware that is the tables themselves, and forgetting what
 * it knows of them. On ring3, a host's process maps RAM as they say.
 */

/*
 * The tables have changed for `pages` pages from a program's address on. `added`: no page went, was replaced, or allows
 * less than before. Errors: -ENOMEM when the host has no more room for mappings.
 */
int arch_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added);

/* Puts the kernel into new, empty page tables; takes it out again, and sees to it that this vCPU does not use them. */
void arch_tables_begin(uint64_t *root);
void arch_tables_end(uint64_t *root);

/* The page tables that the calling vCPU uses from now on. */
void arch_tables_use(const uint64_t *root);

/* Where programs' addresses end, and the lowest that can be mapped. */
#define ARCH_USER_END UINT64_C(0x100000000000)
#define ARCH_USER_BEGIN UINT64_C(0x10000)

#endif
