/* SPDX-License-Identifier: ISC */
/*
 * socket.c - system calls on sockets, of which there are pairs only, by socketpair(2): socket(2) itself is missing.
 * Whoever asks about another descriptor is told the truth, that it is no socket: shells and runtimes ask that of
 * their streams.
 */
#include "fs/socket.h"
#include "fs/descriptors.h"
#include "fs/pipe.h"
#include "syscall/syscall.h"
#include "syscall/vector.h"
#include "task/task.h"

#include <asm/socket.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>

enum { UNIX = 1, STREAM = 1, TYPE = 0xf };

/* The socket of a descriptor, held; or NULL. */
static struct file *socket_for(uint64_t descriptor, int *error)
{
	struct file *file = descriptor_file(descriptor);

	*error = file ? -ENOTSOCK : -EBADF;
	if (!file || socket_is(file))
		return file;
	file_drop(file);
	return NULL;
}

/* ---- pairs ---- */

static int add_pair(struct file *ends[2], unsigned flags, uint64_t address)
{
	int64_t first = descriptor_add(ends[0], 0, flags & O_CLOEXEC);
	int64_t second;
	int32_t numbers[2];

	if (first < 0) {
		file_drop(ends[1]);
		return (int)first;
	}
	second = descriptor_add(ends[1], 0, flags & O_CLOEXEC);
	numbers[0] = (int32_t)first;
	numbers[1] = (int32_t)second;
	if (second >= 0 && !user_write(address, numbers, sizeof numbers))
		return 0;
	(void)descriptor_close((uint64_t)first);
	if (second < 0)
		return (int)second;
	(void)descriptor_close((uint64_t)second);
	return -EFAULT;
}

static int64_t sys_socketpair(const uint64_t argument[6])
{
	const unsigned type = (unsigned)argument[1] & TYPE;
	const unsigned flags = (unsigned)argument[1] & ~(unsigned)TYPE;
	struct file *ends[2];
	int error;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if ((unsigned)argument[0] != UNIX)
		return -EAFNOSUPPORT;
	if (type != STREAM)
		return system_call_missing("socketpair of messages");
	if (argument[2])
		return -EPROTONOSUPPORT;
	error = socket_pair(flags & O_NONBLOCK, ends);
	return error ? error : add_pair(ends, flags, argument[3]);
}

/* ---- sending and receiving ---- */

static int64_t transfer(uint64_t descriptor, struct transfer *transfer, unsigned flags, bool sends)
{
	int error;
	struct file *file = socket_for(descriptor, &error);
	int64_t result;

	if (!file)
		return error;
	result = sends ? socket_send(file, transfer, flags) : socket_receive(file, transfer, flags);
	file_drop(file);
	return result == -EOPNOTSUPP ? system_call_missing("flags of send and recv") : result;
}

static int64_t sys_sendto(const uint64_t argument[6])
{
	struct user_vector piece;
	struct transfer from;

	if (argument[4])
		return -EISCONN;
	transfer_of_user(&from, &piece, argument[1], least(argument[2], INT32_MAX));
	return transfer(argument[0], &from, (unsigned)argument[3], true);
}

/* The peer has no name. */
static int64_t sys_recvfrom(const uint64_t argument[6])
{
	const uint32_t nothing = 0;
	struct user_vector piece;
	struct transfer to;
	int64_t result;

	transfer_of_user(&to, &piece, argument[1], least(argument[2], INT32_MAX));
	result = transfer(argument[0], &to, (unsigned)argument[3], false);
	if (result >= 0 && argument[4] && user_write(argument[5], &nothing, sizeof nothing))
		return -EFAULT;
	return result;
}

/* Linux's struct user_msghdr. */
struct message {
	uint64_t name;
	uint32_t name_length, padding;
	uint64_t vector, count;
	uint64_t control, control_length;
	uint32_t flags, more_padding;
};

static int64_t transfer_message(const uint64_t argument[6], bool sends)
{
	struct message message;
	struct user_vector *pieces;
	struct transfer vector;
	int64_t result = user_read(&message, argument[1], sizeof message);

	if (result)
		return result;
	if (sends && message.name && message.name_length)
		return -EISCONN;
	if (sends && message.control_length)
		return system_call_missing("control data of sendmsg");
	result = vector_copy(message.vector, message.count, &pieces);
	if (result)
		return result;
	transfer_of_pieces(&vector, pieces, message.count);
	result = transfer(argument[0], &vector, (unsigned)argument[2], sends);
	free(pieces);
	if (result < 0 || sends)
		return result;
	message.name_length = message.flags = 0;
	message.control_length = 0;
	return user_write(argument[1], &message, sizeof message) ? -EFAULT : result;
}

static int64_t sys_sendmsg(const uint64_t argument[6])
{
	return transfer_message(argument, true);
}

static int64_t sys_recvmsg(const uint64_t argument[6])
{
	return transfer_message(argument, false);
}

static int64_t sys_shutdown(const uint64_t argument[6])
{
	int error;
	struct file *file = socket_for(argument[0], &error);

	if (!file)
		return error;
	error = socket_shutdown(file, (int)argument[1]);
	file_drop(file);
	return error;
}

/* ---- names and options ---- */

/* Writes what fits of a value, and how long it is. */
static int64_t answer(uint64_t to, uint64_t length_at, const void *value, uint32_t length)
{
	uint32_t room;

	if (user_read(&room, length_at, sizeof room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (user_write(to, value, least(room, length)) || user_write(length_at, &length, sizeof length))
		return -EFAULT;
	return 0;
}

/* Of a socket without a name, and of its peer, the family is all. */
static int64_t get_name(const uint64_t argument[6])
{
	const uint16_t family = UNIX;
	int error;
	struct file *file = socket_for(argument[0], &error);

	if (!file)
		return error;
	file_drop(file);
	return answer(argument[1], argument[2], &family, sizeof family);
}

static int64_t get_option(unsigned option, uint64_t to, uint64_t length_at)
{
	const struct process *process = current_process();
	const uint32_t peer[] = { (uint32_t)process->id, process->identity.user[ID_EFFECTIVE],
				  process->identity.group[ID_EFFECTIVE] };
	static const struct {
		unsigned option;
		int32_t value;
	} values[] = {
		{ SO_TYPE, STREAM },  { SO_ERROR, 0 },      { SO_DOMAIN, UNIX },  { SO_PROTOCOL, 0 },
		{ SO_ACCEPTCONN, 0 }, { SO_SNDBUF, 65536 }, { SO_RCVBUF, 65536 },
	};

	if (option == SO_PEERCRED)
		return answer(to, length_at, peer, sizeof peer);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		if (values[i].option == option)
			return answer(to, length_at, &values[i].value, sizeof values[i].value);
	}
	return -ENOPROTOOPT;
}

static int64_t sys_getsockopt(const uint64_t argument[6])
{
	int error;
	struct file *file = socket_for(argument[0], &error);
	int64_t result;

	if (!file)
		return error;
	result = (int)argument[1] == SOL_SOCKET ? get_option((unsigned)argument[2], argument[3], argument[4])
						: -EOPNOTSUPP;
	file_drop(file);
	return result;
}

/* There is none that could be changed. */
static int64_t sys_setsockopt(const uint64_t argument[6])
{
	int error;
	struct file *file = socket_for(argument[0], &error);

	if (!file)
		return error;
	file_drop(file);
	return -ENOPROTOOPT;
}

/* ---- what a pair does not do ---- */

static int64_t refuse(const uint64_t argument[6], int how)
{
	int error;
	struct file *file = socket_for(argument[0], &error);

	if (!file)
		return error;
	file_drop(file);
	return how;
}

static int64_t sys_connect(const uint64_t argument[6])
{
	return refuse(argument, -EISCONN);
}

static int64_t refuse_all(const uint64_t argument[6])
{
	return refuse(argument, -EINVAL);
}

const struct system_call_row system_calls_socket[] = {
	{ __NR_socketpair, "socketpair", sys_socketpair }, /* AF_UNIX, SOCK_STREAM */
	{ __NR_bind, "bind", refuse_all },
	{ __NR_listen, "listen", refuse_all },
	{ __NR_connect, "connect", sys_connect },
	{ __NR_accept, "accept", refuse_all },
	{ __NR_accept4, "accept4", refuse_all },
	{ __NR_getsockname, "getsockname", get_name },
	{ __NR_getpeername, "getpeername", get_name },
	{ __NR_getsockopt, "getsockopt", sys_getsockopt },
	{ __NR_setsockopt, "setsockopt", sys_setsockopt },
	{ __NR_sendto, "sendto", sys_sendto }, /* without MSG_PEEK, MSG_OOB ... */
	{ __NR_recvfrom, "recvfrom", sys_recvfrom },
	{ __NR_sendmsg, "sendmsg", sys_sendmsg }, /* without control data */
	{ __NR_recvmsg, "recvmsg", sys_recvmsg },
	{ __NR_shutdown, "shutdown", sys_shutdown },
	{ 0 },
};
