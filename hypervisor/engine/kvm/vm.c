/* SPDX-License-Identifier: ISC */
/* vm.c - makes a VM of KVM's from its parts, and takes it apart: memory, chipset, vCPUs. */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { API_VERSION = 12 }; /* the only one there has been since Linux 2.6.22 */

enum { RAM_SLOT, OWN_SLOT };

enum { MSR_TSC = 0x10 };

/* Where KVM puts what it needs itself in guest-physical memory, on Intel's processors: behind all RAM. */
#define IDENTITY_MAP UINT64_C(0xfffbc000)
#define TASK_STATE UINT64_C(0xfffbd000)

/* ---- parts ---- */

static int open_kvm(struct engine_vm *vm)
{
	int registers, size;

	vm->kvm = kvm_open_device();
	if (vm->kvm < 0)
		return vm->kvm;
	registers = kvm_request(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	if (kvm_request(vm->kvm, KVM_GET_API_VERSION, 0) != API_VERSION || registers < 0 ||
	    !((unsigned)registers & KVM_SYNC_X86_REGS) ||
	    kvm_request(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return -ENOTSUP;
	size = kvm_request(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return size < 0 ? size : -ENOTSUP;
	vm->run_size = (size_t)size;
	vm->fd = kvm_request(vm->kvm, KVM_CREATE_VM, 0);
	return vm->fd < 0 ? vm->fd : 0;
}

static int set_ram(struct engine_vm *vm, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = RAM_SLOT,
		.flags = flags,
		.guest_phys_addr = 0,
		.memory_size = vm->memory->size,
		.userspace_addr = (uint64_t)vm->memory->base,
	};

	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Where KVM cannot, or will not, a port does. */
static bool enable_vmcall(struct engine_vm *vm)
{
	struct kvm_enable_cap enable = {
		.cap = KVM_CAP_EXIT_HYPERCALL,
		.args[0] = UINT64_C(1) << KVM_HC_MAP_GPA_RANGE,
	};
	int able = kvm_request(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_EXIT_HYPERCALL);

	return able > 0 && (unsigned)able & enable.args[0] && !kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &enable);
}

static int create_memory(struct engine_vm *vm, const struct engine_config *config)
{
	struct kvm_userspace_memory_region region = { .slot = OWN_SLOT };
	int error = set_ram(vm, 0);

	if (error || vm->start != ENGINE_START_PARAVIRTUAL)
		return error;
	vm->vmcall = enable_vmcall(vm);
	error = kvm_tables_create(vm, config->vcpu_pages);
	if (error)
		return error;
	region.guest_phys_addr = vm->own_address;
	region.memory_size = vm->own_size;
	region.userspace_addr = (uint64_t)vm->own;
	return kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int create_chipset(struct engine_vm *vm)
{
	struct kvm_pit_config timer = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity_map = IDENTITY_MAP;
	int error;

	if (!vm->chipset)
		return 0;
	error = kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (!error)
		error = kvm_request(vm->fd, KVM_SET_TSS_ADDR, TASK_STATE);
	if (!error)
		error = kvm_request(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (!error)
		error = kvm_ioctl(vm->fd, KVM_CREATE_PIT2, &timer);
	return error;
}

/*
 * The guest's time-stamp counter is the host's, so that what clock.scale says of that is true of it. A KVM that cannot
 * (before Linux 5.16) is told the time, and takes what passes until then for nothing.
 */
static int set_counter(struct engine_vcpu *vcpu)
{
	uint64_t offset = 0;
	struct kvm_device_attr attribute = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)&offset,
	};
	struct kvm_msr_entry counter = { .index = MSR_TSC };
	int error = kvm_ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attribute);

	if (!error)
		return 0;
	counter.data = __builtin_ia32_rdtsc();
	return kvm_set_msrs(vcpu, &counter, 1);
}

static int create_vcpu(struct engine_vm *vm, unsigned number, const struct engine_config *config)
{
	struct engine_vcpu *vcpu = &vm->vcpus[number];
	void *run;
	int error;

	vcpu->fd = kvm_request(vm->fd, KVM_CREATE_VCPU, number);
	if (vcpu->fd < 0)
		return vcpu->fd;
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	vcpu->run = run;
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (config->vcpu_pages && vcpu->area)
		vcpu->page = config->vcpu_pages[number];
	error = kvm_cpuid_set(vcpu);
	return error ? error : set_counter(vcpu);
}

static int create_vcpus(struct engine_vm *vm, const struct engine_config *config)
{
	int error = kvm_cpuid_create(vm, config);

	for (unsigned i = 0; !error && i < config->vcpus; i++)
		error = create_vcpu(vm, i, config);
	return error;
}

/* ---- the whole ---- */

static void ignore(int signal)
{
	(void)signal;
}

static int check(const struct engine_config *config)
{
	if (config->vcpus < 1 || config->vcpus > ENGINE_MAX_VCPUS)
		return -EINVAL;
	if (config->start == ENGINE_START_PARAVIRTUAL && (config->chipset || !config->vcpu_pages))
		return -EINVAL;
	if (config->chipset && config->memory->size > ENGINE_CHIPSET_RAM_END)
		return -E2BIG;
	return 0;
}

static struct engine_vm *allocate(const struct engine_config *config)
{
	struct engine_vm *vm = calloc(1, sizeof *vm);

	if (!vm)
		return NULL;
	vm->kvm = vm->fd = -1;
	vm->memory = config->memory;
	vm->start = config->start;
	vm->chipset = config->chipset;
	vm->page_tables = config->page_tables;
	vm->vcpu_count = config->vcpus;
	for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++) {
		vm->vcpus[i] = (struct engine_vcpu){
			.vm = vm,
			.number = i,
			.fd = -1,
			.owed = ENGINE_EXIT_INTERRUPTED,
			.kernel_cs = KVM_CS,
			.kernel_ss = KVM_SS,
		};
	}
	return vm;
}

int kvm_create(const struct engine_config *config, struct engine_vm **result)
{
	const struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct engine_vm *vm;
	int error = check(config);

	if (error)
		return error;
	vm = allocate(config);
	if (!vm)
		return -ENOMEM;
	error = sigaction(KVM_SIGNAL, &action, NULL) ? -errno : open_kvm(vm);
	if (!error)
		error = create_memory(vm, config);
	if (!error)
		error = create_chipset(vm);
	if (!error)
		error = create_vcpus(vm, config);
	if (error) {
		kvm_destroy(vm);
		return error;
	}
	*result = vm;
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void kvm_destroy(struct engine_vm *vm)
{
	if (!vm)
		return;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i].run)
			munmap(vm->vcpus[i].run, vm->run_size);
		close_if_open(vm->vcpus[i].fd);
	}
	close_if_open(vm->fd);
	close_if_open(vm->kvm);
	kvm_tables_destroy(vm);
	free(vm->cpuid);
	free(vm);
}

/* ---- while it runs ---- */

int kvm_interrupt_line(struct engine_vm *vm, unsigned line, bool level)
{
	struct kvm_irq_level pin = { .irq = line, .level = level };

	if (!vm->chipset)
		return -ENOTSUP;
	return line < KVM_IOAPIC_NUM_PINS ? kvm_ioctl(vm->fd, KVM_IRQ_LINE, &pin) : -EINVAL;
}

int kvm_track_dirty(struct engine_vm *vm, bool on)
{
	return set_ram(vm, on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

int kvm_take_dirty(struct engine_vm *vm, uint64_t *bitmap, size_t words)
{
	struct kvm_dirty_log log = { .slot = RAM_SLOT, .dirty_bitmap = bitmap };
	const uint64_t pages = vm->memory->size / MEMORY_PAGE_SIZE;

	if (words != (pages + 63) / 64)
		return -EINVAL;
	return kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}
