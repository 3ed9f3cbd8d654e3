/* SPDX-License-Identifier: ISC */
/* run.c - runs a vCPU until an exit that the caller can serve, and takes the answer of the one before. */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_PARTS = 1 << 16 };

/* What becomes of an exit of KVM. */
enum outcome {
	SERVE,  /* it is one of ours */
	AGAIN,  /* there is nothing to serve */
	BROKEN, /* KVM cannot go on */
};

/* ---- traps of a paravirtual guest ---- */

/* What a stub has on its stack when it tells the monitor: struct kvm_frame without the registers. */
struct trap {
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* The frame lies in the engine's memory, but the guest decides where the stack pointer points. */
static bool read_trap(const struct engine_vcpu *vcpu, struct trap *trap)
{
	const uint64_t at = vcpu->run->s.regs.regs.rsp - KVM_CODE;
	const uint64_t area = KVM_AREAS_AT + (uint64_t)vcpu->number * KVM_AREA_SIZE;

	if (at % 8 || at < area || at > area + KVM_AREA_SIZE - sizeof *trap)
		return false;
	memory_load_words(trap, vcpu->vm->own + at, sizeof *trap / 8);
	return true;
}

static enum outcome take_trap(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	struct kvm_sregs sregs;
	struct trap trap;

	exit->kind = ENGINE_EXIT_SHUTDOWN;
	if (!read_trap(vcpu, &trap) || kvm_ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return SERVE;
	vcpu->interrupted.is = true;
	vcpu->interrupted.rip = trap.rip;
	vcpu->interrupted.rsp = trap.rsp;
	vcpu->interrupted.rflags = trap.rflags;
	if (vcpu->run->io.port == KVM_PORT_FAULT)
		return SERVE;
	exit->kind = ENGINE_EXIT_EXCEPTION;
	exit->exception.vector = (uint8_t)trap.vector;
	exit->exception.error = (uint32_t)trap.error;
	exit->exception.address = trap.vector == 14 ? sregs.cr2 : 0;
	return SERVE;
}

/* ---- ports ---- */

static void *port_data(struct engine_vcpu *vcpu, uint32_t number)
{
	return (char *)vcpu->run + vcpu->run->io.data_offset + (size_t)number * vcpu->run->io.size;
}

static enum outcome take_call(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const struct kvm_regs *regs = &vcpu->run->s.regs.regs;

	exit->kind = ENGINE_EXIT_HYPERCALL;
	exit->hypercall.number = regs->rax;
	exit->hypercall.args[0] = regs->rdi;
	exit->hypercall.args[1] = regs->rsi;
	exit->hypercall.args[2] = regs->rdx;
	exit->hypercall.args[3] = regs->r10;
	exit->hypercall.args[4] = regs->r8;
	exit->hypercall.args[5] = regs->r9;
	return SERVE;
}

/* One operation of what may be a string of them. */
static void take_operation(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const uint8_t bytes = vcpu->run->io.size;

	exit->kind = ENGINE_EXIT_PORT;
	exit->port.port = vcpu->run->io.port;
	exit->port.bytes = bytes;
	exit->port.write = vcpu->run->io.direction == KVM_EXIT_IO_OUT;
	exit->port.value = 0;
	if (exit->port.write)
		memcpy(&exit->port.value, port_data(vcpu, vcpu->port_next), bytes);
}

static bool is_engines_port(const struct engine_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return vcpu->area && run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1 &&
	       run->io.count == 1 && run->io.port >= KVM_PORT_CALL && run->io.port <= KVM_PORT_FAULT;
}

static enum outcome take_port(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	vcpu->port_next = 0;
	if (is_engines_port(vcpu))
		return vcpu->run->io.port == KVM_PORT_CALL ? take_call(vcpu, exit) : take_trap(vcpu, exit);
	take_operation(vcpu, exit);
	return SERVE;
}

/* Returns whether there is a further operation of the same instruction, which is the next exit. */
static bool answer_port(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	if (!exit->port.write)
		memcpy(port_data(vcpu, vcpu->port_next), &exit->port.value, vcpu->run->io.size);
	if (++vcpu->port_next >= vcpu->run->io.count)
		return false;
	take_operation(vcpu, exit);
	return true;
}

/* ---- other exits ---- */

static enum outcome take_mmio(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const struct kvm_run *run = vcpu->run;

	exit->kind = ENGINE_EXIT_MMIO;
	exit->mmio.address = run->mmio.phys_addr;
	exit->mmio.bytes = (uint8_t)run->mmio.len;
	exit->mmio.write = run->mmio.is_write;
	exit->mmio.value = 0;
	if (run->mmio.is_write)
		memcpy(&exit->mmio.value, run->mmio.data, run->mmio.len);
	return SERVE;
}

/* One that the guest did not make by the hypercall page may have any number in it, as one that it did. */
static enum outcome take_vmcall(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	take_call(vcpu, exit);
	exit->hypercall.number = vcpu->run->s.regs.regs.r11;
	return SERVE;
}

static enum outcome take_halt(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	exit->kind = ENGINE_EXIT_HALT;
	return SERVE;
}

/* A triple fault, a reset, an instruction that this KVM cannot execute, or a state that it cannot enter. */
static enum outcome take_shutdown(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	exit->kind = ENGINE_EXIT_SHUTDOWN;
	return SERVE;
}

static enum outcome take_nothing(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	(void)exit;
	return AGAIN;
}

/* How each exit of KVM is taken, and whether KVM has to end an instruction afterwards. */
static const struct {
	enum outcome (*take)(struct engine_vcpu *vcpu, struct engine_exit *exit);
	bool unfinished;
} takes[] = {
	[KVM_EXIT_IO] = { take_port, true },
	[KVM_EXIT_MMIO] = { take_mmio, true },
	[KVM_EXIT_HYPERCALL] = { take_vmcall, true },
	[KVM_EXIT_HLT] = { take_halt, false },
	[KVM_EXIT_SHUTDOWN] = { take_shutdown, false },
	[KVM_EXIT_SYSTEM_EVENT] = { take_shutdown, false },
	[KVM_EXIT_INTERNAL_ERROR] = { take_shutdown, false },
	[KVM_EXIT_FAIL_ENTRY] = { take_shutdown, false },
	[KVM_EXIT_UNKNOWN] = { take_shutdown, false },
	[KVM_EXIT_INTR] = { take_nothing, false },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { take_nothing, false },
	[KVM_EXIT_SET_TPR] = { take_nothing, false },
};

static enum outcome take_exit(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const uint32_t reason = vcpu->run->exit_reason;

	if (reason >= sizeof takes / sizeof *takes || !takes[reason].take)
		return BROKEN;
	vcpu->unfinished = takes[reason].unfinished;
	return takes[reason].take(vcpu, exit);
}

/* ---- answers ---- */

static void answer_hypercall(struct engine_vcpu *vcpu, const struct engine_exit *exit)
{
	if (vcpu->run->exit_reason == KVM_EXIT_HYPERCALL) {
		vcpu->run->hypercall.ret = (uint64_t)exit->hypercall.result;
		return;
	}
	vcpu->run->s.regs.regs.rax = (uint64_t)exit->hypercall.result;
	vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

/* Takes the answer to the last exit to KVM. Returns whether the instruction that made it makes another exit. */
static bool pay(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const enum engine_exit_kind kind = vcpu->owed;

	vcpu->owed = ENGINE_EXIT_INTERRUPTED;
	vcpu->interrupted.is = false;
	if (kind == ENGINE_EXIT_HYPERCALL)
		answer_hypercall(vcpu, exit);
	if (kind == ENGINE_EXIT_MMIO && !exit->mmio.write)
		memcpy(vcpu->run->mmio.data, &exit->mmio.value, sizeof vcpu->run->mmio.data);
	return kind == ENGINE_EXIT_PORT && answer_port(vcpu, exit);
}

/* ---- running ---- */

static void set_immediate_exit(struct engine_vcpu *vcpu, uint8_t value)
{
	__atomic_store_n(&vcpu->run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

/* The thread that runs a vCPU lets the signal through that calls it out of KVM_RUN. */
static pid_t own_thread(void)
{
	static _Thread_local pid_t own;
	sigset_t set;

	if (!own) {
		sigemptyset(&set);
		sigaddset(&set, KVM_SIGNAL);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		own = gettid();
	}
	return own;
}

/* Answers 0 after an exit, -EINTR without one, or what KVM has to complain about. */
static int enter(struct engine_vcpu *vcpu)
{
	int error;

	atomic_store_explicit(&vcpu->thread, own_thread(), memory_order_seq_cst);
	error = kvm_ioctl(vcpu->fd, KVM_RUN, NULL);
	atomic_store_explicit(&vcpu->thread, 0, memory_order_relaxed);
	return error == -EAGAIN ? -EINTR : error;
}

/*
 * Has KVM end the instruction of the last exit, and executes no further one. Answers -EINTR when that is done, 0 if
 * it takes another exit to do so.
 */
static int finish(struct engine_vcpu *vcpu)
{
	if (!vcpu->unfinished)
		return -EINTR;
	vcpu->unfinished = false;
	set_immediate_exit(vcpu, 1);
	return enter(vcpu);
}

static bool take_kick(struct engine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->kicked, memory_order_relaxed) &&
	       atomic_exchange_explicit(&vcpu->kicked, false, memory_order_seq_cst);
}

/* Behind a hypercall, the engine's code in the guest looks for events; see code.S. */
static bool is_guests_turn(const struct engine_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return vcpu->unfinished &&
	       (run->exit_reason == KVM_EXIT_HYPERCALL ||
		(run->exit_reason == KVM_EXIT_IO && is_engines_port(vcpu) && run->io.port == KVM_PORT_CALL));
}

/* One step into the guest. Answers 0 with an exit of KVM's to take, -EINTR to look again, or an error. */
static int step(struct engine_vcpu *vcpu)
{
	const bool pending = kvm_event_pending(vcpu);
	const bool waits = pending && !kvm_event_allowed(vcpu);
	const bool was_unfinished = vcpu->unfinished;

	if (pending && !waits && !is_guests_turn(vcpu)) {
		int error = vcpu->unfinished ? finish(vcpu) : kvm_event_deliver(vcpu);

		/* Finished, it is looked at again. */
		if (error || was_unfinished)
			return error;
	}
	/* KVM comes back as soon as the guest lets interrupts in. */
	if (!vcpu->vm->chipset)
		vcpu->run->request_interrupt_window = waits;
	vcpu->unfinished = false;
	return enter(vcpu);
}

static bool is_gone(const struct engine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->vm->gone, memory_order_acquire);
}

/* Goes on until there is something for the caller. */
static int run_on(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	enum outcome outcome = AGAIN;

	while (outcome == AGAIN) {
		bool kicked;
		int error;

		/* Cleared first: whoever sets it afterwards has already said why. */
		set_immediate_exit(vcpu, 0);
		if (is_gone(vcpu)) {
			exit->kind = ENGINE_EXIT_SHUTDOWN;
			return 0;
		}
		kicked = take_kick(vcpu);
		error = kicked ? finish(vcpu) : step(vcpu);
		if (kicked && error == -EINTR) {
			exit->kind = ENGINE_EXIT_INTERRUPTED;
			return 0;
		}
		if (kicked)
			atomic_store_explicit(&vcpu->kicked, true, memory_order_relaxed);
		if (!error)
			outcome = take_exit(vcpu, exit);
		else if (error != -EINTR)
			return error;
	}
	vcpu->owed = exit->kind;
	return outcome == SERVE ? 0 : -EIO;
}

int kvm_run_vcpu(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	if (!pay(vcpu, exit))
		return run_on(vcpu, exit);
	vcpu->owed = ENGINE_EXIT_PORT;
	return 0;
}

/* ---- from other threads ---- */

static void call_out(struct engine_vcpu *vcpu)
{
	pid_t thread;

	set_immediate_exit(vcpu, 1);
	thread = atomic_load_explicit(&vcpu->thread, memory_order_seq_cst);
	if (thread)
		syscall(SYS_tgkill, getpid(), thread, KVM_SIGNAL);
}

void kvm_kick(struct engine_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->kicked, true, memory_order_seq_cst);
	call_out(vcpu);
}

/* It looks for events on its way back. */
void kvm_raise(struct engine_vcpu *vcpu)
{
	call_out(vcpu);
}

/* An instruction may have many parts, each of them an exit. */
int kvm_forget_exit(struct engine_vcpu *vcpu)
{
	int error = 0;

	vcpu->owed = ENGINE_EXIT_INTERRUPTED;
	vcpu->interrupted.is = false;
	for (unsigned i = 0; !error && vcpu->unfinished; i++) {
		error = i < MOST_PARTS ? finish(vcpu) : -EBUSY;
		vcpu->unfinished = !error;
	}
	return error == -EINTR ? 0 : error;
}
