/* SPDX-License-Identifier: ISC */
/* calls.c - system calls on KVM's descriptors. */
#include "engine/kvm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

static int open_device(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int call(int fd, unsigned long request, void *argument)
{
	int answer = ioctl(fd, request, argument);

	return answer < 0 ? -errno : answer;
}

int (*kvm_open_device)(void) = open_device;
int (*kvm_ioctl)(int fd, unsigned long request, void *argument) = call;

int kvm_request(int fd, unsigned long request, unsigned long argument)
{
	return kvm_ioctl(fd, request, (void *)argument);
}
