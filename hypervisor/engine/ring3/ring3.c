/* SPDX-License-Identifier: ISC */
/*
 * ring3.c - the engine ring3: a guest runs in ring 3 of a locked-down process, and meets the monitor at a
 * mailbox for each vCPU. This file is the monitor's side of it.
 */
#include "engine/ring3/decode.h"
#include "engine/ring3/interrupt.h"
#include "engine/ring3/layout.h"
#include "engine/ring3/pair.h"
#include "engine/ring3/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
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
	enum debt debt;
	uint8_t length;       /* of the emulated instruction */
	bool shadow;          /* STI was the last instruction, and HLT is the next: no interrupt in between */
	struct ring3_idt idt; /* of a guest that knows nothing of Postern */
	struct {
		uint8_t vector;
		uint32_t error;
	} fault; /* the last exception that was an exit */
	struct engine_callbacks callbacks;
	struct engine_state state; /* the monitor's copy; what the guest left in its area is hostile */
	bool holds_state;          /* the vCPU waits for a state, and for what to do with it: */
	enum ring3_answer answer;
	bool starts; /* whatever it does, it is to begin with this state */
	struct pair pair;
	uint32_t advised; /* how often the guest looks: what its area holds of that */
	_Atomic bool kicked;
};

struct engine_vm {
	struct ring3_process process;
	struct guest_memory *memory;
	unsigned vcpu_count;
	uint64_t vcpu_pages[ENGINE_MAX_VCPUS]; /* guest-physical */
	struct engine_vcpu vcpus[ENGINE_MAX_VCPUS];
	int (*acknowledge)(void *owner); /* as in the config */
	void *owner;
	pthread_t watcher; /* waits for the end of the process, and lets pairs go */
	int bell;          /* an eventfd: some pair is confined */
	struct pair_places places;
	bool watched;
	_Atomic bool gone;
};

enum { HLT = 0xf4 };

/* For how long a kicked vCPU may keep its processor, in seconds. It needs some microseconds, so this is for machines
 * that are overloaded, and for guests that refuse. */
enum { PATIENCE = 3 };

#define NANOSECONDS UINT64_C(1000000000)

/* ---- the mailbox ---- */

static void futex(uint32_t *word, int operation, uint32_t value)
{
	syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void ring_watcher(struct engine_vm *vm)
{
	const uint64_t one = 1;

	/* It cannot fail: nobody counts to 2^64. */
	(void)!write(vm->bell, &one, sizeof one);
}

static void wake(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;

	__atomic_fetch_or(turn, RING3_KICKED, __ATOMIC_SEQ_CST);
	futex(turn, FUTEX_WAKE,
	      INT_MAX); /* the guest may have threads wait there, to be woken in its place */
}

static void hand_over(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;
	const uint32_t looks = vcpu->pair.spin.budget;

	if (looks != vcpu->advised) {
		vcpu->advised = looks;
		memory_store_u32(&vcpu->area->spin, looks);
	}
	vcpu->pair.guest_slept = __atomic_exchange_n(turn, 0, __ATOMIC_SEQ_CST) & RING3_GUEST_WAITS;
	if (vcpu->pair.guest_slept)
		futex(turn, FUTEX_WAKE, 1);
}

static bool is_gone(struct engine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->vm->gone, memory_order_acquire);
}

static bool is_kicked(struct engine_vcpu *vcpu)
{
	return atomic_load_explicit(&vcpu->kicked, memory_order_relaxed);
}

static bool has_turn(struct engine_vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->area->mailbox.turn, __ATOMIC_ACQUIRE) & RING3_TURN_HOST;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/*
 * A vCPU that was kicked gives itself up at once, unless its guest has blocked the signal or stopped its thread: then
 * its process ends. The time counts from when this is first called after the kick, with *until zero, and no waking
 * by the guest begins it anew.
 */
static void watch_kicked(struct engine_vcpu *vcpu, uint64_t *until)
{
	if (!is_kicked(vcpu))
		return;
	if (*until && now() >= *until)
		kill(vcpu->vm->process.pid, SIGKILL);
	else if (*until)
		return;
	*until = now() + PATIENCE * NANOSECONDS;
}

/* Sleeps until the mailbox changes, or until a time that is not zero. */
static void sleep_on(uint32_t *turn, uint64_t until)
{
	const struct timespec time = { (time_t)(until / NANOSECONDS), (long)(until % NANOSECONDS) };

	syscall(SYS_futex, turn, FUTEX_WAIT_BITSET, RING3_HOST_WAITS, until ? &time : NULL, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

/* Returns whether the turn is the monitor's; otherwise the process is gone. */
static bool wait_for_turn(struct engine_vcpu *vcpu)
{
	uint32_t *turn = &vcpu->area->mailbox.turn;
	uint64_t until = 0;

	for (uint32_t i = spin_looks(&vcpu->pair.spin); i > 0; i--) {
		if (has_turn(vcpu)) {
			pair_waited(&vcpu->pair, true);
			return true;
		}
		__builtin_ia32_pause();
	}
	if (pair_waited(&vcpu->pair, false))
		ring_watcher(vcpu->vm);
	while (!has_turn(vcpu)) {
		uint32_t seen = __atomic_load_n(turn, __ATOMIC_RELAXED);

		if (is_gone(vcpu))
			return false;
		watch_kicked(vcpu, &until);
		if (seen & RING3_TURN_HOST)
			continue;
		if (__atomic_compare_exchange_n(turn, &seen, RING3_HOST_WAITS, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			sleep_on(turn, until);
	}
	vcpu->pair.guest_processor = memory_load_u32(&vcpu->area->processor);
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

static bool is_halt(struct engine_vcpu *vcpu)
{
	uint8_t bytes[RING3_LONGEST_INSTRUCTION];

	return fetch(vcpu, bytes) && bytes[0] == HLT;
}

/*
 * After STI comes one more instruction before any interrupt. This matters where that is HLT, which would otherwise
 * sleep through it; it is an exit anyway.
 */
static void mask(struct engine_vcpu *vcpu, bool enabled)
{
	memory_store_u32(&page_of(vcpu)->enabled, enabled);
	vcpu->shadow = enabled && is_halt(vcpu);
}

/*
 * The instructions that the engine sees to itself. Returns false if one is not possible as it is. Without somebody to
 * ask for interrupts there are no tables of a guest's own.
 */
static bool execute(struct engine_vcpu *vcpu, enum ring3_effect effect, const struct engine_exit *exit,
		    uint8_t length)
{
	const struct guest_memory *memory = vcpu->vm->memory;
	bool enabled;

	if (effect == RING3_EFFECT_RETURN) {
		if (!vcpu->vm->acknowledge || !ring3_return(memory, &vcpu->state, &enabled))
			return false;
		mask(vcpu, enabled);
		return true;
	}
	if (effect == RING3_EFFECT_TABLE &&
	    (!vcpu->vm->acknowledge || !ring3_load_idt(memory, exit->mmio.address, &vcpu->idt)))
		return false;
	step_over(vcpu, length);
	if (effect == RING3_EFFECT_MASK || effect == RING3_EFFECT_UNMASK)
		mask(vcpu, effect == RING3_EFFECT_UNMASK);
	return true;
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
	*resume = execute(vcpu, effect, exit, length);
	return *resume;
}

/* Continues a guest that knows nothing of Postern at an entry of its own table. */
static bool enter_by_table(struct engine_vcpu *vcpu, uint8_t vector, uint32_t error)
{
	struct postern_vcpu_page *page = page_of(vcpu);
	bool enabled = memory_load_u32(&page->enabled);

	if (!ring3_interrupt(vcpu->vm->memory, &vcpu->idt, vector, error, &vcpu->state, &enabled))
		return false;
	memory_store_u32(&page->enabled, enabled);
	return true;
}

/*
 * Before the guest goes on where it was interrupted: an interrupt, if there is one and it wants any. Returns false if
 * it cannot be delivered; a processor would give up there.
 */
static bool interrupt(struct engine_vcpu *vcpu)
{
	struct engine_vm *vm = vcpu->vm;
	int vector;

	if (!vm->acknowledge || !vcpu->holds_state || vcpu->starts || vcpu->answer != RING3_RESUME ||
	    vcpu->shadow || !memory_load_u32(&page_of(vcpu)->enabled))
		return true;
	vector = vm->acknowledge(vm->owner);
	if (vector < 0)
		return true;
	return enter_by_table(vcpu, (uint8_t)vector, 0);
}

static void take_state(struct engine_vcpu *vcpu)
{
	memory_load_words(&vcpu->state, &vcpu->area->state, sizeof vcpu->state / 8);
	vcpu->holds_state = true;
	vcpu->answer = RING3_RESUME;
}

/* Returns false if the guest can go on at once. */
static bool take_exception(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const struct ring3_mailbox *mailbox = &vcpu->area->mailbox;
	uint8_t vector = (uint8_t)memory_load_u64(&mailbox->number);
	bool resume = false;

	take_state(vcpu);
	if (vector == 13 && emulate(vcpu, exit, &resume))
		return !resume;
	exit->kind = ENGINE_EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.error = (uint32_t)memory_load_u64(&mailbox->args[0]);
	exit->exception.address = memory_load_u64(&mailbox->args[1]);
	vcpu->fault.vector = vector;
	vcpu->fault.error = exit->exception.error;
	return true;
}

/* The vCPU has given itself up: for a kick, or to begin afresh. */
static bool take_interruption(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	if (vcpu->starts) {
		vcpu->holds_state = true;
		return false;
	}
	take_state(vcpu);
	exit->kind = ENGINE_EXIT_INTERRUPTED;
	return atomic_exchange_explicit(&vcpu->kicked, false, memory_order_relaxed);
}

/* Returns false if there is nothing that the caller could serve. */
static bool take_exit(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const struct ring3_mailbox *mailbox = &vcpu->area->mailbox;

	switch (memory_load_u32(&mailbox->kind)) {
	case RING3_HYPERCALL:
		take_hypercall(mailbox, exit);
		vcpu->debt = RESULT;
		return true;
	case RING3_EXCEPTION:
		return take_exception(vcpu, exit);
	case RING3_INTERRUPTED:
		return take_interruption(vcpu, exit);
	case RING3_DOUBLE_FAULT:
		take_state(vcpu);
		exit->kind = ENGINE_EXIT_SHUTDOWN;
		return true;
	default: /* the guest wrote nonsense into its mailbox */
		exit->kind = ENGINE_EXIT_SHUTDOWN;
		return true;
	}
}

/* Takes what the caller owes the guest for the last exit. */
static void pay(struct engine_vcpu *vcpu, const struct engine_exit *exit)
{
	if (vcpu->debt == RESULT)
		memory_store_u64(&vcpu->area->mailbox.number, (uint64_t)exit->hypercall.result);
	if (vcpu->debt == INSTRUCTION) {
		ring3_apply(exit, &vcpu->state);
		vcpu->shadow = false;
		step_over(vcpu, vcpu->length);
	}
	vcpu->debt = NOTHING;
}

/* Puts the state there that the vCPU waits for. One that waits for a result instead is called from there first. */
static void put_state(struct engine_vcpu *vcpu)
{
	if (!vcpu->holds_state) {
		if (vcpu->starts)
			memory_store_u32(&vcpu->area->kicked, 1);
		return;
	}
	memory_store_words(&vcpu->area->state, &vcpu->state, sizeof vcpu->state / 8);
	memory_store_u64(&vcpu->area->mailbox.number, vcpu->starts ? RING3_START : vcpu->answer);
	vcpu->holds_state = vcpu->starts = false;
}

static void send_signal(struct engine_vcpu *vcpu, int signal)
{
	syscall(SYS_tgkill, vcpu->vm->process.pid, vcpu->pair.guest_thread, signal);
}

static int ring3_run(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	do {
		if (has_turn(vcpu)) {
			pay(vcpu, exit);
			if (is_kicked(vcpu)) {
				atomic_store_explicit(&vcpu->kicked, false, memory_order_relaxed);
				exit->kind = ENGINE_EXIT_INTERRUPTED;
				return 0;
			}
			if (!interrupt(vcpu)) {
				exit->kind = ENGINE_EXIT_SHUTDOWN;
				return 0;
			}
			put_state(vcpu);
			hand_over(vcpu);
			/* A kick in between has seen the turn here, and left this to us. */
			if (is_kicked(vcpu))
				send_signal(vcpu, RING3_KICK_SIGNAL);
		}
		if (!wait_for_turn(vcpu)) {
			exit->kind = ENGINE_EXIT_SHUTDOWN;
			return 0;
		}
	} while (!take_exit(vcpu, exit));
	return 0;
}

static int ring3_deliver(struct engine_vcpu *vcpu)
{
	if (vcpu->vm->acknowledge && enter_by_table(vcpu, vcpu->fault.vector, vcpu->fault.error))
		return 0;
	if (!vcpu->callbacks.exception)
		return -ENOENT;
	vcpu->answer = RING3_DELIVER;
	return 0;
}

/* A signal to the vCPU's thread; its handler looks whether there is an event to take. */
static void ring3_raise(struct engine_vcpu *vcpu)
{
	send_signal(vcpu, RING3_RAISE_SIGNAL);
}

static void ring3_kick(struct engine_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->kicked, true, memory_order_seq_cst);
	if (__atomic_load_n(&vcpu->area->mailbox.turn, __ATOMIC_SEQ_CST) & RING3_TURN_HOST)
		return;
	send_signal(vcpu, RING3_KICK_SIGNAL);
	wake(vcpu); /* its thread waits with less patience from here on */
}

/* The watcher tells all vCPUs when it has happened. */
static void ring3_kill(struct engine_vm *vm)
{
	kill(vm->process.pid, SIGKILL);
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
	vcpu->starts = true;
	vcpu->debt = NOTHING;
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

/* Waits for the end of the process, or the bell, or some milliseconds (-1: for ever). Returns whether it was the end. */
static bool has_ended(const struct engine_vm *vm, int milliseconds, bool or_bell)
{
	struct pollfd events[] = {
		{ .fd = vm->process.pidfd, .events = POLLIN },
		{ .fd = vm->bell, .events = POLLIN },
	};

	return poll(events, or_bell ? 2 : 1, milliseconds) > 0 && events[0].revents;
}

/* Some pair is confined. Those that are when the time is over are let go together, whenever theirs began. */
static bool watch_pairs(struct engine_vm *vm)
{
	bool ended = has_ended(vm, PAIR_MILLISECONDS, false);
	uint64_t count;

	(void)!read(vm->bell, &count, sizeof count);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		pair_release(&vm->vcpus[i].pair);
	pair_round_ended(&vm->places);
	return ended;
}

static void *watch(void *argument)
{
	struct engine_vm *vm = argument;

	while (!has_ended(vm, -1, true) && !watch_pairs(vm))
		;
	atomic_store_explicit(&vm->gone, true, memory_order_release);
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
	close(vm->bell);
	free(vm);
}

/* The process has not run any code of the guest, so that what its threads say of themselves is true. */
static int ring3_settle(struct engine_vm *vm)
{
	const uint32_t looks = pair_looks();
	int error = ring3_process_settle(&vm->process, vm->vcpu_count);

	if (!error && clock_getcpuclockid(vm->process.pid, &vm->places.guest_clock))
		vm->places.guest_clock =
			CLOCK_MONOTONIC; /* it seems to run all the time, and is not confined */
	for (unsigned i = 0; i < vm->vcpu_count && !error; i++) {
		struct engine_vcpu *vcpu = &vm->vcpus[i];

		vcpu->advised = looks;
		memory_store_u32(&vcpu->area->spin, looks);
		pair_init(&vcpu->pair, &vm->places, looks, (pid_t)memory_load_u32(&vcpu->area->thread));
	}
	return error;
}

static int ring3_create(const struct engine_config *config, struct engine_vm **result)
{
	struct engine_vm *vm;
	int error;

	if (config->vcpus < 1 || config->vcpus > ENGINE_MAX_VCPUS)
		return -EINVAL;
	if (config->start != ENGINE_START_PARAVIRTUAL || config->chipset)
		return -ENOTSUP;
	vm = calloc(1, sizeof *vm);
	if (!vm)
		return -ENOMEM;
	vm->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = vm->bell < 0 ? -errno : ring3_process_start(config, &vm->process);
	if (error) {
		close(vm->bell);
		free(vm);
		return error;
	}
	vm->vcpu_count = config->vcpus;
	vm->memory = config->memory;
	vm->acknowledge = config->acknowledge;
	vm->owner = config->owner;
	memcpy(vm->vcpu_pages, config->vcpu_pages, config->vcpus * sizeof *config->vcpu_pages);
	for (unsigned i = 0; i < config->vcpus; i++) {
		struct engine_vcpu *vcpu = &vm->vcpus[i];

		vcpu->vm = vm;
		vcpu->number = i;
		vcpu->area = (struct ring3_area *)((char *)vm->process.areas + (size_t)i * RING3_AREA_SIZE);
		vcpu->holds_state = true;
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

/* ---- what only hardware has ---- */

static int ring3_interrupt_line(struct engine_vm *vm, unsigned line, bool level)
{
	(void)vm;
	(void)line;
	(void)level;
	return -ENOTSUP;
}

static int ring3_track_dirty(struct engine_vm *vm, bool on)
{
	(void)vm;
	(void)on;
	return -ENOTSUP;
}

static int ring3_take_dirty(struct engine_vm *vm, uint64_t *bitmap, size_t words)
{
	(void)vm;
	(void)bitmap;
	(void)words;
	return -ENOTSUP;
}

static bool ring3_is_likely(void)
{
	return true;
}

/* Says what the host lacks for a guest process, as far as that can be asked for without making one. */
static int ring3_probe(char *reason, size_t size)
{
	const uint32_t trap = SECCOMP_RET_TRAP;
	int memory = memfd_create("probe", MFD_CLOEXEC);

	if (memory < 0) {
		snprintf(reason, size, "it has no memfd: %s", strerror(errno));
		return -ENOTSUP;
	}
	close(memory);
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap)) {
		snprintf(reason, size, "its kernel has no seccomp filters that trap: %s", strerror(errno));
		return -ENOTSUP;
	}
	return 0;
}

const struct engine engine_ring3 = {
	.name = "ring3",
	.mapper = RING3_CODE + RING3_MAPPER_AT,
	.is_likely = ring3_is_likely,
	.probe = ring3_probe,
	.create = ring3_create,
	.settle = ring3_settle,
	.destroy = ring3_destroy,
	.vcpu = ring3_vcpu,
	.get_state = ring3_get_state,
	.set_state = ring3_set_state,
	.set_callbacks = ring3_set_callbacks,
	.run = ring3_run,
	.deliver = ring3_deliver,
	.kick = ring3_kick,
	.kill = ring3_kill,
	.raise = ring3_raise,
	.interrupt_line = ring3_interrupt_line,
	.track_dirty = ring3_track_dirty,
	.take_dirty = ring3_take_dirty,
};
