/* SPDX-License-Identifier: ISC */
/*
 * test_entry.c - the SDK's entry for interruptions, executed instruction by instruction. This program is the
 * vCPU: its GS base is the vCPU page, and a signal handler, which the processor's trap flag brings in after
 * each instruction, is the host. It delivers events between any two instructions, also on the way into and
 * out of handlers, by the rules of struct vcpu_page.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include <postern/guest.h>

#include "internal.h"

enum { RUNS = 30, BIT = 17, TRAP_FLAG = 0x100, UD2 = 0x0b0f };

static struct postern_vcpu_page page __attribute__((aligned(4096)));
static uint64_t seed;
static unsigned likelihood;    /* of an event after an instruction, in 1024, where it can be delivered */
static volatile unsigned sent; /* events that were not pending already */
static volatile unsigned handled;
static volatile unsigned in_return; /* events that met the way back */
static uint64_t steps;
static uint64_t lowest_stack;

/* ---- what the SDK stands on ---- */

struct postern_vcpu_page *guest_vcpu_page(void)
{
	return &page;
}

void guest_panic(const char *format, ...)
{
	(void)format;
	abort();
}

void guest_crash(const struct postern_vm_crash *report, const char *message)
{
	(void)report;
	(void)message;
	abort();
}

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	(void)number, (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	abort();
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

/* ---- the host ---- */

static uint64_t random_word(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static void deliver(greg_t *registers, uint32_t cause, uint32_t vector)
{
	page.cause = cause;
	page.mode = POSTERN_VCPU_MODE_KERNEL;
	page.vector = vector;
	page.instruction = (uint64_t)registers[REG_RIP];
	page.stack = (uint64_t)registers[REG_RSP];
	page.flags = (uint64_t)registers[REG_EFL];
	page.delivered++;
	if (page.instruction >= (uint64_t)guest_return_begin && page.instruction < (uint64_t)guest_return_end)
		in_return++;
	registers[REG_RIP] = (greg_t)guest_entry;
	registers[REG_RSP] = (registers[REG_RSP] - 128) & ~(greg_t)15;
	/* Whatever is there belongs to nobody. */
	memset((void *)(registers[REG_RSP] - 64), 0xee, 64);
}

/* popfq and iretq load flags from the stack: the trap flag has to be among them, or the host is out of it. */
static void keep_stepping(greg_t *registers)
{
	const uint8_t *code = (const uint8_t *)registers[REG_RIP];
	uint64_t *stack = (uint64_t *)registers[REG_RSP];

	if (code[0] == 0x9d)
		stack[0] |= TRAP_FLAG;
	if (code[0] == 0x48 && code[1] == 0xcf)
		stack[2] |= TRAP_FLAG;
	registers[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	steps++;
	if ((uint64_t)registers[REG_RSP] < lowest_stack)
		lowest_stack = (uint64_t)registers[REG_RSP];
	/* Seldom elsewhere, or handling them would never end. */
	if (random_word() % 1024 < (page.enabled ? likelihood : likelihood / 20) &&
	    !(page.pending >> BIT & 1)) {
		page.pending |= UINT64_C(1) << BIT;
		sent++;
	}
	if (page.enabled && (page.pending & ~page.masked) && page.taken == page.delivered)
		deliver(registers, POSTERN_VCPU_CAUSE_EVENT, 0);
	keep_stepping(registers);
}

static void on_invalid_opcode(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	if (page.taken != page.delivered)
		abort(); /* a double fault */
	deliver(registers, POSTERN_VCPU_CAUSE_EXCEPTION, 6);
}

/* ---- the vCPU ---- */

static void count(unsigned bit, void *argument)
{
	double number = handled;

	(void)bit;
	(void)argument;
	/* Something with vector registers: the interrupted ones are to stay. */
	__asm__ volatile("xorps %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm7\n\tmovaps %%xmm0, %%xmm15"
			 :
			 :
			 : "xmm0", "xmm7", "xmm15");
	handled = (unsigned)(number + 1);
}

static volatile unsigned skipped;

static bool skip_ud2(struct guest_registers *registers)
{
	uint16_t code;

	memcpy(&code, (const void *)registers->rip, sizeof code);
	if (code != UD2 || registers->vector != 6)
		return false;
	skipped++;
	registers->rip += sizeof code;
	return true;
}

/*
 * Loads all registers, executes a few instructions `rounds` times, and looks at all registers and at the 128
 * bytes below rsp. Returns how many of them are not as they should be, and in bits 32 and up, the rounds.
 */
uint64_t hold_registers(uint64_t rounds);
__asm__(".text\n"
	".globl hold_registers\n"
	"hold_registers:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rdi, %rcx\n"
	"	mov $0x1111111111111111, %rax; mov $0x2222222222222222, %rbx; mov $0x3333333333333333, %rdx\n"
	"	mov $0x4444444444444444, %rsi; mov $0x5555555555555555, %rdi; mov $0x6666666666666666, %rbp\n"
	"	mov $0x7777777777777777, %r8; mov $0x8888888888888888, %r9; mov $0x9999999999999999, %r10\n"
	"	mov $0xaaaaaaaaaaaaaaaa, %r11; mov $0xbbbbbbbbbbbbbbbb, %r12; mov $0xcccccccccccccccc, %r13\n"
	"	mov $0xdddddddddddddddd, %r14; mov $0xeeeeeeeeeeeeeeee, %r15\n"
	"	movq %rax, %xmm0; movq %rbx, %xmm7; movq %rdx, %xmm15\n"
	"	mov %rax, -8(%rsp); mov %rbx, -120(%rsp); mov %rdx, -128(%rsp)\n"
	"	std\n"
	"1:	nop; nop; lea 1(%rax), %rax; nop\n"
	"	lea -1(%rcx), %rcx\n"
	"	stc; jnc 9f; clc; jc 9f\n"
	"	jrcxz 2f\n"
	"	jmp 1b\n"
	"9:	ud2\n"
	"2:	cld\n"
	/* ecx counts what is wrong; setne gives one each. */
	"	xor %ecx, %ecx\n"
	"	push %rax\n"
	".macro expect register, value\n"
	"	mov $\\value, %rax; cmp %rax, \\register; setne %al; movzbl %al, %eax; add %eax, %ecx\n"
	".endm\n"
	"	expect %rbx, 0x2222222222222222\n"
	"	expect %rdx, 0x3333333333333333\n"
	"	expect %rsi, 0x4444444444444444\n"
	"	expect %rdi, 0x5555555555555555\n"
	"	expect %rbp, 0x6666666666666666\n"
	"	expect %r8, 0x7777777777777777\n"
	"	expect %r9, 0x8888888888888888\n"
	"	expect %r10, 0x9999999999999999\n"
	"	expect %r11, 0xaaaaaaaaaaaaaaaa\n"
	"	expect %r12, 0xbbbbbbbbbbbbbbbb\n"
	"	expect %r13, 0xcccccccccccccccc\n"
	"	expect %r14, 0xdddddddddddddddd\n"
	"	expect %r15, 0xeeeeeeeeeeeeeeee\n"
	"	movq %xmm0, %rbx\n"
	"	expect %rbx, 0x1111111111111111\n"
	"	movq %xmm7, %rbx\n"
	"	expect %rbx, 0x2222222222222222\n"
	"	movq %xmm15, %rbx\n"
	"	expect %rbx, 0x3333333333333333\n"
	/* The push took the place of the first of these. */
	"	mov -112(%rsp), %rbx\n"
	"	expect %rbx, 0x2222222222222222\n"
	"	mov -120(%rsp), %rbx\n"
	"	expect %rbx, 0x3333333333333333\n"
	"	pop %rax\n"
	"	mov $0x1111111111111111, %rbx\n"
	"	sub %rbx, %rax\n" /* how many rounds there were */
	"	shl $32, %rax\n"
	"	or %rcx, %rax\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static void start_stepping(void)
{
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

/* The trap flag would come back with whatever was interrupted, so the handler is told to let go. */
static volatile bool stepping;

static void on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (!stepping) {
		registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
		return;
	}
	on_step(signal, info, context);
}

static void catch (int signal, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	assert_int_equal(sigaction(signal, &action, NULL), 0);
}

static int set_up_vcpu(void **state)
{
	static char stack[65536];
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };

	(void)state;
	assert_int_equal(sigaltstack(&alternative, NULL), 0);
	assert_int_equal(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &page), 0);
	guest_on_event(BIT, count, NULL);
	guest_on_exception(skip_ud2);
	return 0;
}

static void run(unsigned how_likely, uint64_t first_seed, void (*what)(void))
{
	memset(&page, 0, sizeof page);
	sent = handled = in_return = 0;
	steps = 0;
	seed = first_seed;
	likelihood = how_likely;
	lowest_stack = UINT64_MAX;
	/* cmocka has a handler of its own for each test. */
	catch (SIGTRAP, on_trap);
	catch (SIGILL, on_invalid_opcode);
	stepping = true;
	start_stepping();
	what();
	stepping = false;
	assert_int_equal(handled, sent);
	assert_int_equal(page.taken, page.delivered);
}

static const uint64_t ROUNDS = 10;
static uint64_t held;

static void hold(void)
{
	guest_events_enable();
	held = hold_registers(ROUNDS);
	guest_events_disable();
	likelihood = 0;
	guest_events_enable();
	guest_events_disable();
}

static void registers_survive_events_anywhere(void **state)
{
	unsigned returns = 0;

	(void)state;
	for (unsigned i = 1; i <= RUNS; i++) {
		uint64_t here = (uint64_t)__builtin_frame_address(0);

		run(i % 3 == 0 ? 5 : i % 3 == 1 ? 20 : 40, i, hold);
		assert_int_equal(held, ROUNDS << 32);
		returns += in_return;
		/*
		 * Events that meet the way back do not pile up: there are at most the interrupted code, one
		 * frame with its handler, and another that is given up at once.
		 */
		assert_true(here - lowest_stack < 8192);
	}
	/* Otherwise this has tested nothing. */
	assert_true(returns > RUNS);
}

static void execute_ud2(void)
{
	guest_events_enable();
	for (unsigned i = 0; i < 5; i++) {
		__asm__ volatile("ud2");
		held += guest_events_enabled();
	}
	guest_events_disable();
	likelihood = 0;
	guest_events_enable();
	guest_events_disable();
	__asm__ volatile("ud2");
	held += guest_events_enabled();
}

/* A handler runs without events; they are as they were when it is done. */
static void exceptions_are_resumed_with_events_as_they_were(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= RUNS; i++) {
		skipped = 0;
		held = 0;
		run(i % 2 ? 5 : 20, i, execute_ud2);
		assert_int_equal(skipped, 6);
		assert_int_equal(held, 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exceptions_are_resumed_with_events_as_they_were),
		cmocka_unit_test(registers_survive_events_anywhere),
	};

	return cmocka_run_group_tests(tests, set_up_vcpu, NULL);
}
