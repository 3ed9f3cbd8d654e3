/* SPDX-License-Identifier: ISC */
/* file.c - section file: the mounts of a VM, their roots, and what all its calls share. */
#include "service/file.h"

#include "gate/handle.h"
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- life ---- */

static int create_mount(struct mount *mount, const struct service_mount *config)
{
	struct statx status;
	int error = file_status(config->fd, &status);

	if (error)
		return error;
	if ((!S_ISDIR(status.stx_mode) && !S_ISREG(status.stx_mode)) || config->path[0] != '/' ||
	    strlen(config->path) > SERVICE_MOUNT_PATH_MAX)
		return -EINVAL;
	if (file_system_is_kernels(config->fd))
		return -EACCES;
	mount->fd = config->fd;
	mount->is_directory = S_ISDIR(status.stx_mode);
	mount->is_read_only = config->read_only;
	mount->volume = file_volume_of(&status);
	strcpy(mount->path, config->path);
	return 0;
}

static int create_mounts(struct files *files, const struct services_config *config)
{
	int error = 0;

	files->descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (files->descriptors < 0)
		return -errno;
	files->mounts = calloc(config->mount_count, sizeof *files->mounts);
	if (!files->mounts)
		return -ENOMEM;
	files->mount_count = config->mount_count;
	for (unsigned i = 0; i < config->mount_count && !error; i++)
		error = create_mount(&files->mounts[i], &config->mounts[i]);
	return error ? error : file_queue_create(&files->queue, config->vcpus * config->in_flight);
}

int files_create(struct services *services)
{
	const struct services_config *config = &services->config;
	struct files *files;

	if (config->mount_count > SERVICE_MOUNTS_MAX)
		return -EINVAL;
	files = calloc(1, sizeof *files);
	if (!files)
		return -ENOMEM;
	files->descriptors = -1;
	services->files = files;
	return config->mount_count ? create_mounts(files, config) : 0;
}

int files_start(struct services *services)
{
	struct files *files = services->files;

	return files->mount_count
		       ? file_fill_create(files, gate_memory(services->gate), services->config.vcpus)
		       : 0;
}

void files_destroy(struct services *services)
{
	struct files *files = services->files;

	if (!files)
		return;
	file_queue_destroy(files->queue);
	file_fill_destroy(files);
	if (files->descriptors >= 0)
		close(files->descriptors);
	free(files->mounts);
	free(files);
	services->files = NULL;
}

/* ---- answers ---- */

int64_t file_answer(const struct gate_frame *frame, int64_t result)
{
	/* What the host calls by another name than the contract. */
	static const struct {
		int host, contract;
	} names[] = {
		{ EPERM, EACCES },
		{ EMFILE, ENFILE },
	};

	if (result >= 0 || result == GATE_PENDING || gate_may_answer(frame, (int)-result))
		return result;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].host == -result && gate_may_answer(frame, names[i].contract))
			return -names[i].contract;
	}
	return -EIO;
}

/* ---- calls ---- */

static struct files *files_of(const struct gate_frame *frame)
{
	return ((const struct services *)gate_owner(gate_frame_vm(frame)))->files;
}

/* Each handle of a root directory has a descriptor of its own, since a list has a position. */
static int open_root(struct file *file)
{
	const struct mount *mount = file->mount;

	file->fd = file_open_beneath(mount->fd, ".", O_RDONLY | O_DIRECTORY, 0, FILE_NO_LINKS);
	file->kind = POSTERN_FILE_KIND_DIRECTORY;
	file->rights = POSTERN_FILE_RIGHT_LIST | POSTERN_FILE_RIGHT_LOOKUP | POSTERN_FILE_RIGHT_CHANGE;
	if (file->fd != -EACCES)
		return file->fd < 0 ? file->fd : 0;
	/* It can be walked through all the same. */
	file->fd = file_open_beneath(mount->fd, ".", O_PATH | O_DIRECTORY, 0, FILE_NO_LINKS);
	file->is_path = true;
	file->rights &= ~(uint32_t)POSTERN_FILE_RIGHT_LIST;
	return file->fd < 0 ? file->fd : 0;
}

static void share_root(struct file *file)
{
	file->fd = file->mount->fd;
	file->is_shared = true;
	file->kind = POSTERN_FILE_KIND_REGULAR;
	file->rights = POSTERN_FILE_RIGHT_LOOKUP | POSTERN_FILE_RIGHT_READ | POSTERN_FILE_RIGHT_CHANGE;
	if (!file->mount->is_read_only)
		file->rights |= POSTERN_FILE_RIGHT_WRITE;
}

static int64_t serve_root(struct gate_frame *frame, struct abi_file_root *call)
{
	struct files *files = files_of(frame);
	const struct mount *mount;
	struct file *file;
	int error = 0;

	if (call->mount >= files->mount_count)
		return -ENOENT;
	mount = &files->mounts[call->mount];
	file = file_reserve(files, mount);
	if (!file)
		return -EAGAIN;
	if (mount->is_directory)
		error = open_root(file);
	else
		share_root(file);
	if (error) {
		file_release(file);
		return file_answer(frame, error);
	}
	call->info.flags = mount->is_read_only ? POSTERN_FILE_MOUNT_FLAGS_READ_ONLY : 0;
	strcpy((char *)call->info.name, mount->path);
	return file_give(frame, file);
}

static int64_t serve_close(struct gate_frame *frame, struct abi_file_close *call)
{
	return gate_handle_close(gate_frame_vm(frame), ABI_HANDLE_FILE, call->file_handle);
}

void service_file(struct abi_handlers *handlers)
{
	handlers->file_root = serve_root;
	handlers->file_close = serve_close;
	service_file_open(handlers);
	service_file_look(handlers);
	service_file_list(handlers);
	service_file_data(handlers);
	service_file_name(handlers);
	service_file_change(handlers);
}
