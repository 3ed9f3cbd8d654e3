/* SPDX-License-Identifier: ISC */
/*
 * files_at_once.c - all vCPUs use files of mount 0 at the same time, each over a ring of its own, every other one polled:
 * they write, sync, read back what is theirs and only that, rename and remove. In the end calls are left in flight.
 */
#include "expect.h"

#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
		   POSTERN_NEED(VCPU, VCPU_START, VCPU_PARK, VCPU_KICK),
		   POSTERN_NEED(FILE, FILE_ROOT, FILE_OPEN, FILE_CLOSE, FILE_READ, FILE_WRITE, FILE_SYNC,
				FILE_RENAME, FILE_REMOVE));

enum { ORDER = 4, SLOTS = 1 << ORDER, MOST = 8, ROUNDS = 40, PIECE = 24576, PIECES = 4 };

/* What a vCPU works with. */
struct worker {
	struct guest_ring ring;
	char *data; /* PIECES to write, and as many to read into */
	struct postern_segment segments[2 * PIECES];
	char name[8];
	char other[8];
};

static struct worker workers[MOST];
static postern_handle_t root;
static uint32_t arrived;

static int64_t next_result(struct worker *worker)
{
	struct postern_ring_completion completion;

	EXPECT_RESULT(guest_ring_wait(&worker->ring, &completion), 0);
	guest_ring_seen(&worker->ring);
	return completion.result;
}

static int64_t submit_alone(struct worker *worker)
{
	EXPECT(guest_ring_submit(&worker->ring) >= 0);
	return next_result(worker);
}

static postern_handle_t open_file(struct worker *worker, const char *name, uint32_t flags)
{
	struct postern_file_open how = POSTERN_INIT(file_open);
	int64_t handle;

	how.flags = flags;
	how.mode = flags & POSTERN_FILE_OPEN_FLAGS_CREATE ? 0644 : 0;
	postern_prepare_file_open(guest_ring_get_entry(&worker->ring), 0, root, name, (uint32_t)strlen(name),
				  &how);
	handle = submit_alone(worker);
	EXPECT(handle >= 0);
	return (postern_handle_t)handle;
}

/* All pieces at once, written or read. */
static void move_pieces(struct worker *worker, postern_handle_t file, bool write)
{
	for (unsigned i = 0; i < PIECES; i++) {
		struct postern_segment *segment = &worker->segments[i];
		struct postern_ring_entry *entry = guest_ring_get_entry(&worker->ring);

		segment->address = postern_address(worker->data + (write ? i : PIECES + i) * PIECE);
		segment->length = PIECE;
		if (write)
			postern_prepare_file_write(entry, i, file, i * (uint64_t)PIECE, segment, 1);
		else
			postern_prepare_file_read(entry, i, file, i * (uint64_t)PIECE, segment, 1);
	}
	EXPECT(guest_ring_submit(&worker->ring) >= 0);
	for (unsigned i = 0; i < PIECES; i++)
		EXPECT_RESULT(next_result(worker), PIECE);
}

static void use_files(struct worker *worker, unsigned round)
{
	const uint32_t flags = POSTERN_FILE_OPEN_FLAGS_READ | POSTERN_FILE_OPEN_FLAGS_WRITE;
	const uint32_t name_length = (uint32_t)strlen(worker->name);
	struct postern_file_rename rename = POSTERN_INIT(file_rename);
	postern_handle_t file =
		open_file(worker, worker->name,
			  flags | POSTERN_FILE_OPEN_FLAGS_CREATE | POSTERN_FILE_OPEN_FLAGS_EXCLUSIVE);

	memset(worker->data, (int)(worker - workers) * ROUNDS + (int)round, (size_t)PIECES * PIECE);
	memset(worker->data + (size_t)PIECES * PIECE, 0, (size_t)PIECES * PIECE);
	move_pieces(worker, file, true);
	rename.from = rename.to = root;
	postern_prepare_file_sync(guest_ring_get_entry(&worker->ring), 1, file, 0);
	postern_prepare_file_rename(guest_ring_get_entry(&worker->ring), 2, &rename, worker->name,
				    name_length, worker->other, name_length);
	EXPECT(guest_ring_submit(&worker->ring) >= 0);
	EXPECT_RESULT(next_result(worker), 0);
	EXPECT_RESULT(next_result(worker), 0);
	EXPECT_RESULT(postern_file_close(file), 0);
	file = open_file(worker, worker->other, flags);
	postern_prepare_file_remove(guest_ring_get_entry(&worker->ring), 3, root, worker->other, name_length,
				    0);
	EXPECT_RESULT(submit_alone(worker), 0);
	move_pieces(worker, file, false);
	EXPECT(!memcmp(worker->data, worker->data + (size_t)PIECES * PIECE, (size_t)PIECES * PIECE));
	EXPECT_RESULT(postern_file_close(file), 0);
}

/* Files without names, and nobody waits for what is done to them. */
static void leave_in_flight(struct worker *worker)
{
	postern_handle_t file = open_file(worker, worker->name,
					  POSTERN_FILE_OPEN_FLAGS_READ | POSTERN_FILE_OPEN_FLAGS_WRITE |
						  POSTERN_FILE_OPEN_FLAGS_CREATE);

	EXPECT_RESULT(postern_file_remove(root, worker->name, (uint32_t)strlen(worker->name), 0), 0);
	move_pieces(worker, file, true);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct postern_ring_entry *entry = guest_ring_get_entry(&worker->ring);

		if (i % 2)
			postern_prepare_file_sync(entry, i, file, 0);
		else
			postern_prepare_file_read(entry, i, file, 0, worker->segments, PIECES);
	}
	EXPECT(guest_ring_submit(&worker->ring) >= 0);
}

static void work(void *argument)
{
	struct worker *worker = argument;
	const unsigned number = (unsigned)(worker - workers);

	EXPECT_RESULT(guest_ring_init(&worker->ring, ORDER, ORDER,
				      number % 2 ? POSTERN_RING_SETUP_FLAGS_POLLED : 0, POSTERN_NO_HANDLE),
		      0);
	for (unsigned round = 0; round < ROUNDS; round++)
		use_files(worker, round);
	leave_in_flight(worker);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	if (number)
		EXPECT_RESULT(postern_vcpu_kick(0), 0);
}

static void set_up(unsigned number)
{
	struct worker *worker = &workers[number];

	worker->data = guest_pages_alloc(2 * PIECES * PIECE / 4096);
	EXPECT(worker->data);
	memcpy(worker->name, "one-0", 6);
	memcpy(worker->other, "two-0", 6);
	worker->name[4] = worker->other[4] = (char)('0' + number);
}

int main(void)
{
	const uint32_t vcpus = guest_boot()->vcpus;
	struct postern_file_mount mount = POSTERN_INIT(file_mount);
	int64_t handle = postern_file_root(0, &mount);

	EXPECT(handle >= 0 && vcpus <= MOST);
	root = (postern_handle_t)handle;
	for (uint32_t i = 0; i < vcpus; i++)
		set_up(i);
	for (uint32_t i = 1; i < vcpus; i++)
		EXPECT_RESULT(guest_vcpu_start(i, work, &workers[i]), 0);
	work(&workers[0]);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) != vcpus)
		EXPECT_RESULT(postern_vcpu_park(GUEST_FOREVER), 1);
	guest_printf("files_at_once: %u vCPUs\n", vcpus);
	return 0;
}
