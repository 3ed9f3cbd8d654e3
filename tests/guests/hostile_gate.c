/* SPDX-License-Identifier: ISC */
/*
 * hostile_gate.c - makes a system call of the host's kernel by an instruction of the engine's own, which is where the
 * guest process's filter lets some through. Each of these would harm the host, or get the guest out of its process,
 * and must end the VM. Command line: which one, at which of the instructions, and a process to attack. Without,
 * it tells how many there are.
 */
#include "hostile.h"

#define VICTIM UINT64_C(0x7665637469636d21) /* stands for the process */
#define CODE UINT64_C(0x1ffffff00000)       /* the engine's; see layout.h */
#define LOW UINT64_C(0x10000000)            /* where programs may be */
#define RAM UINT64_C(0x200000000000)
#define HERE UINT64_C(0xffffffffffffff9c) /* AT_FDCWD */

#define ADDRESS(object) ((uint64_t)(object))

enum { RAM_FD = 3, PAGE = 4096 };
enum { READ = 1, WRITE = 2, EXECUTE = 4, ALL = 7 };
enum { SHARED = 1, PRIVATE = 2, FIXED = 0x10, ANONYMOUS = 0x20, GROWSDOWN = 0x100, LOCKED = 0x2000 };
enum { POPULATE = 0x8000, HUGETLB = 0x40000, SYNC = 0x80000, NOREPLACE = 0x100000 };
enum { ENGINES = SHARED | FIXED | POPULATE };

static char shell[] = "/bin/sh";
static char canary[] = "canary";
static char pwned[] = "pwned";
static char *arguments[] = { shell, NULL };
static char buffer[512];
static uint64_t words[64];
/* An answer to everything: what a filter of the guest's own would say. */
static uint64_t allow_all[] = { 0x7fff000000000006 };
static uint64_t program[] = { 1, ADDRESS(allow_all) };
/* For process_vm_writev(), and for clone3(): CLONE_VM | CLONE_THREAD | CLONE_SIGHAND. */
static uint64_t vector[] = { ADDRESS(words), sizeof words };
static uint64_t thread[11] = { 0x10900, 0, 0, 0, 0, ADDRESS(buffer), sizeof buffer };
static uint64_t process[11] = { 0, 0, 0, 0, 17 };
static struct {
	uint16_t family, port;
	uint32_t address;
	uint64_t zero;
} anywhere = { 2, 0x5000, 0x0100007f, 0 };

struct attack {
	const char *name;
	uint64_t number;
	uint64_t args[6];
};

/* clang-format off */
static const struct attack attacks[] = {
	/* new programs, processes and threads */
	{ "execve", 59, { ADDRESS(shell), ADDRESS(arguments) } },
	{ "execveat", 322, { HERE, ADDRESS(shell), ADDRESS(arguments) } },
	{ "fork", 57, { 0 } },
	{ "vfork", 58, { 0 } },
	{ "clone, a process", 56, { 17 } },
	{ "clone, a thread", 56, { 0x10f00, ADDRESS(buffer + sizeof buffer) } },
	{ "clone3, a process", 435, { ADDRESS(process), sizeof process } },
	{ "clone3, a thread", 435, { ADDRESS(thread), sizeof thread } },
	{ "unshare", 272, { 0x10000000 } },
	{ "setns", 308, { RAM_FD } },

	/* other processes */
	{ "kill", 62, { VICTIM, 9 } },
	{ "tkill", 200, { VICTIM, 9 } },
	{ "tgkill", 234, { VICTIM, VICTIM, 9 } },
	{ "rt_sigqueueinfo", 129, { VICTIM, 9, ADDRESS(words) } },
	{ "pidfd_open", 434, { VICTIM } },
	{ "pidfd_getfd", 438, { RAM_FD } },
	{ "pidfd_send_signal", 424, { RAM_FD, 9 } },
	{ "ptrace", 101, { 0x4206, VICTIM } },
	{ "process_vm_readv", 310, { VICTIM, ADDRESS(vector), 1, ADDRESS(vector), 1 } },
	{ "process_vm_writev", 311, { VICTIM, ADDRESS(vector), 1, ADDRESS(vector), 1 } },
	{ "prlimit64", 302, { VICTIM, 7, ADDRESS(words) } },
	{ "sched_setaffinity", 203, { VICTIM, 8, ADDRESS(words) } },
	{ "setpriority", 141, { 0, VICTIM, 19 } },
	{ "get_robust_list", 274, { VICTIM, ADDRESS(words), ADDRESS(words) } },
	{ "kcmp", 312, { VICTIM, VICTIM } },
	{ "shmget", 29, { 1, PAGE, 01666 } },
	{ "msgget", 68, { 1, 01666 } },
	{ "keyctl", 250, { 0, UINT64_C(0xfffffffd), 1 } },

	/* files and networks */
	{ "open", 2, { ADDRESS(pwned), 0102, 0600 } },
	{ "openat", 257, { HERE, ADDRESS(pwned), 0102, 0600 } },
	{ "openat2", 437, { HERE, ADDRESS(pwned), ADDRESS(words), 24 } },
	{ "creat", 85, { ADDRESS(pwned), 0600 } },
	{ "mkdir", 83, { ADDRESS(pwned), 0700 } },
	{ "mknod", 133, { ADDRESS(pwned), 0600 } },
	{ "symlink", 88, { ADDRESS(canary), ADDRESS(pwned) } },
	{ "link", 86, { ADDRESS(canary), ADDRESS(pwned) } },
	{ "rename", 82, { ADDRESS(canary), ADDRESS(pwned) } },
	{ "unlink", 87, { ADDRESS(canary) } },
	{ "unlinkat", 263, { HERE, ADDRESS(canary) } },
	{ "truncate", 76, { ADDRESS(canary), 0 } },
	{ "chmod", 90, { ADDRESS(canary), 0 } },
	{ "chdir", 80, { ADDRESS("/") } },
	{ "chroot", 161, { ADDRESS("/") } },
	{ "mount", 165, { ADDRESS("none"), ADDRESS("."), ADDRESS("tmpfs") } },
	{ "name_to_handle_at", 303, { HERE, ADDRESS(canary), ADDRESS(words), ADDRESS(words) } },
	{ "inotify_init1", 294, { 0 } },
	{ "socket", 41, { 2, 1 } },
	{ "socketpair", 53, { 1, 1, 0, ADDRESS(words) } },
	{ "connect", 42, { RAM_FD, ADDRESS(&anywhere), 16 } },
	{ "sendmsg", 46, { RAM_FD, ADDRESS(words) } },

	/* descriptors: there is one */
	{ "read", 0, { 0, ADDRESS(buffer), 1 } },
	{ "write", 1, { 1, ADDRESS(pwned), 5 } },
	{ "write to RAM's", 1, { RAM_FD, ADDRESS(pwned), 5 } },
	{ "ftruncate", 77, { RAM_FD, UINT64_C(1) << 40 } },
	{ "fallocate", 285, { RAM_FD, 0, 0, UINT64_C(1) << 40 } },
	{ "fcntl", 72, { RAM_FD, 0, 0 } },
	{ "dup", 32, { RAM_FD } },
	{ "dup2", 33, { RAM_FD, 0 } },
	{ "close", 3, { RAM_FD } },
	{ "ioctl", 16, { RAM_FD, 0x5412, ADDRESS("x") } },
	{ "pipe", 22, { ADDRESS(words) } },
	{ "memfd_create", 319, { ADDRESS(pwned), 0 } },
	{ "memfd_secret", 447, { 0 } },
	{ "eventfd2", 290, { 0 } },
	{ "io_uring_setup", 425, { 8, ADDRESS(words) } },
	{ "userfaultfd", 323, { 1 } },
	{ "bpf", 321, { 5, ADDRESS(words), 64 } },
	{ "perf_event_open", 298, { ADDRESS(words), 0, 0, UINT64_MAX, 0 } },
	{ "landlock_create_ruleset", 444, { 0, 0, 1 } },

	/* memory: not as the mapper does it */
	{ "mmap of nothing", 9, { LOW, PAGE, ALL, PRIVATE | ANONYMOUS | FIXED, UINT64_MAX, 0 } },
	{ "mmap, private", 9, { LOW, PAGE, ALL, PRIVATE | FIXED | POPULATE, RAM_FD, 0 } },
	{ "mmap anywhere", 9, { 0, PAGE, ALL, SHARED | POPULATE, RAM_FD, 0 } },
	{ "mmap that grows", 9, { LOW, PAGE, ALL, ENGINES | GROWSDOWN, RAM_FD, 0 } },
	{ "mmap, locked", 9, { LOW, PAGE, ALL, ENGINES | LOCKED, RAM_FD, 0 } },
	{ "mmap, huge", 9, { LOW, PAGE, ALL, ENGINES | HUGETLB, RAM_FD, 0 } },
	{ "mmap, flags above 32 bits", 9, { LOW, PAGE, ALL, ENGINES | UINT64_C(1) << 32, RAM_FD, 0 } },
	{ "mmap, access above 32 bits", 9, { LOW, PAGE, ALL | UINT64_C(1) << 32, ENGINES, RAM_FD, 0 } },
	{ "mmap, more access", 9, { LOW, PAGE, 8 | ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap of standard input", 9, { LOW, PAGE, ALL, ENGINES, 0, 0 } },
	{ "mmap of another", 9, { LOW, PAGE, ALL, ENGINES, RAM_FD + 1, 0 } },
	{ "mmap over the engine's code", 9, { CODE, HOSTILE_CODE_SIZE, ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap over the areas", 9, { HOSTILE_AREAS, PAGE, ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap over RAM", 9, { RAM, PAGE, ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap where the kernel is", 9, { UINT64_C(0xffff888000000000), PAGE, ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap of all", 9, { LOW, UINT64_C(1) << 46, ALL, ENGINES, RAM_FD, 0 } },
	{ "mmap around the end", 9, { LOW, UINT64_MAX & ~UINT64_C(0xfff), ALL, ENGINES, RAM_FD, 0 } },
	{ "munmap of the engine's code", 11, { CODE, HOSTILE_CODE_SIZE } },
	{ "munmap of the areas", 11, { HOSTILE_AREAS, HOSTILE_AREA_SIZE } },
	{ "munmap of RAM", 11, { RAM, PAGE } },
	{ "munmap of all", 11, { 0, UINT64_C(0x7ffffffff000) } },
	{ "munmap up to the areas", 11, { UINT64_C(0xffffffff000), UINT64_C(0xfff00000000) } },
	{ "mprotect of the engine's code", 10, { CODE, HOSTILE_CODE_SIZE, ALL } },
	{ "mprotect of the engine's code to data", 10, { CODE, PAGE, READ | WRITE } },
	{ "mprotect of the areas", 10, { HOSTILE_AREAS, PAGE, ALL } },
	{ "mprotect of RAM", 10, { RAM, PAGE, READ } },
	{ "mprotect of all", 10, { 0, UINT64_C(0x7ffffffff000), ALL } },
	{ "mprotect that grows", 10, { LOW, PAGE, 0x01000000 | ALL } },
	{ "pkey_mprotect", 329, { CODE, HOSTILE_CODE_SIZE, ALL, UINT64_MAX } },
	{ "pkey_alloc", 330, { 0 } },
	{ "mremap", 25, { CODE, HOSTILE_CODE_SIZE, HOSTILE_CODE_SIZE, 3, LOW } },
	{ "remap_file_pages", 216, { RAM, PAGE, 0, 1 } },
	{ "madvise", 28, { CODE, HOSTILE_CODE_SIZE, 4 } },
	{ "mlock", 149, { RAM, PAGE } },
	{ "mseal", 462, { RAM, PAGE } },
	{ "brk", 12, { 0 } },
	{ "shmat", 30, { 0 } },

	/* what the process has set up for itself */
	{ "seccomp", 317, { 1, 0, ADDRESS(program) } },
	{ "prctl, PR_SET_SECCOMP", 157, { 22, 2, ADDRESS(program) } },
	{ "prctl, PR_SET_DUMPABLE", 157, { 4, 1 } },
	{ "prctl, PR_SET_PDEATHSIG", 157, { 1, 0 } },
	{ "prctl, PR_SET_TSC", 157, { 26, 1 } },
	{ "prctl, PR_SET_MM", 157, { 35, 1, LOW } },
	{ "prctl, PR_SET_SYSCALL_USER_DISPATCH", 157, { 59, 1, 0, UINT64_MAX } },
	{ "arch_prctl, ARCH_SET_CPUID", 158, { 0x1012, 1 } },
	{ "arch_prctl, ARCH_MAP_VDSO_64", 158, { 0x2003, LOW } },
	{ "arch_prctl, ARCH_REQ_XCOMP_PERM", 158, { 0x1023, 18 } },
	{ "modify_ldt", 154, { 1, ADDRESS(words), 16 } },
	{ "iopl", 172, { 3 } },
	{ "ioperm", 173, { 0, 65536, 1 } },
	{ "sigaltstack", 131, { 0, ADDRESS(words) } },
	{ "rt_sigaction", 13, { 31, 0, ADDRESS(words), 8 } },
	{ "rt_sigprocmask", 14, { 2, ADDRESS(words), 0, 8 } },
	{ "setrlimit", 160, { 9, ADDRESS(words) } },
	{ "setuid", 105, { 0 } },
	{ "capset", 126, { ADDRESS(words), ADDRESS(words) } },
	{ "sethostname", 170, { ADDRESS(pwned), 5 } },
	{ "setsid", 112, { 0 } },
	{ "exit of a thread", 60, { 0 } },

	/* futexes of other kinds */
	{ "futex, private", 202, { ADDRESS(words), 128, 0 } },
	{ "futex, WAIT_BITSET", 202, { ADDRESS(words), 9, 0, 0, 0, UINT64_MAX } },
	{ "futex, WAKE_OP", 202, { ADDRESS(words), 5, 1, 1, ADDRESS(words) } },
	{ "futex, CMP_REQUEUE", 202, { ADDRESS(words), 4, 0, 0, ADDRESS(words) } },
	{ "futex, LOCK_PI", 202, { ADDRESS(words), 6 } },
	{ "futex, WAIT by another clock", 202, { ADDRESS(words), 256, 0 } },
	{ "futex_waitv", 449, { ADDRESS(words), 1 } },
	{ "set_robust_list", 273, { ADDRESS(words), 24 } },

	/* what tells of the host */
	{ "getpid", 39, { 0 } },
	{ "uname", 63, { ADDRESS(buffer) } },
	{ "sysinfo", 99, { ADDRESS(buffer) } },
	{ "clock_gettime", 228, { 0, ADDRESS(words) } },
	{ "getrandom", 318, { ADDRESS(buffer), 8 } },
	{ "syslog", 103, { 3, ADDRESS(buffer), sizeof buffer } },

	/* numbers of other kinds */
	{ "x32's execve", 0x40000208, { ADDRESS(shell), ADDRESS(arguments) } },
	{ "x32's rt_sigreturn", 0x40000201, { 0 } },
	{ "x32's mmap", 0x40000009, { LOW, PAGE, ALL, ENGINES, RAM_FD, 0 } },
	{ "none", UINT64_MAX, { 0 } },
	{ "beyond the last", 4095, { 0 } },
};
/* clang-format on */

enum { ATTACKS = sizeof attacks / sizeof *attacks };

static uint64_t argument_of(const struct attack *attack, unsigned number, unsigned long victim)
{
	return attack->args[number] == VICTIM ? victim : attack->args[number];
}

int main(void)
{
	const char *command = guest_command();
	unsigned long number = expect_number(&command, ATTACKS);
	unsigned long place = expect_number(&command, 0);
	unsigned long victim = expect_number(&command, 0);
	const struct attack *attack = &attacks[number % ATTACKS];
	unsigned long places = 0;

	hostile_need_ring3();
	while (hostile_find_syscall(places))
		places++;
	EXPECT(places);
	if (number >= ATTACKS) {
		guest_printf("%u attacks at %lu places\n", ATTACKS, places);
		return 0;
	}
	guest_printf("must end: %s\n", attack->name);

	uint64_t registers[REGISTERS] = {
		[RAX] = attack->number,
		[RDI] = argument_of(attack, 0, victim),
		[RSI] = argument_of(attack, 1, victim),
		[RDX] = argument_of(attack, 2, victim),
		[R10] = argument_of(attack, 3, victim),
		[R8] = argument_of(attack, 4, victim),
		[R9] = argument_of(attack, 5, victim),
	};

	registers_call(registers, hostile_find_syscall(place % places));
	guest_printf("answered: 0x%lx\n", (unsigned long)registers[RAX]);
	return 1;
}
