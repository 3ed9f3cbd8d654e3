/* SPDX-License-Identifier: ISC */
/* mount.h - what a VM is given of the host's files, as whoever makes the VM says it. */
#ifndef POSTERN_SERVICE_MOUNT_H
#define POSTERN_SERVICE_MOUNT_H

#include <stdbool.h>

enum {
	SERVICE_MOUNTS_MAX = 64,
	SERVICE_MOUNT_PATH_MAX = 247, /* bytes of a path, as the contract's struct file_mount has room for */
};

struct service_mount {
	/*
	 * Stays the caller's. A directory, opened with O_PATH; or one regular file, opened for what the guest
	 * may do with it.
	 */
	int fd;
	const char *path; /* where the guest should mount it: absolute */
	bool read_only;
};

#endif
