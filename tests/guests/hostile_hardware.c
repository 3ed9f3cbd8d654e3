/* SPDX-License-Identifier: ISC */
/*
 * hostile_hardware.c - what a kernel in ring 0 can do to the engine kvm and to the processor: garbage in the engine's
 * memory, at its ports and in its code, in control and model-specific registers, tables and page tables, and
 * random bytes for instructions. Command line: how often, and the seed. The VM may end by any of it. With a second
 * vCPU, that one ends a VM that is stuck.
 */
#include "hostile.h"

/* See hypervisor/engine/kvm/layout.h. */
#define CODE postern_hypercall_page
#define AREAS (CODE + 0x10000)
enum {
	CODE_SIZE = 0x4000,
	AREA_SIZE = 0x2000,
	PAGE = 4096,
	TABLES_AT = 0x100000,
	WRITABLE = 3,
	LONGEST = 15
};

/* ---- what is executed, with random registers ---- */

extern const char snippets[], snippets_end[];

/* Each begins at a multiple of 16, and has at most as many bytes. */
__asm__("	.text\n"
	"	.macro snippet code:vararg\n"
	"	.balign 16, 0xcc\n"
	"	\\code\n"
	"	.endm\n"
	"	.balign 16, 0xcc\n"
	"snippets:\n"
	"	snippet movq %rdi, %rsp; outb %al, $0xb0; ud2\n"
	"	snippet movq %rdi, %rsp; outb %al, $0xb1; ud2\n"
	"	snippet movq %rdi, %rsp; outb %al, $0xb2; ud2\n"
	"	snippet outb %al, $0xb0; ret\n"
	"	snippet outb %al, $0xb1; ret\n"
	"	snippet outw %ax, $0xb1; ret\n"
	"	snippet inb $0xb0, %al; ret\n"
	"	snippet rep insb; ret\n"
	"	snippet rep insl; ret\n"
	"	snippet rep outsb; ret\n"
	"	snippet rep outsl; ret\n"
	"	snippet inl %dx, %eax; ret\n"
	"	snippet outw %ax, %dx; ret\n"
	"	snippet movq %rdi, %cr0; ret\n"
	"	snippet movq %rdi, %cr3; ret\n"
	"	snippet movq %rdi, %cr4; ret\n"
	"	snippet movq %rdi, %cr8; ret\n"
	"	snippet movq %rdi, %dr7; ret\n"
	"	snippet movq %rdi, %dr0; ret\n"
	"	snippet wrmsr; ret\n"
	"	snippet rdmsr; ret\n"
	"	snippet wrmsr; syscall; ret\n"
	"	snippet lidt (%rdi); int3; ret\n"
	"	snippet lgdt (%rdi); movl %esi, %ss; ret\n"
	"	snippet lldt %di; ret\n"
	"	snippet ltr %di; ret\n"
	"	snippet movl %edi, %ds; movl %esi, %gs; ret\n"
	"	snippet int $0x80; ret\n"
	"	snippet int $0x82; ret\n"
	"	snippet syscall; ret\n"
	"	snippet sysretq\n"
	"	snippet sysretl\n"
	"	snippet pushq %rax; pushq %rsi; pushq %rcx; pushq %rdx; pushq %rdi; iretq\n"
	"	snippet pushq %rdi; lretq\n"
	"	snippet vmcall; ret\n"
	"	snippet vmmcall; ret\n"
	"	snippet movl $12, %eax; vmmcall; ret\n"
	"	snippet swapgs; int3; ret\n"
	"	snippet wrgsbase %rdi; int3; ret\n"
	"	snippet wrgsbase %rdi; call *%rsi; ret\n"
	"	snippet sti; hlt; ret\n"
	"	snippet cli; ret\n"
	"	snippet pushq %rdi; popfq; ret\n"
	"	snippet xsetbv; ret\n"
	"	snippet invlpg (%rdi); ret\n"
	"	snippet wbinvd; ret\n"
	"	snippet rdpmc; ret\n"
	"	snippet monitor; mwait; ret\n"
	"	snippet vmrun; ret\n"
	"	snippet movq %rdi, %rsp; int3\n"
	"	snippet movq %rdi, %rsp; ud2\n"
	"	.balign 16, 0xcc\n"
	"snippets_end:\n");

static uint8_t code[64];
static volatile unsigned long attacks;
static uint64_t seed;

static bool recover(struct guest_registers *registers)
{
	registers_recover(registers);
	return true;
}

/* What an engine, or a processor, may take for something of its own. */
static uint64_t random_word(void)
{
	static const uint32_t numbers[] = { 0x10,       0x1b,       0x174,      0x176,      0x1d9,
					    0x277,      0x4b564d00, 0x4b564d01, 0x40000000, 0xc0000080,
					    0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101,
					    0xc0000102, 0xc0000103, 0xc0010117 };
	const uint64_t bits = expect_random(&seed);

	switch (bits % 9) {
	case 0:
		return bits >> 8 & 0x1ff;
	case 1:
		return AREAS + (bits >> 8 & 0x3ff8);
	case 2:
		return CODE + (bits >> 8 & 0x5fff);
	case 3:
		return (uint64_t)guest_vcpu_page() + (bits >> 8 & 0xff8);
	case 4:
		return UINT64_C(1) << (bits >> 8) % 64;
	case 5:
		return numbers[(bits >> 8) % (sizeof numbers / sizeof *numbers)];
	case 6:
		return (uint64_t)code + (bits >> 8 & 0xfff);
	case 7:
		return (bits >> 8 & 0xffff) << 12;
	default:
		return bits;
	}
}

static void execute(uint64_t address)
{
	uint64_t registers[REGISTERS];

	for (unsigned i = 0; i < REGISTERS; i++)
		registers[i] = random_word();
	registers_call(registers, address);
}

/* ---- attacks ---- */

static void execute_snippet(void)
{
	const uint64_t count = (uint64_t)(snippets_end - snippets) / 16;

	execute((uint64_t)snippets + expect_random(&seed) % count * 16);
}

static void execute_garbage(void)
{
	for (unsigned i = 0; i < sizeof code; i += 8) {
		const uint64_t word = expect_random(&seed);

		memcpy(code + i, &word, 8);
	}
	if (expect_random(&seed) % 2)
		code[0] = 0x0f;
	execute((uint64_t)code);
}

static void jump_into_engine(void)
{
	execute(CODE + expect_random(&seed) % CODE_SIZE);
}

/* The struct at the start of an area, its tables, and what lies on the stack; and then something that uses them. */
static void poke_area(void)
{
	uint64_t *area = (uint64_t *)AREAS;

	for (uint64_t i = expect_random(&seed) % 8; i; i--)
		area[expect_random(&seed) % (expect_random(&seed) % 2 ? 40 : AREA_SIZE / 8)] = random_word();
	__asm__ volatile("int3" : : : "memory");
}

static void poke_vcpu_page(void)
{
	uint64_t *page = (uint64_t *)guest_vcpu_page();

	for (uint64_t i = expect_random(&seed) % 4; i; i--)
		page[expect_random(&seed) % 24] = random_word();
	page[0] = 1;
	execute_snippet();
}

/*
 * An address space of our own, in which low addresses are the engine's memory, page tables and all, or such that there is
 * nothing at.
 */
static void map_engine(void)
{
	static uint64_t tables[3][PAGE / 8] __attribute__((aligned(4096)));
	const uint64_t *root = (const uint64_t *)guest_boot()->page_table;
	const uint64_t own = (root[63] & ~UINT64_C(0xfff)) - TABLES_AT - 2 * (uint64_t)PAGE;
	const uint64_t from = expect_random(&seed) % 4 ? own : random_word() & 0x3fffe00000;
	uint64_t *low = (uint64_t *)UINT64_C(0x200000);

	memcpy(tables[0], root, PAGE);
	tables[0][0] = (uint64_t)tables[1] - guest_boot()->physmap + WRITABLE;
	tables[1][0] = (uint64_t)tables[2] - guest_boot()->physmap + WRITABLE;
	tables[2][1] = from + WRITABLE + 0x80;
	__asm__ volatile("movq %0, %%cr3" : : "r"((uint64_t)tables[0] - guest_boot()->physmap) : "memory");
	for (uint64_t i = expect_random(&seed) % 64; i; i--)
		low[expect_random(&seed) % (0x110000 / 8)] = random_word();
	__asm__ volatile("int3" : : : "memory");
	__asm__ volatile("movq %0, %%cr3" : : "r"(own + TABLES_AT) : "memory");
}

static void (*const kinds[])(void) = {
	execute_snippet, execute_snippet,  execute_snippet, execute_garbage,
	execute_garbage, jump_into_engine, poke_area,       poke_vcpu_page,
};

int main(void)
{
	const char *command = guest_command();
	const unsigned long count = expect_number(&command, 1000);

	seed = expect_number(&command, 1) << 20 | 1;
	if (!guest_boot()->page_table) {
		guest_print("not on this engine\n");
		return 0;
	}
	guest_on_exception(recover);
	guest_on_page_fault(recover);
	guest_on_system_call(recover);
	hostile_watch(&attacks);
	for (attacks = 0; attacks < count; attacks++) {
		const uint64_t kind = expect_random(&seed) % (sizeof kinds / sizeof *kinds + 1);

		if (kind < sizeof kinds / sizeof *kinds)
			kinds[kind]();
		else if (attacks > count / 2)
			map_engine();
	}
	guest_print("done\n");
	return 0;
}
