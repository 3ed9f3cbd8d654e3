/* SPDX-License-Identifier: ISC */
/* socket.c - pairs of connected sockets, of which each direction is a pipe. */
#include "fs/socket.h"

#include "fs/inode.h"
#include "fs/memory.h"
#include "fs/path.h"
#include "fs/pipe.h"

#include <asm/fcntl.h>
#include <asm/poll.h>

enum { DONT_WAIT = 0x40, WAIT_ALL = 0x100, NO_SIGNAL = 0x4000, CLOSE_ON_EXEC = 0x40000000 };
enum { KNOWN_FLAGS = DONT_WAIT | WAIT_ALL | NO_SIGNAL | CLOSE_ON_EXEC };

/* An end that has been shut down is NULL. */
struct socket {
	struct file *input, *output;
};

static struct socket *socket_of(const struct file *file)
{
	return file->own;
}

/* A pipe's end as a call needs it: waits or does not, as the socket and the call say. */
static struct file end_for(const struct file *end, const struct file *file, unsigned flags)
{
	struct file copy = *end;

	copy.flags |= file->flags & O_NONBLOCK;
	if (flags & DONT_WAIT)
		copy.flags |= O_NONBLOCK;
	return copy;
}

int64_t socket_receive(struct file *file, struct transfer *to, unsigned flags)
{
	struct file *input = socket_of(file)->input;
	struct file end;
	int64_t done = 0;
	int64_t result;

	if (flags & ~(unsigned)KNOWN_FLAGS)
		return -EOPNOTSUPP;
	if (!input)
		return 0;
	file_hold(input); /* it may be shut down meanwhile */
	end = end_for(input, file, flags);
	do {
		result = end.functions->read(&end, to, &end.position);
		if (result > 0)
			done += result;
	} while (result > 0 && to->left && (flags & WAIT_ALL));
	file_drop(input);
	return done ? done : result;
}

/* Whether a write would find nobody who reads. */
static bool is_broken(struct file *output)
{
	return output->functions->poll(output, NULL) & POLLERR;
}

int64_t socket_send(struct file *file, struct transfer *from, unsigned flags)
{
	struct file *output = socket_of(file)->output;
	struct file end;
	int64_t result;

	if (flags & ~(unsigned)KNOWN_FLAGS)
		return -EOPNOTSUPP;
	if (!output || ((flags & NO_SIGNAL) && is_broken(output)))
		return -EPIPE;
	file_hold(output);
	end = end_for(output, file, flags);
	result = end.functions->write(&end, from, &end.position);
	file_drop(output);
	return result;
}

static int64_t socket_read(struct file *file, struct transfer *to, uint64_t *position)
{
	(void)position;
	return socket_receive(file, to, 0);
}

static int64_t socket_write(struct file *file, struct transfer *from, uint64_t *position)
{
	(void)position;
	return socket_send(file, from, 0);
}

/* The end of the input can be read; when both directions have ended, the connection has. */
static unsigned socket_poll(struct file *file, struct poll_table *table)
{
	const struct socket *socket = socket_of(file);
	unsigned input = POLLHUP;
	unsigned output = POLLERR;
	unsigned events;

	if (socket->input)
		input = socket->input->functions->poll(socket->input, table);
	if (socket->output)
		output = socket->output->functions->poll(socket->output, table);
	events = (input & ~(unsigned)POLLHUP) | (output & ~(unsigned)POLLERR);
	if (input & POLLHUP)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (output & POLLERR)
		events |= POLLOUT | POLLWRNORM;
	return (input & POLLHUP) && (output & POLLERR) ? events | POLLHUP : events;
}

static int64_t socket_control(struct file *file, unsigned request, uint64_t argument)
{
	struct file *input = socket_of(file)->input;

	return input ? input->functions->control(input, request, argument) : -EINVAL;
}

static int socket_status(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

enum { NO_INPUT, NO_OUTPUT, NEITHER };

static void end(struct file **which)
{
	if (*which)
		file_drop(*which);
	*which = NULL;
}

int socket_shutdown(struct file *file, int how)
{
	struct socket *socket = socket_of(file);

	if (how < NO_INPUT || how > NEITHER)
		return -EINVAL;
	if (how != NO_OUTPUT)
		end(&socket->input);
	if (how != NO_INPUT)
		end(&socket->output);
	return 0;
}

static void socket_close(struct file *file)
{
	struct socket *socket = socket_of(file);

	end(&socket->input);
	end(&socket->output);
	free(socket);
}

static const struct file_functions functions = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.control = socket_control,
	.status = socket_status,
	.close = socket_close,
};

bool socket_is(const struct file *file)
{
	return file->functions == &functions;
}

/* ---- making ---- */

/* Takes over the holds of both ends, whatever becomes of it. NULL: no memory. */
static struct file *create(unsigned flags, struct file *input, struct file *output)
{
	struct socket *socket = malloc(sizeof *socket);
	struct inode *inode = memory_nameless(MODE_SOCKET | 0777, 0);
	struct file *file = socket && inode ? file_create(&functions, O_RDWR | flags, socket) : NULL;
	char name[32];

	if (!file) {
		free(socket);
		if (inode)
			inode_drop(inode);
		file_drop(input);
		file_drop(output);
		return NULL;
	}
	*socket = (struct socket){ input, output };
	file->inode = inode;
	inode_hold(inode);
	guest_snprintf(name, sizeof name, "socket:[%lu]", (unsigned long)inode->number);
	file->entry = entry_nowhere(inode, name);
	if (file->entry)
		return file;
	file_drop(file);
	return NULL;
}

int socket_pair(unsigned flags, struct file *ends[2])
{
	struct file *readers[2];
	struct file *writers[2];
	int error = pipe_create(0, &readers[0], &writers[0]);

	if (error)
		return error;
	error = pipe_create(0, &readers[1], &writers[1]);
	if (error) {
		file_drop(readers[0]);
		file_drop(writers[0]);
		return error;
	}
	ends[0] = create(flags, readers[0], writers[1]);
	ends[1] = create(flags, readers[1], writers[0]);
	if (ends[0] && ends[1])
		return 0;
	for (int i = 0; i < 2; i++) {
		if (ends[i])
			file_drop(ends[i]);
	}
	return -ENOMEM;
}
