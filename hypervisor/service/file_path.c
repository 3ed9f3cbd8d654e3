/* SPDX-License-Identifier: ISC */
/* file_path.c - resolves paths, none of which leads out of the directory that it starts from. */
#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The host's kernel says EAGAIN when a directory was renamed while it looked at `..`; it is asked again so often. */
enum { TRIES = 16 };

int file_open_beneath(int dir, const char *path, uint64_t flags, uint64_t mode, enum file_links links)
{
	const struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   (links == FILE_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0),
	};
	long fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
		if (fd < 0 && errno != EAGAIN && errno != EINTR)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int file_resolve(const struct file *dir, const char *path, enum file_links links, struct statx *status)
{
	const uint64_t last = links == FILE_ALL_LINKS ? 0 : O_NOFOLLOW;
	int fd = file_open_beneath(dir->fd, path, O_PATH | last, 0, links);
	int error;

	if (fd < 0)
		return fd;
	error = file_status(fd, status);
	if (error)
		close(fd);
	return error ? error : fd;
}

/* ---- file systems that are the kernel's own ---- */

/* Some of which the headers do not know. */
enum {
	CONFIGFS = 0x62656570,
	FUSECTL = 0x65735543,
	NFSD = 0x6e667364,
	RPC_PIPEFS = 0x67596969,
};

bool file_system_is_kernels(int fd)
{
	/* clang-format off */
	static const uint32_t types[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, CONFIGFS,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC, EFIVARFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC,
		AAFS_MAGIC, NSFS_MAGIC, PSTOREFS_MAGIC, BINFMTFS_MAGIC, RDTGROUP_SUPER_MAGIC, FUSECTL, NFSD, RPC_PIPEFS,
	};
	/* clang-format on */
	struct statfs system;

	if (fstatfs(fd, &system))
		return true;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if ((uint32_t)system.f_type == types[i])
			return true;
	}
	return false;
}

bool file_is_kernels(const struct mount *mount, int fd, const struct statx *status)
{
	/* The root's own file system was looked at when the VM was made. */
	return file_volume_of(status) != mount->volume && file_system_is_kernels(fd);
}

/* ---- last names ---- */

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

bool file_is_name(const char *path)
{
	return *path && !strchr(path, '/') && !is_dots(path);
}

size_t file_name_offset(const char *path)
{
	size_t at = strlen(path);

	while (at && path[at - 1] == '/')
		at--;
	while (at && path[at - 1] != '/')
		at--;
	return at;
}

/* Opens what is before the last name: the first `length` bytes of a path. */
static int open_parent(const struct file *dir, const char *path, size_t length, enum file_links links)
{
	char before[FILE_PATH_SIZE];
	struct statx status;
	int fd;

	memcpy(before, path, length);
	before[length] = '\0';
	/* With the slash at its end it names a directory, also by a link. */
	fd = file_resolve(dir, before, links == FILE_NO_LINKS ? FILE_NO_LINKS : FILE_ALL_LINKS, &status);
	if (fd >= 0 && file_is_kernels(dir->mount, fd, &status)) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

int file_name_find(const struct file *dir, const char *path, enum file_links links, struct file_name *name)
{
	const size_t offset = file_name_offset(path);
	size_t length;

	if (!*path)
		return -ENOENT;
	name->is_own = offset;
	name->parent = offset ? open_parent(dir, path, offset, links) : dir->fd;
	if (name->parent < 0)
		return name->parent;
	length = strcspn(path + offset, "/");
	name->wants_directory = path[offset + length];
	memcpy(name->text, path + offset, length);
	name->text[length] = '\0';
	/* A path of slashes alone is absolute, and has not been resolved. */
	if (!length)
		return -EXDEV;
	if (!is_dots(name->text))
		return 0;
	file_name_drop(name);
	return -EINVAL;
}

void file_name_drop(const struct file_name *name)
{
	if (name->is_own)
		close(name->parent);
}
