/* SPDX-License-Identifier: ISC */
/*
 * test_file_attack.c - somebody on the host, who works with the guest, swaps directories for symbolic links while the guest
 * uses paths; and vCPUs that use what others close. Nothing outside of the mount is read or changed.
 */
#include "files.h"

#include <sched.h>
#include <sys/resource.h>

/* Calls of the guest in each attack, during which the host swaps as often as it gets to. */
enum { ROUNDS = 1500 };

static _Atomic bool over;

struct swap {
	const char *one, *other; /* below the tree */
	bool exchange;           /* the two are exchanged; otherwise the one is renamed there and back */
};

static void *keep_swapping(void *argument)
{
	const struct swap *swap = argument;

	while (!atomic_load(&over)) {
		if (swap->exchange) {
			renameat2(tree.top, swap->one, tree.top, swap->other, RENAME_EXCHANGE);
		} else {
			renameat(tree.top, swap->one, tree.top, swap->other);
			renameat(tree.top, swap->other, tree.top, swap->one);
		}
	}
	return NULL;
}

/* `shared/a` is a directory of the guest's, and in the next moment a link to `outside`. */
static void make_tree(void)
{
	tree_create();
	host_directory("shared/a");
	host_directory("shared/a/deep");
	host_directory("shared/other");
	host_write("shared/a/file", "inside");
	host_write("outside/file", "secret");
	host_directory("outside/dir");
	host_directory("outside/deep");
	host_link("shared/evil", "../outside");
	host_link("shared/a/link", "inside");
	host_link("outside/link", "secret");
	tree_open();
	atomic_store(&over, false);
}

/* What lies outside is as it was. */
static void check_outside(void)
{
	static const char *const names[] = { ".", "..", "secret", "file", "dir", "deep", "link" };
	int fd = openat(tree.top, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fdopendir(fd);
	const struct dirent *entry;
	struct stat status;

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		bool is_known = false;

		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			is_known |= strcmp(entry->d_name, names[i]) == 0;
		if (!is_known)
			fail_msg("outside there is now %s", entry->d_name);
	}
	closedir(directory);
	assert_string_equal(host_read("outside/file"), "secret");
	assert_string_equal(host_read("outside/secret"), "secret");
	assert_int_equal(fstatat(tree.top, "outside/file", &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	assert_int_equal(status.st_nlink, 1);
	assert_true(host_exists("outside/dir") && host_exists("outside/link"));
}

static void attack(const struct swap *swap, void (*guest)(unsigned round))
{
	pthread_t thread;

	make_tree();
	assert_int_equal(pthread_create(&thread, NULL, keep_swapping, (void *)swap), 0);
	for (unsigned round = 0; round < ROUNDS; round++)
		guest(round);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	check_outside();
	tree_destroy();
}

static const struct swap for_link = { "shared/a", "shared/evil", true };

/* ---- paths through a directory that becomes a link ---- */

static void read_through(unsigned round)
{
	static const uint32_t flags[] = { 0, NO_FOLLOW, NO_LINKS };
	int64_t file = file_open(tree.root, "a/file", READ | flags[round % 3], 0);
	char text[8] = "";

	if (file < 0) {
		assert_true(file == -EXDEV || file == -ELOOP || file == -EAGAIN);
		return;
	}
	assert_int_equal(file_read((postern_handle_t)file, 0, text, 6), 6);
	assert_string_equal(text, "inside");
	assert_int_equal(file_close((postern_handle_t)file), 0);
}

static void reading(void **state)
{
	(void)state;
	attack(&for_link, read_through);
}

static void look_through(unsigned round)
{
	struct postern_file_info info;
	char text[16];

	(void)round;
	/* The link's target is a character longer inside. */
	if (file_look(tree.root, "a/link", POSTERN_FILE_LOOK_FLAGS_NO_FOLLOW, &info) == 0)
		assert_int_equal(info.length, 6);
	if (file_target(tree.root, "a/link", text, sizeof text) >= 0)
		assert_memory_equal(text, "inside", 6);
}

static void looking(void **state)
{
	(void)state;
	attack(&for_link, look_through);
}

static void create_through(unsigned round)
{
	int64_t file = file_open(tree.root, "a/new", WRITE | CREATE | (round % 2 ? EXCLUSIVE : 0), 0644);

	if (file >= 0) {
		assert_int_equal(file_write((postern_handle_t)file, 0, "x", 1), 1);
		assert_int_equal(file_close((postern_handle_t)file), 0);
	}
	file = file_open(tree.root, "a/file", WRITE | (round % 3 ? 0 : TRUNCATE), 0);
	if (file >= 0) {
		assert_int_equal(file_write((postern_handle_t)file, 0, "inside", 6), 6);
		assert_int_equal(file_close((postern_handle_t)file), 0);
	}
	file_remove(tree.root, "a/new", 0);
}

static void creating(void **state)
{
	(void)state;
	attack(&for_link, create_through);
}

static void make_through(unsigned round)
{
	(void)round;
	file_make(tree.root, "a/made", POSTERN_FILE_KIND_DIRECTORY, 0755);
	file_make(tree.root, "a/made2", POSTERN_FILE_KIND_FIFO, 0644);
	file_symlink(tree.root, "a/made3", "x");
	file_link(tree.root, "a/file", tree.root, "a/made4");
	file_rename(tree.root, "a/made4", tree.root, "a/made5", 0);
	file_rename(tree.root, "a/file", tree.root, "other/file", 0);
	file_rename(tree.root, "other/file", tree.root, "a/file", POSTERN_FILE_RENAME_FLAGS_NO_REPLACE);
	file_remove(tree.root, "a/made", POSTERN_FILE_REMOVE_FLAGS_DIRECTORY);
	file_remove(tree.root, "a/made2", 0);
	file_remove(tree.root, "a/made3", 0);
	file_remove(tree.root, "a/made5", 0);
	file_remove(tree.root, "a/dir", POSTERN_FILE_REMOVE_FLAGS_DIRECTORY);
}

static void making(void **state)
{
	(void)state;
	attack(&for_link, make_through);
}

static void change_through(unsigned round)
{
	const struct postern_file_change how = { .fields = POSTERN_FILE_CHANGE_FIELDS_MODE, .mode = 0600 };
	int64_t file = file_open(tree.root, "a/file", CHANGE | (round % 2 ? NO_FOLLOW : 0), 0);

	if (file < 0)
		return;
	assert_int_equal(file_change((postern_handle_t)file, &how), 0);
	assert_int_equal(file_close((postern_handle_t)file), 0);
}

static void changing(void **state)
{
	(void)state;
	attack(&for_link, change_through);
}

/* ---- a last name that becomes a link, or a fifo ---- */

static void open_last(unsigned round)
{
	int64_t file = file_open(tree.root, "x", READ | (round % 2 ? CREATE : 0), round % 2 ? 0644 : 0);
	char text[8] = "";

	if (file < 0) {
		if (file != -EXDEV && file != -ENXIO && file != -EAGAIN)
			fail_msg("%s", strerror((int)-file));
		return;
	}
	assert_int_equal(file_read((postern_handle_t)file, 0, text, 6), 6);
	assert_string_equal(text, "inside");
	assert_int_equal(file_close((postern_handle_t)file), 0);
}

static void attack_last(const struct swap *swap)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, keep_swapping, (void *)swap), 0);
	for (unsigned round = 0; round < ROUNDS; round++)
		open_last(round);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	check_outside();
	tree_destroy();
}

static void a_file_becomes_a_link(void **state)
{
	static const struct swap swap = { "shared/x", "shared/y", true };

	(void)state;
	make_tree();
	host_write("shared/x", "inside");
	host_link("shared/y", "../outside/file");
	attack_last(&swap);
}

/* Had the fifo been opened, for reading without a writer, the test would not end. */
static void a_file_becomes_a_fifo(void **state)
{
	static const struct swap swap = { "shared/x", "shared/y", true };

	(void)state;
	make_tree();
	host_write("shared/x", "inside");
	assert_int_equal(mkfifoat(tree.top, "shared/y", 0644), 0);
	attack_last(&swap);
}

/* ---- directories that leave the mount ---- */

/* In and out of a directory that is moved meanwhile, many times, so that one of them is at the wrong moment. */
static void climb(unsigned round)
{
	char path[4096] = "a/";
	char text[8] = "";
	int64_t file;

	(void)round;
	for (int i = 0; i < 400; i++)
		strcat(path, "deep/../");
	strcat(path, "file");
	file = file_open(tree.root, path, READ, 0);

	if (file < 0) {
		assert_true(file == -ENOENT || file == -EXDEV || file == -EAGAIN);
		return;
	}
	assert_int_equal(file_read((postern_handle_t)file, 0, text, 6), 6);
	assert_string_equal(text, "inside");
	assert_int_equal(file_close((postern_handle_t)file), 0);
}

static void climbing(void **state)
{
	static const struct swap swap = { "shared/a/deep", "outside/moved", false };

	(void)state;
	attack(&swap, climb);
}

/* ---- all calls, in any order ---- */

enum { RANDOM_CALLS = 20000, HANDLES = 16 };

static uint64_t seed = 1;
static postern_handle_t handles[HANDLES];

/* Numbers that look random and are the same each time (xorshift64*). */
static uint32_t pick(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)(seed * UINT64_C(0x2545f4914f6cdd1d) >> 33) % below;
}

/* A path of names that are there, or that calls make: directories, files, links in all directions. */
static const char *random_path(void)
{
	static const char *const names[] = { "a",   "deep", "file", "other", "evil",    "link",
					     "new", "..",   ".",    "",      "x",       "y",
					     "sub", "up",   "loop", "far",   "outside", "file/" };
	static char paths[2][256];
	static unsigned which;
	char *path = paths[which++ % 2];

	*path = '\0';
	if (pick(40) == 0)
		strcat(path, "/");
	for (unsigned count = 1 + pick(4); count; count--) {
		strcat(path, names[pick(sizeof names / sizeof *names)]);
		if (count > 1 || pick(12) == 0)
			strcat(path, "/");
	}
	return path;
}

static postern_handle_t random_handle(void)
{
	return pick(4) ? handles[pick(HANDLES)] : tree.root;
}

static uint32_t random_flags(void)
{
	static const uint32_t likely[] = { READ,
					   READ | WRITE,
					   READ | CHANGE,
					   WRITE | CREATE,
					   READ | WRITE | CREATE | EXCLUSIVE,
					   WRITE | TRUNCATE,
					   DIRECTORY | READ | CHANGE,
					   CHANGE | NO_FOLLOW,
					   WRITE | APPEND };

	return likely[pick(9)] | (pick(4) ? 0 : NO_LINKS) | (pick(16) ? 0 : 1U << pick(11));
}

static int64_t open_random(void)
{
	const unsigned place = pick(HANDLES);
	const uint32_t flags = random_flags();
	int64_t file = file_open(random_handle(), random_path(), flags, flags & CREATE ? 0644 : 0);

	if (file >= 0) {
		if (handles[place] != tree.root)
			file_close(handles[place]);
		handles[place] = (postern_handle_t)file;
	}
	return file;
}

static int64_t change_random(void)
{
	const struct postern_file_change how = { .fields = 1U << pick(7), .mode = 0700 };

	return file_change(random_handle(), &how);
}

static int64_t call_random(void)
{
	char data[64] = "";

	switch (pick(16)) {
	case 0:
		return file_look(random_handle(), random_path(), pick(4), NULL);
	case 1:
		return file_target(random_handle(), random_path(), data, sizeof data);
	case 2:
		return file_make(random_handle(), random_path(), pick(6), 0755);
	case 3:
		return file_symlink(random_handle(), random_path(), pick(8) ? "../outside" : "/tmp");
	case 4:
		return file_link(random_handle(), random_path(), random_handle(), random_path());
	case 5:
	case 6:
		return file_rename(random_handle(), random_path(), random_handle(), random_path(), pick(4));
	case 7:
		return file_remove(random_handle(), random_path(), pick(2));
	case 8:
		return change_random();
	case 9:
		return file_write(random_handle(), pick(100), "guest", 5);
	case 10:
		return file_read(random_handle(), pick(100), data, sizeof data);
	case 11:
		return file_resize(random_handle(), pick(10000));
	case 12:
		return file_list(random_handle(), pick(2), 4096);
	default:
		return open_random();
	}
}

/* Whatever a guest does, it does within; and it is told nothing that the contract does not declare. */
static void calls_in_any_order(void **state)
{
	unsigned fine = 0;

	(void)state;
	make_tree();
	host_link("shared/up", "..");
	host_link("shared/loop", "loop");
	host_link("shared/far", "/");
	host_directory("shared/a/sub");
	for (unsigned i = 0; i < HANDLES; i++)
		handles[i] = tree.root;
	for (unsigned i = 0; i < RANDOM_CALLS; i++)
		fine += call_random() >= 0;
	/* Many of them came through, so that the rest of this means something. */
	assert_true(fine > RANDOM_CALLS / 20);
	check_outside();
	tree_destroy();
}

/* ---- vCPUs that use what others close ---- */

static _Atomic uint32_t shared_handle;

static void *use_handles(void *argument)
{
	char text[8] = "";
	unsigned seen = 0;

	be_vcpu((unsigned)(uintptr_t)argument);
	while (!atomic_load(&over)) {
		const postern_handle_t handle = atomic_load(&shared_handle);
		int64_t result = file_read(handle, 0, text, 6);

		assert_true(result == -EBADF || (result == 6 && memcmp(text, "inside", 6) == 0));
		seen += result == 6;
		result = file_list(handle, 0, 4096);
		assert_true(result == -EBADF || result == -EACCES);
	}
	return (void *)(uintptr_t)seen;
}

static void handles_that_others_close(void **state)
{
	pthread_t threads[VCPUS];

	(void)state;
	make_tree();
	for (unsigned i = 1; i < VCPUS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_handles, (void *)(uintptr_t)i), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const postern_handle_t file = open_fine(tree.root, "a/file", READ);

		atomic_store(&shared_handle, file);
		if (round % 8 == 0)
			sched_yield();
		assert_int_equal(file_close(file), 0);
		assert_int_equal(file_close(file), -EBADF);
	}
	atomic_store(&over, true);
	for (unsigned i = 1; i < VCPUS; i++)
		pthread_join(threads[i], NULL);
	tree_destroy();
}

/* ---- vCPUs that open as much as there is ---- */

static _Atomic unsigned opened;
static _Atomic unsigned done;

static void *open_all(void *argument)
{
	postern_handle_t mine[POSTERN_HANDLE_FILE_MAX];
	unsigned count = 0;
	int64_t result;

	be_vcpu((unsigned)(uintptr_t)argument);
	while ((result = file_open(tree.root, "a/file", 0, 0)) >= 0)
		mine[count++] = (postern_handle_t)result;
	assert_int_equal(result, -EAGAIN);
	atomic_fetch_add(&opened, count);
	atomic_fetch_add(&done, 1);
	while (atomic_load(&done) < VCPUS)
		sched_yield();
	while (count)
		assert_int_equal(file_close(mine[--count]), 0);
	return NULL;
}

static void all_handles_are_had_and_no_more(void **state)
{
	const struct rlimit enough = { 2048, 2048 };
	pthread_t threads[VCPUS];

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &enough))
		skip(); /* the user may not have so many descriptors */
	make_tree();
	for (int again = 0; again < 2; again++) {
		atomic_store(&opened, 0);
		atomic_store(&done, 0);
		for (unsigned i = 0; i < VCPUS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, open_all, (void *)(uintptr_t)i),
					 0);
		for (unsigned i = 0; i < VCPUS; i++)
			pthread_join(threads[i], NULL);
		/* Two are roots. Nobody got one that another closed: all had them before any was closed. */
		assert_int_equal(atomic_load(&opened), POSTERN_HANDLE_FILE_MAX - 2);
	}
	tree_destroy();
}

/* ---- two lists through one handle ---- */

enum { NAMES = 200 };

static void *list_all(void *argument)
{
	be_vcpu((unsigned)(uintptr_t)argument);
	for (int i = 0; i < 20; i++) {
		uint64_t cookie = 0;
		unsigned names = 0;
		int64_t size;

		while ((size = file_list(tree.root, cookie, 4096)) > 0) {
			for (int64_t at = 0; at < size;) {
				const struct postern_file_entry *entry =
					(const void *)((const char *)listed() + at);

				names++;
				cookie = entry->next;
				at += entry->length;
			}
		}
		assert_int_equal(size, 0);
		assert_int_equal(names, NAMES);
	}
	return NULL;
}

static void lists_do_not_disturb_each_other(void **state)
{
	pthread_t threads[VCPUS];
	char path[32];

	(void)state;
	tree_create();
	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof path, "shared/name-%d", i);
		host_write(path, "");
	}
	tree_open();
	for (unsigned i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, list_all, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < VCPUS; i++)
		pthread_join(threads[i], NULL);
	tree_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(looking),
		cmocka_unit_test(creating),
		cmocka_unit_test(making),
		cmocka_unit_test(changing),
		cmocka_unit_test(a_file_becomes_a_link),
		cmocka_unit_test(a_file_becomes_a_fifo),
		cmocka_unit_test(climbing),
		cmocka_unit_test(calls_in_any_order),
		cmocka_unit_test(handles_that_others_close),
		cmocka_unit_test(all_handles_are_had_and_no_more),
		cmocka_unit_test(lists_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
