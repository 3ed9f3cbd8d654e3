/* SPDX-License-Identifier: ISC */
/*
 * hostile_frames.c - returns from signals that never came: rt_sigreturn, which the engine ring3's code has to make, sets
 * all registers, the signals that are blocked, and the stack on which the next one is handled. Command line: which
 * of the forged frames, and the seed; without, how many there are. Each may end the VM; else the guest goes on.
 */
#include "hostile.h"

enum { SIGNAL_STACK = 0x2000, FLAGS = 0x202 };

#define ALL_SIGNALS UINT64_MAX
#define KERNEL UINT64_C(0xffff888000000000)
#define NOWHERE UINT64_C(0x0000800000000000) /* not canonical */

/* As the kernel's struct ucontext on x86-64. */
struct frame {
	uint64_t flags, link;
	uint64_t stack;
	uint32_t stack_flags, padding;
	uint64_t stack_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, vector, old_mask, cr2, extended, reserved[8];
	uint64_t blocked;
	uint8_t information[128];
};

static struct frame frame __attribute__((aligned(64)));
static char stack[0x4000] __attribute__((aligned(64)));
static char signal_stack[8 * SIGNAL_STACK] __attribute__((aligned(4096)));
static uint32_t extended[1024] __attribute__((aligned(64)));
static uint64_t frame_at; /* where the frame is handed over, if not where it is */
static uint64_t seed;
static unsigned long handled;

static bool recover(struct guest_registers *registers)
{
	handled++;
	registers_recover(registers);
	return true;
}

/* ---- the forgeries ---- */

static void leave_it(void)
{
}

static void set_all_flags(void)
{
	frame.rflags = UINT64_MAX;
}
static void set_privileged_flags(void)
{
	frame.rflags = 0x3b3202;
}
static void step(void)
{
	frame.rflags = FLAGS | 0x100;
}

static void enter_compatibility(void)
{
	frame.cs = 0x23;
}
static void enter_kernels_code(void)
{
	frame.cs = 0x10;
}
static void enter_no_code(void)
{
	frame.cs = 0;
}
static void enter_local_code(void)
{
	frame.cs = 0x7;
}
static void enter_all_code(void)
{
	frame.cs = 0xffff;
}
static void use_no_stack_segment(void)
{
	frame.ss = 0;
}
static void use_kernels_stack_segment(void)
{
	frame.ss = 0x18;
}
static void use_local_stack_segment(void)
{
	frame.ss = 0xf;
}
static void use_task_segment(void)
{
	frame.ss = 0x40;
}

/* Said to be kept as it is, valid or not. */
static void insist_on_segment(void)
{
	frame.flags = 4, frame.ss = 0x7;
}

static void go_to_kernel(void)
{
	frame.rip = KERNEL;
}
static void go_nowhere(void)
{
	frame.rip = NOWHERE;
}
static void go_before_nowhere(void)
{
	frame.rip = NOWHERE - 1;
}
static void go_to_vsyscall(void)
{
	frame.rip = UINT64_C(0xffffffffff600000);
}
static void go_to_system_call(void)
{
	frame.rip = hostile_find_syscall(0), frame.rax = 59;
}
static void use_kernels_stack(void)
{
	frame.rsp = KERNEL;
}
static void use_stack_nowhere(void)
{
	frame.rsp = NOWHERE;
}

static void block_all(void)
{
	frame.blocked = ALL_SIGNALS;
}
static void block_faults(void)
{
	frame.blocked = 1 << 10;
}
static void block_none(void)
{
	frame.blocked = 0;
}

static void have_no_stack(void)
{
	frame.stack_flags = 2;
}
static void have_no_stack_at_all(void)
{
	frame.stack_flags = 2, frame.rsp = KERNEL;
}
static void have_strange_stack(void)
{
	frame.stack_flags = UINT32_MAX;
}
static void have_disarming_stack(void)
{
	frame.stack_flags = 1U << 31;
}
static void have_tiny_stack(void)
{
	frame.stack_size = 1;
}
static void have_endless_stack(void)
{
	frame.stack_size = UINT64_MAX;
}
static void have_stack_in_kernel(void)
{
	frame.stack = KERNEL;
}
static void have_stack_nowhere(void)
{
	frame.stack = NOWHERE - 0x1000;
}
static void have_stack_in_code(void)
{
	frame.stack = postern_hypercall_page, frame.stack_size = 0x4000;
}
static void have_stack_in_next_area(void)
{
	frame.stack += HOSTILE_AREA_SIZE;
}

/* The engine's code then takes for its own what lies where the stack does. */
static void have_stack_in_ram(void)
{
	frame.stack = (uint64_t)signal_stack, frame.stack_size = sizeof signal_stack;
}

static void have_stack_in_garbage(void)
{
	have_stack_in_ram();
	for (size_t i = 0; i + 8 <= sizeof signal_stack; i += 8)
		*(uint64_t *)(signal_stack + i) = expect_random(&seed);
}

static void load_nothing(void)
{
	frame.extended = 0;
}
static void load_from_kernel(void)
{
	frame.extended = KERNEL;
}
static void load_from_nowhere(void)
{
	frame.extended = NOWHERE;
}
static void load_from_code(void)
{
	frame.extended = postern_hypercall_page;
}
static void load_askew(void)
{
	frame.extended++;
}
static void load_zeros(void)
{
	frame.extended = (uint64_t)extended;
}

static void load_ones(void)
{
	memset(extended, 0xff, sizeof extended);
	frame.extended = (uint64_t)extended;
}

/* With the kernel's marks for a longer one, of all features that there may ever be. */
static void load_features(void)
{
	load_zeros();
	extended[116] = 0x46505853;
	extended[117] = sizeof extended;
	extended[118] = extended[119] = UINT32_MAX;
	extended[120] = sizeof extended;
	extended[sizeof extended / 4 - 1] = 0x46505845;
	extended[128] = extended[129] = UINT32_MAX;
	frame.flags = 1;
}

static void load_across_end(void)
{
	frame.extended = guest_boot()->physmap + guest_boot()->memory - 64;
}

static void hand_over_kernels(void)
{
	frame_at = KERNEL;
}
static void hand_over_nothing(void)
{
	frame_at = NOWHERE;
}
static void hand_over_code(void)
{
	frame_at = postern_hypercall_page;
}
static void hand_over_end(void)
{
	frame_at = guest_boot()->physmap + guest_boot()->memory - 64;
}

/* A few words of a frame that is right otherwise. */
static void spoil(void)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t bits = expect_random(&seed);

		((uint64_t *)&frame)[bits % (sizeof frame / 8)] = bits & 1 << 20 ? bits : bits >> 40;
	}
}

/* clang-format off */
static void (*const forgeries[])(void) = {
	leave_it, set_all_flags, set_privileged_flags, step, enter_compatibility, enter_kernels_code, enter_no_code,
	enter_local_code, enter_all_code, use_no_stack_segment, use_kernels_stack_segment, use_local_stack_segment,
	use_task_segment, insist_on_segment, go_to_kernel, go_nowhere, go_before_nowhere, go_to_vsyscall,
	go_to_system_call, use_kernels_stack, use_stack_nowhere, block_all, block_faults, block_none, have_no_stack,
	have_no_stack_at_all, have_strange_stack, have_disarming_stack, have_tiny_stack, have_endless_stack,
	have_stack_in_kernel, have_stack_nowhere, have_stack_in_code, have_stack_in_next_area, have_stack_in_ram,
	have_stack_in_garbage, load_nothing, load_from_kernel, load_from_nowhere, load_from_code, load_askew, load_zeros,
	load_ones, load_features, load_across_end, hand_over_kernels, hand_over_nothing, hand_over_code, hand_over_end,
	spoil, spoil, spoil, spoil, spoil, spoil, spoil, spoil,
};
/* clang-format on */

enum { FORGERIES = sizeof forgeries / sizeof *forgeries };

/* ---- */

/* Where a frame leads: on to a fault, for which the process has to handle a signal with what the frame has set. */
extern const char landing[], return_by[];
__asm__("landing: movq 0x10, %rax; ud2\n"
	"return_by: movq %rdi, %rsp; movl $15, %eax; jmp *%rsi\n");

static void forge(unsigned long number)
{
	memset(&frame, 0, sizeof frame);
	memset(extended, 0, sizeof extended);
	frame.stack = HOSTILE_AREAS + 0x8000;
	frame.stack_size = HOSTILE_AREA_SIZE - 0x8000;
	frame.rip = (uint64_t)landing;
	frame.rsp = (uint64_t)(stack + sizeof stack);
	frame.rflags = FLAGS;
	frame.cs = 0x33;
	frame.ss = 0x2b;
	frame_at = (uint64_t)&frame;
	forgeries[number]();
}

int main(void)
{
	const char *command = guest_command();
	unsigned long number = expect_number(&command, FORGERIES);

	hostile_need_ring3();
	seed = expect_number(&command, 1) << 8 | number | UINT64_C(1) << 63;
	if (number >= FORGERIES) {
		guest_printf("%u attacks at 1 places\n", FORGERIES);
		return 0;
	}
	guest_printf("frame %lu\n", number);
	guest_on_page_fault(recover);
	guest_on_exception(recover);
	guest_on_system_call(recover);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t registers[REGISTERS] = { 0 };

		forge(number);
		registers[RDI] = frame_at;
		registers[RSI] = hostile_find_sigreturn();
		EXPECT(registers[RSI]);
		EXPECT(!registers_call(registers, (uint64_t)return_by));
		EXPECT_RESULT(postern_abi_nop(), 0);
	}
	EXPECT(handled == 3);
	return 0;
}
