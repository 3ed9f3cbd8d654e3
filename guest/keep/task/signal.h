/* SPDX-License-Identifier: ISC */
/* signal.h - signals: what is pending, blocked and to be done, and their delivery to the program. */
#ifndef KEEP_TASK_SIGNAL_H
#define KEEP_TASK_SIGNAL_H

#include "keep.h"
#include "task/wait.h"

struct registers;
struct task;
struct process;

enum { SIGNALS = 64 };

/* Bit n - 1 stands for signal n. */
typedef uint64_t signal_set;

/* The kernel's struct sigaction. */
struct signal_action {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	signal_set mask;
};

/* What a signal carries: the first 48 bytes of siginfo_t, of which the rest is zero. */
struct signal_info {
	int32_t number, error, code, padding;
	union {
		struct {
			int32_t process;
			uint32_t user;
			uint64_t value; /* sigval */
		} sender;
		struct {
			int32_t timer, overrun;
			uint64_t value;
		} timer;
		struct {
			uint64_t address;
		} fault;
		uint64_t words[4];
	};
};

enum {
	SIGNAL_USER = 0,
	SIGNAL_KERNEL = 0x80,
	SIGNAL_QUEUED = -1,
	SIGNAL_TIMER = -2,
	SIGNAL_TKILL = -6
}; /* SI_ codes */

/* Signals that are pending, with what they carry; standard signals once, real-time signals queued. */
struct signal_queue {
	signal_set pending;
	unsigned count;
	struct list infos;
};

struct process_signals {
	struct signal_action actions[SIGNALS];
	struct signal_queue queue; /* for any task */
	struct waiters waiters;    /* sigtimedwait, signalfd: woken for every signal that becomes pending */
	bool stopped;              /* SIGSTOP, until SIGCONT */
	struct waiters continued;  /* tasks that are stopped */
};

struct task_signals {
	signal_set blocked;
	signal_set saved; /* sigsuspend, ppoll: to be restored when the handler was entered */
	bool has_saved;
	bool called; /* it was chosen to look after the process's queue */
	struct signal_queue queue;
	uint64_t stack, stack_size; /* sigaltstack */
	uint32_t stack_flags;
};

void signal_queue_init(struct signal_queue *queue);
void signal_queue_clear(struct signal_queue *queue);

/*
 * Sends to a process, or to one task. Does not sleep. Errors: -EAGAIN when a real-time signal of a program's own making
 * (sigqueue, tgkill) finds the queue full; others then lose what they carry, but not themselves.
 */
int signal_process(struct process *process, const struct signal_info *info);
int signal_task(struct task *task, const struct signal_info *info);

/* Takes the next signal of the set that is pending for the task or its process. Returns its number, or 0. */
int signal_take(struct task *task, signal_set set, struct signal_info *info);
/* What is pending for the task or its process. */
signal_set signal_pending(const struct task *task);
/* Forgets a signal that is pending anywhere in the process. */
void signal_forget(struct process *process, signal_set set);
/* A timer's signal was taken: syscall/timer.c keeps its overruns, for timer_getoverrun(2). */
void process_timer_delivered(struct process *process, const struct signal_info *info);
/* Deletes the timers of timer_create(2). */
void process_timers_reset(struct process *process);
/* Counts one more expiry of a timer on the signal that is pending for it. Returns false if there is none. */
bool signal_add_overrun(struct signal_queue *queue, int number, int timer, int count);

/* What is done with a signal when the program says nothing else. */
enum signal_default { SIGNAL_ENDS, SIGNAL_IGNORED, SIGNAL_STOPS, SIGNAL_CONTINUES };
enum signal_default signal_default(int number);
/* Whether a process does nothing about a signal. */
bool signal_is_ignored(const struct process *process, int number);

static inline signal_set signal_bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

/* Sets the current task's mask; SIGKILL and SIGSTOP stay unblocked. */
void signal_set_blocked(signal_set blocked);

/*
 * For calls that wait with another mask (ppoll, pselect, epoll_pwait, sigsuspend): takes the mask from the program,
 * if `set` is not 0, for as long as the call lasts. What the call answers decides when the mask goes back, and
 * system_call_run() does that. Errors: -EFAULT, -EINVAL when `size` is not 8.
 */
int signal_mask_for_call(uint64_t set, uint64_t size);

/* A signal that the current task brought about itself, as by a fault: not to be blocked or ignored. */
void signal_fault(int number, int code, uint64_t address);

/* Whether a sleep of the task has to end. */
bool signal_is_due(const struct task *task);
/* The others of the process may take what its queue has and this task does not take any more. */
void signal_call_others(const struct task *task, signal_set set);

/*
 * At the end of an entry, with the kernel's lock: does what pending signals say, which may end the process, or makes
 * the registers begin a handler. Restarts or ends an interrupted system call.
 */
void signal_deliver(struct registers *registers);

/*
 * What a system call answers when it was interrupted by a signal: it is begun again after the handler if that has
 * SA_RESTART (or if there is none), otherwise it is EINTR.
 */
enum {
	RESTART_IF_ASKED = -512,     /* ERESTARTSYS */
	RESTART_ALWAYS = -513,       /* ERESTARTNOINTR */
	RESTART_IF_UNHANDLED = -514, /* ERESTARTNOHAND */
	RESTART_WITH_BLOCK =
		-516, /* ERESTART_RESTARTBLOCK: as task->restart says, or EINTR after a handler */
};

/* Whether a system call's answer is one of these. */
static inline bool is_restart(int64_t result)
{
	return result <= RESTART_IF_ASKED && result >= RESTART_WITH_BLOCK;
}

/* ---- signal_frame.c ---- */

/*
 * Puts the frame of a handler on the program's stack, as Linux lays it out, and makes the registers enter the handler.
 * `mask` is what rt_sigreturn is to restore. Errors: -EFAULT.
 */
int signal_frame_push(struct registers *registers, const struct signal_action *action,
		      const struct signal_info *info, signal_set mask);
/* rt_sigreturn(2): takes everything back from the frame. Errors: -EFAULT, and then nothing is as it should be. */
int signal_frame_pop(struct registers *registers);

/* sigaltstack(2) for the current task, when the program's stack is at `pointer`. */
struct signal_stack {
	uint64_t base;
	uint32_t flags, padding;
	uint64_t size;
};
int signal_stack_set(const struct signal_stack *stack, uint64_t pointer);
struct signal_stack signal_stack_get(uint64_t pointer);

#endif
