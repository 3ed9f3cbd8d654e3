/* SPDX-License-Identifier: ISC */
/*
 * test_signal.c - signals as programs see them: which one is taken when and by whom, what handlers get, on which stack,
 * what becomes of an interrupted call, and what rt_sigreturn makes of frames that a program has spoilt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mapped_file.h"
#include "mm/space.h"
#include "task/task.h"

#include <asm/poll.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

enum {
	MILLISECOND = 1000000,
	RESTART = 0x10000000,
	NO_DEFER = 0x40000000,
	ON_STACK = 0x08000000,
	SPOILT = 3000
};
#define RESET_HANDLER UINT64_C(0x80000000)
#define AUTO_DISARM (UINT32_C(1) << 31)

/* The kernel's part of ucontext_t, which has more in the C library. */
struct context_of_signal {
	uint64_t flags, link;
	struct signal_stack stack;
	struct {
		uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
		uint64_t flags;
		uint16_t cs, gs, fs, ss;
		uint64_t error, vector, mask, address, extended, reserved[8];
	} registers;
	uint64_t mask;
};
_Static_assert(sizeof(struct context_of_signal) == 304, "as Linux has it");

static uint64_t memory;
static unsigned handled;
static int order[64];
static struct signal_info last_info;
static struct context_of_signal last_context;
static uint64_t last_pointer, mask_in_handler;

static uint64_t get_mask(void)
{
	uint64_t mask;

	CHECK_IS(call(SYS_rt_sigprocmask, 0, 0, memory, 8), 0);
	program_read(memory, &mask, sizeof mask);
	return mask;
}

static void set_mask(uint64_t mask)
{
	program_write(memory, &mask, sizeof mask);
	CHECK_IS(call(SYS_rt_sigprocmask, SIG_SETMASK, memory, 0, 8), 0);
}

static void start(void)
{
	memory = program_map(4 * PAGE_SIZE);
}

static int64_t self(void)
{
	return call(SYS_gettid, 0);
}

static int64_t send(int number)
{
	return call(SYS_tgkill, (uint64_t)call(SYS_getpid, 0), (uint64_t)self(), (uint64_t)number);
}

static void on_signal(int number, uint64_t info, uint64_t context)
{
	order[handled++ % COUNT_OF(order)] = number;
	last_pointer = *program_stack();
	program_read(info, &last_info, sizeof last_info);
	program_read(context, &last_context, sizeof last_context);
	mask_in_handler = get_mask();
}

/* ---- delivery ---- */

PROGRAM_CASE(test_a_handler_gets_what_linux_gives_it)
{
	start();
	program_handle(SIGUSR1, on_signal, SA_SIGINFO, signal_bit(SIGUSR2));
	set_mask(signal_bit(SIGHUP));
	memset(machine_extended + 600, 0x5a, 100);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(handled, 1);
	CHECK_IS(last_info.number, SIGUSR1);
	CHECK_IS(last_info.code, SI_TKILL);
	CHECK_IS(last_info.sender.process, call(SYS_getpid, 0));
	CHECK_IS(mask_in_handler, signal_bit(SIGHUP) | signal_bit(SIGUSR1) | signal_bit(SIGUSR2));
	CHECK_IS(last_context.mask, signal_bit(SIGHUP));
	CHECK_IS(last_context.registers.rax, 0); /* what tgkill answered */
	CHECK_IS(last_context.stack.flags, SS_DISABLE);
	CHECK_IS(get_mask(), signal_bit(SIGHUP));
	/* The extended state is as it was, whatever the handler did to it. */
	CHECK(machine_extended[600] == 0x5a && machine_extended[699] == 0x5a);
}

static void spoils_extended(int number, uint64_t info, uint64_t context)
{
	(void)info;
	(void)context;
	CHECK(!machine_extended[100]); /* it begins with a fresh one */
	memset(machine_extended + 32, 0xff, 100);
	handled += (unsigned)number;
}

PROGRAM_CASE(test_handlers_have_an_extended_state_of_their_own)
{
	start();
	program_handle(SIGUSR1, spoils_extended, 0, 0);
	machine_extended[100] = 7;
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(handled, SIGUSR1);
	CHECK_IS(machine_extended[100], 7);
	CHECK_IS(machine_extended[40], 0);
}

PROGRAM_CASE(test_blocked_signals_wait_and_come_in_order)
{
	uint64_t pending;

	start();
	program_handle(SIGUSR1, on_signal, 0, ~UINT64_C(0));
	program_handle(SIGUSR2, on_signal, 0, ~UINT64_C(0));
	program_handle(SIGSEGV, on_signal, 0, ~UINT64_C(0));
	set_mask(~UINT64_C(0));
	CHECK_IS(get_mask(), ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP)));
	CHECK_IS(send(SIGUSR2), 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(send(SIGSEGV), 0);
	CHECK_IS(handled, 0);
	CHECK_IS(call(SYS_rt_sigpending, memory, 8), 0);
	program_read(memory, &pending, sizeof pending);
	CHECK_IS(pending, signal_bit(SIGUSR1) | signal_bit(SIGUSR2) | signal_bit(SIGSEGV));
	set_mask(0);
	/* Frames are pushed for all at once, so the last one runs first, unless its mask kept the others away. */
	CHECK_IS(handled, 3);
	CHECK(order[0] == SIGSEGV && order[1] == SIGUSR1 && order[2] == SIGUSR2);
}

static int values[8];

static void on_queued(int number, uint64_t info, uint64_t context)
{
	on_signal(number, info, context);
	values[(handled - 1) % COUNT_OF(values)] = (int)last_info.sender.value;
}

static int64_t queue(int number, uint64_t value)
{
	const struct signal_info info = { .code = SI_QUEUE, .sender = { .value = value } };

	program_write(memory + 512, &info, sizeof info);
	return call(SYS_rt_sigqueueinfo, (uint64_t)call(SYS_getpid, 0), (uint64_t)number, memory + 512);
}

PROGRAM_CASE(test_real_time_signals_are_queued_with_their_values)
{
	const int number = 40;

	start();
	program_handle(number, on_queued, SA_SIGINFO, 0);
	set_mask(signal_bit(number));
	for (uint64_t i = 0; i < 5; i++)
		CHECK_IS(queue(number, 100 + i), 0);
	set_mask(0);
	CHECK_IS(handled, 5);
	for (int i = 0; i < 5; i++)
		CHECK_IS(values[i], 100 + i);
}

PROGRAM_CASE(test_the_queue_has_an_end_for_what_programs_queue)
{
	const int number = 40;
	int64_t result = 0;
	unsigned count = 0;

	start();
	set_mask(~UINT64_C(0));
	while (!result && count < 10000) {
		result = queue(number, count);
		count++;
	}
	CHECK_IS(result, -EAGAIN);
	CHECK(count > 1000 && count < 10000);
	/* Standard signals come all the same. */
	CHECK_IS(queue(SIGUSR1, 1), 0);
	CHECK_IS(send(SIGUSR2), 0);
	CHECK_IS(call(SYS_rt_sigpending, memory, 8), 0);
	CHECK(program_load(memory) & signal_bit(SIGUSR1));
	CHECK(program_load(memory) & signal_bit(SIGUSR2));
}

PROGRAM_CASE(test_ignored_signals_are_gone)
{
	const struct signal_action ignore = { .handler = 1 };

	start();
	program_write(memory, &ignore, sizeof ignore);
	CHECK_IS(call(SYS_rt_sigaction, SIGTERM, memory, 0, 8), 0);
	CHECK_IS(send(SIGTERM), 0);
	CHECK_IS(send(SIGCHLD), 0);
	CHECK_IS(send(SIGWINCH), 0);
	/* Blocked ones wait, and go when they become ignored. */
	set_mask(signal_bit(SIGUSR1));
	CHECK_IS(send(SIGUSR1), 0);
	program_write(memory, &ignore, sizeof ignore);
	CHECK_IS(call(SYS_rt_sigaction, SIGUSR1, memory, 0, 8), 0);
	set_mask(0);
	CHECK_IS(call(SYS_rt_sigaction, SIGKILL, memory, 0, 8), -EINVAL);
	CHECK_IS(call(SYS_rt_sigaction, SIGSTOP, memory, 0, 8), -EINVAL);
	CHECK_IS(call(SYS_rt_sigaction, 65, memory, 0, 8), -EINVAL);
	CHECK_IS(call(SYS_rt_sigaction, SIGHUP, memory, 0, 4), -EINVAL);
}

PROGRAM_CASE(test_a_handler_is_forgotten_if_it_asks_for_that)
{
	struct signal_action action;

	start();
	program_handle(SIGUSR1, on_signal, RESET_HANDLER | NO_DEFER, 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(handled, 1);
	CHECK_IS(mask_in_handler, 0);
	CHECK_IS(call(SYS_rt_sigaction, SIGUSR1, 0, memory, 8), 0);
	program_read(memory, &action, sizeof action);
	CHECK_IS(action.handler, 0);
}

static void dies(void)
{
	start();
	(void)send(SIGUSR1);
	machine_fail("it lives on");
}

static void is_killed(void)
{
	start();
	set_mask(~UINT64_C(0));
	(void)send(SIGKILL);
	machine_fail("it lives on");
}

static void faults_with_the_signal_blocked(void)
{
	start();
	program_handle(SIGSEGV, on_signal, 0, 0);
	set_mask(~UINT64_C(0));
	program_store(8, 1);
	machine_fail("it lives on");
}

static void has_no_stack_for_a_handler(void)
{
	start();
	program_handle(SIGUSR1, on_signal, 0, 0);
	program_handle(SIGSEGV, on_signal, 0, 0);
	*program_stack() = 4096;
	(void)send(SIGUSR1);
	machine_fail("it lives on");
}

static void has_no_restorer(void)
{
	const struct signal_action action = { .handler = program_function(on_signal) };

	start();
	program_write(memory, &action, sizeof action);
	CHECK_IS(call(SYS_rt_sigaction, SIGUSR1, memory, 0, 8), 0);
	(void)send(SIGUSR1);
	machine_fail("it lives on");
}

static void waits_for_ever(void *argument)
{
	(void)argument;
	(void)call(SYS_pause, 0);
	machine_fail("it lives on");
}

static void kills_all_threads(void)
{
	start();
	for (unsigned i = 0; i < 5; i++)
		program_start(waits_for_ever, NULL);
	compute(20 * MILLISECOND);
	(void)call(SYS_kill, (uint64_t)call(SYS_getpid, 0), SIGTERM);
	machine_fail("it lives on");
}

static void test_deaths(void **state)
{
	static const struct {
		void (*function)(void);
		int status;
	} cases[] = {
		{ dies, SIGUSR1 },
		{ is_killed, SIGKILL },
		{ faults_with_the_signal_blocked, SIGSEGV },
		{ has_no_stack_for_a_handler, SIGSEGV },
		{ has_no_restorer, SIGSEGV },
		{ kills_all_threads, SIGTERM },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		machine_run_until(&(struct machine){ .vcpus = 3 }, IN_PROGRAM, cases[i].function,
				  cases[i].status);
}

/* ---- who takes it ---- */

static int taker;
static bool stop_computing;

static void on_taken(int number, uint64_t info, uint64_t context)
{
	(void)number;
	(void)info;
	(void)context;
	taker = (int)self();
}

static void sends_to_the_process(void *argument)
{
	(void)argument;
	compute(2 * MILLISECOND);
	CHECK_IS(call(SYS_kill, (uint64_t)call(SYS_getpid, 0), SIGUSR1), 0);
}

PROGRAM_CASE(test_a_process_s_signal_is_its_first_thread_s_if_that_wants_it)
{
	start();
	program_handle(SIGUSR1, on_taken, 0, 0);
	program_start(sends_to_the_process, NULL);
	CHECK_IS(call(SYS_pause, 0), -EINTR);
	CHECK_IS(taker, self());
}

PROGRAM_CASE(test_a_process_s_signal_is_another_s_if_the_first_thread_blocks_it)
{
	int other;

	start();
	program_handle(SIGUSR1, on_taken, 0, 0);
	other = program_start(sends_to_the_process, NULL);
	set_mask(signal_bit(SIGUSR1));
	compute(50 * MILLISECOND);
	CHECK_IS(taker, other);
}

static void computes(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 10000 && !stop_computing; i++)
		compute(MILLISECOND);
}

/* The alarm comes while another thread runs. */
PROGRAM_CASE(test_a_timer_s_signal_is_the_first_thread_s)
{
	static const struct {
		int64_t words[4];
	} alarm = { { 0, 0, 0, 20000 } };

	start();
	program_handle(SIGALRM, on_taken, 0, 0);
	program_start(computes, NULL);
	program_write(memory, &alarm, sizeof alarm);
	CHECK_IS(call(SYS_setitimer, 0, memory, 0), 0);
	CHECK_IS(call(SYS_pause, 0), -EINTR);
	CHECK_IS(taker, self());
	stop_computing = true;
}

PROGRAM_CASE(test_signals_that_cannot_be_sent)
{
	const uint64_t process = (uint64_t)call(SYS_getpid, 0);

	CHECK_IS(call(SYS_kill, process, 65), -EINVAL);
	CHECK_IS(call(SYS_kill, process, 0), 0);
	CHECK_IS(call(SYS_kill, 12345, SIGTERM), -ESRCH);
	CHECK_IS(call(SYS_tgkill, process, 12345, SIGTERM), -ESRCH);
	CHECK_IS(call(SYS_tgkill, process, 0, SIGTERM), -EINVAL);
	CHECK_IS(call(SYS_tkill, (uint64_t)self(), (uint64_t)-1), -EINVAL);
	CHECK_IS(call(SYS_rt_sigqueueinfo, process, SIGTERM, 8), -EFAULT);
}

/* ---- interrupted calls ---- */

static uint64_t pipe_ends[2];

static void make_pipe(void)
{
	int numbers[2];

	CHECK_IS(call(SYS_pipe, memory + 1024), 0);
	program_read(memory + 1024, numbers, sizeof numbers);
	pipe_ends[0] = (uint64_t)numbers[0];
	pipe_ends[1] = (uint64_t)numbers[1];
}

static void interrupts_and_writes(void *argument)
{
	const uint64_t first = (uint64_t)argument;

	compute(10 * MILLISECOND);
	CHECK_IS(call(SYS_tgkill, (uint64_t)call(SYS_getpid, 0), first, SIGUSR1), 0);
	compute(10 * MILLISECOND);
	CHECK_IS(call(SYS_write, pipe_ends[1], memory, 5), 5);
}

PROGRAM_CASE(test_an_interrupted_read_is_begun_again_if_the_handler_says_so)
{
	start();
	make_pipe();
	program_handle(SIGUSR1, on_signal, RESTART, 0);
	program_start(interrupts_and_writes, (void *)self());
	CHECK_IS(call(SYS_read, pipe_ends[0], memory + 2048, 100), 5);
	CHECK_IS(handled, 1);
}

PROGRAM_CASE(test_an_interrupted_read_says_so_otherwise)
{
	start();
	make_pipe();
	program_handle(SIGUSR1, on_signal, 0, 0);
	program_start(interrupts_and_writes, (void *)self());
	CHECK_IS(call(SYS_read, pipe_ends[0], memory + 2048, 100), -EINTR);
	CHECK_IS(handled, 1);
	CHECK_IS((int64_t)last_context.registers.rax, -EINTR);
	CHECK_IS(call(SYS_read, pipe_ends[0], memory + 2048, 100), 5);
}

PROGRAM_CASE(test_an_interrupted_sleep_tells_what_is_left)
{
	struct __kernel_timespec time = { 0, 50 * MILLISECOND };

	start();
	make_pipe();
	program_handle(SIGUSR1, on_signal, RESTART, 0); /* not for sleeps */
	program_start(interrupts_and_writes, (void *)self());
	program_write(memory + 64, &time, sizeof time);
	CHECK_IS(call(SYS_nanosleep, memory + 64, memory + 128), -EINTR);
	program_read(memory + 128, &time, sizeof time);
	CHECK(time.tv_sec == 0 && time.tv_nsec > 30 * MILLISECOND && time.tv_nsec < 45 * MILLISECOND);
}

/* Answers that only look like those of an interrupted call. */
PROGRAM_CASE(test_what_a_frame_has_in_rax_is_no_answer)
{
	start();
	program_handle(SIGUSR1, on_signal, RESTART, 0);
	current_task()->registers->rbx = 0;
	CHECK_IS(send(SIGUSR1), 0);
	/* Any call that answers -512 by itself would be begun again for ever. */
	CHECK_IS(call(SYS_rt_sigprocmask, 77, memory, 0, 8), -EINVAL);
	CHECK_IS(call(9999, 0), -ENOSYS);
	CHECK_IS(call(SYS_restart_syscall, 0), -EINTR);
}

static void sends_two(void *argument)
{
	const uint64_t first = (uint64_t)argument;

	compute(5 * MILLISECOND);
	CHECK_IS(call(SYS_tkill, first, SIGUSR2), 0);
	compute(5 * MILLISECOND);
	CHECK_IS(call(SYS_tkill, first, SIGUSR1), 0);
}

PROGRAM_CASE(test_sigsuspend_waits_with_another_mask)
{
	const uint64_t mask = signal_bit(SIGUSR2);

	start();
	program_handle(SIGUSR1, on_signal, RESTART, 0);
	program_handle(SIGUSR2, on_signal, RESTART, 0);
	set_mask(signal_bit(SIGUSR1));
	program_start(sends_two, (void *)self());
	program_write(memory + 64, &mask, sizeof mask);
	CHECK_IS(call(SYS_rt_sigsuspend, memory + 64, 8), -EINTR);
	/* In the handler it is the call's mask; after it, that of before, which lets SIGUSR2 through. */
	CHECK_IS(order[0], SIGUSR1);
	CHECK_IS(mask_in_handler & signal_bit(SIGUSR1), signal_bit(SIGUSR1));
	CHECK_IS(handled, 2);
	CHECK_IS(get_mask(), signal_bit(SIGUSR1));
	CHECK_IS(call(SYS_rt_sigsuspend, 8, 8), -EFAULT);
	CHECK_IS(call(SYS_rt_sigsuspend, memory, 4), -EINVAL);
	CHECK_IS(get_mask(), signal_bit(SIGUSR1));
}

PROGRAM_CASE(test_sigtimedwait_takes_without_a_handler)
{
	const uint64_t set = signal_bit(SIGUSR1) | signal_bit(40);
	const struct __kernel_timespec time = { 0, 3 * MILLISECOND };
	struct signal_info info;

	start();
	set_mask(set);
	program_write(memory + 64, &set, sizeof set);
	program_write(memory + 128, &time, sizeof time);
	CHECK_IS(call(SYS_rt_sigtimedwait, memory + 64, memory + 256, memory + 128, 8), -EAGAIN);
	CHECK_IS(queue(40, 17), 0);
	CHECK_IS(call(SYS_rt_sigtimedwait, memory + 64, memory + 256, memory + 128, 8), 40);
	program_read(memory + 256, &info, sizeof info);
	CHECK_IS(info.sender.value, 17);
	program_start(sends_two, (void *)self());
	program_handle(SIGUSR2, on_signal, 0, 0);
	CHECK_IS(call(SYS_rt_sigtimedwait, memory + 64, 0, 0, 8), -EINTR); /* another's handler */
	CHECK_IS(call(SYS_rt_sigtimedwait, memory + 64, 0, 0, 8), SIGUSR1);
	CHECK_IS(handled, 1);
}

/* ---- stacks ---- */

static uint64_t other_stack;
enum { STACK_SIZE = 3 * PAGE_SIZE };

static int64_t set_stack(uint64_t base, uint64_t size, uint32_t flags)
{
	const struct signal_stack stack = { .base = base, .flags = flags, .size = size };

	program_write(memory + 64, &stack, sizeof stack);
	return call(SYS_sigaltstack, memory + 64, 0);
}

static uint32_t stack_flags(void)
{
	struct signal_stack stack;

	CHECK_IS(call(SYS_sigaltstack, 0, memory + 64), 0);
	program_read(memory + 64, &stack, sizeof stack);
	return stack.flags;
}

static uint32_t flags_in_handler;
static int64_t change_in_handler;

static void on_other_stack(int number, uint64_t info, uint64_t context)
{
	on_signal(number, info, context);
	CHECK(last_pointer > other_stack && last_pointer <= other_stack + STACK_SIZE);
	flags_in_handler = stack_flags();
	change_in_handler = set_stack(0, 0, SS_DISABLE);
	if (number == SIGUSR1)
		CHECK_IS(send(SIGUSR2), 0); /* on the same stack, further down */
}

PROGRAM_CASE(test_handlers_run_on_the_other_stack_if_they_ask_for_it)
{
	start();
	other_stack = program_map(STACK_SIZE);
	CHECK_IS(stack_flags(), SS_DISABLE);
	CHECK_IS(set_stack(other_stack, 100, 0), -ENOMEM);
	CHECK_IS(set_stack(other_stack, STACK_SIZE, 4), -EINVAL);
	CHECK_IS(set_stack(other_stack, STACK_SIZE, 0), 0);
	CHECK_IS(stack_flags(), 0);
	program_handle(SIGHUP, on_signal, 0, 0);
	CHECK_IS(send(SIGHUP), 0);
	CHECK(last_pointer < other_stack || last_pointer > other_stack + STACK_SIZE);
	program_handle(SIGUSR1, on_other_stack, ON_STACK, 0);
	program_handle(SIGUSR2, on_other_stack, ON_STACK, 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(handled, 3);
	CHECK_IS(flags_in_handler, SS_ONSTACK);
	CHECK_IS(change_in_handler, -EPERM);
	CHECK_IS(stack_flags(), 0);
}

static void on_disarmed_stack(int number, uint64_t info, uint64_t context)
{
	on_signal(number, info, context);
	CHECK(last_pointer > other_stack && last_pointer <= other_stack + STACK_SIZE);
	flags_in_handler = stack_flags();
}

PROGRAM_CASE(test_a_stack_that_disarms_itself)
{
	start();
	other_stack = program_map(STACK_SIZE);
	CHECK_IS(set_stack(other_stack, STACK_SIZE, AUTO_DISARM), 0);
	CHECK_IS(stack_flags(), AUTO_DISARM);
	program_handle(SIGUSR1, on_disarmed_stack, ON_STACK, 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(flags_in_handler, SS_DISABLE);
	CHECK_IS(last_context.stack.base, other_stack);
	CHECK_IS(stack_flags(), AUTO_DISARM); /* the frame brought it back */
}

static void sets_a_stack(int number, uint64_t info, uint64_t context)
{
	(void)number;
	(void)info;
	(void)context;
	CHECK_IS(set_stack(other_stack, STACK_SIZE, 0), 0);
}

PROGRAM_CASE(test_a_stack_that_a_handler_sets_is_gone_with_its_frame)
{
	start();
	other_stack = program_map(STACK_SIZE);
	program_handle(SIGUSR1, sets_a_stack, 0, 0);
	CHECK_IS(send(SIGUSR1), 0);
	CHECK_IS(stack_flags(), SS_DISABLE);
}

static void nests(int number, uint64_t info, uint64_t context)
{
	(void)info;
	(void)context;
	(void)send(number);
}

static void overflows_its_other_stack(void)
{
	start();
	other_stack = program_map(STACK_SIZE);
	CHECK_IS(set_stack(other_stack, STACK_SIZE, 0), 0);
	program_handle(SIGUSR1, nests, ON_STACK | NO_DEFER, 0);
	(void)send(SIGUSR1);
}

static void test_the_other_stack_has_an_end(void **state)
{
	(void)state;
	machine_run_until(&(struct machine){ 0 }, IN_PROGRAM, overflows_its_other_stack, SIGSEGV);
}

/* ---- faults ---- */

static uint64_t good;

/* Maps what was missing, so that the program can go on. */
static void on_fault(int number, uint64_t info, uint64_t context)
{
	on_signal(number, info, context);
	(void)call(SYS_mmap, good, PAGE_SIZE, 3, 0x32 /* private, anonymous, fixed */, (uint64_t)-1, 0);
}

static void check_fault(uint64_t address, int number, int code)
{
	good = address & PAGE_MASK;
	handled = 0;
	program_store(address, 1);
	CHECK_IS(handled, 1);
	CHECK_IS(last_info.number, number);
	CHECK_IS(last_info.code, code);
	CHECK_IS(last_info.fault.address, address);
	CHECK_IS(last_context.registers.address, address);
	CHECK_IS(last_context.registers.vector, 14);
	CHECK(last_context.registers.error & 2);
	CHECK_IS(program_load(address), 1);
}

static struct mapped_file file_of_test;

PROGRAM_CASE(test_faults_are_signals_that_say_where)
{
	uint64_t at;
	struct file *file;

	start();
	program_handle(SIGSEGV, on_fault, SA_SIGINFO, 0);
	program_handle(SIGBUS, on_fault, SA_SIGINFO, 0);
	at = program_map(4 * PAGE_SIZE);
	CHECK_IS(call(SYS_munmap, at + PAGE_SIZE, PAGE_SIZE), 0);
	check_fault(at + PAGE_SIZE + 8, SIGSEGV, SEGV_MAPERR);
	CHECK_IS(call(SYS_mprotect, at, PAGE_SIZE, 1), 0);
	check_fault(at + 4, SIGSEGV, SEGV_ACCERR);
	kernel_lock();
	file = mapped_file_create(&file_of_test, 1, 0, false, 2);
	at = (uint64_t)space_map(current_process()->space, 0, 2 * PAGE_SIZE, 3, SPACE_SHARED, file, 0);
	kernel_unlock();
	check_fault(at + PAGE_SIZE, SIGBUS, BUS_ADRERR);
}

/* ---- frames that a program has spoilt ---- */

static uint64_t seed;
static struct context_of_signal good_context;
static unsigned refused;
static uint64_t good_stack;

static uint32_t random_below(uint32_t end)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % end;
}

static uint64_t random_word(void)
{
	static const uint64_t likely[] = { 0,
					   1,
					   UINT64_MAX,
					   INT64_MAX,
					   UINT64_C(1) << 47,
					   0xffff800000000000,
					   0x400002,
					   ARCH_USER_END,
					   0x2b,
					   0x33,
					   0x10,
					   0x40000 };

	return random_below(2) ? likely[random_below(COUNT_OF(likely))]
			       : (uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX);
}

static void spoil(uint64_t begin, size_t size)
{
	for (unsigned i = 0; i <= random_below(4); i++) {
		const uint64_t at = begin + 8 * random_below((uint32_t)(size / 8));
		uint64_t word = random_word();

		if (random_below(3) == 0) {
			program_read(at, &word, sizeof word);
			word ^= UINT64_C(1) << random_below(64);
		}
		program_write(at, &word, sizeof word);
	}
}

/* Whatever becomes of the frame: the program is led back to where it was by the handler of the fault. */
static void spoils_its_frame(int number, uint64_t info, uint64_t context)
{
	struct context_of_signal after;

	(void)number;
	(void)info;
	program_read(context, &good_context, sizeof good_context);
	good_stack = *program_stack();
	spoil(context, sizeof good_context);
	if (random_below(2))
		spoil(good_context.registers.extended, EXTENDED_SIZE + 8);
	/* Where it goes on, the machine has to know; and the stack has to be one. */
	program_read(context, &after, sizeof after);
	if (after.registers.rip < ARCH_USER_END) {
		after.registers.rip = good_context.registers.rip;
		after.registers.rsp = good_context.registers.rsp;
		after.mask &= ~signal_bit(SIGSEGV);
		program_write(context, &after, sizeof after);
	}
}

static void leads_back(int number, uint64_t info, uint64_t context)
{
	struct context_of_signal back = good_context;

	(void)number;
	(void)info;
	refused++;
	back.registers.extended = 0;
	program_write(context, &back, sizeof back);
}

static void check_registers(void)
{
	const struct registers *registers = current_task()->registers;

	CHECK(!(registers->rflags & ~(RFLAGS_OF_PROGRAM | 0x202)));
	CHECK_IS(registers->rflags & 0x202, 0x202);
	CHECK_IS(registers->cs, 0x33);
	CHECK_IS(registers->ss, 0x2b);
	CHECK(!(current_task()->signals.blocked & (signal_bit(SIGKILL) | signal_bit(SIGSTOP))));
}

static void spoils_frames(void)
{
	start();
	other_stack = program_map(STACK_SIZE);
	program_handle(SIGUSR1, spoils_its_frame, 0, 0);
	program_handle(SIGSEGV, leads_back, ON_STACK | NO_DEFER, 0);
	for (unsigned i = 0; i < SPOILT; i++) {
		const uint64_t stack = *program_stack();

		(void)set_stack(other_stack, STACK_SIZE, 0);
		current_task()->signals.blocked = 0;
		(void)send(SIGUSR1);
		check_registers();
		*program_stack() = stack;
	}
	CHECK(refused > SPOILT / 20 && refused < SPOILT / 20 * 19);
}

static void test_spoilt_frames_give_nothing_that_programs_must_not_have(void **state)
{
	(void)state;
	for (seed = 1; seed <= 3; seed++) {
		printf("# seed %lu\n", (unsigned long)seed);
		machine_run(&(struct machine){ 0 }, IN_PROGRAM, spoils_frames);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_handler_gets_what_linux_gives_it),
		cmocka_unit_test(test_handlers_have_an_extended_state_of_their_own),
		cmocka_unit_test(test_blocked_signals_wait_and_come_in_order),
		cmocka_unit_test(test_real_time_signals_are_queued_with_their_values),
		cmocka_unit_test(test_the_queue_has_an_end_for_what_programs_queue),
		cmocka_unit_test(test_ignored_signals_are_gone),
		cmocka_unit_test(test_a_handler_is_forgotten_if_it_asks_for_that),
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_a_process_s_signal_is_its_first_thread_s_if_that_wants_it),
		cmocka_unit_test(test_a_process_s_signal_is_another_s_if_the_first_thread_blocks_it),
		cmocka_unit_test(test_a_timer_s_signal_is_the_first_thread_s),
		cmocka_unit_test(test_signals_that_cannot_be_sent),
		cmocka_unit_test(test_an_interrupted_read_is_begun_again_if_the_handler_says_so),
		cmocka_unit_test(test_an_interrupted_read_says_so_otherwise),
		cmocka_unit_test(test_an_interrupted_sleep_tells_what_is_left),
		cmocka_unit_test(test_what_a_frame_has_in_rax_is_no_answer),
		cmocka_unit_test(test_sigsuspend_waits_with_another_mask),
		cmocka_unit_test(test_sigtimedwait_takes_without_a_handler),
		cmocka_unit_test(test_handlers_run_on_the_other_stack_if_they_ask_for_it),
		cmocka_unit_test(test_a_stack_that_disarms_itself),
		cmocka_unit_test(test_a_stack_that_a_handler_sets_is_gone_with_its_frame),
		cmocka_unit_test(test_the_other_stack_has_an_end),
		cmocka_unit_test(test_faults_are_signals_that_say_where),
		cmocka_unit_test(test_spoilt_frames_give_nothing_that_programs_must_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
