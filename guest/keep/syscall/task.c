/* SPDX-License-Identifier: ISC */
/* task.c - system calls of threads: their beginning and end, futexes, and what the scheduler is told. */
#include "task/task.h"

#include "arch/arch.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/futex.h"

#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include <asm/prctl.h>
#include <asm/signal.h>
#include <asm/unistd.h>

enum { NICE_LEAST = -20, NICE_MOST = 19, CPU_MASK_MOST = POSTERN_HANDLE_VCPU_MAX / 8 };

/* Where FS and GS may point, as on Linux: the lower half, but for its last page. */
#define BASE_END (((uint64_t)1 << 47) - PAGE_SIZE)

/* ---- clone ---- */

/* What a thread shares with its process: all of it, for now. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS                                                                                 \
	(THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_PTRACE | CLONE_IO)

struct clone_request {
	uint64_t flags, stack, parent_id, child_id, tls;
};

static int check_clone(const struct clone_request *request)
{
	const uint64_t flags = request->flags;

	if ((flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) ||
	    (flags & CLONE_SIGHAND && !(flags & CLONE_VM)))
		return -EINVAL;
	if ((flags & THREAD_FLAGS) != THREAD_FLAGS)
		return system_call_missing(flags & CLONE_VM ? "vfork, by clone" : "fork, by clone");
	if (flags & ~(uint64_t)KNOWN_FLAGS)
		return -EINVAL;
	return flags & CLONE_SETTLS && request->tls >= BASE_END ? -EPERM : 0;
}

/* As on Linux, an id that cannot be stored is not stored, and nothing is said. */
static void store_id(uint64_t to, int id)
{
	(void)user_write(to, &id, sizeof id);
}

static int64_t do_clone(const struct clone_request *request)
{
	struct task *task;
	int id;
	int error = check_clone(request);

	if (error)
		return error;
	task = task_create();
	if (!task)
		return -EAGAIN;
	id = task->id;
	task->registers->rax = 0;
	if (request->stack)
		task->registers->rsp = request->stack;
	if (request->flags & CLONE_SETTLS)
		task->context.fs_base = request->tls;
	if (request->flags & CLONE_CHILD_CLEARTID)
		task->clear_child = request->child_id;
	if (request->flags & CLONE_PARENT_SETTID)
		store_id(request->parent_id, id);
	if (request->flags & CLONE_CHILD_SETTID)
		store_id(request->child_id, id);
	task_start(task);
	return id;
}

static int64_t sys_clone(const uint64_t argument[6])
{
	const struct clone_request request = {
		.flags = argument[0] & UINT32_MAX & ~(uint64_t)CSIGNAL,
		.stack = argument[1],
		.parent_id = argument[2],
		.child_id = argument[3],
		.tls = argument[4],
	};

	return do_clone(&request);
}

/* Reads a struct that programs may know longer or shorter: what they do not know is zero, and so is what we do not. */
static int read_sized(void *to, size_t size, uint64_t from, uint64_t their_size)
{
	uint8_t byte;

	memset(to, 0, size);
	for (uint64_t i = size; i < their_size; i++) {
		int error = user_read(&byte, from + i, 1);

		if (error || byte)
			return error ? error : -E2BIG;
	}
	return user_read(to, from, least(size, their_size));
}

static int64_t sys_clone3(const uint64_t argument[6])
{
	struct clone_args from;
	struct clone_request request;
	int error;

	if (argument[1] < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (argument[1] > PAGE_SIZE)
		return -E2BIG;
	error = read_sized(&from, sizeof from, argument[0], argument[1]);
	if (error)
		return error;
	if (from.flags & (CSIGNAL | CLONE_DETACHED) || (from.flags & CLONE_THREAD && from.exit_signal) ||
	    from.exit_signal > CSIGNAL || !from.stack != !from.stack_size || from.set_tid_size)
		return -EINVAL;
	request = (struct clone_request){
		.flags = from.flags,
		.stack = from.stack + from.stack_size,
		.parent_id = from.parent_tid,
		.child_id = from.child_tid,
		.tls = from.tls,
	};
	return do_clone(&request);
}

/* ---- the end ---- */

static int64_t sys_exit(const uint64_t argument[6])
{
	task_exit((int)(argument[0] & 0xff) << 8);
}

static int64_t sys_exit_group(const uint64_t argument[6])
{
	process_exit((int)(argument[0] & 0xff) << 8);
}

/* There are no child processes yet. */
static int64_t sys_wait4(const uint64_t argument[6])
{
	const uint64_t known = 1 /* WNOHANG */ | 2 /* WUNTRACED */ | 8 /* WCONTINUED */ |
			       UINT64_C(0xe0000000);

	return (uint32_t)argument[2] & ~known ? -EINVAL : -ECHILD;
}

static int64_t sys_waitid(const uint64_t argument[6])
{
	enum { WHICH_MOST = 3, STATES = 2 | 4 | 8 };

	return argument[0] > WHICH_MOST || !(argument[3] & STATES) ? -EINVAL : -ECHILD;
}

/* ---- ids ---- */

static int64_t sys_gettid(const uint64_t argument[6])
{
	(void)argument;
	return current_task()->id;
}

static int64_t sys_getpid(const uint64_t argument[6])
{
	(void)argument;
	return current_process()->id;
}

/* Nobody in the VM started the process. */
static int64_t sys_getppid(const uint64_t argument[6])
{
	(void)argument;
	return 0;
}

static bool is_own_process(uint64_t id)
{
	return (int)id == 0 || (int)id == current_process()->id;
}

static int64_t sys_getpgid(const uint64_t argument[6])
{
	return is_own_process(argument[0]) ? current_process()->group : -ESRCH;
}

static int64_t sys_getpgrp(const uint64_t argument[6])
{
	(void)argument;
	return current_process()->group;
}

static int64_t sys_getsid(const uint64_t argument[6])
{
	return is_own_process(argument[0]) ? current_process()->session : -ESRCH;
}

/* The process leads its session, and so neither its group nor its session can be another. */
static int64_t sys_setpgid(const uint64_t argument[6])
{
	if ((int)argument[1] < 0)
		return -EINVAL;
	return is_own_process(argument[0]) ? -EPERM : -ESRCH;
}

static int64_t sys_setsid(const uint64_t argument[6])
{
	(void)argument;
	return -EPERM;
}

static int64_t sys_set_tid_address(const uint64_t argument[6])
{
	current_task()->clear_child = argument[0];
	return current_task()->id;
}

/* ---- futexes ---- */

static int64_t sys_set_robust_list(const uint64_t argument[6])
{
	enum { HEAD_SIZE = 24 };

	if (argument[1] != HEAD_SIZE)
		return -EINVAL;
	current_task()->robust_list = argument[0];
	current_task()->robust_list_size = argument[1];
	return 0;
}

static struct task *task_of(uint64_t id)
{
	return (int)id ? task_find((int)id) : current_task();
}

static int64_t sys_get_robust_list(const uint64_t argument[6])
{
	const struct task *task = task_of(argument[0]);
	const uint64_t size = 24;
	int error;

	if (!task)
		return -ESRCH;
	error = user_write(argument[2], &size, sizeof size);
	return error ? error : user_write(argument[1], &task->robust_list, sizeof task->robust_list);
}

/* ---- the scheduler ---- */

static int64_t sys_sched_yield(const uint64_t argument[6])
{
	(void)argument;
	task_yield();
	return 0;
}

static void all_vcpus(uint64_t words[VCPU_WORDS])
{
	memset(words, 0, VCPU_WORDS * sizeof *words);
	for (uint32_t i = 0; i < schedule_vcpus(); i++)
		words[i / 64] |= UINT64_C(1) << i % 64;
}

static int64_t sys_sched_setaffinity(const uint64_t argument[6])
{
	const size_t size = least((uint32_t)argument[1], CPU_MASK_MOST);
	uint64_t wanted[VCPU_WORDS] = { 0 };
	uint64_t there[VCPU_WORDS];
	uint64_t any = 0;
	struct task *task = task_of(argument[0]);
	int error = user_read(wanted, argument[2], size);

	if (error)
		return error;
	/* Reading may have slept: look again. */
	task = task ? task_of(argument[0]) : NULL;
	if (!task)
		return -ESRCH;
	all_vcpus(there);
	for (size_t i = 0; i < VCPU_WORDS; i++)
		any |= wanted[i] &= there[i];
	if (!any)
		return -EINVAL;
	schedule_set_affinity(task, wanted);
	return 0;
}

static int64_t sys_sched_getaffinity(const uint64_t argument[6])
{
	const struct task *task = task_of(argument[0]);
	const size_t size = least((uint32_t)argument[1], CPU_MASK_MOST);
	uint64_t words[VCPU_WORDS];
	int error;

	if (size * 8 < schedule_vcpus() || argument[1] % sizeof(uint64_t))
		return -EINVAL;
	if (!task)
		return -ESRCH;
	all_vcpus(words);
	for (size_t i = 0; i < VCPU_WORDS; i++)
		words[i] &= task->affinity[i];
	error = user_write(argument[2], words, size);
	return error ? error : (int64_t)size;
}

/* There is one policy, SCHED_OTHER, with one priority, 0. */
static int64_t sys_sched_getscheduler(const uint64_t argument[6])
{
	if ((int)argument[0] < 0)
		return -EINVAL;
	return task_of(argument[0]) ? SCHED_NORMAL : -ESRCH;
}

static int check_policy(uint64_t id, int policy, uint64_t parameter)
{
	int32_t priority;
	int error;

	if ((int)id < 0 || !parameter)
		return -EINVAL;
	error = user_read(&priority, parameter, sizeof priority);
	if (error)
		return error;
	if (!task_of(id))
		return -ESRCH;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return priority >= 1 && priority <= 99 ? -EPERM : -EINVAL;
	return policy == SCHED_NORMAL && !priority ? 0 : -EINVAL;
}

static int64_t sys_sched_setscheduler(const uint64_t argument[6])
{
	return check_policy(argument[0], (int)argument[1] & ~SCHED_RESET_ON_FORK, argument[2]);
}

static int64_t sys_sched_setparam(const uint64_t argument[6])
{
	return check_policy(argument[0], SCHED_NORMAL, argument[1]);
}

static int64_t sys_sched_getparam(const uint64_t argument[6])
{
	const int32_t priority = 0;

	if ((int)argument[0] < 0 || !argument[1])
		return -EINVAL;
	return task_of(argument[0]) ? user_write(argument[1], &priority, sizeof priority) : -ESRCH;
}

static int64_t priority_of(uint64_t policy, int realtime)
{
	switch ((int)policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return realtime;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		return 0;
	default:
		return -EINVAL;
	}
}

static int64_t sys_sched_get_priority_max(const uint64_t argument[6])
{
	return priority_of(argument[0], 99);
}

static int64_t sys_sched_get_priority_min(const uint64_t argument[6])
{
	return priority_of(argument[0], 1);
}

/* How "nice" a task is, is remembered and told, and changes nothing: all have the same share. */
static int64_t sys_getpriority(const uint64_t argument[6])
{
	const struct task *task = task_of(argument[1]);

	switch ((int)argument[0]) {
	case PRIO_PROCESS:
		return task ? 20 - task->nice : -ESRCH;
	case PRIO_PGRP:
		return is_own_process(argument[1]) ? 20 - current_task()->nice : -ESRCH;
	case PRIO_USER:
		return 20 - current_task()->nice;
	default:
		return -EINVAL;
	}
}

static int64_t sys_setpriority(const uint64_t argument[6])
{
	const int nice = (int)argument[2];
	struct task *task = task_of(argument[1]);

	if ((int)argument[0] < PRIO_PROCESS || (int)argument[0] > PRIO_USER)
		return -EINVAL;
	if (argument[0] != PRIO_PROCESS)
		return system_call_missing("setpriority of a group or user");
	if (!task)
		return -ESRCH;
	if (nice < task->nice && current_process()->identity.user[ID_EFFECTIVE])
		return -EACCES;
	task->nice = nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
	return 0;
}

static int64_t sys_getcpu(const uint64_t argument[6])
{
	const uint32_t cpu = guest_vcpu_number();
	const uint32_t node = 0;
	int error = argument[0] ? user_write(argument[0], &cpu, sizeof cpu) : 0;

	if (!error && argument[1])
		error = user_write(argument[1], &node, sizeof node);
	return error;
}

/* ---- the processor ---- */

static int64_t sys_arch_prctl(const uint64_t argument[6])
{
	struct registers *registers = current_task()->registers;
	const uint64_t fs_base = arch_fs_base();

	switch ((int)argument[0]) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (argument[1] >= BASE_END)
			return -EPERM;
		if ((int)argument[0] == ARCH_SET_FS)
			arch_set_fs_base(argument[1]);
		else
			registers->gs_base = argument[1];
		return 0;
	case ARCH_GET_FS:
		return user_write(argument[1], &fs_base, sizeof fs_base);
	case ARCH_GET_GS:
		return user_write(argument[1], &registers->gs_base, sizeof registers->gs_base);
	default:
		return -EINVAL;
	}
}

const struct system_call_row system_calls_task[] = {
	{ __NR_clone, "clone", sys_clone }, /* threads only */
	{ __NR_clone3, "clone3", sys_clone3 },
	{ __NR_exit, "exit", sys_exit },
	{ __NR_exit_group, "exit_group", sys_exit_group },
	{ __NR_wait4, "wait4", sys_wait4 },
	{ __NR_waitid, "waitid", sys_waitid },
	{ __NR_gettid, "gettid", sys_gettid },
	{ __NR_getpid, "getpid", sys_getpid },
	{ __NR_getppid, "getppid", sys_getppid },
	{ __NR_getpgid, "getpgid", sys_getpgid },
	{ __NR_getpgrp, "getpgrp", sys_getpgrp },
	{ __NR_getsid, "getsid", sys_getsid },
	{ __NR_setpgid, "setpgid", sys_setpgid },
	{ __NR_setsid, "setsid", sys_setsid },
	{ __NR_set_tid_address, "set_tid_address", sys_set_tid_address },
	{ __NR_futex, "futex", futex_call },
	{ __NR_set_robust_list, "set_robust_list", sys_set_robust_list },
	{ __NR_get_robust_list, "get_robust_list", sys_get_robust_list },
	{ __NR_sched_yield, "sched_yield", sys_sched_yield },
	{ __NR_sched_setaffinity, "sched_setaffinity", sys_sched_setaffinity },
	{ __NR_sched_getaffinity, "sched_getaffinity", sys_sched_getaffinity },
	{ __NR_sched_setscheduler, "sched_setscheduler", sys_sched_setscheduler },
	{ __NR_sched_getscheduler, "sched_getscheduler", sys_sched_getscheduler },
	{ __NR_sched_setparam, "sched_setparam", sys_sched_setparam },
	{ __NR_sched_getparam, "sched_getparam", sys_sched_getparam },
	{ __NR_sched_get_priority_max, "sched_get_priority_max", sys_sched_get_priority_max },
	{ __NR_sched_get_priority_min, "sched_get_priority_min", sys_sched_get_priority_min },
	{ __NR_getpriority, "getpriority", sys_getpriority },
	{ __NR_setpriority, "setpriority", sys_setpriority },
	{ __NR_getcpu, "getcpu", sys_getcpu },
	{ __NR_arch_prctl, "arch_prctl", sys_arch_prctl },
	{ 0 },
};
