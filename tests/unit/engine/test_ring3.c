/* SPDX-License-Identifier: ISC */
/*
 * test_ring3.c - the engine ring3 by itself, with guests of a few instructions: exits and their answers,
 * what is delivered to a guest's entries, events and kicks.
 */
#include "engine/engine.h"
#include "engine/ring3/layout.h"

#include <postern/abi.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

extern const char guests_start[], guests_end[];
extern const char guest_calls[], guest_privileged[], guest_tsc[], guest_cpuid[], guest_read[], guest_entry[],
	guest_bad_entry[], guest_spin[], guest_spin_enabled[], guest_calls_enabled[], guest_deaf[],
	guest_system_calls[], guest_registers[], guest_map[];

enum { RAM = 1 << 20, CODE = 0x20000, COUNTER = 0x30000, STACKS = 0x50000, PAGES = 0x2000, VCPUS = 4 };

struct fixture {
	struct guest_memory *memory;
	struct engine_vm *vm;
	struct engine_vcpu *vcpu; /* the first */
	struct engine_exit exit;
};

static const struct engine *const ring3 = &engine_ring3;

static uint64_t address_of(const char *label)
{
	return ENGINE_PHYSMAP + CODE + (uint64_t)(label - guests_start);
}

static struct engine_state state_at(const char *label, unsigned vcpu, uint64_t argument)
{
	return (struct engine_state){
		.rip = address_of(label),
		.rbx = ENGINE_HYPERCALL_PAGE,
		.rdi = argument,
		.rsp = ENGINE_PHYSMAP + STACKS + (vcpu + 1) * 0x1000 - 0x100,
		.rflags = 0x202,
	};
}

static struct fixture make(const char *label, uint64_t argument, bool trap_tsc)
{
	static uint64_t pages[VCPUS];
	struct fixture f = { .memory = calloc(1, sizeof(struct guest_memory)) };
	struct engine_config config = {
		.memory = f.memory,
		.vcpus = VCPUS,
		.vcpu_pages = pages,
		.trap_tsc = trap_tsc,
	};
	struct engine_state state = state_at(label, 0, argument);

	assert_non_null(f.memory);
	assert_int_equal(memory_create(f.memory, RAM), 0);
	memcpy(f.memory->base + CODE, guests_start, (size_t)(guests_end - guests_start));
	for (unsigned i = 0; i < VCPUS; i++) {
		pages[i] = PAGES + i * 0x1000;
		((struct postern_vcpu_page *)(f.memory->base + pages[i]))->number = i;
	}
	assert_int_equal(ring3->create(&config, &f.vm), 0);
	f.vcpu = ring3->vcpu(f.vm, 0);
	assert_null(ring3->vcpu(f.vm, VCPUS));
	assert_int_equal(ring3->set_state(f.vcpu, &state), 0);
	return f;
}

static void destroy(struct fixture *f)
{
	ring3->destroy(f->vm);
	memory_destroy(f->memory);
	free(f->memory);
}

static struct postern_vcpu_page *page_of(struct fixture *f, unsigned vcpu)
{
	return (struct postern_vcpu_page *)(f->memory->base + PAGES + vcpu * 0x1000);
}

static volatile uint64_t *counter(struct fixture *f)
{
	return (volatile uint64_t *)(f->memory->base + COUNTER);
}

/* Runs the first vCPU until the next exit, which must be of this kind. */
static struct engine_exit *next(struct fixture *f, enum engine_exit_kind kind)
{
	assert_int_equal(ring3->run(f->vcpu, &f->exit), 0);
	if (f->exit.kind != kind) {
		struct engine_state state;

		ring3->get_state(f->vcpu, &state);
		print_error("exit %d at %#lx, exception %u, error %#x, address %#lx\n", (int)f->exit.kind,
			    state.rip, f->exit.exception.vector, f->exit.exception.error,
			    f->exit.exception.address);
	}
	assert_int_equal(f->exit.kind, kind);
	return &f->exit;
}

static struct engine_exit *next_call(struct fixture *f, uint64_t number)
{
	struct engine_exit *exit = next(f, ENGINE_EXIT_HYPERCALL);

	assert_int_equal(exit->hypercall.number, number);
	return exit;
}

static void use_entries(struct fixture *f, const char *entry, bool events)
{
	const uint64_t at = address_of(entry);
	const struct engine_callbacks callbacks = { events ? at : 0, at, at, at };

	assert_int_equal(ring3->set_callbacks(f->vcpu, &callbacks), 0);
}

static void wait_ms(long ms)
{
	const struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- exits ---- */

static void test_calls(void **unused)
{
	struct fixture f = make(guest_calls, 0, false);

	(void)unused;
	for (uint64_t i = 1; i < 3000; i++) {
		struct engine_exit *exit = next_call(&f, i);

		for (uint64_t j = 0; j < 6; j++)
			assert_int_equal(exit->hypercall.args[j], 0x101 + j);
		exit->hypercall.result = (int64_t)(2 * i);
		if (i % 1000 == 0)
			wait_ms(2); /* both sides sleep */
	}
	f.exit.hypercall.result = -1;
	next_call(&f, 999);
	destroy(&f);
}

static void assert_port(const struct engine_exit *exit, uint16_t port, uint8_t bytes, bool write)
{
	assert_int_equal(exit->port.port, port);
	assert_int_equal(exit->port.bytes, bytes);
	assert_int_equal(exit->port.write, write);
}

static void test_privileged(void **unused)
{
	struct fixture f = make(guest_privileged, 0, false);

	(void)unused;
	assert_port(next(&f, ENGINE_EXIT_PORT), 0x3f8, 1, true);
	assert_int_equal(f.exit.port.value, 0x12);
	assert_port(next(&f, ENGINE_EXIT_PORT), 0x3f8, 2, true);
	assert_int_equal(f.exit.port.value, 0xef12);
	assert_port(next(&f, ENGINE_EXIT_PORT), 0x3f8, 4, true);
	assert_int_equal(f.exit.port.value, 0xabcdef12);
	assert_port(next(&f, ENGINE_EXIT_PORT), 0x60, 1, false);
	f.exit.port.value = 0x42;
	assert_port(next(&f, ENGINE_EXIT_PORT), 0x3f8, 4, false);
	f.exit.port.value = 0x12345678;
	next_call(&f, 1);
	assert_int_equal(f.exit.hypercall.args[0], 0xffffffffffffff42);
	assert_int_equal(f.exit.hypercall.args[1], 0x12345678);
	next(&f, ENGINE_EXIT_MSR);
	assert_int_equal(f.exit.msr.number, 0x1b);
	assert_false(f.exit.msr.write);
	f.exit.msr.value = 0x1122334455667788;
	next_call(&f, 2);
	assert_int_equal(f.exit.hypercall.args[0], 0x55667788);
	assert_int_equal(f.exit.hypercall.args[1], 0x11223344);
	next(&f, ENGINE_EXIT_MSR);
	assert_true(f.exit.msr.write);
	assert_int_equal(f.exit.msr.number, 0x33);
	assert_int_equal(f.exit.msr.value, 0x2200000011);
	next(&f, ENGINE_EXIT_HALT);
	next_call(&f, 3);
	assert_int_equal(f.exit.hypercall.args[0], 1);
	assert_int_equal(f.exit.hypercall.args[1], 0);
	next(&f, ENGINE_EXIT_EXCEPTION);
	assert_int_equal(f.exit.exception.vector, 6);
	destroy(&f);
}

static void test_tsc(void **unused)
{
	struct fixture f = make(guest_tsc, 0, true);

	(void)unused;
	next(&f, ENGINE_EXIT_TSC);
	f.exit.tsc.value = 0x0102030405060708;
	next_call(&f, 1);
	assert_int_equal(f.exit.hypercall.args[0], 0x05060708);
	assert_int_equal(f.exit.hypercall.args[1], 0x01020304);
	destroy(&f);
	f = make(guest_tsc, 0, false);
	next_call(&f, 1);
	destroy(&f);
}

/* Only some processors can make CPUID trap; on others the guest sees the host's. */
static void test_cpuid(void **unused)
{
	struct fixture f = make(guest_cpuid, 0, false);

	(void)unused;
	assert_int_equal(ring3->run(f.vcpu, &f.exit), 0);
	if (f.exit.kind == ENGINE_EXIT_HYPERCALL) {
		destroy(&f);
		skip();
	}
	assert_int_equal(f.exit.kind, ENGINE_EXIT_CPUID);
	assert_int_equal(f.exit.cpuid.leaf, 0x40000000);
	assert_int_equal(f.exit.cpuid.subleaf, 7);
	f.exit.cpuid.eax = 0x1234;
	f.exit.cpuid.ebx = 0x5678;
	next_call(&f, 1);
	assert_int_equal(f.exit.hypercall.args[0], 0x1234);
	assert_int_equal(f.exit.hypercall.args[1], 0x5678);
	destroy(&f);
}

/* What the monitor had in its vector registers is none of the guest's business. */
static void test_registers(void **unused)
{
	struct fixture f = make(guest_registers, 0, false);

	(void)unused;
	for (int i = 0; i < 3; i++) {
		struct engine_state again = state_at(guest_registers, 0, 0);

		next_call(&f, 1);
		assert_int_equal(f.exit.hypercall.args[0], 0x1f80);
		assert_int_equal(f.exit.hypercall.args[1], 0);
		assert_int_equal(f.exit.hypercall.args[2], 0);
		assert_int_equal(f.exit.hypercall.args[3], 0x37f);
		if (i == 1) {
			/* From the guest's own code this time, not from a call. */
			ring3->kick(f.vcpu);
			next(&f, ENGINE_EXIT_INTERRUPTED);
		}
		ring3->set_state(f.vcpu, &again);
	}
	destroy(&f);
}

/* ---- the mapper ---- */

static void test_mapper(void **unused)
{
	const uint64_t at = 0x200000;
	struct fixture f = make(guest_map, at, false);

	(void)unused;
	assert_int_equal(ring3->mapper, ENGINE_HYPERCALL_PAGE + 0x40);
	next_call(&f, 1);
	assert_int_equal(f.exit.hypercall.args[0], 0);
	assert_int_equal(f.exit.hypercall.args[1], 4096);
	assert_int_equal(f.exit.hypercall.args[2], 3);
	assert_int_equal(f.exit.hypercall.args[3], COUNTER);
	assert_int_equal(f.exit.hypercall.args[4], 0x108);
	assert_int_equal(f.exit.hypercall.args[5], 0x109);
	next_call(&f, 2);
	assert_int_equal(f.exit.hypercall.args[0], 0);
	assert_int_equal(*counter(&f), 0x1234);
	next_call(&f, 3);
	assert_int_equal(f.exit.hypercall.args[0], 0x1234);
	next(&f, ENGINE_EXIT_EXCEPTION);
	assert_int_equal(f.exit.exception.vector, 14);
	assert_int_equal(f.exit.exception.address, at);
	assert_int_equal(*counter(&f), 0x1234);
	destroy(&f);
}

/* Where programs cannot be: neither the engine's own memory nor the physmap is for the mapper. */
static void test_mapper_elsewhere(void **unused)
{
	static const uint64_t places[] = {
		ENGINE_USER_END,  ENGINE_PHYSMAP - 0x10000000, ENGINE_HYPERCALL_PAGE, ENGINE_PHYSMAP + 0x2000,
		~UINT64_C(0xfff),
	};

	(void)unused;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct fixture f = make(guest_map, places[i], false);

		next(&f, ENGINE_EXIT_SHUTDOWN);
		destroy(&f);
	}
}

/* ---- exceptions ---- */

static void test_no_entry(void **unused)
{
	const uint64_t bad = UINT64_C(0x10000);
	struct fixture f = make(guest_read, bad, false);
	struct engine_state state;

	(void)unused;
	next(&f, ENGINE_EXIT_EXCEPTION);
	assert_int_equal(f.exit.exception.vector, 14);
	assert_int_equal(f.exit.exception.address, bad);
	assert_int_equal(ring3->get_state(f.vcpu, &state), 0);
	assert_int_equal(state.rip, address_of(guest_read));
	assert_int_equal(state.rdi, bad);
	assert_int_equal(ring3->deliver(f.vcpu), -ENOENT);
	/* Nothing has changed, so it happens again. */
	next(&f, ENGINE_EXIT_EXCEPTION);
	destroy(&f);
}

static void test_page_fault(void **unused)
{
	const uint64_t bad = UINT64_C(0x10000);
	struct fixture f = make(guest_read, bad, false);

	(void)unused;
	use_entries(&f, guest_entry, true);
	for (int i = 0; i < 3; i++) {
		next_call(&f, 77);
		assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_PAGE_FAULT);
		assert_int_equal(f.exit.hypercall.args[1], 14);
		assert_int_equal(f.exit.hypercall.args[2], bad);
		assert_int_equal(f.exit.hypercall.args[3], address_of(guest_read));
	}
	destroy(&f);
}

static void test_double_fault(void **unused)
{
	struct fixture f = make(guest_read, 0x10000, false);

	(void)unused;
	use_entries(&f, guest_bad_entry, true);
	next(&f, ENGINE_EXIT_SHUTDOWN);
	destroy(&f);
}

static void test_system_calls(void **unused)
{
	struct fixture f = make(guest_system_calls, 0, false);

	(void)unused;
	use_entries(&f, guest_entry, true);
	for (int i = 0; i < 2; i++) {
		next_call(&f, 77);
		assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_SYSTEM_CALL);
	}
	/* vsyscall: a fault where the host has none, or a system call. */
	next_call(&f, 77);
	assert_int_not_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_EVENT);
	destroy(&f);
}

/* ---- events ---- */

static void send(struct fixture *f, unsigned bit)
{
	__atomic_fetch_or(&page_of(f, 0)->pending, UINT64_C(1) << bit, __ATOMIC_SEQ_CST);
}

static void *send_later(void *argument)
{
	struct fixture *f = argument;

	wait_ms(5);
	send(f, 3);
	ring3->raise(f->vcpu);
	return NULL;
}

static void test_event_while_running(void **unused)
{
	struct fixture f = make(guest_spin_enabled, ENGINE_PHYSMAP + COUNTER, false);
	pthread_t thread;

	(void)unused;
	use_entries(&f, guest_entry, true);
	assert_int_equal(pthread_create(&thread, NULL, send_later, &f), 0);
	next_call(&f, 77);
	pthread_join(thread, NULL);
	assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_EVENT);
	assert_int_equal(f.exit.hypercall.args[5], 8);
	destroy(&f);
}

/* An event that comes while the vCPU is in a call is there when it returns, with no signal and no lost one. */
static void test_event_at_return(void **unused)
{
	struct fixture f = make(guest_calls_enabled, 0, false);
	uint64_t after = 0;

	(void)unused;
	use_entries(&f, guest_entry, true);
	next_call(&f, 5);
	for (int i = 0; i < 100; i++) {
		send(&f, 9);
		if (i % 2)
			ring3->raise(f.vcpu); /* a signal too many */
		next_call(&f, 77);
		assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_EVENT);
		assert_int_equal(f.exit.hypercall.args[5], 1 << 9);
		assert_in_range(f.exit.hypercall.args[3], address_of(guest_calls_enabled),
				address_of(guest_calls_enabled) + 32);
		after = f.exit.hypercall.args[3];
		next_call(&f, 5);
	}
	assert_int_not_equal(after, 0);
	/* Masked, or without an entry, it is left alone. */
	page_of(&f, 0)->masked = 1 << 9;
	send(&f, 9);
	next_call(&f, 5);
	page_of(&f, 0)->masked = 0;
	use_entries(&f, guest_entry, false);
	next_call(&f, 5);
	destroy(&f);
}

/* ---- kicks ---- */

static void *kick_later(void *argument)
{
	wait_ms(5);
	ring3->kick(((struct fixture *)argument)->vcpu);
	return NULL;
}

static void test_kick(void **unused)
{
	struct fixture f = make(guest_spin, ENGINE_PHYSMAP + COUNTER, false);

	(void)unused;
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		uint64_t seen;

		assert_int_equal(pthread_create(&thread, NULL, kick_later, &f), 0);
		next(&f, ENGINE_EXIT_INTERRUPTED);
		pthread_join(thread, NULL);
		seen = *counter(&f);
		assert_int_not_equal(seen, 0);
		wait_ms(1);
		assert_int_equal(*counter(&f), seen); /* it really stands still */
	}
	/* One that comes before run() is not lost. */
	ring3->kick(f.vcpu);
	next(&f, ENGINE_EXIT_INTERRUPTED);
	destroy(&f);
}

/* Kicks at any moment of a hypercall, and none is lost, and no call either. */
struct kicker {
	struct engine_vcpu *vcpu;
	_Atomic bool stop;
	_Atomic bool wanted;
};

static void *kick_on(void *argument)
{
	struct kicker *kicker = argument;

	while (!atomic_load(&kicker->stop)) {
		if (atomic_exchange(&kicker->wanted, false))
			ring3->kick(kicker->vcpu);
	}
	return NULL;
}

static void test_kick_in_calls(void **unused)
{
	struct fixture f = make(guest_calls, 0, false);
	struct kicker kicker = { .vcpu = f.vcpu, .wanted = true };
	uint64_t calls = 0;
	unsigned kicks = 0;
	pthread_t thread;

	(void)unused;
	assert_int_equal(pthread_create(&thread, NULL, kick_on, &kicker), 0);
	while (kicks < 300) {
		assert_int_equal(ring3->run(f.vcpu, &f.exit), 0);
		if (f.exit.kind == ENGINE_EXIT_INTERRUPTED) {
			kicks++;
			atomic_store(&kicker.wanted, true);
			continue;
		}
		assert_int_equal(f.exit.kind, ENGINE_EXIT_HYPERCALL);
		assert_int_equal(f.exit.hypercall.number, ++calls);
		f.exit.hypercall.result = (int64_t)(2 * calls);
	}
	atomic_store(&kicker.stop, true);
	pthread_join(thread, NULL);
	destroy(&f);
}

/* A guest that lets no signal through is ended, and nothing else. */
static void test_deaf(void **unused)
{
	struct fixture f = make(guest_deaf, ENGINE_PHYSMAP + COUNTER + 0x1000, false);
	struct engine_state state = state_at(guest_deaf, 0, ENGINE_PHYSMAP + COUNTER + 0x1000);
	ucontext_t frame = { 0 };
	pthread_t thread;

	(void)unused;
	frame.uc_mcontext.gregs[REG_RIP] = (greg_t)address_of(guest_spin);
	frame.uc_mcontext.gregs[REG_RDI] = (greg_t)(ENGINE_PHYSMAP + COUNTER);
	frame.uc_mcontext.gregs[REG_RSP] = (greg_t)(ENGINE_PHYSMAP + STACKS + 0x800);
	frame.uc_mcontext.gregs[REG_CSGSFS] = (greg_t)((0x2bULL << 48) | 0x33);
	frame.uc_mcontext.gregs[REG_EFL] = 0x202;
	memset(&frame.uc_sigmask, 0xff, 8);
	memcpy(f.memory->base + COUNTER + 0x1000, &frame, sizeof frame);
	/* The engine's instruction that makes the call: in its code, readable as it is. */
	for (const char *at = __start_ring3_code; at < __stop_ring3_code - 7; at++) {
		if (!memcmp(at, "\xb8\x0f\x00\x00\x00\x0f\x05", 7))
			state.rsi = RING3_CODE + RING3_CODE_AT + (uint64_t)(at - __start_ring3_code);
	}
	assert_int_not_equal(state.rsi, 0);
	ring3->set_state(f.vcpu, &state);
	assert_int_equal(pthread_create(&thread, NULL, kick_later, &f), 0);
	next(&f, ENGINE_EXIT_SHUTDOWN);
	pthread_join(thread, NULL);
	assert_int_not_equal(*counter(&f), 0); /* it had got that far */
	destroy(&f);
}

static void *kill_later(void *argument)
{
	wait_ms(5);
	ring3->kill(((struct fixture *)argument)->vm);
	return NULL;
}

static void test_kill(void **unused)
{
	struct fixture f = make(guest_spin, ENGINE_PHYSMAP + COUNTER, false);
	pthread_t thread;

	(void)unused;
	assert_int_equal(pthread_create(&thread, NULL, kill_later, &f), 0);
	next(&f, ENGINE_EXIT_SHUTDOWN);
	pthread_join(thread, NULL);
	next(&f, ENGINE_EXIT_SHUTDOWN);
	destroy(&f);
}

/* ---- several vCPUs ---- */

struct runner {
	struct engine_vcpu *vcpu;
	uint64_t calls;
	bool right;
};

static void *run_calls(void *argument)
{
	struct runner *runner = argument;
	struct engine_exit exit;

	runner->right = true;
	for (uint64_t i = 1; i <= runner->calls; i++) {
		if (ring3->run(runner->vcpu, &exit) || exit.kind != ENGINE_EXIT_HYPERCALL ||
		    exit.hypercall.number != i)
			runner->right = false;
		exit.hypercall.result = (int64_t)(2 * i);
	}
	return NULL;
}

static void test_vcpus(void **unused)
{
	struct fixture f = make(guest_calls, 0, false);
	struct runner runners[VCPUS];
	pthread_t threads[VCPUS];

	(void)unused;
	for (unsigned i = 0; i < VCPUS; i++) {
		struct engine_state state = state_at(guest_calls, i, 0);

		runners[i] = (struct runner){ ring3->vcpu(f.vm, i), 2000, false };
		ring3->set_state(runners[i].vcpu, &state);
		assert_int_equal(pthread_create(&threads[i], NULL, run_calls, &runners[i]), 0);
	}
	for (unsigned i = 0; i < VCPUS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(runners[i].right);
	}
	destroy(&f);
}

static void test_probe(void **unused)
{
	char reason[128] = "";

	(void)unused;
	assert_int_equal(ring3->probe(reason, sizeof reason), 0);
	assert_string_equal(reason, "");
}

/* What takes hardware is refused, in whole. */
static void test_not_supported(void **unused)
{
	static const uint64_t pages[] = { PAGES };
	struct fixture f = make(guest_spin, ENGINE_PHYSMAP + COUNTER, false);
	struct engine_config config = { .memory = f.memory, .vcpus = 1, .vcpu_pages = pages };
	struct engine_vm *vm = NULL;
	uint64_t dirty[RAM / 4096 / 64];

	(void)unused;
	config.start = ENGINE_START_PVH;
	assert_int_equal(ring3->create(&config, &vm), -ENOTSUP);
	config.start = ENGINE_START_LINUX64;
	assert_int_equal(ring3->create(&config, &vm), -ENOTSUP);
	config.start = ENGINE_START_PARAVIRTUAL;
	config.chipset = true;
	assert_int_equal(ring3->create(&config, &vm), -ENOTSUP);
	assert_null(vm);
	assert_int_equal(ring3->interrupt_line(f.vm, 4, true), -ENOTSUP);
	assert_int_equal(ring3->track_dirty(f.vm, true), -ENOTSUP);
	assert_int_equal(ring3->take_dirty(f.vm, dirty, RAM / 4096 / 64), -ENOTSUP);
	destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_not_supported),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_tsc),
		cmocka_unit_test(test_cpuid),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_mapper),
		cmocka_unit_test(test_mapper_elsewhere),
		cmocka_unit_test(test_no_entry),
		cmocka_unit_test(test_page_fault),
		cmocka_unit_test(test_double_fault),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_event_while_running),
		cmocka_unit_test(test_event_at_return),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_kick_in_calls),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
