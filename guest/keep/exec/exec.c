/* SPDX-License-Identifier: ISC */
/* exec.c - makes the current process run another program: a file's own format, its interpreter, its stack. */
#include "exec/exec.h"

#include "fs/file.h"
#include "task/task.h"

#define MISSING "is missing in the guest: give it that, and its libraries, by --root / or --mount"

enum { MOST_SCRIPTS = 4, LINE_SIZE = 256, MOST_ARGUMENTS = 1 << 16 };

/* A program that is about to run, until it does. */
struct preparation {
	struct space *space;
	struct file *file;
	struct loaded program, interpreter;
	struct stack_layout stack;
	const char **reason;
};

/* ---- scripts ---- */

/* The first line of a script, `#!interpreter [argument]`, taken apart in place. */
struct script {
	char line[LINE_SIZE];
	const char *interpreter;
	const char *argument; /* NULL: none */
};

static bool is_blank(char character)
{
	return character == ' ' || character == '\t';
}

static char *skip_blanks(char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

/* Returns false if the line names no interpreter. */
static bool split_line(struct script *script)
{
	char *at = skip_blanks(script->line + 2);
	char *end = strchr(script->line, '\n');

	if (!end)
		return false; /* as Linux: a line that is too long names nothing that can be believed */
	while (end > at && is_blank(end[-1]))
		end--;
	*end = '\0';
	script->interpreter = at;
	while (*at && !is_blank(*at))
		at++;
	script->argument = NULL;
	if (*at) {
		*at++ = '\0';
		script->argument = skip_blanks(at);
	}
	return *script->interpreter;
}

/* Returns 1 and the script's line, or 0 if the file is no script. */
static int read_script(struct file *file, struct script *script)
{
	int64_t length = file_read_at(file, script->line, sizeof script->line - 1, 0);

	if (length < 0)
		return (int)length;
	script->line[length] = '\0';
	if (length < 3 || script->line[0] != '#' || script->line[1] != '!')
		return 0;
	return split_line(script) ? 1 : -ENOEXEC;
}

static int run_script(const char *path, const struct script *script, const struct arguments *arguments,
		      unsigned depth, const char **reason);

/* ---- programs ---- */

static int open_program(const char *path, struct file **file)
{
	int error = file_open(path, 0 /* O_RDONLY */, 0, file);

	if (error)
		return error;
	error = file_may_execute(*file);
	if (error)
		file_drop(*file);
	return error;
}

/* In words, with the interpreter that it is about. Nobody else is being told while this is used. */
static const char *reason_about(const char *interpreter, const char *what)
{
	static char text[400];

	guest_snprintf(text, sizeof text, "its interpreter %s %s", interpreter, what);
	return text;
}

static int load_interpreter(struct preparation *prepared)
{
	struct file *file;
	const char *reason;
	int error = open_program(prepared->program.interpreter, &file);

	if (error) {
		*prepared->reason = reason_about(prepared->program.interpreter, MISSING);
		return error;
	}
	error = elf_load(prepared->space, file, ELF_INTERPRETER, &prepared->interpreter, &reason);
	if (error && reason)
		*prepared->reason =
			reason_about(prepared->program.interpreter, "is no program that can run here");
	file_drop(file);
	return error;
}

static int prepare(struct preparation *prepared, const struct arguments *arguments)
{
	int error;

	prepared->space = space_create();
	if (!prepared->space)
		return -ENOMEM;
	error = elf_load(prepared->space, prepared->file, ELF_PROGRAM, &prepared->program, prepared->reason);
	if (!error)
		space_set_brk(prepared->space, page_ceiling(prepared->program.end));
	if (!error && prepared->program.interpreter[0])
		error = load_interpreter(prepared);
	if (!error)
		error = stack_build(prepared->space, arguments, &prepared->program,
				    prepared->program.interpreter[0] ? &prepared->interpreter : NULL,
				    &prepared->stack);
	if (error)
		space_drop(prepared->space);
	return error;
}

static void take_name(struct task *task, const char *path)
{
	const char *name = path;

	for (const char *at = path; *at; at++) {
		if (*at == '/')
			name = at + 1;
	}
	guest_snprintf(task->name, sizeof task->name, "%s", name);
}

static void take_layout(struct process *process, const struct stack_layout *stack)
{
	memcpy(process->arguments, stack->arguments, sizeof process->arguments);
	memcpy(process->environment, stack->environment, sizeof process->environment);
	memcpy(process->auxiliary, stack->auxiliary, sizeof process->auxiliary);
}

/* From here on nothing can fail. */
static void commit(struct preparation *prepared, const char *path)
{
	struct task *task = current_task();
	struct process *process = task->process;
	struct space *old = process->space;
	struct registers *registers = task->registers;

	process->space = prepared->space;
	space_use(process->space);
	if (old)
		space_drop(old);
	if (process->program)
		file_drop(process->program);
	process->program = prepared->file;
	take_layout(process, &prepared->stack);
	take_name(task, path);
	arch_registers_reset(registers);
	registers->rip = prepared->program.interpreter[0] ? prepared->interpreter.entry
							  : prepared->program.entry;
	registers->rsp = prepared->stack.pointer;
	arch_set_fs_base(0);
}

static int run_file(const char *path, const struct arguments *arguments, unsigned depth, const char **reason)
{
	struct preparation prepared = { .reason = reason };
	struct script script;
	int error = open_program(path, &prepared.file);

	if (error)
		return error;
	error = read_script(prepared.file, &script);
	if (error == 1) {
		file_drop(prepared.file);
		return run_script(path, &script, arguments, depth, reason);
	}
	if (!error)
		error = prepare(&prepared, arguments);
	if (error) {
		file_drop(prepared.file);
		return error;
	}
	commit(&prepared, path);
	return 0;
}

/* The interpreter's arguments: its name, what the line says, the script, and the script's own but its name. */
static int run_script(const char *path, const struct script *script, const struct arguments *arguments,
		      unsigned depth, const char **reason)
{
	const char **values;
	struct arguments inner = *arguments;
	size_t count = 0;
	int error;

	if (depth == MOST_SCRIPTS)
		return -ELOOP;
	if (arguments->count > MOST_ARGUMENTS)
		return -E2BIG;
	values = malloc((arguments->count + 3) * sizeof *values);
	if (!values)
		return -ENOMEM;
	values[count++] = script->interpreter;
	if (script->argument)
		values[count++] = script->argument;
	values[count++] = path;
	for (size_t i = 1; i < arguments->count; i++)
		values[count++] = arguments->values[i];
	inner.values = values;
	inner.count = count;
	inner.path = script->interpreter;
	error = run_file(script->interpreter, &inner, depth + 1, reason);
	if (error == -ENOENT && !*reason)
		*reason = reason_about(script->interpreter, MISSING);
	free(values);
	return error;
}

int exec_program(const char *path, const struct arguments *arguments, const char **reason)
{
	*reason = NULL;
	return run_file(path, arguments, 0, reason);
}
