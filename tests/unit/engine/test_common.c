/* SPDX-License-Identifier: ISC */
/*
 * test_common.c ENGINE - what all engines have in common, with guests of a few instructions: hypercalls and their
 * results, what is delivered to a guest's entries, events, kicks, several vCPUs.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

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
			engine->kick(f.vcpu);
			next(&f, ENGINE_EXIT_INTERRUPTED);
		}
		engine->set_state(f.vcpu, &again);
	}
	destroy(&f);
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
	assert_int_equal(engine->get_state(f.vcpu, &state), 0);
	assert_int_equal(state.rip, address_of(guest_read));
	assert_int_equal(state.rdi, bad);
	assert_int_equal(engine->deliver(f.vcpu), -ENOENT);
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
	engine->raise(f->vcpu);
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
			engine->raise(f.vcpu); /* a signal too many */
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
	engine->kick(((struct fixture *)argument)->vcpu);
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
	engine->kick(f.vcpu);
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
			engine->kick(kicker->vcpu);
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
		assert_int_equal(engine->run(f.vcpu, &f.exit), 0);
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

static void *kill_later(void *argument)
{
	wait_ms(5);
	engine->kill(((struct fixture *)argument)->vm);
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
		if (engine->run(runner->vcpu, &exit) || exit.kind != ENGINE_EXIT_HYPERCALL ||
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

		runners[i] = (struct runner){ engine->vcpu(f.vm, i), 2000, false };
		engine->set_state(runners[i].vcpu, &state);
		assert_int_equal(pthread_create(&threads[i], NULL, run_calls, &runners[i]), 0);
	}
	for (unsigned i = 0; i < VCPUS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(runners[i].right);
	}
	destroy(&f);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_no_entry),
		cmocka_unit_test(test_page_fault),
		cmocka_unit_test(test_double_fault),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_event_while_running),
		cmocka_unit_test(test_event_at_return),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_kick_in_calls),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_vcpus),
	};
	const struct engine *which = count == 2 && !strcmp(arguments[1], "kvm") ? &engine_kvm : &engine_ring3;

	if (!use_engine(which))
		return 0;
	return cmocka_run_group_tests_name(which->name, tests, NULL, NULL);
}
