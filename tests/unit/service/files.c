/* SPDX-License-Identifier: ISC */
/* files.c - see files.h. */
#include "files.h"

#include <ftw.h>

struct world world;
struct tree tree;

/* ---- the host ---- */

static int open_at_top(const char *name)
{
	int fd = openat(tree.top, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void tree_create(void)
{
	umask(0);
	strcpy(tree.path, "/tmp/postern-files-XXXXXX");
	assert_non_null(mkdtemp(tree.path));
	tree.top = open(tree.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree.top >= 0);
	host_directory("shared");
	host_directory("locked");
	host_directory("outside");
	host_write("outside/secret", "secret");
	tree.shared = open_at_top("shared");
	tree.locked = open_at_top("locked");
}

void tree_open(void)
{
	const struct service_mount mounts[] = {
		{ tree.shared, "/shared", false },
		{ tree.locked, "/locked", true },
	};
	int64_t root;

	world_prepare(&world);
	world.config.mounts = mounts;
	world.config.mount_count = 2;
	world_create(&world);
	root = file_root(0);
	assert_true(root >= 0);
	tree.root = (postern_handle_t)root;
	root = file_root(1);
	assert_true(root >= 0);
	tree.locked_root = (postern_handle_t)root;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

void tree_destroy(void)
{
	world_destroy(&world);
	close(tree.shared);
	close(tree.locked);
	close(tree.top);
	assert_int_equal(nftw(tree.path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void host_write(const char *path, const char *text)
{
	int fd = openat(tree.top, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

void host_directory(const char *path)
{
	assert_int_equal(mkdirat(tree.top, path, 0755), 0);
}

void host_link(const char *path, const char *target)
{
	assert_int_equal(symlinkat(target, tree.top, path), 0);
}

bool host_exists(const char *path)
{
	struct stat status;

	return !fstatat(tree.top, path, &status, AT_SYMLINK_NOFOLLOW);
}

const char *host_read(const char *path)
{
	static char text[4096];
	int fd = openat(tree.top, path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	assert_true(fd >= 0);
	length = read(fd, text, sizeof text - 1);
	assert_true(length >= 0);
	text[length] = '\0';
	close(fd);
	return text;
}

/* ---- the guest ---- */

static int64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4 };

	return gate_call(world.gate, gate_vcpu(world.gate, 0), number, args);
}

uint64_t put_string(const char *text)
{
	memcpy(world_at(&world, PATH_AT), text, strlen(text));
	return PATH_AT;
}

int64_t file_root(unsigned mount)
{
	struct postern_file_mount *info = world_at(&world, STRUCT_AT);

	*info = (struct postern_file_mount){ .size = sizeof *info };
	return call(POSTERN_CALL_FILE_ROOT, mount, STRUCT_AT, 0, 0, 0);
}

int64_t file_open(postern_handle_t dir, const char *path, uint32_t flags, uint32_t mode)
{
	struct postern_file_open *how = world_at(&world, STRUCT_AT);

	*how = (struct postern_file_open){ .size = sizeof *how, .flags = flags, .mode = mode };
	return call(POSTERN_CALL_FILE_OPEN, dir, put_string(path), strlen(path), STRUCT_AT, 0);
}

int64_t file_close(postern_handle_t file)
{
	return call(POSTERN_CALL_FILE_CLOSE, file, 0, 0, 0, 0);
}

int64_t file_look(postern_handle_t dir, const char *path, uint32_t flags, struct postern_file_info *info)
{
	struct postern_file_info *there = world_at(&world, STRUCT_AT);
	int64_t result;

	*there = (struct postern_file_info){ .size = sizeof *there };
	result = call(POSTERN_CALL_FILE_LOOK, dir, put_string(path), strlen(path), flags, STRUCT_AT);
	if (info)
		*info = *there;
	return result;
}

int64_t file_info(postern_handle_t file, struct postern_file_info *info)
{
	struct postern_file_info *there = world_at(&world, STRUCT_AT);
	int64_t result;

	*there = (struct postern_file_info){ .size = sizeof *there };
	result = call(POSTERN_CALL_FILE_INFO, file, STRUCT_AT, 0, 0, 0);
	if (info)
		*info = *there;
	return result;
}

int64_t file_target(postern_handle_t dir, const char *path, char *text, size_t size)
{
	int64_t result = call(POSTERN_CALL_FILE_TARGET, dir, put_string(path), strlen(path), DATA_AT, size);

	memcpy(text, world_at(&world, DATA_AT), size);
	return result;
}

int64_t file_read(postern_handle_t file, uint64_t offset, void *to, size_t size)
{
	struct postern_segment *segment = world_at(&world, SEGMENTS_AT);
	int64_t result;

	*segment = (struct postern_segment){ DATA_AT, size };
	result = call(POSTERN_CALL_FILE_READ, file, offset, SEGMENTS_AT, 1, 0);
	memcpy(to, world_at(&world, DATA_AT), size);
	return result;
}

int64_t file_list(postern_handle_t dir, uint64_t cookie, size_t size)
{
	memset(world_at(&world, DATA_AT), 0xa5, size);
	return call(POSTERN_CALL_FILE_LIST, dir, cookie, DATA_AT, size, 0);
}

const struct postern_file_entry *listed(void)
{
	return world_at(&world, DATA_AT);
}
