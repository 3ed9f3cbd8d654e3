/* SPDX-License-Identifier: ISC */
/* table.c - from a program's registers to the function of a system call, and what was asked for and is not there. */
#include "syscall/names.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include "arch/arch.h"

enum { CALLS = 512, PARTS = 64 };

static const struct system_call_row *const families[] = {
	system_calls_memory, system_calls_file,      system_calls_control,  system_calls_name,
	system_calls_status, system_calls_attribute, system_calls_poll,     system_calls_event,
	system_calls_socket, system_calls_task,      system_calls_identity, system_calls_signal,
	system_calls_time,   system_calls_timer,     system_calls_system,   system_calls_exec,
};

static system_call *functions[CALLS];
static bool ready;

/* What was missing, how often. The last place is for numbers beyond all. */
static uint64_t missing_calls[CALLS + 1];
static struct {
	const char *name;
	uint64_t count;
} missing_parts[PARTS];
static bool part_was_missing; /* in the call that runs */

static void fill_in(void)
{
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		for (const struct system_call_row *row = families[i]; row->run; row++) {
			KEEP_ASSERT(row->number < CALLS && !functions[row->number]);
			functions[row->number] = row->run;
		}
	}
	ready = true;
}

int system_call_missing(const char *part)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (missing_parts[i].name && missing_parts[i].name != part)
			continue;
		missing_parts[i].name = part;
		missing_parts[i].count++;
		part_was_missing = true;
		break;
	}
	return -ENOSYS;
}

static int64_t run(uint64_t number, const struct registers *registers)
{
	const uint64_t argument[6] = { registers->rdi, registers->rsi, registers->rdx,
				       registers->r10, registers->r8,  registers->r9 };
	int64_t result;

	part_was_missing = false;
	result = number < CALLS && functions[number] ? functions[number](argument) : -ENOSYS;
	if (result == -ENOSYS && !part_was_missing)
		missing_calls[least(number, CALLS)]++;
	return result;
}

/* A call that waited with another mask and was not interrupted has nothing for that mask to let through. */
static void restore_mask(struct task *task, int64_t result)
{
	if (!task->signals.has_saved || result == -EINTR || is_restart(result))
		return;
	task->signals.has_saved = false;
	signal_set_blocked(task->signals.saved);
}

void system_call_run(struct registers *registers)
{
	struct task *task = current_task();
	int64_t result;

	if (!ready)
		fill_in();
	task->system_call = registers->rax;
	result = run(registers->rax, registers);
	restore_mask(task, result);
	registers->rax = (uint64_t)result;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char text[128];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = guest_vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	(void)guest_write(POSTERN_CONSOLE_STREAM_ERROR, text, least((uint64_t)length, sizeof text - 1));
}

static bool is_any_missing(void)
{
	for (size_t i = 0; i <= CALLS; i++) {
		if (missing_calls[i])
			return true;
	}
	return missing_parts[0].name != NULL;
}

void system_call_report(void)
{
	if (!is_any_missing())
		return;
	say("missing system calls:\n");
	for (size_t i = 0; i < CALLS; i++) {
		const char *name = system_call_name(i);

		if (missing_calls[i])
			say("  %3u %-24s %lu\n", (unsigned)i, name ? name : "(unknown)",
			    (unsigned long)missing_calls[i]);
	}
	if (missing_calls[CALLS])
		say("      %-24s %lu\n", "(other numbers)", (unsigned long)missing_calls[CALLS]);
	for (size_t i = 0; i < PARTS && missing_parts[i].name; i++)
		say("      %-24s %lu\n", missing_parts[i].name, (unsigned long)missing_parts[i].count);
}
