/* SPDX-License-Identifier: ISC */
/*
 * exec.c - execve(2): the process goes on as another program. What is the program's is copied first, then the new one is
 * prepared beside the old, and only when nothing can fail any more, the old one ends.
 */
#include "exec/exec.h"

#include "fs/descriptors.h"
#include "mm/user.h"
#include "syscall/path.h"
#include "syscall/syscall.h"
#include "task/futex.h"
#include "task/task.h"

#include <asm/signal.h>
#include <asm/unistd.h>

/* As Linux: of one string, of all, and how many. */
enum { STRING_MOST = 131072, STRINGS_MOST = 2 << 20, COUNT_MOST = 1 << 18 };

/* Strings of the program, copied: an array that ends with NULL. */
struct strings {
	char **values;
	size_t count, size;
	uint64_t bytes;
};

static void free_strings(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->values[i]);
	free(strings->values);
}

static int add_string(struct strings *strings, const char *text, size_t length)
{
	char *copy = malloc(length + 1);
	char **values = strings->values;

	if (copy && strings->count + 1 >= strings->size) {
		strings->size = 2 * strings->size + 16;
		values = realloc(values, strings->size * sizeof *values);
	}
	if (!copy || !values) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, text, length + 1);
	strings->values = values;
	values[strings->count++] = copy;
	values[strings->count] = NULL;
	strings->bytes += length + 1 + sizeof copy;
	return strings->bytes > STRINGS_MOST || strings->count > COUNT_MOST ? -E2BIG : 0;
}

/* The array at an address of the program, which may be NULL. buffer: STRING_MOST bytes. */
static int copy_strings(struct strings *strings, uint64_t array, char *buffer)
{
	for (; array; array += sizeof(uint64_t)) {
		uint64_t pointer;
		int64_t length;
		int error;

		if (user_read(&pointer, array, sizeof pointer))
			return -EFAULT;
		if (!pointer)
			break;
		length = user_string(buffer, pointer, STRING_MOST);
		if (length < 0)
			return length == -ENAMETOOLONG ? -E2BIG : (int)length;
		error = add_string(strings, buffer, (size_t)length);
		if (error)
			return error;
	}
	return 0;
}

/* ---- what the new program does not have of the old ---- */

static void reset_signals(struct process *process, struct task *task)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		struct signal_action *action = &process->signals.actions[i];
		const bool is_ignored = action->handler == (uint64_t)SIG_IGN;

		*action = (struct signal_action){ .handler = (uint64_t)(is_ignored ? SIG_IGN : SIG_DFL) };
	}
	task->signals.stack = task->signals.stack_size = 0;
	task->signals.stack_flags = 0;
}

static void close_descriptors(void)
{
	for (int64_t number = 0; (number = descriptor_next((unsigned)number)) >= 0; number++) {
		if (descriptor_get_flag((uint64_t)number) > 0)
			(void)descriptor_close((uint64_t)number);
	}
}

static void begin_anew(void)
{
	struct task *task = current_task();

	reset_signals(task->process, task);
	process_timers_reset(task->process);
	close_descriptors();
	task->robust_list = task->robust_list_size = task->clear_child = 0;
	task->restart.run = NULL;
	task->process->dumpable = true;
	arch_extended_reset(task->extended_scratch);
	arch_extended_load(task->extended_scratch);
}

/* ---- the call ---- */

static int run(const char *path, const struct strings *values, const struct strings *environment)
{
	const struct arguments arguments = {
		.values = (const char *const *)values->values,
		.count = values->count,
		.environment = (const char *const *)environment->values,
		.environment_count = environment->count,
		.path = path,
	};
	const char *reason;
	int error;

	/* Copying may have slept, and what is prepared may, too. */
	if (current_process()->task_count > 1)
		return system_call_missing("execve beside other threads");
	error = exec_program(path, &arguments, &reason);
	if (!error)
		begin_anew();
	return error;
}

/* Without other threads. */
static int64_t sys_execve(const uint64_t argument[6])
{
	enum { BUFFER_PAGES = STRING_MOST / PAGE_SIZE };
	struct strings values = { 0 };
	struct strings environment = { 0 };
	char *buffer = guest_pages_alloc(BUFFER_PAGES);
	char *path = NULL;
	int error = buffer ? path_copy(argument[0], &path) : -ENOMEM;

	if (!error)
		error = copy_strings(&values, argument[1], buffer);
	/* As Linux: a program has a name always. */
	if (!error && !values.count)
		error = add_string(&values, "", 0);
	if (!error)
		error = copy_strings(&environment, argument[2], buffer);
	guest_pages_free(buffer, BUFFER_PAGES);
	if (!error)
		error = *path ? run(path, &values, &environment) : -ENOENT;
	free_strings(&values);
	free_strings(&environment);
	free(path);
	return error;
}

const struct system_call_row system_calls_exec[] = {
	{ __NR_execve, "execve", sys_execve },
	{ 0 },
};
