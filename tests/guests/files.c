/* SPDX-License-Identifier: ISC */
/*
 * files.c - files of the host, by all three crossings. Mount 0 has a file `greeting`, which is read, and the directory
 * is listed; if it may be changed, everything that changes files is done below it, and undone.
 */
#include "expect.h"

#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
		   POSTERN_NEED(FILE, FILE_ROOT, FILE_OPEN, FILE_CLOSE, FILE_READ, FILE_INFO, FILE_LOOK,
				FILE_LIST));

enum { ORDER = 3, SIZE = 4096 };

static postern_handle_t root;
static char buffer[SIZE] __attribute__((aligned(8)));
static struct guest_ring ring;
static bool has_ring;

/* ---- crossings ---- */

static int64_t cross(const struct postern_ring_entry *entry)
{
	struct postern_ring_completion completion;

	if (!has_ring)
		return postern_hypercall(entry->call, entry->args[0], entry->args[1], entry->args[2],
					 entry->args[3], entry->args[4], entry->args[5]);
	*guest_ring_get_entry(&ring) = *entry;
	EXPECT(guest_ring_submit(&ring) >= 0);
	EXPECT_RESULT(guest_ring_wait(&ring, &completion), 0);
	guest_ring_seen(&ring);
	EXPECT(completion.token == entry->token);
	return completion.result;
}

/* CROSS(file_open, handle, ...) makes a call the way that is being tried. */
#define CROSS(call, ...)                                                 \
	({                                                               \
		struct postern_ring_entry entry_of_call;                 \
		postern_prepare_##call(&entry_of_call, 42, __VA_ARGS__); \
		cross(&entry_of_call);                                   \
	})

/* A path and its length. */
#define PATH(text) text, sizeof(text) - 1

static postern_handle_t open_file(const char *path, uint32_t length, uint32_t flags, uint32_t mode)
{
	struct postern_file_open how = POSTERN_INIT(file_open);
	int64_t handle;

	how.flags = flags;
	how.mode = mode;
	handle = CROSS(file_open, root, path, length, &how);
	EXPECT(handle >= 0);
	return (postern_handle_t)handle;
}

static void close_file(postern_handle_t file)
{
	EXPECT_RESULT(CROSS(file_close, file), 0);
}

/* ---- reading ---- */

static void read_greeting(void)
{
	struct postern_file_info info = POSTERN_INIT(file_info);
	const struct postern_segment segment = { postern_address(buffer), SIZE };
	postern_handle_t file = open_file(PATH("greeting"), POSTERN_FILE_OPEN_FLAGS_READ, 0);
	int64_t size;

	EXPECT_RESULT(CROSS(file_info, file, &info), 0);
	size = CROSS(file_read, file, 0, &segment, 1);
	EXPECT_RESULT(size, (int64_t)info.length);
	guest_printf("%.*s", (int)size, buffer);
	EXPECT_RESULT(CROSS(file_read, file, (uint64_t)size, &segment, 1), 0);
	EXPECT_RESULT(CROSS(file_sync, file, 0), 0);
	close_file(file);
	EXPECT_RESULT(CROSS(file_look, root, PATH("greeting/"), 0, &info), -ENOTDIR);
	EXPECT_RESULT(CROSS(file_look, root, PATH("../greeting"), 0, &info), -EXDEV);
}

static bool is_listed(const char *name)
{
	const size_t length = strlen(name);
	uint64_t cookie = 0;
	int64_t size;

	while ((size = CROSS(file_list, root, cookie, buffer, SIZE)) > 0) {
		for (int64_t at = 0; at < size;) {
			const struct postern_file_entry *entry = (const void *)(buffer + at);

			if (entry->name_length == length && !memcmp(entry + 1, name, length))
				return true;
			cookie = entry->next;
			at += entry->length;
		}
	}
	EXPECT_RESULT(size, 0);
	return false;
}

/* ---- changing ---- */

static void write_file(void)
{
	static const char text[] = "0123456789";
	const struct postern_segment segments[2] = { { postern_address(text), 4 },
						     { postern_address(text + 6), 4 } };
	const uint32_t flags = POSTERN_FILE_OPEN_FLAGS_READ | POSTERN_FILE_OPEN_FLAGS_WRITE |
			       POSTERN_FILE_OPEN_FLAGS_CHANGE | POSTERN_FILE_OPEN_FLAGS_CREATE;
	const struct postern_segment back = { postern_address(buffer), SIZE };
	postern_handle_t file = open_file(PATH("dir/file"), flags, 0640);
	struct postern_file_change change = POSTERN_INIT(file_change);
	struct postern_file_info info = POSTERN_INIT(file_info);
	int64_t result;

	EXPECT_RESULT(CROSS(file_write, file, 2, segments, 2), 8);
	EXPECT_RESULT(CROSS(file_resize, file, 8), 0);
	EXPECT_RESULT(CROSS(file_read, file, 0, &back, 1), 8);
	EXPECT(!memcmp(buffer,
		       "\0\0"
		       "012367",
		       8));
	EXPECT_RESULT(CROSS(file_sync, file, POSTERN_FILE_SYNC_FLAGS_DATA_ONLY), 0);
	change.fields = POSTERN_FILE_CHANGE_FIELDS_MODE;
	change.mode = 0600;
	EXPECT_RESULT(CROSS(file_change, file, &change), 0);
	change = POSTERN_INIT(file_change);
	change.fields = POSTERN_FILE_CHANGE_FIELDS_MODIFIED;
	change.modified.seconds = 1000000;
	EXPECT_RESULT(CROSS(file_change, file, &change), 0);
	EXPECT_RESULT(CROSS(file_info, file, &info), 0);
	EXPECT(info.mode == 0600 && info.modified.seconds == 1000000);
	change = POSTERN_INIT(file_change);
	change.fields = POSTERN_FILE_CHANGE_FIELDS_GROUP;
	change.group = info.group;
	EXPECT_RESULT(CROSS(file_change, file, &change), 0);
	close_file(file);
	/* By a handle that is good for nothing else. */
	file = open_file(PATH("dir/file"), POSTERN_FILE_OPEN_FLAGS_CHANGE, 0);
	change = POSTERN_INIT(file_change);
	change.fields = POSTERN_FILE_CHANGE_FIELDS_MODE;
	EXPECT_RESULT(CROSS(file_change, file, &change), 0);
	close_file(file);
	file = open_file(PATH("dir/file"), POSTERN_FILE_OPEN_FLAGS_CHANGE, 0);
	change.mode = 0644;
	result = CROSS(file_change, file, &change);
	EXPECT(result == 0 || result == -EOPNOTSUPP); /* before Linux 6.6, unless root runs the VM */
	close_file(file);
}

static void change_names(void)
{
	struct postern_file_make make = POSTERN_INIT(file_make);
	struct postern_file_link link = POSTERN_INIT(file_link);
	struct postern_file_rename rename = POSTERN_INIT(file_rename);
	static const uint32_t kinds[] = { POSTERN_FILE_KIND_REGULAR, POSTERN_FILE_KIND_FIFO,
					  POSTERN_FILE_KIND_SOCKET };

	make.mode = 0755;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		make.kind = kinds[i];
		EXPECT_RESULT(CROSS(file_make, root, PATH("dir/made"), &make), 0);
		EXPECT_RESULT(CROSS(file_remove, root, PATH("dir/made"), 0), 0);
	}
	EXPECT_RESULT(CROSS(file_symlink, root, PATH("link"), PATH("dir/file")), 0);
	EXPECT_RESULT(CROSS(file_target, root, PATH("link"), buffer, SIZE), 8);
	EXPECT(!memcmp(buffer, "dir/file", 8));
	link.from = link.to = root;
	EXPECT_RESULT(CROSS(file_link, &link, PATH("dir/file"), PATH("again")), 0);
	rename.from = rename.to = root;
	EXPECT_RESULT(CROSS(file_rename, &rename, PATH("again"), PATH("dir/again")), 0);
	rename.flags = POSTERN_FILE_RENAME_FLAGS_NO_REPLACE;
	EXPECT_RESULT(CROSS(file_rename, &rename, PATH("dir/again"), PATH("link")), -EEXIST);
}

static void clean_up(void)
{
	EXPECT_RESULT(CROSS(file_remove, root, PATH("link"), 0), 0);
	EXPECT_RESULT(CROSS(file_remove, root, PATH("dir/again"), 0), 0);
	EXPECT_RESULT(CROSS(file_remove, root, PATH("dir"), POSTERN_FILE_REMOVE_FLAGS_DIRECTORY), -ENOTEMPTY);
	EXPECT_RESULT(CROSS(file_remove, root, PATH("dir/file"), 0), 0);
	EXPECT_RESULT(CROSS(file_remove, root, PATH("dir"), POSTERN_FILE_REMOVE_FLAGS_DIRECTORY), 0);
}

static void change_everything(bool may)
{
	struct postern_file_make make = POSTERN_INIT(file_make);

	make.kind = POSTERN_FILE_KIND_DIRECTORY;
	make.mode = 0755;
	EXPECT_RESULT(CROSS(file_make, root, PATH("dir"), &make), may ? 0 : -EROFS);
	if (!may)
		return;
	write_file();
	change_names();
	EXPECT(is_listed("dir") && is_listed("link"));
	clean_up();
}

/* ---- the whole ---- */

/* Returns whether it may be changed. */
static bool get_root(void)
{
	struct postern_file_mount mount = POSTERN_INIT(file_mount);
	int64_t handle = postern_file_root(0, &mount);

	EXPECT(handle >= 0);
	root = (postern_handle_t)handle;
	guest_printf("files: for %s\n", (const char *)mount.name);
	return !(mount.flags & POSTERN_FILE_MOUNT_FLAGS_READ_ONLY);
}

static void run(const char *name, bool may)
{
	guest_printf("files: %s: ", name);
	read_greeting();
	EXPECT(is_listed("greeting") && !is_listed("nothing"));
	change_everything(may);
}

static void run_on_ring(const char *name, bool may, uint32_t flags)
{
	EXPECT_RESULT(guest_ring_init(&ring, ORDER, ORDER, flags, POSTERN_NO_HANDLE), 0);
	has_ring = true;
	run(name, may);
	has_ring = false;
	EXPECT_RESULT(guest_ring_close(&ring), 0);
	guest_ring_free(&ring);
}

int main(void)
{
	const bool may = get_root();

	run("by trap", may);
	run_on_ring("in batches", may, 0);
	run_on_ring("over a ring", may, POSTERN_RING_SETUP_FLAGS_POLLED);
	guest_printf("files: %s\n", may ? "changed" : "read");
	return 0;
}
