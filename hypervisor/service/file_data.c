/* SPDX-License-Identifier: ISC */
/* file_data.c - file.read: the contents of files, between the host's file system and the guest's memory. */
#include "service/file.h"

#include <errno.h>
#include <sys/uio.h>

static int64_t serve_read(struct gate_frame *frame, struct abi_file_read *call)
{
	const struct file *file = call->file;
	const ssize_t done = preadv(file->fd, call->data, (int)call->data_count, (off_t)call->offset);

	return file_answer(frame, done < 0 ? -errno : done);
}

void service_file_data(struct abi_handlers *handlers)
{
	handlers->file_read = serve_read;
}
