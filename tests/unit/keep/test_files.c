/* SPDX-License-Identifier: ISC */
/* test_files.c - paths, tmpfs, descriptors and pipes, through the system calls of a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "machine.h"

#include "mapped_file.h"
#include "mm/space.h"
#include "task/task.h"

#include <asm/poll.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/syscall.h>

enum { MILLISECOND = 1000000, BUFFER = 16 * PAGE_SIZE };

/* Linux's struct stat. */
struct status {
	uint64_t device, inode, links;
	uint32_t mode, owner, group, padding;
	uint64_t special;
	int64_t size, block_size, blocks, times[6], unused[3];
};

static uint64_t buffer, names[2];

static void start(void)
{
	buffer = program_map(BUFFER);
	names[0] = program_map(2 * PAGE_SIZE);
	names[1] = program_map(2 * PAGE_SIZE);
	CHECK_IS(call(SYS_chdir, (program_write(names[0], "/tmp", 5), names[0])), 0);
}

static uint64_t name(const char *text)
{
	program_write(names[0], text, strlen(text) + 1);
	return names[0];
}

static uint64_t second(const char *text)
{
	program_write(names[1], text, strlen(text) + 1);
	return names[1];
}

static int64_t open_file(const char *path, int flags)
{
	return call(SYS_open, name(path), (uint64_t)(unsigned)flags, 0644);
}

static void make_file(const char *path, const char *contents)
{
	const int64_t file = open_file(path, O_CREAT | O_WRONLY | O_TRUNC);

	CHECK(file >= 0);
	program_write(buffer, contents, strlen(contents));
	CHECK_IS(call(SYS_write, (uint64_t)file, buffer, strlen(contents)), strlen(contents));
	CHECK_IS(call(SYS_close, (uint64_t)file), 0);
}

static int64_t make_directory(const char *path)
{
	return call(SYS_mkdir, name(path), 0755);
}

static int64_t make_link(const char *target, const char *path)
{
	return call(SYS_symlink, second(target), name(path));
}

static int64_t rename_to(const char *from, const char *to)
{
	return call(SYS_rename, name(from), second(to));
}

static struct status status_of(const char *path)
{
	struct status status;

	CHECK_IS(call(SYS_lstat, name(path), buffer), 0);
	program_read(buffer, &status, sizeof status);
	return status;
}

static void check_contents(const char *path, const char *expected)
{
	char text[256] = { 0 };
	const int64_t file = open_file(path, O_RDONLY);

	if (file < 0)
		machine_fail("%s: cannot open: %ld", path, (long)file);
	CHECK_IS(call(SYS_read, (uint64_t)file, buffer, 255), strlen(expected));
	program_read(buffer, text, strlen(expected));
	CHECK(!strcmp(text, expected));
	CHECK_IS(call(SYS_close, (uint64_t)file), 0);
}

/* ---- paths ---- */

PROGRAM_CASE(test_paths_lead_where_linux_says)
{
	static const struct {
		const char *path;
		int64_t error;
	} paths[] = {
		{ "d/f", 0 },
		{ "/tmp/d/f", 0 },
		{ "d//f", 0 },
		{ "./d/./f", 0 },
		{ "d/../d/f", 0 },
		{ "../tmp/d/f", 0 },
		{ "../../../tmp/d/f", 0 },
		{ "to_d/f", 0 },
		{ "to_d/../d/f", 0 },
		{ "to_f", 0 },
		{ "d/up/d/f", 0 },
		{ "", -ENOENT },
		{ "no", -ENOENT },
		{ "no/f", -ENOENT },
		{ "d/no", -ENOENT },
		{ "d/f/x", -ENOTDIR },
		{ "d/f/", -ENOTDIR },
		{ "d/f/.", -ENOTDIR },
		{ "d/f/..", -ENOTDIR },
		{ "to_f/", -ENOTDIR },
		{ "dangling", -ENOENT },
		{ "circle", -ELOOP },
		{ "circle/x", -ELOOP },
	};
	char longest[NAME_MAX + 3];

	start();
	CHECK_IS(make_directory("d"), 0);
	make_file("d/f", "contents");
	CHECK_IS(make_link("d", "to_d"), 0);
	CHECK_IS(make_link("to_d/f", "to_f"), 0);
	CHECK_IS(make_link("..", "d/up"), 0);
	CHECK_IS(make_link("nowhere", "dangling"), 0);
	CHECK_IS(make_link("circle", "circle"), 0);
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		const int64_t result = open_file(paths[i].path, O_RDONLY);

		if (paths[i].error ? result != paths[i].error : result < 0)
			machine_fail("%s: %ld", paths[i].path, (long)result);
	}
	memset(longest, 'x', sizeof longest);
	longest[NAME_MAX + 1] = '\0';
	CHECK_IS(open_file(longest, O_CREAT | O_RDWR), -ENAMETOOLONG);
	longest[NAME_MAX] = '\0';
	CHECK(open_file(longest, O_CREAT | O_RDWR) > 0);
	CHECK_IS(call(SYS_open, 8, 0, 0), -EFAULT);
}

PROGRAM_CASE(test_a_chain_of_links_has_an_end)
{
	char from[16], to[16];

	start();
	make_file("l0", "end");
	for (unsigned i = 1; i <= 41; i++) {
		snprintf(from, sizeof from, "l%u", i);
		snprintf(to, sizeof to, "l%u", i - 1);
		CHECK_IS(make_link(to, from), 0);
	}
	check_contents("l40", "end");
	CHECK_IS(open_file("l41", O_RDONLY), -ELOOP);
	CHECK(open_file("l40", O_CREAT | O_RDONLY) > 0);
	CHECK_IS(open_file("l41", O_CREAT | O_RDONLY), -ELOOP);
}

PROGRAM_CASE(test_paths_have_a_longest)
{
	static char path[PAGE_SIZE + 8];

	start();
	memset(path, '/', sizeof path);
	path[4095] = '\0';
	CHECK(open_file(path, O_RDONLY) > 0);
	path[4095] = '/';
	path[4096] = '\0';
	CHECK_IS(open_file(path, O_RDONLY), -ENAMETOOLONG);
}

PROGRAM_CASE(test_opening_makes_files)
{
	start();
	CHECK_IS(make_link("made", "to_made"), 0);
	CHECK_IS(open_file("to_made", O_CREAT | O_EXCL | O_WRONLY), -EEXIST);
	CHECK_IS(open_file("to_made", O_CREAT | O_NOFOLLOW | O_WRONLY), -ELOOP);
	make_file("to_made", "through a link");
	check_contents("made", "through a link");
	CHECK_IS(open_file("made", O_CREAT | O_EXCL | O_WRONLY), -EEXIST);
	CHECK_IS(open_file("made/", O_CREAT | O_WRONLY), -EISDIR);
	CHECK_IS(open_file("new/", O_CREAT | O_WRONLY), -EISDIR);
	CHECK_IS(open_file("no/new", O_CREAT | O_WRONLY), -ENOENT);
	CHECK_IS(open_file("made/new", O_CREAT | O_WRONLY), -ENOTDIR);
	CHECK_IS(open_file(".", O_WRONLY), -EISDIR);
	CHECK_IS(open_file(".", O_CREAT | O_RDONLY), -EISDIR);
	CHECK_IS(open_file("made", O_DIRECTORY), -ENOTDIR);
	CHECK_IS(open_file("to_made", O_NOFOLLOW), -ELOOP);
	CHECK_IS(status_of("made").mode, S_IFREG | 0644);
}

PROGRAM_CASE(test_names_are_made_and_removed)
{
	start();
	CHECK_IS(make_directory("d/"), 0);
	CHECK_IS(make_directory("d"), -EEXIST);
	CHECK_IS(make_directory("."), -EEXIST);
	CHECK_IS(make_directory("no/d"), -ENOENT);
	make_file("d/f", "");
	CHECK_IS(call(SYS_rmdir, name("d")), -ENOTEMPTY);
	CHECK_IS(call(SYS_rmdir, name("d/f")), -ENOTDIR);
	CHECK_IS(call(SYS_unlink, name("d")), -EISDIR);
	CHECK_IS(call(SYS_unlink, name("d/no")), -ENOENT);
	CHECK_IS(call(SYS_rmdir, name("d/.")), -EINVAL);
	CHECK_IS(call(SYS_rmdir, name("d/..")), -ENOTEMPTY);
	CHECK_IS(call(SYS_link, name("d/f"), second("g")), 0);
	CHECK_IS(status_of("g").links, 2);
	CHECK_IS(call(SYS_link, name("d"), second("e")), -EPERM);
	CHECK_IS(call(SYS_unlink, name("d/f")), 0);
	CHECK_IS(status_of("g").links, 1);
	CHECK_IS(call(SYS_rmdir, name("d")), 0);
	CHECK_IS(call(SYS_unlink, name("g")), 0);
	CHECK_IS(open_file("g", O_RDONLY), -ENOENT);
}

PROGRAM_CASE(test_names_change)
{
	start();
	make_file("f", "f");
	make_file("g", "g");
	CHECK_IS(make_directory("d"), 0);
	CHECK_IS(make_directory("d/e"), 0);
	CHECK_IS(make_directory("h"), 0);
	CHECK_IS(rename_to("f", "g"), 0);
	check_contents("g", "f");
	CHECK_IS(open_file("f", O_RDONLY), -ENOENT);
	CHECK_IS(rename_to("g", "d"), -EISDIR);
	CHECK_IS(rename_to("d", "g"), -ENOTDIR);
	CHECK_IS(rename_to("h", "d"), -ENOTEMPTY);
	CHECK_IS(rename_to("d", "d/e/x"), -EINVAL);
	CHECK_IS(rename_to("d", "d"), 0);
	CHECK_IS(rename_to("d", "h"), 0);
	CHECK_IS(rename_to("g", "h/e/g"), 0);
	check_contents("h/e/g", "f");
	CHECK_IS(status_of("h").links, 3);
	CHECK_IS(rename_to("h/e", "e"), 0);
	CHECK_IS(status_of("h").links, 2);
	CHECK_IS(call(SYS_renameat2, (uint64_t)AT_FDCWD, name("h"), (uint64_t)AT_FDCWD, second("e"),
		      RENAME_NOREPLACE),
		 -EEXIST);
	CHECK_IS(call(SYS_renameat2, (uint64_t)AT_FDCWD, name("h"), (uint64_t)AT_FDCWD, second("e"),
		      RENAME_EXCHANGE),
		 0);
	check_contents("h/g", "f");
	CHECK_IS(call(SYS_renameat2, (uint64_t)AT_FDCWD, name("h"), (uint64_t)AT_FDCWD, second("e/x"),
		      RENAME_EXCHANGE),
		 -ENOENT);
	CHECK_IS(rename_to("h", "e/h"), 0);
	CHECK_IS(rename_to("e", "e/h/e"), -EINVAL);
}

/* Deeper than any recursion in a kernel may go. */
PROGRAM_CASE(test_directories_may_lie_deep)
{
	enum { DEPTH = 3000 };

	start();
	for (unsigned i = 0; i < DEPTH; i++) {
		CHECK_IS(make_directory("d"), 0);
		CHECK_IS(call(SYS_chdir, name("d")), 0);
	}
	make_file("f", "deep");
	check_contents("f", "deep");
	CHECK_IS(call(SYS_getcwd, buffer, BUFFER), -ENAMETOOLONG);
	CHECK_IS(call(SYS_renameat, (uint64_t)AT_FDCWD, name("/tmp/d/d"), (uint64_t)AT_FDCWD, second("x")),
		 -EINVAL);
	CHECK_IS(rename_to("/tmp/d", "/tmp/e"), 0);
	check_contents("../d/f", "deep");
	CHECK_IS(call(SYS_chdir, name("/")), 0);
}

PROGRAM_CASE(test_a_removed_directory_is_still_one)
{
	start();
	CHECK_IS(make_directory("d"), 0);
	CHECK_IS(make_directory("d/e"), 0);
	CHECK_IS(call(SYS_chdir, name("d/e")), 0);
	CHECK_IS(call(SYS_rmdir, name("../e")), 0);
	CHECK_IS(call(SYS_rmdir, name("../../d")), 0);
	CHECK_IS(open_file("f", O_CREAT | O_RDWR), -ENOENT);
	CHECK_IS(make_directory("x"), -ENOENT);
	CHECK_IS(rename_to("/tmp", "x"), -EXDEV);
	make_file("/tmp/f", "f");
	CHECK_IS(rename_to("/tmp/f", "x"), -ENOENT);
	CHECK_IS(make_directory("/tmp/g"), 0);
	CHECK_IS(rename_to("/tmp/g", "x"), -ENOENT);
	CHECK_IS(call(SYS_getcwd, buffer, BUFFER), -ENOENT);
	CHECK(open_file(".", O_RDONLY) > 0);
	CHECK(open_file("..", O_RDONLY) > 0);
}

/* Linux's struct linux_dirent64. */
struct listed {
	uint64_t inode, next;
	uint16_t length;
	uint8_t kind;
	char name[];
};

PROGRAM_CASE(test_a_list_has_each_name_once_while_names_come_and_go)
{
	enum { FILES = 50 };
	static char bytes[256];
	bool seen[FILES] = { false };
	char text[16];
	int64_t directory, length;
	unsigned count = 0;

	start();
	CHECK_IS(make_directory("d"), 0);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(text, sizeof text, "d/%u", i);
		make_file(text, "");
	}
	directory = open_file("d", O_RDONLY);
	while ((length = call(SYS_getdents64, (uint64_t)directory, buffer, sizeof bytes)) > 0) {
		program_read(buffer, bytes, sizeof bytes);
		for (int64_t at = 0; at < length;) {
			const struct listed *one = (const struct listed *)(bytes + at);

			at += one->length;
			if (one->name[0] == '.')
				continue;
			CHECK(!seen[atoi(one->name)]);
			seen[atoi(one->name)] = true;
			count++;
			snprintf(text, sizeof text, "d/%s", one->name);
			CHECK_IS(call(SYS_unlink, name(text)), 0);
		}
	}
	CHECK_IS(length, 0);
	CHECK_IS(count, FILES);
	CHECK_IS(call(SYS_rmdir, name("d")), 0);
	CHECK_IS(call(SYS_getdents64, (uint64_t)directory, buffer, 8), 0);
}

/* ---- contents ---- */

PROGRAM_CASE(test_contents_with_holes)
{
	char text[8];
	uint64_t file;

	start();
	file = (uint64_t)open_file("f", O_CREAT | O_RDWR);
	program_write(buffer, "abcdef", 6);
	CHECK_IS(call(SYS_pwrite64, file, buffer, 6, 3 * PAGE_SIZE - 3), 6);
	CHECK_IS(call(SYS_lseek, file, 0, SEEK_END), 3 * PAGE_SIZE + 3);
	CHECK_IS(call(SYS_lseek, file, 0, SEEK_DATA), 2 * PAGE_SIZE);
	CHECK_IS(call(SYS_lseek, file, 2 * PAGE_SIZE, SEEK_HOLE), 3 * PAGE_SIZE + 3);
	CHECK_IS(call(SYS_lseek, file, 4 * PAGE_SIZE, SEEK_DATA), -ENXIO);
	CHECK_IS(call(SYS_lseek, file, (uint64_t)-1, SEEK_SET), -EINVAL);
	CHECK_IS(call(SYS_pread64, file, buffer, 8, 3 * PAGE_SIZE - 5), 8);
	program_read(buffer, text, 8);
	CHECK(!memcmp(text, "\0\0abcdef", 8));
	CHECK_IS(call(SYS_pread64, file, buffer, 8, 100 * PAGE_SIZE), 0);
	CHECK_IS(call(SYS_pread64, file, buffer, 8, (uint64_t)-8), -EINVAL);
	/* Cut, and longer again: what was behind the end is zero. */
	CHECK_IS(call(SYS_ftruncate, file, 3 * PAGE_SIZE - 1), 0);
	CHECK_IS(call(SYS_ftruncate, file, 3 * PAGE_SIZE + 3), 0);
	CHECK_IS(call(SYS_pread64, file, buffer, 6, 3 * PAGE_SIZE - 3), 6);
	program_read(buffer, text, 6);
	CHECK(!memcmp(text, "ab\0\0\0\0", 6));
	CHECK_IS(call(SYS_fallocate, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE_SIZE), 0);
	CHECK_IS(call(SYS_lseek, file, 0, SEEK_DATA), -ENXIO);
	/* There may be pages behind the end, too. */
	CHECK_IS(call(SYS_fallocate, file, FALLOC_FL_KEEP_SIZE, 9 * PAGE_SIZE, 2 * PAGE_SIZE), 0);
	CHECK_IS(
		call(SYS_fallocate, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 9 * PAGE_SIZE + 1, 100),
		0);
	CHECK_IS(call(SYS_fallocate, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 9 * PAGE_SIZE + 1,
		      INT32_MAX),
		 0);
	CHECK_IS(call(SYS_lseek, file, 0, SEEK_END), 3 * PAGE_SIZE + 3);
	CHECK_IS(call(SYS_ftruncate, file, (uint64_t)-1), -EINVAL);
	CHECK_IS(call(SYS_ftruncate, file, INT64_MAX), -EFBIG);
}

PROGRAM_CASE(test_a_mapping_and_a_file_are_one)
{
	uint64_t file, shared, private;

	start();
	make_file("f", "0123456789");
	file = (uint64_t)open_file("f", O_RDWR);
	shared = (uint64_t)call(SYS_mmap, 0, PAGE_SIZE, 3, 1 /* MAP_SHARED */, file, 0);
	private = (uint64_t)call(SYS_mmap, 0, PAGE_SIZE, 3, 2 /* MAP_PRIVATE */, file, 0);
	program_write(shared + 2, "XY", 2);
	check_contents("f", "01XY456789");
	program_write(private, "Z", 1);
	program_write(buffer, "W", 1);
	CHECK_IS(call(SYS_pwrite64, file, buffer, 1, 1), 1);
	CHECK_IS(program_load(shared) >> 8 & 0xff, 'W');
	CHECK_IS(program_load(private) & 0xffff, 'Z' | '1' << 8);
	check_contents("f", "0WXY456789");
	CHECK_IS(call(SYS_close, file), 0);
	CHECK_IS(call(SYS_unlink, name("f")), 0);
	CHECK_IS(program_load(shared) & 0xff, '0');
}

PROGRAM_CASE(test_appending_and_removed_files)
{
	uint64_t file;

	start();
	make_file("f", "one");
	file = (uint64_t)open_file("f", O_RDWR | O_APPEND);
	program_write(buffer, "two", 3);
	CHECK_IS(call(SYS_write, file, buffer, 3), 3);
	check_contents("f", "onetwo");
	CHECK_IS(call(SYS_unlink, name("f")), 0);
	CHECK_IS(call(SYS_pread64, file, buffer, 10, 0), 6);
	CHECK_IS(call(SYS_write, file, buffer, 6), 6);
	CHECK_IS(call(SYS_lseek, file, 0, SEEK_END), 12);
}

PROGRAM_CASE(test_bad_memory_of_programs)
{
	uint64_t file;

	start();
	file = (uint64_t)open_file("f", O_CREAT | O_RDWR);
	CHECK_IS(call(SYS_munmap, buffer + PAGE_SIZE, PAGE_SIZE), 0);
	CHECK_IS(call(SYS_write, file, buffer + PAGE_SIZE - 10, 20), 10);
	CHECK_IS(call(SYS_write, file, buffer + PAGE_SIZE, 20), -EFAULT);
	CHECK_IS(call(SYS_pread64, file, buffer + PAGE_SIZE - 4, 10, 0), 4);
	CHECK_IS(call(SYS_pread64, file, 0, 10, 0), -EFAULT);
	CHECK_IS(call(SYS_read, file, ARCH_USER_END, 10), 0); /* at the end of the file */
	CHECK_IS(call(SYS_write, file, UINT64_MAX - 4, 10), -EFAULT);
}

/* ---- a copy that sleeps ---- */

static struct mapped_file slow;
static uint64_t slow_memory;

/* As if the page came from the host: others run for a while. */
static void takes_time(void)
{
	for (unsigned i = 0; i < 20; i++)
		task_yield();
}

/* Memory of a file whose pages come one by one, and slowly. */
static void make_slow(void)
{
	struct file *file;

	kernel_lock();
	file = mapped_file_create(&slow, 20, UINT64_C(0x4142434445464748), true, O_RDWR);
	slow_memory = (uint64_t)space_map(current_process()->space, 0, PAGE_SIZE, 3, 0, file, 0);
	slow.before_page = takes_time;
	kernel_unlock();
}

static uint64_t file_of_test;
static bool is_done;

static void writes_slowly(void *argument)
{
	(void)argument;
	CHECK_IS(call(SYS_pwrite64, file_of_test, slow_memory, 8, 5 * PAGE_SIZE), 8);
	is_done = true;
}

PROGRAM_CASE(test_a_file_is_cut_while_it_is_written)
{
	enum { OTHERS = 2500 };
	struct page *others[OTHERS];

	start();
	make_slow();
	file_of_test = (uint64_t)open_file("f", O_CREAT | O_RDWR);
	CHECK_IS(call(SYS_ftruncate, file_of_test, 6 * PAGE_SIZE), 0);
	program_start(writes_slowly, NULL);
	(void)call(SYS_sched_yield, 0);
	CHECK(!is_done);
	CHECK_IS(call(SYS_ftruncate, file_of_test, 0), 0);
	/* Whoever gets the memory next has it alone. */
	for (size_t i = 0; i < OTHERS; i++) {
		others[i] = page_alloc(PAGES_KERNEL, true);
		CHECK(others[i]);
	}
	while (!is_done)
		(void)call(SYS_sched_yield, 0);
	for (size_t i = 0; i < OTHERS; i++)
		CHECK(!*(uint64_t *)page_memory(others[i]));
}

static void reads_slowly(void *argument)
{
	(void)argument;
	CHECK_IS(call(SYS_pread64, file_of_test, slow_memory, 8, 5 * PAGE_SIZE), 8);
	is_done = true;
}

PROGRAM_CASE(test_a_file_is_cut_while_it_is_read)
{
	uint64_t other;

	start();
	make_slow();
	file_of_test = (uint64_t)open_file("f", O_CREAT | O_RDWR);
	program_write(buffer, "datadata", 8);
	CHECK_IS(call(SYS_pwrite64, file_of_test, buffer, 8, 5 * PAGE_SIZE), 8);
	program_start(reads_slowly, NULL);
	(void)call(SYS_sched_yield, 0);
	CHECK(!is_done);
	CHECK_IS(call(SYS_ftruncate, file_of_test, 0), 0);
	other = program_map(PAGE_SIZE);
	program_store(other, 0x12345678);
	while (!is_done)
		(void)call(SYS_sched_yield, 0);
	CHECK_IS(program_load(slow_memory), 0x61746164);
}

/* ---- from file to file ---- */

static uint64_t ends[2];

static void make_pipe(unsigned flags)
{
	int32_t numbers[2];

	CHECK_IS(call(SYS_pipe2, buffer, flags), 0);
	program_read(buffer, numbers, sizeof numbers);
	ends[0] = (uint64_t)numbers[0];
	ends[1] = (uint64_t)numbers[1];
}

static unsigned signals;

static void on_signal(int number, uint64_t info, uint64_t context)
{
	(void)number;
	(void)info;
	(void)context;
	signals++;
}

PROGRAM_CASE(test_files_are_copied_within_the_kernel)
{
	uint64_t from, to;

	start();
	make_file("f", "0123456789");
	from = (uint64_t)open_file("f", O_RDWR);
	to = (uint64_t)open_file("g", O_CREAT | O_RDWR);
	CHECK_IS(call(SYS_sendfile, to, from, 0, 4), 4);
	program_write(buffer, (const uint64_t[1]){ 6 }, 8);
	CHECK_IS(call(SYS_sendfile, to, from, buffer, 100), 4);
	CHECK_IS(program_load(buffer), 10);
	CHECK_IS(call(SYS_lseek, from, 0, SEEK_CUR), 4);
	check_contents("g", "01236789");
	CHECK_IS(call(SYS_copy_file_range, from, 0, to, 0, 2, 0), 2);
	check_contents("g", "0123678945");
	/* Not over itself, and not what is no file. */
	program_write(buffer, (const uint64_t[2]){ 0, 3 }, 16);
	CHECK_IS(call(SYS_copy_file_range, from, buffer, from, buffer + 8, 5, 0), -EINVAL);
	CHECK_IS(call(SYS_copy_file_range, from, buffer, from, buffer + 8, 3, 0), 3);
	make_pipe(O_NONBLOCK);
	CHECK_IS(call(SYS_copy_file_range, from, 0, ends[1], 0, 5, 0), -EINVAL);
	CHECK_IS(call(SYS_sendfile, ends[1], from, 0, 2), 2);
	CHECK_IS(call(SYS_sendfile, to, ends[0], 0, 2), -EINVAL);
	CHECK_IS(call(SYS_sendfile, to, (uint64_t)call(SYS_eventfd2, 1, 1), 0, 100), -EINVAL);
	CHECK_IS(call(SYS_sendfile, from, to, 8, 2), -EFAULT);
}

PROGRAM_CASE(test_a_long_copy_ends_for_a_signal)
{
	const int64_t soon[] = { 0, 0, 0, 1000 };
	const uint64_t all = UINT64_C(1) << 40;
	uint64_t from, to;
	int64_t result;

	start();
	program_handle(SIGALRM, on_signal, 0, 0);
	from = (uint64_t)open_file("/dev/zero", O_RDONLY);
	to = (uint64_t)open_file("/dev/null", O_WRONLY);
	program_write(buffer, soon, sizeof soon);
	CHECK_IS(call(SYS_setitimer, 0, buffer, 0), 0);
	result = call(SYS_sendfile, to, from, 0, all);
	CHECK(result > 0 && result < INT32_MAX);
	CHECK_IS(signals, 1);
}

/* ---- descriptors ---- */

PROGRAM_CASE(test_descriptors_are_the_lowest_numbers)
{
	start();
	CHECK_IS(open_file("/dev/null", O_RDONLY), 3);
	CHECK_IS(open_file("/dev/null", O_RDONLY), 4);
	CHECK_IS(open_file("/dev/null", O_RDONLY | O_CLOEXEC), 5);
	CHECK_IS(call(SYS_close, 3), 0);
	CHECK_IS(call(SYS_close, 3), -EBADF);
	CHECK_IS(call(SYS_dup, 4), 3);
	CHECK_IS(call(SYS_dup2, 4, 100), 100);
	CHECK_IS(call(SYS_dup2, 4, 4), 4);
	CHECK_IS(call(SYS_dup3, 4, 4, 0), -EINVAL);
	CHECK_IS(call(SYS_dup2, 99, 4), -EBADF);
	CHECK_IS(call(SYS_dup2, 4, 100000), -EBADF);
	CHECK_IS(call(SYS_fcntl, 4, F_DUPFD, 50), 50);
	CHECK_IS(call(SYS_fcntl, 4, F_DUPFD, 50), 51);
	CHECK_IS(call(SYS_fcntl, 4, F_DUPFD, 1 << 20), -EINVAL);
	CHECK_IS(call(SYS_fcntl, 5, F_GETFD, 0), FD_CLOEXEC);
	CHECK_IS(call(SYS_fcntl, 51, F_GETFD, 0), 0);
	CHECK_IS(call(SYS_fcntl, 99, F_GETFD, 0), -EBADF);
	CHECK_IS(call(SYS_read, (uint64_t)-1, buffer, 1), -EBADF);
	CHECK_IS(call(SYS_read, UINT64_C(0x100000004), buffer, 1), 0); /* 32 bits of it count */
}

PROGRAM_CASE(test_descriptors_run_out)
{
	int64_t result = 0;
	unsigned count = 0;

	start();
	while ((result = open_file("/dev/null", O_RDONLY)) >= 0)
		CHECK_IS(result, 3 + count++);
	CHECK_IS(result, -EMFILE);
	CHECK_IS(count, 1024 - 3);
	CHECK_IS(call(SYS_pipe, buffer), -EMFILE);
	CHECK_IS(call(SYS_close, 500), 0);
	CHECK_IS(call(SYS_pipe, buffer), -EMFILE); /* it needs two */
	CHECK_IS(open_file("/dev/null", O_RDONLY), 500);
}

/* ---- pipes ---- */

static int16_t poll_of(uint64_t descriptor)
{
	struct {
		int32_t descriptor;
		int16_t events, found;
	} request = { (int32_t)descriptor, POLLIN | POLLOUT, 0 };

	program_write(buffer, &request, sizeof request);
	CHECK(call(SYS_poll, buffer, 1, 0) >= 0);
	program_read(buffer, &request, sizeof request);
	return request.found;
}

PROGRAM_CASE(test_a_pipe_from_end_to_end)
{
	char text[6] = { 0 };

	start();
	program_handle(SIGPIPE, on_signal, 0, 0);
	make_pipe(O_NONBLOCK);
	CHECK_IS(call(SYS_read, ends[0], buffer, 10), -EAGAIN);
	CHECK_IS(poll_of(ends[0]), 0);
	CHECK_IS(poll_of(ends[1]), POLLOUT);
	program_write(buffer, "hello", 5);
	CHECK_IS(call(SYS_write, ends[1], buffer, 5), 5);
	CHECK_IS(poll_of(ends[0]), POLLIN);
	CHECK_IS(call(SYS_read, ends[0], buffer + 100, 3), 3);
	CHECK_IS(call(SYS_read, ends[0], buffer + 103, 30), 2);
	program_read(buffer + 100, text, 5);
	CHECK(!strcmp(text, "hello"));
	CHECK_IS(call(SYS_write, ends[0], buffer, 1), -EBADF);
	CHECK_IS(call(SYS_read, ends[1], buffer, 1), -EBADF);
	CHECK_IS(call(SYS_lseek, ends[0], 0, 0), -ESPIPE);
	CHECK_IS(call(SYS_write, ends[1], buffer, BUFFER), BUFFER);
	CHECK_IS(call(SYS_write, ends[1], buffer, 1), -EAGAIN);
	CHECK_IS(poll_of(ends[1]), 0);
	CHECK_IS(call(SYS_read, ends[0], buffer, 100), 100);
	CHECK_IS(call(SYS_write, ends[1], buffer, 4096), -EAGAIN); /* as a whole, or not */
	CHECK_IS(call(SYS_write, ends[1], buffer, 5000), 100);
	CHECK_IS(call(SYS_close, ends[1]), 0);
	CHECK_IS(call(SYS_read, ends[0], buffer, BUFFER), BUFFER);
	CHECK_IS(call(SYS_read, ends[0], buffer, 1), 0);
	CHECK_IS(poll_of(ends[0]), POLLHUP);
	make_pipe(0);
	CHECK_IS(call(SYS_close, ends[0]), 0);
	CHECK_IS(poll_of(ends[1]), POLLOUT | POLLERR);
	CHECK_IS(call(SYS_write, ends[1], buffer, 1), -EPIPE);
	CHECK_IS(signals, 1);
}

enum { WRITERS = 4, RECORDS = 60, RECORD = 3000 };
static unsigned ended;

static void writes_records(void *argument)
{
	const uint64_t memory = program_map(RECORD);
	uint8_t bytes[RECORD];

	memset(bytes, (int)(uint64_t)argument + 1, sizeof bytes);
	program_write(memory, bytes, sizeof bytes);
	for (unsigned i = 0; i < RECORDS; i++)
		CHECK_IS(call(SYS_write, ends[1], memory, RECORD), RECORD);
	ended++;
}

/* What is not longer than PIPE_BUF stays together, whoever else writes. */
PROGRAM_CASE_ON(test_short_writes_are_not_mixed, .vcpus = 3, .seed = 7)
{
	static uint8_t bytes[RECORD];

	start();
	make_pipe(0);
	for (uint64_t i = 0; i < WRITERS; i++)
		program_start(writes_records, (void *)i);
	for (unsigned i = 0; i < WRITERS * RECORDS; i++) {
		for (size_t got = 0; got < RECORD;) {
			const int64_t part = call(SYS_read, ends[0], buffer + got, RECORD - got);

			CHECK(part > 0);
			got += (size_t)part;
		}
		program_read(buffer, bytes, RECORD);
		for (size_t j = 1; j < RECORD; j++)
			CHECK_IS(bytes[j], bytes[0]);
	}
	while (ended < WRITERS)
		(void)call(SYS_sched_yield, 0);
}

static void writes_into_the_pipe_slowly(void *argument)
{
	(void)argument;
	CHECK_IS(call(SYS_write, ends[1], slow_memory, 8), 8);
	is_done = true;
}

PROGRAM_CASE(test_a_pipe_changes_its_size_while_it_is_written)
{
	uint64_t word = 0;

	start();
	make_slow();
	make_pipe(0);
	program_start(writes_into_the_pipe_slowly, NULL);
	(void)call(SYS_sched_yield, 0);
	CHECK(!is_done);
	CHECK_IS(call(SYS_fcntl, ends[1], F_SETPIPE_SZ, 4096), 4096);
	while (!is_done)
		(void)call(SYS_sched_yield, 0);
	CHECK_IS(call(SYS_read, ends[0], buffer, 100), 8);
	program_read(buffer, &word, sizeof word);
	CHECK_IS(word, UINT64_C(0x4142434445464748));
	CHECK_IS(call(SYS_fcntl, ends[0], F_GETPIPE_SZ, 0), 4096);
}

static void reads_from_the_pipe_slowly(void *argument)
{
	(void)argument;
	CHECK_IS(call(SYS_read, ends[0], slow_memory, 8), 8);
	is_done = true;
}

/* Each byte is read once, also when the first reader's memory takes its time. */
PROGRAM_CASE(test_two_readers_get_different_bytes)
{
	char text[16];

	start();
	make_slow();
	make_pipe(0);
	program_write(buffer, "firstsixsecondss", 16);
	CHECK_IS(call(SYS_write, ends[1], buffer, 16), 16);
	program_start(reads_from_the_pipe_slowly, NULL);
	(void)call(SYS_sched_yield, 0);
	CHECK(!is_done);
	CHECK_IS(call(SYS_read, ends[0], buffer + 100, 8), 8);
	while (!is_done)
		(void)call(SYS_sched_yield, 0);
	program_read(slow_memory, text, 8);
	program_read(buffer + 100, text + 8, 8);
	CHECK(!memcmp(text, "firstsixsecondss", 16));
	CHECK_IS(poll_of(ends[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_lead_where_linux_says),
		cmocka_unit_test(test_a_chain_of_links_has_an_end),
		cmocka_unit_test(test_paths_have_a_longest),
		cmocka_unit_test(test_opening_makes_files),
		cmocka_unit_test(test_names_are_made_and_removed),
		cmocka_unit_test(test_names_change),
		cmocka_unit_test(test_directories_may_lie_deep),
		cmocka_unit_test(test_a_removed_directory_is_still_one),
		cmocka_unit_test(test_a_list_has_each_name_once_while_names_come_and_go),
		cmocka_unit_test(test_contents_with_holes),
		cmocka_unit_test(test_a_mapping_and_a_file_are_one),
		cmocka_unit_test(test_appending_and_removed_files),
		cmocka_unit_test(test_bad_memory_of_programs),
		cmocka_unit_test(test_a_file_is_cut_while_it_is_written),
		cmocka_unit_test(test_a_file_is_cut_while_it_is_read),
		cmocka_unit_test(test_files_are_copied_within_the_kernel),
		cmocka_unit_test(test_a_long_copy_ends_for_a_signal),
		cmocka_unit_test(test_descriptors_are_the_lowest_numbers),
		cmocka_unit_test(test_descriptors_run_out),
		cmocka_unit_test(test_a_pipe_from_end_to_end),
		cmocka_unit_test(test_short_writes_are_not_mixed),
		cmocka_unit_test(test_a_pipe_changes_its_size_while_it_is_written),
		cmocka_unit_test(test_two_readers_get_different_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
