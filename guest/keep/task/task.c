/* SPDX-License-Identifier: ISC */
/* task.c - the beginning and the end of tasks and of the process. */
#include "task/task.h"

#include "mm/pages.h"
#include "task/futex.h"

static struct process *only;
static int last_id;
static unsigned task_total;

struct process *process_first(void)
{
	return only;
}

/* ---- begin ---- */

static struct registers *registers_of(char *stack)
{
	return (struct registers *)(stack + TASK_STACK_SIZE) - 1;
}

static char *stack_alloc(void)
{
	struct page *pages = pages_alloc(TASK_STACK_ORDER, PAGES_KERNEL, false);

	return pages ? page_memory(pages) : NULL;
}

static void stack_free(char *stack)
{
	for (size_t i = 0; i < TASK_STACK_PAGES; i++)
		page_drop(page_at(postern_address(stack + i * PAGE_SIZE)));
}

/* Two areas of extended state, aligned as XSAVE needs them; zero, for it leaves most of its header as it was. */
static bool extended_alloc(struct task *task)
{
	enum { ALIGNMENT = 64 };
	const size_t size = (arch_extended_size() + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

	task->extended_memory = calloc(1, 2 * size + ALIGNMENT);
	if (!task->extended_memory)
		return false;
	task->context.extended =
		(void *)(((uint64_t)task->extended_memory + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1));
	task->extended_scratch = (char *)task->context.extended + size;
	/* XSAVE leaves much of its header as it was, and XRSTOR does not take everything there. */
	arch_extended_reset(task->context.extended);
	arch_extended_reset(task->extended_scratch);
	return true;
}

static void release(struct task *task)
{
	if (task->stack)
		stack_free(task->stack);
	free(task->extended_memory);
	free(task);
}

/* Ids come in turn, and are not used again before all others were. */
static int new_id(void)
{
	do {
		last_id = last_id == INT32_MAX ? 1 : last_id + 1;
	} while (only && task_find(last_id));
	return last_id;
}

static struct task *task_alloc(void)
{
	struct task *task = task_total < TASKS_MAX ? calloc(1, sizeof *task) : NULL;

	if (!task)
		return NULL;
	task->stack = stack_alloc();
	if (!task->stack || !extended_alloc(task)) {
		release(task);
		return NULL;
	}
	task->registers = registers_of(task->stack);
	task->system_call = NO_SYSTEM_CALL;
	task->state = TASK_SLEEPING;
	memset(task->affinity, 0xff, sizeof task->affinity);
	list_init(&task->link_ready);
	signal_queue_init(&task->signals.queue);
	return task;
}

static void join(struct task *task, struct process *process)
{
	task->id = new_id();
	task->process = process;
	list_add(&process->tasks, &task->link_process);
	process->task_count++;
	task_total++;
}

static void default_limits(struct process *process)
{
	for (size_t i = 0; i < TASK_LIMITS; i++)
		process->limits[i] = (struct task_limit){ UINT64_MAX, UINT64_MAX };
	process->limits[TASK_LIMIT_STACK] = (struct task_limit){ 8 << 20, UINT64_MAX };
	process->limits[TASK_LIMIT_CORE] = (struct task_limit){ 0, 0 };
	process->limits[TASK_LIMIT_FILES] = (struct task_limit){ 1024, 4096 };
	process->limits[TASK_LIMIT_SIGNALS] = (struct task_limit){ 4096, 4096 };
	process->limits[TASK_LIMIT_NICE] = (struct task_limit){ 0, 0 };
	process->limits[TASK_LIMIT_REALTIME] = (struct task_limit){ 0, 0 };
}

struct process *process_create(void (*start)(void *argument), void *argument)
{
	struct process *process = calloc(1, sizeof *process);
	struct task *task = process ? task_alloc() : NULL;

	if (!task) {
		free(process);
		return NULL;
	}
	list_init(&process->tasks);
	signal_queue_init(&process->signals.queue);
	waiters_init(&process->signals.waiters);
	waiters_init(&process->signals.continued);
	default_limits(process);
	process->dumpable = true;
	process->started = clock_monotonic();
	only = process;
	join(task, process);
	process->id = process->group = process->session = task->id;
	task->start = start;
	task->argument = argument;
	arch_registers_reset(task->registers);
	task_start(task);
	return process;
}

struct task *task_create(void)
{
	const struct task *parent = current_task();
	struct task *task = task_alloc();

	if (!task)
		return NULL;
	arch_extended_save(task->context.extended);
	task->context.fs_base = arch_fs_base();
	*task->registers = *parent->registers;
	memcpy(task->name, parent->name, sizeof task->name);
	memcpy(task->affinity, parent->affinity, sizeof task->affinity);
	task->signals.blocked = parent->signals.blocked;
	task->nice = parent->nice;
	task->vcpu = parent->vcpu;
	join(task, parent->process);
	return task;
}

struct task *task_find(int id)
{
	struct task *task;

	list_for_each(task, &only->tasks, struct task, link_process)
	{
		if (task->id == id)
			return task;
	}
	return NULL;
}

/* ---- time ---- */

uint64_t task_time(const struct task *task)
{
	return task->ran + (task->state == TASK_RUNNING ? clock_monotonic() - task->began : 0);
}

uint64_t process_time(const struct process *process)
{
	uint64_t time = process->ran;
	struct task *task;

	list_for_each(task, &process->tasks, struct task, link_process) time += task_time(task);
	return time;
}

/* ---- end ---- */

void task_free(struct task *task)
{
	release(task);
}

static void leave(struct task *task, struct process *process)
{
	process->ran += task_time(task);
	list_remove(&task->link_process);
	process->task_count--;
	task_total--;
	signal_queue_clear(&task->signals.queue);
	if (task->signals.called)
		signal_call_others(task, ~task->signals.blocked);
}

void task_exit(int status)
{
	struct task *task = current_task();
	struct process *process = task->process;

	futex_task_ends(task);
	/* The status of a process whose tasks all end by themselves is that of its first. */
	if (task->id == process->id && !process->ending)
		process->status = status;
	leave(task, process);
	if (!process->task_count)
		keep_process_ended(process);
	schedule_end_task();
}

void process_end(struct process *process, int status)
{
	struct task *task;

	if (process->ending)
		return;
	process->ending = true;
	process->status = status;
	list_for_each(task, &process->tasks, struct task, link_process) task_interrupt(task);
	waiters_wake_all(&process->signals.continued, 0);
}

void process_exit(int status)
{
	process_end(current_process(), status);
	task_exit(status);
}
