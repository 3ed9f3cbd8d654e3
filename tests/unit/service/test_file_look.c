/* SPDX-License-Identifier: ISC */
/* test_file_look.c - finding, opening, reading and listing files, and every way in which that fails. */
#include "files.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

/* ---- roots ---- */

static void roots_say_what_they_are(void **state)
{
	const struct postern_file_mount *mount;
	struct postern_abi_info *info;
	struct postern_file_info status;

	(void)state;
	tree_create();
	tree_open();
	mount = world_at(&world, STRUCT_AT);
	assert_true(file_root(0) >= 0);
	assert_string_equal((const char *)mount->name, "/shared");
	assert_int_equal(mount->flags, 0);
	assert_true(file_root(1) >= 0);
	assert_string_equal((const char *)mount->name, "/locked");
	assert_int_equal(mount->flags, POSTERN_FILE_MOUNT_FLAGS_READ_ONLY);
	assert_int_equal(file_root(2), -ENOENT);
	assert_int_equal(file_root(UINT32_MAX), -ENOENT);
	info = world_at(&world, STRUCT_AT);
	*info = (struct postern_abi_info){ .size = sizeof *info };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_ABI_QUERY, POSTERN_SECTION_FILE, STRUCT_AT), 0);
	assert_int_equal(info->limits[POSTERN_FILE_LIMIT_MOUNTS], 2);
	assert_int_equal(file_info(tree.root, &status), 0);
	assert_int_equal(status.kind, POSTERN_FILE_KIND_DIRECTORY);
	tree_destroy();
}

static void no_mounts_are_none(void **state)
{
	(void)state;
	world_prepare(&world);
	world_create(&world);
	assert_int_equal(file_root(0), -ENOENT);
	world_destroy(&world);
}

/* ---- looking ---- */

static void a_look_tells_all(void **state)
{
	const struct timespec times[2] = { { 1000, 7777 }, { -5, 999999999 } };
	struct postern_file_info info;
	struct stat status;

	(void)state;
	tree_create();
	host_write("shared/file", "hello");
	assert_int_equal(fchmodat(tree.top, "shared/file", 0640, 0), 0);
	assert_int_equal(linkat(tree.top, "shared/file", tree.top, "shared/again", 0), 0);
	assert_int_equal(utimensat(tree.top, "shared/file", times, 0), 0);
	assert_int_equal(fstatat(tree.top, "shared/file", &status, 0), 0);
	tree_open();
	assert_int_equal(file_look(tree.root, "file", 0, &info), 0);
	assert_int_equal(info.kind, POSTERN_FILE_KIND_REGULAR);
	assert_int_equal(info.mode, 0640);
	assert_int_equal(info.links, 2);
	assert_int_equal(info.inode, status.st_ino);
	assert_int_equal(info.length, 5);
	assert_int_equal(info.allocated, status.st_blocks * 512);
	assert_int_equal(info.owner, getuid());
	assert_int_equal(info.accessed.seconds, 1000);
	assert_int_equal(info.accessed.nanoseconds, 7777);
	assert_int_equal(info.modified.seconds, -5);
	assert_int_equal(info.modified.nanoseconds, 999999999);
	assert_int_equal(info.reserved, 0);
	tree_destroy();
}

static void times_are_as_coarse_as_clocks(void **state)
{
	const struct timespec times[2] = { { 1000, 123456789 }, { -5, 999999999 } };
	const struct service_mount mount = { 0, "/shared", false };
	struct service_mount mounts[1] = { mount };
	struct postern_file_info info;
	int64_t root;

	(void)state;
	tree_create();
	host_write("shared/file", "hello");
	assert_int_equal(utimensat(tree.top, "shared/file", times, 0), 0);
	mounts[0].fd = tree.shared;
	world_prepare(&world);
	world.config.mounts = mounts;
	world.config.mount_count = 1;
	world.config.resolution = 1000;
	world_create(&world);
	root = file_root(0);
	assert_int_equal(file_look((postern_handle_t)root, "file", 0, &info), 0);
	assert_int_equal(info.accessed.nanoseconds, 123456000);
	assert_int_equal(info.modified.seconds, -5);
	assert_int_equal(info.modified.nanoseconds, 999999000);
	tree_destroy();
}

static void make_kinds(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/shared/socket", tree.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	assert_int_equal(mkfifoat(tree.top, "shared/fifo", 0644), 0);
	host_directory("shared/directory");
	host_write("shared/regular", "");
	host_link("shared/link", "regular");
}

static const struct {
	const char *name;
	enum postern_file_kind kind;
} kinds[] = {
	{ "regular", POSTERN_FILE_KIND_REGULAR },    { "directory", POSTERN_FILE_KIND_DIRECTORY },
	{ "link", POSTERN_FILE_KIND_SYMBOLIC_LINK }, { "fifo", POSTERN_FILE_KIND_FIFO },
	{ "socket", POSTERN_FILE_KIND_SOCKET },
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void kinds_are_told(void **state)
{
	struct postern_file_info info;

	(void)state;
	tree_create();
	make_kinds();
	tree_open();
	for (int i = 0; i < KINDS; i++) {
		assert_int_equal(
			file_look(tree.root, kinds[i].name, POSTERN_FILE_LOOK_FLAGS_NO_FOLLOW, &info), 0);
		assert_int_equal(info.kind, kinds[i].kind);
	}
	assert_int_equal(file_look(tree.root, "link", 0, &info), 0);
	assert_int_equal(info.kind, POSTERN_FILE_KIND_REGULAR);
	tree_destroy();
}

static void devices_and_fifos_are_never_opened(void **state)
{
	static const uint32_t flags[] = { READ, WRITE, READ | WRITE };

	(void)state;
	tree_create();
	make_kinds();
	tree_open();
	/* A fifo would wait for its other end, or end its reader's wait: neither happens. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(file_open(tree.root, "fifo", flags[i], 0), -ENXIO);
		assert_int_equal(file_open(tree.root, "socket", flags[i], 0), -ENXIO);
		assert_int_equal(file_open(tree.root, "link", flags[i] | NO_FOLLOW, 0), -ELOOP);
	}
	for (int i = 0; i < KINDS; i++) {
		struct postern_file_info info;
		postern_handle_t file = open_fine(tree.root, kinds[i].name, NO_FOLLOW);
		char byte;

		assert_int_equal(file_info(file, &info), 0);
		assert_int_equal(info.kind, kinds[i].kind);
		assert_int_equal(file_read(file, 0, &byte, 1), -EACCES);
		assert_int_equal(file_list(file, 0, 4096), -EACCES);
		assert_int_equal(file_close(file), 0);
	}
	tree_destroy();
}

static void a_device_of_the_host_has_a_name_only(void **state)
{
	struct postern_file_info info;

	(void)state;
	tree_create();
	if (mknodat(tree.top, "shared/null", S_IFCHR | 0666, makedev(1, 3))) {
		tree_open();
		tree_destroy();
		skip(); /* only root makes devices */
	}
	tree_open();
	assert_int_equal(file_look(tree.root, "null", 0, &info), 0);
	assert_int_equal(info.kind, POSTERN_FILE_KIND_CHARACTER_DEVICE);
	assert_int_equal(file_open(tree.root, "null", READ, 0), -ENXIO);
	assert_int_equal(file_open(tree.root, "null", WRITE | CREATE, 0644), -ENXIO);
	tree_destroy();
}

/* ---- paths ---- */

static void make_paths(void)
{
	tree_create();
	host_directory("shared/a");
	host_directory("shared/a/b");
	host_write("shared/a/b/file", "deep");
	host_write("shared/top", "top");
	host_link("shared/a/up", "../top");
	host_link("shared/a/out", "../../outside/secret");
	host_link("shared/absolute", "/etc/passwd");
	host_link("shared/loop", "loop");
	host_link("shared/dangling", "a/nothing");
	host_link("shared/directory", "a");
	host_link("shared/parent", "..");
	tree_open();
}

/* What each path answers, opened from the root for reading. */
static const struct {
	const char *path;
	uint32_t flags;
	int error;
	const char *text;
} paths[] = {
	{ "top", 0, 0, "top" },
	{ "a/b/file", 0, 0, "deep" },
	{ "a//b/./../b/file", 0, 0, "deep" },
	{ "./top", 0, 0, "top" },
	{ "a/up", 0, 0, "top" },
	{ "directory/b/file", 0, 0, "deep" },
	{ "directory/b/file", NO_FOLLOW, 0, "deep" },
	{ "directory/b/file", NO_LINKS, ELOOP, NULL },
	{ "a/up", NO_FOLLOW, ELOOP, NULL },
	{ "a/up", NO_LINKS, ELOOP, NULL },
	{ "", 0, ENOENT, NULL },
	{ "nothing", 0, ENOENT, NULL },
	{ "dangling", 0, ENOENT, NULL },
	{ "nothing/file", 0, ENOENT, NULL },
	{ "top/file", 0, ENOTDIR, NULL },
	{ "top/", 0, ENOTDIR, NULL },
	{ "top", DIRECTORY, ENOTDIR, NULL },
	{ "a", WRITE, EISDIR, NULL },
	{ "loop", 0, ELOOP, NULL },
	{ "/etc/passwd", 0, EXDEV, NULL },
	{ "/", 0, EXDEV, NULL },
	{ "..", 0, EXDEV, NULL },
	{ "../outside/secret", 0, EXDEV, NULL },
	{ "a/../../shared/top", 0, EXDEV, NULL },
	{ "a/out", 0, EXDEV, NULL },
	{ "absolute", 0, EXDEV, NULL },
	{ "parent", 0, EXDEV, NULL },
	{ "parent/outside/secret", 0, EXDEV, NULL },
};

static void paths_stay_below(void **state)
{
	(void)state;
	make_paths();
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int64_t result = file_open(tree.root, paths[i].path, READ | paths[i].flags, 0);
		char text[8] = "";

		if (paths[i].error) {
			if (result != -paths[i].error)
				fail_msg("%s: %d", paths[i].path, (int)result);
			continue;
		}
		assert_true(result >= 0);
		assert_true(file_read((postern_handle_t)result, 0, text, 7) >= 0);
		assert_memory_equal(text, paths[i].text, strlen(paths[i].text));
		assert_int_equal(file_close((postern_handle_t)result), 0);
	}
	tree_destroy();
}

static void a_directory_below_is_a_boundary_too(void **state)
{
	postern_handle_t below;
	struct postern_file_info info;

	(void)state;
	make_paths();
	below = open_fine(tree.root, "a", 0);
	assert_int_equal(file_look(below, "b/file", 0, &info), 0);
	assert_int_equal(file_look(below, "../top", 0, &info), -EXDEV);
	assert_int_equal(file_look(below, "up", 0, &info), -EXDEV);
	assert_int_equal(file_look(below, "up", POSTERN_FILE_LOOK_FLAGS_NO_FOLLOW, &info), 0);
	assert_int_equal(file_look(below, "..", 0, &info), -EXDEV);
	assert_int_equal(file_look(below, "..", POSTERN_FILE_LOOK_FLAGS_NO_LINKS, &info), -EXDEV);
	tree_destroy();
}

static void long_names(void **state)
{
	char name[4096];

	(void)state;
	make_paths();
	memset(name, 'n', sizeof name);
	name[300] = '\0';
	assert_int_equal(file_open(tree.root, name, READ, 0), -ENAMETOOLONG);
	assert_int_equal(file_look(tree.root, name, 0, NULL), -ENAMETOOLONG);
	name[300] = 'n';
	name[4095] = '\0';
	assert_int_equal(file_open(tree.root, name, READ, 0), -ENAMETOOLONG);
	tree_destroy();
}

static void targets_are_read(void **state)
{
	char text[256];

	(void)state;
	make_paths();
	assert_int_equal(file_target(tree.root, "a/up", text, sizeof text), 6);
	assert_memory_equal(text, "../top", 6);
	assert_int_equal(file_target(tree.root, "absolute", text, sizeof text), 11);
	assert_int_equal(file_target(tree.root, "absolute", text, 11), 11);
	assert_int_equal(file_target(tree.root, "absolute", text, 10), -ERANGE);
	assert_int_equal(file_target(tree.root, "a/up", text, 5), -ERANGE);
	assert_int_equal(file_target(tree.root, "top", text, sizeof text), -EINVAL);
	assert_int_equal(file_target(tree.root, "a/b", text, sizeof text), -EINVAL);
	assert_int_equal(file_target(tree.root, "nothing", text, sizeof text), -ENOENT);
	assert_int_equal(file_target(tree.root, "", text, sizeof text), -ENOENT);
	assert_int_equal(file_target(tree.root, "top/x", text, sizeof text), -ENOTDIR);
	assert_int_equal(file_target(tree.root, "../outside/secret", text, sizeof text), -EXDEV);
	/* With a slash it is what the link names, which is no link. */
	assert_int_equal(file_target(tree.root, "directory/", text, sizeof text), -EINVAL);
	tree_destroy();
}

/* ---- flags and rights ---- */

static void flags_have_to_go_together(void **state)
{
	static const uint32_t wrong[] = { APPEND,
					  APPEND | READ,
					  TRUNCATE,
					  EXCLUSIVE,
					  EXCLUSIVE | WRITE,
					  DIRECTORY | WRITE,
					  DIRECTORY | CREATE,
					  0x400,
					  UINT32_MAX };

	(void)state;
	make_paths();
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(file_open(tree.root, "top", wrong[i], 0), -EINVAL);
	assert_int_equal(file_open(tree.root, "top", READ, 0644), -EINVAL);
	assert_int_equal(file_open(tree.root, "new", WRITE | CREATE, 01000), -EINVAL);
	assert_false(host_exists("shared/new"));
	tree_destroy();
}

static void handles_have_the_rights_asked_for(void **state)
{
	postern_handle_t file;
	postern_handle_t dir;
	char byte;

	(void)state;
	make_paths();
	file = open_fine(tree.root, "top", WRITE);
	assert_int_equal(file_read(file, 0, &byte, 1), -EACCES);
	assert_int_equal(file_look(file, "x", 0, NULL), -EACCES);
	dir = open_fine(tree.root, "a", 0);
	assert_int_equal(file_list(dir, 0, 4096), -EACCES);
	assert_int_equal(file_open(dir, "new", READ | CREATE, 0644), -EACCES);
	assert_int_equal(file_look(dir, "b", 0, NULL), 0);
	dir = open_fine(tree.root, "a", READ | DIRECTORY);
	assert_true(file_list(dir, 0, 4096) > 0);
	assert_int_equal(file_open(dir, "new", READ | CREATE, 0644), -EACCES);
	assert_false(host_exists("shared/a/new"));
	tree_destroy();
}

static void read_only_is_read_only(void **state)
{
	static const uint32_t flags[] = { WRITE, CHANGE, READ | CREATE, WRITE | TRUNCATE };

	(void)state;
	tree_create();
	host_write("locked/file", "locked");
	tree_open();
	for (int i = 0; i < 4; i++) {
		assert_int_equal(file_open(tree.locked_root, "file", flags[i], 0), -EROFS);
		assert_int_equal(file_open(tree.locked_root, "nothing", flags[i], 0), -EROFS);
	}
	open_fine(tree.locked_root, "file", READ);
	assert_string_equal(host_read("locked/file"), "locked");
	assert_false(host_exists("locked/nothing"));
	tree_destroy();
}

static void closed_handles_are_dead(void **state)
{
	postern_handle_t file;
	char byte;

	(void)state;
	make_paths();
	file = open_fine(tree.root, "top", READ);
	assert_int_equal(file_close(file), 0);
	assert_int_equal(file_close(file), -EBADF);
	assert_int_equal(file_read(file, 0, &byte, 1), -EBADF);
	assert_int_equal(file_info(file, NULL), -EBADF);
	/* The next one is not taken for it. */
	assert_int_not_equal(open_fine(tree.root, "top", READ), file);
	assert_int_equal(file_read(file, 0, &byte, 1), -EBADF);
	assert_int_equal(file_close(tree.root), 0);
	assert_int_equal(file_open(tree.root, "top", READ, 0), -EBADF);
	tree_destroy();
}

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void handles_are_limited(void **state)
{
	postern_handle_t last = 0;
	unsigned count = 0;
	unsigned before;
	int64_t result;

	(void)state;
	make_paths();
	before = count_descriptors();
	while ((result = file_open(tree.root, "top", READ, 0)) >= 0) {
		last = (postern_handle_t)result;
		count++;
	}
	assert_true(result == -EAGAIN || result == -ENFILE);
	if (result == -EAGAIN)
		assert_int_equal(count, POSTERN_HANDLE_FILE_MAX - 2);
	/* Nothing is made, and nothing emptied, without a handle for it. */
	assert_int_equal(file_open(tree.root, "new", WRITE | CREATE, 0644), result);
	assert_int_equal(file_open(tree.root, "top", WRITE | TRUNCATE, 0), result);
	assert_int_equal(file_root(0), result);
	assert_false(host_exists("shared/new"));
	assert_string_equal(host_read("shared/top"), "top");
	assert_int_equal(file_close(last), 0);
	open_fine(tree.root, "top", READ);
	assert_true(count_descriptors() >= before + count);
	tree_destroy();
	assert_true(count_descriptors() < before);
}

/* ---- creating and truncating ---- */

static void files_are_made(void **state)
{
	struct postern_file_info info;
	postern_handle_t file;
	int64_t result;

	(void)state;
	make_paths();
	result = file_open(tree.root, "new", READ | WRITE | CREATE, 0666);
	assert_true(result >= 0);
	assert_int_equal(file_info((postern_handle_t)result, &info), 0);
	assert_int_equal(info.mode, 0666);
	assert_int_equal(info.length, 0);
	/* Rights come from what was asked for, not from bits. */
	result = file_open(tree.root, "a/closed", READ | WRITE | CREATE | EXCLUSIVE, 0);
	assert_true(result >= 0);
	assert_int_equal(file_open(tree.root, "a/closed", READ | CREATE | EXCLUSIVE, 0), -EEXIST);
	assert_int_equal(file_open(tree.root, "dangling", READ | CREATE | EXCLUSIVE, 0), -EEXIST);
	assert_int_equal(file_open(tree.root, "a", READ | CREATE | EXCLUSIVE, 0), -EEXIST);
	assert_int_equal(file_open(tree.root, ".", READ | CREATE | EXCLUSIVE, 0), -EEXIST);
	assert_int_equal(file_open(tree.root, "a", READ | CREATE, 0), -EISDIR);
	assert_int_equal(file_open(tree.root, ".", READ | CREATE, 0), -EISDIR);
	assert_int_equal(file_open(tree.root, "no/such", READ | CREATE, 0), -ENOENT);
	assert_int_equal(file_open(tree.root, "top/such", READ | CREATE, 0), -ENOTDIR);
	assert_int_equal(file_open(tree.root, "../escaped", READ | CREATE, 0644), -EXDEV);
	assert_int_equal(file_open(tree.root, "/tmp/escaped", READ | CREATE, 0644), -EXDEV);
	assert_int_equal(file_open(tree.root, "parent/escaped", READ | CREATE, 0644), -EXDEV);
	assert_false(host_exists("escaped"));
	file = open_fine(tree.root, "top", READ | CREATE);
	assert_int_equal(file_info(file, &info), 0);
	assert_int_equal(info.length, 3);
	tree_destroy();
}

static void a_link_to_nothing_names_what_is_made(void **state)
{
	(void)state;
	tree_create();
	host_directory("shared/a");
	host_link("shared/one", "a/two");
	host_link("shared/a/two", "../three");
	host_link("shared/out", "../outside/new");
	host_link("shared/far", "/tmp/postern-far");
	host_link("shared/round", "a/about");
	host_link("shared/a/about", "../round");
	tree_open();
	assert_int_equal(file_open(tree.root, "one", READ | CREATE | NO_FOLLOW, 0644), -ELOOP);
	assert_int_equal(file_open(tree.root, "one", READ | CREATE | NO_LINKS, 0644), -ELOOP);
	assert_true(file_open(tree.root, "one", READ | CREATE, 0644) >= 0);
	assert_true(host_exists("shared/three"));
	assert_int_equal(file_open(tree.root, "out", READ | CREATE, 0644), -EXDEV);
	assert_int_equal(file_open(tree.root, "far", READ | CREATE, 0644), -EXDEV);
	assert_int_equal(file_open(tree.root, "round", READ | CREATE, 0644), -ELOOP);
	assert_false(host_exists("outside/new"));
	tree_destroy();
}

static void truncation_drops_contents(void **state)
{
	(void)state;
	make_paths();
	open_fine(tree.root, "a/up", WRITE | TRUNCATE);
	assert_string_equal(host_read("shared/top"), "");
	tree_destroy();
}

/* ---- reading ---- */

static void reads_fill_segments(void **state)
{
	struct postern_segment *segments;
	postern_handle_t file;
	char text[16];
	const uint64_t args[6] = { 0, 0, SEGMENTS_AT, 3 };
	uint64_t call[6];

	(void)state;
	tree_create();
	host_write("shared/file", "0123456789");
	tree_open();
	file = open_fine(tree.root, "file", READ);
	assert_int_equal(file_read(file, 0, text, 4), 4);
	assert_memory_equal(text, "0123", 4);
	assert_int_equal(file_read(file, 8, text, 8), 2);
	assert_int_equal(file_read(file, 10, text, 8), 0);
	assert_int_equal(file_read(file, UINT64_C(1) << 40, text, 8), 0);
	assert_int_equal(file_read(file, INT64_MAX, text, 8), 0);
	assert_int_equal(file_read(file, 3, text, 0), 0);
	assert_int_equal(file_read(file, UINT64_C(1) << 63, text, 8), -EINVAL);
	segments = world_at(&world, SEGMENTS_AT);
	segments[0] = (struct postern_segment){ DATA_AT + 1, 2 };
	segments[1] = (struct postern_segment){ DATA_AT, 0 };
	segments[2] = (struct postern_segment){ DATA_AT + 100, 5 };
	memcpy(call, args, sizeof call);
	call[0] = file;
	call[1] = 1;
	memset(world_at(&world, DATA_AT), 0, 200);
	assert_int_equal(gate_call(world.gate, gate_vcpu(world.gate, 0), POSTERN_CALL_FILE_READ, call), 7);
	assert_memory_equal(world_at(&world, DATA_AT),
			    "\0"
			    "12\0",
			    4);
	assert_memory_equal(world_at(&world, DATA_AT + 100), "34567\0", 6);
	segments[2].address = RAM_SIZE - 2;
	assert_int_equal(gate_call(world.gate, gate_vcpu(world.gate, 0), POSTERN_CALL_FILE_READ, call),
			 -EFAULT);
	tree_destroy();
}

static void a_file_that_was_removed_can_still_be_read(void **state)
{
	struct postern_file_info info;
	postern_handle_t file;
	char text[8];

	(void)state;
	make_paths();
	file = open_fine(tree.root, "top", READ);
	assert_int_equal(unlinkat(tree.top, "shared/top", 0), 0);
	assert_int_equal(file_read(file, 0, text, 3), 3);
	assert_memory_equal(text, "top", 3);
	assert_int_equal(file_info(file, &info), 0);
	assert_int_equal(info.links, 0);
	tree_destroy();
}

/* ---- lists ---- */

enum { NAMES = 300 };

static void make_names(void)
{
	char path[400];

	tree_create();
	for (int i = 0; i < NAMES; i++) {
		int length = snprintf(path, sizeof path, "shared/%d", i);

		/* Names of all lengths. */
		if (i < 250) {
			memset(path + length, 'x', (size_t)i);
			path[length + i] = '\0';
		}
		host_write(path, "");
	}
	tree_open();
}

/* Marks the names of a piece. Returns the cookie behind its last record. */
static uint64_t mark_names(size_t size, unsigned seen[NAMES])
{
	const char *from = (const char *)listed();
	uint64_t cookie = 0;
	size_t at = 0;

	while (at < size) {
		const struct postern_file_entry *entry = (const void *)(from + at);
		char name[256] = "";

		assert_int_equal(entry->length % 8, 0);
		assert_in_range(entry->length, sizeof *entry + entry->name_length,
				sizeof *entry + entry->name_length + 7);
		memcpy(name, entry + 1, entry->name_length);
		for (size_t i = sizeof *entry + entry->name_length; i < entry->length; i++)
			assert_int_equal(from[at + i], 0);
		assert_in_range(atoi(name), 0, NAMES - 1);
		assert_int_equal(strspn(name, "0123456789x"), entry->name_length);
		assert_true(entry->kind == POSTERN_FILE_KIND_REGULAR ||
			    entry->kind == POSTERN_FILE_KIND_UNKNOWN);
		seen[atoi(name)]++;
		cookie = entry->next;
		at += entry->length;
	}
	assert_int_equal(at, size);
	return cookie;
}

static void lists_name_everything_once(void **state)
{
	static const size_t sizes[] = { 4096, 4104, 5001, 65536 };

	(void)state;
	make_names();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned seen[NAMES] = { 0 };
		uint64_t cookie = 0;
		int64_t size;

		while ((size = file_list(tree.root, cookie, sizes[i])) > 0)
			cookie = mark_names((size_t)size, seen);
		assert_int_equal(size, 0);
		for (int j = 0; j < NAMES; j++)
			assert_int_equal(seen[j], 1);
	}
	tree_destroy();
}

static void lists_go_on_at_any_record(void **state)
{
	unsigned seen[NAMES] = { 0 };
	uint64_t cookie = 0;
	int64_t size;

	(void)state;
	make_names();
	/* Each time only the first record is used; whatever comes in between. */
	while ((size = file_list(tree.root, cookie, 4096)) > 0) {
		cookie = mark_names(listed()->length, seen);
		assert_true(file_list(tree.root, 0, 8192) > 0);
	}
	assert_int_equal(size, 0);
	for (int j = 0; j < NAMES; j++)
		assert_int_equal(seen[j], 1);
	tree_destroy();
}

static void lists_refuse_nonsense(void **state)
{
	postern_handle_t dir;

	(void)state;
	tree_create();
	host_directory("shared/gone");
	host_directory("shared/empty");
	tree_open();
	dir = open_fine(tree.root, "empty", READ);
	assert_int_equal(file_list(dir, 0, 4096), 0);
	assert_int_equal(file_list(dir, 0, 4095), -EINVAL);
	assert_int_equal(file_list(dir, UINT64_MAX, 4096), -EINVAL);
	assert_true(file_list(dir, 12345, 4096) <= 0);
	dir = open_fine(tree.root, "gone", READ);
	assert_int_equal(unlinkat(tree.top, "shared/gone", AT_REMOVEDIR), 0);
	assert_int_equal(file_list(dir, 0, 4096), -ENOENT);
	tree_destroy();
}

/* ---- a mount that is one file ---- */

static void one_file_is_a_mount(void **state)
{
	struct service_mount mount = { 0, "/file", false };
	struct postern_file_info info;
	postern_handle_t root;
	postern_handle_t file;
	char text[8];
	int64_t result;

	(void)state;
	tree_create();
	host_write("shared/file", "alone");
	mount.fd = openat(tree.top, "shared/file", O_RDWR | O_CLOEXEC);
	world_prepare(&world);
	world.config.mounts = &mount;
	world.config.mount_count = 1;
	world_create(&world);
	result = file_root(0);
	assert_true(result >= 0);
	root = (postern_handle_t)result;
	assert_int_equal(file_info(root, &info), 0);
	assert_int_equal(info.kind, POSTERN_FILE_KIND_REGULAR);
	assert_int_equal(file_read(root, 0, text, 8), 5);
	assert_int_equal(file_look(root, ".", 0, &info), 0);
	assert_int_equal(info.length, 5);
	assert_int_equal(file_look(root, "x", 0, &info), -ENOTDIR);
	assert_int_equal(file_look(root, "..", 0, &info), -ENOTDIR);
	assert_int_equal(file_look(root, "", 0, &info), -ENOENT);
	assert_int_equal(file_open(root, "..", READ, 0), -ENOTDIR);
	assert_int_equal(file_open(root, "/etc/passwd", READ, 0), -ENOTDIR);
	assert_int_equal(file_open(root, ".", READ | DIRECTORY, 0), -ENOTDIR);
	assert_int_equal(file_open(root, ".", READ | CREATE | EXCLUSIVE, 0), -EEXIST);
	assert_int_equal(file_list(root, 0, 4096), -EACCES);
	file = open_fine(root, ".", READ);
	assert_int_equal(file_close(root), 0);
	assert_int_equal(file_read(file, 1, text, 8), 4);
	assert_memory_equal(text, "lone", 4);
	open_fine(file, ".", WRITE | TRUNCATE);
	assert_string_equal(host_read("shared/file"), "");
	close(mount.fd);
	tree_destroy();
}

/* ---- the kernel's own file systems ---- */

static void the_kernel_is_no_mount(void **state)
{
	struct service_mount mount = { 0, "/proc", true };
	struct services services;

	(void)state;
	world_prepare(&world);
	mount.fd = open("/proc", O_PATH | O_CLOEXEC);
	world.config.mounts = &mount;
	world.config.mount_count = 1;
	assert_int_equal(services_create(&services, &world.config), -EACCES);
	close(mount.fd);
	memory_destroy(&world.memory);
}

static void the_kernels_files_are_out_of_reach(void **state)
{
	struct service_mount mount = { 0, "/", false };
	struct postern_file_info info;
	postern_handle_t root;
	char text[64];
	int64_t result;

	(void)state;
	world_prepare(&world);
	mount.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	world.config.mounts = &mount;
	world.config.mount_count = 1;
	world_create(&world);
	result = file_root(0);
	assert_true(result >= 0);
	root = (postern_handle_t)result;
	/* One sees that they are there. */
	assert_int_equal(file_look(root, "proc", 0, &info), 0);
	assert_int_equal(file_look(root, "proc", POSTERN_FILE_LOOK_FLAGS_NO_LINKS, &info), 0);
	assert_int_equal(file_open(root, "proc", READ, 0), -EACCES);
	assert_int_equal(file_open(root, "proc/self/mem", READ, 0), -EACCES);
	assert_int_equal(file_open(root, "proc/self/mem", WRITE, 0), -EACCES);
	assert_int_equal(file_open(root, "proc/self/environ", 0, 0), -EACCES);
	assert_int_equal(file_look(root, "proc/self/environ", 0, &info), -EACCES);
	assert_int_equal(file_target(root, "proc/self", text, sizeof text), -EACCES);
	assert_int_equal(file_target(root, "proc/self/exe", text, sizeof text), -EACCES);
	/* Links that are no text lead nowhere. */
	assert_int_equal(file_open(root, "proc/self/root/etc/passwd", READ, 0), -ELOOP);
	assert_int_equal(file_open(root, "proc/self/cwd", 0, 0), -ELOOP);
	assert_int_equal(file_open(root, "proc/self/fd/0", READ, 0), -ELOOP);
	close(mount.fd);
	world_destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_say_what_they_are),
		cmocka_unit_test(no_mounts_are_none),
		cmocka_unit_test(a_look_tells_all),
		cmocka_unit_test(times_are_as_coarse_as_clocks),
		cmocka_unit_test(kinds_are_told),
		cmocka_unit_test(devices_and_fifos_are_never_opened),
		cmocka_unit_test(a_device_of_the_host_has_a_name_only),
		cmocka_unit_test(paths_stay_below),
		cmocka_unit_test(a_directory_below_is_a_boundary_too),
		cmocka_unit_test(long_names),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(flags_have_to_go_together),
		cmocka_unit_test(handles_have_the_rights_asked_for),
		cmocka_unit_test(read_only_is_read_only),
		cmocka_unit_test(closed_handles_are_dead),
		cmocka_unit_test(handles_are_limited),
		cmocka_unit_test(files_are_made),
		cmocka_unit_test(a_link_to_nothing_names_what_is_made),
		cmocka_unit_test(truncation_drops_contents),
		cmocka_unit_test(reads_fill_segments),
		cmocka_unit_test(a_file_that_was_removed_can_still_be_read),
		cmocka_unit_test(lists_name_everything_once),
		cmocka_unit_test(lists_go_on_at_any_record),
		cmocka_unit_test(lists_refuse_nonsense),
		cmocka_unit_test(one_file_is_a_mount),
		cmocka_unit_test(the_kernel_is_no_mount),
		cmocka_unit_test(the_kernels_files_are_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
