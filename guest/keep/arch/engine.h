/* SPDX-License-Identifier: ISC */
/* engine.h - what arch.c chooses from. Each function is described in arch.h, under its name there. */
#ifndef KEEP_ARCH_ENGINE_H
#define KEEP_ARCH_ENGINE_H

#include "arch/arch.h"

struct arch_engine {
	void (*start_vcpu)(void);
	void (*registers_reset)(struct registers *registers);
	/* The end of the stack on which the vCPU enters the kernel from a program. */
	void (*set_entry_stack)(uint64_t end);
	void (*system_call)(struct registers *registers); /* NULL: nothing */
	bool (*keeps)(uint64_t address, uint64_t length); /* NULL: nothing */
	void (*enter_program)(struct registers *registers) __attribute__((noreturn));
	int (*tables_changed)(const uint64_t *root, uint64_t address, size_t pages, bool added);
	void (*tables_begin)(uint64_t *root);
	void (*tables_end)(uint64_t *root);
	void (*tables_use)(const uint64_t *root);
};

extern const struct arch_engine arch_ring3, arch_hvm;

/* Tells the host that a vCPU is to be continued at `entry` for whatever the engine has the host deliver. */
void arch_set_callbacks(void (*entry)(void));

/* Completes a frame, of which the general registers are filled in, by what the host wrote into the vCPU's page. */
void arch_fill_frame(struct registers *registers);

/* That is read; the next may be written there. Events are disabled until the way back enables them. */
void arch_state_taken(void);

#endif
