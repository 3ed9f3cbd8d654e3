/* SPDX-License-Identifier: ISC */
/*
 * test_want_of_memory.c - a program that uses a bit of everything, while the kernel's memory ends after the first block, the
 * second, and so on: calls may fail, but nothing is lost or used after its end, and afterwards all works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mm/pages.h"
#include "task/task.h"

#include <asm/poll.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>

enum { MOST_BLOCKS = 2000, DESCRIPTORS = 40, SLACK = 16 };

static uint64_t memory;
static unsigned succeeded, failed;

static int64_t count(int64_t result)
{
	if (result < 0)
		failed++;
	else
		succeeded++;
	return result;
}

#define try_call(...) count(call(__VA_ARGS__))

static uint64_t text(unsigned place, const char *what)
{
	program_write(memory + 256 * place, what, strlen(what) + 1);
	return memory + 256 * place;
}

static uint64_t words(unsigned place, uint64_t first, uint64_t second_word)
{
	const uint64_t both[] = { first, second_word, 0, 0 };

	program_write(memory + 256 * place, both, sizeof both);
	return memory + 256 * place;
}

/* ---- a bit of everything ---- */

static void use_names(void)
{
	const uint64_t file = (uint64_t)try_call(SYS_open, text(0, "/tmp/f"), O_CREAT | O_RDWR, 0644);

	try_call(SYS_mkdir, text(0, "/tmp/d"), 0755);
	try_call(SYS_symlink, text(0, "/tmp/f"), text(1, "/tmp/d/l"));
	try_call(SYS_link, text(0, "/tmp/f"), text(1, "/tmp/d/g"));
	try_call(SYS_open, text(0, "/tmp/d/../d/l"), O_CREAT | O_RDWR, 0644);
	try_call(SYS_rename, text(0, "/tmp/d/g"), text(1, "/tmp/h"));
	try_call(SYS_renameat2, (uint64_t)AT_FDCWD, text(0, "/tmp/h"), (uint64_t)AT_FDCWD,
		 text(1, "/tmp/d/l"), RENAME_EXCHANGE);
	try_call(SYS_readlink, text(0, "/tmp/h"), memory + 2048, 100);
	try_call(SYS_stat, text(0, "/tmp/f"), memory + 2048);
	try_call(SYS_chdir, text(0, "/tmp/d"));
	try_call(SYS_getcwd, memory + 2048, 100);
	try_call(SYS_chdir, text(0, "/"));
	try_call(SYS_getdents64, (uint64_t)try_call(SYS_open, text(0, "/tmp"), O_RDONLY, 0), memory + 2048,
		 1024);
	try_call(SYS_read, (uint64_t)try_call(SYS_open, text(0, "/proc/self/maps"), O_RDONLY, 0),
		 memory + 2048, 1024);
	try_call(SYS_pwrite64, file, memory, 4096, 5 * PAGE_SIZE);
	try_call(SYS_flock, file, LOCK_EX);
	try_call(SYS_sendfile, (uint64_t)try_call(SYS_memfd_create, text(0, "m"), 0), file, 0, 100);
	try_call(SYS_mmap, 0, 6 * PAGE_SIZE, 3, 1 /* shared */, file, 0);
}

static void use_memory(void)
{
	const uint64_t at = (uint64_t)try_call(SYS_mmap, 0, 20 * PAGE_SIZE, 3, 0x22, (uint64_t)-1, 0);

	try_call(SYS_mmap, 0, 20 * PAGE_SIZE, 3, 0x21 /* shared */, (uint64_t)-1, 0);
	if (at > ARCH_USER_END)
		return;
	try_call(SYS_mprotect, at + 2 * PAGE_SIZE, PAGE_SIZE, 1);
	try_call(SYS_mremap, at + 4 * PAGE_SIZE, PAGE_SIZE, 9 * PAGE_SIZE, 1, 0);
	try_call(SYS_munmap, at + 7 * PAGE_SIZE, PAGE_SIZE);
	try_call(SYS_madvise, at, PAGE_SIZE, 4);
	try_call(SYS_mlock, at, PAGE_SIZE);
	try_call(SYS_brk, (uint64_t)call(SYS_brk, 0) + 3 * PAGE_SIZE);
}

static void use_events(void)
{
	const uint64_t set = (uint64_t)try_call(SYS_epoll_create1, 0);
	const uint64_t counter = (uint64_t)try_call(SYS_eventfd2, 1, 0);
	const struct __kernel_timespec soon = { 0, 1000 };
	int32_t ends[2] = { -1, -1 };

	program_write(memory + 2048, ends, sizeof ends);
	try_call(SYS_pipe2, memory + 2048, O_NONBLOCK);
	program_read(memory + 2048, ends, sizeof ends);
	try_call(SYS_write, (uint64_t)ends[1], memory, 100);
	try_call(SYS_fcntl, (uint64_t)ends[1], F_SETPIPE_SZ, 8192);
	try_call(SYS_epoll_ctl, set, 1, counter, words(2, 1, 0));
	try_call(SYS_epoll_ctl, set, 1, (uint64_t)ends[0], words(2, 1, 0));
	try_call(SYS_epoll_wait, set, memory + 2048, 4, 0);
	try_call(SYS_poll, words(2, counter | (uint64_t)POLLIN << 32, 0), 1, 0);
	try_call(SYS_timerfd_create, 1, 0);
	try_call(SYS_signalfd4, (uint64_t)-1, words(2, 1, 0), 8, 0);
	program_write(memory + 2048, &soon, sizeof soon);
	try_call(SYS_nanosleep, memory + 2048, 0);
	try_call(SYS_dup2, counter, 35);
}

static void on_signal(int number, uint64_t info, uint64_t context)
{
	(void)number;
	(void)info;
	(void)context;
}

static void ends_at_once(void *argument)
{
	(void)argument;
}

static void use_threads(void)
{
	const int64_t every[] = { 0, 1000, 0, 1000 };
	const uint64_t process = (uint64_t)call(SYS_getpid, 0);

	count(program_clone(0x10f00 /* of a thread */, 0, 0, 0, ends_at_once, NULL));
	try_call(SYS_tgkill, process, process, 40);
	try_call(SYS_rt_sigqueueinfo, process, 41, words(2, 0xffffffff00000000, 0));
	if (try_call(SYS_timer_create, 1, 0, memory + 2048) == 0) {
		const uint64_t id = program_load(memory + 2048);

		program_write(memory + 2048, every, sizeof every);
		try_call(SYS_timer_settime, id, 0, memory + 2048, 0);
		try_call(SYS_timer_delete, id);
	}
	try_call(SYS_setitimer, 0, memory + 3000, 0);
	try_call(SYS_futex, memory, FUTEX_WAKE, 1, 0, 0, 0);
	/* The thread's turn. */
	for (unsigned i = 0; i < 4; i++)
		(void)call(SYS_sched_yield, 0);
}

/* ---- and away with it ---- */

static void clean_up(uint64_t low, uint64_t heap)
{
	static const char *const names[] = { "/tmp/f", "/tmp/h", "/tmp/d/l", "/tmp/d/g" };

	(void)call(SYS_chdir, text(0, "/"));
	for (uint64_t i = 3; i < DESCRIPTORS; i++)
		(void)call(SYS_close, i);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)call(SYS_unlink, text(0, names[i]));
	(void)call(SYS_rmdir, text(0, "/tmp/d"));
	(void)call(SYS_munlock, ARCH_USER_BEGIN, low - ARCH_USER_BEGIN);
	/* All that was mapped since is below what was mapped before. */
	(void)call(SYS_munmap, ARCH_USER_BEGIN, low - ARCH_USER_BEGIN);
	(void)call(SYS_brk, heap);
}

static void use_everything(void)
{
	use_names();
	use_memory();
	use_events();
	use_threads();
}

PROGRAM_CASE(test_memory_ends_after_each_block)
{
	const uint64_t heap = (uint64_t)call(SYS_brk, 0);
	size_t pages, blocks;
	uint64_t low;
	long i = 0;

	memory = program_map(4 * PAGE_SIZE);
	for (int number = 40; number <= 41; number++)
		program_handle(number, on_signal, 0, 0);
	low = memory;
	/* Once, so that tables have the size that they need. */
	use_everything();
	clean_up(low, heap);
	use_everything();
	CHECK_IS(failed, 0);
	clean_up(low, heap);
	pages = pages_free();
	blocks = machine_blocks();
	for (;; i++) {
		CHECK(i < MOST_BLOCKS);
		succeeded = failed = 0;
		machine_mallocs = i;
		use_everything();
		if (machine_mallocs > 0)
			break;
		machine_mallocs = -1;
		clean_up(low, heap);
		CHECK_IS(machine_blocks(), blocks);
		CHECK(pages_free() + SLACK >= pages && pages_free() <= pages + SLACK);
	}
	CHECK(i > 50);
	CHECK_IS(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_ends_after_each_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
