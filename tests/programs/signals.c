/* SPDX-License-Identifier: ISC */
/* signals.c - handlers, masks, faults, alternate stacks, timers, interrupted calls; with how=NAME, ways to die. */
#include "parts.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t caught, last, depth, deepest;
static siginfo_t information;
static void *volatile handler_stack;

static void count(int signal)
{
	caught++;
	last = signal;
}

static void inform(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught++;
	last = signal;
	information = *info;
	handler_stack = __builtin_frame_address(0);
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	caught = 0;
	CHECK(!sigaction(signal, &action, NULL));
}

static void handle_with_information(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	caught = 0;
	memset(&information, 0, sizeof information);
	CHECK(!sigaction(signal, &action, NULL));
}

static void block(int how, int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	CHECK(!sigprocmask(how, &set, NULL));
}

static void set_timer(long milliseconds, long again)
{
	const struct itimerval value = { { 0, again * 1000 }, { 0, milliseconds * 1000 } };

	CHECK(!setitimer(ITIMER_REAL, &value, NULL));
}

/* ---- the basics ---- */

static void handlers(void)
{
	struct sigaction old;

	handle(SIGUSR1, count, 0);
	CHECK(!raise(SIGUSR1) && caught == 1 && last == SIGUSR1);
	CHECK(!kill(getpid(), SIGUSR1) && caught == 2);
	CHECK(!sigaction(SIGUSR1, NULL, &old) && old.sa_handler == count);
	handle(SIGUSR1, count, SA_RESETHAND);
	raise(SIGUSR1);
	CHECK(!sigaction(SIGUSR1, NULL, &old) && old.sa_handler == SIG_DFL);
	CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	CHECK(!raise(SIGUSR1));
	CHECK_ERROR(sigaction(SIGKILL, &old, NULL), EINVAL);
	CHECK_ERROR(kill(getpid(), 65), EINVAL);
	CHECK(!kill(getpid(), 0));
	CHECK(!raise(SIGCHLD) && !raise(SIGURG) && !raise(SIGWINCH));
}

static void masks(void)
{
	sigset_t pending;

	handle(SIGUSR1, count, 0);
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK(caught == 0);
	CHECK(!sigpending(&pending) && sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK(caught == 1);
}

static void go_deeper(int signal)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (caught++ < 3)
		raise(signal);
	depth--;
}

/* A handler's own signal is blocked in it, unless it asks for it. */
static void nesting(void)
{
	deepest = 0;
	handle(SIGUSR1, go_deeper, 0);
	raise(SIGUSR1);
	CHECK(caught == 4 && deepest == 1);
	deepest = 0;
	handle(SIGUSR1, go_deeper, SA_NODEFER);
	raise(SIGUSR1);
	CHECK(caught == 4 && deepest == 4);
}

static int order[8];

static void note_order(int signal)
{
	order[caught++ % 8] = signal;
}

/* Real-time signals queue, the lower number first, and carry a value. */
static void queueing(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	handle(SIGRTMIN, note_order, 0);
	handle(SIGRTMIN + 1, note_order, 0);
	handle(SIGRTMIN + 2, note_order, 0);
	sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 1 });
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 2 });
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 3 });
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 4 });
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(caught == 4);
	/* All are delivered before the first of them runs: the last one's handler is on top. */
	printf("order: %d %d %d %d\n", order[0] - SIGRTMIN, order[1] - SIGRTMIN, order[2] - SIGRTMIN,
	       order[3] - SIGRTMIN);
	handle_with_information(SIGRTMIN, inform, 0);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 77 });
	CHECK(information.si_value.sival_int == 77 && information.si_code == SI_QUEUE);
	CHECK(information.si_pid == getpid() && information.si_uid == getuid());
}

/* ---- waiting for signals ---- */

static void waiting(void)
{
	const struct timespec brief = { .tv_nsec = 10000000 };
	const struct timespec none = { 0 };
	siginfo_t info;
	sigset_t set;
	sigset_t nothing;
	int signal = 0;

	sigemptyset(&nothing);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK(!sigwait(&set, &signal) && signal == SIGUSR1);
	set_timer(5, 0);
	CHECK(sigwaitinfo(&set, &info) == SIGALRM && info.si_code == SI_KERNEL);
	CHECK_ERROR(sigtimedwait(&set, &info, &brief), EAGAIN);
	CHECK_ERROR(sigtimedwait(&set, &info, &none), EAGAIN);
	handle(SIGALRM, count, 0);
	set_timer(5, 0);
	CHECK_ERROR(sigsuspend(&nothing), EINTR);
	CHECK(caught == 1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	set_timer(5, 5); /* one may come before there is a pause to end */
	CHECK_ERROR(pause(), EINTR);
	set_timer(0, 0);
	CHECK(caught >= 2);
}

/* ---- faults ---- */

static sigjmp_buf jump;

static void jump_out(int signal, siginfo_t *info, void *context)
{
	inform(signal, info, context);
	siglongjmp(jump, signal);
}

static void fault_at(volatile char *address, bool write)
{
	if (write)
		*address = 1;
	else
		(void)*address;
}

static void faults(void)
{
	char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned quotient = 1;

	munmap(page + 4096, 4096);
	handle_with_information(SIGSEGV, jump_out, 0);
	if (!sigsetjmp(jump, 1))
		fault_at((char *)8, false);
	CHECK(caught == 1 && information.si_addr == (void *)8 && information.si_code == SEGV_MAPERR);
	if (!sigsetjmp(jump, 1))
		fault_at(page + 100, true);
	CHECK(caught == 2 && information.si_addr == page + 100 && information.si_code == SEGV_ACCERR);
	if (!sigsetjmp(jump, 1))
		fault_at(page + 4096, true);
	CHECK(caught == 3 && information.si_addr == page + 4096 && information.si_code == SEGV_MAPERR);
	/* An address that no address has: the processor does not tell it. */
	if (!sigsetjmp(jump, 1))
		fault_at((char *)0x8000000000000000, false);
	CHECK(caught == 4 && information.si_code == SI_KERNEL && !information.si_addr);
	/* Executing what is not executable. */
	if (!sigsetjmp(jump, 1))
		((void (*)(void))(uintptr_t)page)();
	CHECK(caught == 5 && information.si_addr == page);

	handle_with_information(SIGFPE, jump_out, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("div %[zero]" : "+a"(quotient) : [zero] "r"(0), "d"(0));
	CHECK(last == SIGFPE && information.si_code == FPE_INTDIV);
	handle_with_information(SIGILL, jump_out, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("ud2");
	CHECK(last == SIGILL && information.si_code == ILL_ILLOPN);
	handle_with_information(SIGTRAP, inform, 0);
	__asm__ volatile("int3");
	CHECK(caught == 1 && last == SIGTRAP);
	handle_with_information(SIGSEGV, jump_out, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("hlt");
	CHECK(caught == 1 && information.si_code == SI_KERNEL);
	munmap(page, 4096);
}

/* A handler that mends the cause: the instruction is begun again. */
static char *mended;

static void mend(int signal, siginfo_t *info, void *context)
{
	inform(signal, info, context);
	mprotect((void *)((uintptr_t)info->si_addr & ~4095UL), 4096, PROT_READ | PROT_WRITE);
}

static void mending(void)
{
	mended = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	handle_with_information(SIGSEGV, mend, 0);
	for (int i = 0; i < 16; i++)
		mended[i * 4096 + i] = (char)i;
	for (int i = 0; i < 16; i++)
		CHECK(mended[i * 4096 + i] == i);
	CHECK(caught == 16);
	munmap(mended, 16 * 4096);
}

/* A handler that changes the registers to which it returns. */
static void skip(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	inform(signal, info, context);
	CHECK(user->uc_mcontext.gregs[REG_RBX] == 0x1234567890);
	user->uc_mcontext.gregs[REG_RBX] = 42;
	user->uc_mcontext.gregs[REG_RIP] += 2;
}

static void changed_registers(void)
{
	uint64_t value = 0x1234567890;

	handle_with_information(SIGILL, skip, 0);
	__asm__ volatile("ud2" : "+b"(value));
	CHECK(caught == 1 && value == 42);
}

/* Registers of the FPU and of vectors are kept, whatever a handler does to them. */
static void spoil(int signal)
{
	volatile double a = signal;
	volatile long double b = signal;

	count(signal);
	for (int i = 0; i < 100; i++) {
		a = a * 1.5 + i;
		b = b / 1.5L + a;
	}
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15" ::
				 : "xmm0", "xmm7", "xmm15");
}

static void vector_registers(void)
{
	double kept = 3.25;
	double first = 0;

	handle(SIGUSR1, spoil, 0);
	__asm__ volatile("movq %[kept], %%xmm7\n\tmovq %[kept], %%xmm15\n\t"
			 "mov %[call], %%eax\n\tmov %[pid], %%edi\n\tmov %[signal], %%esi\n\tsyscall\n\t"
			 "addsd %%xmm15, %%xmm7\n\tmovq %%xmm7, %[first]"
			 : [first] "=r"(first)
			 : [kept] "r"(kept), [call] "i"(SYS_kill), [pid] "r"(getpid()), [signal] "i"(SIGUSR1)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "xmm15", "memory");
	CHECK(caught == 1 && first == 6.5);
}

/* ---- stacks ---- */

static char alternate[64 * 1024];

static void alternate_stack(void)
{
	const stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
	const stack_t none = { .ss_flags = SS_DISABLE };
	const stack_t small = { .ss_sp = alternate, .ss_size = 100 };
	stack_t old;

	CHECK(!sigaltstack(&stack, NULL));
	handle_with_information(SIGUSR1, inform, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK((char *)handler_stack >= alternate && (char *)handler_stack < alternate + sizeof alternate);
	handle_with_information(SIGUSR1, inform, 0);
	raise(SIGUSR1);
	CHECK((char *)handler_stack < alternate || (char *)handler_stack >= alternate + sizeof alternate);
	CHECK(!sigaltstack(NULL, &old) && old.ss_sp == alternate && !(old.ss_flags & SS_ONSTACK));
	CHECK_ERROR(sigaltstack(&small, NULL), ENOMEM);
	CHECK(!sigaltstack(&none, NULL));
}

static int exhaust(int level)
{
	volatile char room[4096];

	room[0] = (char)level;
	room[4095] = (char)level;
	return level < 0 ? 0 : exhaust(level + 1) + room[0] + room[4095];
}

/* The end of the stack is told on the alternate one. */
static void overflow(void)
{
	const stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };

	CHECK(!sigaltstack(&stack, NULL));
	handle_with_information(SIGSEGV, jump_out, SA_ONSTACK);
	if (!sigsetjmp(jump, 1))
		exhaust(0);
	CHECK(caught == 1 && last == SIGSEGV);
	CHECK((char *)handler_stack >= alternate && (char *)handler_stack < alternate + sizeof alternate);
}

/* ---- calls that are interrupted ---- */

static int pipes[2];

static void write_one(int signal)
{
	count(signal);
	if (caught == 3)
		CHECK(write(pipes[1], "x", 1) == 1);
}

static void restarting(void)
{
	struct timespec asleep = { .tv_sec = 5000 };
	struct timespec rest = { 0 };
	struct pollfd poll_one;
	char byte;

	CHECK(!pipe(pipes));
	poll_one = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	handle(SIGALRM, count, 0);
	/* Again and again: one may come before there is a call to interrupt. */
	set_timer(5, 5);
	CHECK_ERROR(read(pipes[0], &byte, 1), EINTR);
	CHECK_ERROR(poll(&poll_one, 1, -1), EINTR);
	CHECK_ERROR(nanosleep(&asleep, &rest), EINTR);
	set_timer(0, 0);
	CHECK(rest.tv_sec > 4000 && rest.tv_sec < 5000 && rest.tv_nsec > 0);
	/* With SA_RESTART, read goes on until the third of them writes; poll never does. */
	handle(SIGALRM, write_one, SA_RESTART);
	set_timer(5, 5);
	CHECK(read(pipes[0], &byte, 1) == 1 && byte == 'x');
	CHECK(caught >= 3);
	CHECK_ERROR(poll(&poll_one, 1, -1), EINTR);
	set_timer(0, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void broken_pipe(void)
{
	CHECK(!pipe(pipes));
	handle(SIGPIPE, count, 0);
	close(pipes[0]);
	CHECK_ERROR(write(pipes[1], "x", 1), EPIPE);
	CHECK(caught == 1 && last == SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERROR(write(pipes[1], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(pipes[1]);
}

/* ---- timers ---- */

static void interval_timer(void)
{
	struct itimerval value;

	handle(SIGALRM, count, SA_RESTART);
	set_timer(5, 5);
	while (caught < 4)
		pause();
	CHECK(!getitimer(ITIMER_REAL, &value) && value.it_interval.tv_usec == 5000);
	set_timer(0, 0);
	CHECK(alarm(1000) == 0 && alarm(0) >= 900);
}

static void processor_timer(void)
{
	const struct itimerval value = { { 0, 0 }, { 0, 20000 } };

	handle(SIGVTALRM, count, 0);
	CHECK(!setitimer(ITIMER_VIRTUAL, &value, NULL));
	while (!caught)
		;
	handle(SIGPROF, count, 0);
	CHECK(!setitimer(ITIMER_PROF, &value, NULL));
	while (!caught)
		;
	CHECK(last == SIGPROF);
}

static void posix_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN + 3,
				  .sigev_value.sival_int = 1234 };
	const struct itimerspec value = { { 0, 3000000 }, { 0, 3000000 } };
	struct itimerspec left;
	timer_t timer;
	timer_t quiet;

	handle_with_information(SIGRTMIN + 3, inform, 0);
	CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	CHECK(!timer_settime(timer, 0, &value, NULL));
	while (caught < 3)
		pause();
	CHECK(information.si_code == SI_TIMER && information.si_value.sival_int == 1234);
	CHECK(!timer_gettime(timer, &left) && left.it_interval.tv_nsec == 3000000);
	CHECK(!timer_delete(timer));
	event.sigev_notify = SIGEV_NONE;
	CHECK(!timer_create(CLOCK_REALTIME, &event, &quiet));
	CHECK(!timer_settime(quiet, 0, &value, NULL) && !timer_delete(quiet));
	CHECK_ERROR(timer_settime(quiet, 0, &value, NULL), EINVAL);
}

/* A blocked timer signal overruns. */
static void overrun(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	const struct itimerspec value = { { 0, 2000000 }, { 0, 2000000 } };
	const struct timespec sleep = { .tv_nsec = 30000000 };
	siginfo_t info;
	sigset_t set;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	block(SIG_BLOCK, SIGUSR2);
	CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	CHECK(!timer_settime(timer, 0, &value, NULL));
	nanosleep(&sleep, NULL);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR2);
	CHECK(info.si_code == SI_TIMER && info.si_overrun >= 5);
	CHECK(!timer_delete(timer));
	/* One more may have come. */
	while (sigtimedwait(&set, NULL, &(struct timespec){ 0 }) == SIGUSR2)
		;
	block(SIG_UNBLOCK, SIGUSR2);
}

/* ---- threads ---- */

static volatile pthread_t handled_by;

static void note_thread(int signal)
{
	count(signal);
	handled_by = pthread_self();
}

static void *wait_for_it(void *argument)
{
	while (!caught)
		usleep(1000);
	return argument;
}

static void to_threads(void)
{
	pthread_t thread;

	handle(SIGUSR1, note_thread, SA_RESTART);
	pthread_create(&thread, NULL, wait_for_it, NULL);
	CHECK(!pthread_kill(thread, SIGUSR1));
	pthread_join(thread, NULL);
	CHECK(pthread_equal(handled_by, thread));
	/* One for the process goes to a thread that does not block it. */
	caught = 0;
	pthread_create(&thread, NULL, wait_for_it, NULL);
	block(SIG_BLOCK, SIGUSR1);
	CHECK(!kill(getpid(), SIGUSR1));
	pthread_join(thread, NULL);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK(caught == 1 && pthread_equal(handled_by, thread));
	CHECK_ERROR(syscall(SYS_tgkill, getpid(), 99999, SIGUSR1), ESRCH);
}

static const struct part parts[] = {
	{ "handlers", handlers },
	{ "masks", masks },
	{ "nesting", nesting },
	{ "queueing", queueing },
	{ "waiting", waiting },
	{ "faults", faults },
	{ "mending", mending },
	{ "changed-registers", changed_registers },
	{ "vector-registers", vector_registers },
	{ "alternate-stack", alternate_stack },
	{ "overflow", overflow },
	{ "restarting", restarting },
	{ "broken-pipe", broken_pipe },
	{ "interval-timer", interval_timer },
	{ "processor-timer", processor_timer },
	{ "posix-timer", posix_timer },
	{ "overrun", overrun },
	{ "to-threads", to_threads },
};

/* ---- ways to die ---- */

static void *segfault(void *unused)
{
	fault_at(NULL, true);
	return unused;
}

static void die(const char *how)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 1000 } };
	pthread_t thread;

	puts("dying");
	fflush(stdout);
	if (!strcmp(how, "segv"))
		fault_at(NULL, true);
	if (!strcmp(how, "thread-segv")) {
		pthread_create(&thread, NULL, segfault, NULL);
		pthread_join(thread, NULL);
	}
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "ill"))
		__asm__ volatile("ud2");
	if (!strcmp(how, "trap"))
		__asm__ volatile("int3");
	if (!strcmp(how, "alarm")) {
		setitimer(ITIMER_REAL, &soon, NULL);
		for (;;)
			;
	}
	if (!strcmp(how, "blocked-segv")) {
		block(SIG_BLOCK, SIGSEGV);
		signal(SIGSEGV, count);
		fault_at(NULL, true);
	}
	if (!strcmp(how, "stack"))
		exhaust(0);
	if (!strcmp(how, "realtime"))
		raise(SIGRTMAX);
	exit(99);
}

int main(int argument_count, char **arguments)
{
	if (argument_count == 2 && !strncmp(arguments[1], "how=", 4))
		die(arguments[1] + 4);
	return parts_run(parts, sizeof parts / sizeof *parts, argument_count, arguments);
}
