/* SPDX-License-Identifier: ISC */
/* mappings.c - memory: anonymous, of files, shared and private; mremap, mprotect, madvise, brk; large and deep. */
#include "parts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char *map(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

static int make_file(const char *path, size_t size)
{
	const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	char block[PAGE];

	CHECK(file >= 0);
	for (size_t at = 0; at < size; at += PAGE) {
		const size_t length = size - at < PAGE ? size - at : PAGE;

		memset(block, (int)('a' + at / PAGE % 26), sizeof block);
		CHECK(write(file, block, length) == (ssize_t)length);
	}
	return file;
}

/* Does an access get SIGSEGV or SIGBUS, and which? */
static sigjmp_buf jump;
static volatile sig_atomic_t is_touching;

static void jump_out(int number)
{
	if (is_touching)
		siglongjmp(jump, number);
	signal(number, SIG_DFL);
}

static int touch(volatile char *at, bool write)
{
	const int number = sigsetjmp(jump, 1);

	is_touching = !number;
	if (!number) {
		if (write)
			*at = 'w';
		else
			(void)*at;
	}
	is_touching = false;
	return number;
}

/* ---- anonymous memory ---- */

static void anonymous(void)
{
	char *at = map(64 * PAGE);
	bool zero = true;

	for (size_t i = 0; i < 64 * PAGE; i++)
		zero = zero && !at[i];
	CHECK(zero);
	memset(at, 1, 64 * PAGE);
	CHECK(!munmap(at + 16 * PAGE, 16 * PAGE));
	CHECK(touch(at + 16 * PAGE, false) == SIGSEGV && touch(at + 32 * PAGE - 1, false) == SIGSEGV);
	CHECK(at[16 * PAGE - 1] == 1 && at[32 * PAGE] == 1);
	CHECK(mmap(at + 20 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      at + 20 * PAGE);
	CHECK(at[20 * PAGE] == 0 && touch(at + 20 * PAGE, true) == SIGSEGV);
	CHECK_ERROR(
		(intptr_t)mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		EEXIST);
	CHECK(!munmap(at, 64 * PAGE) && !munmap(at, 64 * PAGE));
	CHECK_ERROR((intptr_t)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERROR((intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERROR((intptr_t)mmap(NULL, (size_t)1 << 50, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		    ENOMEM);
	CHECK_ERROR(munmap(at + 1, PAGE), EINVAL);
}

static void protection(void)
{
	char *at = map(8 * PAGE);

	memset(at, 7, 8 * PAGE);
	CHECK(!mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ));
	CHECK(!touch(at + 2 * PAGE, false) && touch(at + 2 * PAGE, true) == SIGSEGV &&
	      !touch(at + 4 * PAGE, true));
	CHECK(!mprotect(at + 2 * PAGE, PAGE, PROT_NONE));
	CHECK(touch(at + 2 * PAGE, false) == SIGSEGV && !touch(at + 3 * PAGE, false));
	CHECK(!mprotect(at, 8 * PAGE, PROT_READ | PROT_WRITE));
	CHECK(at[2 * PAGE] == 7 && !touch(at + 2 * PAGE, true));
	CHECK_ERROR(mprotect(at + 1, PAGE, PROT_READ), EINVAL);
	munmap(at + 4 * PAGE, PAGE);
	CHECK_ERROR(mprotect(at, 8 * PAGE, PROT_READ), ENOMEM);
	munmap(at, 8 * PAGE);
}

/* Code that is written and then run. */
static void generated_code(void)
{
	const unsigned char code[] = { 0x8d, 0x04, 0x37, 0xc3 }; /* lea eax, [rdi + rsi]; ret */
	unsigned char *at = (unsigned char *)map(PAGE);
	int (*add)(int, int);

	memcpy(at, code, sizeof code);
	CHECK(!mprotect(at, PAGE, PROT_READ | PROT_EXEC));
	memcpy(&add, &at, sizeof add);
	CHECK(add(40, 2) == 42);
	CHECK(!mprotect(at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	at[1] = 0x44;
	at[2] = 0x37;
	at[3] = 1; /* lea eax, [rdi + rsi + 1] */
	at[4] = 0xc3;
	CHECK(add(40, 2) == 43);
	munmap(at, PAGE);
}

static void remapping(void)
{
	char *at = map(16 * PAGE);
	char *grown;
	char *place;

	for (int i = 0; i < 16; i++)
		at[i * PAGE] = (char)i;
	CHECK(mremap(at, 16 * PAGE, 8 * PAGE, 0) == at && touch(at + 8 * PAGE, false) == SIGSEGV);
	CHECK(mmap(at + 8 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      at + 8 * PAGE);
	CHECK_ERROR((intptr_t)mremap(at, 8 * PAGE, 32 * PAGE, 0), ENOMEM);
	grown = mremap(at, 8 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	CHECK(grown != MAP_FAILED && grown != at && touch(at, false) == SIGSEGV);
	for (int i = 0; i < 8; i++)
		CHECK(grown[i * PAGE] == i);
	CHECK(grown[599 * PAGE] == 0);
	place = map(8 * PAGE);
	CHECK(mremap(grown, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place &&
	      place[5 * PAGE] == 5);
	CHECK(touch(grown + 5 * PAGE, false) == SIGSEGV && !touch(grown + 8 * PAGE, false));
	CHECK_ERROR((intptr_t)mremap(grown, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	munmap(at, 9 * PAGE);
	munmap(grown, 600 * PAGE);
	munmap(place, 8 * PAGE);
}

static void advice(void)
{
	char *at = map(8 * PAGE);
	unsigned char present[8] = "";

	memset(at, 3, 4 * PAGE);
	CHECK(!mincore(at, 8 * PAGE, present) && (present[0] & 1));
	CHECK(!madvise(at, 2 * PAGE, MADV_DONTNEED) && at[0] == 0 && at[2 * PAGE] == 3);
	CHECK(!madvise(at, 8 * PAGE, MADV_WILLNEED) && !madvise(at, 8 * PAGE, MADV_NORMAL));
	CHECK(!madvise(at, 8 * PAGE, MADV_FREE));
	CHECK_ERROR(madvise(at, PAGE, 12345), EINVAL);
	CHECK_ERROR(madvise(at + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK(!mlock(at, PAGE) && !munlock(at, PAGE));
	munmap(at, 8 * PAGE);
}

static void program_break(void)
{
	char *before = sbrk(0);

	CHECK(sbrk(100 * PAGE) == before && sbrk(0) == before + 100 * PAGE);
	memset(before, 9, 100 * PAGE);
	CHECK(sbrk(-50 * PAGE) == before + 100 * PAGE);
	CHECK(touch(before + 60 * PAGE, false) == SIGSEGV && before[49 * PAGE] == 9);
	CHECK(sbrk(50 * PAGE) == before + 50 * PAGE && before[60 * PAGE] == 0);
	CHECK(!brk(before));
}

/* ---- files ---- */

static void private_file(void)
{
	const int file = make_file("out/mapped", 3 * PAGE + 100);
	char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	char byte = 0;

	CHECK(at != MAP_FAILED && at[0] == 'a' && at[PAGE] == 'b' && at[3 * PAGE + 99] == 'd');
	CHECK(at[3 * PAGE + 100] == 0 && at[4 * PAGE - 1] == 0);
	at[0] = 'X';
	CHECK(pread(file, &byte, 1, 0) == 1 && byte == 'a');
	/* What is not yet copied follows the file. */
	CHECK(pwrite(file, "Y", 1, PAGE) == 1 && at[PAGE] == 'Y');
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 6 * PAGE, PROT_READ, MAP_PRIVATE, file, PAGE);
	CHECK(at[0] == 'Y' && touch(at + 3 * PAGE, false) == SIGBUS && touch(at + 2 * PAGE, true) == SIGSEGV);
	munmap(at, 6 * PAGE);
	CHECK_ERROR((intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 1), EINVAL);
	close(file);
	CHECK_ERROR((intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0), EBADF);
}

static void shared_file(void)
{
	const int file = make_file("out/shared", 20 * PAGE);
	char *at = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	char *again = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, file, 16 * PAGE);
	char byte = 0;

	CHECK(at != MAP_FAILED && again != MAP_FAILED);
	at[16 * PAGE + 5] = 'S';
	CHECK(again[5] == 'S');
	CHECK(pread(file, &byte, 1, 16 * PAGE + 5) == 1 && byte == 'S');
	CHECK(pwrite(file, "T", 1, 17 * PAGE) == 1 && at[17 * PAGE] == 'T' && again[PAGE] == 'T');
	CHECK(!msync(at, 20 * PAGE, MS_SYNC));
	close(file);
	at[3 * PAGE] = 'U';
	CHECK(!munmap(at, 20 * PAGE) && !munmap(again, 4 * PAGE));
	CHECK_ERROR((intptr_t)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, open("in/words", O_RDONLY), 0),
		    EACCES);
}

static void shrinking_file(void)
{
	const int file = make_file("out/shrinking", 8 * PAGE);
	char *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	CHECK(at[7 * PAGE] == 'h');
	CHECK(!ftruncate(file, 2 * PAGE + 10));
	CHECK(touch(at + 3 * PAGE, false) == SIGBUS && at[2 * PAGE + 9] == 'c' && at[2 * PAGE + 10] == 0);
	CHECK(!ftruncate(file, 8 * PAGE) && at[7 * PAGE] == 0 && at[2 * PAGE + 9] == 'c');
	munmap(at, 8 * PAGE);
	close(file);
}

static void memory_file(void)
{
	const int file = memfd_create("memory", MFD_CLOEXEC);
	struct stat status;
	char *at;

	CHECK(file >= 0 && !ftruncate(file, 4 * PAGE));
	at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	at[PAGE] = 'm';
	CHECK(pwrite(file, "n", 1, 2 * PAGE) == 1 && at[2 * PAGE] == 'n');
	CHECK(!fstat(file, &status) && status.st_size == 4 * PAGE);
	munmap(at, 4 * PAGE);
	at = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	CHECK(at[PAGE] == 'm');
	munmap(at, 4 * PAGE);
	close(file);
	at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED && at[0] == 0 && !touch(at + PAGE, true) && at[PAGE] == 'w');
	munmap(at, 4 * PAGE);
}

/* A read into a mapping of the same file, and writes from memory that is not there. */
static void odd_buffers(void)
{
	const int file = make_file("out/odd", 4 * PAGE);
	char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	char *half = map(2 * PAGE);

	CHECK(pread(file, at + 100, PAGE, 2 * PAGE) == PAGE && at[100] == 'c' && at[99] == 'a');
	munmap(half + PAGE, PAGE);
	memset(half, 'h', PAGE);
	CHECK_ERROR(pwrite(file, half + PAGE, 10, 0), EFAULT);
	CHECK(pwrite(file, half + PAGE - 10, 20, 0) == 10);
	CHECK_ERROR(pread(file, (void *)8, 10, 0), EFAULT);
	CHECK_ERROR(pread(file, (void *)0xffff800000000000, 10, 0), EFAULT);
	munmap(at, 4 * PAGE);
	munmap(half, PAGE);
	close(file);
}

/* ---- large ---- */

static void sparse(void)
{
	const size_t size = (size_t)16 << 30;
	char *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!CHECK(at != MAP_FAILED))
		return;
	for (size_t i = 0; i < 2000; i++)
		at[i * (size / 2000)] = (char)i;
	for (size_t i = 0; i < 2000; i++)
		CHECK(at[i * (size / 2000)] == (char)i);
	CHECK(!munmap(at, size));
}

static void sparse_file(void)
{
	const int file = open("out/sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct stat status;
	char *at;

	CHECK(!ftruncate(file, (off_t)1 << 28));
	at = mmap(NULL, (size_t)1 << 28, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(at != MAP_FAILED && at[(1 << 28) - 1] == 0);
	at[123456789] = 's';
	munmap(at, (size_t)1 << 28);
	CHECK(!fstat(file, &status) && status.st_size == 1 << 28);
	CHECK(lseek(file, 0, SEEK_END) == 1 << 28);
	CHECK(!ftruncate(file, 0));
	close(file);
}

static void many_mappings(void)
{
	enum { COUNT = 3000 };
	char *at = map((size_t)COUNT * 2 * PAGE);

	/* Every other page is read-only: as many mappings. */
	for (int i = 0; i < COUNT; i++)
		CHECK(!mprotect(at + (size_t)i * 2 * PAGE, PAGE, PROT_READ));
	for (int i = 0; i < COUNT; i++)
		at[((size_t)i * 2 + 1) * PAGE] = (char)i;
	for (int i = 0; i < COUNT; i++)
		CHECK(at[((size_t)i * 2 + 1) * PAGE] == (char)i && at[(size_t)i * 2 * PAGE] == 0);
	CHECK(!mprotect(at, (size_t)COUNT * 2 * PAGE, PROT_READ | PROT_WRITE));
	CHECK(!munmap(at, (size_t)COUNT * 2 * PAGE));
}

static uint64_t recurse(unsigned depth)
{
	volatile uint64_t room[32];

	room[0] = depth;
	room[31] = depth;
	return depth ? recurse(depth - 1) + room[0] - room[31] + 1 : 0;
}

/* Seven of the eight MiB that a stack may have. */
static void deep_stack(void)
{
	CHECK(recurse(20000) == 20000);
}

static void allocator(void)
{
	static char *blocks[2000];
	unsigned dice = 1;
	size_t total = 0;

	for (int i = 0; i < 40000; i++) {
		const unsigned at = (dice = dice * 1103515245 + 12345) / 65536 % 2000;
		const size_t size = dice / 7 % (i % 100 ? 2000 : 300000) + 1;

		free(blocks[at]);
		blocks[at] = malloc(size);
		blocks[at][0] = (char)at;
		blocks[at][size - 1] = (char)at;
		total += size;
	}
	for (int i = 0; i < 2000; i++) {
		CHECK(!blocks[i] || blocks[i][0] == (char)i);
		free(blocks[i]);
	}
	printf("%zu bytes\n", total);
}

static const struct part parts[] = {
	{ "anonymous", anonymous },
	{ "protection", protection },
	{ "generated-code", generated_code },
	{ "remapping", remapping },
	{ "advice", advice },
	{ "program-break", program_break },
	{ "private-file", private_file },
	{ "shared-file", shared_file },
	{ "shrinking-file", shrinking_file },
	{ "memory-file", memory_file },
	{ "odd-buffers", odd_buffers },
	{ "sparse", sparse },
	{ "sparse-file", sparse_file },
	{ "many-mappings", many_mappings },
	{ "deep-stack", deep_stack },
	{ "allocator", allocator },
};

int main(int argument_count, char **arguments)
{
	signal(SIGSEGV, jump_out);
	signal(SIGBUS, jump_out);
	return parts_run(parts, sizeof parts / sizeof *parts, argument_count, arguments);
}
