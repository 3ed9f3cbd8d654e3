/* SPDX-License-Identifier: ISC */
/* files.h - a VM with directories of the host, which tests make, and calls of section file by trap. */
#ifndef TEST_SERVICE_FILES_H
#define TEST_SERVICE_FILES_H

#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where calls have their strings and data; vCPUs have theirs DATA_SIZE apart. vCPU 0, if it is alone, has more. */
enum { PATH_AT = 0x20000, DATA_AT = 0x40000, DATA_SIZE = 0x8000, SEGMENTS_AT = 0x80000 };

/* A directory of the host with two mounts in it, `shared` and `locked`, which is read-only; and beside them `outside`. */
struct tree {
	char path[64];
	int top; /* its descriptor */
	int shared;
	int locked;
	postern_handle_t root; /* of the first mount */
	postern_handle_t locked_root;
};

extern struct world world;
extern struct tree tree;

/* Makes the directories; the tree is filled by the test, and then opened. */
void tree_create(void);
void tree_open(void);
/* Ends the VM and removes what is left. */
void tree_destroy(void);

/* What tests do on the host, below the tree's directory. */
void host_write(const char *path, const char *text);
void host_directory(const char *path);
void host_link(const char *path, const char *target);
bool host_exists(const char *path);
/* The contents of a file, static. */
const char *host_read(const char *path);

/* Calls of the vCPU that the thread is: 0, if it has not said another. Strings are put into guest memory. */
void be_vcpu(unsigned number);
uint64_t put_string(const char *text);
int64_t file_root(unsigned mount);
int64_t file_open(postern_handle_t dir, const char *path, uint32_t flags, uint32_t mode);
int64_t file_close(postern_handle_t file);
int64_t file_look(postern_handle_t dir, const char *path, uint32_t flags, struct postern_file_info *info);
int64_t file_info(postern_handle_t file, struct postern_file_info *info);
int64_t file_target(postern_handle_t dir, const char *path, char *text, size_t size);
int64_t file_read(postern_handle_t file, uint64_t offset, void *to, size_t size);
int64_t file_list(postern_handle_t dir, uint64_t cookie, size_t size);
int64_t file_write(postern_handle_t file, uint64_t offset, const void *from, size_t size);
int64_t file_make(postern_handle_t dir, const char *path, uint32_t kind, uint32_t mode);
int64_t file_symlink(postern_handle_t dir, const char *path, const char *target);
int64_t file_link(postern_handle_t from, const char *old_path, postern_handle_t to, const char *new_path);
int64_t file_rename(postern_handle_t from, const char *old_path, postern_handle_t to, const char *new_path,
		    uint32_t flags);
int64_t file_remove(postern_handle_t dir, const char *path, uint32_t flags);
int64_t file_resize(postern_handle_t file, uint64_t length);
int64_t file_sync(postern_handle_t file, uint32_t flags);
int64_t file_change(postern_handle_t file, const struct postern_file_change *how);
/* A file that has to open. */
postern_handle_t open_fine(postern_handle_t dir, const char *path, uint32_t flags);
/* What the last list wrote. */
const struct postern_file_entry *listed(void);

#define READ POSTERN_FILE_OPEN_FLAGS_READ
#define WRITE POSTERN_FILE_OPEN_FLAGS_WRITE
#define CHANGE POSTERN_FILE_OPEN_FLAGS_CHANGE
#define APPEND POSTERN_FILE_OPEN_FLAGS_APPEND
#define CREATE POSTERN_FILE_OPEN_FLAGS_CREATE
#define EXCLUSIVE POSTERN_FILE_OPEN_FLAGS_EXCLUSIVE
#define TRUNCATE POSTERN_FILE_OPEN_FLAGS_TRUNCATE
#define DIRECTORY POSTERN_FILE_OPEN_FLAGS_DIRECTORY
#define NO_FOLLOW POSTERN_FILE_OPEN_FLAGS_NO_FOLLOW
#define NO_LINKS POSTERN_FILE_OPEN_FLAGS_NO_LINKS

#endif
