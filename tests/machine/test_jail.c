/* SPDX-License-Identifier: ISC */
/* test_jail.c - what a process cannot do any more in the jail, and what it still can. Each case is a child. */
#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { FINE = 7, NO_JAIL = 99 };

/* Runs something in a child, and returns how that ended. */
static int in_child(int (*run)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void enter_jail(void)
{
	char reason[256];

	if (jail_files(NULL, 0, reason, sizeof reason) || jail_close(JAIL_NO_FILES, reason, sizeof reason)) {
		fprintf(stderr, "%s\n", reason);
		_exit(NO_JAIL);
	}
}

/* ---- what is forbidden ---- */

static int open_a_file(void)
{
	enter_jail();
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int start_a_program(void)
{
	static char *const none[] = { NULL };

	enter_jail();
	return execve("/bin/true", none, none);
}

static int make_a_process(void)
{
	enter_jail();
	return (int)syscall(SYS_fork);
}

static int make_a_socket(void)
{
	enter_jail();
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int map_code(void)
{
	enter_jail();
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int make_memory_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	enter_jail();
	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int push_input(void)
{
	enter_jail();
	return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI: input that the user never typed */, "x") < 0;
}

static sem_t locked;

static void *open_later(void *unused)
{
	while (sem_wait(&locked))
		;
	return open("/etc/passwd", O_RDONLY) < 0 ? NULL : unused;
}

/* A thread that was there before. */
static int open_in_another_thread(void)
{
	pthread_t thread;

	sem_init(&locked, 0, 0);
	if (pthread_create(&thread, NULL, open_later, NULL))
		return NO_JAIL;
	enter_jail();
	sem_post(&locked);
	pthread_join(thread, NULL);
	return FINE;
}

static void test_what_is_not_allowed_kills(void **state)
{
	static const struct {
		const char *what;
		int (*run)(void);
	} cases[] = {
		{ "opening a file", open_a_file },
		{ "starting a program", start_a_program },
		{ "making a process", make_a_process },
		{ "making a socket", make_a_socket },
		{ "mapping code", map_code },
		{ "making memory code", make_memory_code },
		{ "TIOCSTI", push_input },
		{ "another thread", open_in_another_thread },
	};

	(void)state;
	if (jail_is_relaxed())
		skip();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = in_child(cases[i].run);

		print_message("# %s\n", cases[i].what);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* Without the filter of system calls: Landlock alone, also for threads that are started afterwards. */
static int open_under_landlock(void)
{
	char reason[256];
	int before = open("/etc/passwd", O_RDONLY);
	char byte;

	if (jail_files(NULL, 0, reason, sizeof reason))
		return NO_JAIL;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 1;
	if (open("/tmp/postern-test-jail", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 2;
	if (read(before, &byte, 1) != 1)
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? FINE : 4;
}

static void test_files_are_out_of_reach(void **state)
{
	int status;

	(void)state;
	if (jail_is_relaxed() || !jail_landlock_version())
		skip();
	status = in_child(open_under_landlock);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

/* ---- other processes ---- */

enum { SCOPES = 6 /* the version of Landlock that has signals */ };

/* It ends with its parent, which holds the other end of a pipe. */
static pid_t start_sleeper(void)
{
	int ends[2];
	char byte;
	pid_t child;

	if (pipe(ends))
		return -1;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	close(ends[0]);
	return child;
}

static bool is_ended_by(pid_t child, int signal)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

/* Those that were there before cannot be ended any more; a guest's process, which is started afterwards, can. */
static int send_signals(void)
{
	char reason[256];
	const pid_t before = start_sleeper();
	pid_t after;

	if (jail_files(NULL, 0, reason, sizeof reason))
		return NO_JAIL;
	after = start_sleeper();
	if (kill(after, SIGKILL) || !is_ended_by(after, SIGKILL))
		return 1;
	return kill(before, SIGKILL) && errno == EPERM ? FINE : 2;
}

static void test_others_are_out_of_reach(void **state)
{
	int status;

	(void)state;
	if (jail_is_relaxed() || jail_landlock_version() < SCOPES)
		skip();
	status = in_child(send_signals);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

/* ---- a guest's files ---- */

/* A directory with a file in it, and another beside it, which is not for the guest. */
static char shared[64];
static char beside[64];
static bool has_landlock; /* which cannot be asked in the jail */

static void make_directories(void)
{
	has_landlock = jail_landlock_version();
	strcpy(shared, "/tmp/postern-jail-XXXXXX");
	strcpy(beside, "/tmp/postern-jail-XXXXXX");
	assert_non_null(mkdtemp(shared));
	assert_non_null(mkdtemp(beside));
	for (int i = 0; i < 2; i++) {
		char path[80];
		int fd;

		snprintf(path, sizeof path, "%s/file", i ? beside : shared);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
}

static void remove_directories(void)
{
	static const char *const names[] = { "file", "new", "dir", "" };

	for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
		char path[80];

		snprintf(path, sizeof path, "%s/%s", i % 2 ? beside : shared, names[i / 2]);
		remove(path);
	}
}

/* Enters the jail of a guest that was given `shared`. Returns a descriptor of it. */
static int enter_with_files(bool read_only)
{
	const int fd = open(shared, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct jail_tree tree = { fd, read_only };
	char reason[256];

	if (fd < 0 || jail_files(&tree, 1, reason, sizeof reason) ||
	    jail_close(read_only ? JAIL_READ_FILES : JAIL_WRITE_FILES, reason, sizeof reason))
		_exit(NO_JAIL);
	return fd;
}

/* Returns a descriptor, or a negative errno. */
static int open_at(int dir, const char *path, uint64_t flags)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC, .mode = flags & O_CREAT ? 0600 : 0 };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

static int read_what_is_shared(void)
{
	const int dir = enter_with_files(true);
	char path[80];

	if (open_at(dir, "file", O_RDONLY) < 0 || open_at(dir, ".", O_RDONLY | O_DIRECTORY) < 0)
		return 1;
	snprintf(path, sizeof path, "%s/file", beside);
	if (has_landlock && open_at(dir, path, O_RDONLY) != -EACCES)
		return 2;
	if (has_landlock &&
	    (open_at(dir, "file", O_WRONLY) != -EACCES || open_at(dir, "new", O_RDWR | O_CREAT) != -EACCES))
		return 3;
	return FINE;
}

static int change_what_is_shared(void)
{
	const int dir = enter_with_files(false);
	char path[80];

	if (open_at(dir, "file", O_RDWR) < 0 || open_at(dir, "new", O_RDWR | O_CREAT) < 0)
		return 1;
	if (mkdirat(dir, "dir", 0700) || unlinkat(dir, "dir", AT_REMOVEDIR))
		return 2;
	snprintf(path, sizeof path, "%s/new", beside);
	if (has_landlock && open_at(dir, path, O_RDWR | O_CREAT) != -EACCES)
		return 3;
	snprintf(path, sizeof path, "%s/file", beside);
	if (has_landlock && unlinkat(dir, path, 0) != -1)
		return 4;
	return FINE;
}

static int change_what_is_read_only(void)
{
	return mkdirat(enter_with_files(true), "dir", 0700);
}

static int make_a_device(void)
{
	return mknodat(enter_with_files(false), "new", S_IFCHR | 0600, 0);
}

static int make_an_io_uring(void)
{
	char parameters[512] = { 0 };

	enter_with_files(false);
	return (int)syscall(SYS_io_uring_setup, 4, parameters);
}

static int look_without_files(void)
{
	enter_jail();
	return open_at(AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void test_a_guests_files_stay_within_reach(void **state)
{
	int status;

	(void)state;
	if (jail_is_relaxed())
		skip();
	make_directories();
	status = in_child(read_what_is_shared);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	status = in_child(change_what_is_shared);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	remove_directories();
}

static void test_no_more_than_its_files(void **state)
{
	static int (*const cases[])(void) = {
		change_what_is_read_only,
		make_a_device,
		make_an_io_uring,
		look_without_files,
	};

	(void)state;
	if (jail_is_relaxed())
		skip();
	make_directories();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = in_child(cases[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
	remove_directories();
}

/* ---- what is not ---- */

static int live_on(void)
{
	struct rlimit limit;
	int ends[2];
	char byte;
	void *page;

	if (pipe(ends) || getrlimit(RLIMIT_CORE, &limit))
		return 1;
	enter_jail();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ) || munmap(page, 4096))
		return 2;
	if (write(ends[1], "x", 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 'x')
		return 3;
	return FINE;
}

static void test_what_a_monitor_needs_goes_on(void **state)
{
	int status = in_child(live_on);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

/* Limits that were lower stay; it is no error to be in the jail of somebody else already. */
static int lower_before(void)
{
	const struct rlimit few = { 100, 100 };

	if (setrlimit(RLIMIT_NOFILE, &few) || setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }))
		return 1;
	enter_jail();
	return FINE;
}

static void test_lower_limits_stay(void **state)
{
	int status = in_child(lower_before);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_allowed_kills),
		cmocka_unit_test(test_files_are_out_of_reach),
		cmocka_unit_test(test_others_are_out_of_reach),
		cmocka_unit_test(test_a_guests_files_stay_within_reach),
		cmocka_unit_test(test_no_more_than_its_files),
		cmocka_unit_test(test_what_a_monitor_needs_goes_on),
		cmocka_unit_test(test_lower_limits_stay),
	};

	if (!jail_has_seccomp()) {
		fprintf(stderr, "the kernel has no seccomp filters\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
