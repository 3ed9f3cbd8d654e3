/* SPDX-License-Identifier: ISC */
/* main.c - keep's start, the program's start, and the end of both. */
#include "arch/arch.h"
#include "exec/exec.h"
#include "fs/file.h"
#include "host.h"
#include "options.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <postern/guest_note.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(CLOCK, CLOCK_READ),
		   POSTERN_NEED(ENTROPY, ENTROPY_READ), POSTERN_NEED(RING, RING_SETUP, RING_ENTER),
		   POSTERN_NEED(VCPU, VCPU_HALT, VCPU_CALLBACKS), POSTERN_NEED(EVENT, EVENT_BIND, EVENT_SEND),
		   POSTERN_NEED(TIMER, TIMER_SET));

/* Exit statuses of a program that could not be started, as shells have them. */
enum { CANNOT_START = 126, NOT_FOUND = 127 };

static struct keep_options options;

static void say_error(const char *text)
{
	(void)guest_write(POSTERN_CONSOLE_STREAM_ERROR, text, strlen(text));
}

/* ---- the end ---- */

static int exit_code(int status)
{
	const int signal = status & 0x7f;

	return signal ? 128 + signal : status >> 8 & 0xff;
}

void keep_process_ended(struct process *process)
{
	if (options.report)
		system_call_report();
	guest_exit(exit_code(process->status));
}

/* ---- the start ---- */

static const struct {
	int error;
	const char *text;
} start_errors[] = {
	{ -ENOENT, "not found in the guest" },
	{ -ENOTDIR, "not found in the guest" },
	{ -EACCES, "it may not be executed" },
	{ -EISDIR, "it is a directory" },
	{ -ENOEXEC, "neither an ELF file nor a script" },
	{ -ENOMEM, "out of memory: give the guest more with --memory" },
	{ -E2BIG, "too many arguments, or too large an environment" },
};

static const char *in_words(int error)
{
	for (size_t i = 0; i < COUNT_OF(start_errors); i++) {
		if (start_errors[i].error == error)
			return start_errors[i].text;
	}
	return guest_error_name(error);
}

static _Noreturn void refuse(const char *program, int error, const char *reason)
{
	char text[512];

	guest_snprintf(text, sizeof text, "postern: %s: cannot run: %s\n", program,
		       reason ? reason : in_words(error));
	say_error(text);
	process_exit((error == -ENOENT && !reason ? NOT_FOUND : CANNOT_START) << 8);
}

static const char *variable(const char *name)
{
	const size_t length = strlen(name);

	for (size_t i = 0; i < options.environment_count; i++) {
		const char *entry = options.environment[i];

		if (!strncmp(entry, name, length) && entry[length] == '=')
			return entry + length + 1;
	}
	return NULL;
}

static int run(const char *path, const char **reason)
{
	const struct arguments arguments = {
		.values = options.arguments,
		.count = options.argument_count,
		.environment = options.environment,
		.environment_count = options.environment_count,
		.path = path,
	};

	return exec_program(path, &arguments, reason);
}

/* A name without a slash is looked for where PATH says. */
static int run_from_path(const char **reason)
{
	const char *directories = variable("PATH");
	int first_error = -ENOENT;

	for (const char *at = directories ? directories : "/usr/local/bin:/usr/bin:/bin"; *at;) {
		const char *end = strchr(at, ':');
		const int length = (int)(end ? end - at : (long)strlen(at));
		char path[512];
		int error;

		guest_snprintf(path, sizeof path, "%.*s/%s", length, at, options.program);
		error = length ? run(path, reason) : -ENOENT;
		if (!error)
			return 0;
		if (error != -ENOENT && first_error == -ENOENT)
			first_error = error;
		at += length + (end != NULL);
	}
	return first_error;
}

static void take_identity(struct identity *identity)
{
	for (size_t i = 0; i < IDS; i++) {
		identity->user[i] = options.user;
		identity->group[i] = options.group;
	}
}

static void start_program(void *unused)
{
	const char *reason = NULL;
	int error;

	(void)unused;
	take_identity(&current_process()->identity);
	error = file_systems_start(&options);
	if (error)
		refuse(options.program, error, "the guest's file systems cannot be set up");
	error = strchr(options.program, '/') ? run(options.program, &reason) : run_from_path(&reason);
	if (error)
		refuse(options.program, error, reason);
	kernel_unlock();
	arch_enter_program(current_task()->registers);
}

static void start_vcpu(void *unused)
{
	(void)unused;
	arch_start_vcpu();
	schedule_start_vcpu();
	schedule_run();
}

int main(void)
{
	if (!options_read(&options)) {
		say_error("keep: there is no module that says what to run: start it with `postern run`\n");
		return CANNOT_START;
	}
	if (!arch_choose()) {
		say_error(
			"keep: this VM cannot run programs: it lacks a mapper or the FSGSBASE instructions\n");
		return CANNOT_START;
	}
	arch_extended_start();
	arch_start_vcpu();
	kernel_lock();
	schedule_start_vcpu();
	if (!process_create(start_program, NULL))
		guest_panic("no memory for the first process");
	kernel_unlock();
	for (uint32_t i = 1; i < guest_boot()->vcpus; i++) {
		int64_t error = guest_vcpu_start(i, start_vcpu, NULL);

		if (error)
			guest_panic("vCPU %u cannot be started: %s", i, guest_error_name(error));
	}
	schedule_run();
}
