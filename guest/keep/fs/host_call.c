/* SPDX-License-Identifier: ISC */
/*
 * host_call.c - one function a call. What the host is to read or write lies in kernel memory (a kernel stack is in the
 * physmap, too), and stays until the call is done.
 */
#include "fs/host_call.h"

#include "host.h"

int64_t host_open(const struct host_path *path, uint32_t flags, uint32_t mode)
{
	struct postern_file_open how = POSTERN_INIT(file_open);
	struct postern_ring_entry entry;

	how.flags = flags;
	how.mode = mode;
	postern_prepare_file_open(&entry, 0, path->directory, path->path, path->length, &how);
	return host_call(&entry);
}

void host_close(postern_handle_t file)
{
	(void)postern_file_close(file);
}

int64_t host_info(postern_handle_t file, struct postern_file_info *info)
{
	struct postern_ring_entry entry;

	*info = POSTERN_INIT(file_info);
	postern_prepare_file_info(&entry, 0, file, info);
	return host_call(&entry);
}

int64_t host_look(const struct host_path *path, struct postern_file_info *info)
{
	struct postern_ring_entry entry;

	*info = POSTERN_INIT(file_info);
	postern_prepare_file_look(&entry, 0, path->directory, path->path, path->length,
				  POSTERN_FILE_LOOK_FLAGS_NO_LINKS, info);
	return host_call(&entry);
}

int64_t host_list(postern_handle_t directory, uint64_t cookie, void *entries, uint32_t size)
{
	struct postern_ring_entry entry;

	postern_prepare_file_list(&entry, 0, directory, cookie, entries, size);
	return host_call(&entry);
}

int64_t host_make(const struct host_path *path, uint32_t kind, uint32_t mode)
{
	struct postern_file_make how = POSTERN_INIT(file_make);
	struct postern_ring_entry entry;

	how.kind = kind;
	how.mode = mode;
	postern_prepare_file_make(&entry, 0, path->directory, path->path, path->length, &how);
	return host_call(&entry);
}

int64_t host_symlink(const struct host_path *path, const char *target)
{
	struct postern_ring_entry entry;

	postern_prepare_file_symlink(&entry, 0, path->directory, path->path, path->length, target,
				     (uint32_t)strlen(target));
	return host_call(&entry);
}

int64_t host_link(const struct host_path *old, const struct host_path *new)
{
	struct postern_file_link how = POSTERN_INIT(file_link);
	struct postern_ring_entry entry;

	how.from = old->directory;
	how.to = new->directory;
	postern_prepare_file_link(&entry, 0, &how, old->path, old->length, new->path, new->length);
	return host_call(&entry);
}

int64_t host_rename(const struct host_path *old, const struct host_path *new, uint32_t flags)
{
	struct postern_file_rename how = POSTERN_INIT(file_rename);
	struct postern_ring_entry entry;

	how.flags = flags;
	how.from = old->directory;
	how.to = new->directory;
	postern_prepare_file_rename(&entry, 0, &how, old->path, old->length, new->path, new->length);
	return host_call(&entry);
}

int64_t host_remove(const struct host_path *path, bool is_directory)
{
	struct postern_ring_entry entry;

	postern_prepare_file_remove(&entry, 0, path->directory, path->path, path->length,
				    is_directory ? POSTERN_FILE_REMOVE_FLAGS_DIRECTORY : 0);
	return host_call(&entry);
}

int64_t host_target(const struct host_path *path, char *text, uint32_t size)
{
	struct postern_ring_entry entry;

	postern_prepare_file_target(&entry, 0, path->directory, path->path, path->length, text, size);
	return host_call(&entry);
}

int64_t host_resize(postern_handle_t file, uint64_t length)
{
	struct postern_ring_entry entry;

	postern_prepare_file_resize(&entry, 0, file, length);
	return host_call(&entry);
}

int64_t host_sync(postern_handle_t file, bool data_only)
{
	struct postern_ring_entry entry;

	postern_prepare_file_sync(&entry, 0, file, data_only ? POSTERN_FILE_SYNC_FLAGS_DATA_ONLY : 0);
	return host_call(&entry);
}

int64_t host_change(postern_handle_t file, const struct postern_file_change *change)
{
	struct postern_ring_entry entry;

	postern_prepare_file_change(&entry, 0, file, change);
	return host_call(&entry);
}

int64_t host_read(postern_handle_t file, uint64_t offset, const struct postern_segment *segments,
		  uint32_t count)
{
	struct postern_ring_entry entry;

	postern_prepare_file_read(&entry, 0, file, offset, segments, count);
	return host_call(&entry);
}

int64_t host_write(postern_handle_t file, uint64_t offset, const struct postern_segment *segments,
		   uint32_t count)
{
	struct postern_ring_entry entry;

	postern_prepare_file_write(&entry, 0, file, offset, segments, count);
	return host_call(&entry);
}
