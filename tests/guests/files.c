/* SPDX-License-Identifier: ISC */
/*
 * files.c - files of the host, by all three crossings: mount 0 has a file `greeting`, which is read by trap, in a batch
 * and over a ring that the host polls.
 */
#include "expect.h"

#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
		   POSTERN_NEED(FILE, FILE_ROOT, FILE_OPEN, FILE_CLOSE, FILE_READ, FILE_INFO, FILE_LIST));

enum { ORDER = 3, SIZE = 4096 };

static postern_handle_t root;
static char buffer[SIZE] __attribute__((aligned(8)));
static struct guest_ring ring;

static void get_root(void)
{
	struct postern_file_mount mount = POSTERN_INIT(file_mount);
	int64_t handle = postern_file_root(0, &mount);

	EXPECT(handle >= 0);
	root = (postern_handle_t)handle;
	guest_printf("files: mount 0 is for %s\n", (const char *)mount.name);
}

static void by_trap(void)
{
	static const char name[] = "greeting";
	struct postern_file_open how = POSTERN_INIT(file_open);
	struct postern_file_info info = POSTERN_INIT(file_info);
	const struct postern_segment segment = { postern_address(buffer), SIZE };
	int64_t handle;
	int64_t size;

	how.flags = POSTERN_FILE_OPEN_FLAGS_READ;
	handle = postern_file_open(root, name, sizeof name - 1, &how);
	EXPECT(handle >= 0);
	EXPECT_RESULT(postern_file_info((postern_handle_t)handle, &info), 0);
	size = postern_file_read((postern_handle_t)handle, 0, &segment, 1);
	EXPECT_RESULT(size, (int64_t)info.length);
	EXPECT_RESULT(postern_file_close((postern_handle_t)handle), 0);
	guest_printf("files: by trap: %.*s", (int)size, buffer);
}

/* Submits the entry that was prepared last, and waits for its result. */
static int64_t complete(void)
{
	struct postern_ring_completion completion;

	EXPECT(guest_ring_submit(&ring) >= 0);
	EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
	guest_ring_seen(&ring);
	return completion.result;
}

static void by_ring(const char *how_named, uint32_t flags)
{
	static const char name[] = "greeting";
	static struct postern_file_open how;
	static struct postern_segment segment;
	int64_t handle;
	int64_t size;

	EXPECT_RESULT(guest_ring_init(&ring, ORDER, ORDER, flags, POSTERN_NO_HANDLE), 0);
	how = POSTERN_INIT(file_open);
	how.flags = POSTERN_FILE_OPEN_FLAGS_READ;
	postern_prepare_file_open(guest_ring_get_entry(&ring), 1, root, name, sizeof name - 1, &how);
	handle = complete();
	EXPECT(handle >= 0);
	segment = (struct postern_segment){ postern_address(buffer), SIZE };
	postern_prepare_file_read(guest_ring_get_entry(&ring), 2, (postern_handle_t)handle, 0, &segment, 1);
	size = complete();
	EXPECT(size > 0);
	guest_printf("files: %s: %.*s", how_named, (int)size, buffer);
	postern_prepare_file_read(guest_ring_get_entry(&ring), 3, (postern_handle_t)handle, (uint64_t)size,
				  &segment, 1);
	EXPECT_RESULT(complete(), 0);
	EXPECT_RESULT(postern_file_close((postern_handle_t)handle), 0);
	EXPECT_RESULT(guest_ring_close(&ring), 0);
	guest_ring_free(&ring);
}

static void list(void)
{
	int64_t size = postern_file_list(root, 0, buffer, SIZE);

	EXPECT(size > 0);
	for (int64_t at = 0; at < size;) {
		const struct postern_file_entry *entry = (const void *)(buffer + at);

		guest_printf("files: there is %.*s\n", (int)entry->name_length, (const char *)(entry + 1));
		at += entry->length;
	}
}

int main(void)
{
	get_root();
	by_trap();
	by_ring("in a batch", 0);
	by_ring("over a ring", POSTERN_RING_SETUP_FLAGS_POLLED);
	list();
	return 0;
}
