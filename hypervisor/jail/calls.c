/* SPDX-License-Identifier: ISC */
/*
 * calls.c - the table of permitted system calls. None of them opens a file, starts a process, makes memory
 * executable, or reaches the network.
 */
#include "jail/calls.h"

#include <asm/ioctls.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Newer than the headers. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __SNR_fchmodat2
#define __SNR_fchmodat2 __NR_fchmodat2
#endif

/* A row. With ONLY, argument number n must be `value` in the bits of `mask`. */
#define ROW(name, reason, files, tests, ...)                      \
	{                                                         \
		SCMP_SYS(name), reason, files, tests, __VA_ARGS__ \
	}
#define TEST(argument, mask, value) SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value)
#define CALL(name, reason) ROW(name, reason, JAIL_NO_FILES, 0, { 0 })
#define ONLY(name, argument, mask, value, reason) \
	ROW(name, reason, JAIL_NO_FILES, 1, TEST(argument, mask, value))
#define READING(name, reason) ROW(name, reason, JAIL_READ_FILES, 0, { 0 })
#define WRITING(name, reason) ROW(name, reason, JAIL_WRITE_FILES, 0, { 0 })
#define WRITING_ONLY(name, argument, mask, value, reason) \
	ROW(name, reason, JAIL_WRITE_FILES, 1, TEST(argument, mask, value))

#define ALL_BITS 0xffffffffU /* the upper half of an int's register means nothing */

/* clang-format off */
const struct jail_call jail_calls[] = {
	/* input and output, on what is open */
	CALL(read, "the console's input; eventfds"),
	CALL(write, "the console's output; eventfds; messages"),
	CALL(readv, "the console's input"),
	CALL(writev, "the console's output"),
	CALL(pread64, "disks and files"),
	CALL(pwrite64, "disks and files"),
	CALL(preadv, "disks and files"),
	CALL(pwritev, "disks and files"),
	CALL(preadv2, "disks and files"),
	CALL(pwritev2, "disks and files"),
	READING(io_uring_enter, "calls on files that wait for the disk; the ring was made before, and is restricted"),
	CALL(lseek, "stdio, at the end"),
	CALL(close, "what is no longer used"),
	CALL(newfstatat, "memory.info and --stats: how much RAM is resident; stdio"),
	CALL(fstat, "the same, with other C libraries"),
	ONLY(ioctl, 1, ALL_BITS, TCGETS, "console.info and console.mode: the terminal's mode"),
	ONLY(ioctl, 1, ALL_BITS, TCSETS, "console.mode"),
	ONLY(ioctl, 1, ALL_BITS, TCSETSW, "console.mode"),
	ONLY(ioctl, 1, ALL_BITS, TCSETSF, "console.mode"),
	ONLY(ioctl, 1, ALL_BITS, TIOCGWINSZ, "console.info: the terminal's size"),

	/* the engine kvm, on descriptors of /dev/kvm; none of them makes a VM, a vCPU or a device */
	ONLY(ioctl, 1, ALL_BITS, KVM_RUN, "runs a vCPU"),
	ONLY(ioctl, 1, ALL_BITS, KVM_GET_SREGS, "events, exceptions, crash reports: segments, CR2"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_SREGS, "vcpu.start; an event that interrupts a program"),
	ONLY(ioctl, 1, ALL_BITS, KVM_GET_VCPU_EVENTS, "an event, where an exception is on its way"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_VCPU_EVENTS, "the same; vcpu.start"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_MSRS, "vcpu.start"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_XSAVE, "vcpu.start"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_XCRS, "vcpu.start"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_DEBUGREGS, "vcpu.start"),
	ONLY(ioctl, 1, ALL_BITS, KVM_IRQ_LINE, "devices of unmodified guests interrupt"),
	ONLY(ioctl, 1, ALL_BITS, KVM_SET_USER_MEMORY_REGION, "notes of what was written, on and off: snapshots"),
	ONLY(ioctl, 1, ALL_BITS, KVM_GET_DIRTY_LOG, "which pages were written: snapshots"),

	/* a guest's files; Landlock decides which */
	READING(openat2, "file.open, and the directories on a path"),
	READING(statx, "file.info, file.look"),
	READING(getdents64, "file.list"),
	READING(readlinkat, "file.target"),
	READING(fstatfs, "file.open: not on file systems of the kernel's own"),
	READING(sendfile, "file.read: from a file into the guest's RAM"),
	READING(fsync, "file.sync"),
	READING(fdatasync, "file.sync"),
	WRITING(ftruncate, "file.resize"),
	WRITING(mkdirat, "file.make: directories"),
	WRITING_ONLY(mknodat, 2, S_IFMT, S_IFREG, "file.make: regular files, and no devices"),
	WRITING_ONLY(mknodat, 2, S_IFMT, S_IFIFO, "the same: fifos"),
	WRITING_ONLY(mknodat, 2, S_IFMT, S_IFSOCK, "the same: sockets"),
	WRITING(symlinkat, "file.symlink"),
	WRITING(linkat, "file.link"),
	WRITING(renameat2, "file.rename"),
	WRITING(renameat, "the same: glibc prefers it, if there are no flags"),
	WRITING(unlinkat, "file.remove"),
	WRITING(fchmod, "file.change: the mode"),
	WRITING(fchmodat2, "the same, of what is open for nothing else"),
	WRITING(fchownat, "file.change: the owner"),
	WRITING(utimensat, "file.change: the times"),

	/* waiting */
	CALL(futex, "threads wait for each other; ring3's mailbox"),
	CALL(poll, "waiting for descriptors"),
	CALL(ppoll, "waiting for descriptors"),
	CALL(epoll_wait, "waiting for descriptors"),
	CALL(epoll_pwait, "waiting for descriptors"),
	CALL(epoll_ctl, "waiting for descriptors"),
	CALL(timerfd_settime, "timers"),
	CALL(nanosleep, "waiting for a time"),
	CALL(clock_nanosleep, "waiting for a time"),
	CALL(sched_yield, "vcpu.yield; a ring that another thread works on"),
	CALL(restart_syscall, "a wait goes on after the process was stopped and continued"),

	/* time and chance */
	CALL(clock_gettime, "clocks, where the vDSO does not suffice"),
	CALL(gettimeofday, "the same"),
	CALL(time, "the same"),
	CALL(clock_getres, "the same"),
	CALL(getrandom, "entropy.read"),

	/* memory */
	ONLY(mmap, 2, PROT_EXEC, 0, "malloc()"),
	ONLY(mprotect, 2, PROT_EXEC, 0, "malloc()"),
	CALL(munmap, "malloc(), stacks of threads, the guest's RAM at its end"),
	CALL(mremap, "realloc()"),
	CALL(brk, "malloc()"),
	CALL(madvise, "memory.report; stacks of threads"),
	CALL(mincore, "file.read: whether there is memory for a page"),
	CALL(fallocate, "memory.release and memory.populate"),
	CALL(sched_getaffinity, "malloc() counts processors; ring3, to restore it"),

	/* the guest's process, on the engine ring3 */
	CALL(kill, "ends it"),
	CALL(sched_setaffinity, "a vCPU and the thread that serves it, on one processor"),
	CALL(tgkill, "an event for a vCPU; abort()"),
	CALL(pidfd_send_signal, "ends it"),
	CALL(wait4, "its end"),
	CALL(waitid, "its end"),

	/* this process */
	CALL(rt_sigprocmask, "abort(); ends of threads"),
	CALL(rt_sigaction, "abort()"),
	CALL(rt_sigreturn, "the end of a signal's handler"),
	CALL(getpid, "abort()"),
	CALL(gettid, "abort()"),
	CALL(rseq, "the first steps of a thread that was started just before"),
	CALL(set_robust_list, "the same"),
	CALL(exit, "the end of a thread"),
	CALL(exit_group, "the end"),
	{ 0 },
};
/* clang-format on */
