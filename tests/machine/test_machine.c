/* SPDX-License-Identifier: ISC */
/*
 * test_machine.c - the life of VMs, with real guests: how they end, that they can be ended, and that nothing is
 * left of them. GUESTS is the folder of the guests' images.
 */
#include "machine/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static const struct engine *engine;

static struct machine_config config_of(const char *guest)
{
	struct machine_config config = {
		.command = "",
		.memory = 8 * MIB,
		.vcpus = 1,
		.engine = engine,
		.in_flight = 8,
		.input = -1,
		.output = -1,
		.error = -1,
	};
	struct message message;
	char path[4096];
	char why[64];
	int fd;

	snprintf(path, sizeof path, "%s/%s.elf", getenv("GUESTS"), guest);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(image_read(fd, &config.image, &config.image_size, &message), 0);
	close(fd);
	assert_int_equal(gate_policy_allow(&config.policy, "compute", why, sizeof why), 0);
	return config;
}

static struct machine *create(const struct machine_config *config)
{
	struct message message;
	struct machine *machine;

	if (machine_create(config, &machine, &message))
		fail_msg("%s", message.text);
	return machine;
}

static struct machine_result run(struct machine *machine)
{
	struct machine_result result;
	struct message message;

	if (machine_run(machine, &result, &message))
		fail_msg("%s", message.text);
	return result;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- ends ---- */

static void test_the_guests_code_is_the_result(void **state)
{
	struct machine_config config = config_of("exit");
	struct machine *machine = create(&config);
	struct machine_result result = run(machine);

	(void)state;
	assert_int_equal(result.end, MACHINE_EXITED);
	assert_int_equal(result.code, 3);
	machine_destroy(machine);
}

static void test_a_crash_is_told(void **state)
{
	struct machine_config config = config_of("fault");
	struct machine *machine = create(&config);
	struct machine_result result = run(machine);

	(void)state;
	assert_int_equal(result.end, MACHINE_CRASHED);
	assert_string_equal(result.crash.cause, "page fault reading 0x10, which is not mapped");
	assert_string_equal(result.crash.instruction, "mov rax, [rcx]");
	assert_int_equal(result.crash.frame_count, 4);
	assert_string_equal(result.crash.frames[0].name, "inner");
	assert_string_equal(result.crash.frames[1].name, "outer");
	assert_string_equal(result.crash.frames[2].name, "main");
	assert_string_equal(result.crash.frames[3].name, "_start");
	machine_destroy(machine);
}

static void test_a_guests_own_report_is_told(void **state)
{
	struct machine_config config = config_of("panic");
	struct machine *machine = create(&config);
	struct machine_result result = run(machine);

	(void)state;
	assert_int_equal(result.end, MACHINE_CRASHED);
	assert_true(result.crash.is_reported);
	assert_string_equal(result.crash.message, "no init found\033[2J\n");
	assert_string_equal(result.crash.frames[0].name, "main");
	machine_destroy(machine);
}

static void test_time_runs_out(void **state)
{
	struct machine_config config = config_of("spin");
	struct machine *machine;

	(void)state;
	config.timeout = 50000000;
	machine = create(&config);
	assert_int_equal(run(machine).end, MACHINE_TIMED_OUT);
	machine_destroy(machine);
}

/* ---- stopping from outside ---- */

static void *stop_later(void *argument)
{
	const struct timespec time = { 0, 30000000 };

	nanosleep(&time, NULL);
	machine_stop(argument, SIGTERM);
	return NULL;
}

static void test_another_thread_stops_a_guest_that_loops(void **state)
{
	struct machine_config config = config_of("spin");
	struct machine *machine;
	struct machine_result result;
	pthread_t thread;
	double start;

	(void)state;
	config.vcpus = 4;
	machine = create(&config);
	assert_int_equal(pthread_create(&thread, NULL, stop_later, machine), 0);
	start = now();
	result = run(machine);
	print_message("# ended %.1f ms after it was to\n", (now() - start) * 1e3 - 30);
	assert_int_equal(result.end, MACHINE_SIGNALLED);
	assert_int_equal(result.code, SIGTERM);
	assert_int_equal(pthread_join(thread, NULL), 0);
	machine_destroy(machine);
}

static void test_a_machine_can_be_stopped_before_it_runs(void **state)
{
	struct machine_config config = config_of("exit");
	struct machine *machine = create(&config);
	struct machine_result result;

	(void)state;
	machine_stop(machine, SIGINT);
	machine_stop(machine, SIGTERM); /* too late: the first decides */
	result = run(machine);
	assert_int_equal(result.end, MACHINE_SIGNALLED);
	assert_int_equal(result.code, SIGINT);
	machine_destroy(machine);
}

static void test_a_machine_need_not_run(void **state)
{
	struct machine_config config = config_of("exit");

	(void)state;
	config.vcpus = 3;
	machine_destroy(create(&config));
	machine_destroy(NULL);
}

/* In a child: signals go to the whole process. */
static void wait_for_signal(int number)
{
	struct machine_config config = config_of("spin");
	struct machine_result result;
	struct machine *machine;
	sigset_t mask;

	config.signals = true;
	machine = create(&config);
	kill(getpid(), number);
	result = run(machine);
	machine_destroy(machine);
	/* The signal is no longer held back. */
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	_exit(result.end == MACHINE_SIGNALLED && !sigismember(&mask, number) ? result.code : 99);
}

static void test_signals_end_a_machine(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			signal(numbers[i], SIG_DFL);
			wait_for_signal(numbers[i]);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), numbers[i]);
	}
}

/* ---- refusals ---- */

static void expect_refusal(const struct machine_config *config, int error, const char *text)
{
	struct message message = { "" };
	struct machine *machine;

	assert_int_equal(machine_create(config, &machine, &message), error);
	assert_string_equal(message.text, text);
	assert_null(machine);
}

static void test_refuses_what_cannot_be(void **state)
{
	struct machine_config config = config_of("bare");

	(void)state;
	expect_refusal(&config, -ENOEXEC, "no Postern note: not built for Postern");
	config = config_of("demanding");
	expect_refusal(&config, -ENOEXEC, "needs call file.close, which is not granted (--allow file)");
	config = config_of("exit");
	config.memory = 2 * MIB;
	expect_refusal(&config, -ENOEXEC, "too large for memory of 2 MiB: needs 3 MiB");
	config = config_of("exit");
	config.memory = 1;
	expect_refusal(&config, -EINVAL, "cannot get memory of 0 MiB: Invalid argument");
	config = config_of("exit");
	config.vcpus = 65;
	expect_refusal(&config, -EINVAL, "65 vCPUs, where 1 to 64 are possible");
	config = config_of("exit");
	config.level = 99;
	expect_refusal(&config, -EINVAL, "cannot make the gate: Invalid argument");
}

static void test_finds_engines_by_name(void **state)
{
	struct message message = { "" };

	(void)state;
	assert_ptr_equal(machine_find_engine("ring3", &message), &engine_ring3);
	assert_non_null(machine_find_engine("auto", &message));
	assert_null(machine_find_engine("xen", &message));
	assert_string_equal(message.text, "engine xen does not exist; 'postern doctor' lists those that do");
}

/* ---- leaks ---- */

static unsigned count_entries(const char *folder)
{
	DIR *entries = opendir(folder);
	unsigned count = 0;

	assert_non_null(entries);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;

	assert_non_null(maps);
	for (int byte; (byte = fgetc(maps)) != EOF;)
		count += byte == '\n';
	fclose(maps);
	return count;
}

static void live_one_life(unsigned number)
{
	static const char *const guests[] = { "exit", "fault", "panic", "privileged" };
	struct machine_config config = config_of(guests[number % 4]);
	struct machine *machine;

	config.vcpus = 1 + number % 3;
	machine = create(&config);
	run(machine);
	machine_destroy(machine);
}

static void test_nothing_is_left_of_100_machines(void **state)
{
	unsigned descriptors;
	unsigned mappings;
	unsigned threads;

	(void)state;
	/* What is made once, such as libc's caches of stacks, is made by the first few. */
	for (unsigned i = 0; i < 8; i++)
		live_one_life(i);
	descriptors = count_entries("/proc/self/fd");
	threads = count_entries("/proc/self/task");
	mappings = count_mappings();
	for (unsigned i = 0; i < 100; i++)
		live_one_life(i);
	assert_int_equal(count_entries("/proc/self/fd"), descriptors);
	assert_int_equal(count_entries("/proc/self/task"), threads);
	/* The allocator may split or join a mapping; one for each machine would be 100. */
	assert_in_range(count_mappings(), 0, mappings + 10);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void *live_ten_lives(void *argument)
{
	for (unsigned i = 0; i < 10; i++)
		live_one_life(*(const unsigned *)argument + i);
	return NULL;
}

static void test_machines_live_side_by_side(void **state)
{
	enum { THREADS = 4 };
	unsigned numbers[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, live_ten_lives, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_guests_code_is_the_result),
		cmocka_unit_test(test_a_crash_is_told),
		cmocka_unit_test(test_a_guests_own_report_is_told),
		cmocka_unit_test(test_time_runs_out),
		cmocka_unit_test(test_another_thread_stops_a_guest_that_loops),
		cmocka_unit_test(test_a_machine_can_be_stopped_before_it_runs),
		cmocka_unit_test(test_a_machine_need_not_run),
		cmocka_unit_test(test_signals_end_a_machine),
		cmocka_unit_test(test_refuses_what_cannot_be),
		cmocka_unit_test(test_finds_engines_by_name),
		cmocka_unit_test(test_nothing_is_left_of_100_machines),
		cmocka_unit_test(test_machines_live_side_by_side),
	};
	struct message message;

	signal(SIGPIPE, SIG_IGN);
	engine = machine_find_engine("auto", &message);
	if (!engine) {
		fprintf(stderr, "%s\n", message.text);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
