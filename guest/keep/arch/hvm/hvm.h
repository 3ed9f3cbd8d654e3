/* SPDX-License-Identifier: ISC */
/* hvm.h - what the files of this folder share: each vCPU's state. */
#ifndef KEEP_ARCH_HVM_HVM_H
#define KEEP_ARCH_HVM_HVM_H

#include "arch/engine.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* A task state segment (AMD64 manual, volume 2, 12.2.5): stacks for entries. */
struct hvm_task_state {
	uint32_t reserved_1;
	uint64_t rsp[3];
	uint64_t reserved_2;
	uint64_t ist[7];
	uint64_t reserved_3;
	uint16_t reserved_4;
	uint16_t io_map;
} __attribute__((packed));

_Static_assert(sizeof(struct hvm_task_state) == 104, "as the processor has it");

enum { GDT_ENTRIES = 10, FAULT_STACK_SIZE = 4096 };

struct hvm_vcpu {
	uint64_t gdt[GDT_ENTRIES];
	struct hvm_task_state task_state;
	const uint64_t *root; /* of the page tables in use; the kernel's lock protects it */
	uint64_t seen;        /* the generation of tables that it has followed; the vCPU writes it */
	uint32_t in_program;  /* a program runs, or is about to; the vCPU writes it */
	char fault_stack[FAULT_STACK_SIZE] __attribute__((aligned(16))); /* for double faults */
};

/* The calling vCPU's. */
struct hvm_vcpu *hvm_vcpu(void);
/* NULL: it has not started. */
struct hvm_vcpu *hvm_vcpu_of(unsigned number);

/* Gives the calling vCPU descriptor tables, and the entries in entry.S. */
void hvm_descriptors_load(struct hvm_vcpu *vcpu);

/* The tables that the host made, with nothing of programs in them: taken when the first vCPU starts. */
void hvm_tables_start(void);
/* On the way to a program, or back from one. */
void hvm_tables_enter_program(struct hvm_vcpu *vcpu);
void hvm_tables_leave_program(struct hvm_vcpu *vcpu);
/* To the host's tables, for a vCPU that runs no program. */
void hvm_tables_use_none(void);

int hvm_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added);
void hvm_tables_begin(uint64_t *root);
void hvm_tables_end(uint64_t *root);
void hvm_tables_use(const uint64_t *root);

/* entry.S */
HIDDEN void hvm_event(void);
HIDDEN void hvm_system_call(void);
HIDDEN void hvm_enter_program(struct registers *registers) __attribute__((noreturn));
extern const char hvm_stubs[] HIDDEN;

#endif
