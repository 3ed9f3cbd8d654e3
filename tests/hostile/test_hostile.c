/* SPDX-License-Identifier: ISC */
/*
 * test_hostile.c - guests that attack the engine ring3, each beside an innocent VM: the host shows no effect, nor does
 * the other VM, and a monitor reports and ends its own VM only. HOSTILE_SECONDS says for how long random attacks go
 * on, each kind (2).
 */
#include "vm.h"
#include "witness.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static struct witness witness;
static struct vm_end end; /* of the VM that was run last */

static int set_up(void **state)
{
	(void)state;
	witness_start(&witness);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	witness_end(&witness);
	return 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* How long random attacks go on. */
static double span(void)
{
	const char *seconds = getenv("HOSTILE_SECONDS");

	return seconds ? atof(seconds) : 2;
}

static void fail_it(const char *guest)
{
	const size_t length = strlen(end.text);

	fail_msg("%s: status %d, having said:\n%s", guest, end.status,
		 end.text + (length > 2000 ? length - 2000 : 0));
}

/* A VM may end in any of these ways, as long as its monitor says how; and not otherwise than a guest announces. */
static void check_end(const char *guest)
{
	bool has_said = strstr(end.text, "postern: ");
	bool is_allowed = end.status == 0 || (end.status == VM_CRASHED && has_said) ||
			  (end.status == VM_TIMED_OUT && has_said);

	if (strstr(end.text, "must end"))
		is_allowed = end.status == VM_CRASHED && strstr(end.text, "its process ended");
	if (!is_allowed)
		fail_it(guest);
}

static void passes(const char *guest, const char *words)
{
	vm_run(&end, guest, witness.folder, "%s", words);
	if (end.status != 0)
		fail_it(guest);
}

/* A guest that calls at random may also have ended its VM by vm.exit, with any status; its monitor was not harmed. */
static void check_alive(const char *guest)
{
	if (end.status > 255)
		fail_it(guest);
}

/* Has a guest make each of its attacks, in a VM of its own. */
static void make_all_attacks(const char *guest, unsigned long seed)
{
	unsigned long attacks;
	unsigned long places;
	const char *line;

	passes(guest, "--memory 64M");
	line = strrchr(end.text, '\n');
	assert_non_null(line);
	while (line > end.text && line[-1] != '\n')
		line--;
	assert_int_equal(sscanf(line, "%lu attacks at %lu places", &attacks, &places), 2);
	assert_true(attacks > 0);
	for (unsigned long i = 0; i < attacks; i++) {
		vm_run(&end, guest, witness.folder, "--memory 8M --timeout 60 -- %lu %lu %d", i,
		       seed + i % places, (int)witness.process);
		check_end(guest);
	}
}

/* ---- system calls ---- */

static void test_system_calls_by_the_engines_instructions(void **state)
{
	(void)state;
	make_all_attacks("hostile_gate", 0);
	witness_check(&witness);
}

static void test_system_calls_of_its_own(void **state)
{
	(void)state;
	passes("hostile_syscalls", "--timeout 100");
	/* With sysenter, which on some processors ends the process. */
	vm_run(&end, "hostile_syscalls", witness.folder, "--timeout 100 -- 1");
	check_end("hostile_syscalls");
	passes("hostile_compat", "--timeout 100");
	witness_check(&witness);
}

/* ---- memory ---- */

static void test_the_mapper(void **state)
{
	(void)state;
	make_all_attacks("hostile_mapper", 0);
	witness_check(&witness);
}

static void test_memory(void **state)
{
	const char *number;

	(void)state;
	passes("hostile_memory", "--memory 64M --timeout 100 --stats");
	number = strstr(end.text, " KiB of RAM touched");
	assert_non_null(number);
	while (number > end.text && number[-1] != ' ')
		number--;
	assert_in_range(atol(number), 32 << 10, 64 << 10);
	passes("memory_edges", "--memory 4M --timeout 100");
	witness_check(&witness);
}

static void test_nothing_of_the_monitors_is_left(void **state)
{
	(void)state;
	passes("hostile_secrets", "--cpus 1 --timeout 100");
	passes("hostile_secrets", "--cpus 4 --timeout 100");
}

/* ---- signals ---- */

static void test_forged_frames(void **state)
{
	const double until = now() + span();
	unsigned long seed = 1;

	(void)state;
	do
		make_all_attacks("hostile_frames", seed++);
	while (now() < until);
	witness_check(&witness);
}

static void test_deaf(void **state)
{
	struct vm vm;

	(void)state;
	vm_run(&end, "hostile_deaf", witness.folder, "--timeout 0.2");
	assert_int_equal(end.status, VM_TIMED_OUT);
	vm = vm_start("hostile_deaf", "--cpus 2 --timeout 100", witness.folder);
	vm_expect(&vm, "deaf\n");
	kill(vm.pid, SIGTERM);
	vm_wait(&vm, &end);
	assert_int_equal(end.status, VM_SIGNALLED + SIGTERM);
	/* The monitor's patience ends, whatever the guest does. */
	vm_run(&end, "hostile_deaf", witness.folder, "--cpus 2 --timeout 100 -- 1");
	check_end("hostile_deaf");
	assert_int_equal(end.status, VM_CRASHED);
	witness_check(&witness);
}

/* ---- the engine's page, and its areas ---- */

enum { CODE_SIZE = 0x4000 };

/* The offset that a VM jumped to last; or where the code ends, if it has got that far. */
static long last_offset(void)
{
	const char *line = NULL;

	if (strstr(end.text, "done: "))
		return CODE_SIZE;
	for (const char *next = end.text; (next = strstr(next, "offset ")); next++)
		line = next;
	assert_non_null(line);
	return atol(line + strlen("offset "));
}

/* From every byte of it, in as many VMs as that takes: the next one goes on where one ended. */
static void jump_everywhere(unsigned long seed)
{
	for (long offset = 0; offset < CODE_SIZE; offset = last_offset() + 1) {
		vm_run(&end, "hostile_jumps", witness.folder,
		       "--cpus 2 --memory 8M --timeout 5 -- %ld %d %lu", offset, CODE_SIZE,
		       seed * CODE_SIZE + (unsigned long)offset);
		check_alive("hostile_jumps");
	}
}

static void test_jumps_into_the_engines_code(void **state)
{
	const double until = now() + span();
	unsigned long seed = 1;

	(void)state;
	do
		jump_everywhere(seed++);
	while (now() < until);
	witness_check(&witness);
}

static void test_garbage_in_the_mailbox(void **state)
{
	static const unsigned sizes[] = { 8, 64, 4096, 0x20000 };
	const double until = now() + span();
	unsigned long seed = 1;

	(void)state;
	do {
		vm_run(&end, "hostile_mailbox", witness.folder,
		       "--cpus %lu --memory 8M --timeout 1 -- %u 1000 %lu", 1 + seed % 2, sizes[seed % 4],
		       seed);
		check_alive("hostile_mailbox");
		seed++;
	} while (now() < until || seed < 16);
	witness_check(&witness);
}

static void test_garbage_for_instructions(void **state)
{
	const double until = now() + span();
	unsigned long seed = 1;

	(void)state;
	do {
		vm_run(&end, "hostile_instructions", witness.folder,
		       "--cpus 2 --memory 8M --timeout 2 -- 10000 %lu", seed);
		check_alive("hostile_instructions");
		seed++;
	} while (now() < until || seed < 16);
	witness_check(&witness);
}

static void test_garbage_in_rings_that_are_read(void **state)
{
	const double until = now() + span();
	unsigned long seed = 1;

	(void)state;
	do {
		vm_run(&end, "hostile_race", witness.folder, "--cpus %lu --memory 16M --timeout 2 -- 200 %lu",
		       1 + seed % 2, seed);
		check_alive("hostile_race");
		seed++;
	} while (now() < until || seed < 8);
	witness_check(&witness);
}

static void test_garbage_in_calls_and_rings(void **state)
{
	const double until = now() + span();
	char words[64];

	(void)state;
	for (unsigned long seed = 1; seed == 1 || now() < until; seed++) {
		snprintf(words, sizeof words, "--timeout 100 -- 2000 %lu", seed);
		passes("hostile_calls", words);
		passes("hostile_ring", "--timeout 100");
	}
	witness_check(&witness);
}

/* ---- many, and their ends ---- */

enum { MANY = 100 };

static void test_a_hundred_at_once(void **state)
{
	static struct vm vms[MANY];
	static struct vm_end ends[2];

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		vms[i] = vm_start("innocent", "--memory 8M --timeout 1000", NULL);
	/* Each has got somewhere while all others are there. */
	for (unsigned i = 0; i < MANY; i++)
		vm_expect(&vms[i], "round 3: ");
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(kill(vms[i].pid, SIGTERM), 0);
	for (unsigned i = 0; i < MANY; i++) {
		vm_wait(&vms[i], &ends[i > 0]);
		assert_int_equal(ends[i > 0].status, VM_SIGNALLED + SIGTERM);
		strchr(strstr(ends[i > 0].text, "round 3: "), '\n')[0] = 0;
		assert_string_equal(ends[i > 0].text, ends[0].text);
	}
	assert_false(vm_has_strangers(NULL, 0));
}

/* The monitor is killed, once its guest runs. Its process has become ours, and ends without our doing. */
static void test_nothing_outlives_a_monitor(void **state)
{
	static const char *const words[] = { "--timeout 1000", "--cpus 4 --timeout 1000" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct vm vm = vm_start("innocent", words[i], NULL);
		pid_t guest;
		int status;

		vm_expect(&vm, "round 1: ");
		guest = vm_child_of(vm.pid);
		assert_true(guest > 0);
		kill(vm.pid, SIGKILL);
		vm_wait(&vm, &end);
		assert_int_equal(end.status, 256 + SIGKILL);
		assert_int_equal(waitpid(guest, &status, 0), guest);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_false(vm_has_strangers(NULL, 0));
	}
}

/* And at any moment before. */
static void test_nothing_outlives_a_start(void **state)
{
	(void)state;
	for (long moment = 0; moment < 40; moment++) {
		const struct timespec time = { 0, moment * 250000 };
		struct vm vm = vm_start("innocent", "--cpus 2 --timeout 1000", NULL);

		nanosleep(&time, NULL);
		kill(vm.pid, SIGKILL);
		vm_wait(&vm, &end);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
		assert_int_equal(errno, ECHILD);
	}
}

/* The best of some: the others tell of the machine. */
static void test_a_signal_ends_it_soon(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		double best = 1e9;

		for (unsigned j = 0; j < 10; j++) {
			struct vm vm = vm_start("loop", "--cpus 2 --timeout 1000", NULL);
			double start;

			vm_expect(&vm, "loop: ");
			start = now();
			kill(vm.pid, signals[i]);
			vm_wait(&vm, &end);
			best = now() - start < best ? now() - start : best;
			assert_int_equal(end.status, VM_SIGNALLED + signals[i]);
		}
		print_message("# ended by signal %d in %.1f ms\n", signals[i], best * 1e3);
		assert_true(best < 0.1);
	}
}

#define ATTACK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_system_calls_by_the_engines_instructions),
		ATTACK(test_system_calls_of_its_own),
		ATTACK(test_the_mapper),
		ATTACK(test_memory),
		ATTACK(test_nothing_of_the_monitors_is_left),
		ATTACK(test_forged_frames),
		ATTACK(test_deaf),
		ATTACK(test_jumps_into_the_engines_code),
		ATTACK(test_garbage_in_the_mailbox),
		ATTACK(test_garbage_for_instructions),
		ATTACK(test_garbage_in_rings_that_are_read),
		ATTACK(test_garbage_in_calls_and_rings),
		cmocka_unit_test(test_a_hundred_at_once),
		cmocka_unit_test(test_nothing_outlives_a_monitor),
		cmocka_unit_test(test_nothing_outlives_a_start),
		cmocka_unit_test(test_a_signal_ends_it_soon),
	};

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (!vm_prepare()) {
		fprintf(stderr, "the engine ring3 does not work on this host\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
