/* SPDX-License-Identifier: ISC */
/*
 * calls.c - system calls from one and the same place, often: what they leave of the registers, jumps to the instruction
 * itself, signals and restarts in the middle, threads, and a GS base of the program's own. An engine may do such a call
 * in another way after a while; nobody must notice.
 */
#include "parts.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { OFTEN = 1000 };

/* ---- registers ---- */

/* What a call leaves in the registers, by one instruction in one place. 0x123 + n goes into each. */
struct registers {
	uint64_t rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15;
	uint64_t behind, is; /* the address behind the instruction, and rcx */
	uint64_t vector[2];
	long result;
	uint64_t stack;
};

void call_getppid(struct registers *registers);
__asm__(".text\n"
	"call_getppid:\n"
	"	pushq %rbx\n"
	"	pushq %rbp\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	pushq %rdi\n"
	"	movq $0x123, %rbx\n"
	"	movq $0x124, %rdx\n"
	"	movq $0x125, %rsi\n"
	"	movq $0x126, %rdi\n"
	"	movq $0x127, %rbp\n"
	"	movq $0x128, %r8\n"
	"	movq $0x129, %r9\n"
	"	movq $0x12a, %r10\n"
	"	movq $0x12b, %r12\n"
	"	movq $0x12c, %r13\n"
	"	movq $0x12d, %r14\n"
	"	movq $0x12e, %r15\n"
	"	movq %rbx, %xmm0\n"
	"	movq %r15, %xmm15\n"
	"	movq $-1, -8(%rsp)\n" /* the red zone */
	"	movl $110, %eax\n"
	"	syscall\n"
	"1:	movq %rdi, -16(%rsp)\n"
	"	movq (%rsp), %rdi\n"
	"	movq %rbx, (%rdi)\n"
	"	movq %rdx, 8(%rdi)\n"
	"	movq %rsi, 16(%rdi)\n"
	"	movq -16(%rsp), %rdx\n"
	"	movq %rdx, 24(%rdi)\n"
	"	movq %rbp, 32(%rdi)\n"
	"	movq %r8, 40(%rdi)\n"
	"	movq %r9, 48(%rdi)\n"
	"	movq %r10, 56(%rdi)\n"
	"	movq %r12, 64(%rdi)\n"
	"	movq %r13, 72(%rdi)\n"
	"	movq %r14, 80(%rdi)\n"
	"	movq %r15, 88(%rdi)\n"
	"	leaq 1b(%rip), %rdx\n"
	"	movq %rdx, 96(%rdi)\n"
	"	movq %rcx, 104(%rdi)\n"
	"	movq %xmm0, 112(%rdi)\n"
	"	movq %xmm15, 120(%rdi)\n"
	"	movq %rax, 128(%rdi)\n"
	"	movq -8(%rsp), %rdx\n"
	"	movq %rdx, 136(%rdi)\n"
	"	popq %rdi\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbp\n"
	"	popq %rbx\n"
	"	ret\n");

static void check_registers(void)
{
	for (int i = 0; i < OFTEN; i++) {
		struct registers registers;
		const uint64_t *general = &registers.rbx;

		call_getppid(&registers);
		for (uint64_t j = 0; j < 12; j++) {
			if (!CHECK(general[j] == 0x123 + j))
				return;
		}
		if (!CHECK(registers.is == registers.behind) || !CHECK(registers.stack == UINT64_MAX) ||
		    !CHECK(registers.vector[0] == 0x123 && registers.vector[1] == 0x12e) ||
		    !CHECK(registers.result == syscall(SYS_getppid)))
			return;
	}
}

/* ---- jumps to the instruction ---- */

/* number 0: getpid, by the move in front of the instruction; else that call, without it. */
long call_by_jump(long number);
__asm__(".text\n"
	"call_by_jump:\n"
	"	movq %rdi, %rax\n"
	"	testq %rax, %rax\n"
	"	jnz 1f\n"
	"	movl $39, %eax\n"
	"1:	syscall\n"
	"	ret\n");

static void check_jumps(void)
{
	const long id = getpid();
	const long parent = syscall(SYS_getppid);

	for (int i = 0; i < OFTEN; i++) {
		if (!CHECK(call_by_jump(0) == id) || !CHECK(call_by_jump(SYS_getppid) == parent))
			return;
	}
}

/* ---- syscall(2) ---- */

/* Whose sixth argument is on the stack. */
static void check_generic(void)
{
	const int wake = FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG;
	uint32_t word = 0;

	for (int i = 0; i < OFTEN; i++) {
		if (!CHECK(syscall(SYS_futex, &word, wake, 1, NULL, NULL, 1) == 0) ||
		    !CHECK_ERROR(syscall(SYS_futex, &word, wake, 1, NULL, NULL, 0), EINVAL))
			return;
	}
}

/* ---- signals ---- */

static volatile sig_atomic_t caught;

static void on_alarm(int signal)
{
	(void)signal;
	caught++;
}

/* Many signals, of which some come in the middle of a call, or between the jump and the kernel. */
static void check_signals(void)
{
	const struct itimerval often = { { 0, 300 }, { 0, 300 } };
	const struct itimerval never = { 0 };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	caught = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (caught < 300) {
		struct registers registers;

		call_getppid(&registers);
		if (!CHECK(registers.rbx == 0x123 && registers.r15 == 0x12e &&
			   registers.is == registers.behind))
			break;
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

static int ends[2];

static void *write_late(void *unused)
{
	usleep(30000);
	CHECK(write(ends[1], "x", 1) == 1);
	return unused;
}

/* A read that is interrupted and begun again, by a place that was used often before. */
static void check_restart(void)
{
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	const struct itimerval never = { 0 };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	pthread_t thread;
	char byte = 0;

	if (!CHECK(pipe(ends) == 0))
		return;
	for (int i = 0; i < OFTEN; i++)
		CHECK(write(ends[1], "y", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'y');
	sigaction(SIGALRM, &action, NULL);
	pthread_create(&thread, NULL, write_late, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_join(thread, NULL);
	close(ends[0]);
	close(ends[1]);
}

/* ---- the GS base ---- */

static void check_base(void)
{
	static uint64_t words[1024] = { 42 };
	struct registers registers;
	uint64_t base = 1;
	uint64_t word;

	call_getppid(&registers);
	CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == 0);
	CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, words) == 0);
	for (int i = 0; i < OFTEN; i++)
		call_getppid(&registers);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(word));
	CHECK(word == 42 && registers.result == syscall(SYS_getppid));
	for (size_t i = 1; i < 1024; i++)
		CHECK(!words[i]);
	CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0) == 0);
	call_getppid(&registers);
	CHECK(registers.rbx == 0x123);
}

/* ---- threads ---- */

static void *call_often(void *unused)
{
	for (int i = 0; i < 10 * OFTEN; i++) {
		struct registers registers;

		call_getppid(&registers);
		if (!CHECK(registers.r12 == 0x12b && registers.vector[0] == 0x123))
			break;
	}
	return unused;
}

static void check_threads(void)
{
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, call_often, NULL) == 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* clang-format off */
static const struct part parts[] = {
	{ "threads", check_threads },
	{ "registers", check_registers },
	{ "jumps", check_jumps },
	{ "generic", check_generic },
	{ "signals", check_signals },
	{ "restart", check_restart },
	{ "base", check_base },
};
/* clang-format on */

PARTS_MAIN(parts)
