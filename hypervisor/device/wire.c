/* SPDX-License-Identifier: ISC */
/*
 * wire.c - the thread between a serial port and the host. Output that nobody waits for may lie for a millisecond, so
 * that a guest's many single bytes become few writes.
 */
#include "device/wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PATIENCE_MS = 1 };

static void ring_bell(struct wire *wire)
{
	const uint64_t one = 1;

	/* It cannot fail: nobody counts to 2^64. */
	(void)!write(wire->bell, &one, sizeof one);
}

/* ---- by vCPUs ---- */

/* Has the thread look at the output. The mutex is held. */
static void hurry(struct wire *wire)
{
	if (wire->is_urgent)
		return;
	wire->is_urgent = true;
	ring_bell(wire);
}

static bool is_full(const struct wire *wire)
{
	return wire->count == WIRE_BUFFER && !wire->stopping;
}

void wire_put(struct wire *wire, uint8_t byte)
{
	pthread_mutex_lock(&wire->mutex);
	while (is_full(wire)) {
		hurry(wire);
		pthread_cond_wait(&wire->moved, &wire->mutex);
	}
	if (wire->count < WIRE_BUFFER)
		wire->buffer[(wire->first + wire->count++) % WIRE_BUFFER] = byte;
	if (!wire->is_awake) {
		wire->is_awake = true;
		ring_bell(wire);
	}
	pthread_mutex_unlock(&wire->mutex);
}

void wire_listen(struct wire *wire)
{
	ring_bell(wire);
}

void wire_drain(struct wire *wire)
{
	pthread_mutex_lock(&wire->mutex);
	while (wire->count && !wire->stopping) {
		hurry(wire);
		pthread_cond_wait(&wire->moved, &wire->mutex);
	}
	pthread_mutex_unlock(&wire->mutex);
}

void wire_stop(struct wire *wire)
{
	if (!wire->has_thread)
		return;
	pthread_mutex_lock(&wire->mutex);
	wire->stopping = true;
	pthread_cond_broadcast(&wire->moved);
	pthread_mutex_unlock(&wire->mutex);
	ring_bell(wire);
}

/* ---- output ---- */

/* Copies what is to be written next, as much as does not block for sure. Returns how much. */
static size_t peek(struct wire *wire, uint8_t chunk[PIPE_BUF])
{
	size_t length;

	pthread_mutex_lock(&wire->mutex);
	length = wire->count < PIPE_BUF ? wire->count : PIPE_BUF;
	for (size_t i = 0; i < length; i++)
		chunk[i] = wire->buffer[(wire->first + i) % WIRE_BUFFER];
	pthread_mutex_unlock(&wire->mutex);
	return length;
}

/* Takes out what has left. */
static void drop(struct wire *wire, size_t length)
{
	pthread_mutex_lock(&wire->mutex);
	wire->first = (wire->first + length) % WIRE_BUFFER;
	wire->count -= length;
	if (!wire->count)
		wire->is_awake = wire->is_urgent = false;
	pthread_cond_broadcast(&wire->moved);
	pthread_mutex_unlock(&wire->mutex);
}

/* The output can be written to. When nobody reads it any more, what the guest sends goes nowhere. */
static void write_some(struct wire *wire)
{
	uint8_t chunk[PIPE_BUF];
	const size_t length = peek(wire, chunk);
	ssize_t done = wire->is_broken || wire->config.output < 0 ? (ssize_t)length
								  : write(wire->config.output, chunk, length);

	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (done < 0) {
		wire->is_broken = true;
		done = (ssize_t)length;
	}
	drop(wire, (size_t)done);
}

/* ---- input ---- */

/* Takes the escape character out, if it is there. Returns how many bytes are left. */
static size_t look_for_escape(struct wire *wire, uint8_t *bytes, size_t count)
{
	uint8_t *at = wire->config.escaped ? memchr(bytes, WIRE_ESCAPE, count) : NULL;

	if (!at)
		return count;
	wire->config.escaped(wire->config.owner);
	return (size_t)(at - bytes);
}

static void hand_to_port(struct wire *wire, const uint8_t *bytes, size_t count)
{
	const size_t taken = uart_receive(wire->config.uart, bytes, count);

	memmove(wire->kept, bytes + taken, count - taken);
	wire->kept_count = count - taken;
}

static void read_some(struct wire *wire)
{
	uint8_t bytes[UART_FIFO];
	size_t room = uart_room(wire->config.uart);
	ssize_t got;

	if (!room)
		return;
	got = read(wire->config.input, bytes, room);
	if (got > 0)
		hand_to_port(wire, bytes, look_for_escape(wire, bytes, (size_t)got));
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		wire->at_end = true;
}

/* ---- the thread ---- */

struct look {
	bool stopping, has_output, is_urgent, has_room;
};

static struct look look_around(struct wire *wire)
{
	struct look look;

	pthread_mutex_lock(&wire->mutex);
	look = (struct look){ .stopping = wire->stopping,
			      .has_output = wire->count,
			      .is_urgent = wire->is_urgent || wire->count > WIRE_BUFFER / 2 };
	pthread_mutex_unlock(&wire->mutex);
	if (wire->kept_count)
		hand_to_port(wire, wire->kept, wire->kept_count);
	look.has_room = !wire->kept_count && uart_room(wire->config.uart);
	return look;
}

/* Output that is not urgent waits for a while; then it is as if it were. Returns false at the end. */
static bool work(struct wire *wire, bool *has_waited)
{
	const struct look look = look_around(wire);
	const bool writes = look.has_output && (look.is_urgent || *has_waited);
	struct pollfd fds[] = {
		{ .fd = wire->bell, .events = POLLIN },
		{ .fd = look.has_room && !wire->at_end ? wire->config.input : -1, .events = POLLIN },
		{ .fd = writes ? wire->config.output : -1, .events = POLLOUT },
	};
	const bool goes_nowhere = writes && (wire->is_broken || wire->config.output < 0);
	uint64_t count;

	if (look.stopping)
		return false;
	poll(fds, sizeof fds / sizeof *fds, goes_nowhere ? 0 : look.has_output && !writes ? PATIENCE_MS : -1);
	if (fds[0].revents)
		(void)!read(wire->bell, &count, sizeof count);
	if (fds[1].revents)
		read_some(wire);
	if (fds[2].revents || goes_nowhere)
		write_some(wire);
	*has_waited = look.has_output;
	return true;
}

static void *run(void *argument)
{
	struct wire *wire = argument;
	bool has_waited = false;

	prctl(PR_SET_NAME, "serial");
	wire->config.started(wire->config.owner);
	while (work(wire, &has_waited))
		;
	wire->config.ended(wire->config.owner);
	return NULL;
}

int wire_create(struct wire *wire, const struct wire_config *config)
{
	int error;

	wire->config = *config;
	wire->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wire->bell < 0)
		return -errno;
	pthread_mutex_init(&wire->mutex, NULL);
	pthread_cond_init(&wire->moved, NULL);
	error = -pthread_create(&wire->thread, NULL, run, wire);
	wire->has_thread = !error;
	if (error) {
		close(wire->bell);
		pthread_cond_destroy(&wire->moved);
		pthread_mutex_destroy(&wire->mutex);
	}
	return error;
}

void wire_destroy(struct wire *wire)
{
	if (!wire->has_thread)
		return;
	wire_stop(wire);
	pthread_join(wire->thread, NULL);
	wire->has_thread = false;
	close(wire->bell);
	pthread_cond_destroy(&wire->moved);
	pthread_mutex_destroy(&wire->mutex);
}
