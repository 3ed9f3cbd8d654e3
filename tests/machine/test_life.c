/* SPDX-License-Identifier: ISC */
/*
 * test_life.c - the machine's threads on an engine that only pretends: vCPUs that call all the time, that are
 * started and stopped, and that end the VM all at once. It is for ThreadSanitizer, which knows no guests.
 */
#include "machine/internal.h"
#include "tiny.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { VCPUS = 4 };

#define MIB (UINT64_C(1) << 20)

/* ---- the engine ---- */

struct engine_vcpu {
	unsigned number;
	_Atomic bool kicked;
	_Atomic unsigned runs;
	_Atomic unsigned raised;
	struct engine_state
		state; /* as it was set; not atomic, since the machine has to keep its threads apart */
};

struct engine_vm {
	struct engine_vcpu vcpus[VCPUS];
};

/* An assertion on a thread that is not the test's own, where cmocka's do not work. */
static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What a vCPU does next; by the test. Returns what run() does. */
static int (*behave)(struct engine_vcpu *vcpu, struct engine_exit *exit);
static struct engine_vm *vm;
static _Atomic unsigned vms; /* that were made and not destroyed */

static int fake_probe(char *reason, size_t size)
{
	(void)reason;
	(void)size;
	return 0;
}

static int fake_create(const struct engine_config *config, struct engine_vm **result)
{
	(void)config;
	*result = vm = calloc(1, sizeof *vm);
	for (unsigned i = 0; i < VCPUS; i++)
		vm->vcpus[i].number = i;
	atomic_fetch_add(&vms, 1);
	return 0;
}

static void fake_destroy(struct engine_vm *made)
{
	free(made);
	atomic_fetch_sub(&vms, 1);
}

static struct engine_vcpu *fake_vcpu(struct engine_vm *made, unsigned number)
{
	return &made->vcpus[number];
}

static int fake_get_state(struct engine_vcpu *vcpu, struct engine_state *state)
{
	*state = vcpu->state;
	return 0;
}

static int fake_set_state(struct engine_vcpu *vcpu, const struct engine_state *state)
{
	vcpu->state = *state;
	return 0;
}

static int fake_set_callbacks(struct engine_vcpu *vcpu, const struct engine_callbacks *callbacks)
{
	(void)callbacks;
	vcpu->state.rflags |= 1;
	return 0;
}

static int fake_run(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	atomic_fetch_add(&vcpu->runs, 1);
	if (atomic_exchange(&vcpu->kicked, false)) {
		exit->kind = ENGINE_EXIT_INTERRUPTED;
		return 0;
	}
	sched_yield();
	return behave(vcpu, exit);
}

static int fake_deliver(struct engine_vcpu *vcpu)
{
	(void)vcpu;
	return -ENOENT;
}

static void fake_kick(struct engine_vcpu *vcpu)
{
	atomic_store(&vcpu->kicked, true);
}

static void fake_kill(struct engine_vm *whose)
{
	for (unsigned i = 0; i < VCPUS; i++)
		fake_kick(&whose->vcpus[i]);
}

static void fake_raise(struct engine_vcpu *vcpu)
{
	atomic_fetch_add(&vcpu->raised, 1);
}

static const struct engine fake = {
	.name = "fake",
	.probe = fake_probe,
	.create = fake_create,
	.destroy = fake_destroy,
	.vcpu = fake_vcpu,
	.get_state = fake_get_state,
	.set_state = fake_set_state,
	.set_callbacks = fake_set_callbacks,
	.run = fake_run,
	.deliver = fake_deliver,
	.kick = fake_kick,
	.kill = fake_kill,
	.raise = fake_raise,
};

/* ---- machines ---- */

static struct machine *create(void)
{
	struct machine_config config = {
		.command = "",
		.memory = 4 * MIB,
		.vcpus = VCPUS,
		.engine = &fake,
		.in_flight = 4,
		.input = -1,
		.output = -1,
		.error = -1,
	};
	struct message message;
	struct machine *machine;
	struct tiny tiny;
	char why[64];

	tiny_fill(&tiny);
	config.image = tiny_copy(&tiny);
	config.image_size = sizeof tiny;
	assert_int_equal(gate_policy_allow(&config.policy, "all", why, sizeof why), 0);
	if (machine_create(&config, &machine, &message))
		fail_msg("%s", message.text);
	return machine;
}

static struct machine_result run_and_destroy(struct machine *machine)
{
	struct machine_result result;
	struct message message;

	if (machine_run(machine, &result, &message))
		fail_msg("%s", message.text);
	machine_destroy(machine);
	assert_int_equal(atomic_load(&vms), 0);
	return result;
}

static int call(struct engine_exit *exit, uint64_t number, uint64_t argument)
{
	exit->kind = ENGINE_EXIT_HYPERCALL;
	exit->hypercall.number = number;
	memset(exit->hypercall.args, 0, sizeof exit->hypercall.args);
	exit->hypercall.args[0] = argument;
	return 0;
}

/* ---- vCPUs that all run, and all end the VM ---- */

/* vCPU 0 starts the others with the call that a guest makes, how lies in guest memory. */
static void start_others(const struct engine_vcpu *vcpu, struct engine_exit *exit, unsigned number)
{
	(void)vcpu;
	call(exit, POSTERN_CALL_VCPU_START, number);
	exit->hypercall.args[1] = 0x1800;
}

static void prepare_start(struct machine *machine)
{
	const struct postern_vcpu_start how = { .size = sizeof how,
						.entry = ENGINE_PHYSMAP + 3 * MIB,
						.argument = 5 };

	memcpy(machine->memory.base + 0x1800, &how, sizeof how);
}

static int all_end(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	unsigned runs = atomic_load(&vcpu->runs);

	if (vcpu->number == 0 && runs < VCPUS) {
		start_others(vcpu, exit, runs);
		return 0;
	}
	if (runs < 100)
		return call(exit, POSTERN_CALL_ABI_NOP, 0);
	return call(exit, POSTERN_CALL_VM_EXIT, 10 + vcpu->number);
}

static void test_the_first_end_decides(void **state)
{
	(void)state;
	behave = all_end;
	for (unsigned i = 0; i < 50; i++) {
		struct machine *machine = create();
		struct machine_result result;

		prepare_start(machine);
		result = run_and_destroy(machine);
		assert_int_equal(result.end, MACHINE_EXITED);
		assert_in_range(result.code, 10, 10 + VCPUS - 1);
	}
}

static int all_crash(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	unsigned runs = atomic_load(&vcpu->runs);

	if (vcpu->number == 0 && runs < VCPUS) {
		start_others(vcpu, exit, runs);
		return 0;
	}
	*exit = (struct engine_exit){ .kind = ENGINE_EXIT_EXCEPTION, .exception = { 13, vcpu->number, 0 } };
	return 0;
}

static void test_the_first_crash_is_the_one_that_is_told(void **state)
{
	(void)state;
	behave = all_crash;
	for (unsigned i = 0; i < 50; i++) {
		struct machine *machine = create();
		struct machine_result result;
		char expected[64];

		prepare_start(machine);
		result = run_and_destroy(machine);
		assert_int_equal(result.end, MACHINE_CRASHED);
		snprintf(expected, sizeof expected, "general protection fault (error code 0x%x)",
			 result.crash.vcpu);
		assert_string_equal(result.crash.cause, expected);
	}
}

static int never_end(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	return call(exit, POSTERN_CALL_ABI_NOP, 0);
}

static void *stop_from_outside(void *machine)
{
	machine_stop(machine, SIGTERM);
	return NULL;
}

static void test_many_stop_it_from_outside(void **state)
{
	enum { THREADS = 3 };

	(void)state;
	behave = never_end;
	for (unsigned i = 0; i < 50; i++) {
		struct machine *machine = create();
		struct machine_result result;
		struct message message;
		pthread_t threads[THREADS];

		for (unsigned thread = 0; thread < THREADS; thread++)
			assert_int_equal(pthread_create(&threads[thread], NULL, stop_from_outside, machine),
					 0);
		assert_int_equal(machine_run(machine, &result, &message), 0);
		for (unsigned thread = 0; thread < THREADS; thread++)
			assert_int_equal(pthread_join(threads[thread], NULL), 0);
		machine_destroy(machine);
		assert_int_equal(result.end, MACHINE_SIGNALLED);
	}
}

static int break_down(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	(void)exit;
	return -EIO;
}

static void test_an_engine_that_fails_ends_it(void **state)
{
	struct machine_result result;

	(void)state;
	behave = break_down;
	result = run_and_destroy(create());
	assert_int_equal(result.end, MACHINE_FAILED);
	assert_int_equal(result.code, -EIO);
}

static int vanish(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	(void)vcpu;
	(void)exit;
	return -ESRCH;
}

static void test_a_vcpu_that_is_gone_is_a_crash(void **state)
{
	struct machine_result result;

	(void)state;
	behave = vanish;
	result = run_and_destroy(create());
	assert_int_equal(result.end, MACHINE_CRASHED);
	assert_string_equal(result.crash.cause, "double fault, or its process ended");
}

/* Reads the counter, and ends with what is wrong with it. */
static int read_counter(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	static uint64_t last;
	unsigned runs = atomic_load(&vcpu->runs);

	if (runs == 1)
		last = 0;
	else if (exit->tsc.value % SERVICES_RESOLUTION)
		return call(exit, POSTERN_CALL_VM_EXIT, 1);
	else if (exit->tsc.value < last)
		return call(exit, POSTERN_CALL_VM_EXIT, 2);
	else
		last = exit->tsc.value;
	if (runs == 1000)
		return call(exit, POSTERN_CALL_VM_EXIT, last ? 0 : 3);
	exit->kind = ENGINE_EXIT_TSC;
	return 0;
}

static void test_the_counter_is_as_coarse_as_the_clocks(void **state)
{
	(void)state;
	behave = read_counter;
	assert_int_equal(run_and_destroy(create()).code, 0);
}

/* The hypervisor's leaves, and then one of the processor's own. Ends with what is wrong. */
static int read_leaves(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	const unsigned runs = atomic_load(&vcpu->runs);
	const uint32_t leaf = exit->cpuid.leaf;

	if (runs == 2 && (exit->cpuid.eax < leaf || memcmp(&exit->cpuid.ebx, "Post", 4) != 0 ||
			  memcmp(&exit->cpuid.ecx, "ern ", 4) != 0))
		return call(exit, POSTERN_CALL_VM_EXIT, 1);
	if (runs == 3)
		return call(exit, POSTERN_CALL_VM_EXIT, exit->cpuid.ecx >> 31 && exit->cpuid.eax ? 0 : 2);
	exit->kind = ENGINE_EXIT_CPUID;
	exit->cpuid.leaf = runs == 1 ? 0x40000000 : 1;
	exit->cpuid.subleaf = 0;
	return 0;
}

static void test_cpuid_tells_of_the_hypervisor(void **state)
{
	struct machine_result result;

	(void)state;
	behave = read_leaves;
	result = run_and_destroy(create());
	assert_int_equal(result.end, MACHINE_EXITED);
	assert_int_equal(result.code, 0);
}

/* ---- starting and stopping ---- */

enum { ROUNDS = 200 };

/* vCPU 0 starts and stops vCPU 1, again and again; vCPU 1 calls all the time. */
static int start_and_stop(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	unsigned runs = atomic_load(&vcpu->runs) - 1;

	if (vcpu->number == 1) {
		must(vcpu->state.rip == ENGINE_PHYSMAP + 3 * MIB);
		must(vcpu->state.rdi == 5 && vcpu->state.gs_base == ENGINE_PHYSMAP + 0x3000);
		return call(exit, POSTERN_CALL_ABI_NOP, 0);
	}
	if (runs)
		must(exit->hypercall.result == 0);
	if (runs == 2 * ROUNDS)
		return call(exit, POSTERN_CALL_VM_EXIT, 0);
	if (runs % 2 == 0)
		start_others(vcpu, exit, 1);
	else
		call(exit, POSTERN_CALL_VCPU_STOP, 1);
	return 0;
}

static void test_a_vcpu_is_started_and_stopped(void **state)
{
	struct machine *machine;

	(void)state;
	behave = start_and_stop;
	machine = create();
	prepare_start(machine);
	assert_int_equal(run_and_destroy(machine).end, MACHINE_EXITED);
}

/* vCPU 1 stops itself; vCPU 0 starts it until it could, which is each time once that has happened. */
static int stop_oneself(struct engine_vcpu *vcpu, struct engine_exit *exit)
{
	static _Atomic unsigned started;

	if (vcpu->number == 1)
		return call(exit, POSTERN_CALL_VCPU_STOP, 1);
	if (exit->kind == ENGINE_EXIT_HYPERCALL && exit->hypercall.result == 0 && ++started == 50)
		return call(exit, POSTERN_CALL_VM_EXIT, 0);
	start_others(vcpu, exit, 1);
	return 0;
}

static void test_a_vcpu_stops_itself(void **state)
{
	struct machine *machine;

	(void)state;
	behave = stop_oneself;
	machine = create();
	prepare_start(machine);
	assert_int_equal(run_and_destroy(machine).end, MACHINE_EXITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_end_decides),
		cmocka_unit_test(test_the_first_crash_is_the_one_that_is_told),
		cmocka_unit_test(test_many_stop_it_from_outside),
		cmocka_unit_test(test_an_engine_that_fails_ends_it),
		cmocka_unit_test(test_a_vcpu_that_is_gone_is_a_crash),
		cmocka_unit_test(test_the_counter_is_as_coarse_as_the_clocks),
		cmocka_unit_test(test_cpuid_tells_of_the_hypervisor),
		cmocka_unit_test(test_a_vcpu_is_started_and_stopped),
		cmocka_unit_test(test_a_vcpu_stops_itself),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
