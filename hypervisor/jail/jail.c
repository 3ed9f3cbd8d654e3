/* SPDX-License-Identifier: ISC */
/* jail.c - the steps of the jail: privileges, files, limits, system calls. */
#include "jail/jail.h"

#include "jail/filters.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The handles of all kinds that a VM may have, and some. */
enum { MOST_DESCRIPTORS = 4096 };

/* For threads that allocate at the same time, which they seldom do. */
enum { ARENAS = 4 };

bool jail_is_relaxed(void)
{
	return JAIL_IS_RELAXED;
}

static int fail(char *reason, size_t size, const char *what, int error)
{
	snprintf(reason, size, "%s: %s", what, strerror(-error));
	return error;
}

/* ---- capabilities ---- */

/* What root may do with files of others. Whoever is not root has none of it, and root's guest has it where it has files. */
static const uint64_t files_of_others = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |
					UINT64_C(1) << CAP_DAC_READ_SEARCH | UINT64_C(1) << CAP_FOWNER |
					UINT64_C(1) << CAP_FSETID;

static int drop_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets))
		return -errno;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets[i].permitted &= (uint32_t)(kept >> 32 * i);
		sets[i].effective &= (uint32_t)(kept >> 32 * i);
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) ? -errno : 0;
}

/* ---- files ---- */

/* As the kernel's struct landlock_ruleset_attr, of which Debian 12's header has only the beginning. */
struct ruleset {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

enum { LANDLOCK_VERSION_FLAG = 1 };

/* What each version of Landlock can take away, and takes away from us: all of it. */
static const struct {
	uint64_t files;
	uint64_t network; /* binding and connecting TCP sockets */
	uint64_t scopes;  /* abstract sockets, and signals but to processes that are started afterwards */
	size_t size;      /* of the struct, as that version knows it */
} landlock[] = {
	{ 0 },
	{ 0x1fff, 0, 0, 8 }, /* 1: opening, making and removing of each kind of file */
	{ 0x3fff, 0, 0, 8 }, /* 2: and linking between directories */
	{ 0x7fff, 0, 0, 8 }, /* 3: and truncating */
	{ 0x7fff, 3, 0, 16 },
	{ 0xffff, 3, 0, 16 }, /* 5: and ioctl(2) on devices */
	{ 0xffff, 3, 3, 24 },
};

enum { LANDLOCK_VERSIONS = sizeof landlock / sizeof *landlock };

int jail_landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

	return version > 0 ? (int)version : 0;
}

/* As in the kernel's linux/landlock.h. */
enum {
	LANDLOCK_WRITE_FILE = 1 << 1,
	LANDLOCK_READ_FILE = 1 << 2,
	LANDLOCK_READ_DIR = 1 << 3,
	LANDLOCK_REMOVE_DIR = 1 << 4,
	LANDLOCK_REMOVE_FILE = 1 << 5,
	LANDLOCK_MAKE_DIR = 1 << 7,
	LANDLOCK_MAKE_REG = 1 << 8,
	LANDLOCK_MAKE_SOCK = 1 << 9,
	LANDLOCK_MAKE_FIFO = 1 << 10,
	LANDLOCK_MAKE_SYM = 1 << 12,
	LANDLOCK_REFER = 1 << 13,
	LANDLOCK_TRUNCATE = 1 << 14,
};

enum {
	TREE_READ = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
	/* Everything but executing, devices, and what devices take for control. */
	TREE_WRITE = LANDLOCK_WRITE_FILE | LANDLOCK_REMOVE_DIR | LANDLOCK_REMOVE_FILE | LANDLOCK_MAKE_DIR |
		     LANDLOCK_MAKE_REG | LANDLOCK_MAKE_SOCK | LANDLOCK_MAKE_FIFO | LANDLOCK_MAKE_SYM |
		     LANDLOCK_REFER | LANDLOCK_TRUNCATE,
};

enum { LANDLOCK_PATH_BENEATH = 1 };

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* known: what the kernel's version of Landlock can allow. */
static int allow_tree(int ruleset, const struct jail_tree *tree, uint64_t known)
{
	const struct path_rule rule = { (TREE_READ | (tree->read_only ? 0 : TREE_WRITE)) & known, tree->fd };
	struct stat status;

	if (fstat(tree->fd, &status))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0) ? -errno : 0;
}

/* What no rule allows is denied. */
static int deny_files(const struct jail_tree *trees, size_t count)
{
	int version = jail_landlock_version();
	struct ruleset ruleset;
	long fd;
	int error = 0;

	if (!version)
		return 0;
	if (version >= LANDLOCK_VERSIONS)
		version = LANDLOCK_VERSIONS - 1;
	ruleset = (struct ruleset){ landlock[version].files, landlock[version].network,
				    landlock[version].scopes };
	fd = syscall(SYS_landlock_create_ruleset, &ruleset, landlock[version].size, 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < count && !error; i++)
		error = allow_tree((int)fd, &trees[i], landlock[version].files);
	if (!error && syscall(SYS_landlock_restrict_self, fd, 0))
		error = -errno;
	close((int)fd);
	return error;
}

int jail_files(const struct jail_tree *trees, size_t count, char *reason, size_t size)
{
	int error;

	/* Of itself malloc() counts processors before it makes a ninth arena, and for that opens a file. */
	mallopt(M_ARENA_MAX, ARENAS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(reason, size, "no_new_privs", -errno);
	error = drop_capabilities(count ? files_of_others : 0);
	if (error)
		return fail(reason, size, "capabilities", error);
	if (jail_is_relaxed())
		return 0;
	error = deny_files(trees, count);
	return error ? fail(reason, size, "Landlock", error) : 0;
}

/* ---- limits ---- */

/* As high as the user may have it, but not higher than `most`; for good. */
static int set_limit(int resource, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return -errno;
	if (limit.rlim_max > most)
		limit.rlim_max = most;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) ? -errno : 0;
}

/* ---- system calls ---- */

bool jail_has_seccomp(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

/* On all threads; and what it does not allow is logged. */
static int filter_calls(enum jail_access files)
{
	const unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG;
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &jail_filters[files]);

	if (result < 0)
		return -errno;
	return result ? -ESRCH : 0; /* the thread that has another filter */
}

int jail_close(enum jail_access files, char *reason, size_t size)
{
	int error = set_limit(RLIMIT_CORE, 0);

	if (!error)
		error = set_limit(RLIMIT_NOFILE, MOST_DESCRIPTORS);
	if (error)
		return fail(reason, size, "limits", error);
	error = filter_calls(files);
	return error ? fail(reason, size, "seccomp", error) : 0;
}
