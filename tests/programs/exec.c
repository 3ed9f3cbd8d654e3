/* SPDX-License-Identifier: ISC */
/*
 * exec.c - execve(2): what outlasts it and what does not. The program becomes itself again and again; the first argument
 * says how far it is.
 */
#include "parts.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 40, KEPT = 20, CLOSED = 21 };

#define OLD_MAPPING ((char *)0x700000000)

static void handle(int number)
{
	(void)number;
}

static void become(const char *stage, char *const environment[])
{
	char *arguments[] = { "a name of its own", (char *)stage, "", "two words", NULL };

	if (!parts_failed)
		CHECK(!execve("/proc/self/exe", arguments, environment));
	exit(1);
}

/* ---- before ---- */

static void errors(void)
{
	char *arguments[] = { "x", NULL };
	char *none[] = { NULL };
	static char large[200000];
	char *too_large[] = { "x", large, NULL };
	const int file = open("out/text", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	memset(large, 'l', sizeof large - 1);
	CHECK(write(file, "no program\n", 11) == 11 && !close(file));
	CHECK_ERROR(execve("out/nothing", arguments, none), ENOENT);
	CHECK_ERROR(execve("in", arguments, none), EACCES);
	CHECK_ERROR(execve("in/words", arguments, none), EACCES);
	CHECK_ERROR(execve("in/words/more", arguments, none), ENOTDIR);
	CHECK_ERROR(execve("out/text", arguments, none), ENOEXEC);
	CHECK_ERROR(execve((char *)8, arguments, none), EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", (char **)8, none), EFAULT);
	CHECK_ERROR(execve("/proc/self/exe", too_large, none), E2BIG);
}

static void prepare(void)
{
	const stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	const struct itimerval hour = { .it_value.tv_sec = 3600 };
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	char byte;
	int file = open("in/words", O_RDONLY);
	sigset_t blocked;
	timer_t timer;

	CHECK(dup2(file, KEPT) == KEPT && dup3(file, CLOSED, O_CLOEXEC) == CLOSED && !close(file));
	CHECK(read(KEPT, &byte, 1) == 1 && lseek(KEPT, 100, SEEK_SET) == 100);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, handle);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGRTMIN);
	sigaltstack(&stack, NULL);
	CHECK(!setitimer(ITIMER_REAL, &hour, NULL) && !timer_create(CLOCK_MONOTONIC, &event, &timer));
	CHECK(mmap(OLD_MAPPING, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == OLD_MAPPING);
	umask(027);
	CHECK(!chdir("in"));
}

/* ---- after ---- */

static void look(int count, char **arguments, char **environment)
{
	struct sigaction action;
	struct itimerval left;
	sigset_t set;
	stack_t stack;
	char name[64] = "";
	unsigned char present;
	int file = open("/proc/self/comm", O_RDONLY);

	CHECK(count == 4 && !strcmp(arguments[0], "a name of its own") && !*arguments[2] &&
	      !strcmp(arguments[3], "two words") && !arguments[4]);
	CHECK(!strcmp(environment[0], "ONE=1") && !strcmp(environment[1], "EMPTY=") && !environment[2]);
	CHECK(lseek(KEPT, 0, SEEK_CUR) == 100 && !close(KEPT));
	CHECK_ERROR(fcntl(CLOSED, F_GETFD), EBADF);
	CHECK(!sigaction(SIGUSR1, NULL, &action) && action.sa_handler == SIG_IGN);
	CHECK(!sigaction(SIGUSR2, NULL, &action) && action.sa_handler == SIG_DFL);
	CHECK(!sigprocmask(SIG_BLOCK, NULL, &set) && sigismember(&set, SIGRTMIN) == 1);
	CHECK(!sigpending(&set) && sigismember(&set, SIGRTMIN) == 1);
	CHECK(!sigaltstack(NULL, &stack) && stack.ss_flags == SS_DISABLE);
	CHECK(!getitimer(ITIMER_REAL, &left) && left.it_value.tv_sec > 3000);
	CHECK_ERROR(timer_delete((timer_t)0), EINVAL);
	CHECK_ERROR(mincore(OLD_MAPPING, 4096, &present), ENOMEM);
	CHECK(umask(022) == 027 && getcwd(name, sizeof name) && strstr(name, "/in"));
	memset(name, 0, sizeof name);
	CHECK(read(file, name, sizeof name) > 0 && !strcmp(name, "exe\n") && !close(file));
	CHECK(!chdir(".."));
}

/* Many times: what an address space leaves behind would add up, or be met again. */
static void again(int round)
{
	char *environment[] = { NULL };
	char stage[16];
	char *memory = malloc(1 << 20);
	double sum = 0;

	memset(memory, round, 1 << 20);
	for (int i = 0; i < 100; i++)
		sum += i * 0.5 + (getppid() < 0);
	CHECK(sum == 2475);
	if (round == ROUNDS) {
		printf("%d rounds: %s\n", ROUNDS, parts_failed ? "failed" : "good");
		fflush(stdout);
		if (!parts_failed)
			CHECK(!execl("out/script", "script", "as an argument", NULL));
		exit(1);
	}
	snprintf(stage, sizeof stage, "%d", round + 1);
	become(stage, environment);
}

int main(int count, char **arguments, char **environment)
{
	char *given[] = { "ONE=1", "EMPTY=", NULL };
	char line[4096];
	int length;
	int file;

	if (count == 1) {
		const pid_t id = getpid();

		errors();
		file = open("out/script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
		length = (int)readlink("/proc/self/exe", line, sizeof line);
		CHECK(dprintf(file, "#!%.*s script\n", length, line) > 0 && !close(file));
		prepare();
		printf("before: %s, %s\n", parts_failed ? "failed" : "good",
		       id == getpid() ? "same" : "other");
		fflush(stdout);
		become("first", given);
	}
	if (!strcmp(arguments[1], "first")) {
		look(count, arguments, environment);
		printf("after: %s\n", parts_failed ? "failed" : "good");
		fflush(stdout);
		again(1);
	}
	if (!strcmp(arguments[1], "script")) {
		printf("script: %s, %s\n", arguments[2], arguments[3]);
		return parts_failed ? 1 : 0;
	}
	again(atoi(arguments[1]));
}
