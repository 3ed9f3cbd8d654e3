/* SPDX-License-Identifier: ISC */
/*
 * test_host_files.c - contents of the host's files as keep has them at hand: what is read ahead, written, mapped and cut,
 * with a host that takes its time, so that others come in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

#include "mm/pages.h"
#include "task/task.h"

#include <fcntl.h>
#include <sys/syscall.h>

enum {
	DISK_PAGES = 64,
	DISK_SIZE = DISK_PAGES * PAGE_SIZE,
	DIRECTORY = 1,
	CONTENTS = 2,
	MAP_SHARED_FLAG = 1
};

/* ---- a host with one directory and one file ---- */

static char disk[DISK_SIZE];
static uint64_t disk_length = DISK_SIZE;
static unsigned reads, writes;
static int64_t write_error;
static void (*after_read)(void); /* when the host has read, and keep has not been told yet */

static void fill_info(struct postern_file_info *info, bool is_directory)
{
	*info = (struct postern_file_info){
		.size = sizeof *info,
		.kind = is_directory ? POSTERN_FILE_KIND_DIRECTORY : POSTERN_FILE_KIND_REGULAR,
		.mode = 0777,
		.links = 1,
		.inode = is_directory ? DIRECTORY : CONTENTS,
		.volume = 1,
		.length = is_directory ? 0 : disk_length,
		.block_size = PAGE_SIZE,
	};
}

static int64_t read_disk(uint64_t offset, const struct postern_segment *segments, uint64_t count)
{
	int64_t done = 0;

	reads++;
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t part = offset < disk_length ? least(segments[i].length, disk_length - offset)
							   : 0;

		memcpy(guest_pointer(segments[i].address), disk + offset, part);
		offset += part;
		done += (int64_t)part;
	}
	if (after_read)
		after_read();
	return done;
}

static int64_t write_disk(uint64_t offset, const struct postern_segment *segment)
{
	writes++;
	if (write_error)
		return write_error;
	CHECK(offset + segment->length <= DISK_SIZE);
	memcpy(disk + offset, guest_pointer(segment->address), segment->length);
	disk_length = most(disk_length, offset + segment->length);
	return (int64_t)segment->length;
}

static bool is_name(const struct postern_ring_entry *entry, const char *name)
{
	return entry->args[2] == strlen(name) && !memcmp(guest_pointer(entry->args[1]), name, entry->args[2]);
}

static int64_t answer(const struct postern_ring_entry *entry)
{
	switch (entry->call) {
	case POSTERN_CALL_FILE_LOOK:
		if (!is_name(entry, "f") && !is_name(entry, "."))
			return -ENOENT;
		fill_info(guest_pointer(entry->args[4]), is_name(entry, "."));
		return 0;
	case POSTERN_CALL_FILE_OPEN:
		return is_name(entry, "f") ? CONTENTS : DIRECTORY;
	case POSTERN_CALL_FILE_INFO:
		fill_info(guest_pointer(entry->args[1]), entry->args[0] == DIRECTORY);
		return 0;
	case POSTERN_CALL_FILE_READ:
		return read_disk(entry->args[1], guest_pointer(entry->args[2]), entry->args[3]);
	case POSTERN_CALL_FILE_WRITE:
		return write_disk(entry->args[1], guest_pointer(entry->args[2]));
	case POSTERN_CALL_FILE_RESIZE:
		disk_length = entry->args[1];
		return 0;
	case POSTERN_CALL_FILE_SYNC:
		return 0;
	default:
		return -EPERM;
	}
}

static int64_t trap(uint64_t number, const uint64_t argument[6])
{
	struct postern_abi_info *info = guest_pointer(argument[1]);
	struct postern_file_mount *mount = guest_pointer(argument[1]);

	switch (number) {
	case POSTERN_CALL_ABI_QUERY:
		if (argument[0] != POSTERN_SECTION_FILE)
			return -EPERM;
		info->limits[POSTERN_FILE_LIMIT_MOUNTS] = 1;
		return 0;
	case POSTERN_CALL_FILE_ROOT:
		memcpy(mount->name, "/host", sizeof "/host");
		return DIRECTORY;
	case POSTERN_CALL_FILE_CLOSE:
		return 0;
	default:
		return -EPERM;
	}
}

/* Each page says where it is. */
static int set_up(void **state)
{
	(void)state;
	machine_hypercall = trap;
	machine_host_call = answer;
	for (uint64_t i = 0; i < DISK_SIZE; i += sizeof i)
		memcpy(disk + i, &i, sizeof i);
	return 0;
}

/* ---- what programs do ---- */

static uint64_t buffer, file_number;

static void start(void)
{
	buffer = program_map(DISK_SIZE);
	program_write(buffer, "/host/f", sizeof "/host/f");
	file_number = (uint64_t)call(SYS_open, buffer, O_RDWR);
	CHECK((int64_t)file_number > 0);
}

static uint64_t word_at(uint64_t offset)
{
	uint64_t word;

	CHECK_IS(call(SYS_pread64, file_number, buffer, sizeof word, offset), sizeof word);
	program_read(buffer, &word, sizeof word);
	return word;
}

static void write_word(uint64_t offset, uint64_t word)
{
	const uint64_t at = program_map(PAGE_SIZE);

	program_write(at, &word, sizeof word);
	CHECK_IS(call(SYS_pwrite64, file_number, at, sizeof word, offset), sizeof word);
}

PROGRAM_CASE(test_a_file_is_read_in_few_calls)
{
	uint64_t word;

	start();
	CHECK_IS(call(SYS_read, file_number, buffer, DISK_SIZE), DISK_SIZE);
	CHECK(reads <= 4);
	for (uint64_t i = 0; i < DISK_SIZE; i += PAGE_SIZE) {
		program_read(buffer + i, &word, sizeof word);
		CHECK_IS(word, i);
	}
	CHECK_IS(call(SYS_read, file_number, buffer, DISK_SIZE), 0);
	/* What is at hand is not read again. */
	reads = 0;
	CHECK_IS(word_at(5 * PAGE_SIZE), 5 * PAGE_SIZE);
	CHECK_IS(reads, 0);
}

PROGRAM_CASE(test_what_is_written_is_on_the_disk_and_at_hand)
{
	uint64_t word;

	start();
	CHECK_IS(word_at(0), 0);
	write_word(3 * PAGE_SIZE + 8, 77);
	memcpy(&word, disk + 3 * PAGE_SIZE + 8, sizeof word);
	CHECK_IS(word, 77);
	CHECK_IS(word_at(3 * PAGE_SIZE + 8), 77);
	CHECK_IS(word_at(3 * PAGE_SIZE), 3 * PAGE_SIZE);
	write_error = -ENOSPC;
	CHECK_IS(call(SYS_pwrite64, file_number, buffer, 8, 0), -ENOSPC);
}

/* ---- others in between ---- */

static bool is_done;

static void others_run(void)
{
	after_read = NULL;
	for (unsigned i = 0; i < 20; i++)
		task_yield();
}

static void reads_ahead(void *argument)
{
	(void)argument;
	CHECK_IS(word_at(0), 0);
	is_done = true;
}

static void start_reading(void)
{
	after_read = others_run;
	program_start(reads_ahead, NULL);
	(void)call(SYS_sched_yield, 0);
	CHECK(!is_done && reads == 1);
}

static void finish_reading(void)
{
	while (!is_done)
		(void)call(SYS_sched_yield, 0);
}

/* What was read before that is old, and must not stay. */
PROGRAM_CASE(test_a_page_is_written_while_it_is_read_ahead)
{
	start();
	start_reading();
	write_word(9 * PAGE_SIZE, 4711);
	finish_reading();
	CHECK_IS(word_at(9 * PAGE_SIZE), 4711);
	CHECK_IS(word_at(10 * PAGE_SIZE), 10 * PAGE_SIZE);
}

PROGRAM_CASE(test_a_file_is_cut_while_it_is_read_ahead)
{
	start();
	start_reading();
	CHECK_IS(call(SYS_ftruncate, file_number, 5 * PAGE_SIZE + 8), 0);
	CHECK_IS(call(SYS_ftruncate, file_number, 8 * PAGE_SIZE), 0);
	memset(disk + 5 * PAGE_SIZE + 8, 0, 3 * PAGE_SIZE - 8);
	finish_reading();
	CHECK_IS(word_at(5 * PAGE_SIZE), 5 * PAGE_SIZE);
	CHECK_IS(word_at(5 * PAGE_SIZE + 8), 0);
	CHECK_IS(word_at(7 * PAGE_SIZE), 0);
}

PROGRAM_CASE(test_a_file_that_became_shorter_on_the_host_ends_there)
{
	start();
	disk_length = 2 * PAGE_SIZE + 100;
	CHECK_IS(call(SYS_read, file_number, buffer, DISK_SIZE), 2 * PAGE_SIZE + 100);
	CHECK_IS(call(SYS_read, file_number, buffer, DISK_SIZE), 0);
	disk_length = 2 * PAGE_SIZE + 200;
	CHECK_IS(call(SYS_read, file_number, buffer, DISK_SIZE), 100);
}

PROGRAM_CASE(test_want_of_memory_is_not_the_end_of_a_file)
{
	start();
	program_store(buffer, 0);
	while (page_alloc(PAGES_PROGRAM, false))
		;
	CHECK_IS(call(SYS_pread64, file_number, buffer, 8, 20 * PAGE_SIZE), -ENOMEM);
}

/* ---- mappings ---- */

/* It is remembered without memory which pages were changed, as a fault cannot fail for that. */
PROGRAM_CASE(test_what_a_mapping_changed_gets_to_the_disk)
{
	uint64_t at, word;

	start();
	at = (uint64_t)call(SYS_mmap, 0, DISK_SIZE, 3, MAP_SHARED_FLAG, file_number, 0);
	for (uint64_t i = 0; i < DISK_PAGES; i++)
		CHECK_IS(program_load(at + i * PAGE_SIZE), i * PAGE_SIZE);
	machine_mallocs = 0;
	for (uint64_t i = 0; i < DISK_PAGES; i++) {
		if (i % 3 != 1)
			program_store(at + i * PAGE_SIZE, (uint32_t)(1000 + i));
	}
	machine_mallocs = -1;
	CHECK_IS(writes, 0);
	CHECK_IS(call(SYS_fsync, file_number), 0);
	CHECK(writes > 0 && writes <= DISK_PAGES);
	for (uint64_t i = 0; i < DISK_PAGES; i++) {
		memcpy(&word, disk + i * PAGE_SIZE, sizeof word);
		CHECK_IS(word, i % 3 != 1 ? 1000 + i : i * PAGE_SIZE);
	}
	program_store(at, 5);
	CHECK_IS(call(SYS_munmap, at, DISK_SIZE), 0);
	CHECK_IS(call(SYS_close, file_number), 0);
	memcpy(&word, disk, sizeof word);
	CHECK_IS(word, 5);
}

PROGRAM_CASE(test_a_mapping_sees_what_is_written)
{
	uint64_t at;

	start();
	at = (uint64_t)call(SYS_mmap, 0, DISK_SIZE, 3, MAP_SHARED_FLAG, file_number, 0);
	CHECK_IS(program_load(at + 7 * PAGE_SIZE), 7 * PAGE_SIZE);
	write_word(7 * PAGE_SIZE, 99);
	CHECK_IS(program_load(at + 7 * PAGE_SIZE), 99);
	program_store(at + 7 * PAGE_SIZE, 98);
	CHECK_IS(word_at(7 * PAGE_SIZE) & UINT32_MAX, 98);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_read_in_few_calls),
		cmocka_unit_test(test_what_is_written_is_on_the_disk_and_at_hand),
		cmocka_unit_test(test_a_page_is_written_while_it_is_read_ahead),
		cmocka_unit_test(test_a_file_is_cut_while_it_is_read_ahead),
		cmocka_unit_test(test_a_file_that_became_shorter_on_the_host_ends_there),
		cmocka_unit_test(test_want_of_memory_is_not_the_end_of_a_file),
		cmocka_unit_test(test_what_a_mapping_changed_gets_to_the_disk),
		cmocka_unit_test(test_a_mapping_sees_what_is_written),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
