/* SPDX-License-Identifier: ISC */
/*
 * probe.c - whether this host's KVM can run guests. That /dev/kvm opens does not say so: some hosts have one that
 * interprets a guest's kernel instead of running it, and gives up at common instructions. So a VM of one vCPU
 * executes some.
 */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/platform/x86.h>
#include <unistd.h>

enum {
	RAM = 0x10000,
	PAGE = 0x1000,    /* the vCPU's */
	SCRATCH = 0x8000, /* for what the steps store */
	BREATH = 100,     /* how often the vCPU may come out for nothing */
};

static const char *const steps[] = {
	[0] = "a first instruction",          [KVM_PROBE_BASIC] = "MOV to CR3 and PUSH",
	[KVM_PROBE_X87] = "x87 instructions", [KVM_PROBE_SSE] = "SSE instructions",
	[KVM_PROBE_AVX] = "AVX instructions", [KVM_PROBE_CMPXCHG16B] = "CMPXCHG16B",
	[KVM_PROBE_FSGSBASE] = "WRFSBASE",    [KVM_PROBE_IRETQ] = "IRETQ",
	[KVM_PROBE_CALL] = "a hypercall",     [KVM_PROBE_SYSRET] = "SYSRET",
};

/* The processor's VMX or SVM, as libc found them: to execute CPUID takes some us where the host is a VM itself. */
bool kvm_is_likely(void)
{
	return CPU_FEATURE_PRESENT(VMX) || CPU_FEATURE_PRESENT(SVM);
}

#define say(...) (snprintf(reason, size, __VA_ARGS__), -ENOTSUP)

static int say_device(char *reason, size_t size, int error)
{
	if (error == -ENOENT)
		return say("it has no /dev/kvm: the processor has no hardware virtualization, it is switched "
			   "off, or no module for it is loaded");
	if (error == -EACCES || error == -EPERM)
		return say("/dev/kvm cannot be opened: %s; on most systems, members of the group kvm can",
			   strerror(-error));
	return say("/dev/kvm cannot be opened: %s", strerror(-error));
}

/* SYSRET goes to ring 3, where the first instruction faults for want of a page. Nothing else ends that well. */
static bool is_end(const struct engine_exit *exit, const struct engine_state *state)
{
	const uint32_t fetch_by_program = 0x14;

	return exit->kind == ENGINE_EXIT_EXCEPTION && exit->exception.vector == 14 &&
	       exit->exception.error == fetch_by_program && state->rip == 0 && state->rbx == KVM_PROBE_SYSRET;
}

static int judge(struct engine_vcpu *vcpu, const struct engine_exit *exit, char *reason, size_t size)
{
	struct engine_state state;
	const char *step;
	int error = engine_kvm.get_state(vcpu, &state);

	if (error)
		return say("its KVM does not tell a vCPU's registers: %s", strerror(-error));
	if (is_end(exit, &state))
		return 0;
	step = state.rbx < sizeof steps / sizeof *steps ? steps[state.rbx] : steps[0];
	if (exit->kind == ENGINE_EXIT_EXCEPTION)
		return say("its KVM answers %s in a guest's kernel with exception %u", step,
			   exit->exception.vector);
	return say("its KVM only interprets a guest's kernel, and cannot execute %s there", step);
}

/* Answers the one hypercall that there is. */
static bool goes_on(struct engine_exit *exit)
{
	if (exit->kind == ENGINE_EXIT_HYPERCALL && exit->hypercall.number == KVM_PROBE_CALL)
		exit->hypercall.result = KVM_PROBE_SYSRET;
	return exit->kind == ENGINE_EXIT_HYPERCALL || exit->kind == ENGINE_EXIT_INTERRUPTED;
}

static int run(struct engine_vcpu *vcpu, char *reason, size_t size)
{
	const struct engine_state state = {
		.rip = kvm_code_address(kvm_probe_code),
		.rdi = ENGINE_PHYSMAP + SCRATCH,
		.rsi = (vcpu->vm->xcr0 & 4 ? KVM_PROBE_HAS_AVX : 0U) |
		       (vcpu->vm->cr4 & (1 << 16) ? KVM_PROBE_HAS_FSGSBASE : 0U),
		.rflags = 0x2,
	};
	struct engine_exit exit = { .kind = ENGINE_EXIT_INTERRUPTED };
	int error = engine_kvm.set_state(vcpu, &state);

	if (error)
		return say("its KVM refuses a vCPU's first state: %s", strerror(-error));
	for (int i = 0; !error && goes_on(&exit) && i < BREATH; i++)
		error = engine_kvm.run(vcpu, &exit);
	if (error)
		return say("its KVM does not run a vCPU: %s", strerror(-error));
	return judge(vcpu, &exit, reason, size);
}

static int probe_with(struct guest_memory *memory, char *reason, size_t size)
{
	static const uint64_t page = PAGE;
	const struct engine_config config = { .memory = memory, .vcpus = 1, .vcpu_pages = &page };
	struct engine_vm *vm;
	int error = kvm_create(&config, &vm);

	if (error)
		return say("its KVM does not make a VM: %s", strerror(-error));
	error = run(&vm->vcpus[0], reason, size);
	kvm_destroy(vm);
	return error;
}

int kvm_probe(char *reason, size_t size)
{
	struct guest_memory memory;
	int fd = kvm_open_device();
	int error;

	if (fd < 0)
		return say_device(reason, size, fd);
	close(fd);
	error = memory_create(&memory, RAM);
	if (error)
		return say("there is no memory for a VM: %s", strerror(-error));
	error = probe_with(&memory, reason, size);
	memory_destroy(&memory);
	return error;
}
