/* SPDX-License-Identifier: ISC */
/*
 * socket.c - system calls on sockets, of which there are none: socket(2) itself is missing, so that whoever asks another
 * call about a descriptor is told the truth, that it is no socket. Shells and runtimes ask that of their streams.
 */
#include "fs/descriptors.h"
#include "syscall/syscall.h"

#include <asm/unistd.h>

static int64_t is_no_socket(const uint64_t argument[6])
{
	struct file *file = descriptor_file(argument[0]);

	if (!file)
		return -EBADF;
	file_drop(file);
	return -ENOTSOCK;
}

const struct system_call_row system_calls_socket[] = {
	{ __NR_bind, "bind", is_no_socket },
	{ __NR_listen, "listen", is_no_socket },
	{ __NR_connect, "connect", is_no_socket },
	{ __NR_accept, "accept", is_no_socket },
	{ __NR_accept4, "accept4", is_no_socket },
	{ __NR_getsockname, "getsockname", is_no_socket },
	{ __NR_getpeername, "getpeername", is_no_socket },
	{ __NR_getsockopt, "getsockopt", is_no_socket },
	{ __NR_setsockopt, "setsockopt", is_no_socket },
	{ __NR_sendto, "sendto", is_no_socket },
	{ __NR_recvfrom, "recvfrom", is_no_socket },
	{ __NR_sendmsg, "sendmsg", is_no_socket },
	{ __NR_recvmsg, "recvmsg", is_no_socket },
	{ __NR_shutdown, "shutdown", is_no_socket },
	{ 0 },
};
