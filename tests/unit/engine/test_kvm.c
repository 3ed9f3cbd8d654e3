/* SPDX-License-Identifier: ISC */
/*
 * test_kvm.c - what only the engine kvm has: the instructions that its guests are given by the processor, programs in
 * ring 3, starts of guests that know nothing of Postern, the chipset, notes of what was written; and what
 * becomes of a VM when KVM refuses something.
 */
#include "fixture.h"

#include "engine/kvm/internal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char guest_ports[], guest_strings[], guest_fault_msr[], guest_fault_undefined[],
	guest_fault_divide[], guest_fault_breakpoint[], guest_cr3[], guest_enter_program[], guest_program[],
	guest_pvh[], guest_linux64[];

/* ---- instructions ---- */

static void assert_port(const struct engine_exit *exit, uint16_t port, uint8_t bytes, bool write)
{
	assert_int_equal(exit->port.port, port);
	assert_int_equal(exit->port.bytes, bytes);
	assert_int_equal(exit->port.write, write);
}

static void test_ports(void **unused)
{
	struct fixture f = make(guest_ports, 0, false);

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
	next(&f, ENGINE_EXIT_HALT);
	next_call(&f, 2);
	destroy(&f);
}

/* Runs until an exit that is no interruption, and counts those. */
static struct engine_exit *next_uninterrupted(struct fixture *f, unsigned *interruptions)
{
	do {
		assert_int_equal(engine->run(f->vcpu, &f->exit), 0);
		*interruptions += f->exit.kind == ENGINE_EXIT_INTERRUPTED;
	} while (f->exit.kind == ENGINE_EXIT_INTERRUPTED);
	return &f->exit;
}

/* A string instruction is as many exits as it has operations, in order, and a kick in between is not lost. */
static void test_strings(void **unused)
{
	struct fixture f = make(guest_strings, ENGINE_PHYSMAP + COUNTER, false);
	unsigned interruptions = 0;

	(void)unused;
	for (unsigned i = 0; i < 100; i++)
		f.memory->base[COUNTER + i] = (uint8_t)(3 * i);
	for (unsigned i = 0; i < 100; i++) {
		if (i == 50)
			engine->kick(f.vcpu);
		next_uninterrupted(&f, &interruptions);
		assert_int_equal(f.exit.kind, ENGINE_EXIT_PORT);
		assert_port(&f.exit, 0x3f8, 1, true);
		assert_int_equal(f.exit.port.value, (uint8_t)(3 * i));
	}
	for (unsigned i = 0; i < 10; i++) {
		next_uninterrupted(&f, &interruptions);
		assert_int_equal(f.exit.kind, ENGINE_EXIT_PORT);
		assert_port(&f.exit, 0x3f8, 2, false);
		f.exit.port.value = 0x1100 + i;
	}
	assert_int_equal(next_uninterrupted(&f, &interruptions)->kind, ENGINE_EXIT_HYPERCALL);
	assert_int_equal(interruptions, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(((uint16_t *)(f.memory->base + COUNTER + 0x100))[i], 0x1100 + i);
	destroy(&f);
}

/* An unanswered exit, of an instruction with parts to come, is no obstacle for a fresh start. */
static void test_fresh_start(void **unused)
{
	struct fixture f = make(guest_strings, ENGINE_PHYSMAP + COUNTER, false);

	(void)unused;
	next(&f, ENGINE_EXIT_PORT);
	for (unsigned i = 0; i < 3; i++) {
		struct engine_state again = state_at(guest_calls, 0, 0);

		assert_int_equal(engine->set_state(f.vcpu, &again), 0);
		next_call(&f, 1);
		f.exit.hypercall.result = 2;
		next_call(&f, 2);
		again = state_at(guest_strings, 0, ENGINE_PHYSMAP + COUNTER);
		assert_int_equal(engine->set_state(f.vcpu, &again), 0);
		next(&f, ENGINE_EXIT_PORT);
	}
	destroy(&f);
}

static void test_exceptions(void **unused)
{
	static const struct {
		const char *guest;
		unsigned vector;
	} faults[] = {
		{ guest_fault_msr, 13 },
		{ guest_fault_undefined, 6 },
		{ guest_fault_divide, 0 },
		{ guest_fault_breakpoint, 3 },
	};

	(void)unused;
	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct fixture f = make(faults[i].guest, 0, false);

		use_entries(&f, guest_entry, false);
		next_call(&f, 77);
		assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_EXCEPTION);
		assert_int_equal(f.exit.hypercall.args[1], faults[i].vector);
		destroy(&f);
	}
}

/* ---- programs ---- */

enum { PROGRAM_TABLES = 0x60000, PROGRAM_STACK = 0x70000, PROGRAM_GS = 0x12345000 };

/*
 * An address space in RAM: the engine's range as in the tables that the vCPU started with, whose root is at cr3; RAM at
 * the physmap; and RAM at address 0 for programs.
 */
static void write_address_space(struct fixture *f, uint64_t cr3)
{
	const uint64_t engines = cr3 + 2 * 0x1000;
	uint64_t *tables = (uint64_t *)(f->memory->base + PROGRAM_TABLES);

	for (unsigned i = 0; i < 5; i++)
		memset(tables + i * 512, 0, 0x1000);
	tables[0] = (PROGRAM_TABLES + 0x1000) | 7;
	tables[63] = engines | 3;
	tables[64] = (PROGRAM_TABLES + 0x1000) | 3;
	tables[512] = (PROGRAM_TABLES + 0x2000) | 7;
	tables[1024] = (PROGRAM_TABLES + 0x3000) | 7;
	for (unsigned i = 0; i < RAM / 4096; i++)
		tables[1536 + i] = i * 4096 | 7;
}

static void *send_later(void *argument)
{
	struct fixture *f = argument;

	wait_ms(5);
	__atomic_fetch_or(&page_of(f, 0)->pending, 4, __ATOMIC_SEQ_CST);
	engine->raise(f->vcpu);
	return NULL;
}

/* A program's system call, and an event that interrupts it, come to the kernel's entries in the kernel's mode. */
static void test_program(void **unused)
{
	const uint64_t program = CODE + (uint64_t)(guest_program - guests_start);
	struct fixture f = make(guest_cr3, 0, false);
	struct postern_vcpu_page *page = page_of(&f, 0);
	struct engine_state state = state_at(guest_enter_program, 0, program);
	pthread_t thread;

	(void)unused;
	next_call(&f, 1);
	write_address_space(&f, f.exit.hypercall.args[0]);
	state.rsi = PROGRAM_TABLES;
	assert_int_equal(engine->set_state(f.vcpu, &state), 0);
	use_entries(&f, guest_entry, true);
	page->entry_stack = ENGINE_PHYSMAP + PROGRAM_STACK;
	next_call(&f, 77);
	assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_SYSTEM_CALL);
	assert_in_range(f.exit.hypercall.args[3], program, program + 64);
	assert_int_equal(page->mode, POSTERN_VCPU_MODE_PROGRAM);
	assert_int_equal(page->gs_base, PROGRAM_GS);
	state.rsi = PROGRAM_TABLES;
	state.rdx = 1; /* spin instead */
	page->enabled = 1;
	assert_int_equal(engine->set_state(f.vcpu, &state), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_later, &f), 0);
	next_call(&f, 77);
	pthread_join(thread, NULL);
	assert_int_equal(f.exit.hypercall.args[0], POSTERN_VCPU_CAUSE_EVENT);
	assert_int_equal(page->mode, POSTERN_VCPU_MODE_PROGRAM);
	assert_int_equal(page->gs_base, PROGRAM_GS);
	assert_in_range(page->instruction, program, program + 64);
	destroy(&f);
}

/* ---- notes of what was written ---- */

static void *send_kick(void *argument)
{
	wait_ms(5);
	engine->kick(((struct fixture *)argument)->vcpu);
	return NULL;
}

static void test_dirty(void **unused)
{
	struct fixture f = make(guest_spin, ENGINE_PHYSMAP + COUNTER, false);
	uint64_t bitmap[RAM / 4096 / 64];

	(void)unused;
	assert_int_equal(engine->track_dirty(f.vm, true), 0);
	assert_int_equal(engine->take_dirty(f.vm, bitmap, 1), -EINVAL);
	for (unsigned round = 0; round < 2; round++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, send_kick, &f), 0);
		next(&f, ENGINE_EXIT_INTERRUPTED);
		pthread_join(thread, NULL);
		assert_int_equal(engine->take_dirty(f.vm, bitmap, RAM / 4096 / 64), 0);
		/* Its code may be noted, too: what KVM maps it may take for written. */
		bitmap[0] &= ~(UINT64_C(1) << CODE / 4096);
		assert_int_equal(bitmap[0], UINT64_C(1) << COUNTER / 4096);
		assert_int_equal(bitmap[1] | bitmap[2] | bitmap[3], 0);
	}
	assert_int_equal(engine->take_dirty(f.vm, bitmap, RAM / 4096 / 64), 0);
	assert_int_equal(bitmap[0], 0);
	assert_int_equal(engine->track_dirty(f.vm, false), 0);
	destroy(&f);
}
/* ---- guests that know nothing of Postern ---- */

static const struct engine_cpuid leaf = { .leaf = 0x40000000, .eax = 0x40000123 };

/* With a guest of the fixture's, which starts another way. */
static struct fixture make_foreign(enum engine_start start, const char *label, uint64_t argument,
				   bool chipset)
{
	struct fixture f = make(guest_spin, 0, false);
	const struct engine_config config = {
		.memory = f.memory,
		.vcpus = 1,
		.start = start,
		.page_tables = PROGRAM_TABLES,
		.chipset = chipset,
		.cpuid = &leaf,
		.cpuid_count = 1,
	};
	const struct engine_state state = {
		.rip = CODE + (uint64_t)(label - guests_start),
		.rbx = argument,
		.rsi = argument,
		.rsp = PROGRAM_STACK,
	};

	engine->destroy(f.vm);
	write_address_space(&f, 0);
	assert_int_equal(engine->create(&config, &f.vm), 0);
	f.vcpu = engine->vcpu(f.vm, 0);
	assert_int_equal(engine->set_state(f.vcpu, &state), 0);
	return f;
}

static uint32_t next_value(struct fixture *f)
{
	assert_int_equal(next(f, ENGINE_EXIT_PORT)->port.port, 0x10);
	return f->exit.port.value;
}

static void test_pvh(void **unused)
{
	struct fixture f = make_foreign(ENGINE_START_PVH, guest_pvh, 0xabcd1234, false);
	const struct engine_callbacks none = { 0 };

	(void)unused;
	assert_int_equal(next_value(&f), 0xabcd1234);
	next(&f, ENGINE_EXIT_MMIO);
	assert_int_equal(f.exit.mmio.address, 0xd0000000);
	assert_int_equal(f.exit.mmio.bytes, 4);
	assert_true(f.exit.mmio.write);
	assert_int_equal(f.exit.mmio.value, 0x11223344);
	next(&f, ENGINE_EXIT_MMIO);
	assert_int_equal(f.exit.mmio.address, 0xd0000003);
	assert_int_equal(f.exit.mmio.bytes, 1);
	assert_false(f.exit.mmio.write);
	f.exit.mmio.value = 0x99;
	assert_int_equal(next_value(&f), 0x99);
	assert_int_equal(next_value(&f), leaf.eax);
	next(&f, ENGINE_EXIT_HALT);
	assert_int_equal(engine->set_callbacks(f.vcpu, &none), -ENOTSUP);
	destroy(&f);
}

static void test_linux64(void **unused)
{
	struct fixture f = make_foreign(ENGINE_START_LINUX64, guest_linux64, 0x7000, false);

	(void)unused;
	assert_int_equal(next_value(&f), 0x10);
	assert_int_equal(next_value(&f), 0x18);
	assert_int_equal(next_value(&f), 0x18);
	assert_int_equal(next_value(&f), 0x7000);
	assert_int_equal(next_value(&f) & 0x200, 0); /* interrupts are off */
	next(&f, ENGINE_EXIT_HALT);
	destroy(&f);
}

static void test_chipset(void **unused)
{
	struct fixture f = make_foreign(ENGINE_START_PVH, guest_pvh, 1, true);
	struct engine_config config = { .memory = f.memory, .vcpus = 1, .chipset = true };
	struct engine_vm *vm;

	(void)unused;
	assert_int_equal(next_value(&f), 1);
	assert_int_equal(engine->interrupt_line(f.vm, 4, true), 0);
	assert_int_equal(engine->interrupt_line(f.vm, 4, false), 0);
	assert_int_equal(engine->interrupt_line(f.vm, 24, true), -EINVAL);
	assert_int_equal(engine->create(&config, &vm), -EINVAL); /* a paravirtual guest has none */
	destroy(&f);
	f = make_foreign(ENGINE_START_PVH, guest_pvh, 1, false);
	assert_int_equal(engine->interrupt_line(f.vm, 4, true), -ENOTSUP);
	destroy(&f);
}

/* ---- a KVM that refuses ---- */

static int (*real_ioctl)(int fd, unsigned long request, void *argument);
static unsigned calls_until_failure;
static unsigned long refused;

static int fail_in_time(int fd, unsigned long request, void *argument)
{
	if (calls_until_failure && !--calls_until_failure)
		return -EIO;
	return real_ioctl(fd, request, argument);
}

static int refuse_one(int fd, unsigned long request, void *argument)
{
	return request == refused ? -EIO : real_ioctl(fd, request, argument);
}

static int no_device(void)
{
	return -ENOENT;
}

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/*
 * Whichever call it is that fails, there is no VM, and nothing of one is left. Only for the offset of the time-stamp
 * counter there is a substitute.
 */
static void test_refused_create(void **unused)
{
	static const uint64_t pages[] = { PAGES, PAGES + 0x1000 };
	struct fixture f = make(guest_spin, 0, false);
	const struct engine_config config = { .memory = f.memory, .vcpus = 2, .vcpu_pages = pages };
	const unsigned before = count_descriptors();
	unsigned failures = 0;

	(void)unused;
	real_ioctl = kvm_ioctl;
	kvm_ioctl = fail_in_time;
	for (unsigned i = 1;; i++) {
		struct engine_vm *vm = NULL;
		int error;

		calls_until_failure = i;
		error = engine->create(&config, &vm);
		if (calls_until_failure) {
			engine->destroy(vm);
			break; /* there are no more calls than that */
		}
		failures += error != 0;
		if (error)
			assert_null(vm);
		else
			engine->destroy(vm);
		assert_int_equal(count_descriptors(), before);
	}
	kvm_ioctl = real_ioctl;
	assert_true(failures >= 10);
	destroy(&f);
}

/* Of a VM that exists: what was asked for fails, and is reported. */
static void test_refused_later(void **unused)
{
	struct fixture f = make(guest_calls, 0, false);
	struct engine_state state = state_at(guest_calls, 0, 0);
	const struct engine_callbacks none = { 0 };

	(void)unused;
	next_call(&f, 1);
	f.exit.hypercall.result = 2;
	real_ioctl = kvm_ioctl;
	kvm_ioctl = refuse_one;
	refused = KVM_RUN;
	assert_int_equal(engine->run(f.vcpu, &f.exit), -EIO);
	refused = KVM_GET_SREGS;
	assert_int_equal(engine->get_state(f.vcpu, &state), -EIO);
	assert_int_equal(engine->set_callbacks(f.vcpu, &none), -EIO);
	refused = KVM_SET_SREGS;
	assert_int_equal(engine->set_state(f.vcpu, &state), -EIO);
	refused = KVM_SET_USER_MEMORY_REGION;
	assert_int_equal(engine->track_dirty(f.vm, true), -EIO);
	kvm_ioctl = real_ioctl;
	destroy(&f);
}

static int no_vmcall(int fd, unsigned long request, void *argument)
{
	if (request == KVM_CHECK_EXTENSION && argument == (void *)KVM_CAP_EXIT_HYPERCALL)
		return 0;
	return real_ioctl(fd, request, argument);
}

/* Where KVM hands no VMCALL on, calls go by a port, and no register tells the difference. */
static void test_calls_by_port(void **unused)
{
	struct fixture f;

	(void)unused;
	real_ioctl = kvm_ioctl;
	kvm_ioctl = no_vmcall;
	f = make(guest_calls, 0, false);
	kvm_ioctl = real_ioctl;
	assert_false(f.vm->vmcall);
	for (uint64_t i = 1; i < 100; i++) {
		next_call(&f, i);
		for (uint64_t j = 0; j < 6; j++)
			assert_int_equal(f.exit.hypercall.args[j], 0x101 + j);
		f.exit.hypercall.result = (int64_t)(2 * i);
	}
	destroy(&f);
}

/* The probe has a sentence for each. */
static void test_refused_probe(void **unused)
{
	int (*real_open)(void) = kvm_open_device;
	char reason[256];

	(void)unused;
	kvm_open_device = no_device;
	assert_int_equal(engine->probe(reason, sizeof reason), -ENOTSUP);
	assert_non_null(strstr(reason, "it has no /dev/kvm"));
	kvm_open_device = real_open;
	real_ioctl = kvm_ioctl;
	kvm_ioctl = refuse_one;
	refused = KVM_CREATE_VM;
	assert_int_equal(engine->probe(reason, sizeof reason), -ENOTSUP);
	assert_string_equal(reason, "its KVM does not make a VM: Input/output error");
	refused = KVM_RUN;
	assert_int_equal(engine->probe(reason, sizeof reason), -ENOTSUP);
	assert_string_equal(reason, "its KVM does not run a vCPU: Input/output error");
	kvm_ioctl = real_ioctl;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_by_port),  cmocka_unit_test(test_ports),
		cmocka_unit_test(test_strings),        cmocka_unit_test(test_fresh_start),
		cmocka_unit_test(test_exceptions),     cmocka_unit_test(test_program),
		cmocka_unit_test(test_dirty),          cmocka_unit_test(test_pvh),
		cmocka_unit_test(test_linux64),        cmocka_unit_test(test_chipset),
		cmocka_unit_test(test_refused_create), cmocka_unit_test(test_refused_later),
		cmocka_unit_test(test_refused_probe),
	};
	/* What no guest has to run for. */
	const struct CMUnitTest without_guest[] = {
		cmocka_unit_test(test_refused_create),
		cmocka_unit_test(test_refused_probe),
	};
	char reason[256];
	int device = kvm_open_device();

	engine = &engine_kvm;
	if (device < 0)
		return use_engine(engine) ? 1 : 0;
	close(device);
	if (!engine->probe(reason, sizeof reason))
		return cmocka_run_group_tests(tests, NULL, NULL);
	printf("# no guests: %s\n", reason);
	return cmocka_run_group_tests(without_guest, NULL, NULL);
}
