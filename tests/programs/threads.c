/* SPDX-License-Identifier: ISC */
/* threads.c - POSIX threads: locks that are fought for, condition variables, barriers, robust mutexes, cancellation. */
#include "parts.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8 };

static pthread_t threads[64];

static void start(int count, void *(*run)(void *))
{
	for (int i = 0; i < count; i++)
		CHECK(!pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i));
}

static intptr_t join(int count)
{
	intptr_t sum = 0;

	for (int i = 0; i < count; i++) {
		void *result = NULL;

		CHECK(!pthread_join(threads[i], &result));
		sum += (intptr_t)result;
	}
	return sum;
}

static struct timespec soon(long milliseconds)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += milliseconds * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

/* ---- mutexes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count_up(void *argument)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		/* Now and then whoever holds it is taken off the processor. */
		if (i % 1000 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void contended(void)
{
	counter = 0;
	start(THREADS, count_up);
	CHECK(join(THREADS) == THREADS * (THREADS - 1) / 2);
	CHECK(counter == THREADS * 20000);
}

static pthread_spinlock_t spin;

static void *spin_up(void *argument)
{
	for (int i = 0; i < 5000; i++) {
		pthread_spin_lock(&spin);
		counter++;
		pthread_spin_unlock(&spin);
	}
	return argument;
}

static void spinning(void)
{
	counter = 0;
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	start(4, spin_up);
	join(4);
	CHECK(counter == 4 * 5000);
}

static void kinds_of_mutex(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t recursive;
	pthread_mutex_t checking;
	struct timespec deadline;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attributes);
	CHECK(!pthread_mutex_lock(&recursive) && !pthread_mutex_lock(&recursive));
	CHECK(!pthread_mutex_unlock(&recursive) && !pthread_mutex_unlock(&recursive));
	CHECK(pthread_mutex_unlock(&recursive) == EPERM);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checking, &attributes);
	CHECK(!pthread_mutex_lock(&checking) && pthread_mutex_lock(&checking) == EDEADLK);
	CHECK(pthread_mutex_trylock(&checking) == EBUSY);
	pthread_mutex_unlock(&checking);

	pthread_mutex_lock(&mutex);
	deadline = soon(20);
	CHECK(pthread_mutex_timedlock(&mutex, &deadline) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

/* Priority inheritance takes other operations of futex(2). */
static pthread_mutex_t inheriting;

static void *count_inheriting(void *argument)
{
	for (int i = 0; i < 3000; i++) {
		pthread_mutex_lock(&inheriting);
		counter++;
		pthread_mutex_unlock(&inheriting);
	}
	return argument;
}

static void inheritance(void)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	CHECK(!pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
	CHECK(!pthread_mutex_init(&inheriting, &attributes));
	counter = 0;
	start(4, count_inheriting);
	join(4);
	CHECK(counter == 4 * 3000);
}

static pthread_mutex_t robust;

static void *die_with_lock(void *argument)
{
	pthread_mutex_lock(&robust);
	return argument;
}

static void robust_mutex(void)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	start(1, die_with_lock);
	join(1);
	CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
	CHECK(!pthread_mutex_consistent(&robust));
	CHECK(!pthread_mutex_unlock(&robust));
	start(1, die_with_lock);
	join(1);
	CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
	CHECK(!pthread_mutex_unlock(&robust));
	CHECK(pthread_mutex_lock(&robust) == ENOTRECOVERABLE);
}

/* ---- condition variables ---- */

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int queue[16];
static unsigned queue_in, queue_out;
static bool queue_ended;

static void *produce(void *argument)
{
	for (int i = 1; i <= 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (queue_in - queue_out == 16)
			pthread_cond_wait(&changed, &mutex);
		queue[queue_in++ % 16] = i;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

static void *consume(void *argument)
{
	intptr_t sum = 0;

	(void)argument;
	for (;;) {
		pthread_mutex_lock(&mutex);
		while (queue_in == queue_out && !queue_ended)
			pthread_cond_wait(&changed, &mutex);
		if (queue_in == queue_out) {
			pthread_mutex_unlock(&mutex);
			return (void *)sum;
		}
		sum += queue[queue_out++ % 16];
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
}

static void queues(void)
{
	intptr_t sum = 0;

	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, i < 3 ? produce : consume, NULL);
	for (int i = 0; i < 6; i++) {
		void *result;

		pthread_join(threads[i], &result);
		sum += (intptr_t)result;
		if (i == 2) {
			pthread_mutex_lock(&mutex);
			queue_ended = true;
			pthread_cond_broadcast(&changed);
			pthread_mutex_unlock(&mutex);
		}
	}
	CHECK(sum == 3L * 2000 * 2001 / 2);
}

static int turn;

static void *take_turns(void *argument)
{
	const int me = (int)(intptr_t)argument;

	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 3 != me)
			pthread_cond_wait(&changed, &mutex);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void turns(void)
{
	start(3, take_turns);
	join(3);
	CHECK(turn == 900);
}

static void timed_wait(void)
{
	struct timespec deadline = soon(30);
	struct timespec after;
	int error;

	pthread_mutex_lock(&mutex);
	do
		error = pthread_cond_timedwait(&changed, &mutex, &deadline);
	while (!error);
	pthread_mutex_unlock(&mutex);
	clock_gettime(CLOCK_REALTIME, &after);
	CHECK(error == ETIMEDOUT);
	CHECK(after.tv_sec > deadline.tv_sec ||
	      (after.tv_sec == deadline.tv_sec && after.tv_nsec >= deadline.tv_nsec));
}

/* ---- barriers, semaphores, reader-writer locks ---- */

static pthread_barrier_t barrier;
static atomic_int arrived;

static void *arrive(void *argument)
{
	intptr_t serial = 0;

	(void)argument;
	for (int round = 1; round <= 50; round++) {
		atomic_fetch_add(&arrived, 1);
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
		CHECK(atomic_load(&arrived) >= round * 5);
	}
	return (void *)serial;
}

static void barriers(void)
{
	pthread_barrier_init(&barrier, NULL, 5);
	start(5, arrive);
	CHECK(join(5) == 50);
	CHECK(atomic_load(&arrived) == 250);
}

static sem_t full, empty;
static int slot;

static void *fill(void *argument)
{
	for (int i = 1; i <= 1000; i++) {
		sem_wait(&empty);
		slot = i;
		sem_post(&full);
	}
	return argument;
}

static void semaphores(void)
{
	struct timespec deadline;
	long sum = 0;

	sem_init(&full, 0, 0);
	sem_init(&empty, 0, 1);
	start(1, fill);
	for (int i = 0; i < 1000; i++) {
		sem_wait(&full);
		sum += slot;
		sem_post(&empty);
	}
	join(1);
	CHECK(sum == 500500);
	deadline = soon(10);
	CHECK_ERROR(sem_timedwait(&full, &deadline), ETIMEDOUT);
	CHECK_ERROR(sem_trywait(&full), EAGAIN);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long left, right;

static void *read_or_write(void *argument)
{
	const bool writer = (intptr_t)argument % 4 == 0;

	for (int i = 0; i < 2000; i++) {
		if (writer) {
			pthread_rwlock_wrlock(&rwlock);
			left++;
			right--;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			CHECK(left + right == 0);
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void reader_writer(void)
{
	start(THREADS, read_or_write);
	join(THREADS);
	CHECK(left == 4000);
}

/* ---- what belongs to a thread ---- */

static __thread int own = 42;
static __thread char own_text[100] = "initial";
static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value)
{
	atomic_fetch_add(&destroyed, (int)(intptr_t)value);
}

static void *use_own(void *argument)
{
	const int me = (int)(intptr_t)argument;

	CHECK(own == 42 && !strcmp(own_text, "initial"));
	own = me;
	snprintf(own_text, sizeof own_text, "thread %d", me);
	pthread_setspecific(key, (void *)(intptr_t)(me + 1));
	for (int i = 0; i < 100; i++) {
		sched_yield();
		CHECK(own == me && atoi(own_text + 7) == me);
		CHECK(pthread_getspecific(key) == (void *)(intptr_t)(me + 1));
	}
	return NULL;
}

static void thread_local(void)
{
	pthread_key_create(&key, destroy);
	start(THREADS, use_own);
	join(THREADS);
	CHECK(atomic_load(&destroyed) == THREADS * (THREADS + 1) / 2);
	CHECK(own == 42);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int initialized;

static void initialize(void)
{
	sched_yield();
	atomic_fetch_add(&initialized, 1);
}

static void *use_once(void *argument)
{
	pthread_once(&once, initialize);
	CHECK(atomic_load(&initialized) == 1);
	return argument;
}

static void only_once(void)
{
	start(THREADS, use_once);
	join(THREADS);
}

static void *identity(void *argument)
{
	(void)argument;
	CHECK(syscall(SYS_gettid) != getpid());
	return (void *)syscall(SYS_gettid);
}

static void identities(void)
{
	void *first;
	void *second;
	char name[16] = "";

	CHECK(syscall(SYS_gettid) == getpid());
	start(2, identity);
	pthread_join(threads[0], &first);
	pthread_join(threads[1], &second);
	CHECK(first != second);
	CHECK(!pthread_setname_np(pthread_self(), "a name"));
	CHECK(!pthread_getname_np(pthread_self(), name, sizeof name) && !strcmp(name, "a name"));
}

/* Each stack is touched to its end, and big ones are only reserved. */
static void *use_stack(void *argument)
{
	volatile char deep[200 * 1024];

	for (size_t i = 0; i < sizeof deep; i += 512)
		deep[i] = (char)i;
	CHECK(deep[512 * 3] == (char)(512 * 3));
	return argument;
}

static void stacks(void)
{
	pthread_attr_t attributes;
	void *address;
	size_t size = 0;

	pthread_attr_init(&attributes);
	CHECK(!pthread_attr_setstacksize(&attributes, 256 * 1024));
	for (int i = 0; i < 40; i++)
		CHECK(!pthread_create(&threads[i], &attributes, use_stack, NULL));
	join(40);
	CHECK(!pthread_getattr_np(pthread_self(), &attributes));
	CHECK(!pthread_attr_getstack(&attributes, &address, &size));
	CHECK((char *)&size > (char *)address && (char *)&size < (char *)address + size);
}

static void *nothing(void *argument)
{
	return argument;
}

static void many(void)
{
	for (int i = 0; i < 20; i++) {
		start(50, nothing);
		CHECK(join(50) == 50 * 49 / 2);
	}
}

static atomic_int detached;

static void *detach(void *argument)
{
	pthread_detach(pthread_self());
	atomic_fetch_add(&detached, 1);
	return argument;
}

static void detaching(void)
{
	start(20, detach);
	while (atomic_load(&detached) < 20)
		usleep(1000);
}

/* ---- cancellation ---- */

static atomic_int cleaned, cancellable;

static void clean(void *argument)
{
	atomic_fetch_add(&cleaned, (int)(intptr_t)argument);
}

static void *wait_for_ever(void *argument)
{
	pthread_cleanup_push(clean, (void *)1);
	atomic_fetch_add(&cancellable, 1);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return argument;
}

static void *spin_for_ever(void *argument)
{
	(void)argument;
	pthread_cleanup_push(clean, (void *)10);
	atomic_fetch_add(&cancellable, 1);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		__asm__ volatile("pause");
	pthread_cleanup_pop(0);
	return NULL;
}

static void unlock(void *locked)
{
	pthread_mutex_unlock(locked);
}

static void *wait_for_change(void *argument)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	atomic_fetch_add(&cancellable, 1);
	for (;;)
		pthread_cond_wait(&changed, &mutex);
	pthread_cleanup_pop(0);
	return argument;
}

static void *refuse(void *argument)
{
	(void)argument;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	atomic_fetch_add(&cancellable, 1);
	usleep(20000);
	pthread_testcancel();
	return (void *)7;
}

static void cancellation(void)
{
	void *(*const runs[])(void *) = { wait_for_ever, spin_for_ever, wait_for_change, refuse };

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, runs[i], NULL));
	while (atomic_load(&cancellable) < 4)
		usleep(1000);
	for (int i = 0; i < 4; i++) {
		void *result = NULL;

		CHECK(!pthread_cancel(threads[i]));
		CHECK(!pthread_join(threads[i], &result));
		CHECK(result == (i < 3 ? PTHREAD_CANCELED : (void *)7));
	}
	CHECK(atomic_load(&cleaned) == 11);
	CHECK(!pthread_mutex_trylock(&mutex) && !pthread_mutex_unlock(&mutex));
}

/* ---- scheduling ---- */

enum { SPINNERS = 6 };
static volatile bool stop;
static volatile uint64_t rounds[SPINNERS];

static void *spin_until(void *argument)
{
	while (!stop)
		rounds[(intptr_t)argument]++;
	return argument;
}

/* Threads that never make a system call share what processors there are, and one that sleeps comes back. */
static void preemption(void)
{
	struct timespec sleep = { .tv_nsec = 5000000 };

	start(SPINNERS, spin_until);
	for (int i = 0; i < SPINNERS; i++) {
		while (!rounds[i])
			nanosleep(&sleep, NULL);
	}
	stop = true;
	CHECK(join(SPINNERS) == SPINNERS * (SPINNERS - 1) / 2);
}

static void affinity(void)
{
	cpu_set_t set;
	int first = 0;

	CHECK(!sched_getaffinity(0, sizeof set, &set));
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&set);
	CPU_SET(first, &set);
	CHECK(!sched_setaffinity(0, sizeof set, &set));
	for (int i = 0; i < 10; i++) {
		CHECK(sched_getcpu() == first);
		sched_yield();
	}
	CPU_ZERO(&set);
	CHECK(!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) == 1);
	CPU_ZERO(&set);
	CHECK_ERROR(sched_setaffinity(0, sizeof set, &set), EINVAL);
}

static const struct part parts[] = {
	{ "contended", contended },
	{ "spinning", spinning },
	{ "kinds-of-mutex", kinds_of_mutex },
	{ "inheritance", inheritance },
	{ "robust-mutex", robust_mutex },
	{ "queues", queues },
	{ "turns", turns },
	{ "timed-wait", timed_wait },
	{ "barriers", barriers },
	{ "semaphores", semaphores },
	{ "reader-writer", reader_writer },
	{ "thread-local", thread_local },
	{ "only-once", only_once },
	{ "identities", identities },
	{ "stacks", stacks },
	{ "many", many },
	{ "detaching", detaching },
	{ "cancellation", cancellation },
	{ "preemption", preemption },
	{ "affinity", affinity },
};

PARTS_MAIN(parts)
