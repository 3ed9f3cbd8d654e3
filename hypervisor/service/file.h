/* SPDX-License-Identifier: ISC */
/*
 * file.h - section file, within service/file*.c: mounts, the objects of handles, and how paths are resolved. A path
 * is resolved by openat2(2), beneath the directory that it starts from; whoever changes a name works on a single name
 * in a directory that was opened before, so that nobody can swap what lies between.
 *
 * Devices, fifos and sockets are never opened, but with O_PATH. What a path names is opened so first and looked at;
 * if it is worth it, that very file is opened once more, by its descriptor in /proc.
 */
#ifndef POSTERN_SERVICE_FILE_H
#define POSTERN_SERVICE_FILE_H

#include "service/file_queue.h"
#include "service/services.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* One mount. Constant. */
struct mount {
	int fd; /* the config's */
	bool is_directory;
	bool is_read_only;
	uint64_t volume; /* of its root; see file_volume_of() */
	char path[SERVICE_MOUNT_PATH_MAX + 1];
};

struct files {
	struct mount *mounts;
	unsigned mount_count;
	struct file_queue *queue; /* NULL: there are no mounts, or the host has no io_uring */
	int *fills;               /* descriptors of RAM: of the I/O thread, and of each vCPU's */
	unsigned fill_count;
	int descriptors;        /* /proc/self/fd; -1: there are no mounts */
	_Atomic unsigned count; /* of struct file: that are open, or about to be */
};

/* What a handle names. Constant but for `position`. */
struct file {
	struct files *files;
	const struct mount *mount;
	int fd;
	bool is_shared; /* the descriptor is the mount's own */
	bool is_path;   /* opened with O_PATH */
	bool appends;
	uint8_t kind;          /* enum postern_file_kind */
	uint32_t rights;       /* bits of the contract's handle file */
	pthread_mutex_t mutex; /* protects position, and what a list does with it */
	uint64_t position;     /* of the descriptor of a directory: a cookie */
};

/* ---- file.c ---- */

/* Mounts of the config. Errors: -EINVAL for what is no mount, or those of opening /proc. */
int files_create(struct services *services);
void files_destroy(struct services *services);
/* Once the gate has been made. Errors: negative errno. */
int files_start(struct services *services);

/* A negative errno of the host as the contract lets the call name it. Any other value is returned as it is. */
int64_t file_answer(const struct gate_frame *frame, int64_t result);

/* ---- file_handle.c ---- */

/*
 * An object for a handle that is about to be opened; NULL when the VM has as many as it may. Either file_give() or
 * file_release() has to follow.
 */
struct file *file_reserve(struct files *files, const struct mount *mount);
/* Gives the object a handle, with its rights. There is one free. */
int64_t file_give(struct gate_frame *frame, struct file *file);
void file_release(void *file);

/* ---- file_path.c ---- */

/* Longest path and a NUL; the contract has 4095. */
enum { FILE_PATH_SIZE = 4096 };

/* Which symbolic links are followed. */
enum file_links {
	FILE_ALL_LINKS,
	FILE_INNER_LINKS, /* all but one that is the last name */
	FILE_NO_LINKS
};

/* openat2(2), which never leads out of `dir`. Returns a descriptor or a negative errno. */
int file_open_beneath(int dir, const char *path, uint64_t flags, uint64_t mode, enum file_links links);

/*
 * Opens, with O_PATH, what a path names below a directory, and looks at it. Returns a descriptor or a negative errno.
 * Only file_is_kernels() tells whether more may be done with it.
 */
int file_resolve(const struct file *dir, const char *path, enum file_links links, struct statx *status);

/* Whether a file lies on a file system by which the host's kernel shows itself and its processes, as /proc is. */
bool file_is_kernels(const struct mount *mount, int fd, const struct statx *status);
/* The same of a whole file system. */
bool file_system_is_kernels(int fd);

/* Whether a path is one name, which can be looked up without resolving: neither `.` nor `..`, and no slash. */
bool file_is_name(const char *path);

/* The last name of a path, and the directory that it is in. */
struct file_name {
	int parent;           /* a descriptor */
	bool is_own;          /* which is to be closed */
	bool wants_directory; /* slashes follow */
	char text[FILE_PATH_SIZE];
};

/*
 * Splits a path; file_name_drop() has to follow, unless it fails. Errors: those of resolving what is before the last
 * name; -EINVAL if that is `.` or `..`.
 */
int file_name_find(const struct file *dir, const char *path, enum file_links links, struct file_name *name);
void file_name_drop(const struct file_name *name);

/* Bytes of a path before its last name, slashes included. */
size_t file_name_offset(const char *path);

/* ---- file_look.c ---- */

/* What statx(2) is asked for. */
#define FILE_STATX (STATX_BASIC_STATS | STATX_BTIME)

/* Of what a descriptor names, or of a name in a directory, which is not followed. Errors: negative errno. */
int file_status(int fd, struct statx *status);
int file_status_at(int dir, const char *name, struct statx *status);

enum postern_file_kind file_kind_of(unsigned mode);
uint64_t file_volume_of(const struct statx *status);

/* ---- file_data.c, file_fill.c ---- */

/* Contents on their way. */
struct file_transfer {
	struct file_work work; /* what is left of it, and what is done */
	uint64_t left;         /* bytes */
};

void file_transfer_advance(struct file_transfer *transfer, size_t bytes);

/* What file_fill() needs of each thread that serves calls. Errors: negative errno. */
int file_fill_create(struct files *files, const struct guest_memory *memory, unsigned vcpus);
void file_fill_destroy(struct files *files);

/*
 * Does a read, and nothing else, in another way, if it is so long that this pays, as far as it goes; unless it may wait, no
 * further than the page cache has the file. Returns whether the read is complete.
 */
bool file_fill(const struct files *files, struct file_transfer *transfer, bool may_wait);

/* ---- the handlers of each file ---- */

void service_file_open(struct abi_handlers *handlers);
void service_file_look(struct abi_handlers *handlers);
void service_file_list(struct abi_handlers *handlers);
void service_file_data(struct abi_handlers *handlers);
void service_file_name(struct abi_handlers *handlers);
void service_file_change(struct abi_handlers *handlers);

#endif
