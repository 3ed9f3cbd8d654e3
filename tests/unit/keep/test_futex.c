/* SPDX-License-Identifier: ISC */
/* test_futex.c - futex(2) as programs see it: waiting, waking, moving, locks with owners, and the end of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mm/space.h"
#include "task/task.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/syscall.h>

enum {
	THREADS = 6,
	MILLISECOND = 1000000,
	THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
};

/* Words of the program, and what its threads found out. */
static uint64_t words;
static int64_t results[THREADS];
static int ids[THREADS];
static unsigned done;

#define WORD(number) (words + 64 * (uint64_t)(number))

static int64_t futex(uint64_t address, unsigned operation, uint32_t value, uint64_t timeout, uint64_t second,
		     uint32_t value3)
{
	return call(SYS_futex, address, operation, value, timeout, second, value3);
}

static int64_t wait(uint64_t address, uint32_t value)
{
	return futex(address, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}

static int64_t wake(uint64_t address, uint32_t count)
{
	return futex(address, FUTEX_WAKE_PRIVATE, count, 0, 0, 0);
}

static uint64_t time_at(uint64_t nanoseconds)
{
	const struct __kernel_timespec time = { (int64_t)(nanoseconds / 1000000000),
						(int64_t)(nanoseconds % 1000000000) };

	program_write(WORD(50), &time, sizeof time);
	return WORD(50);
}

static void start(void)
{
	words = program_map(2 * PAGE_SIZE);
	done = 0;
}

static void wait_until_done(unsigned count)
{
	for (unsigned i = 0; i < 10000 && done < count; i++)
		compute(MILLISECOND / 10);
	CHECK_IS(done, count);
}

/* Long enough for all others to sleep. */
static void let_them_sleep(void)
{
	compute(20 * MILLISECOND);
}

static unsigned index_of(const void *argument)
{
	return (unsigned)(uint64_t)argument;
}

static void start_threads(program_thread *function, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ids[i] = program_start(function, (void *)(uint64_t)i);
}

/* The operation of FUTEX_WAKE_OP. */
static uint32_t encode(uint32_t operation, uint32_t operand, uint32_t comparison, uint32_t compared)
{
	return operation << 28 | comparison << 24 | (operand & 0xfff) << 12 | (compared & 0xfff);
}

/* ---- waiting and waking ---- */

static void waits_for_word_0(void *argument)
{
	results[index_of(argument)] = wait(WORD(0), 0);
	done++;
}

PROGRAM_CASE_ON(test_a_wait_ends_when_it_is_woken, .vcpus = 3)
{
	start();
	start_threads(waits_for_word_0, 4);
	let_them_sleep();
	CHECK_IS(done, 0);
	CHECK_IS(wake(WORD(1), 9), 0);
	CHECK_IS(wake(WORD(0), 1), 1);
	wait_until_done(1);
	CHECK_IS(results[0], 0); /* who came first */
	CHECK_IS(wake(WORD(0), 2), 2);
	wait_until_done(3);
	CHECK_IS(wake(WORD(0), INT32_MAX), 1);
	wait_until_done(4);
	CHECK_IS(wake(WORD(0), INT32_MAX), 0);
}

PROGRAM_CASE(test_a_word_that_is_another_is_not_waited_for)
{
	start();
	program_store(WORD(0), 5);
	CHECK_IS(wait(WORD(0), 4), -EAGAIN);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_BITSET_PRIVATE, 5, 0, 0, 0), -EINVAL);
	CHECK_IS(futex(WORD(0), FUTEX_WAKE_BITSET_PRIVATE, 5, 0, 0, 0), -EINVAL);
	CHECK_IS(wait(WORD(0) + 1, 5), -EINVAL);
	CHECK_IS(wait(8, 0), -EFAULT);
	CHECK_IS(wait(ARCH_USER_END, 0), -EFAULT);
	CHECK_IS(wait(UINT64_MAX - 3, 0), -EFAULT);
	CHECK_IS(futex(WORD(0), 99, 0, 0, 0, 0), -ENOSYS);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 4, 0, 0, 0), -ENOSYS);
}

PROGRAM_CASE(test_a_wait_ends_when_its_time_is_over)
{
	uint64_t begin;

	start();
	begin = machine_time;
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_PRIVATE, 0, time_at(5 * MILLISECOND), 0, 0), -ETIMEDOUT);
	CHECK(machine_time - begin >= 5 * MILLISECOND && machine_time - begin < 6 * MILLISECOND);
	/* An absolute time. */
	begin = machine_time;
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_BITSET_PRIVATE, 0, time_at(begin + 3 * MILLISECOND), 0, ~0u),
		 -ETIMEDOUT);
	CHECK(machine_time - begin >= 3 * MILLISECOND && machine_time - begin < 4 * MILLISECOND);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_BITSET_PRIVATE, 0, time_at(1), 0, ~0u), -ETIMEDOUT);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, time_at(machine_time), 0,
		       ~0u),
		 -ETIMEDOUT);
	program_write(WORD(51), &(struct __kernel_timespec){ 0, 1000000000 }, 16);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_PRIVATE, 0, WORD(51), 0, 0), -EINVAL);
	program_write(WORD(51), &(struct __kernel_timespec){ -1, 0 }, 16);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_PRIVATE, 0, WORD(51), 0, 0), -EINVAL);
	CHECK_IS(futex(WORD(0), FUTEX_WAIT_PRIVATE, 0, 8, 0, 0), -EFAULT);
}

static void waits_for_bits(void *argument)
{
	const unsigned i = index_of(argument);

	results[i] = futex(WORD(0), FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, 1u << i);
	done++;
}

PROGRAM_CASE(test_bits_choose_who_is_woken)
{
	start();
	start_threads(waits_for_bits, 4);
	let_them_sleep();
	CHECK_IS(futex(WORD(0), FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 0x10), 0);
	CHECK_IS(futex(WORD(0), FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 0x4), 1);
	wait_until_done(1);
	CHECK_IS(futex(WORD(0), FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 0xa), 2);
	wait_until_done(3);
	CHECK_IS(wake(WORD(0), 9), 1);
	wait_until_done(4);
}

/* Private words are by address, shared ones by memory. */
static void waits_shared(void *argument)
{
	results[index_of(argument)] = futex(WORD(0), FUTEX_WAIT, 0, 0, 0, 0);
	done++;
}

PROGRAM_CASE(test_a_shared_word_is_one_by_all_its_addresses)
{
	uint64_t other;

	start();
	words = (uint64_t)call(SYS_mmap, 0, PAGE_SIZE, 3, 0x21 /* MAP_SHARED | MAP_ANONYMOUS */, (uint64_t)-1,
			       0);
	other = (uint64_t)call(SYS_mremap, words, 0, PAGE_SIZE, 1, 0);
	CHECK(other < ARCH_USER_END && other != words);
	start_threads(waits_shared, 1);
	let_them_sleep();
	CHECK_IS(wake(WORD(0), 1), 0); /* a private word of the same address is another */
	CHECK_IS(futex(other, FUTEX_WAKE, 1, 0, 0, 0), 1);
	wait_until_done(1);
}

/* ---- requeue ---- */

PROGRAM_CASE_ON(test_waiters_move_to_another_word, .vcpus = 2)
{
	start();
	start_threads(waits_for_word_0, 5);
	let_them_sleep();
	CHECK_IS(futex(WORD(0), FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, WORD(1), 7), -EAGAIN);
	CHECK_IS(futex(WORD(0), FUTEX_CMP_REQUEUE_PRIVATE, (uint32_t)-1, 2, WORD(1), 0), -EINVAL);
	CHECK_IS(futex(WORD(0), FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, WORD(1), 0), 3);
	wait_until_done(1);
	CHECK_IS(wake(WORD(1), 9), 2);
	wait_until_done(3);
	CHECK_IS(futex(WORD(0), FUTEX_REQUEUE_PRIVATE, 0, 9, WORD(0), 0), 2); /* to itself */
	CHECK_IS(wake(WORD(0), 9), 2);
	wait_until_done(5);
}

PROGRAM_CASE(test_an_operation_on_a_second_word_decides)
{
	const uint32_t add_1_if_5 = encode(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 5);

	start();
	start_threads(waits_for_word_0, 3);
	let_them_sleep();
	program_store(WORD(1), 4);
	CHECK_IS(futex(WORD(1), FUTEX_WAKE_OP_PRIVATE, 9, 9, WORD(0),
		       encode(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 1)),
		 0);
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 1, 1, WORD(1), add_1_if_5), 0);
	CHECK_IS(program_load(WORD(1)), 5);
	CHECK_IS(futex(WORD(0), FUTEX_WAKE_OP_PRIVATE, 1, 1, WORD(1), add_1_if_5), 1);
	CHECK_IS(program_load(WORD(1)), 6);
	wait_until_done(1);
	CHECK_IS(futex(WORD(1), FUTEX_WAKE_OP_PRIVATE, 1, 9, WORD(0),
		       encode(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)),
		 2);
	wait_until_done(3);
	program_store(WORD(1), 0xf0);
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 0, 0, WORD(1), encode(FUTEX_OP_ANDN, 0x30, 0, 0)), 0);
	CHECK_IS(program_load(WORD(1)), 0xc0);
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 0, 0, WORD(1),
		       encode(FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT, 4, 0, 0)),
		 0);
	CHECK_IS(program_load(WORD(1)), 0xd0);
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 0, 0, WORD(1), encode(FUTEX_OP_SET, 0xfff, 0, 0)), 0);
	CHECK_IS(program_load(WORD(1)), UINT32_MAX); /* 12 bits, signed */
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 0, 0, WORD(1), encode(5, 0, 0, 0)), -ENOSYS);
	CHECK_IS(futex(WORD(2), FUTEX_WAKE_OP_PRIVATE, 0, 0, 8, 0), -EFAULT);
}

/* ---- a mutex and a condition, contended on several vCPUs ---- */

static unsigned inside, rounds;

static void lock(uint64_t word)
{
	while (program_load(word)) {
		program_store(word, 2);
		(void)wait(word, 2);
	}
	program_store(word, 1);
}

static void unlock(uint64_t word)
{
	const uint32_t old = program_load(word);

	program_store(word, 0);
	if (old == 2)
		CHECK(wake(word, 1) >= 0);
}

static void locks_often(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 50; i++) {
		lock(WORD(0));
		CHECK_IS(inside++, 0);
		compute(30000);
		rounds++;
		CHECK_IS(--inside, 0);
		/* As there are others that may sleep: the woken one says so again. */
		program_store(WORD(0), 2);
		unlock(WORD(0));
		compute(5000);
	}
	done++;
}

PROGRAM_CASE_ON(test_a_contended_lock_loses_no_wake_up, .vcpus = 4, .seed = 3)
{
	start();
	start_threads(locks_often, THREADS);
	wait_until_done(THREADS);
	CHECK_IS(rounds, THREADS * 50);
}

/* ---- locks with owners ---- */

static void has_and_gives_up(void *argument)
{
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	CHECK_IS(program_load(WORD(0)) & FUTEX_TID_MASK, call(SYS_gettid, 0));
	CHECK_IS(inside++, 0);
	compute(MILLISECOND);
	inside--;
	CHECK_IS(futex(WORD(0), FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	results[index_of(argument)] = 1;
	done++;
}

PROGRAM_CASE_ON(test_a_lock_with_an_owner_goes_from_one_to_the_next, .vcpus = 3)
{
	start();
	start_threads(has_and_gives_up, THREADS);
	wait_until_done(THREADS);
	CHECK_IS(program_load(WORD(0)), 0);
}

static void takes_and_ends(void *argument)
{
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	compute(5 * MILLISECOND);
	(void)argument;
}

PROGRAM_CASE_ON(test_a_lock_of_a_thread_that_ends_is_the_next_one_s, .vcpus = 2)
{
	start();
	start_threads(takes_and_ends, 1);
	compute(MILLISECOND);
	CHECK_IS(futex(WORD(0), FUTEX_TRYLOCK_PI_PRIVATE, 0, 0, 0, 0), -EAGAIN);
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	CHECK_IS(program_load(WORD(0)) & FUTEX_TID_MASK, call(SYS_gettid, 0));
	CHECK(program_load(WORD(0)) & FUTEX_OWNER_DIED);
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), -EDEADLK);
	CHECK_IS(futex(WORD(0), FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	CHECK_IS(futex(WORD(0), FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0), -EPERM);
	program_store(WORD(0), 12345); /* nobody's */
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), -ESRCH);
}

static void waits_for_a_lock(void *argument)
{
	results[index_of(argument)] = futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0);
	done++;
}

static void spoils_the_lock_and_ends(void *argument)
{
	(void)argument;
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	compute(5 * MILLISECOND);
	program_store(WORD(0), 54321);
}

PROGRAM_CASE_ON(test_a_lock_whose_owner_is_unknown_is_nobody_s, .vcpus = 2)
{
	start();
	program_start(spoils_the_lock_and_ends, NULL);
	compute(MILLISECOND);
	start_threads(waits_for_a_lock, 1);
	wait_until_done(1);
	CHECK_IS(results[0], -ESRCH);
	CHECK_IS(program_load(WORD(0)), 54321);
}

static void waits_for_a_lock_in_time(void *argument)
{
	results[index_of(argument)] =
		futex(WORD(0), FUTEX_LOCK_PI2_PRIVATE, 0, time_at(machine_time + 2 * MILLISECOND), 0, 0);
	done++;
}

PROGRAM_CASE(test_waiting_for_a_lock_has_an_end)
{
	start();
	CHECK_IS(futex(WORD(0), FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	start_threads(waits_for_a_lock_in_time, 1);
	wait_until_done(1);
	CHECK_IS(results[0], -ETIMEDOUT);
	CHECK_IS(futex(WORD(0), FUTEX_UNLOCK_PI_PRIVATE, 0, 0, 0, 0), 0);
	CHECK_IS(program_load(WORD(0)), 0);
}

/* ---- the end of threads ---- */

static void ends_at_once(void *argument)
{
	(void)argument;
}

PROGRAM_CASE_ON(test_the_end_of_a_thread_clears_a_word_and_wakes, .vcpus = 2)
{
	const uint64_t flags = THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	int64_t id;

	start();
	program_store(WORD(1), 99);
	id = program_clone(flags, WORD(0), WORD(1), 0, ends_at_once, NULL);
	CHECK(id > 0);
	CHECK_IS(program_load(WORD(0)), id);
	while (program_load(WORD(1)))
		CHECK_IS(futex(WORD(1), FUTEX_WAIT, 99, 0, 0, 0) % EAGAIN, 0);
}

struct robust {
	struct robust_list_head head;
	struct robust_list entries[3];
};

static void set_robust(uint64_t entry_count, uint64_t pending)
{
	const uint64_t at = WORD(20);
	struct robust list = { 0 };
	const uint32_t self = (uint32_t)call(SYS_gettid, 0);

	/* Words lie 8 bytes behind their entries, in entries of 64 bytes. */
	list.head.futex_offset = 8;
	list.head.list.next = (void *)(entry_count ? WORD(10) : at);
	list.head.list_op_pending = (void *)pending;
	program_write(at, &list.head, sizeof list.head);
	for (uint64_t i = 0; i < entry_count; i++) {
		const uint64_t next = i + 1 < entry_count ? WORD(11 + i) : at;

		program_write(WORD(10 + i), &next, sizeof next);
		program_store(WORD(10 + i) + 8, self | FUTEX_WAITERS);
	}
	CHECK_IS(call(SYS_set_robust_list, at, sizeof list.head), 0);
}

static void ends_with_robust_locks(void *argument)
{
	(void)argument;
	set_robust(3, 0);
	program_store(WORD(12) + 8, 77); /* not its own */
	compute(5 * MILLISECOND);
}

static void waits_for_robust(void *argument)
{
	const unsigned i = index_of(argument);
	const uint32_t value = program_load(WORD(10 + i) + 8);

	results[i] = futex(WORD(10 + i) + 8, FUTEX_WAIT, value, 0, 0, 0);
	done++;
}

PROGRAM_CASE(test_robust_locks_of_a_thread_that_ends_are_marked)
{
	start();
	ids[5] = program_start(ends_with_robust_locks, NULL);
	compute(MILLISECOND);
	start_threads(waits_for_robust, 2);
	wait_until_done(2);
	CHECK_IS(program_load(WORD(10) + 8), FUTEX_OWNER_DIED | FUTEX_WAITERS);
	CHECK_IS(program_load(WORD(11) + 8), FUTEX_OWNER_DIED | FUTEX_WAITERS);
	CHECK_IS(program_load(WORD(12) + 8), 77);
}

static void ends_with_a_pending_lock(void *argument)
{
	(void)argument;
	set_robust(0, WORD(10));
	program_store(WORD(10) + 8, (uint32_t)call(SYS_gettid, 0));
}

PROGRAM_CASE(test_a_lock_that_was_being_taken_is_marked_too)
{
	start();
	program_start(ends_with_a_pending_lock, NULL);
	let_them_sleep();
	CHECK_IS(program_load(WORD(10) + 8), FUTEX_OWNER_DIED);
}

/* Lists that lead in circles, or nowhere, or to no word: the thread ends all the same. */
static void ends_with_a_bad_list(void *argument)
{
	const uint64_t circle = WORD(10);
	struct robust_list_head head = { .futex_offset = 8, .list = { (void *)circle } };

	switch (index_of(argument)) {
	case 0:
		program_write(WORD(10), &circle, sizeof circle);
		break;
	case 1:
		head.list.next = (void *)UINT64_MAX;
		break;
	case 2:
		head.futex_offset = INT64_MAX;
		break;
	case 3:
		head.futex_offset = 3;
		break;
	default:
		head.list_op_pending = (void *)1;
		break;
	}
	program_write(WORD(20), &head, sizeof head);
	CHECK_IS(call(SYS_set_robust_list, WORD(20), sizeof head), 0);
	done++;
}

PROGRAM_CASE(test_bad_robust_lists_do_no_harm)
{
	start();
	for (uint64_t i = 0; i < 5; i++) {
		program_start(ends_with_a_bad_list, (void *)i);
		let_them_sleep();
	}
	CHECK_IS(done, 5);
	CHECK_IS(call(SYS_set_robust_list, WORD(20), 23), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_ends_when_it_is_woken),
		cmocka_unit_test(test_a_word_that_is_another_is_not_waited_for),
		cmocka_unit_test(test_a_wait_ends_when_its_time_is_over),
		cmocka_unit_test(test_bits_choose_who_is_woken),
		cmocka_unit_test(test_a_shared_word_is_one_by_all_its_addresses),
		cmocka_unit_test(test_waiters_move_to_another_word),
		cmocka_unit_test(test_an_operation_on_a_second_word_decides),
		cmocka_unit_test(test_a_contended_lock_loses_no_wake_up),
		cmocka_unit_test(test_a_lock_with_an_owner_goes_from_one_to_the_next),
		cmocka_unit_test(test_a_lock_of_a_thread_that_ends_is_the_next_one_s),
		cmocka_unit_test(test_a_lock_whose_owner_is_unknown_is_nobody_s),
		cmocka_unit_test(test_waiting_for_a_lock_has_an_end),
		cmocka_unit_test(test_the_end_of_a_thread_clears_a_word_and_wakes),
		cmocka_unit_test(test_robust_locks_of_a_thread_that_ends_are_marked),
		cmocka_unit_test(test_a_lock_that_was_being_taken_is_marked_too),
		cmocka_unit_test(test_bad_robust_lists_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
