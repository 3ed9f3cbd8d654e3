/* SPDX-License-Identifier: ISC */
/* internal.h - the machine's own structures. Only the files in machine/ look inside them. */
#ifndef POSTERN_MACHINE_INTERNAL_H
#define POSTERN_MACHINE_INTERNAL_H

#include "device/board.h"
#include "jail/jail.h"
#include "machine/boot.h"
#include "machine/kernel.h"
#include "machine/machine.h"
#include "machine/poller.h"
#include "service/services.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

/* What a vCPU's thread is to do. */
enum machine_phase {
	MACHINE_VCPU_STOPPED,  /* waits to be started */
	MACHINE_VCPU_RUNNING,  /* set by whoever starts it, when it was STOPPED */
	MACHINE_VCPU_STOPPING, /* set by whoever stops it, when it was RUNNING; its thread makes it STOPPED */
};

struct machine_vcpu {
	struct machine *machine;
	unsigned number;
	struct engine_vcpu *engine;
	struct gate_vcpu *gate;
	pthread_t thread;
	bool has_thread;
	_Atomic uint32_t phase;               /* enum machine_phase; a futex */
	_Atomic uint64_t exits[ENGINE_EXITS]; /* of each kind; by its thread, relaxed */
};

/* Serves an exit: puts the answer into it, or ends the VM. By the vCPU's thread. */
typedef void machine_server(struct machine_vcpu *vcpu, struct engine_exit *exit);

struct machine {
	struct services services;
	const struct engine *engine;
	struct engine_vm *vm;
	struct gate_vm *gate;
	struct abi_handlers handlers;
	struct guest_memory memory;
	struct image image;
	struct kernel kernel; /* of a guest that knows nothing of Postern; otherwise NONE */
	struct kernel_start start;
	struct board board;     /* for such guests only */
	_Atomic uint32_t wakes; /* a futex: a vCPU that executed HLT is to look around; by whoever wakes it */
	machine_server *const *serve; /* by kind of exit */
	struct bus *ports;            /* see machine_config */
	struct poller poller;
	unsigned vcpu_count;
	struct machine_vcpu vcpus[ENGINE_MAX_VCPUS];
	uint64_t timeout;    /* ns; 0: none */
	uint64_t resolution; /* of the guest's clocks, ns, at least 1 */
	bool jail;
	enum jail_access files; /* what the jail has to permit */

	sem_t started;          /* posted by each thread once it is there */
	_Atomic unsigned alive; /* threads that have not ended */
	int events;             /* an eventfd: the thread in machine_run() is to look around */
	int signals;            /* a signalfd; -1: signals are not ours */
	sigset_t old_mask;

	_Atomic bool stopping;  /* set with the decision: nothing of the guest goes on */
	_Atomic bool decided;   /* by the first thread that has a reason to end the VM; it writes result */
	_Atomic bool announced; /* result is complete */
	struct machine_result result;
	struct machine_times times; /* by the thread that calls us */
};

/* times.c */

/* CLOCK_MONOTONIC, in ns. */
uint64_t machine_now(void);
void machine_step_ended(struct machine *machine, enum machine_step step);

/* machine.c */

/* Makes all threads of the VM end, and waits for none. */
void machine_quit(struct machine *machine);

/* ends.c: why a VM ends */

/*
 * Ends the VM for a reason of its own; the first decides. Returns the result to fill in, or NULL if it is
 * too late; after filling in, machine_announce().
 */
struct machine_result *machine_decide(struct machine *machine, enum machine_end end);
void machine_announce(struct machine *machine);
/* Both, where there is no more to tell than a code. */
void machine_end(struct machine *machine, enum machine_end end, int code);
/* Lets the thread in machine_run() look around. */
void machine_wake(struct machine *machine);

/* vcpu.c: the threads of vCPUs */

int machine_vcpus_create(struct machine *machine);
/* Starts a stopped vCPU, with the state that its engine has been given. Returns false if it is not stopped. */
bool machine_vcpu_start(struct machine_vcpu *vcpu);
/* Has a running vCPU leave the guest; its thread tells the services when it has. Does not wait for that. */
void machine_vcpu_stop(struct machine_vcpu *vcpu);
/* Makes all threads of vCPUs end, and waits for none. */
void machine_vcpus_interrupt(struct machine *machine);
void machine_vcpus_join(struct machine *machine);

/* For guests that are built for Postern. */
extern machine_server *const machine_serve[ENGINE_EXITS];
/* Those that do for others as well. */
machine_server machine_serve_crash, machine_serve_tsc, machine_serve_interrupted;

/* cpuid.c: the processor that guests see */

/* The leaves in which the hypervisor says what it is. */
enum { MACHINE_CPUID_LEAVES = 2 };
void machine_cpuid_leaves(const struct machine *machine, struct engine_cpuid leaves[MACHINE_CPUID_LEAVES]);
machine_server machine_serve_cpuid;

/* emulate.c: guests that are not */

extern machine_server *const machine_emulate[ENGINE_EXITS];
/* Has a halted vCPU look around. By any thread. */
void machine_wake_halted(struct machine *machine);
/* What the engine asks where it has no chipset; see engine.h. */
int machine_acknowledge(void *owner);
int machine_create_board(struct machine *machine, const struct machine_config *config,
			 struct message *message);

/* hooks.c: what services ask of the machine, and what the image may ask of the services */

/* Makes services and gate, which need each other. */
int machine_create_gate(struct machine *machine, const struct machine_config *config,
			struct message *message);
void machine_offer(void *machine, unsigned section, struct image_offer *offered);

#endif
