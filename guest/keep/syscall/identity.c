/* SPDX-License-Identifier: ISC */
/* identity.c - system calls of user and group ids. There are no supplementary groups and no capabilities to hand out. */
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <linux/capability.h>

#include <asm/unistd.h>

#define UNCHANGED UINT32_MAX

static struct identity *own(void)
{
	return &current_process()->identity;
}

/* Whoever is root may become anybody. */
static bool is_root(void)
{
	return own()->user[ID_EFFECTIVE] == 0;
}

static bool is_one_of(const uint32_t ids[IDS], uint32_t id, bool saved_too)
{
	return id == ids[ID_REAL] || id == ids[ID_EFFECTIVE] || (saved_too && id == ids[ID_SAVED]);
}

/* ---- asking ---- */

static int64_t sys_getuid(const uint64_t argument[6])
{
	(void)argument;
	return own()->user[ID_REAL];
}

static int64_t sys_geteuid(const uint64_t argument[6])
{
	(void)argument;
	return own()->user[ID_EFFECTIVE];
}

static int64_t sys_getgid(const uint64_t argument[6])
{
	(void)argument;
	return own()->group[ID_REAL];
}

static int64_t sys_getegid(const uint64_t argument[6])
{
	(void)argument;
	return own()->group[ID_EFFECTIVE];
}

static int64_t write_ids(const uint64_t to[3], const uint32_t ids[IDS])
{
	int error = 0;

	for (size_t i = ID_REAL; i <= ID_SAVED && !error; i++)
		error = user_write(to[i], &ids[i], sizeof ids[i]);
	return error;
}

static int64_t sys_getresuid(const uint64_t argument[6])
{
	return write_ids(argument, own()->user);
}

static int64_t sys_getresgid(const uint64_t argument[6])
{
	return write_ids(argument, own()->group);
}

static int64_t sys_getgroups(const uint64_t argument[6])
{
	return (int)argument[0] < 0 ? -EINVAL : 0;
}

static int64_t sys_setgroups(const uint64_t argument[6])
{
	if (!is_root())
		return -EPERM;
	return argument[0] ? system_call_missing("setgroups with groups") : 0;
}

/* ---- changing ---- */

static int64_t set(uint32_t ids[IDS], uint32_t id)
{
	if (id == UNCHANGED)
		return -EINVAL;
	if (is_root())
		ids[ID_REAL] = ids[ID_SAVED] = id;
	else if (id != ids[ID_REAL] && id != ids[ID_SAVED])
		return -EPERM;
	ids[ID_EFFECTIVE] = ids[ID_FILES] = id;
	return 0;
}

static int64_t set_two(uint32_t ids[IDS], uint32_t real, uint32_t effective)
{
	const uint32_t old_real = ids[ID_REAL];

	if (!is_root() && ((real != UNCHANGED && !is_one_of(ids, real, false)) ||
			   (effective != UNCHANGED && !is_one_of(ids, effective, true))))
		return -EPERM;
	if (real != UNCHANGED)
		ids[ID_REAL] = real;
	if (effective != UNCHANGED)
		ids[ID_EFFECTIVE] = effective;
	if (real != UNCHANGED || (effective != UNCHANGED && effective != old_real))
		ids[ID_SAVED] = ids[ID_EFFECTIVE];
	ids[ID_FILES] = ids[ID_EFFECTIVE];
	return 0;
}

static int64_t set_three(uint32_t ids[IDS], const uint64_t argument[6])
{
	for (size_t i = ID_REAL; i <= ID_SAVED; i++) {
		const uint32_t id = (uint32_t)argument[i];

		if (id != UNCHANGED && !is_root() && !is_one_of(ids, id, true))
			return -EPERM;
	}
	for (size_t i = ID_REAL; i <= ID_SAVED; i++) {
		if ((uint32_t)argument[i] != UNCHANGED)
			ids[i] = (uint32_t)argument[i];
	}
	ids[ID_FILES] = ids[ID_EFFECTIVE];
	return 0;
}

/* Answers what it was, whether or not it was changed. */
static int64_t set_files(uint32_t ids[IDS], uint32_t id)
{
	const uint32_t old = ids[ID_FILES];

	if (id != UNCHANGED && (is_root() || is_one_of(ids, id, true) || id == old))
		ids[ID_FILES] = id;
	return old;
}

static int64_t sys_setuid(const uint64_t argument[6])
{
	return set(own()->user, (uint32_t)argument[0]);
}

static int64_t sys_setgid(const uint64_t argument[6])
{
	return set(own()->group, (uint32_t)argument[0]);
}

static int64_t sys_setreuid(const uint64_t argument[6])
{
	return set_two(own()->user, (uint32_t)argument[0], (uint32_t)argument[1]);
}

static int64_t sys_setregid(const uint64_t argument[6])
{
	return set_two(own()->group, (uint32_t)argument[0], (uint32_t)argument[1]);
}

static int64_t sys_setresuid(const uint64_t argument[6])
{
	return set_three(own()->user, argument);
}

static int64_t sys_setresgid(const uint64_t argument[6])
{
	return set_three(own()->group, argument);
}

static int64_t sys_setfsuid(const uint64_t argument[6])
{
	return set_files(own()->user, (uint32_t)argument[0]);
}

static int64_t sys_setfsgid(const uint64_t argument[6])
{
	return set_files(own()->group, (uint32_t)argument[0]);
}

/* ---- capabilities ---- */

/* Returns how many structs of data this version has. An unknown one is answered with ours. */
static int64_t take_version(uint64_t header_at, struct __user_cap_header_struct *header)
{
	const uint32_t ours = _LINUX_CAPABILITY_VERSION_3;
	int error = user_read(header, header_at, sizeof *header);

	if (error)
		return error;
	if (header->version == _LINUX_CAPABILITY_VERSION_1)
		return _LINUX_CAPABILITY_U32S_1;
	if (header->version == _LINUX_CAPABILITY_VERSION_2 || header->version == _LINUX_CAPABILITY_VERSION_3)
		return _LINUX_CAPABILITY_U32S_3;
	error = user_write(header_at + offsetof(struct __user_cap_header_struct, version), &ours,
			   sizeof ours);
	return error ? error : -EINVAL;
}

static int64_t sys_capget(const uint64_t argument[6])
{
	struct __user_cap_header_struct header;
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int64_t count = take_version(argument[0], &header);

	if (count < 0)
		return count == -EINVAL && !argument[1] ? 0 : count;
	if (header.pid < 0)
		return -EINVAL;
	if (header.pid && !task_find(header.pid))
		return -ESRCH;
	return argument[1] ? user_write(argument[1], none, (size_t)count * sizeof none[0]) : 0;
}

/* None can be had; to have none is what there is. */
static int64_t sys_capset(const uint64_t argument[6])
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int64_t count = take_version(argument[0], &header);
	int error;

	if (count < 0)
		return count;
	if (header.pid && header.pid != current_task()->id)
		return -EPERM;
	error = user_read(data, argument[1], (size_t)count * sizeof data[0]);
	if (error)
		return error;
	for (size_t i = 0; i < COUNT_OF(data); i++) {
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return -EPERM;
	}
	return 0;
}

const struct system_call_row system_calls_identity[] = {
	{ __NR_getuid, "getuid", sys_getuid },
	{ __NR_geteuid, "geteuid", sys_geteuid },
	{ __NR_getgid, "getgid", sys_getgid },
	{ __NR_getegid, "getegid", sys_getegid },
	{ __NR_getresuid, "getresuid", sys_getresuid },
	{ __NR_getresgid, "getresgid", sys_getresgid },
	{ __NR_getgroups, "getgroups", sys_getgroups },
	{ __NR_setgroups, "setgroups", sys_setgroups },
	{ __NR_setuid, "setuid", sys_setuid },
	{ __NR_setgid, "setgid", sys_setgid },
	{ __NR_setreuid, "setreuid", sys_setreuid },
	{ __NR_setregid, "setregid", sys_setregid },
	{ __NR_setresuid, "setresuid", sys_setresuid },
	{ __NR_setresgid, "setresgid", sys_setresgid },
	{ __NR_setfsuid, "setfsuid", sys_setfsuid },
	{ __NR_setfsgid, "setfsgid", sys_setfsgid },
	{ __NR_capget, "capget", sys_capget },
	{ __NR_capset, "capset", sys_capset },
	{ 0 },
};
