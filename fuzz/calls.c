/* SPDX-License-Identifier: ISC */
/*
 * calls.c - a program for keep to run: it makes system calls at random, with arguments that are likely to mean something,
 * from two threads, and the same ones each time that it is given the same number.
 *
 *	postern run calls SEED COUNT
 *
 * It has no C library, and nothing that it needs lies where its calls map, unmap or write. It ends with 0 when it has made
 * COUNT calls; or a signal ends it, when a call has taken something that it needs after all.
 */
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include <asm/signal.h>
#include <asm/unistd.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Where calls read and write; where they map and unmap. */
#define ARENA UINT64_C(0x30000000)
#define PLAYGROUND UINT64_C(0x40000000)
enum {
	PAGE = 4096,
	ARENA_PAGES = 64,
	PLAYGROUND_PAGES = 512,
	STACK = 65536,
	TURNS = 64,
	RESTORER = 0x04000000
};

static char helper_stack[STACK] __attribute__((aligned(16)));
static uint64_t calls_left;

/* ---- calls ---- */

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* A new thread ends at once, or begins in a function on its stack. */
static int64_t clone_call(uint64_t flags, uint64_t stack, uint64_t parent_id, uint64_t child_id, uint64_t tls,
			  void (*function)(void))
{
	register uint64_t r10 __asm__("r10") = child_id;
	register uint64_t r8 __asm__("r8") = tls;
	register void (*r9)(void) __asm__("r9") = function;
	int64_t result;

	__asm__ volatile("syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	test %%r9, %%r9\n"
			 "	jz 2f\n"
			 "	call *%%r9\n"
			 "2:	mov %[exit], %%eax\n"
			 "	xor %%edi, %%edi\n"
			 "	syscall\n"
			 "1:\n"
			 : "=a"(result)
			 : "a"(__NR_clone), "D"(flags), "S"(stack), "d"(parent_id), "r"(r10), "r"(r8),
			   "r"(r9), [exit] "i"(__NR_exit)
			 : "rcx", "r11", "memory");
	return result;
}

/* ---- chance ---- */

/* Each thread has its own, and a page in which nobody else writes. */
struct chance {
	uint64_t state, page;
};

static uint64_t next(struct chance *chance)
{
	chance->state ^= chance->state << 13;
	chance->state ^= chance->state >> 7;
	chance->state ^= chance->state << 17;
	return chance->state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t below(struct chance *chance, uint64_t end)
{
	return (next(chance) >> 16) % end;
}

static bool one_in(struct chance *chance, uint64_t count)
{
	return below(chance, count) == 0;
}

/* ---- arguments ---- */

enum kind {
	NONE,
	ANY,   /* anything */
	FLAGS, /* few bits */
	SMALL, /* a small number */
	DESCRIPTOR,
	HERE,   /* a descriptor, or AT_FDCWD */
	BUFFER, /* memory that can be written, mostly */
	PATH,
	LENGTH,
	OFFSET,
	AREA, /* an address in the playground */
	AREA_LENGTH,
	SIGNAL,
	SET, /* of signals: none that keeps the alarm away */
	SET_SIZE,
	SOON,   /* struct timespec or timeval that is over soon */
	VECTOR, /* iovec */
	COUNT,  /* of those */
	POLLS,  /* struct pollfd */
	MILLISECONDS,
	TASK,
	ACTION, /* struct sigaction */
	WORD,   /* of a futex */
	MASK,   /* of vCPUs, events, ... */
	BREAK,
};

static uint64_t any(struct chance *chance)
{
	static const uint64_t edges[] = { 0,
					  1,
					  UINT64_MAX,
					  UINT32_MAX,
					  INT32_MAX,
					  INT64_MAX,
					  UINT64_C(1) << 31,
					  UINT64_C(1) << 47,
					  UINT64_C(0x200000000000),
					  UINT64_C(0xffff800000000000),
					  PAGE,
					  PAGE - 1 };

	switch (below(chance, 4)) {
	case 0:
		return edges[below(chance, COUNT_OF(edges))];
	case 1:
		return UINT64_C(1) << below(chance, 64);
	case 2:
		return below(chance, 4096);
	default:
		return next(chance);
	}
}

/* Near the ends of pages now and then, and in those that are read-only, not there, or of a file. */
static uint64_t buffer(struct chance *chance)
{
	uint64_t at = ARENA + (2 + below(chance, ARENA_PAGES - 2)) * PAGE;

	if (one_in(chance, 40))
		return any(chance);
	if (one_in(chance, 20))
		at = PLAYGROUND + below(chance, PLAYGROUND_PAGES) * PAGE;
	return one_in(chance, 3) ? at + PAGE - below(chance, 64) : at + 8 * below(chance, PAGE / 8);
}

static void fill(uint64_t at, const void *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((volatile char *)at)[i] = ((const char *)from)[i];
}

/* Structs for calls are built there. */
static uint64_t scratch(struct chance *chance)
{
	return chance->page + 64 * below(chance, PAGE / 64 - 4);
}

static uint64_t path(struct chance *chance)
{
	static const char *const paths[] = {
		"/tmp/a",
		"/tmp/b",
		"/tmp/d",
		"/tmp/d/e",
		"/tmp/d/../a",
		"/tmp/l",
		"/tmp/fifo",
		"/tmp",
		"/",
		".",
		"",
		"..",
		"/dev/null",
		"/dev/zero",
		"/dev/urandom",
		"/dev/tty",
		"/proc/self/fd",
		"/proc/self/maps",
		"/proc/self/exe",
		"/proc/self/fd/3",
		"/proc/cpuinfo",
		"/proc/meminfo",
		"/proc/self/stat",
		"/dev/shm/s",
		"/host/a",
		"/host/d",
		"/host/d/b",
		"/host/l",
		"/host",
		"/host/fifo",
	};
	const char *chosen = paths[below(chance, COUNT_OF(paths))];
	const uint64_t at = scratch(chance);
	size_t length = 0;

	if (one_in(chance, 30))
		return buffer(chance);
	while (chosen[length])
		length++;
	fill(at, chosen, length + 1);
	return at;
}

static uint64_t two_words(struct chance *chance, uint64_t first, uint64_t second)
{
	const uint64_t words[] = { first, second, 0, 0 };
	const uint64_t at = scratch(chance);

	fill(at, words, sizeof words);
	return at;
}

static uint64_t descriptor(struct chance *chance)
{
	if (one_in(chance, 30))
		return any(chance);
	return 3 + below(chance, 40);
}

static uint64_t vectors(struct chance *chance)
{
	const uint64_t at = scratch(chance);

	for (uint64_t i = 0; i < 4; i++)
		(void)two_words(chance, 0, 0);
	for (uint64_t i = 0; i < 3; i++) {
		const uint64_t vector[] = { buffer(chance),
					    one_in(chance, 20) ? any(chance) : below(chance, 300) };

		fill(at + sizeof vector * i, vector, sizeof vector);
	}
	return at;
}

static uint64_t polls(struct chance *chance)
{
	const uint64_t at = scratch(chance);

	for (uint64_t i = 0; i < 3; i++) {
		const uint64_t request = (uint32_t)descriptor(chance) | below(chance, 0x100) << 32;

		fill(at + sizeof request * i, &request, sizeof request);
	}
	return at;
}

/* A fault of the program itself comes again and again, and then is its end: a call has taken what it needs. */
static uint64_t signals_in_a_row;

static void on_signal(int number)
{
	if (__atomic_add_fetch(&signals_in_a_row, 1, __ATOMIC_RELAXED) > 1000)
		(void)call(__NR_exit_group, 128 + (uint64_t)number, 0, 0, 0, 0, 0);
}

void restore(void);
__asm__(".globl restore\n"
	"restore:\n"
	"	mov $15, %eax\n"
	"	syscall\n");

static uint64_t action(struct chance *chance)
{
	const uint64_t handlers[] = { !one_in(chance, 2000), 1, (uint64_t)on_signal, (uint64_t)on_signal };
	const uint64_t reset = one_in(chance, 2000) ? 0x80000000 : 0;
	const uint64_t words[] = { handlers[below(chance, COUNT_OF(handlers))],
				   RESTORER | (next(chance) & 0x58000007) | reset, (uint64_t)restore, 0 };
	const uint64_t at = scratch(chance);

	fill(at, words, sizeof words);
	return at;
}

/* Not those that nobody gets back from, nor the one that says that keep itself has come to an end. */
static uint64_t signal_number(struct chance *chance)
{
	const uint64_t number = one_in(chance, 20) ? any(chance) : below(chance, 66);

	return (uint32_t)number == 6 || (uint32_t)number == 9 || (uint32_t)number == 19 ? 10 : number;
}

static uint64_t area_length(struct chance *chance)
{
	if (one_in(chance, 60))
		return any(chance);
	return one_in(chance, 4) ? below(chance, 64 * PAGE) : PAGE * (1 + below(chance, 32));
}

static uint64_t length(struct chance *chance)
{
	if (one_in(chance, 30))
		return any(chance);
	return one_in(chance, 3) ? below(chance, 3 * PAGE) : below(chance, 128);
}

static uint64_t flags(struct chance *chance)
{
	uint64_t bits = 0;

	for (uint64_t i = below(chance, 4); i > 0; i--)
		bits |= UINT64_C(1) << below(chance, 32);
	return bits;
}

static uint64_t argument(struct chance *chance, enum kind kind)
{
	switch (kind) {
	case NONE:
		return 0;
	case ANY:
		return any(chance);
	case FLAGS:
		return one_in(chance, 10) ? any(chance) : flags(chance);
	case SMALL:
		return one_in(chance, 20) ? any(chance) : below(chance, 16);
	case DESCRIPTOR:
		return descriptor(chance);
	case HERE:
		return one_in(chance, 4) ? descriptor(chance) : (uint64_t)-100;
	case BUFFER:
		return buffer(chance);
	case PATH:
		return path(chance);
	case LENGTH:
		return length(chance);
	case OFFSET:
		return one_in(chance, 10) ? any(chance) : below(chance, 1 << 20);
	case AREA:
		return PLAYGROUND + below(chance, PLAYGROUND_PAGES) * PAGE + (one_in(chance, 30) ? 8 : 0);
	case AREA_LENGTH:
		return area_length(chance);
	case SIGNAL:
		return signal_number(chance);
	case SET:
		return one_in(chance, 3) ? 0 : two_words(chance, next(chance) & 0x0fff0a00, 0);
	case SET_SIZE:
		return one_in(chance, 20) ? any(chance) : 8;
	case SOON:
		return one_in(chance, 20) ? buffer(chance) : two_words(chance, 0, below(chance, 200000));
	case VECTOR:
		return one_in(chance, 20) ? buffer(chance) : vectors(chance);
	case COUNT:
		return one_in(chance, 20) ? any(chance) : below(chance, 4);
	case POLLS:
		return one_in(chance, 20) ? buffer(chance) : polls(chance);
	case MILLISECONDS:
		return below(chance, 2);
	case TASK:
		return one_in(chance, 5) ? any(chance) : 1 + below(chance, 3);
	case ACTION:
		return one_in(chance, 10) ? 0 : action(chance);
	case WORD:
		return one_in(chance, 20) ? any(chance) : ARENA + 2 * PAGE + 4 * below(chance, 4);
	case MASK:
		return two_words(chance, next(chance), next(chance));
	case BREAK:
		return one_in(chance, 10) ? any(chance)
					  : (uint64_t)call(__NR_brk, 0, 0, 0, 0, 0, 0) +
						    below(chance, 8 * PAGE) - 4 * PAGE;
	}
	return 0;
}

/* ---- which calls ---- */

struct form {
	uint16_t number;
	uint8_t kinds[6];
};

/* clang-format off */
static const struct form forms[] = {
	{ __NR_read, { DESCRIPTOR, BUFFER, LENGTH } },
	{ __NR_write, { DESCRIPTOR, BUFFER, LENGTH } },
	{ __NR_pread64, { DESCRIPTOR, BUFFER, LENGTH, OFFSET } },
	{ __NR_pwrite64, { DESCRIPTOR, BUFFER, LENGTH, OFFSET } },
	{ __NR_readv, { DESCRIPTOR, VECTOR, COUNT } },
	{ __NR_writev, { DESCRIPTOR, VECTOR, COUNT } },
	{ __NR_preadv2, { DESCRIPTOR, VECTOR, COUNT, OFFSET, NONE, FLAGS } },
	{ __NR_pwritev, { DESCRIPTOR, VECTOR, COUNT, OFFSET } },
	{ __NR_open, { PATH, FLAGS, SMALL } },
	{ __NR_openat, { HERE, PATH, FLAGS, ANY } },
	{ __NR_creat, { PATH, ANY } },
	{ __NR_close, { DESCRIPTOR } },
	{ __NR_close_range, { DESCRIPTOR, DESCRIPTOR, FLAGS } },
	{ __NR_dup, { DESCRIPTOR } },
	{ __NR_dup2, { DESCRIPTOR, DESCRIPTOR } },
	{ __NR_dup3, { DESCRIPTOR, DESCRIPTOR, FLAGS } },
	{ __NR_fcntl, { DESCRIPTOR, SMALL, ANY } },
	{ __NR_fcntl, { DESCRIPTOR, SMALL, BUFFER } },
	{ __NR_ioctl, { DESCRIPTOR, ANY, BUFFER } },
	{ __NR_flock, { DESCRIPTOR, SMALL } },
	{ __NR_lseek, { DESCRIPTOR, OFFSET, SMALL } },
	{ __NR_stat, { PATH, BUFFER } },
	{ __NR_fstat, { DESCRIPTOR, BUFFER } },
	{ __NR_lstat, { PATH, BUFFER } },
	{ __NR_newfstatat, { HERE, PATH, BUFFER, FLAGS } },
	{ __NR_statx, { HERE, PATH, FLAGS, FLAGS, BUFFER } },
	{ __NR_statfs, { PATH, BUFFER } },
	{ __NR_access, { PATH, SMALL } },
	{ __NR_faccessat2, { HERE, PATH, SMALL, FLAGS } },
	{ __NR_truncate, { PATH, OFFSET } },
	{ __NR_ftruncate, { DESCRIPTOR, OFFSET } },
	{ __NR_fallocate, { DESCRIPTOR, SMALL, OFFSET, OFFSET } },
	{ __NR_fsync, { DESCRIPTOR } },
	{ __NR_getdents64, { DESCRIPTOR, BUFFER, LENGTH } },
	{ __NR_getdents, { DESCRIPTOR, BUFFER, LENGTH } },
	{ __NR_mkdir, { PATH, ANY } },
	{ __NR_rmdir, { PATH } },
	{ __NR_unlink, { PATH } },
	{ __NR_unlinkat, { HERE, PATH, FLAGS } },
	{ __NR_link, { PATH, PATH } },
	{ __NR_symlink, { PATH, PATH } },
	{ __NR_readlink, { PATH, BUFFER, LENGTH } },
	{ __NR_rename, { PATH, PATH } },
	{ __NR_renameat2, { HERE, PATH, HERE, PATH, SMALL } },
	{ __NR_mknod, { PATH, ANY, ANY } },
	{ __NR_chmod, { PATH, ANY } },
	{ __NR_chown, { PATH, ANY, ANY } },
	{ __NR_utimensat, { HERE, PATH, SOON, FLAGS } },
	{ __NR_chdir, { PATH } },
	{ __NR_fchdir, { DESCRIPTOR } },
	{ __NR_getcwd, { BUFFER, LENGTH } },
	{ __NR_umask, { ANY } },
	{ __NR_sendfile, { DESCRIPTOR, DESCRIPTOR, BUFFER, LENGTH } },
	{ __NR_copy_file_range, { DESCRIPTOR, NONE, DESCRIPTOR, NONE, LENGTH, FLAGS } },
	{ __NR_getxattr, { PATH, PATH, BUFFER, LENGTH } },
	{ __NR_pipe2, { BUFFER, FLAGS } },
	{ __NR_eventfd2, { SMALL, FLAGS } },
	{ __NR_timerfd_create, { SMALL, FLAGS } },
	{ __NR_timerfd_settime, { DESCRIPTOR, SMALL, SOON, BUFFER } },
	{ __NR_timerfd_gettime, { DESCRIPTOR, BUFFER } },
	{ __NR_signalfd4, { DESCRIPTOR, SET, SET_SIZE, FLAGS } },
	{ __NR_memfd_create, { PATH, FLAGS } },
	{ __NR_epoll_create1, { FLAGS } },
	{ __NR_epoll_ctl, { DESCRIPTOR, SMALL, DESCRIPTOR, MASK } },
	{ __NR_epoll_wait, { DESCRIPTOR, BUFFER, SMALL, MILLISECONDS } },
	{ __NR_poll, { POLLS, COUNT, MILLISECONDS } },
	{ __NR_ppoll, { POLLS, COUNT, SOON, SET, SET_SIZE } },
	{ __NR_select, { SMALL, MASK, MASK, MASK, SOON } },
	{ __NR_mmap, { AREA, AREA_LENGTH, SMALL, FLAGS, DESCRIPTOR, OFFSET } },
	{ __NR_mmap, { AREA, AREA_LENGTH, SMALL, NONE, DESCRIPTOR, NONE } },
	{ __NR_munmap, { AREA, AREA_LENGTH } },
	{ __NR_mprotect, { AREA, AREA_LENGTH, SMALL } },
	{ __NR_mremap, { AREA, AREA_LENGTH, AREA_LENGTH, SMALL, AREA } },
	{ __NR_madvise, { AREA, AREA_LENGTH, SMALL } },
	{ __NR_madvise, { AREA, AREA_LENGTH, ANY } },
	{ __NR_msync, { AREA, AREA_LENGTH, SMALL } },
	{ __NR_mincore, { AREA, AREA_LENGTH, BUFFER } },
	{ __NR_mlock, { AREA, AREA_LENGTH } },
	{ __NR_munlock, { AREA, AREA_LENGTH } },
	{ __NR_mlock2, { AREA, AREA_LENGTH, SMALL } },
	{ __NR_brk, { BREAK } },
	{ __NR_futex, { WORD, SMALL, SMALL, SOON, WORD, SMALL } },
	{ __NR_futex, { WORD, SMALL, ANY, SOON, WORD, ANY } },
	{ __NR_set_robust_list, { BUFFER, LENGTH } },
	{ __NR_get_robust_list, { TASK, BUFFER, BUFFER } },
	{ __NR_set_tid_address, { BUFFER } },
	{ __NR_rt_sigaction, { SIGNAL, ACTION, BUFFER, SET_SIZE } },
	{ __NR_rt_sigprocmask, { SMALL, SET, BUFFER, SET_SIZE } },
	{ __NR_rt_sigpending, { BUFFER, SET_SIZE } },
	{ __NR_rt_sigtimedwait, { SET, BUFFER, SOON, SET_SIZE } },
	{ __NR_rt_sigsuspend, { SET, SET_SIZE } },
	{ __NR_rt_sigqueueinfo, { TASK, SIGNAL, BUFFER } },
	{ __NR_rt_tgsigqueueinfo, { TASK, TASK, SIGNAL, BUFFER } },
	{ __NR_kill, { TASK, SIGNAL } },
	{ __NR_tgkill, { TASK, TASK, SIGNAL } },
	{ __NR_tkill, { TASK, SIGNAL } },
	{ __NR_sigaltstack, { MASK, BUFFER } },
	{ __NR_pause, { NONE } },
	{ __NR_timer_create, { SMALL, MASK, BUFFER } },
	{ __NR_timer_create, { SMALL, NONE, BUFFER } },
	{ __NR_timer_settime, { SMALL, SMALL, SOON, BUFFER } },
	{ __NR_timer_gettime, { SMALL, BUFFER } },
	{ __NR_timer_delete, { SMALL } },
	{ __NR_nanosleep, { SOON, BUFFER } },
	{ __NR_clock_nanosleep, { SMALL, SMALL, SOON, BUFFER } },
	{ __NR_clock_gettime, { SMALL, BUFFER } },
	{ __NR_clock_getres, { SMALL, BUFFER } },
	{ __NR_gettimeofday, { BUFFER, BUFFER } },
	{ __NR_times, { BUFFER } },
	{ __NR_getrusage, { ANY, BUFFER } },
	{ __NR_sched_yield, { NONE } },
	{ __NR_sched_setaffinity, { TASK, LENGTH, MASK } },
	{ __NR_sched_getaffinity, { TASK, LENGTH, BUFFER } },
	{ __NR_getpriority, { SMALL, TASK } },
	{ __NR_setpriority, { SMALL, TASK, SMALL } },
	{ __NR_prctl, { ANY, ANY, ANY, ANY } },
	{ __NR_prctl, { SMALL, BUFFER, ANY, ANY } },
	{ __NR_arch_prctl, { ANY, BUFFER } },
	{ __NR_getrandom, { BUFFER, LENGTH, FLAGS } },
	{ __NR_uname, { BUFFER } },
	{ __NR_sysinfo, { BUFFER } },
	{ __NR_prlimit64, { TASK, SMALL, NONE, BUFFER } },
	{ __NR_prlimit64, { NONE, SMALL, MASK, BUFFER } },
	{ __NR_getgroups, { SMALL, BUFFER } },
	{ __NR_setresuid, { ANY, ANY, ANY } },
	{ __NR_getresuid, { BUFFER, BUFFER, BUFFER } },
	{ __NR_capget, { BUFFER, BUFFER } },
	{ __NR_membarrier, { SMALL, FLAGS, SMALL } },
	{ __NR_rseq, { BUFFER, LENGTH, FLAGS, ANY } },
	{ __NR_getcpu, { BUFFER, BUFFER } },
	{ __NR_wait4, { TASK, BUFFER, FLAGS, BUFFER } },
	{ __NR_setitimer, { SMALL, SOON, BUFFER } },
};
/* clang-format on */

/* Of those by number only: what ends the program or a thread, or cannot be interrupted by the alarm. */
static bool is_left_out(uint64_t number)
{
	static const uint16_t numbers[] = { __NR_exit,
					    __NR_exit_group,
					    __NR_rt_sigreturn,
					    __NR_clone,
					    __NR_clone3,
					    __NR_fork,
					    __NR_vfork,
					    __NR_execve,
					    __NR_execveat,
					    __NR_munmap,
					    __NR_mmap,
					    __NR_mremap,
					    __NR_kill,
					    __NR_tkill,
					    __NR_tgkill,
					    __NR_rt_sigqueueinfo,
					    __NR_rt_tgsigqueueinfo,
					    __NR_rt_sigprocmask,
					    __NR_rt_sigaction };

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* What is fixed stays in the playground; what is shared memory or a file stays small. */
static uint64_t map_flags(struct chance *chance, uint64_t given, uint64_t address)
{
	static const uint64_t likely[] = { MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS,
					   MAP_PRIVATE, MAP_SHARED };
	uint64_t chosen = given | likely[below(chance, COUNT_OF(likely))];

	if (one_in(chance, 2))
		chosen |= MAP_FIXED;
	return address < PLAYGROUND ? chosen & ~(uint64_t)MAP_FIXED : chosen;
}

static void make_one(struct chance *chance)
{
	const struct form *form = &forms[below(chance, COUNT_OF(forms))];
	uint64_t arguments[6];
	uint64_t number = form->number;

	for (unsigned i = 0; i < 6; i++)
		arguments[i] = argument(chance, form->kinds[i]);
	if (one_in(chance, 30)) {
		number = one_in(chance, 4) ? any(chance) : below(chance, 470);
		for (unsigned i = 0; i < 6; i++)
			arguments[i] = one_in(chance, 2) ? any(chance) : buffer(chance);
		if (is_left_out(number))
			return;
	}
	if (number == __NR_mmap) {
		/* Reaching beyond the playground, it would take the program away. */
		arguments[1] = arguments[1] % (PLAYGROUND_PAGES * PAGE);
		arguments[3] = map_flags(chance, arguments[3], arguments[0]);
	}
	if (number == __NR_munmap || number == __NR_mremap || number == __NR_mprotect ||
	    number == __NR_madvise)
		arguments[1] %= PLAYGROUND_PAGES * PAGE;
	if (number == __NR_mremap)
		arguments[2] %= PLAYGROUND_PAGES * PAGE;
	(void)call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		   arguments[5]);
}

/* ---- the program ---- */

/* Sometimes a word in the arena, which calls take for a pointer, a length, a list. */
static void write_something(struct chance *chance)
{
	const uint64_t word = one_in(chance, 2) ? buffer(chance) : any(chance);

	fill(ARENA + 2 * PAGE + 8 * below(chance, 8 * PAGE / 8), &word, sizeof word);
}

static void make_thread(struct chance *chance)
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

	(void)clone_call(one_in(chance, 10)
				 ? next(chance) & ~(uint64_t)CLONE_VFORK
				 : needed | (next(chance) & (CLONE_SETTLS | CLONE_PARENT_SETTID |
							     CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID)),
			 ARENA + 16 * PAGE, buffer(chance), buffer(chance), any(chance), NULL);
}

static void handle(uint64_t number)
{
	static const uint64_t handler[] = { (uint64_t)on_signal, RESTORER, (uint64_t)restore, 0 };

	(void)call(__NR_rt_sigaction, number, (uint64_t)handler, 0, sizeof(uint64_t), 0, 0);
}

static void handle_all(void)
{
	for (uint64_t number = 1; number <= 64; number++)
		handle(number);
}

/* Whatever the last calls have done: an alarm ends each wait, and is not blocked. */
static void set_alarm(void)
{
	static const uint64_t none;
	static const uint64_t soon[] = { 0, 2000, 0, 2000 };

	handle(SIGALRM);
	(void)call(__NR_rt_sigprocmask, SIG_SETMASK, (uint64_t)&none, 0, sizeof none, 0, 0);
	(void)call(__NR_setitimer, 0, (uint64_t)soon, 0, 0, 0, 0);
}

static bool take_one(void)
{
	uint64_t left = __atomic_load_n(&calls_left, __ATOMIC_RELAXED);

	while (left && !__atomic_compare_exchange_n(&calls_left, &left, left - 1, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED))
		;
	return left;
}

static void make_many(struct chance *chance)
{
	while (take_one()) {
		set_alarm();
		if (one_in(chance, 50))
			handle_all();
		make_one(chance);
		__atomic_store_n(&signals_in_a_row, 0, __ATOMIC_RELAXED);
		if (one_in(chance, 8))
			write_something(chance);
		if (one_in(chance, 100))
			make_thread(chance);
	}
}

static struct chance chances[] = { { .page = ARENA }, { .page = ARENA + PAGE } };

static void help(void)
{
	make_many(&chances[1]);
}

static uint64_t read_number(const char *text)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = 10 * value + (uint64_t)(*text - '0');
	return value;
}

/* Pages that can be written, some that cannot, and some that are not there. */
static bool make_arena(void)
{
	const int64_t at = call(__NR_mmap, ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0);

	if (at != (int64_t)ARENA)
		return false;
	(void)call(__NR_mprotect, ARENA + 40 * PAGE, 4 * PAGE, PROT_READ, 0, 0, 0);
	(void)call(__NR_mprotect, ARENA + 48 * PAGE, 4 * PAGE, PROT_NONE, 0, 0, 0);
	(void)call(__NR_munmap, ARENA + 56 * PAGE, 4 * PAGE, 0, 0, 0, 0);
	return true;
}

_Noreturn void run(const uint64_t *stack);
_Noreturn void run(const uint64_t *stack)
{
	const uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
	const bool has_arguments = stack[0] == 3;

	if (has_arguments && make_arena()) {
		chances[0].state = (read_number((const char *)stack[2]) + 1) * UINT64_C(0x9e3779b97f4a7c15);
		chances[1].state = chances[0].state ^ UINT64_C(0xff51afd7ed558ccd);
		calls_left = read_number((const char *)stack[3]);
		handle_all();
		(void)clone_call(needed, (uint64_t)(helper_stack + STACK - 64), 0, 0, 0, help);
		make_many(&chances[0]);
	}
	(void)call(__NR_exit_group, has_arguments ? 0 : 2, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call run\n");
