/* SPDX-License-Identifier: ISC */
/*
 * runtime.c - the pattern of a language's runtime that schedules goroutines on threads: threads made by clone(2) itself
 * on stacks of its own, which sleep on futexes, are pre-empted by SIGURG through tgkill(2) on an alternate stack, and
 * have timers; a collector stops the world by those signals.
 */
#include "parts.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { WORKERS = 12, TASKS = 3000, STACK = 64 * 1024, SIGNAL_STACK = 32 * 1024 };

static int futex(atomic_int *word, int operation, int value, const struct timespec *time)
{
	return (int)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, time, NULL, 0);
}

struct worker {
	atomic_int id;     /* cleared by the kernel when it has ended */
	atomic_int asleep; /* futex: 1 while it waits for work */
	atomic_int stopped;
	atomic_ulong preempted;
	char *stack;
	char *signal_stack;
	unsigned long done;
	volatile uint64_t spun;
};

static struct worker workers[WORKERS];
static atomic_int next_task, tasks_done, asked_to_stop, world_runs, ending;

static struct worker *worker_of_stack(const void *address)
{
	for (int i = 0; i < WORKERS; i++) {
		const char *at = address;

		if (at >= workers[i].signal_stack && at < workers[i].signal_stack + SIGNAL_STACK)
			return &workers[i];
	}
	return NULL;
}

/* On the signal stack of a worker: that it is asked to stop, it answers, and waits until the world runs again. */
static void preempt(int signal, siginfo_t *info, void *context)
{
	struct worker *worker = worker_of_stack(__builtin_frame_address(0));
	const ucontext_t *user = context;
	const int generation = atomic_load(&world_runs);

	(void)signal;
	if (!CHECK(worker) || !CHECK(info->si_code == SI_TKILL && info->si_pid == getpid()))
		return;
	/* What was interrupted ran on the worker's own stack. */
	CHECK((char *)user->uc_mcontext.gregs[REG_RSP] > worker->stack &&
	      (char *)user->uc_mcontext.gregs[REG_RSP] <= worker->stack + STACK);
	atomic_fetch_add(&worker->preempted, 1);
	if (!atomic_load(&asked_to_stop))
		return;
	atomic_store(&worker->stopped, 1);
	futex(&worker->stopped, FUTEX_WAKE, 1, NULL);
	while (atomic_load(&world_runs) == generation)
		futex(&world_runs, FUTEX_WAIT, generation, NULL);
	atomic_store(&worker->stopped, 0);
}

static void work(struct worker *worker)
{
	const int task = atomic_fetch_add(&next_task, 1);
	uint64_t value = (uint64_t)task;

	if (task >= TASKS) {
		const struct timespec brief = { .tv_nsec = 1000000 };

		atomic_store(&worker->asleep, 1);
		if (!atomic_load(&ending))
			futex(&worker->asleep, FUTEX_WAIT, 1, &brief);
		atomic_store(&worker->asleep, 0);
		return;
	}
	for (int i = 0; i < 2000; i++)
		value = value * 6364136223846793005u + 1442695040888963407u;
	worker->spun += value & 1;
	worker->done++;
	atomic_fetch_add(&tasks_done, 1);
}

/* Has no libc below it: a thread without a TLS of its own makes system calls by hand. */
static int begin(void *argument)
{
	struct worker *worker = argument;
	const stack_t stack = { .ss_sp = worker->signal_stack, .ss_size = SIGNAL_STACK };

	__asm__ volatile("syscall" ::"a"(SYS_sigaltstack), "D"(&stack), "S"(0) : "rcx", "r11", "memory");
	while (!atomic_load(&ending))
		work(worker);
	return 0;
}

static void start(struct worker *worker)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			  CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

	worker->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	worker->signal_stack =
		mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(clone(begin, worker->stack + STACK, flags, worker, &worker->id, NULL, &worker->id) > 0);
}

static void stop_the_world(void)
{
	const pid_t process = getpid();

	atomic_store(&asked_to_stop, 1);
	for (int i = 0; i < WORKERS; i++)
		CHECK(!syscall(SYS_tgkill, process, atomic_load(&workers[i].id), SIGURG));
	for (int i = 0; i < WORKERS; i++) {
		while (!atomic_load(&workers[i].stopped))
			futex(&workers[i].stopped, FUTEX_WAIT, 0, NULL);
	}
}

static void start_the_world(void)
{
	atomic_store(&asked_to_stop, 0);
	atomic_fetch_add(&world_runs, 1);
	futex(&world_runs, FUTEX_WAKE, 1000, NULL);
	for (int i = 0; i < WORKERS; i++) {
		while (atomic_load(&workers[i].stopped))
			sched_yield();
	}
}

static void collect(void)
{
	unsigned long before = 0;
	unsigned long after = 0;

	stop_the_world();
	for (int i = 0; i < WORKERS; i++)
		before += workers[i].done;
	sched_yield();
	for (int i = 0; i < WORKERS; i++)
		after += workers[i].done;
	CHECK(before == after);
	start_the_world();
}

static void goroutines(void)
{
	const struct sigaction action = { .sa_sigaction = preempt,
					  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	unsigned long done = 0;
	unsigned long preempted = 0;

	CHECK(!sigaction(SIGURG, &action, NULL));
	for (int i = 0; i < WORKERS; i++)
		start(&workers[i]);
	/* Each has its signal stack by the time that it has done something, or sleeps. */
	while (atomic_load(&tasks_done) < TASKS / 2)
		sched_yield();
	for (int i = 0; i < WORKERS; i++) {
		while (!workers[i].done && !atomic_load(&workers[i].asleep))
			usleep(1000);
	}
	for (int i = 0; i < 15; i++) {
		collect();
		usleep(500);
	}
	for (int i = 0; i < 200; i++)
		syscall(SYS_tgkill, getpid(), atomic_load(&workers[i % WORKERS].id), SIGURG);
	while (atomic_load(&tasks_done) < TASKS)
		usleep(1000);
	collect();
	atomic_store(&ending, 1);
	for (int i = 0; i < WORKERS; i++) {
		int id;

		futex(&workers[i].asleep, FUTEX_WAKE, 1, NULL);
		while ((id = atomic_load(&workers[i].id)))
			/* The kernel wakes without FUTEX_PRIVATE_FLAG. */
			syscall(SYS_futex, &workers[i].id, FUTEX_WAIT, id, NULL, NULL, 0);
		done += workers[i].done;
		preempted += atomic_load(&workers[i].preempted);
		CHECK(!munmap(workers[i].stack, STACK) && !munmap(workers[i].signal_stack, SIGNAL_STACK));
	}
	CHECK(done == TASKS);
	CHECK(preempted >= 16 * WORKERS);
}

/* ---- futexes by themselves ---- */

static atomic_int word, other;

static void futexes(void)
{
	const struct timespec brief = { .tv_nsec = 3000000 };
	struct timespec deadline;

	CHECK_ERROR(futex(&word, FUTEX_WAIT, 1, NULL), EAGAIN);
	CHECK_ERROR(futex(&word, FUTEX_WAIT, 0, &brief), ETIMEDOUT);
	CHECK(futex(&word, FUTEX_WAKE, 1, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	CHECK_ERROR((int)syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, NULL, 1),
		    ETIMEDOUT);
	CHECK_ERROR((int)syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, NULL, 0), EINVAL);
	CHECK_ERROR((int)syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 0, &deadline, NULL, 0), EINVAL);
	CHECK_ERROR((int)syscall(SYS_futex, 8, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK((int)syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1L, &other, 0) == 0);
	CHECK_ERROR((int)syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1L, &other, 5),
		    EAGAIN);
}

/* ---- stacks that are switched in user space ---- */

static ucontext_t main_context, coroutines[100];
static int rounds;

static void coroutine(int self)
{
	for (int i = 0; i < 20; i++) {
		rounds++;
		swapcontext(&coroutines[self], &main_context);
	}
}

static void contexts(void)
{
	for (int i = 0; i < 100; i++) {
		getcontext(&coroutines[i]);
		coroutines[i].uc_stack.ss_sp = malloc(STACK);
		coroutines[i].uc_stack.ss_size = STACK;
		coroutines[i].uc_link = &main_context;
		makecontext(&coroutines[i], (void (*)(void))(uintptr_t)coroutine, 1, i);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 100; i++)
			swapcontext(&main_context, &coroutines[i]);
	}
	CHECK(rounds == 2000);
	for (int i = 0; i < 100; i++)
		free(coroutines[i].uc_stack.ss_sp);
}

/* A heap that is reserved in one large piece, and used here and there, as garbage collectors do. */
static void arenas(void)
{
	const size_t size = (size_t)64 << 30;
	char *arena = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!CHECK(arena != MAP_FAILED))
		return;
	for (size_t at = 0; at < size; at += size / 64) {
		CHECK(mmap(arena + at, 1 << 16, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == arena + at);
		memset(arena + at, 0x5a, 1 << 16);
	}
	for (size_t at = 0; at < size; at += size / 64) {
		CHECK(arena[at + 12345] == 0x5a);
		CHECK(!madvise(arena + at, 1 << 16, MADV_DONTNEED));
		CHECK(arena[at + 12345] == 0);
	}
	CHECK(!munmap(arena, size));
}

static const struct part parts[] = {
	{ "goroutines", goroutines },
	{ "futexes", futexes },
	{ "contexts", contexts },
	{ "arenas", arenas },
};

PARTS_MAIN(parts)
