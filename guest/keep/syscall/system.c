/* SPDX-License-Identifier: ISC */
/* system.c - system calls about the system and what a process may use of it: names, memory, limits, random bytes. */
#include "mm/pages.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/clock.h"
#include "task/task.h"

#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include <asm/unistd.h>

/* ---- names ---- */

/* What programs find that ask which calls they may expect. */
#define RELEASE "6.1.0-postern"

static struct new_utsname names = {
	.sysname = "Linux",
	.nodename = "postern",
	.release = RELEASE,
	.version = "#1 SMP Postern",
	.machine = "x86_64",
	.domainname = "(none)",
};

void system_set_host_name(const char *name)
{
	guest_snprintf(names.nodename, sizeof names.nodename, "%s", name);
}

static int64_t sys_uname(const uint64_t argument[6])
{
	return user_write(argument[0], &names, sizeof names);
}

static int64_t set_name(char name[__NEW_UTS_LEN + 1], const uint64_t argument[6])
{
	char new[__NEW_UTS_LEN + 1] = { 0 };
	int error;

	if (current_process()->identity.user[ID_EFFECTIVE])
		return -EPERM;
	if ((int)argument[1] < 0 || (int)argument[1] > __NEW_UTS_LEN)
		return -EINVAL;
	error = user_read(new, argument[0], argument[1]);
	if (!error)
		memcpy(name, new, sizeof new);
	return error;
}

static int64_t sys_sethostname(const uint64_t argument[6])
{
	return set_name(names.nodename, argument);
}

static int64_t sys_setdomainname(const uint64_t argument[6])
{
	return set_name(names.domainname, argument);
}

/* ---- memory and load ---- */

/* Averages of the load are not kept: they are zero. */
static int64_t sys_sysinfo(const uint64_t argument[6])
{
	struct sysinfo info = {
		.uptime = (long)(clock_monotonic() / NANOSECONDS),
		.totalram = pages_total(),
		.freeram = pages_free(),
		.procs = (uint16_t)least(current_process()->task_count, UINT16_MAX),
		.mem_unit = PAGE_SIZE,
	};

	return user_write(argument[0], &info, sizeof info);
}

/* ---- random bytes ---- */

enum { CHUNK = 4096, UNINTERRUPTED = 256, RETRY_AFTER = 1000000 };

/* The host limits how often it may be asked: then a little later. */
static int fill(void *to, size_t length, bool may_wait)
{
	int64_t result;

	while ((result = postern_entropy_read(to, length)) == -EAGAIN && may_wait) {
		task_prepare_sleep();
		if (task_sleep(clock_monotonic() + RETRY_AFTER, true) == -EINTR)
			return RESTART_IF_ASKED;
	}
	return result < 0 ? (int)result : 0;
}

static int64_t give_random(uint64_t to, uint64_t length, bool may_wait, void *buffer)
{
	uint64_t done = 0;

	while (done < length) {
		const size_t part = least(length - done, CHUNK);
		int error;

		if (done >= UNINTERRUPTED && task_breathe())
			break;
		error = fill(buffer, part, may_wait);
		if (!error)
			error = user_write(to + done, buffer, part);
		if (error)
			return done ? (int64_t)done : error;
		done += part;
	}
	return (int64_t)done;
}

static int64_t sys_getrandom(const uint64_t argument[6])
{
	const uint64_t length = least(argument[1], INT32_MAX);
	const uint32_t flags = (uint32_t)argument[2];
	void *buffer;
	int64_t result;

	if (flags & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	buffer = malloc(most(1, least(length, CHUNK)));
	if (!buffer)
		return -ENOMEM;
	result = give_random(argument[0], length, !(flags & GRND_NONBLOCK), buffer);
	free(buffer);
	return result;
}

/* ---- limits ---- */

enum { FILES_MOST = 1 << 20 };

static int set_limit(struct task_limit *limit, unsigned which, const struct task_limit *new)
{
	if (new->soft > new->hard)
		return -EINVAL;
	if (which == TASK_LIMIT_FILES && new->hard > FILES_MOST)
		return -EPERM;
	if (new->hard > limit->hard && current_process()->identity.user[ID_EFFECTIVE])
		return -EPERM;
	*limit = *new;
	return 0;
}

static int64_t change_limit(uint32_t which, uint64_t new_at, uint64_t old_at)
{
	struct task_limit new, old;
	int error = 0;

	if (which >= TASK_LIMITS)
		return -EINVAL;
	if (new_at)
		error = user_read(&new, new_at, sizeof new);
	old = current_process()->limits[which];
	if (!error && new_at)
		error = set_limit(&current_process()->limits[which], which, &new);
	if (!error && old_at)
		error = user_write(old_at, &old, sizeof old);
	return error;
}

static int64_t sys_prlimit64(const uint64_t argument[6])
{
	if ((int)argument[0] && !task_find((int)argument[0]))
		return -ESRCH;
	return change_limit((uint32_t)argument[1], argument[2], argument[3]);
}

static int64_t sys_getrlimit(const uint64_t argument[6])
{
	return argument[1] ? change_limit((uint32_t)argument[0], 0, argument[1]) : -EFAULT;
}

static int64_t sys_setrlimit(const uint64_t argument[6])
{
	return argument[1] ? change_limit((uint32_t)argument[0], argument[1], 0) : -EFAULT;
}

/* ---- prctl ---- */

static int64_t set_task_name(const uint64_t argument[6])
{
	struct task *task = current_task();
	char name[TASK_NAME] = { 0 };
	int64_t length = user_string(name, argument[1], sizeof name);

	if (length < 0 && length != -ENAMETOOLONG)
		return length;
	name[TASK_NAME - 1] = 0;
	memcpy(task->name, name, sizeof name);
	return 0;
}

static int64_t get_task_name(const uint64_t argument[6])
{
	return user_write(argument[1], current_task()->name, TASK_NAME);
}

/* It is kept, and since the process never has a parent, never comes. */
static int64_t set_death_signal(const uint64_t argument[6])
{
	if (argument[1] > SIGNALS)
		return -EINVAL;
	current_task()->death_signal = (unsigned)argument[1];
	return 0;
}

static int64_t get_death_signal(const uint64_t argument[6])
{
	const int32_t number = (int32_t)current_task()->death_signal;

	return user_write(argument[1], &number, sizeof number);
}

static int64_t set_dumpable(const uint64_t argument[6])
{
	if (argument[1] > 1)
		return -EINVAL;
	current_process()->dumpable = argument[1];
	return 0;
}

static int64_t get_dumpable(const uint64_t argument[6])
{
	(void)argument;
	return current_process()->dumpable;
}

/* No program gets privileges by being executed, so this is so already. */
static int64_t set_no_new_privileges(const uint64_t argument[6])
{
	if (argument[1] != 1 || argument[2] || argument[3] || argument[4])
		return -EINVAL;
	current_process()->no_new_privileges = true;
	return 0;
}

static int64_t get_no_new_privileges(const uint64_t argument[6])
{
	if (argument[1] || argument[2] || argument[3] || argument[4])
		return -EINVAL;
	return current_process()->no_new_privileges;
}

static const struct {
	int option;
	int64_t (*run)(const uint64_t argument[6]);
} options[] = {
	{ PR_SET_NAME, set_task_name },
	{ PR_GET_NAME, get_task_name },
	{ PR_SET_PDEATHSIG, set_death_signal },
	{ PR_GET_PDEATHSIG, get_death_signal },
	{ PR_SET_DUMPABLE, set_dumpable },
	{ PR_GET_DUMPABLE, get_dumpable },
	{ PR_SET_NO_NEW_PRIVS, set_no_new_privileges },
	{ PR_GET_NO_NEW_PRIVS, get_no_new_privileges },
};

static int64_t sys_prctl(const uint64_t argument[6])
{
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		if (options[i].option == (int)argument[0])
			return options[i].run(argument);
	}
	return -EINVAL;
}

/* Programs ask what there is (nothing), and then do without. */
static int64_t sys_membarrier(const uint64_t argument[6])
{
	return (int)argument[0] == MEMBARRIER_CMD_QUERY && !argument[1] ? 0 : -EINVAL;
}

const struct system_call_row system_calls_system[] = {
	{ __NR_uname, "uname", sys_uname },
	{ __NR_sethostname, "sethostname", sys_sethostname },
	{ __NR_setdomainname, "setdomainname", sys_setdomainname },
	{ __NR_sysinfo, "sysinfo", sys_sysinfo },
	{ __NR_getrandom, "getrandom", sys_getrandom },
	{ __NR_prlimit64, "prlimit64", sys_prlimit64 },
	{ __NR_getrlimit, "getrlimit", sys_getrlimit },
	{ __NR_setrlimit, "setrlimit", sys_setrlimit },
	{ __NR_prctl, "prctl", sys_prctl },
	{ __NR_membarrier, "membarrier", sys_membarrier },
	{ 0 },
};
