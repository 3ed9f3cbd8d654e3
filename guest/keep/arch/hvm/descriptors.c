/* SPDX-License-Identifier: ISC */
/*
 * descriptors.c - the processor's descriptor tables and what goes with them (AMD64 manual, volume 2, chapters 4, 6 and
 * 8): where a program's system calls and exceptions enter the kernel, on which stack, and what programs may not do.
 */
#include "arch/hvm/hvm.h"
#include "arch/hvm/selectors.h"

#define GDT_KERNEL_CODE UINT64_C(0x00af9b000000ffff)
#define GDT_KERNEL_DATA UINT64_C(0x00cf93000000ffff)
#define GDT_USER_DATA UINT64_C(0x00cff3000000ffff)
#define GDT_USER_CODE UINT64_C(0x00affb000000ffff)
#define GDT_TASK_STATE UINT64_C(0x0000890000000000)

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SYSCALL UINT64_C(1)
#define EFER_NO_EXECUTE (UINT64_C(1) << 11)
#define CR0_WRITE_PROTECT (UINT64_C(1) << 16)
#define CR4_NO_USER_DESCRIPTORS (UINT64_C(1) << 11) /* UMIP */
#define CR4_FSGSBASE (UINT64_C(1) << 16)
#define CR4_NO_USER_EXECUTE (UINT64_C(1) << 20) /* SMEP */
#define CR4_NO_USER_ACCESS (UINT64_C(1) << 21)  /* SMAP */

/* What SYSCALL clears: trap, interrupts, direction, nested task, alignment check. */
#define FLAGS_CLEARED UINT64_C(0x44700)

enum { GATE_INTERRUPT = 0x8e, GATE_FOR_PROGRAMS = 0x60, BREAKPOINT = 3, OVERFLOW = 4, DOUBLE_FAULT = 8 };

struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, kind;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct gate gates[EXCEPTIONS];

static void write_msr(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t read_msr(uint32_t number)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

static void make_gates(void)
{
	for (unsigned i = 0; i < EXCEPTIONS; i++) {
		const uint64_t stub = (uint64_t)hvm_stubs + (uint64_t)i * STUB_SIZE;

		gates[i] = (struct gate){
			.offset_low = (uint16_t)stub,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
			.selector = KERNEL_CODE,
			.stack = i == DOUBLE_FAULT,
			.kind = GATE_INTERRUPT,
		};
	}
	gates[BREAKPOINT].kind |= GATE_FOR_PROGRAMS;
	gates[OVERFLOW].kind |= GATE_FOR_PROGRAMS;
}

static void fill(struct hvm_vcpu *vcpu)
{
	const uint64_t state = (uint64_t)&vcpu->task_state;
	uint64_t *task = &vcpu->gdt[TASK_STATE / 8];

	vcpu->gdt[KERNEL_CODE / 8] = GDT_KERNEL_CODE;
	vcpu->gdt[KERNEL_DATA / 8] = GDT_KERNEL_DATA;
	vcpu->gdt[USER_DATA / 8] = GDT_USER_DATA;
	vcpu->gdt[USER_CODE / 8] = GDT_USER_CODE;
	task[0] = GDT_TASK_STATE | (sizeof vcpu->task_state - 1) | (state & 0xffffff) << 16 |
		  (state >> 24 & 0xff) << 56;
	task[1] = state >> 32;
	vcpu->task_state.ist[0] = (uint64_t)vcpu->fault_stack + FAULT_STACK_SIZE;
	vcpu->task_state.io_map = sizeof vcpu->task_state; /* none: programs have no ports */
}

/* The selectors that are loaded still mean what the host's table said. Loading one into GS may clear its base. */
static void load_segments(void)
{
	uint64_t gs_base;

	__asm__ volatile("rdgsbase %0" : "=r"(gs_base));
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %1, %%ss\n\t"
			 "movl %2, %%ds\n\t"
			 "movl %2, %%es\n\t"
			 "movl %2, %%fs\n\t"
			 "movl %2, %%gs"
			 :
			 : "i"(KERNEL_CODE), "r"(KERNEL_DATA), "r"(0)
			 : "rax", "memory");
	__asm__ volatile("wrgsbase %0" : : "r"(gs_base));
}

static void load_tables(struct hvm_vcpu *vcpu)
{
	const struct table_register gdt = { sizeof vcpu->gdt - 1, (uint64_t)vcpu->gdt };
	const struct table_register idt = { sizeof gates - 1, (uint64_t)gates };

	__asm__ volatile("lgdt %0" : : "m"(gdt));
	load_segments();
	__asm__ volatile("lidt %0" : : "m"(idt));
	__asm__ volatile("ltr %w0" : : "r"(TASK_STATE));
}

/* The kernel reaches a program's memory by the physmap only, so nothing has to be excepted from these. */
static void protect(void)
{
	uint64_t cr0;
	uint64_t cr4;
	uint32_t a = 7;
	uint32_t b;
	uint32_t c = 0;
	uint32_t d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_FSGSBASE;
	cr4 |= b >> 7 & 1 ? CR4_NO_USER_EXECUTE : 0;
	cr4 |= b >> 20 & 1 ? CR4_NO_USER_ACCESS : 0;
	cr4 |= c >> 2 & 1 ? CR4_NO_USER_DESCRIPTORS : 0;
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4));
	__asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movq %0, %%cr0" : : "r"(cr0 | CR0_WRITE_PROTECT));
}

static void enable_system_calls(void)
{
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SYSCALL | EFER_NO_EXECUTE);
	write_msr(MSR_STAR, (uint64_t)SYSRET_BASE << 48 | (uint64_t)KERNEL_CODE << 32);
	write_msr(MSR_LSTAR, (uint64_t)hvm_system_call);
	write_msr(MSR_FMASK, FLAGS_CLEARED);
	write_msr(MSR_KERNEL_GS_BASE, (uint64_t)guest_vcpu_page());
}

void hvm_descriptors_load(struct hvm_vcpu *vcpu)
{
	if (!gates[0].kind)
		make_gates();
	fill(vcpu);
	load_tables(vcpu);
	protect();
	enable_system_calls();
}
