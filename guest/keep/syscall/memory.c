/* SPDX-License-Identifier: ISC */
/* memory.c - system calls of the address space: flags and limits are taken apart here, mm/ does the rest. */
#include "mm/space.h"

#include "arch/arch.h"
#include "fs/descriptors.h"
#include "mm/user.h"
#include "syscall/syscall.h"
#include "task/task.h"

#include <linux/mman.h>

#include <asm/mman.h>
#include <asm/unistd.h>

static struct space *own_space(void)
{
	return current_process()->space;
}

/* RLIMIT_AS, for `more` bytes. */
static bool may_have(uint64_t more)
{
	const uint64_t limit = current_process()->limits[TASK_LIMIT_SPACE].soft;
	const uint64_t size = space_size(own_space());

	return size <= limit && more <= limit - size;
}

/* ---- mmap ---- */

static const struct {
	uint64_t linux_flag;
	unsigned flags;
} map_flags[] = {
	{ MAP_FIXED, SPACE_FIXED },     { MAP_FIXED_NOREPLACE, SPACE_FIXED | SPACE_NO_REPLACE },
	{ MAP_GROWSDOWN, SPACE_STACK }, { MAP_POPULATE, SPACE_POPULATE },
	{ MAP_LOCKED, SPACE_LOCKED },   { MAP_NORESERVE, SPACE_NO_RESERVE },
	{ MAP_32BIT, SPACE_LOW },
};

/* Those that change nothing: hints, and what Linux does not heed any more. */
#define HINTS (MAP_STACK | MAP_NONBLOCK | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_UNINITIALIZED)

static uint64_t known_map_flags(void)
{
	uint64_t known = MAP_TYPE | MAP_ANONYMOUS | MAP_HUGETLB | HINTS;

	for (size_t i = 0; i < COUNT_OF(map_flags); i++)
		known |= map_flags[i].linux_flag;
	return known;
}

/* Returns the flags of space_map(), or an error. */
static int64_t take_map_flags(uint64_t given)
{
	const uint64_t type = given & MAP_TYPE;
	unsigned flags = type == MAP_PRIVATE ? 0 : SPACE_SHARED;

	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	/* MAP_SHARED_VALIDATE is there to refuse what is not known; the others pass over it. */
	if (type == MAP_SHARED_VALIDATE && given & UINT32_MAX & ~known_map_flags())
		return -EOPNOTSUPP;
	if (given & MAP_HUGETLB)
		return -ENOMEM; /* none are set aside */
	for (size_t i = 0; i < COUNT_OF(map_flags); i++) {
		if (given & map_flags[i].linux_flag)
			flags |= map_flags[i].flags;
	}
	return flags;
}

/* Bits that are no access (PROT_SEM, ...) change nothing, as on Linux. */
static unsigned access_of(uint64_t protection)
{
	return (unsigned)protection & (SPACE_READ | SPACE_WRITE | SPACE_EXECUTE);
}

static int64_t sys_mmap(const uint64_t argument[6])
{
	const bool has_file = !(argument[3] & MAP_ANONYMOUS);
	const int64_t flags = take_map_flags(argument[3]);
	struct file *file = NULL;
	int64_t result;

	if (has_file) {
		file = descriptor_file(argument[4]);
		if (!file)
			return -EBADF;
	}
	if (flags < 0)
		result = flags;
	else if (!may_have(argument[1]) || (flags & SPACE_FIXED && arch_keeps(argument[0], argument[1])))
		result = -ENOMEM;
	else
		result = space_map(own_space(), argument[0], argument[1], access_of(argument[2]),
				   (unsigned)flags, file, argument[5]);
	if (file)
		file_drop(file);
	return result;
}

static int64_t sys_munmap(const uint64_t argument[6])
{
	if (arch_keeps(argument[0], argument[1]))
		return -EINVAL;
	return space_unmap(own_space(), argument[0], argument[1]);
}

/* Without PROT_GROWSDOWN and PROT_GROWSUP. */
static int64_t sys_mprotect(const uint64_t argument[6])
{
	const uint64_t grows = PROT_GROWSDOWN | PROT_GROWSUP;

	if (argument[2] & grows)
		return (argument[2] & grows) == grows ? -EINVAL
						      : system_call_missing("mprotect with PROT_GROWSDOWN");
	if (argument[2] & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (arch_keeps(argument[0], argument[1]))
		return -EACCES;
	return space_protect(own_space(), argument[0], argument[1], access_of(argument[2]));
}

static int64_t sys_mremap(const uint64_t argument[6])
{
	const bool is_fixed = argument[3] & MREMAP_FIXED;

	if (argument[2] > argument[1] && !may_have(argument[2] - argument[1]))
		return -ENOMEM;
	if (arch_keeps(argument[0], argument[1]) || (is_fixed && arch_keeps(argument[4], argument[2])))
		return -EINVAL;
	return space_remap(own_space(), argument[0], argument[1], argument[2], (unsigned)argument[3],
			   argument[4]);
}

static int64_t sys_brk(const uint64_t argument[6])
{
	const uint64_t end = space_brk(own_space(), 0);

	if (argument[0] > end && !may_have(argument[0] - end))
		return (int64_t)end;
	return (int64_t)space_brk(own_space(), argument[0]);
}

/* ---- what is mapped ---- */

static int64_t sys_madvise(const uint64_t argument[6])
{
	if (arch_keeps(argument[0], argument[1]))
		return -EINVAL;
	return space_advise(own_space(), argument[0], argument[1], (int)argument[2]);
}

/* With MS_ASYNC, too, everything is written when it returns. */
static int64_t sys_msync(const uint64_t argument[6])
{
	const uint64_t flags = argument[2];

	if (flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	return space_sync(own_space(), argument[0], argument[1]);
}

static int64_t sys_mincore(const uint64_t argument[6])
{
	enum { PART = 512 };
	const uint64_t address = argument[0];
	const uint64_t pages = page_ceiling(argument[1]) >> PAGE_SHIFT;
	unsigned char present[PART];

	if (address & ~PAGE_MASK)
		return -EINVAL;
	if (argument[1] > ARCH_USER_END || address > ARCH_USER_END - argument[1])
		return -ENOMEM;
	for (uint64_t done = 0; done < pages;) {
		const size_t part = least(pages - done, PART);
		int error = space_is_present(own_space(), address + (done << PAGE_SHIFT), part, present);

		if (error)
			return error;
		if (user_write(argument[2] + done, present, part))
			return -EFAULT;
		done += part;
	}
	return 0;
}

/* ---- locking ---- */

static int64_t lock(uint64_t address, uint64_t length, bool populate)
{
	const uint64_t limit = current_process()->limits[TASK_LIMIT_LOCKED].soft;
	const uint64_t locked = space_locked(own_space());

	if (locked > limit || length > limit - locked)
		return limit ? -ENOMEM : -EPERM;
	return space_lock(own_space(), address, length, true, populate);
}

static int64_t sys_mlock(const uint64_t argument[6])
{
	return lock(argument[0], argument[1], true);
}

static int64_t sys_mlock2(const uint64_t argument[6])
{
	if (argument[2] & ~(uint64_t)MLOCK_ONFAULT)
		return -EINVAL;
	return lock(argument[0], argument[1], !(argument[2] & MLOCK_ONFAULT));
}

static int64_t sys_munlock(const uint64_t argument[6])
{
	return space_lock(own_space(), argument[0], argument[1], false, false);
}

const struct system_call_row system_calls_memory[] = {
	{ __NR_mmap, "mmap", sys_mmap },
	{ __NR_munmap, "munmap", sys_munmap },
	{ __NR_mprotect, "mprotect", sys_mprotect },
	{ __NR_mremap, "mremap", sys_mremap },
	{ __NR_brk, "brk", sys_brk },
	{ __NR_madvise, "madvise", sys_madvise },
	{ __NR_msync, "msync", sys_msync },
	{ __NR_mincore, "mincore", sys_mincore },
	{ __NR_mlock, "mlock", sys_mlock },
	{ __NR_mlock2, "mlock2", sys_mlock2 },
	{ __NR_munlock, "munlock", sys_munlock },
	{ 0 },
};
