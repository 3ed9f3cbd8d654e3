/* SPDX-License-Identifier: ISC */
/*
 * ring3.c - the engine ring3: a guest runs in ring 3 of a locked-down process, and meets the monitor at a
 * mailbox for each vCPU. This file is the monitor's side of it.
 */
#include "engine/ring3/decode.h"
#include "engine/ring3/layout.h"
#include "engine/ring3/process.h"
#include "engine/ring3/spin.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the next run() owes the guest. */
enum debt {
	NOTHING,
	RESULT,      /* of a hypercall */
	INSTRUCTION, /* the answer to one that was emulated, and the way past it */
};

struct engine_vcpu {
	struct engine_vm *vm;
	struct ring3_area *area;
	unsigned number;
	pid_t thread; /* as the guest process said; a wrong one is no thread of that process */
	enum debt debt;
	uint8_t length; /* of the emulated instruction */
	bool delivers;  /* the answer to an exception is that the guest gets it */
	struct engine_callbacks callbacks;
	struct engine_state state; /* the monitor's copy; what the guest left in its area is hostile */
	bool has_state;            /* which has to be put there before the vCPU goes on */
	struct spin spin;          /* the monitor's */
	struct spin guest_spin;    /* the guest's, as the monitor advises it */
	uint32_t advised;          /* what the guest's area holds of it */
	_Atomic bool kicked;
};

struct engine_vm {
	struct ring3_process process;
	struct guest_memory *memory;
	unsigned vcpu_count;
	uint64_t vcpu_pages[ENGINE_MAX_VCPUS]; /* guest-physical */
	struct engine_vcpu vcpus[ENGINE_MAX_VCPUS];
	pthread_t watcher; /* waits for the end of the process */
	bool watched;
	_Atomic bool gone;
};

/* ---- the mailbox ---- */

static void futex(uint32_t *word, int operation, uint32_t value)
{
	syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void wake(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;

	__atomic_fetch_or(turn, RING3_KICKED, __ATOMIC_SEQ_CST);
	futex(turn, FUTEX_WAKE, 1);
}

static void hand_over(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;
	bool sleeps = __atomic_exchange_n(turn, 0, __ATOMIC_SEQ_CST) & RING3_GUEST_WAITS;

	if (sleeps)
		futex(turn, FUTEX_WAKE, 1);
	spin_learn(&vcpu->guest_spin, !sleeps);
	if (vcpu->guest_spin.budget != vcpu->advised) {
		vcpu->advised = vcpu->guest_spin.budget;
		memory_store_u32(&vcpu->area->spin, vcpu->advised);
	}
}

static bool is_interrupted(struct engine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->vm->gone, memory_order_relaxed) ||
	       atomic_load_explicit(&vcpu->kicked, memory_order_relaxed);
}

static bool has_turn(struct engine_vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->area->mailbox.turn, __ATOMIC_ACQUIRE) & RING3_TURN_HOST;
}

/* Returns whether the turn is the monitor's; otherwise it was interrupted. */
static bool wait_for_turn(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;

	for (uint32_t i = 0; i < vcpu->spin.budget; i++) {
		if (has_turn(vcpu)) {
			spin_learn(&vcpu->spin, true);
			return true;
		}
		__builtin_ia32_pause();
	}
	spin_learn(&vcpu->spin, false);
	while (!has_turn(vcpu)) {
		uint32_t seen = __atomic_load_n(turn, __ATOMIC_RELAXED);

		if (is_interrupted(vcpu))
			return false;
		if (seen & RING3_TURN_HOST)
			continue;
		if (__atomic_compare_exchange_n(turn, &seen, RING3_HOST_WAITS, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			futex(turn, FUTEX_WAIT, RING3_HOST_WAITS);
	}
	return true;
}

/* ---- exits ---- */

static void take_hypercall(const struct ring3_mailbox *mailbox, struct engine_exit *exit)
{
	exit->kind = ENGINE_EXIT_HYPERCALL;
	exit->hypercall.number = memory_load_u64(&mailbox->number);
	memory_load_words(exit->hypercall.args, mailbox->args, 6);
}

static struct postern_vcpu_page *page_of(struct engine_vcpu *vcpu)
{
	return (struct postern_vcpu_page *)(vcpu->vm->memory->base + vcpu->vm->vcpu_pages[vcpu->number]);
}

/* The bytes of the instruction at rip, if they are the kernel's: those of a program are its kernel's matter. */
static size_t fetch(struct engine_vcpu *vcpu, uint8_t bytes[RING3_LONGEST_INSTRUCTION])
{
	const struct guest_memory *memory = vcpu->vm->memory;
	uint64_t at = vcpu->state.rip - ENGINE_PHYSMAP;
	size_t size = RING3_LONGEST_INSTRUCTION;

	if (at >= memory->size)
		return 0;
	if (size > memory->size - at)
		size = memory->size - at;
	return memory_copy_in(memory, bytes, (gpa_t){ at }, size) ? size : 0;
}

static void step_over(struct engine_vcpu *vcpu, uint8_t length)
{
	vcpu->state.rip += length;
}

/* A general protection fault may be an instruction that only a kernel may execute. Returns whether it is an exit. */
static bool emulate(struct engine_vcpu *vcpu, struct engine_exit *exit, bool *resume)
{
	uint8_t bytes[RING3_LONGEST_INSTRUCTION];
	size_t size = fetch(vcpu, bytes);
	uint8_t length = 0;
	enum ring3_effect effect = size ? ring3_decode(bytes, size, &vcpu->state, exit, &length)
					: RING3_EFFECT_UNKNOWN;

	*resume = false;
	if (effect == RING3_EFFECT_UNKNOWN)
		return false;
	if (effect == RING3_EFFECT_EXIT) {
		vcpu->length = length;
		vcpu->debt = INSTRUCTION;
		return true;
	}
	if (effect != RING3_EFFECT_NONE)
		memory_store_u32(&page_of(vcpu)->enabled, effect == RING3_EFFECT_UNMASK);
	step_over(vcpu, length);
	*resume = true;
	return true;
}

/* Returns false if the guest can go on at once. */
static bool take_exception(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const struct ring3_mailbox *mailbox = &vcpu->area->mailbox;
	uint8_t vector = (uint8_t)memory_load_u64(&mailbox->number);
	bool resume = false;

	memory_load_words(&vcpu->state, &vcpu->area->state, sizeof vcpu->state / 8);
	vcpu->has_state = true;
	if (vector == 13 && emulate(vcpu, exit, &resume))
		return !resume;
	exit->kind = ENGINE_EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.error = (uint32_t)memory_load_u64(&mailbox->args[0]);
	exit->exception.address = memory_load_u64(&mailbox->args[1]);
	return true;
}

/* Pays what the last exit owes the guest, and gives it the turn. */
static void answer(struct engine_vcpu *vcpu, const struct engine_exit *exit)
{
	struct ring3_mailbox *mailbox = &vcpu->area->mailbox;

	if (vcpu->debt == RESULT)
		memory_store_u64(&mailbox->number, (uint64_t)exit->hypercall.result);
	if (vcpu->debt == INSTRUCTION) {
		ring3_apply(exit, &vcpu->state);
		step_over(vcpu, vcpu->length);
	}
	if (vcpu->has_state) {
		memory_store_words(&vcpu->area->state, &vcpu->state, sizeof vcpu->state / 8);
		memory_store_u64(&mailbox->number, vcpu->delivers ? RING3_DELIVER : RING3_RESUME);
	}
	vcpu->debt = NOTHING;
	vcpu->has_state = vcpu->delivers = false;
	hand_over(vcpu);
}

static int ring3_run(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	struct ring3_mailbox *mailbox = &vcpu->area->mailbox;

	for (;;) {
		if (has_turn(vcpu))
			answer(vcpu, exit);
		if (!wait_for_turn(vcpu)) {
			atomic_store_explicit(&vcpu->kicked, false, memory_order_relaxed);
			exit->kind = atomic_load(&vcpu->vm->gone) ? ENGINE_EXIT_SHUTDOWN
								  : ENGINE_EXIT_INTERRUPTED;
			return 0;
		}
		switch (memory_load_u32(&mailbox->kind)) {
		case RING3_HYPERCALL:
			take_hypercall(mailbox, exit);
			vcpu->debt = RESULT;
			return 0;
		case RING3_EXCEPTION:
			if (take_exception(vcpu, exit))
				return 0;
			break;
		case RING3_DOUBLE_FAULT:
			memory_load_words(&vcpu->state, &vcpu->area->state, sizeof vcpu->state / 8);
			exit->kind = ENGINE_EXIT_SHUTDOWN;
			return 0;
		default: /* the guest wrote nonsense into its mailbox */
			exit->kind = ENGINE_EXIT_SHUTDOWN;
			return 0;
		}
	}
}

static int ring3_deliver(struct engine_vcpu *vcpu)
{
	if (!vcpu->callbacks.exception)
		return -ENOENT;
	vcpu->delivers = true;
	return 0;
}

/* A signal to the vCPU's thread; its handler looks whether there is an event to take. */
static void ring3_raise(struct engine_vcpu *vcpu)
{
	syscall(SYS_tgkill, vcpu->vm->process.pid, vcpu->thread, RING3_RAISE_SIGNAL);
}

static void ring3_kick(struct engine_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->kicked, true, memory_order_relaxed);
	wake(vcpu);
}

/* ---- state ---- */

static struct engine_vcpu *ring3_vcpu(struct engine_vm *vm, unsigned number)
{
	return number < vm->vcpu_count ? &vm->vcpus[number] : NULL;
}

static int ring3_get_state(struct engine_vcpu *vcpu, struct engine_state *state)
{
	*state = vcpu->state;
	return 0;
}

static int ring3_set_state(struct engine_vcpu *vcpu, const struct engine_state *state)
{
	vcpu->state = *state;
	vcpu->has_state = true;
	return 0;
}

/* Takes effect at once: the vCPU that calls for it waits meanwhile. */
static int ring3_set_callbacks(struct engine_vcpu *vcpu, const struct engine_callbacks *callbacks)
{
	vcpu->callbacks = *callbacks;
	memory_store_words(&vcpu->area->callbacks, callbacks, sizeof *callbacks / 8);
	return 0;
}

/* ---- the VM ---- */

static void *watch(void *argument)
{
	struct engine_vm *vm = argument;
	struct pollfd end = { .fd = vm->process.pidfd, .events = POLLIN };

	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	atomic_store(&vm->gone, true);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		wake(&vm->vcpus[i]);
	return NULL;
}

static void ring3_destroy(struct engine_vm *vm)
{
	if (!vm)
		return;
	if (vm->watched) {
		kill(vm->process.pid, SIGKILL);
		pthread_join(vm->watcher, NULL);
	}
	ring3_process_end(&vm->process);
	free(vm);
}

static int ring3_create(const struct engine_config *config, struct engine_vm **result)
{
	struct engine_vm *vm;
	int error;

	if (config->vcpus < 1 || config->vcpus > ENGINE_MAX_VCPUS)
		return -EINVAL;
	vm = calloc(1, sizeof *vm);
	if (!vm)
		return -ENOMEM;
	error = ring3_process_start(config, &vm->process);
	if (error) {
		free(vm);
		return error;
	}
	vm->vcpu_count = config->vcpus;
	vm->memory = config->memory;
	memcpy(vm->vcpu_pages, config->vcpu_pages, config->vcpus * sizeof *config->vcpu_pages);
	for (unsigned i = 0; i < config->vcpus; i++) {
		struct engine_vcpu *vcpu = &vm->vcpus[i];

		vcpu->vm = vm;
		vcpu->number = i;
		vcpu->area = (struct ring3_area *)((char *)vm->process.areas + (size_t)i * RING3_AREA_SIZE);
		vcpu->thread = (pid_t)memory_load_u32(&vcpu->area->thread);
		vcpu->spin = vcpu->guest_spin = spin_new();
		vcpu->advised = SPIN_MOST;
		memory_store_u32(&vcpu->area->spin, SPIN_MOST);
	}
	error = -pthread_create(&vm->watcher, NULL, watch, vm);
	vm->watched = !error;
	if (error) {
		ring3_destroy(vm);
		return error;
	}
	*result = vm;
	return 0;
}

static int ring3_probe(char *reason, size_t size)
{
	(void)reason;
	(void)size;
	return 0;
}

const struct engine engine_ring3 = {
	.name = "ring3",
	.probe = ring3_probe,
	.create = ring3_create,
	.destroy = ring3_destroy,
	.vcpu = ring3_vcpu,
	.get_state = ring3_get_state,
	.set_state = ring3_set_state,
	.set_callbacks = ring3_set_callbacks,
	.run = ring3_run,
	.deliver = ring3_deliver,
	.kick = ring3_kick,
	.raise = ring3_raise,
};
