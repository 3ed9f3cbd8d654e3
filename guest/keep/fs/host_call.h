/* SPDX-License-Identifier: ISC */
/* host_call.h - the calls of the contract's section file, as functions that sleep until they are done. */
#ifndef KEEP_FS_HOST_CALL_H
#define KEEP_FS_HOST_CALL_H

#include "keep.h"

/* A place that a path starts from, and the path: names, not ended by a NUL. */
struct host_path {
	postern_handle_t directory;
	const char *path;
	uint32_t length;
};

int64_t host_open(const struct host_path *path, uint32_t flags, uint32_t mode); /* the handle */
void host_close(postern_handle_t file);
int64_t host_info(postern_handle_t file, struct postern_file_info *info);
int64_t host_look(const struct host_path *path, struct postern_file_info *info); /* never follows */
int64_t host_list(postern_handle_t directory, uint64_t cookie, void *entries, uint32_t size);
int64_t host_make(const struct host_path *path, uint32_t kind, uint32_t mode);
int64_t host_symlink(const struct host_path *path, const char *target);
int64_t host_link(const struct host_path *old, const struct host_path *new);
int64_t host_rename(const struct host_path *old, const struct host_path *new, uint32_t flags);
int64_t host_remove(const struct host_path *path, bool is_directory);
int64_t host_target(const struct host_path *path, char *text, uint32_t size);
int64_t host_resize(postern_handle_t file, uint64_t length);
int64_t host_sync(postern_handle_t file, bool data_only);
int64_t host_change(postern_handle_t file, const struct postern_file_change *change);

enum { HOST_SEGMENTS_MOST = 128 };
int64_t host_read(postern_handle_t file, uint64_t offset, const struct postern_segment *segments,
		  uint32_t count);
int64_t host_write(postern_handle_t file, uint64_t offset, const struct postern_segment *segments,
		   uint32_t count);

#endif
