/* SPDX-License-Identifier: ISC */
/* mount.c - opens what a VM is to be given. What is neither directory nor regular file is not opened, only looked at. */
#include "machine/mount.h"

#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The very file that a descriptor of O_PATH names. Returns a descriptor or a negative errno. */
static int open_file(int fd, bool read_only)
{
	char path[40];
	int opened;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	opened = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
	return opened < 0 ? -errno : opened;
}

static int check_path(const char *path, struct message *message)
{
	if (path[0] != '/')
		return message_say(message, -EINVAL, "the guest's path %s is not absolute", path);
	if (strlen(path) > SERVICE_MOUNT_PATH_MAX)
		return message_say(message, -ENAMETOOLONG, "the guest's path is longer than %d bytes",
				   SERVICE_MOUNT_PATH_MAX);
	return 0;
}

static int open_mount(int fd, bool read_only, struct message *message)
{
	struct stat status;
	int opened;

	if (fstat(fd, &status))
		return message_say(message, -errno, "cannot look at it: %s", strerror(errno));
	if (file_system_is_kernels(fd))
		return message_say(message, -EACCES,
				   "it shows the host's kernel and processes, and is not for guests");
	if (S_ISDIR(status.st_mode))
		return fd;
	if (!S_ISREG(status.st_mode))
		return message_say(message, -EINVAL, "neither a directory nor a regular file");
	opened = open_file(fd, read_only);
	if (opened < 0)
		return message_say(message, opened, "cannot open for %s: %s",
				   read_only ? "reading" : "reading and writing", strerror(-opened));
	return opened;
}

int mount_open(const char *source, const char *path, bool read_only, struct service_mount *mount,
	       struct message *message)
{
	int fd;
	int opened = check_path(path, message);

	if (opened)
		return opened;
	fd = open(source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return message_say(message, -errno, "cannot open: %s", strerror(errno));
	opened = open_mount(fd, read_only, message);
	if (opened != fd)
		close(fd);
	if (opened < 0)
		return opened;
	*mount = (struct service_mount){ opened, path, read_only };
	return 0;
}
