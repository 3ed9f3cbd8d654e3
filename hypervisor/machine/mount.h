/* SPDX-License-Identifier: ISC */
/* mount.h - opens what a VM is to be given of the host's files. */
#ifndef POSTERN_MACHINE_MOUNT_H
#define POSTERN_MACHINE_MOUNT_H

#include "machine/message.h"
#include "service/mount.h"

/*
 * Opens a directory, or a regular file, of the host for a mount. path stays the caller's; mount->fd is the caller's to
 * close. Errors: negative errno, with a message that does not name source.
 */
int mount_open(const char *source, const char *path, bool read_only, struct service_mount *mount,
	       struct message *message);

#endif
