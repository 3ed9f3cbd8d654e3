/* SPDX-License-Identifier: ISC */
/*
 * filter.c - the seccomp filter of a guest process. What matters is where a system call comes from: outside
 * the engine's code it is the guest's, and becomes a signal that its kernel gets; inside, only what the
 * code needs is allowed, and with arguments that are harmless whoever jumped there. libseccomp cannot
 * express tests of the instruction pointer, so this is BPF by hand.
 */
#include "engine/ring3/filter.h"

#include "engine/ring3/layout.h"

#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define SKIP_IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define SKIP_IF_AT_LEAST(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), (yes), (no))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

#define CODE_HIGH ((uint32_t)(RING3_CODE >> 32))
#define CODE_LOW ((uint32_t)(RING3_CODE & 0xffffffff))

/* Instructions, in order; jumps count from the next. */
static const struct sock_filter filter[] = {
	/* From the guest's own code: a trap, whatever the architecture and the number. */
	LOAD_HIGH(instruction_pointer),
	SKIP_IF(CODE_HIGH, 1, 0),
	ANSWER(SECCOMP_RET_TRAP),
	LOAD(instruction_pointer),
	SKIP_IF_AT_LEAST(CODE_LOW, 1, 0),
	ANSWER(SECCOMP_RET_TRAP),
	SKIP_IF_AT_LEAST(CODE_LOW + RING3_CODE_SIZE, 0, 1),
	ANSWER(SECCOMP_RET_TRAP),

	/* From the engine's code, in another architecture: a guest that jumped into the middle of something. */
	LOAD(arch),
	SKIP_IF(AUDIT_ARCH_X86_64, 1, 0),
	ANSWER(SECCOMP_RET_KILL_PROCESS),

	/* The end of a handler: gives the guest registers, which it has anyhow. */
	LOAD(nr),
	SKIP_IF(SYS_rt_sigreturn, 0, 1),
	ANSWER(SECCOMP_RET_ALLOW),

	/*
	 * The mapper: RAM, for a program. In the upper halves of address and length it shows that nothing of the engine's
	 * or of the physmap is meant. An offset behind the end of RAM faults when it is touched.
	 */
	SKIP_IF(SYS_munmap, 4, 0),
	SKIP_IF(SYS_mprotect, 1, 0),
	SKIP_IF(SYS_mmap, 0, 18),
	LOAD(args[2]),
	SKIP_IF_AT_LEAST(PROT_READ + PROT_WRITE + PROT_EXEC + 1, 15, 0),
	LOAD_HIGH(args[0]),
	SKIP_IF_AT_LEAST(RING3_USER_END_HIGH, 13, 0),
	LOAD_HIGH(args[1]),
	SKIP_IF_AT_LEAST(RING3_USER_LENGTH_HIGH, 11, 0),
	LOAD(nr),
	SKIP_IF(SYS_mmap, 0, 8),
	LOAD_HIGH(args[2]),
	SKIP_IF(0, 0, 7),
	LOAD(args[3]),
	SKIP_IF(MAP_SHARED | MAP_FIXED | MAP_POPULATE, 0, 5),
	LOAD_HIGH(args[3]),
	SKIP_IF(0, 0, 3),
	LOAD(args[4]),
	SKIP_IF(RING3_RAM_FD, 0, 1),
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_KILL_PROCESS),

	/* Waiting for the monitor and waking it: on any word of its own memory. */
	SKIP_IF(SYS_futex, 0, 4),
	LOAD(args[1]),
	SKIP_IF(FUTEX_WAIT, 1, 0),
	SKIP_IF(FUTEX_WAKE, 0, 1),
	ANSWER(SECCOMP_RET_ALLOW),

	ANSWER(SECCOMP_RET_KILL_PROCESS),
};

const struct sock_filter *ring3_filter(size_t *length)
{
	*length = sizeof filter / sizeof *filter;
	return filter;
}
