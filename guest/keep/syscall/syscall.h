/* SPDX-License-Identifier: ISC */
/*
 * syscall.h - Linux's system calls, as a table by number. A function gets the six argument registers and answers what
 * rax is to be; its comment says what of the call is not there. One file for each family.
 */
#ifndef KEEP_SYSCALL_SYSCALL_H
#define KEEP_SYSCALL_SYSCALL_H

#include "keep.h"

struct registers;

typedef int64_t system_call(const uint64_t argument[6]);

/* The call of the current task that its registers ask for; answers in them. Counts what is not there. */
void system_call_run(struct registers *registers);

/*
 * For a part of a call that is not there, as an operation or a flag: counts it under its name, a constant, instead of
 * the call's. Returns -ENOSYS, for the call to answer.
 */
int system_call_missing(const char *part);

/* Prints the calls that answered ENOSYS, with how often, to the console's error stream. */
void system_call_report(void);

/* Families: each ends with a row without a function. */
struct system_call_row {
	unsigned number;
	const char *name;
	system_call *run;
};
/* clang-format off */
extern const struct system_call_row system_calls_memory[];     /* mmap, munmap, mprotect, brk, mremap, madvise, ... */
extern const struct system_call_row system_calls_file[];       /* open, read, write, dup, pipe, ... */
extern const struct system_call_row system_calls_control[];    /* fcntl, flock, ioctl */
extern const struct system_call_row system_calls_name[];       /* mkdir, rename, getdents, chdir, ... */
extern const struct system_call_row system_calls_status[];     /* stat, statfs, access */
extern const struct system_call_row system_calls_attribute[];  /* chmod, chown, utimensat, ... */
extern const struct system_call_row system_calls_poll[];       /* poll, select */
extern const struct system_call_row system_calls_event[];      /* epoll_*, eventfd, timerfd_*, signalfd */
extern const struct system_call_row system_calls_socket[];     /* bind, sendto, ...: there are no sockets */
extern const struct system_call_row system_calls_task[];       /* clone, exit, futex, sched_*, getpid, arch_prctl, ... */
extern const struct system_call_row system_calls_exec[];       /* execve */
extern const struct system_call_row system_calls_identity[];   /* getuid, setresgid, getgroups, capget, ... */
extern const struct system_call_row system_calls_signal[];     /* rt_sigaction, kill, sigaltstack, ... */
extern const struct system_call_row system_calls_time[];       /* clock_*, nanosleep, times, getrusage, ... */
extern const struct system_call_row system_calls_timer[];      /* timer_*, setitimer, alarm */
extern const struct system_call_row system_calls_system[];     /* uname, sysinfo, getrandom, prlimit64, prctl, ... */
/* clang-format on */

/* The name that uname(2) tells, at most 64 bytes of it. */
void system_set_host_name(const char *name);

#endif
