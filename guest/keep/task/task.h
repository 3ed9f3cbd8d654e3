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

enum {
	TASK_NAME = 16,
	TASK_STACK_ORDER = 2,
	TASK_STACK_PAGES = 1 << TASK_STACK_ORDER,
	TASK_STACK_SIZE = TASK_STACK_PAGES * PAGE_SIZE
};
enum { TASKS_MAX = 8192, VCPU_WORDS = POSTERN_HANDLE_VCPU_MAX / 64 };

/* RLIMIT_ numbers of Linux. */
struct task_limit {
	uint64_t soft, hard;
};
enum { TASK_LIMITS = 16 };

enum task_limits {
	TASK_LIMIT_STACK = 3,
	TASK_LIMIT_CORE = 4,
	TASK_LIMIT_FILES = 7,
	TASK_LIMIT_LOCKED = 8,
	TASK_LIMIT_SPACE = 9,
	TASK_LIMIT_SIGNALS = 11,
	TASK_LIMIT_NICE = 13,
	TASK_LIMIT_REALTIME = 14,
};

/* User and group ids: real, effective, saved, and of the file system. */
enum { ID_REAL, ID_EFFECTIVE, ID_SAVED, ID_FILES, IDS };
struct identity {
	uint32_t user[IDS], group[IDS];
};

struct process_timers;

struct process {
	int id, group, session;
	struct identity identity;
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
	uint64_t started;              /* monotonic */
	uint64_t ran;                  /* nanoseconds, of tasks that have ended */
	struct process_timers *timers; /* syscall/timer.c; NULL: none yet */
	bool dumpable;                 /* PR_SET_DUMPABLE */
	bool no_new_privileges;
	bool ending; /* exit_group, or a signal that ends it */
	int status;  /* as wait4(2) has it */
};

/* How a call goes on that was interrupted and waits for a deadline: RESTART_WITH_BLOCK. */
struct restart {
	int64_t (*run)(const uint64_t argument[4]);
	uint64_t argument[4];
};

#define NO_SYSTEM_CALL UINT64_MAX

struct task {
	struct context context;
	struct registers *registers; /* at the top of the kernel stack */
	char *stack;                 /* TASK_STACK_PAGES pages */
	void *extended_memory;       /* holds context.extended, and: */
	void *extended_scratch;      /* for signals; as large and as aligned */
	void (*start)(void *argument);
	void *argument;
	int id;
	struct process *process;
	struct list link_process;
	char name[TASK_NAME];
	struct task_signals signals;

	/* The system call that it is in, so that it can be begun again; NO_SYSTEM_CALL: in none. */
	uint64_t system_call;
	struct restart restart;
	/* The exception that it is in, as sigcontext tells it. */
	struct {
		uint64_t vector, error, address;
	} trap;

	/* schedule.c */
	struct list link_ready;
	enum { TASK_READY, TASK_RUNNING, TASK_SLEEPING, TASK_ENDED } state;
	bool woken;         /* since task_prepare_sleep() */
	bool interruptible; /* sleeps so */
	struct timer deadline;
	bool timed_out;
	uint64_t ran; /* nanoseconds on a vCPU, up to when it last began */
	uint64_t began;
	uint64_t slice_end;
	unsigned vcpu;                  /* that it runs on, or ran on last */
	uint64_t affinity[VCPU_WORDS];  /* vCPUs that it may run on */
	uint64_t switches, preemptions; /* how often it gave up its vCPU, by itself or not */
	int nice;
	unsigned death_signal; /* PR_SET_PDEATHSIG */

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
/* The only process. */
struct process *process_first(void);

/* Nanoseconds that a task, or all tasks of a process, had a vCPU. */
uint64_t task_time(const struct task *task);
uint64_t process_time(const struct process *process);

/* How many tasks are ready or run; how many vCPUs there are for them. */
unsigned schedule_busy(void);
uint32_t schedule_vcpus(void);
/* Lets a task run on these vCPUs only, of which there is one at least. */
void schedule_set_affinity(struct task *task, const uint64_t vcpus_allowed[VCPU_WORDS]);

/* Frees a task that has ended, when its stack is no longer in use. For schedule.c. */
void task_free(struct task *task);

/* The last task of a process has ended. Defined in main.c, where it ends the VM. */
void keep_process_ended(struct process *process);

/* ---- schedule.c ---- */

/* Lets others run, if there are any. */
void task_yield(void);
/*
 * Between two steps of a call that may be long: timers, other vCPUs and other tasks have their turn; what was known may have
 * changed then. Returns whether a signal is due, for which the call had better end.
 */
bool task_breathe(void);
void task_wake(struct task *task);
/* Ends an interruptible sleep of the task, and makes it enter the kernel if it runs: a signal, or the end. */
void task_interrupt(struct task *task);
/* Makes a vCPU that runs a program enter the kernel soon. */
void schedule_interrupt(unsigned vcpu);
/* For who waits in any way: the current task is off its vCPU until it is made ready. */
void task_make_ready(struct task *task);
void schedule_away(void);
_Noreturn void schedule_end_task(void);
/* Makes the calling vCPU take part: its event, its ring. On each vCPU, once, with the kernel's lock. */
void schedule_start_vcpu(void);
/* On each vCPU, once: runs tasks for ever, idles when there are none. */
_Noreturn void schedule_run(void);
/* At the end of an entry, with the kernel's lock: runs others first if the slice is over. */
void schedule_if_due(void);
/* An event of this vCPU: timers, completions of the host, work that another vCPU found. */
void schedule_events(void);

/*
 * What is to be done whenever a vCPU leaves the kernel: wakes idle vCPUs for tasks that are ready, and sees to it that
 * timers and the end of the slice are noticed. For kernel_unlock().
 */
void schedule_leave(void);

/* ---- entry.c ---- */

/* The way out of the kernel: other tasks, signals. For new tasks, too. Gives up the kernel's lock. */
void entry_leave(struct registers *registers);

/* The kernel's lock, which is held wherever keep's code runs. It belongs to the vCPU, across context switches. */
void kernel_lock(void);
void kernel_unlock(void);

#endif
