/* SPDX-License-Identifier: ISC */
/* vm.c - see vm.h. POSTERN is the command, SDK_GUESTS the folder of the guests. */
#include "vm.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_WORDS = 32 };

bool vm_prepare(void)
{
	char command[PATH_MAX + 16];
	char line[256];
	bool works = false;
	FILE *doctor;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(command, sizeof command, "%s doctor", getenv("POSTERN"));
	doctor = popen(command, "re");
	while (doctor && fgets(line, sizeof line, doctor))
		works |= !strncmp(line, "  ring3 ", 8) && strstr(line, " yes");
	if (doctor)
		pclose(doctor);
	return works;
}

/* In the child: becomes postern. */
static void become(const char *guest, const char *words, const char *folder, int output)
{
	char path[PATH_MAX];
	char line[1024];
	char *arguments[MOST_WORDS] = { getenv("POSTERN"), "boot", path, "--engine", "ring3" };
	unsigned count = 5;

	snprintf(path, sizeof path, "%s/%s.elf", getenv("SDK_GUESTS"), guest);
	snprintf(line, sizeof line, "%s", words);
	for (char *rest = line, *word; (word = strsep(&rest, " ")) && count < MOST_WORDS - 1;)
		arguments[count++] = word;
	if ((folder && chdir(folder)) || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		_exit(125);
	execv(arguments[0], arguments);
	_exit(125);
}

struct vm vm_start(const char *guest, const char *words, const char *folder)
{
	struct vm vm = { .output = memfd_create("output", MFD_CLOEXEC) };

	assert_true(vm.output >= 0);
	vm.pid = fork();
	assert_true(vm.pid >= 0);
	if (vm.pid == 0)
		become(guest, words, folder, vm.output);
	return vm;
}

void vm_look(const struct vm *vm, char text[VM_TEXT])
{
	ssize_t length = pread(vm->output, text, VM_TEXT - 1, 0);

	assert_true(length >= 0);
	text[length] = 0;
	/* Guests say anything. */
	for (ssize_t i = 0; i < length; i++) {
		if (!text[i])
			text[i] = '?';
	}
}

void vm_wait(struct vm *vm, struct vm_end *end)
{
	int status;

	while (waitpid(vm->pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	end->status = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
	vm_look(vm, end->text);
	close(vm->output);
}

void vm_run(struct vm_end *end, const char *guest, const char *folder, const char *words, ...)
{
	char line[1024];
	va_list arguments;
	struct vm vm;

	va_start(arguments, words);
	vsnprintf(line, sizeof line, words, arguments);
	va_end(arguments);
	vm = vm_start(guest, line, folder);
	vm_wait(&vm, end);
}

void vm_expect(struct vm *vm, const char *text)
{
	static char output[VM_TEXT];
	const struct timespec moment = { 0, 1000000 };
	siginfo_t over = { 0 };

	do {
		assert_int_equal(waitid(P_PID, (id_t)vm->pid, &over, WEXITED | WNOHANG | WNOWAIT), 0);
		nanosleep(&moment, NULL);
		vm_look(vm, output);
	} while (!strstr(output, text) && !over.si_pid);
	if (!strstr(output, text))
		fail_msg("lacks \"%s\":\n%.4096s", text, output);
}

/* The children of a process' first thread, as text. */
static void read_children(pid_t pid, char *to, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	to[fread(to, 1, size - 1, file)] = 0;
	fclose(file);
}

pid_t vm_child_of(pid_t pid)
{
	char children[64];

	read_children(pid, children, sizeof children);
	return (pid_t)atoi(children);
}

bool vm_has_strangers(const pid_t *known, unsigned count)
{
	static char children[VM_TEXT];
	bool is_strange = false;
	char *rest = children;

	read_children(getpid(), children, sizeof children);
	for (char *word; (word = strsep(&rest, " "));) {
		pid_t child = (pid_t)atoi(word);
		bool is_known = !child;

		for (unsigned i = 0; i < count; i++)
			is_known |= known[i] == child;
		if (!is_known)
			print_error("process %d is left\n", (int)child);
		is_strange |= !is_known;
	}
	return is_strange;
}
