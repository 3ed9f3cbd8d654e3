/* SPDX-License-Identifier: ISC */
/*
 * tables.c - the engine's memory in a paravirtual guest: the hypercall page and the code behind it, the tables that
 * vCPUs start with, and page tables that map all this and RAM where engine.h says.
 */
#include "engine/kvm/internal.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE UINT64_C(0x1000)
#define LARGE_PAGE UINT64_C(0x200000)
#define GIGABYTE UINT64_C(0x40000000)

/* Bits of page tables. The processor need not set the last two itself. */
#define PRESENT UINT64_C(0x1)
#define WRITABLE UINT64_C(0x2)
#define LARGE UINT64_C(0x80)
#define NO_EXECUTE (UINT64_C(1) << 63)
#define SEEN UINT64_C(0x60)
#define TABLE (PRESENT | WRITABLE | SEEN)

/*
 * Page tables, one page each, from KVM_TABLES_AT. The engine's own range is the last MiB before the physmap: the last
 * entry but 255 of its page table, of the last page directory, of the pointer table before the physmap's.
 */
enum { ROOT, POINTERS, OWN_POINTERS, OWN_DIRECTORY, OWN_TABLE, TAIL_TABLE, DIRECTORIES };

enum {
	ROOT_ENTRY = (int)(ENGINE_PHYSMAP >> 39),
	LAST = 511,
	OWN_FIRST = 256, /* of OWN_TABLE */
	MOST_GIGABYTES = 512,
};

static uint64_t *table(struct engine_vm *vm, unsigned number)
{
	return (uint64_t *)(vm->own + KVM_TABLES_AT + number * PAGE);
}

static uint64_t table_address(const struct engine_vm *vm, unsigned number)
{
	return vm->own_address + KVM_TABLES_AT + number * PAGE;
}

static uint64_t gigabytes(uint64_t bytes)
{
	return (bytes + GIGABYTE - 1) / GIGABYTE;
}

/* RAM in large pages, and what does not fill one in small pages: behind RAM, nothing is mapped. */
static void map_ram(struct engine_vm *vm)
{
	const uint64_t size = vm->memory->size;
	const uint64_t whole = size / LARGE_PAGE * LARGE_PAGE;
	uint64_t *directories = table(vm, DIRECTORIES);

	for (unsigned i = 0; i < gigabytes(size); i++)
		table(vm, POINTERS)[i] = table_address(vm, DIRECTORIES + i) | TABLE;
	for (uint64_t at = 0; at < whole; at += LARGE_PAGE)
		directories[at / LARGE_PAGE] = at | LARGE | TABLE;
	if (whole < size)
		directories[whole / LARGE_PAGE] = table_address(vm, TAIL_TABLE) | TABLE;
	for (uint64_t at = whole; at < size; at += PAGE)
		table(vm, TAIL_TABLE)[(at - whole) / PAGE] = at | TABLE;
}

static void map_own(struct engine_vm *vm, uint64_t from, uint64_t to, uint64_t bits)
{
	for (uint64_t at = from; at < to; at += PAGE)
		table(vm, OWN_TABLE)[OWN_FIRST + at / PAGE] = (vm->own_address + at) | PRESENT | SEEN | bits;
}

static void write_page_tables(struct engine_vm *vm)
{
	const uint64_t areas_end = KVM_AREAS_AT + (uint64_t)vm->vcpu_count * KVM_AREA_SIZE;

	vm->cr3 = table_address(vm, ROOT);
	table(vm, ROOT)[ROOT_ENTRY] = table_address(vm, POINTERS) | TABLE;
	table(vm, ROOT)[ROOT_ENTRY - 1] = table_address(vm, OWN_POINTERS) | TABLE;
	table(vm, OWN_POINTERS)[LAST] = table_address(vm, OWN_DIRECTORY) | TABLE;
	table(vm, OWN_DIRECTORY)[LAST] = table_address(vm, OWN_TABLE) | TABLE;
	map_ram(vm);
	map_own(vm, 0, KVM_CODE_END, 0);
	map_own(vm, KVM_IDT_AT, KVM_IDT_AT + PAGE, NO_EXECUTE);
	table(vm, OWN_TABLE)[OWN_FIRST + KVM_ROOT_AT / PAGE] = vm->cr3 | PRESENT | SEEN | NO_EXECUTE;
	map_own(vm, KVM_AREAS_AT, areas_end, WRITABLE | NO_EXECUTE);
}

static void write_jump(uint8_t *page, uint64_t offset, uint64_t target)
{
	const int32_t distance = (int32_t)(target - (KVM_CODE + offset + 5));

	page[offset] = 0xe9;
	memcpy(page + offset + 1, &distance, sizeof distance);
}

/* Intel's processors have VMCALL, all others VMMCALL. */
static bool has_vmmcall(void)
{
	unsigned a, b = 0, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b != signature_INTEL_ebx;
}

static int write_code(struct engine_vm *vm)
{
	static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9 };
	const size_t size = (size_t)(__stop_kvm_code - __start_kvm_code);

	if (size > KVM_CODE_END - KVM_CODE_AT)
		return -E2BIG;
	memcpy(vm->own + KVM_CODE_AT, __start_kvm_code, size);
	if (has_vmmcall())
		memcpy(vm->own + KVM_CODE_AT + (kvm_vmcall - __start_kvm_code), vmmcall, sizeof vmmcall);
	write_jump(vm->own, 0, kvm_code_address(vm->vmcall ? kvm_hypercall_vmcall : kvm_hypercall_port));
	return 0;
}

/* A gate of the IDT: an interrupt's, on the first of the TSS's stacks. Programs may use that of system calls. */
static void write_gate(uint64_t *gate, unsigned vector)
{
	const uint64_t to = kvm_code_address(kvm_stubs) + (uint64_t)vector * KVM_STUB_SIZE;
	const uint64_t level = vector == 3 || vector == 4 || vector == KVM_VECTOR_SYSTEM_CALL ? 3 : 0;

	gate[0] = (to & 0xffff) | (uint64_t)KVM_CS << 16 | UINT64_C(1) << 32 | UINT64_C(0x8e00) << 32 |
		  level << 45 | ((to >> 16) & 0xffff) << 48;
	gate[1] = to >> 32;
}

static bool is_vector(unsigned vector)
{
	return vector < 32 || vector == KVM_VECTOR_SYSTEM_CALL;
}

static void write_idt(struct engine_vm *vm)
{
	for (unsigned vector = 0; vector < KVM_VECTORS; vector++) {
		if (is_vector(vector))
			write_gate((uint64_t *)(vm->own + KVM_IDT_AT + (size_t)vector * 16), vector);
	}
}

/* Segments are flat; a TSS has the address of the area it is in. */
static void write_area(struct engine_vcpu *vcpu, uint64_t vcpu_page)
{
	struct kvm_area *area = vcpu->area;
	const uint64_t at = KVM_CODE + KVM_AREAS_AT + (uint64_t)vcpu->number * KVM_AREA_SIZE;
	const uint64_t tss = at + offsetof(struct kvm_area, tss);
	const uint64_t end = at + KVM_AREA_SIZE;
	const uint16_t no_ports = sizeof area->tss;

	area->stack_end = end;
	area->vcpu_page = ENGINE_PHYSMAP + vcpu_page;
	area->cs = KVM_CS;
	area->ss = KVM_SS;
	area->gdt[KVM_CS / 8] = 0x00af9b000000ffff;
	area->gdt[KVM_SS / 8] = 0x00cf93000000ffff;
	area->gdt[KVM_USER_CS32 / 8] = 0x00cffb000000ffff;
	area->gdt[KVM_USER_SS / 8] = 0x00cff3000000ffff;
	area->gdt[KVM_USER_CS / 8] = 0x00affb000000ffff;
	area->gdt[KVM_TSS / 8] = (sizeof area->tss - 1) | (tss & 0xffffff) << 16 | UINT64_C(0x8b) << 40 |
				 ((tss >> 24) & 0xff) << 56;
	area->gdt[KVM_TSS / 8 + 1] = tss >> 32;
	memcpy(area->tss + 4, &end, sizeof end);  /* the kernel's stack */
	memcpy(area->tss + 36, &end, sizeof end); /* IST 1 */
	memcpy(area->tss + 102, &no_ports, sizeof no_ports);
}

/* Bits of a guest-physical address. */
static unsigned address_bits(void)
{
	unsigned a = 0, b, c, d;

	return __get_cpuid(0x80000008, &a, &b, &c, &d) && (a & 0xff) ? a & 0xff : 36;
}

int kvm_tables_create(struct engine_vm *vm, const uint64_t *vcpu_pages)
{
	const uint64_t gigabyte = gigabytes(vm->memory->size);

	vm->own_address = gigabyte * GIGABYTE;
	vm->own_size = KVM_TABLES_AT + (DIRECTORIES + gigabyte) * PAGE;
	if (gigabyte > MOST_GIGABYTES || vm->own_address + vm->own_size > UINT64_C(1) << address_bits())
		return -E2BIG;
	vm->own = mmap(NULL, vm->own_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->own == MAP_FAILED) {
		vm->own = NULL;
		return -errno;
	}
	write_page_tables(vm);
	write_idt(vm);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vm->vcpus[i].area = (struct kvm_area *)(vm->own + KVM_AREAS_AT + (size_t)i * KVM_AREA_SIZE);
		write_area(&vm->vcpus[i], vcpu_pages[i]);
	}
	return write_code(vm);
}

void kvm_tables_destroy(struct engine_vm *vm)
{
	if (vm->own)
		munmap(vm->own, vm->own_size);
	vm->own = NULL;
}
