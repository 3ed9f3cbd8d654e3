/* SPDX-License-Identifier: ISC */
/*
 * task.h - tasks and processes. A task is a thread of a program, with a kernel stack; a process is what its threads
 * share. There is one process for now; what it has is in objects of their own, which fork and clone can share or copy.
 */
#ifndef KEEP_TASK_TASK_H
#define KEEP_TASK_TASK_H

#include "arch/arch.h"
#include "keep.h"
#include "task/signal.h"
#include "task/wait.h"

struct space;
struct descriptors;
struct directories;

enum { TASK_NAME = 16, TASK_STACK_PAGES = 4 };

/* RLIMIT_ numbers of Linux. */
struct task_limit {
	uint64_t soft, hard;
};
enum { TASK_LIMITS = 16 };

struct process {
	int id;
	struct list tasks; /* struct task, link_process */
	unsigned task_count;
	struct space *space;
	struct descriptors *descriptors; /* fs/descriptors.h */
	struct directories *directories; /* working directory, root, umask: fs/path.h */
	struct process_signals signals;
	struct task_limit limits[TASK_LIMITS];
	struct file *program;  /* for /proc/self/exe, held */
	uint64_t arguments[2]; /* where argv's and the environment's strings are, begin and end */
	uint64_t environment[2];
	uint64_t auxiliary[2];
	uint64_t started; /* monotonic */
	bool ending;      /* exit_group, or a signal that ends it */
	int status;       /* as wait4(2) has it */
};

struct task {
	struct context context;
	struct registers *registers; /* at the top of the kernel stack */
	char *stack;                 /* TASK_STACK_PAGES pages */
	int id;
	struct process *process;
	struct list link_process;
	char name[TASK_NAME];
	struct task_signals signals;

	/* schedule.c */
	struct list link_ready;
	enum { TASK_READY, TASK_RUNNING, TASK_SLEEPING, TASK_ENDED } state;
	bool woken;         /* since task_prepare_sleep() */
	bool interruptible; /* sleeps so */
	struct timer deadline;
	bool timed_out;
	uint64_t ran; /* nanoseconds on a vCPU, up to when it last began */
	uint64_t began;
	unsigned vcpu; /* that it runs on, or ran on last */

	/* Of futex(2) and of threads. */
	uint64_t robust_list, robust_list_size;
	uint64_t clear_child; /* set_tid_address(2) */
};

/* The task that runs on this vCPU. In programs' system calls it is never NULL. */
struct task *current_task(void);
static inline struct process *current_process(void)
{
	return current_task()->process;
}

/* Makes the first process, with one task, which begins in start(argument) in the kernel. Ids begin with 1. */
struct process *process_create(void (*start)(void *argument), void *argument);

/*
 * A further task of the current process, ready but not started: the caller fills in its registers, then
 * task_start(). NULL: no memory, or too many. The extended state is a copy of the current task's.
 */
struct task *task_create(void);
void task_start(struct task *task);

/* Ends the current task; with the last one of its process, the process ends with the status. */
_Noreturn void task_exit(int status);
/* Ends the current process: all its tasks. status is as wait4(2) has it: (code << 8) or a signal. */
_Noreturn void process_exit(int status);
/* Makes a process end, from anywhere; the caller goes on, if it is not of the process. */
void process_end(struct process *process, int status);

/* The task with an id, or NULL. */
struct task *task_find(int id);

/* ---- schedule.c ---- */

/* Lets others run, if there are any. */
void task_yield(void);
void task_wake(struct task *task);
/* On each vCPU, once: runs tasks for ever, idles when there are none. */
_Noreturn void schedule_run(void);
/* At the end of an entry, with the kernel's lock: runs others first if the slice is over. */
void schedule_if_due(void);
/* An event of this vCPU: timers, completions of the host, work that another vCPU found. */
void schedule_events(void);

/* The kernel's lock, which is held wherever keep's code runs. */
void kernel_lock(void);
void kernel_unlock(void);

#endif
