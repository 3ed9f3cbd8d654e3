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

/* Signals that are pending, with what they carry; standard signals once, real-time signals queued. */
struct signal_queue {
	signal_set pending;
	struct list infos;
};

struct process_signals {
	struct signal_action actions[SIGNALS];
	struct signal_queue queue; /* for any task */
	struct waiters waiters;    /* sigtimedwait, signalfd */
};

struct task_signals {
	signal_set blocked;
	signal_set saved; /* sigsuspend, ppoll: to be restored when the handler was entered */
	bool has_saved;
	struct signal_queue queue;
	uint64_t stack, stack_size; /* sigaltstack */
	uint32_t stack_flags;
};

/* Sends to a process, or to one task. Does not sleep. */
void signal_process(struct process *process, const struct signal_info *info);
void signal_task(struct task *task, const struct signal_info *info);

/* A signal that the current task brought about itself, as by a fault: not to be blocked or ignored. */
void signal_fault(int number, int code, uint64_t address);

/* Whether a sleep of the task has to end. */
bool signal_is_due(const struct task *task);

/*
 * At the end of an entry, with the kernel's lock: does what pending signals say, which may end the process, or makes
 * the registers begin a handler. Restarts or ends an interrupted system call.
 */
void signal_deliver(struct registers *registers);

/*
 * What a system call answers when it was interrupted by a signal: it is begun again after the handler if that has
 * SA_RESTART (or if there is none), otherwise it is EINTR.
 */
enum { RESTART_IF_ASKED = -512 /* ERESTARTSYS */, RESTART_IF_UNHANDLED = -514 /* ERESTARTNOHAND */ };

#endif
