/* SPDX-License-Identifier: ISC */
/* test_file_change.c - writing files, changing names and attributes, and every way in which that fails. */
#include "files.h"

#include <signal.h>
#include <sys/resource.h>

static void make_tree(void)
{
	tree_create();
	host_directory("shared/a");
	host_directory("shared/full");
	host_write("shared/full/file", "inside");
	host_write("shared/top", "top");
	host_link("shared/link", "a");
	host_link("shared/out", "../outside");
	host_write("locked/file", "locked");
	host_directory("locked/dir");
	tree_open();
}

static unsigned mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(fstatat(tree.top, path, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_mode;
}

/* ---- contents ---- */

static void writes_go_where_they_should(void **state)
{
	postern_handle_t file;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "top", WRITE);
	assert_int_equal(file_write(file, 1, "xy", 2), 2);
	assert_string_equal(host_read("shared/top"), "txy");
	assert_int_equal(file_write(file, 5, "z", 1), 1);
	assert_memory_equal(host_read("shared/top"), "txy\0\0z", 7);
	assert_int_equal(file_write(file, 0, "", 0), 0);
	assert_int_equal(file_write(file, UINT64_C(1) << 63, "z", 1), -EINVAL);
	assert_int_equal(file_write(file, INT64_MAX, "z", 1), -EFBIG);
	file = open_fine(tree.root, "top", READ);
	assert_int_equal(file_write(file, 0, "z", 1), -EACCES);
	tree_destroy();
}

static void appending_goes_to_the_end(void **state)
{
	postern_handle_t file;
	postern_handle_t other;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "top", WRITE | APPEND);
	other = open_fine(tree.root, "top", WRITE | APPEND);
	assert_int_equal(file_write(file, 0, "1", 1), 1);
	assert_int_equal(file_write(other, 0, "2", 1), 1);
	assert_int_equal(file_write(file, 0, "3", 1), 1);
	assert_int_equal(file_write(file, 1, "4", 1), -EINVAL);
	assert_string_equal(host_read("shared/top"), "top123");
	tree_destroy();
}

static void files_get_a_length(void **state)
{
	postern_handle_t file;
	int64_t result;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "top", WRITE);
	assert_int_equal(file_resize(file, 1), 0);
	assert_string_equal(host_read("shared/top"), "t");
	assert_int_equal(file_resize(file, 4), 0);
	assert_memory_equal(host_read("shared/top"), "t\0\0\0", 5);
	/* Some file systems have files of any length. */
	result = file_resize(file, INT64_MAX);
	assert_true(result == -EFBIG || result == 0);
	assert_int_equal(file_resize(file, UINT64_C(1) << 63), -EINVAL);
	assert_int_equal(file_resize(open_fine(tree.root, "top", READ), 1), -EACCES);
	tree_destroy();
}

/* The host's limit for its user is an error of the call, and not the end of the VM. */
static void a_limit_of_the_host_is_an_error(void **state)
{
	struct rlimit before;
	struct rlimit small;
	postern_handle_t file;

	(void)state;
	make_tree();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 4096, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	file = open_fine(tree.root, "top", WRITE);
	assert_int_equal(file_write(file, 4090, "0123456789", 10), 6);
	assert_int_equal(file_write(file, 4096, "0123456789", 10), -EFBIG);
	assert_int_equal(file_resize(file, 5000), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	tree_destroy();
}

static void syncs_take_any_handle(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(file_sync(open_fine(tree.root, "top", WRITE), 0), 0);
	assert_int_equal(file_sync(open_fine(tree.root, "top", READ), POSTERN_FILE_SYNC_FLAGS_DATA_ONLY), 0);
	assert_int_equal(file_sync(open_fine(tree.root, "top", 0), 0), 0);
	assert_int_equal(file_sync(open_fine(tree.root, "a", 0), 0), 0);
	assert_int_equal(file_sync(tree.root, 0), 0);
	assert_int_equal(file_sync(open_fine(tree.locked_root, "file", READ), 0), 0);
	assert_int_equal(file_sync(open_fine(tree.root, "link", NO_FOLLOW), 0), -EOPNOTSUPP);
	assert_int_equal(file_sync(tree.root, 2), -EINVAL);
	tree_destroy();
}

/* ---- making ---- */

static const struct {
	const char *name;
	uint32_t kind;
	unsigned mode;
} made[] = {
	{ "dir", POSTERN_FILE_KIND_DIRECTORY, S_IFDIR | 0777 },
	{ "dir/", POSTERN_FILE_KIND_DIRECTORY, S_IFDIR | 0700 },
	{ "file", POSTERN_FILE_KIND_REGULAR, S_IFREG | 0622 },
	{ "a/fifo", POSTERN_FILE_KIND_FIFO, S_IFIFO | 0666 },
	{ "link/socket", POSTERN_FILE_KIND_SOCKET, S_IFSOCK | 0 },
};

static void names_are_made(void **state)
{
	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		char path[32] = "shared/";

		strcat(path, made[i].name);
		assert_int_equal(file_make(tree.root, made[i].name, made[i].kind, made[i].mode & 0777), 0);
		assert_int_equal(mode_of(path), made[i].mode);
		assert_int_equal(file_make(tree.root, made[i].name, made[i].kind, 0), -EEXIST);
		assert_int_equal(file_remove(tree.root, made[i].name, S_ISDIR(made[i].mode)), 0);
		assert_false(host_exists(path));
	}
	tree_destroy();
}

/* What the calls that make a name, or remove one, say of a path; which of them: as bits. */
enum {
	MAKE_DIRECTORY = 1,
	MAKE_FILE = 2,
	SYMLINK = 4,
	REMOVE = 8,
	REMOVE_DIRECTORY = 16,
	LINK = 32,
	RENAME = 64
};
enum { MAKES = MAKE_DIRECTORY | MAKE_FILE | SYMLINK, ALL_CALLS = 127 };

static const struct {
	const char *path;
	int error;
	unsigned calls;
} refused[] = {
	{ "", ENOENT, ALL_CALLS },
	{ ".", EINVAL, ALL_CALLS },
	{ "..", EINVAL, ALL_CALLS },
	{ "a/.", EINVAL, ALL_CALLS },
	{ "a/..", EINVAL, ALL_CALLS },
	{ "no/x", ENOENT, ALL_CALLS },
	{ "top/x", ENOTDIR, ALL_CALLS },
	{ "/", EXDEV, ALL_CALLS },
	{ "/tmp/x", EXDEV, ALL_CALLS },
	{ "../x", EXDEV, ALL_CALLS },
	{ "out/secret", EXDEV, ALL_CALLS },
	{ "out/x", EXDEV, ALL_CALLS },
	{ "a/../../outside/x", EXDEV, ALL_CALLS },
	{ "top", EEXIST, MAKES },
	{ "a", EEXIST, MAKES },
	{ "out", EEXIST, MAKES },
	{ "new/", ENOTDIR, MAKE_FILE | SYMLINK },
	{ "nothing", ENOENT, REMOVE | REMOVE_DIRECTORY },
	{ "a", EISDIR, REMOVE },
	{ "a/", EISDIR, REMOVE },
	{ "top/", ENOTDIR, REMOVE | REMOVE_DIRECTORY },
	{ "top", ENOTDIR, REMOVE_DIRECTORY },
	{ "link", ENOTDIR, REMOVE_DIRECTORY },
	{ "full", ENOTEMPTY, REMOVE_DIRECTORY },
};

static int64_t try_call(unsigned which, const char *path)
{
	switch (which) {
	case MAKE_DIRECTORY:
		return file_make(tree.root, path, POSTERN_FILE_KIND_DIRECTORY, 0755);
	case MAKE_FILE:
		return file_make(tree.root, path, POSTERN_FILE_KIND_REGULAR, 0644);
	case SYMLINK:
		return file_symlink(tree.root, path, "text");
	case REMOVE:
		return file_remove(tree.root, path, 0);
	case REMOVE_DIRECTORY:
		return file_remove(tree.root, path, POSTERN_FILE_REMOVE_FLAGS_DIRECTORY);
	case LINK:
		return file_link(tree.root, "top", tree.root, path);
	default:
		return file_rename(tree.root, "top", tree.root, path, 0);
	}
}

static void names_are_refused(void **state)
{
	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		for (unsigned which = 1; which <= RENAME; which *= 2) {
			int64_t result = refused[i].calls & which ? try_call(which, refused[i].path) : 0;

			if ((refused[i].calls & which) && result != -refused[i].error)
				fail_msg("call %u, %s: %s", which, refused[i].path, strerror((int)-result));
		}
	}
	assert_string_equal(host_read("outside/secret"), "secret");
	assert_string_equal(host_read("shared/top"), "top");
	assert_false(host_exists("outside/x"));
	assert_false(host_exists("x"));
	assert_true(host_exists("shared/link"));
	tree_destroy();
}

static void kinds_that_are_not_made(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(file_make(tree.root, "x", POSTERN_FILE_KIND_UNKNOWN, 0), -EINVAL);
	assert_int_equal(file_make(tree.root, "x", POSTERN_FILE_KIND_SYMBOLIC_LINK, 0), -EINVAL);
	assert_int_equal(file_make(tree.root, "x", POSTERN_FILE_KIND_CHARACTER_DEVICE, 0), -EINVAL);
	assert_int_equal(file_make(tree.root, "x", POSTERN_FILE_KIND_BLOCK_DEVICE, 0), -EINVAL);
	assert_int_equal(file_make(tree.root, "x", 8, 0), -EINVAL);
	assert_int_equal(file_make(tree.root, "x", POSTERN_FILE_KIND_REGULAR, 04755), -EINVAL);
	assert_false(host_exists("shared/x"));
	tree_destroy();
}

static void links_are_made(void **state)
{
	char text[64] = "";

	(void)state;
	make_tree();
	assert_int_equal(file_symlink(tree.root, "a/absolute", "/etc/passwd"), 0);
	assert_int_equal(file_target(tree.root, "a/absolute", text, sizeof text), 11);
	assert_memory_equal(text, "/etc/passwd", 11);
	assert_int_equal(file_open(tree.root, "a/absolute", READ, 0), -EXDEV);
	assert_int_equal(file_symlink(tree.root, "empty", ""), -EINVAL);
	assert_int_equal(file_link(tree.root, "top", tree.root, "a/again"), 0);
	assert_string_equal(host_read("shared/a/again"), "top");
	/* A link gets a second name itself, whatever it leads to. */
	assert_int_equal(file_link(tree.root, "out", tree.root, "a/out"), 0);
	assert_true(S_ISLNK(mode_of("shared/a/out")));
	assert_int_equal(file_link(tree.root, "a", tree.root, "b"), -EISDIR);
	assert_int_equal(file_link(tree.root, "a/", tree.root, "b"), -EISDIR);
	assert_int_equal(file_link(tree.root, "out/", tree.root, "b"), -ENOTDIR);
	assert_int_equal(file_link(tree.root, "top", tree.root, "b/"), -ENOTDIR);
	assert_int_equal(file_link(tree.root, "top", tree.root, "a/again"), -EEXIST);
	assert_int_equal(file_link(tree.root, "nothing", tree.root, "b"), -ENOENT);
	assert_int_equal(file_link(tree.root, "out/secret", tree.root, "b"), -EXDEV);
	assert_int_equal(file_link(tree.root, "/etc/passwd", tree.root, "b"), -EXDEV);
	assert_false(host_exists("shared/b"));
	tree_destroy();
}

/* ---- renaming ---- */

static void names_change(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(file_rename(tree.root, "top", tree.root, "a/bottom", 0), 0);
	assert_string_equal(host_read("shared/a/bottom"), "top");
	assert_false(host_exists("shared/top"));
	/* A link is renamed, and replaced, itself. */
	assert_int_equal(file_rename(tree.root, "out", tree.root, "a/out", 0), 0);
	assert_true(S_ISLNK(mode_of("shared/a/out")));
	assert_int_equal(file_rename(tree.root, "a/bottom", tree.root, "a/out", 0), 0);
	assert_string_equal(host_read("shared/a/out"), "top");
	assert_string_equal(host_read("outside/secret"), "secret");
	assert_int_equal(file_rename(tree.root, "a", tree.root, "moved/", 0), 0);
	assert_string_equal(host_read("shared/moved/out"), "top");
	assert_int_equal(file_rename(tree.root, "moved/out", tree.root, "moved/out", 0), 0);
	tree_destroy();
}

static void names_do_not_change(void **state)
{
	const uint32_t keep = POSTERN_FILE_RENAME_FLAGS_NO_REPLACE;
	const uint32_t exchange = POSTERN_FILE_RENAME_FLAGS_EXCHANGE;

	(void)state;
	make_tree();
	assert_int_equal(file_rename(tree.root, "top", tree.root, "link", keep), -EEXIST);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "x", keep | exchange), -EINVAL);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "x", exchange), -ENOENT);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "x", 4), -EINVAL);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "a", 0), -EISDIR);
	assert_int_equal(file_rename(tree.root, "a", tree.root, "top", 0), -ENOTDIR);
	assert_int_equal(file_rename(tree.root, "a", tree.root, "full", 0), -ENOTEMPTY);
	assert_int_equal(file_rename(tree.root, "full", tree.root, "full/below", 0), -EINVAL);
	assert_int_equal(file_rename(tree.root, "full", tree.root, "full/below", keep), -EINVAL);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "x/", 0), -ENOTDIR);
	assert_int_equal(file_rename(tree.root, "top/", tree.root, "x", 0), -ENOTDIR);
	assert_int_equal(file_rename(tree.root, "out/", tree.root, "x", 0), -ENOTDIR);
	assert_int_equal(file_rename(tree.root, "out/secret", tree.root, "x", 0), -EXDEV);
	assert_int_equal(file_rename(tree.root, "top", tree.root, "out/x", 0), -EXDEV);
	assert_int_equal(file_rename(tree.root, "a", tree.root, "top", exchange), 0);
	assert_true(S_ISDIR(mode_of("shared/top")));
	assert_string_equal(host_read("shared/a"), "top");
	tree_destroy();
}

static void mounts_are_apart(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(file_rename(tree.root, "top", tree.locked_root, "x", 0), -EXDEV);
	assert_int_equal(file_rename(tree.locked_root, "file", tree.root, "x", 0), -EXDEV);
	assert_int_equal(file_link(tree.locked_root, "file", tree.root, "x"), -EXDEV);
	assert_false(host_exists("shared/x"));
	tree_destroy();
}

static void handles_in_structs_are_checked(void **state)
{
	postern_handle_t file;
	postern_handle_t dir;

	(void)state;
	make_tree();
	file = open_fine(tree.root, "top", READ);
	dir = open_fine(tree.root, "a", READ);
	assert_int_equal(file_rename(file, "x", tree.root, "y", 0), -EACCES);
	assert_int_equal(file_rename(dir, "x", tree.root, "y", 0), -EACCES);
	assert_int_equal(file_rename(tree.root, "top", dir, "y", 0), -EACCES);
	assert_int_equal(file_link(tree.root, "top", dir, "y"), -EACCES);
	assert_int_equal(file_rename(tree.root, "top", 12345, "y", 0), -EBADF);
	assert_int_equal(file_link(12345, "top", tree.root, "y"), -EBADF);
	/* To link from a directory takes no right to change it. */
	host_write("shared/a/x", "x");
	assert_int_equal(file_link(dir, "x", tree.root, "y"), 0);
	assert_int_equal(file_close(dir), 0);
	assert_int_equal(file_link(dir, "x", tree.root, "z"), -EBADF);
	tree_destroy();
}

/* ---- attributes ---- */

static struct postern_file_change with(uint32_t fields)
{
	return (struct postern_file_change){ .fields = fields };
}

static void modes_change(void **state)
{
	struct postern_file_change how = with(POSTERN_FILE_CHANGE_FIELDS_MODE);
	int64_t result;

	(void)state;
	make_tree();
	assert_int_equal(fchmodat(tree.top, "shared/top", 06644, 0), 0);
	how.mode = 0600;
	assert_int_equal(file_change(open_fine(tree.root, "top", READ | CHANGE), &how), 0);
	assert_int_equal(mode_of("shared/top"), S_IFREG | 0600);
	how.mode = 0;
	assert_int_equal(file_change(open_fine(tree.root, "top", CHANGE), &how), 0);
	assert_int_equal(mode_of("shared/top"), S_IFREG);
	/* Nobody may open it now, but its owner may give it other bits: a kernel before Linux 6.6 cannot, by a handle. */
	how.mode = 0644;
	result = file_change(open_fine(tree.root, "top", CHANGE), &how);
	assert_true(result == 0 || result == -EOPNOTSUPP);
	assert_int_equal(fchmodat(tree.top, "shared/top", 0644, 0), 0);
	how.mode = 0700;
	assert_int_equal(file_change(open_fine(tree.root, "a", CHANGE), &how), 0);
	assert_int_equal(mode_of("shared/a"), S_IFDIR | 0700);
	assert_int_equal(file_change(open_fine(tree.root, "link", CHANGE | NO_FOLLOW), &how), -EOPNOTSUPP);
	how.mode = 04755;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	how.mode = 0755;
	assert_int_equal(file_change(open_fine(tree.root, "top", READ), &how), -EACCES);
	assert_int_equal(file_change(tree.locked_root, &how), -EROFS);
	tree_destroy();
}

static void times_change(void **state)
{
	struct postern_file_change how =
		with(POSTERN_FILE_CHANGE_FIELDS_ACCESSED | POSTERN_FILE_CHANGE_FIELDS_MODIFIED);
	struct stat status;
	const time_t before = time(NULL);

	(void)state;
	make_tree();
	how.accessed = (struct postern_file_time){ 1000, 5, 0 };
	how.modified = (struct postern_file_time){ -2, 999999999, 0 };
	assert_int_equal(file_change(open_fine(tree.root, "top", CHANGE), &how), 0);
	assert_int_equal(fstatat(tree.top, "shared/top", &status, 0), 0);
	assert_int_equal(status.st_atim.tv_sec, 1000);
	assert_int_equal(status.st_atim.tv_nsec, 5);
	assert_int_equal(status.st_mtim.tv_sec, -2);
	assert_int_equal(status.st_mtim.tv_nsec, 999999999);
	how = with(POSTERN_FILE_CHANGE_FIELDS_ACCESSED_NOW);
	assert_int_equal(file_change(open_fine(tree.root, "top", CHANGE), &how), 0);
	assert_int_equal(fstatat(tree.top, "shared/top", &status, 0), 0);
	assert_true(status.st_atim.tv_sec >= before);
	assert_int_equal(status.st_mtim.tv_sec, -2);
	/* Of a link itself, and of what cannot be opened. */
	how = with(POSTERN_FILE_CHANGE_FIELDS_MODIFIED);
	how.modified.seconds = 77;
	assert_int_equal(file_change(open_fine(tree.root, "out", CHANGE | NO_FOLLOW), &how), 0);
	assert_int_equal(fstatat(tree.top, "shared/out", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mtim.tv_sec, 77);
	how.modified.nanoseconds = 1000000000;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	tree_destroy();
}

static void owners_change_where_the_host_lets_them(void **state)
{
	struct postern_file_change how = with(POSTERN_FILE_CHANGE_FIELDS_OWNER);
	struct stat status;
	int64_t result;

	(void)state;
	make_tree();
	how.owner = 4242;
	result = file_change(open_fine(tree.root, "top", CHANGE), &how);
	assert_int_equal(fstatat(tree.top, "shared/top", &status, 0), 0);
	if (getuid())
		assert_int_equal(result, -EACCES);
	else
		assert_int_equal(result, 0);
	assert_int_equal(status.st_uid, getuid() ? getuid() : 4242);
	how.owner = UINT32_MAX;
	assert_int_equal(file_change(open_fine(tree.root, "top", CHANGE), &how), -EINVAL);
	how = with(POSTERN_FILE_CHANGE_FIELDS_GROUP);
	how.group = getgid();
	assert_int_equal(file_change(open_fine(tree.root, "top", CHANGE), &how), 0);
	tree_destroy();
}

static void changes_that_make_no_sense(void **state)
{
	static const uint32_t fields[] = { 0, 0x3, 0x9, 0x12, 0x28, 0x50, 0x80, UINT32_MAX };
	struct postern_file_change how;

	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		how = with(fields[i]);
		assert_int_equal(file_change(tree.root, &how), -EINVAL);
	}
	how = with(POSTERN_FILE_CHANGE_FIELDS_MODE);
	how.owner = 1;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	how = with(POSTERN_FILE_CHANGE_FIELDS_OWNER);
	how.mode = 1;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	how = with(POSTERN_FILE_CHANGE_FIELDS_ACCESSED);
	how.modified.seconds = 1;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	how = with(POSTERN_FILE_CHANGE_FIELDS_ACCESSED_NOW);
	how.accessed.nanoseconds = 1;
	assert_int_equal(file_change(tree.root, &how), -EINVAL);
	tree_destroy();
}

/* ---- a mount that is read-only ---- */

static void nothing_changes_in_a_read_only_mount(void **state)
{
	const postern_handle_t root = (make_tree(), tree.locked_root);

	(void)state;
	assert_int_equal(file_make(root, "x", POSTERN_FILE_KIND_DIRECTORY, 0755), -EROFS);
	assert_int_equal(file_make(root, "x", POSTERN_FILE_KIND_REGULAR, 0755), -EROFS);
	assert_int_equal(file_symlink(root, "x", "y"), -EROFS);
	assert_int_equal(file_link(root, "file", root, "x"), -EROFS);
	assert_int_equal(file_rename(root, "file", root, "x", 0), -EROFS);
	assert_int_equal(file_remove(root, "file", 0), -EROFS);
	assert_int_equal(file_remove(root, "dir", POSTERN_FILE_REMOVE_FLAGS_DIRECTORY), -EROFS);
	assert_int_equal(file_open(root, "dir", CHANGE, 0), -EROFS);
	assert_int_equal(file_write(open_fine(root, "file", READ), 0, "x", 1), -EACCES);
	assert_int_equal(file_resize(open_fine(root, "file", READ), 0), -EACCES);
	assert_string_equal(host_read("locked/file"), "locked");
	assert_false(host_exists("locked/x"));
	tree_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_go_where_they_should),
		cmocka_unit_test(appending_goes_to_the_end),
		cmocka_unit_test(files_get_a_length),
		cmocka_unit_test(a_limit_of_the_host_is_an_error),
		cmocka_unit_test(syncs_take_any_handle),
		cmocka_unit_test(names_are_made),
		cmocka_unit_test(names_are_refused),
		cmocka_unit_test(kinds_that_are_not_made),
		cmocka_unit_test(links_are_made),
		cmocka_unit_test(names_change),
		cmocka_unit_test(names_do_not_change),
		cmocka_unit_test(mounts_are_apart),
		cmocka_unit_test(handles_in_structs_are_checked),
		cmocka_unit_test(modes_change),
		cmocka_unit_test(times_change),
		cmocka_unit_test(owners_change_where_the_host_lets_them),
		cmocka_unit_test(changes_that_make_no_sense),
		cmocka_unit_test(nothing_changes_in_a_read_only_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
