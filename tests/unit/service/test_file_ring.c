/* SPDX-License-Identifier: ISC */
/*
 * test_file_ring.c - files over a ring: calls that wait for the host's disk, several at once, what is closed or ended
 * under them, and hosts that cannot wait for us. The test is the guest, and now and then the I/O thread.
 */
#include "files.h"

#include "service/file.h"

#include <sched.h>

enum { ORDER = 5, SLOTS = 1 << ORDER, IN_FLIGHT = 8, PIECE = 0x10000 };

static struct postern_ring_guest *guest;
static struct postern_ring_host *host;
static struct postern_ring_entry *entries;
static const struct postern_ring_completion *completions;
static uint32_t submitted;
static uint32_t seen;

static void ring_open(void)
{
	struct postern_ring_setup *setup = world_struct(&world, 0);

	*setup = POSTERN_INIT(ring_setup);
	setup->base = RING_AT;
	setup->submit_order = setup->complete_order = ORDER;
	setup->event = POSTERN_NO_HANDLE;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_SETUP, world_struct_at(0)), 0);
	guest = world_at(&world, RING_AT);
	host = world_at(&world, RING_AT + 64);
	entries = world_at(&world, RING_AT + 128);
	completions = (const void *)(entries + SLOTS);
	submitted = seen = 0;
}

static void submit(uint64_t token, uint16_t call, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	entries[submitted++ % SLOTS] =
		(struct postern_ring_entry){ .call = call, .token = token, .args = { a0, a1, a2, a3 } };
}

static void enter(void)
{
	const uint32_t taken = host->submit_head;

	memory_store_release_u32(&guest->submit_tail, submitted);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_ENTER, submitted - taken, 0, 0),
			 submitted - taken);
}

static uint32_t completed(void)
{
	return memory_load_acquire_u32(&host->complete_tail) - seen;
}

/* The result of the next completion, by whichever call; the test is the I/O thread as long as there is none. */
static int64_t next(uint64_t *token)
{
	const struct postern_ring_completion *completion = &completions[seen % SLOTS];

	while (!completed()) {
		if (!services_serve_io(&world.services))
			sched_yield();
	}
	*token = completion->token;
	memory_store_release_u32(&guest->complete_head, ++seen);
	return completion->result;
}

/* Of a call that is alone in the ring. */
static int64_t only(uint64_t token)
{
	uint64_t found;
	int64_t result = next(&found);

	assert_int_equal(found, token);
	return result;
}

static bool has_queue(void)
{
	return services_io_descriptor(&world.services) >= 0;
}

/* Segments of one piece each, a place for each token. */
static uint64_t put_segment(unsigned number, uint64_t address, uint64_t length)
{
	struct postern_segment *segment = world_at(&world, SEGMENTS_AT + number * sizeof *segment);

	*segment = (struct postern_segment){ address, length };
	return SEGMENTS_AT + number * sizeof *segment;
}

/* A file that is not in the page cache, as far as the host's file system lets one say so. */
static void host_write_cold(const char *path, size_t size)
{
	uint8_t *bytes = malloc(size);
	int fd = openat(tree.top, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_non_null(bytes);
	assert_true(fd >= 0);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 256);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	assert_int_equal(fsync(fd), 0);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	free(bytes);
}

static bool is_piece(const uint8_t *bytes, size_t from, size_t size)
{
	for (size_t i = from; i < from + size; i++) {
		if (bytes[i - from] != (uint8_t)(i * 31 + i / 256))
			return false;
	}
	return true;
}

static void make_tree(void)
{
	tree_create();
	host_write("shared/file", "0123456789");
	host_write_cold("shared/cold", 2 * PIECE + 1000);
	tree_open();
	ring_open();
}

/* ---- several at once ---- */

static void reads_complete_in_any_order(void **state)
{
	postern_handle_t cold;
	int64_t results[3];
	uint64_t token;

	(void)state;
	make_tree();
	cold = open_fine(tree.root, "cold", READ);
	for (unsigned i = 0; i < 3; i++)
		submit(i, POSTERN_CALL_FILE_READ, cold, i * PIECE,
		       put_segment(i, 0x90000 + i * (uint64_t)PIECE, PIECE), 1);
	enter();
	for (unsigned i = 0; i < 3; i++) {
		int64_t result = next(&token);

		assert_in_range(token, 0, 2);
		results[token] = result;
	}
	assert_int_equal(results[0], PIECE);
	assert_int_equal(results[1], PIECE);
	assert_int_equal(results[2], 1000);
	for (unsigned i = 0; i < 3; i++)
		assert_true(is_piece(world_at(&world, 0x90000 + i * (uint64_t)PIECE), i * PIECE,
				     (size_t)results[i]));
	tree_destroy();
}

/* Segments that end anywhere, over what is in the page cache and what is not. */
static void segments_go_on_where_the_cache_ends(void **state)
{
	uint64_t at = 0x90001;
	postern_handle_t cold;
	unsigned count = 0;
	uint8_t page[4096];
	size_t from = 5;
	int fd;

	(void)state;
	make_tree();
	fd = openat(tree.top, "shared/cold", O_RDONLY | O_CLOEXEC);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	assert_int_equal(pread(fd, page, sizeof page, 0), sizeof page);
	close(fd);
	cold = open_fine(tree.root, "cold", READ);
	for (size_t length = 1; length < 20000; length = length * 3 + 1) {
		put_segment(count++, at, length);
		at += length + 7;
	}
	submit(9, POSTERN_CALL_FILE_READ, cold, from, SEGMENTS_AT, count);
	enter();
	/* 1, 4, 13, ... 9841 */
	assert_int_equal(only(9), 14757);
	at = 0x90001;
	for (size_t length = 1; length < 20000; length = length * 3 + 1) {
		assert_true(is_piece(world_at(&world, at), from, length));
		from += length;
		at += length + 7;
	}
	tree_destroy();
}

/* Long enough to go another way into the guest's memory; by trap, and in a batch. */
static void long_reads_end_where_they_should(void **state)
{
	const uint64_t first = 0x90001;
	const uint64_t second = 0xa0003;
	const size_t size = 2 * PIECE + 1000;

	(void)state;
	make_tree();
	for (int i = 0; i < 2; i++) {
		const postern_handle_t file = open_fine(tree.root, "cold", READ);
		const uint64_t args[6] = { file, 5, SEGMENTS_AT, 3 };
		int64_t result;

		memset(world_at(&world, 0x90000), 0xee, 0x60000);
		put_segment(0, first, 40000);
		put_segment(1, first, 0);
		put_segment(2, second, 0x30000);
		if (i) {
			submit(1, POSTERN_CALL_FILE_READ, file, 5, SEGMENTS_AT, 3);
			enter();
			result = only(1);
		} else {
			result =
				gate_call(world.gate, gate_vcpu(world.gate, 0), POSTERN_CALL_FILE_READ, args);
		}
		assert_int_equal(result, size - 5);
		assert_true(is_piece(world_at(&world, first), 5, 40000));
		assert_true(is_piece(world_at(&world, second), 40005, size - 40005));
		assert_int_equal(*(uint8_t *)world_at(&world, first - 1), 0xee);
		assert_int_equal(*(uint8_t *)world_at(&world, first + 40000), 0xee);
		assert_int_equal(*(uint8_t *)world_at(&world, second + size - 40005), 0xee);
		submit(2, POSTERN_CALL_FILE_READ, file, size, SEGMENTS_AT, 3);
		submit(3, POSTERN_CALL_FILE_READ, file, size - 1, SEGMENTS_AT, 3);
		enter();
		assert_int_equal(only(2), 0);
		assert_int_equal(only(3), 1);
	}
	tree_destroy();
}

static void writes_of_all_sizes(void **state)
{
	static const size_t sizes[] = { 1, 4096, 65536, 65537, 0x20000 };
	struct postern_file_info info;
	postern_handle_t file;
	uint64_t end = 0;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "file", READ | WRITE | TRUNCATE);
	memset(world_at(&world, 0x90000), 'w', 0x20000);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		submit(i, POSTERN_CALL_FILE_WRITE, file, end, put_segment(0, 0x90000, sizes[i]), 1);
		enter();
		assert_int_equal(only(i), sizes[i]);
		end += sizes[i];
	}
	assert_int_equal(file_info(file, &info), 0);
	assert_int_equal(info.length, end);
	assert_int_equal(strspn(host_read("shared/file"), "w"), 4095);
	tree_destroy();
}

static void appends_over_a_ring(void **state)
{
	postern_handle_t file;
	uint64_t token;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "file", WRITE | APPEND);
	memset(world_at(&world, 0x90000), 'a', 0x20000);
	submit(1, POSTERN_CALL_FILE_WRITE, file, 0, put_segment(0, 0x90000, 0x18000), 1);
	submit(2, POSTERN_CALL_FILE_WRITE, file, 0, put_segment(1, 0x90000, 3), 1);
	submit(3, POSTERN_CALL_FILE_WRITE, file, 1, put_segment(1, 0x90000, 3), 1);
	enter();
	for (int i = 0; i < 3; i++) {
		int64_t result = next(&token);

		assert_int_equal(result, token == 1 ? 0x18000 : token == 2 ? 3 : -EINVAL);
	}
	assert_memory_equal(host_read("shared/file"), "0123456789aaa", 13);
	tree_destroy();
}

/* What the disk does not hold up goes on. */
static void calls_overtake_a_sync(void **state)
{
	postern_handle_t file;
	uint64_t token;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "file", READ | WRITE);
	submit(1, POSTERN_CALL_FILE_SYNC, file, 0, 0, 0);
	submit(2, POSTERN_CALL_FILE_READ, file, 0, put_segment(0, 0x90000, 100), 1);
	enter();
	if (has_queue()) {
		/* Nobody has looked whether the sync is done, so the read has overtaken it. */
		assert_int_equal(completed(), 1);
		assert_int_equal(next(&token), 10);
		assert_int_equal(token, 2);
		assert_int_equal(only(1), 0);
	} else {
		assert_int_equal(completed(), 2);
	}
	tree_destroy();
}

/* ---- ends ---- */

static void a_file_lives_until_its_calls_are_done(void **state)
{
	postern_handle_t file;
	uint64_t token;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "cold", READ | WRITE);
	submit(1, POSTERN_CALL_FILE_SYNC, file, 0, 0, 0);
	submit(2, POSTERN_CALL_FILE_READ, file, PIECE, put_segment(0, 0x90000, PIECE), 1);
	submit(3, POSTERN_CALL_FILE_CLOSE, file, 0, 0, 0);
	submit(4, POSTERN_CALL_FILE_READ, file, 0, put_segment(1, 0xa0000, PIECE), 1);
	enter();
	for (int i = 0; i < 4; i++) {
		int64_t result = next(&token);

		assert_int_equal(result, token == 2 ? PIECE : token == 4 ? -EBADF : 0);
	}
	assert_true(is_piece(world_at(&world, 0x90000), PIECE, PIECE));
	tree_destroy();
}

static void *serve(void *stop)
{
	while (!atomic_load((_Atomic bool *)stop)) {
		if (!services_serve_io(&world.services))
			sched_yield();
	}
	return NULL;
}

static void closing_a_ring_waits_for_the_disk(void **state)
{
	_Atomic bool stop = false;
	postern_handle_t file;
	pthread_t thread;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "cold", READ | WRITE);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		submit(i, POSTERN_CALL_FILE_SYNC, file, 0, 0, 0);
	enter();
	assert_int_equal(pthread_create(&thread, NULL, serve, &stop), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_CLOSE), 0);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(completed(), IN_FLIGHT);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		assert_int_equal(completions[i].result, 0);
	tree_destroy();
}

/* The VM ends with calls in flight: what they read into is freed only when they are done. */
static void the_end_of_a_vm_waits_for_the_disk(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		postern_handle_t file;

		make_tree();
		file = open_fine(tree.root, "cold", READ | WRITE);
		for (unsigned i = 0; i < IN_FLIGHT / 2; i++) {
			submit(i, POSTERN_CALL_FILE_READ, file, i * 100, put_segment(i, 0x90000, PIECE), 1);
			submit(i, POSTERN_CALL_FILE_SYNC, file, 0, 0, 0);
		}
		enter();
		tree_destroy();
	}
}

static void calls_in_flight_are_limited(void **state)
{
	unsigned refused = 0;
	postern_handle_t file;
	uint64_t token;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "file", READ | WRITE);
	for (unsigned i = 0; i < IN_FLIGHT + 3; i++)
		submit(i, POSTERN_CALL_FILE_SYNC, file, 0, 0, 0);
	enter();
	for (unsigned i = 0; i < IN_FLIGHT + 3; i++) {
		int64_t result = next(&token);

		assert_true(result == 0 || (result == -EAGAIN && token >= IN_FLIGHT));
		refused += result < 0;
	}
	assert_int_equal(refused, has_queue() ? 3 : 0);
	tree_destroy();
}

/* ---- a host without io_uring ---- */

static void without_a_queue_calls_wait_themselves(void **state)
{
	postern_handle_t cold;

	(void)state;
	make_tree();
	file_queue_destroy(world.services.files->queue);
	world.services.files->queue = NULL;
	assert_int_equal(services_io_descriptor(&world.services), -1);
	cold = open_fine(tree.root, "cold", READ | WRITE);
	submit(1, POSTERN_CALL_FILE_READ, cold, 0, put_segment(0, 0x90000, PIECE), 1);
	submit(2, POSTERN_CALL_FILE_SYNC, cold, 0, 0, 0);
	submit(3, POSTERN_CALL_FILE_WRITE, cold, 0, put_segment(1, 0x90000, PIECE + 1), 1);
	enter();
	assert_int_equal(completed(), 3);
	assert_int_equal(only(1), PIECE);
	assert_int_equal(only(2), 0);
	assert_int_equal(only(3), PIECE + 1);
	assert_true(is_piece(world_at(&world, 0x90000), 0, PIECE));
	assert_int_equal(services_serve_io(&world.services), 0);
	tree_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_complete_in_any_order),
		cmocka_unit_test(segments_go_on_where_the_cache_ends),
		cmocka_unit_test(long_reads_end_where_they_should),
		cmocka_unit_test(writes_of_all_sizes),
		cmocka_unit_test(appends_over_a_ring),
		cmocka_unit_test(calls_overtake_a_sync),
		cmocka_unit_test(a_file_lives_until_its_calls_are_done),
		cmocka_unit_test(closing_a_ring_waits_for_the_disk),
		cmocka_unit_test(the_end_of_a_vm_waits_for_the_disk),
		cmocka_unit_test(calls_in_flight_are_limited),
		cmocka_unit_test(without_a_queue_calls_wait_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
