/* SPDX-License-Identifier: ISC */
/*
 * file_name.c - file.make, file.symlink, file.link, file.rename and file.remove: what changes names. Each acts on a last
 * name in a directory that has been opened, and on nothing that could be a path.
 */
#include "service/file.h"

#include "gate/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a call that makes, or removes, one name works on. */
static int find(const struct file *dir, const char *path, struct file_name *name)
{
	return dir->mount->is_read_only ? -EROFS : file_name_find(dir, path, FILE_ALL_LINKS, name);
}

static bool is_directory(const struct file_name *name)
{
	struct statx status;

	return !file_status_at(name->parent, name->text, &status) && S_ISDIR(status.stx_mode);
}

/* ---- making ---- */

static int make(const struct file_name *name, const struct postern_file_make *how)
{
	static const mode_t kinds[] = {
		[POSTERN_FILE_KIND_REGULAR] = S_IFREG,
		[POSTERN_FILE_KIND_FIFO] = S_IFIFO,
		[POSTERN_FILE_KIND_SOCKET] = S_IFSOCK,
	};

	if (how->kind == POSTERN_FILE_KIND_DIRECTORY)
		return mkdirat(name->parent, name->text, how->mode) ? -errno : 0;
	if (name->wants_directory)
		return -ENOTDIR;
	if (!mknodat(name->parent, name->text, kinds[how->kind] | how->mode, 0))
		return 0;
	/* So says Linux of a file system that has no such files. */
	return errno == EPERM ? -EOPNOTSUPP : -errno;
}

static int64_t serve_make(struct gate_frame *frame, struct abi_file_make *call)
{
	static const uint32_t made = 1 << POSTERN_FILE_KIND_REGULAR | 1 << POSTERN_FILE_KIND_DIRECTORY |
				     1 << POSTERN_FILE_KIND_FIFO | 1 << POSTERN_FILE_KIND_SOCKET;
	struct file_name name;
	int error;

	if (!(made >> call->how.kind & 1))
		return -EINVAL;
	error = find(call->dir, call->path, &name);
	if (!error) {
		error = make(&name, &call->how);
		file_name_drop(&name);
	}
	return file_answer(frame, error);
}

static int64_t serve_symlink(struct gate_frame *frame, struct abi_file_symlink *call)
{
	struct file_name name;
	int error = find(call->dir, call->path, &name);

	if (error)
		return file_answer(frame, error);
	if (name.wants_directory)
		error = -ENOTDIR;
	else if (symlinkat(call->target, name.parent, name.text))
		error = errno == EPERM ? -EOPNOTSUPP : -errno;
	file_name_drop(&name);
	return file_answer(frame, error);
}

/* ---- between two directories ---- */

struct two_names {
	struct file_name old, new;
};

/* The directories that a call names inside its struct. The old name's needs rights as well. */
static int find_directories(struct gate_frame *frame, postern_handle_t from, uint32_t rights,
			    postern_handle_t to, const struct file *dirs[2])
{
	void *objects[2];
	int error = gate_handle_find(frame, ABI_HANDLE_FILE, from, rights, &objects[0]);

	if (!error)
		error = gate_handle_find(frame, ABI_HANDLE_FILE, to,
					 POSTERN_FILE_RIGHT_LOOKUP | POSTERN_FILE_RIGHT_CHANGE, &objects[1]);
	if (error)
		return error;
	dirs[0] = objects[0];
	dirs[1] = objects[1];
	if (dirs[0]->mount != dirs[1]->mount)
		return -EXDEV;
	return dirs[0]->mount->is_read_only ? -EROFS : 0;
}

static int find_two(const struct file *const dirs[2], const char *old_path, const char *new_path,
		    struct two_names *names)
{
	int error = file_name_find(dirs[0], old_path, FILE_ALL_LINKS, &names->old);

	if (error)
		return error;
	error = file_name_find(dirs[1], new_path, FILE_ALL_LINKS, &names->new);
	if (error)
		file_name_drop(&names->old);
	return error;
}

static void drop_two(const struct two_names *names)
{
	file_name_drop(&names->old);
	file_name_drop(&names->new);
}

static int link_names(const struct two_names *names)
{
	int error;

	if (names->old.wants_directory || names->new.wants_directory)
		return is_directory(&names->old) ? -EISDIR : -ENOTDIR;
	if (!linkat(names->old.parent, names->old.text, names->new.parent, names->new.text, 0))
		return 0;
	error = -errno;
	return error == -EPERM && is_directory(&names->old) ? -EISDIR : error;
}

static int64_t serve_link(struct gate_frame *frame, struct abi_file_link *call)
{
	const struct file *dirs[2];
	struct two_names names;
	int error = find_directories(frame, call->how.from, POSTERN_FILE_RIGHT_LOOKUP, call->how.to, dirs);

	if (!error)
		error = find_two(dirs, call->old_path, call->new_path, &names);
	if (error)
		return file_answer(frame, error);
	error = link_names(&names);
	drop_two(&names);
	return file_answer(frame, error);
}

/* Names that slashes follow have to be directories: what is renamed, or with exchange both. */
static bool are_directories(const struct two_names *names, bool exchange)
{
	if ((names->old.wants_directory || (names->new.wants_directory && !exchange)) &&
	    !is_directory(&names->old))
		return false;
	return !exchange || !names->new.wants_directory || is_directory(&names->new);
}

static int rename_names(const struct two_names *names, uint32_t given)
{
	const bool exchange = given & POSTERN_FILE_RENAME_FLAGS_EXCHANGE;
	const bool keep = given & POSTERN_FILE_RENAME_FLAGS_NO_REPLACE;
	const unsigned flags = (exchange ? RENAME_EXCHANGE : 0) | (keep ? RENAME_NOREPLACE : 0);
	int error;

	if (!are_directories(names, exchange))
		return -ENOTDIR;
	if (!renameat2(names->old.parent, names->old.text, names->new.parent, names->new.text, flags))
		return 0;
	error = -errno;
	if (error == -EEXIST && !keep)
		return -ENOTEMPTY;
	/* A flag that the file system does not know; or a directory would come below itself. */
	if (error == -EINVAL && flags && !is_directory(&names->old) && !is_directory(&names->new))
		return -EOPNOTSUPP;
	return error;
}

static int64_t serve_rename(struct gate_frame *frame, struct abi_file_rename *call)
{
	static const uint32_t rights = POSTERN_FILE_RIGHT_LOOKUP | POSTERN_FILE_RIGHT_CHANGE;
	static const uint32_t both = POSTERN_FILE_RENAME_FLAGS_NO_REPLACE |
				     POSTERN_FILE_RENAME_FLAGS_EXCHANGE;
	const struct file *dirs[2];
	struct two_names names;
	int error = (call->how.flags & both) == both ? -EINVAL : 0;

	if (!error)
		error = find_directories(frame, call->how.from, rights, call->how.to, dirs);
	if (!error)
		error = find_two(dirs, call->old_path, call->new_path, &names);
	if (error)
		return file_answer(frame, error);
	error = rename_names(&names, call->how.flags);
	drop_two(&names);
	return file_answer(frame, error);
}

/* ---- removing ---- */

static int remove_name(const struct file_name *name, bool directory)
{
	if (!directory && name->wants_directory)
		return is_directory(name) ? -EISDIR : -ENOTDIR;
	if (!unlinkat(name->parent, name->text, directory ? AT_REMOVEDIR : 0))
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static int64_t serve_remove(struct gate_frame *frame, struct abi_file_remove *call)
{
	struct file_name name;
	int error = find(call->dir, call->path, &name);

	if (!error) {
		error = remove_name(&name, call->flags & POSTERN_FILE_REMOVE_FLAGS_DIRECTORY);
		file_name_drop(&name);
	}
	return file_answer(frame, error);
}

void service_file_name(struct abi_handlers *handlers)
{
	handlers->file_make = serve_make;
	handlers->file_symlink = serve_symlink;
	handlers->file_link = serve_link;
	handlers->file_rename = serve_rename;
	handlers->file_remove = serve_remove;
}
