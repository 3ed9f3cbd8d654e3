/* SPDX-License-Identifier: ISC */
/*
 * test_ring3.c - what only the engine ring3 has: instructions that are decoded, the mapper, and guests that refuse to be
 * kicked.
 */
#include "fixture.h"

#include "engine/ring3/layout.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static void *kick_later(void *argument)
{
	wait_ms(5);
	engine->kick(((struct fixture *)argument)->vcpu);
	return NULL;
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
	assert_int_equal(engine->run(f.vcpu, &f.exit), 0);
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

static void test_mapper(void **unused)
{
	const uint64_t at = 0x200000;
	struct fixture f = make(guest_map, at, false);

	(void)unused;
	assert_int_equal(engine->mapper, ENGINE_HYPERCALL_PAGE + 0x40);
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
	engine->set_state(f.vcpu, &state);
	assert_int_equal(pthread_create(&thread, NULL, kick_later, &f), 0);
	next(&f, ENGINE_EXIT_SHUTDOWN);
	pthread_join(thread, NULL);
	assert_int_not_equal(*counter(&f), 0); /* it had got that far */
	destroy(&f);
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
	assert_int_equal(engine->create(&config, &vm), -ENOTSUP);
	config.start = ENGINE_START_LINUX64;
	assert_int_equal(engine->create(&config, &vm), -ENOTSUP);
	config.start = ENGINE_START_PARAVIRTUAL;
	config.chipset = true;
	assert_int_equal(engine->create(&config, &vm), -ENOTSUP);
	assert_null(vm);
	assert_int_equal(engine->interrupt_line(f.vm, 4, true), -ENOTSUP);
	assert_int_equal(engine->track_dirty(f.vm, true), -ENOTSUP);
	assert_int_equal(engine->take_dirty(f.vm, dirty, RAM / 4096 / 64), -ENOTSUP);
	destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_tsc),
		cmocka_unit_test(test_cpuid),
		cmocka_unit_test(test_mapper),
		cmocka_unit_test(test_mapper_elsewhere),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_not_supported),
	};

	return use_engine(&engine_ring3) ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
