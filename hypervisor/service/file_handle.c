/* SPDX-License-Identifier: ISC */
/* file_handle.c - the objects of handles: counted before anything is opened, so that what was opened gets a handle. */
#include "service/file.h"

#include "gate/handle.h"

#include <stdlib.h>
#include <unistd.h>

struct file *file_reserve(struct files *files, const struct mount *mount)
{
	struct file *file;

	if (atomic_fetch_add_explicit(&files->count, 1, memory_order_relaxed) < POSTERN_HANDLE_FILE_MAX) {
		file = calloc(1, sizeof *file);
		if (file) {
			*file = (struct file){ .files = files, .mount = mount, .fd = -1 };
			pthread_mutex_init(&file->mutex, NULL);
			return file;
		}
	}
	atomic_fetch_sub_explicit(&files->count, 1, memory_order_relaxed);
	return NULL;
}

void file_release(void *object)
{
	struct file *file = object;

	if (file->fd >= 0 && !file->is_shared)
		close(file->fd);
	pthread_mutex_destroy(&file->mutex);
	/* Relaxed: the gate has freed the handle's place with a lock that whoever comes next takes as well. */
	atomic_fetch_sub_explicit(&file->files->count, 1, memory_order_relaxed);
	free(file);
}

int64_t file_give(struct gate_frame *frame, struct file *file)
{
	postern_handle_t handle;
	int error = gate_handle_open(gate_frame_vm(frame), ABI_HANDLE_FILE, file, file_release, file->rights,
				     0, &handle);

	if (!error)
		return handle;
	file_release(file);
	return error;
}
