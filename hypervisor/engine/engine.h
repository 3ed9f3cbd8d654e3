/* SPDX-License-Identifier: ISC */
/*
 * engine.h - what runs a guest. An engine knows how to run a vCPU until something happens that only the
 * monitor can serve; it knows no gate, no service and no machine. Everything above this file is the same
 * for all engines.
 *
 * The shape is KVM_RUN's: engine_run() returns with an exit in a struct that the caller owns, the caller
 * puts the answer into that same struct, and the next engine_run() takes it to the guest.
 */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

#include "memory/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct engine_vm;
struct engine_vcpu;

/* Where things are in a guest's virtual address space, on every engine. */
#define ENGINE_PHYSMAP UINT64_C(0x200000000000) /* all RAM, at its guest-physical address */
#define ENGINE_HYPERCALL_PAGE (ENGINE_PHYSMAP - UINT64_C(0x100000))
#define ENGINE_USER_END UINT64_C(0x100000000000) /* below it, guests map their programs */
#define ENGINE_MAX_VCPUS 64

enum engine_exit_kind {
	ENGINE_EXIT_HYPERCALL, /* answer: hypercall.result */
	ENGINE_EXIT_PORT,      /* answer: port.value, if it was read */
	ENGINE_EXIT_MMIO,      /* answer: mmio.value, if it was read */
	ENGINE_EXIT_HALT,      /* the guest executed HLT: it idles until an interrupt */
	ENGINE_EXIT_CPUID,     /* answer: cpuid.eax to edx */
	ENGINE_EXIT_MSR,       /* answer: msr.value, if it was read */
	ENGINE_EXIT_TSC,       /* answer: tsc.value */
	ENGINE_EXIT_EXCEPTION, /* the guest has no entry for it; registers by engine_get_state() */
	ENGINE_EXIT_SHUTDOWN, /* the vCPU cannot go on: a fault while entering a fault's entry, or the end of its process */
	ENGINE_EXIT_INTERRUPTED, /* engine_kick(), or a signal to the thread */
	ENGINE_EXITS
};

struct engine_exit {
	enum engine_exit_kind kind;
	union {
		struct {
			uint64_t number;
			uint64_t args[6];
			int64_t result;
		} hypercall;
		struct {
			uint16_t port;
			uint8_t bytes; /* 1, 2 or 4 */
			bool write;
			uint32_t value;
		} port;
		struct {
			uint64_t address; /* guest-physical */
			uint8_t bytes;    /* 1, 2, 4 or 8 */
			bool write;
			uint64_t value;
		} mmio;
		struct {
			uint32_t leaf, subleaf;
			uint32_t eax, ebx, ecx, edx;
		} cpuid;
		struct {
			uint32_t number;
			bool write;
			uint64_t value;
		} msr;
		struct {
			uint64_t value;
		} tsc;
		struct {
			uint8_t vector;   /* of the processor's exception */
			uint32_t error;   /* its error code, or 0 */
			uint64_t address; /* that faulted, or 0 */
		} exception;
	};
};

/* The general registers, as the processor names them. A start that has no use for one ignores it. */
struct engine_state {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base;
};

/* Entries of the guest's kernel, guest-virtual, 0 for none; see vcpu.callbacks in the contract. */
struct engine_callbacks {
	uint64_t event;
	uint64_t system_call;
	uint64_t page_fault;
	uint64_t exception;
};

/* How vCPU 0 finds the processor when it begins with the state that set_state() gave it. */
enum engine_start {
	/*
	 * As struct boot_info in the contract says: the layout above, the engine's own tables, the hypercall page,
	 * events by vCPU pages. The only one that hypercalls and events are for.
	 */
	ENGINE_START_PARAVIRTUAL,
	/*
	 * Linux's 64-bit boot protocol: long mode; CR3 is config.page_tables, which the caller wrote into RAM and
	 * which map what the guest's first instructions need; flat segments (CS 0x10; DS, ES, SS 0x18) from a GDT
	 * that is not the guest's to keep; no IDT; interrupts off. The state gives the general registers.
	 */
	ENGINE_START_LINUX64,
	/*
	 * PVH: 32-bit protected mode, paging off, flat segments without a GDT, no IDT, interrupts off. The state
	 * gives rip and rbx (guest-physical address of the start info), and other registers where it wants to.
	 */
	ENGINE_START_PVH,
};

/* What a CPUID leaf answers. */
struct engine_cpuid {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
};

struct engine_config {
	struct guest_memory *memory;
	unsigned vcpus;             /* 1 to ENGINE_MAX_VCPUS */
	const uint64_t *vcpu_pages; /* guest-physical address of each vCPU's page; PARAVIRTUAL only */
	bool trap_tsc; /* reading the time-stamp counter is an exit, where the engine can make it one */

	enum engine_start start;
	uint64_t page_tables; /* LINUX64: guest-physical */
	/*
	 * The processor's usual surroundings inside the engine, for guests that are not PARAVIRTUAL: local APICs,
	 * an I/O APIC (0xfec00000) and two 8259, an 8254 timer. With it, HLT waits inside, and is no exit; vCPUs
	 * but the first wait inside for INIT and SIPI, so that each is to be run from the beginning, without a
	 * state; and RAM must end by ENGINE_CHIPSET_RAM_END. Pins are driven by interrupt_line().
	 */
	bool chipset;
	/*
	 * Without a chipset, for a guest with interrupt descriptors of its own: asked whenever interrupts are on and
	 * the guest is about to go on; answers the vector of the interrupt to deliver, or -1. When there may be one,
	 * engine_kick(). By the thread of vCPU 0; NULL: there are no such interrupts.
	 */
	int (*acknowledge)(void *owner);
	void *owner; /* for it */
	/*
	 * Leaves of CPUID that the guest is to see in place of, or beside, those that the engine makes from the
	 * host's processor: those of a hypervisor, for instance. An engine for which CPUID is an exit (see
	 * ENGINE_EXIT_CPUID) ignores them: the caller answers.
	 */
	const struct engine_cpuid *cpuid;
	unsigned cpuid_count; /* at most ENGINE_MAX_CPUID */
};

#define ENGINE_MAX_CPUID 16
#define ENGINE_CHIPSET_RAM_END UINT64_C(0xc0000000)

/*
 * One engine. All functions but probe and create are called with what create made. Functions answer 0 or
 * a negative errno.
 */
struct engine {
	const char *name;
	uint64_t mapper;     /* of boot information in the contract; 0: none */
	uint64_t page_table; /* the same */
	bool needs_files; /* create() opens some, so the monitor gives up files only afterwards, and it starts no thread */
	bool has_tables; /* its guests have the processor's own descriptor tables: vcpu_features.tables */

	/* Whether it is worth to probe for it: a hint that costs next to nothing. */
	bool (*is_likely)(void);
	/* Whether this host can run it. On failure, reason says in one sentence what is lacking. */
	int (*probe)(char *reason, size_t size);

	/* -ENOTSUP for a start or a chipset that the engine does not have. */
	int (*create)(const struct engine_config *config, struct engine_vm **vm);
	/*
	 * Waits for what create() has only begun, so that the caller can do something else meanwhile. Before the first
	 * run(); NULL: create() leaves nothing undone. On failure there is still destroy() to be called.
	 */
	int (*settle)(struct engine_vm *vm);
	/* Ends all vCPUs, whatever they do, and frees everything. No engine_run() may be under way. */
	void (*destroy)(struct engine_vm *vm);

	struct engine_vcpu *(*vcpu)(struct engine_vm *vm, unsigned number);
	/*
	 * While the vCPU is not being run. fs_base and gs_base of a vCPU that has run may be unknown: 0. To set a
	 * state is to start the vCPU afresh: what the state does not hold is as after reset, the FS base zero,
	 * the GS base the vCPU's page, and an exit that was not answered needs no answer.
	 */
	int (*get_state)(struct engine_vcpu *vcpu, struct engine_state *state);
	int (*set_state)(struct engine_vcpu *vcpu, const struct engine_state *state);
	int (*set_callbacks)(struct engine_vcpu *vcpu, const struct engine_callbacks *callbacks);

	/*
	 * Answers the last exit and runs the vCPU until the next. Called by one thread for each vCPU.
	 * Errors: -ESRCH when the vCPU is gone.
	 */
	int (*run)(struct engine_vcpu *vcpu, struct engine_exit *exit);

	/*
	 * Lets the guest have the exception that run() returned with at its own entry, if it has one; otherwise
	 * -ENOENT, and the vCPU is where it was.
	 */
	int (*deliver)(struct engine_vcpu *vcpu);

	/*
	 * Makes run() return with INTERRUPTED, now or when it is next called: no instruction of the vCPU is
	 * executed then. A vCPU that cannot be had so ends its VM (SHUTDOWN). By any thread.
	 */
	void (*kick)(struct engine_vcpu *vcpu);
	/* Ends all vCPUs, whatever they do: each run() returns with SHUTDOWN, soon. By any thread. */
	void (*kill)(struct engine_vm *vm);
	/* Makes a vCPU look at its pending events, if it runs with events enabled. By any thread. */
	void (*raise)(struct engine_vcpu *vcpu);

	/*
	 * Drives an input of the chipset: pins 0 to 15 of the two 8259 and the same of the I/O APIC, or 16 to 23 of
	 * the latter alone. By any thread. Errors: -EINVAL for another pin, -ENOTSUP without a chipset.
	 */
	int (*interrupt_line)(struct engine_vm *vm, unsigned line, bool level);

	/*
	 * Begins or ends to note which pages of RAM the guest writes. take_dirty() hands over what was noted since
	 * it was last called: one bit a page, from the least significant of the first word, for `words` words,
	 * which must be all that RAM has (rounded up). By any thread, one at a time; vCPUs may run. What the monitor
	 * writes itself is not noted. Errors: -ENOTSUP where the engine cannot tell, -EINVAL.
	 */
	int (*track_dirty)(struct engine_vm *vm, bool on);
	int (*take_dirty)(struct engine_vm *vm, uint64_t *bitmap, size_t words);
};

extern const struct engine engine_kvm;
extern const struct engine engine_ring3;

#endif
