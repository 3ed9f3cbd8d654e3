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

static _Thread_local unsigned vcpu;

void be_vcpu(unsigned number)
{
	vcpu = number;
}

/* Each vCPU has its own. */
static uint64_t struct_at(void)
{
	return STRUCT_AT + vcpu * 0x100;
}

static uint64_t path_at(void)
{
	return PATH_AT + vcpu * 0x2000;
}

static uint64_t segments_at(void)
{
	return SEGMENTS_AT + vcpu * 0x1000;
}

static uint64_t data_at(void)
{
	return DATA_AT + vcpu * DATA_SIZE;
}

static int64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4 };

	return gate_call(world.gate, gate_vcpu(world.gate, vcpu), number, args);
}

uint64_t put_string(const char *text)
{
	memcpy(world_at(&world, path_at()), text, strlen(text));
	return path_at();
}

int64_t file_root(unsigned mount)
{
	struct postern_file_mount *info = world_at(&world, struct_at());

	*info = (struct postern_file_mount){ .size = sizeof *info };
	return call(POSTERN_CALL_FILE_ROOT, mount, struct_at(), 0, 0, 0);
}

int64_t file_open(postern_handle_t dir, const char *path, uint32_t flags, uint32_t mode)
{
	struct postern_file_open *how = world_at(&world, struct_at());

	*how = (struct postern_file_open){ .size = sizeof *how, .flags = flags, .mode = mode };
	return call(POSTERN_CALL_FILE_OPEN, dir, put_string(path), strlen(path), struct_at(), 0);
}

int64_t file_close(postern_handle_t file)
{
	return call(POSTERN_CALL_FILE_CLOSE, file, 0, 0, 0, 0);
}

int64_t file_look(postern_handle_t dir, const char *path, uint32_t flags, struct postern_file_info *info)
{
	struct postern_file_info *there = world_at(&world, struct_at());
	int64_t result;

	*there = (struct postern_file_info){ .size = sizeof *there };
	result = call(POSTERN_CALL_FILE_LOOK, dir, put_string(path), strlen(path), flags, struct_at());
	if (info)
		*info = *there;
	return result;
}

int64_t file_info(postern_handle_t file, struct postern_file_info *info)
{
	struct postern_file_info *there = world_at(&world, struct_at());
	int64_t result;

	*there = (struct postern_file_info){ .size = sizeof *there };
	result = call(POSTERN_CALL_FILE_INFO, file, struct_at(), 0, 0, 0);
	if (info)
		*info = *there;
	return result;
}

int64_t file_target(postern_handle_t dir, const char *path, char *text, size_t size)
{
	int64_t result = call(POSTERN_CALL_FILE_TARGET, dir, put_string(path), strlen(path), data_at(), size);

	memcpy(text, world_at(&world, data_at()), size);
	return result;
}

int64_t file_read(postern_handle_t file, uint64_t offset, void *to, size_t size)
{
	struct postern_segment *segment = world_at(&world, segments_at());
	int64_t result;

	*segment = (struct postern_segment){ data_at(), size };
	result = call(POSTERN_CALL_FILE_READ, file, offset, segments_at(), 1, 0);
	memcpy(to, world_at(&world, data_at()), size);
	return result;
}

int64_t file_list(postern_handle_t dir, uint64_t cookie, size_t size)
{
	memset(world_at(&world, data_at()), 0xa5, size);
	return call(POSTERN_CALL_FILE_LIST, dir, cookie, data_at(), size, 0);
}

int64_t file_write(postern_handle_t file, uint64_t offset, const void *from, size_t size)
{
	struct postern_segment *segment = world_at(&world, segments_at());

	*segment = (struct postern_segment){ data_at(), size };
	memcpy(world_at(&world, data_at()), from, size);
	return call(POSTERN_CALL_FILE_WRITE, file, offset, segments_at(), 1, 0);
}

int64_t file_make(postern_handle_t dir, const char *path, uint32_t kind, uint32_t mode)
{
	struct postern_file_make *how = world_at(&world, struct_at());

	*how = (struct postern_file_make){ .size = sizeof *how, .kind = kind, .mode = mode };
	return call(POSTERN_CALL_FILE_MAKE, dir, put_string(path), strlen(path), struct_at(), 0);
}

/* A second string, behind the first. */
static uint64_t put_second(const char *text)
{
	memcpy(world_at(&world, path_at() + 0x1000), text, strlen(text));
	return path_at() + 0x1000;
}

int64_t file_symlink(postern_handle_t dir, const char *path, const char *target)
{
	return call(POSTERN_CALL_FILE_SYMLINK, dir, put_string(path), strlen(path), put_second(target),
		    strlen(target));
}

int64_t file_link(postern_handle_t from, const char *old_path, postern_handle_t to, const char *new_path)
{
	struct postern_file_link *how = world_at(&world, struct_at());

	*how = (struct postern_file_link){ .size = sizeof *how, .from = from, .to = to };
	return call(POSTERN_CALL_FILE_LINK, struct_at(), put_string(old_path), strlen(old_path),
		    put_second(new_path), strlen(new_path));
}

int64_t file_rename(postern_handle_t from, const char *old_path, postern_handle_t to, const char *new_path,
		    uint32_t flags)
{
	struct postern_file_rename *how = world_at(&world, struct_at());

	*how = (struct postern_file_rename){ .size = sizeof *how, .flags = flags, .from = from, .to = to };
	return call(POSTERN_CALL_FILE_RENAME, struct_at(), put_string(old_path), strlen(old_path),
		    put_second(new_path), strlen(new_path));
}

int64_t file_remove(postern_handle_t dir, const char *path, uint32_t flags)
{
	return call(POSTERN_CALL_FILE_REMOVE, dir, put_string(path), strlen(path), flags, 0);
}

int64_t file_resize(postern_handle_t file, uint64_t length)
{
	return call(POSTERN_CALL_FILE_RESIZE, file, length, 0, 0, 0);
}

int64_t file_sync(postern_handle_t file, uint32_t flags)
{
	return call(POSTERN_CALL_FILE_SYNC, file, flags, 0, 0, 0);
}

int64_t file_change(postern_handle_t file, const struct postern_file_change *how)
{
	struct postern_file_change *there = world_at(&world, struct_at());

	*there = *how;
	there->size = sizeof *there;
	return call(POSTERN_CALL_FILE_CHANGE, file, struct_at(), 0, 0, 0);
}

postern_handle_t open_fine(postern_handle_t dir, const char *path, uint32_t flags)
{
	int64_t result = file_open(dir, path, flags, 0);

	if (result < 0)
		fail_msg("%s: %s", path, strerror((int)-result));
	return (postern_handle_t)result;
}

const struct postern_file_entry *listed(void)
{
	return world_at(&world, data_at());
}
