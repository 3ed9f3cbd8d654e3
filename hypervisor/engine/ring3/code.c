/* SPDX-License-Identifier: ISC */
/*
 * code.c - the engine's code in a guest process: empties the process, locks it down, and from then on
 * handles its signals. It is copied to RING3_CODE behind code.S, has no libc, no data of its own, and no
 * stack protector: the guest can change the FS and GS bases at any time, so a handler finds its vCPU by
 * its stack, which lies in the vCPU's area.
 */
#include "engine/ring3/layout.h"

#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define IN_GUEST __attribute__((section("ring3_code")))

/* All of it is in one section: reached relative to the instruction, wherever that was copied to. */
#pragma GCC visibility push(hidden)
long ring3_syscall(long number, long a0, long a1, long a2, long a3, long a4, long a5);
long ring3_clone(unsigned long flags, void *stack, struct ring3_area *area);
void ring3_hand_over(struct ring3_mailbox *mailbox);
void ring3_load(const struct engine_state *state) __attribute__((noreturn));
void ring3_restorer(void);
void ring3_hypercall(void);
extern const char ring3_hypercall_end[], ring3_hypercall_trap[];
void ring3_start(void) __attribute__((noreturn));
void ring3_thread(struct ring3_area *area) __attribute__((noreturn));

/* A value that the compiler is not to know: what it knows all of, it may keep in memory, which would stay behind. */
static inline uint64_t unknown(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

static inline struct ring3_area *area_of(unsigned number)
{
	return (struct ring3_area *)(RING3_AREAS + (uint64_t)number * RING3_AREA_SIZE);
}

/* The area that an address on one of its stacks lies in. */
static inline struct ring3_area *area_around(const void *address)
{
	return (struct ring3_area *)((uint64_t)address & ~(uint64_t)(RING3_AREA_SIZE - 1));
}

/* ---- signals ---- */

/* A kernel's struct sigaction, which libc's is not. */
struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

IN_GUEST static void save_state(const greg_t *from, struct engine_state *to)
{
	to->rax = (uint64_t)from[REG_RAX];
	to->rbx = (uint64_t)from[REG_RBX];
	to->rcx = (uint64_t)from[REG_RCX];
	to->rdx = (uint64_t)from[REG_RDX];
	to->rsi = (uint64_t)from[REG_RSI];
	to->rdi = (uint64_t)from[REG_RDI];
	to->rbp = (uint64_t)from[REG_RBP];
	to->rsp = (uint64_t)from[REG_RSP];
	to->r8 = (uint64_t)from[REG_R8];
	to->r9 = (uint64_t)from[REG_R9];
	to->r10 = (uint64_t)from[REG_R10];
	to->r11 = (uint64_t)from[REG_R11];
	to->r12 = (uint64_t)from[REG_R12];
	to->r13 = (uint64_t)from[REG_R13];
	to->r14 = (uint64_t)from[REG_R14];
	to->r15 = (uint64_t)from[REG_R15];
	to->rip = (uint64_t)from[REG_RIP];
	to->rflags = (uint64_t)from[REG_EFL];
}

IN_GUEST static void load_state(const struct engine_state *from, greg_t *to)
{
	to[REG_RAX] = (greg_t)from->rax;
	to[REG_RBX] = (greg_t)from->rbx;
	to[REG_RCX] = (greg_t)from->rcx;
	to[REG_RDX] = (greg_t)from->rdx;
	to[REG_RSI] = (greg_t)from->rsi;
	to[REG_RDI] = (greg_t)from->rdi;
	to[REG_RBP] = (greg_t)from->rbp;
	to[REG_RSP] = (greg_t)from->rsp;
	to[REG_R8] = (greg_t)from->r8;
	to[REG_R9] = (greg_t)from->r9;
	to[REG_R10] = (greg_t)from->r10;
	to[REG_R11] = (greg_t)from->r11;
	to[REG_R12] = (greg_t)from->r12;
	to[REG_R13] = (greg_t)from->r13;
	to[REG_R14] = (greg_t)from->r14;
	to[REG_R15] = (greg_t)from->r15;
	to[REG_RIP] = (greg_t)from->rip;
	to[REG_EFL] = (greg_t)from->rflags;
}

/* What has to be told of an interruption to whoever deals with it. */
struct interruption {
	enum postern_vcpu_cause cause;
	uint32_t vector;
	uint32_t error;
	uint64_t address;
};

static inline const struct ring3_boot *boot_block(void)
{
	return (const struct ring3_boot *)(RING3_AREAS + RING3_BOOT_AT);
}

static inline struct postern_vcpu_page *page_of(const struct ring3_area *area)
{
	return (struct postern_vcpu_page *)area->vcpu_page;
}

/* What lies below the engine's pages is a program's. */
static inline bool is_programs(uint64_t address)
{
	return address < RING3_AREAS;
}

/* The GS base, and the page's address in its place, so that the kernel finds its vCPU whatever a program did. */
IN_GUEST static uint64_t swap_gs(const struct ring3_area *area)
{
	uint64_t base;

	if (!boot_block()->has_fsgsbase)
		return 0;
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	__asm__ volatile("wrgsbase %0" : : "r"(area->vcpu_page));
	return base;
}

/* The selectors of 64-bit mode: a program may have left it, and neither an entry nor a start is in another. */
IN_GUEST static void use_long_mode(greg_t *registers)
{
	registers[REG_CSGSFS] = (greg_t)(0x2bULL << 48 | 0x33);
}

/*
 * Continues the vCPU at one of its entries, as the prose of struct vcpu_page in the contract says. Returns
 * false, with nothing changed, if the guest has not yet taken the state of the one before.
 */
IN_GUEST static bool deliver(struct ring3_area *area, uint64_t entry, const struct interruption *what,
			     greg_t *registers)
{
	struct postern_vcpu_page *page = page_of(area);
	uint64_t instruction = (uint64_t)registers[REG_RIP];
	uint64_t stack = (uint64_t)registers[REG_RSP];
	bool from_program = is_programs(instruction);

	if (page->taken != page->delivered)
		return false;
	page->cause = what->cause;
	page->mode = from_program ? POSTERN_VCPU_MODE_PROGRAM : POSTERN_VCPU_MODE_KERNEL;
	page->vector = what->vector;
	page->error = what->error;
	page->address = what->address;
	page->instruction = instruction;
	page->stack = stack;
	page->flags = (uint64_t)registers[REG_EFL];
	page->gs_base = swap_gs(area);
	page->delivered++;
	if (from_program || is_programs(stack))
		stack = page->entry_stack;
	else
		stack = (stack - 128) & ~UINT64_C(15);
	registers[REG_RIP] = (greg_t)entry;
	registers[REG_RSP] = (greg_t)stack;
	use_long_mode(registers);
	registers[REG_EFL] &= ~(greg_t)0x40500; /* direction, trap and alignment check: as an entry expects */
	return true;
}

/* All that a state does not hold, as it is when a vCPU starts. A NULL there resets the extended state on return. */
IN_GUEST static void reset_rest(const struct ring3_area *area, ucontext_t *context)
{
	context->uc_mcontext.fpregs = NULL;
	use_long_mode(context->uc_mcontext.gregs);
	if (!boot_block()->has_fsgsbase)
		return;
	__asm__ volatile("wrfsbase %0" : : "r"(0UL));
	__asm__ volatile("wrgsbase %0" : : "r"(area->vcpu_page));
}

/* Hands the state to the monitor and takes back what it makes of it. Returns its answer. */
IN_GUEST static enum ring3_answer ask_monitor(struct ring3_area *area, enum ring3_kind kind,
					      const struct interruption *what, ucontext_t *context)
{
	struct ring3_mailbox *mailbox = &area->mailbox;
	greg_t *registers = context->uc_mcontext.gregs;

	save_state(registers, &area->state);
	mailbox->kind = kind;
	mailbox->number = what->vector;
	mailbox->args[0] = what->error;
	mailbox->args[1] = what->address;
	ring3_hand_over(mailbox);
	load_state(&area->state, registers);
	if (mailbox->number == RING3_START)
		reset_rest(area, context);
	return (enum ring3_answer)mailbox->number;
}

/* Whether a hypercall has the mailbox in use. Events and kicks wait until it is over; code.S sees to them there. */
static inline bool is_in_hypercall(const greg_t *registers)
{
	const uint64_t instruction = (uint64_t)registers[REG_RIP];

	return instruction >= (uint64_t)ring3_hypercall && instruction < (uint64_t)ring3_hypercall_end;
}

IN_GUEST static bool can_take_event(const struct ring3_area *area)
{
	const struct postern_vcpu_page *page = page_of(area);

	return area->callbacks.event && page->enabled && (page->pending & ~page->masked) &&
	       page->taken == page->delivered;
}

/* The monitor says that there may be an event, or the vCPU comes from there. */
IN_GUEST static void on_raise(struct ring3_area *area, ucontext_t *context)
{
	const struct interruption event = { .cause = (uint32_t)unknown(POSTERN_VCPU_CAUSE_EVENT) };
	greg_t *registers = context->uc_mcontext.gregs;

	if (!is_in_hypercall(registers) && can_take_event(area))
		deliver(area, area->callbacks.event, &event, registers);
}

/* The monitor wants the vCPU. */
IN_GUEST static void on_kick(struct ring3_area *area, ucontext_t *context)
{
	const struct interruption none = { 0 };

	if (is_in_hypercall(context->uc_mcontext.gregs)) {
		area->kicked = 1;
		return;
	}
	area->kicked = 0;
	ask_monitor(area, RING3_INTERRUPTED, &none, context);
	on_raise(area, context);
}

/* The end of a hypercall in which something came: returns from it, and then is where that came. */
IN_GUEST static void on_hypercall_trap(struct ring3_area *area, ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;

	registers[REG_RIP] = *(const greg_t *)registers[REG_RSP];
	registers[REG_RSP] += 8;
	if (area->kicked)
		on_kick(area, context);
	else
		on_raise(area, context);
}

IN_GUEST static void on_exception(struct ring3_area *area, uint64_t entry, const struct interruption *what,
				  ucontext_t *context)
{
	if (!entry)
		entry = area->callbacks.exception;
	/* What a kernel must not execute here may be an instruction that the monitor emulates. */
	if ((!entry || what->vector == 13) &&
	    ask_monitor(area, RING3_EXCEPTION, what, context) != RING3_DELIVER) {
		on_raise(area, context);
		return;
	}
	while (!deliver(area, entry, what, context->uc_mcontext.gregs))
		ask_monitor(area, RING3_DOUBLE_FAULT, what, context);
}

/* A fault, trap or abort of the processor. */
IN_GUEST static void on_processor(struct ring3_area *area, const siginfo_t *info, ucontext_t *context)
{
	const greg_t *registers = context->uc_mcontext.gregs;
	struct interruption what = {
		.cause = POSTERN_VCPU_CAUSE_EXCEPTION,
		.vector = (uint32_t)registers[REG_TRAPNO],
		.error = (uint32_t)registers[REG_ERR],
	};

	if (what.vector == 3 && registers[REG_RIP] == (greg_t)ring3_hypercall_trap + 1) {
		on_hypercall_trap(area, context);
		return;
	}
	if (what.vector != 14) {
		on_exception(area, 0, &what, context);
		return;
	}
	what.cause = POSTERN_VCPU_CAUSE_PAGE_FAULT;
	what.address = (uint64_t)info->si_addr;
	on_exception(area, area->callbacks.page_fault, &what, context);
}

IN_GUEST static void on_signal(int signal, siginfo_t *info, void *context)
{
	const struct interruption system_call = { .cause =
							  (uint32_t)unknown(POSTERN_VCPU_CAUSE_SYSTEM_CALL) };
	struct ring3_area *area = area_around(&signal);

	if (signal == SIGSYS)
		on_exception(area, area->callbacks.system_call, &system_call, context);
	else if (signal == RING3_RAISE_SIGNAL)
		on_raise(area, context);
	else if (signal == RING3_KICK_SIGNAL)
		on_kick(area, context);
	else
		on_processor(area, info, context);
}

/* ---- starting ---- */

IN_GUEST static void handle_signals(void)
{
	/* A number, not an array: constants in memory would stay behind in the monitor's image. */
	const uint64_t signals = 1U << SIGSYS | 1U << SIGSEGV | 1U << SIGBUS | 1U << SIGILL | 1U << SIGFPE |
				 1U << SIGTRAP | 1U << RING3_RAISE_SIGNAL | 1U << RING3_KICK_SIGNAL;
	struct kernel_sigaction action = {
		.handler = on_signal,
		.flags = unknown(SA_SIGINFO | SA_ONSTACK | 0x04000000 /* SA_RESTORER */),
		.restorer = ring3_restorer,
		.mask = ~0UL,
	};

	/* What a terminal sends to all of a process group is the monitor's business, unless it stops them. */
	const uint64_t blocked = ~((signals | 1U << SIGTSTP) >> 1);

	for (unsigned i = 1; i < 64; i++) {
		if ((signals >> i) & 1)
			ring3_syscall(SYS_rt_sigaction, i, (long)&action, 0, 8, 0, 0);
	}
	ring3_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&blocked, 0, 8, 0, 0);
}

/* What each thread has of its own. */
IN_GUEST static void set_up_thread(struct ring3_area *area)
{
	stack_t stack = {
		.ss_sp = (char *)area + RING3_STACK_END,
		.ss_size = RING3_AREA_SIZE - RING3_STACK_END,
	};

	area->thread = (uint32_t)ring3_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	ring3_syscall(SYS_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
	ring3_syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, (long)area->vcpu_page, 0, 0, 0, 0);
	ring3_syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, 0, 0, 0, 0, 0);
	/* Where the processor can: CPUID becomes an exception, so that the guest sees the VM's processor. */
	ring3_syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, 0, 0, 0, 0, 0);
	if (boot_block()->trap_tsc)
		ring3_syscall(SYS_prctl, 26 /* PR_SET_TSC */, 2 /* PR_TSC_SIGSEGV */, 0, 0, 0, 0);
}

/*
 * Vector registers hold what the monitor left there, and a signal's frame would show it to the guest. This is an area
 * for XRSTOR or FXRSTOR that resets them.
 */
IN_GUEST static void reset_extended_state(void)
{
	struct {
		uint32_t words[144];
	} __attribute__((aligned(64))) initial;

	for (volatile uint32_t *word = initial.words; word < initial.words + 144; word++)
		*word = 0;
	initial.words[0] = 0x37f;  /* x87: control word, for FXRSTOR */
	initial.words[6] = 0x1f80; /* MXCSR */
	if (boot_block()->has_xsave)
		__asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(~0U), "d"(~0U));
	else
		__asm__ volatile("fxrstor64 %0" : : "m"(initial));
}

/* Waits for the vCPU's first state, and goes there. */
IN_GUEST static __attribute__((noreturn)) void run_thread(struct ring3_area *area)
{
	area->mailbox.kind = RING3_READY;
	ring3_hand_over(&area->mailbox);
	ring3_load(&area->state);
}

/* The threads of all vCPUs but the first. */
IN_GUEST void ring3_thread(struct ring3_area *area)
{
	set_up_thread(area);
	run_thread(area);
}

/* Once the filter holds for them too, threads cannot set themselves up any more, so this waits until they have. */
IN_GUEST static void start_threads(unsigned vcpus)
{
	for (unsigned i = 1; i < vcpus; i++) {
		struct ring3_area *area = area_of(i);

		if (ring3_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
					CLONE_SYSVSEM,
				(char *)area + RING3_STACK_END, area) < 0)
			ring3_syscall(SYS_exit_group, RING3_NO_THREAD, 0, 0, 0, 0, 0);
		while (!(__atomic_load_n(&area->mailbox.turn, __ATOMIC_ACQUIRE) & RING3_TURN_HOST))
			ring3_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

/* Entered on area 0's stack, with everything mapped that the guest is to have, and much that it is not. */
IN_GUEST void ring3_start(void)
{
	const struct ring3_boot *boot = boot_block();
	const uint64_t areas_end = RING3_AREAS + (uint64_t)boot->vcpus * RING3_AREA_SIZE;
	const uint64_t ram_end = RING3_PHYSMAP + boot->ram_size;
	struct sock_fprog filter = { (unsigned short)boot->filter_length,
				     (struct sock_filter *)boot->filter };

	reset_extended_state();
	ring3_syscall(SYS_munmap, 0, RING3_AREAS, 0, 0, 0, 0);
	ring3_syscall(SYS_munmap, (long)areas_end, (long)(RING3_CODE - areas_end), 0, 0, 0, 0);
	ring3_syscall(SYS_munmap, RING3_CODE + RING3_CODE_SIZE, RING3_PHYSMAP - RING3_CODE - RING3_CODE_SIZE,
		      0, 0, 0, 0);
	ring3_syscall(SYS_munmap, (long)ram_end, (long)(RING3_TOP - ram_end), 0, 0, 0, 0);
	handle_signals();
	/* Where the kernel can: not even the engine itself can change or unmap its code from here on. */
	ring3_syscall(462 /* mseal */, RING3_CODE, RING3_CODE_SIZE, 0, 0, 0, 0);
	start_threads(boot->vcpus);
	set_up_thread(area_of(0));
	if (ring3_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (long)&filter, 0,
			  0, 0))
		ring3_syscall(SYS_exit_group, RING3_NO_FILTER, 0, 0, 0, 0, 0);
	run_thread(area_of(0));
}

#pragma GCC visibility pop
