/* SPDX-License-Identifier: ISC */
/* internal.h - the engine's own structures, and what its files are to each other. */
#ifndef POSTERN_KVM_INTERNAL_H
#define POSTERN_KVM_INTERNAL_H

#include "engine/engine.h"
#include "engine/kvm/layout.h"

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* Calls a thread out of KVM_RUN. Its handler does nothing. */
enum { KVM_SIGNAL = SIGUSR1 };

struct engine_vcpu {
	struct engine_vm *vm;
	unsigned number;
	int fd;
	struct kvm_run *run; /* shared with KVM */

	_Atomic pid_t thread; /* that is inside KVM_RUN, or on its way there; 0: none */
	_Atomic bool kicked;
	enum engine_exit_kind owed; /* the last exit, which is to be answered; INTERRUPTED: none */
	bool unfinished;            /* KVM is to end the instruction of the last exit, when it runs next */
	uint32_t port_next;         /* which of a string instruction's operations was the last exit */
	struct {
		bool is; /* the last exit was an exception, and the guest's registers are: */
		uint64_t rip, rsp, rflags;
	} interrupted;

	/* PARAVIRTUAL only: */
	uint64_t page; /* guest-physical */
	struct kvm_area *area;
	struct engine_callbacks callbacks;
	uint16_t kernel_cs, kernel_ss; /* what the guest's kernel had when it set them */
};

struct engine_vm {
	int kvm, fd;
	struct guest_memory *memory;
	enum engine_start start;
	bool chipset;
	bool vmcall; /* KVM hands hypercalls on; otherwise they go by a port */
	uint64_t page_tables;
	unsigned vcpu_count;
	size_t run_size;
	uint8_t *own; /* the engine's memory; NULL: none */
	size_t own_size;
	uint64_t own_address; /* guest-physical */
	uint64_t cr3;
	struct kvm_cpuid2 *cpuid;
	uint64_t xcr0, cr4; /* what the processor has of extensions */
	size_t xsave_size;
	struct engine_vcpu vcpus[ENGINE_MAX_VCPUS];
	_Atomic bool gone;
};

/*
 * calls.c: system calls on KVM's descriptors. They answer what the call answered, or a negative errno. A test may
 * put something else in their place.
 */
extern int (*kvm_open_device)(void);
extern int (*kvm_ioctl)(int fd, unsigned long request, void *argument);
/* Requests whose argument is a number. */
int kvm_request(int fd, unsigned long request, unsigned long argument);

/* tables.c: the engine's memory in a paravirtual guest */
int kvm_tables_create(struct engine_vm *vm, const uint64_t *vcpu_pages);
void kvm_tables_destroy(struct engine_vm *vm);

/* cpuid.c: the processor that the guest sees; sets cpuid, xcr0, cr4 and xsave_size */
int kvm_cpuid_create(struct engine_vm *vm, const struct engine_config *config);
int kvm_cpuid_set(struct engine_vcpu *vcpu);

/* start.c: a vCPU as it is when it begins */
int kvm_start(struct engine_vcpu *vcpu, const struct engine_state *state);
int kvm_set_msrs(struct engine_vcpu *vcpu, const struct kvm_msr_entry *entries, unsigned count);

/* event.c: events of paravirtual guests */

/* Whether there is one that could be delivered, so that kvm_event_deliver() is worth its cost. */
bool kvm_event_pending(struct engine_vcpu *vcpu);
/* Whether the processor's interrupt flag lets it be delivered now. */
bool kvm_event_allowed(const struct engine_vcpu *vcpu);
/* Continues the vCPU at its entry for events, if that can be. KVM has no instruction to finish. */
int kvm_event_deliver(struct engine_vcpu *vcpu);

/* run.c */
int kvm_run_vcpu(struct engine_vcpu *vcpu, struct engine_exit *exit);
void kvm_kick(struct engine_vcpu *vcpu);
void kvm_raise(struct engine_vcpu *vcpu);
/* Before the vCPU gets another state: what the last exit left undone is ended, whatever comes of it. */
int kvm_forget_exit(struct engine_vcpu *vcpu);

/* probe.c */
int kvm_probe(char *reason, size_t size);
bool kvm_is_likely(void);

/* vm.c */
int kvm_create(const struct engine_config *config, struct engine_vm **result);
void kvm_destroy(struct engine_vm *vm);
int kvm_interrupt_line(struct engine_vm *vm, unsigned line, bool level);
int kvm_track_dirty(struct engine_vm *vm, bool on);
int kvm_take_dirty(struct engine_vm *vm, uint64_t *bitmap, size_t words);

#endif
