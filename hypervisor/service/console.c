/* SPDX-License-Identifier: ISC */
/*
 * console.c - section console. A call is served at once if its descriptor is ready; if not, it waits in the
 * stream's queue, and a thread serves the queues as descriptors become ready. Descriptors are the user's and
 * may be shared with other programs, so their flags are not changed: nothing is read or written before poll()
 * has said that it would not block, and no more than fits for sure.
 */
#include "service/console.h"

#include "service/service.h"
#include "service/services.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Queues: one for each stream, and one for those who wait for the terminal's size to change. */
enum stream_name { INPUT, OUTPUT, ERROR, STREAMS, SIZE = STREAMS, QUEUES };

/* A call that waits. */
struct waiting {
	struct gate_frame *frame;
	struct iovec data;
	struct waiting *next;
};

struct stream {
	int fd; /* -1: none */
	bool is_terminal;
	bool is_file; /* never blocks, so any amount may be written at once */
	struct waiting *first;
	struct waiting **end;
};

struct console {
	pthread_mutex_t mutex; /* protects the queues, and what is done with descriptors */
	struct stream streams[QUEUES];
	struct waiting *free;
	struct waiting *pool;
	int bell; /* an eventfd: a queue is not empty any more, or the end has come */
	pthread_t thread;
	bool has_thread;
	bool stopping;
	struct termios before; /* the terminal's mode when the VM was made */
	_Atomic bool changed;  /* the guest has set another */
};

/* ---- one call ---- */

/* Errors of the host as the contract names them. */
static int64_t failure(void)
{
	return errno == EPIPE ? -EPIPE : -EIO;
}

static bool is_ready(const struct stream *stream, short what)
{
	struct pollfd poll_fd = { .fd = stream->fd, .events = what };

	return poll(&poll_fd, 1, 0) > 0;
}

/* Writes what is sure not to block, and at least a byte. Returns -EAGAIN if there is no room. */
static int64_t try_write(const struct stream *stream, const struct iovec *data)
{
	size_t length = data->iov_len;
	ssize_t done;

	if (!length || stream->fd < 0)
		return (int64_t)length;
	if (!stream->is_file && length > PIPE_BUF)
		length = PIPE_BUF;
	if (!is_ready(stream, POLLOUT))
		return -EAGAIN;
	done = write(stream->fd, data->iov_base, length);
	if (done >= 0)
		return done;
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : failure();
}

/* Reads what there is. Returns -EAGAIN if there is nothing. */
static int64_t try_read(const struct stream *stream, const struct iovec *data)
{
	ssize_t done;

	if (stream->fd < 0)
		return 0;
	if (!is_ready(stream, POLLIN))
		return -EAGAIN;
	done = read(stream->fd, data->iov_base, data->iov_len);
	if (done >= 0)
		return done;
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
}

/* The terminal of standard output, or failing that, of the input; zero if there is none. */
static struct winsize window_of(const struct console *console)
{
	const struct stream *input = &console->streams[INPUT];
	const struct stream *output = &console->streams[OUTPUT];
	struct winsize window = { 0 };

	if ((output->is_terminal && !ioctl(output->fd, TIOCGWINSZ, &window)) ||
	    (input->is_terminal && !ioctl(input->fd, TIOCGWINSZ, &window)))
		return window;
	return (struct winsize){ 0 };
}

/* A size as the length that a call waits with. */
static size_t size_word(uint64_t rows, uint64_t columns)
{
	return (size_t)(rows << 16 | columns);
}

static int64_t try_watch(const struct console *console, const struct iovec *known)
{
	const struct winsize window = window_of(console);

	return size_word(window.ws_row, window.ws_col) == known->iov_len ? -EAGAIN : 0;
}

static int64_t try_call(const struct console *console, enum stream_name name, const struct iovec *data)
{
	const struct stream *stream = &console->streams[name];

	if (name == SIZE)
		return try_watch(console, data);
	return name == INPUT ? try_read(stream, data) : try_write(stream, data);
}

/* ---- queues ---- */

static void ring_bell(struct console *console)
{
	const uint64_t one = 1;

	/* It cannot fail: nobody counts to 2^64. */
	(void)!write(console->bell, &one, sizeof one);
}

static int64_t enqueue(struct console *console, enum stream_name name, struct gate_frame *frame,
		       const struct iovec *data)
{
	struct stream *stream = &console->streams[name];
	struct waiting *waiting = console->free;

	if (console->stopping)
		return -ECANCELED;
	if (!waiting)
		return -EAGAIN;
	console->free = waiting->next;
	*waiting = (struct waiting){ .frame = frame, .data = *data };
	if (!stream->first)
		ring_bell(console);
	*stream->end = waiting;
	stream->end = &waiting->next;
	return GATE_PENDING;
}

/* Takes a call out of its queue, where `at` leads to it. Returns its frame. */
static struct gate_frame *dequeue(struct console *console, struct stream *stream, struct waiting **at)
{
	struct waiting *waiting = *at;

	*at = waiting->next;
	if (stream->end == &waiting->next)
		stream->end = at;
	waiting->next = console->free;
	console->free = waiting;
	return waiting->frame;
}

/* At once, if nobody waits before it. */
static int64_t serve_stream(struct gate_frame *frame, enum stream_name name, const struct iovec *data)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));
	struct console *console = services->console;
	int64_t result = -EAGAIN;

	pthread_mutex_lock(&console->mutex);
	if (!console->streams[name].first || name == SIZE)
		result = try_call(console, name, data);
	if (result == -EAGAIN)
		result = enqueue(console, name, frame, data);
	pthread_mutex_unlock(&console->mutex);
	return result;
}

/* The next call that can be completed, with its result: the first one, or for sizes, any. NULL: none. */
static struct waiting **find_ready(struct console *console, enum stream_name name, int64_t *result)
{
	for (struct waiting **at = &console->streams[name].first; *at; at = &(*at)->next) {
		*result = try_call(console, name, &(*at)->data);
		if (*result != -EAGAIN)
			return at;
		if (name != SIZE)
			break;
	}
	return NULL;
}

/* Completes calls of one stream as long as that is possible. The gate is told without the mutex. */
static void serve_queue(struct console *console, enum stream_name name)
{
	struct stream *stream = &console->streams[name];

	for (;;) {
		struct gate_frame *frame = NULL;
		struct waiting **ready;
		int64_t result = 0;

		pthread_mutex_lock(&console->mutex);
		ready = find_ready(console, name, &result);
		if (ready)
			frame = dequeue(console, stream, ready);
		pthread_mutex_unlock(&console->mutex);
		if (!frame)
			return;
		gate_complete(frame, result);
	}
}

/* ---- the thread ---- */

/* Waits until a stream that somebody waits for is ready, or the bell rings. Returns false at the end. */
static bool wait_for_streams(struct console *console)
{
	struct pollfd fds[QUEUES + 1];
	uint64_t count;
	bool stopping;

	pthread_mutex_lock(&console->mutex);
	for (int i = 0; i < QUEUES; i++) {
		const struct stream *stream = &console->streams[i];

		fds[i] = (struct pollfd){ .fd = stream->first ? stream->fd : -1,
					  .events = i == INPUT ? POLLIN : POLLOUT };
	}
	stopping = console->stopping;
	pthread_mutex_unlock(&console->mutex);
	fds[QUEUES] = (struct pollfd){ .fd = console->bell, .events = POLLIN };
	if (stopping)
		return false;
	poll(fds, QUEUES + 1, -1);
	(void)!read(console->bell, &count, sizeof count);
	return true;
}

static void *run(void *argument)
{
	struct console *console = argument;

	while (wait_for_streams(console)) {
		for (int i = 0; i < QUEUES; i++)
			serve_queue(console, (enum stream_name)i);
	}
	return NULL;
}

/* ---- life ---- */

static void look_at(struct stream *stream, int fd)
{
	struct stat status;

	stream->fd = fd;
	stream->end = &stream->first;
	stream->is_terminal = fd >= 0 && isatty(fd);
	stream->is_file = fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode);
}

int console_create(struct services *services)
{
	const struct services_config *config = &services->config;
	/* Calls of rings, and one by trap from each vCPU. */
	const size_t calls = (size_t)config->vcpus * (config->in_flight + 1);
	struct console *console = calloc(1, sizeof *console);

	if (!console)
		return -ENOMEM;
	console->pool = calloc(calls, sizeof *console->pool);
	if (!console->pool) {
		free(console);
		return -ENOMEM;
	}
	for (size_t i = 0; i < calls; i++) {
		console->pool[i].next = console->free;
		console->free = &console->pool[i];
	}
	pthread_mutex_init(&console->mutex, NULL);
	console->bell = -1;
	look_at(&console->streams[INPUT], config->input);
	look_at(&console->streams[OUTPUT], config->output);
	look_at(&console->streams[ERROR], config->error);
	look_at(&console->streams[SIZE], -1);
	if (console->streams[INPUT].is_terminal && tcgetattr(config->input, &console->before))
		console->streams[INPUT].is_terminal = false;
	services->console = console;
	return 0;
}

int console_start(struct services *services)
{
	struct console *console = services->console;
	int error;

	console->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->bell < 0)
		return -errno;
	error = -pthread_create(&console->thread, NULL, run, console);
	console->has_thread = !error;
	return error;
}

/* Takes the first call of a vCPU (NULL: of any) out of any queue. Returns NULL if there is none. */
static struct gate_frame *take_call(struct console *console, const struct gate_vcpu *vcpu)
{
	for (int i = 0; i < QUEUES; i++) {
		struct stream *stream = &console->streams[i];

		for (struct waiting **at = &stream->first; *at; at = &(*at)->next) {
			if (!vcpu || gate_frame_vcpu((*at)->frame) == vcpu)
				return dequeue(console, stream, at);
		}
	}
	return NULL;
}

void console_cancel(struct services *services, struct gate_vcpu *vcpu)
{
	struct console *console = services->console;
	struct gate_frame *frame;

	do {
		pthread_mutex_lock(&console->mutex);
		console->stopping |= !vcpu;
		frame = take_call(console, vcpu);
		pthread_mutex_unlock(&console->mutex);
		if (frame)
			gate_complete(frame, -ECANCELED);
	} while (frame);
	if (!vcpu && console->bell >= 0)
		ring_bell(console);
}

void console_join(struct services *services)
{
	struct console *console = services->console;

	if (console->has_thread)
		pthread_join(console->thread, NULL);
	console->has_thread = false;
}

void console_destroy(struct services *services)
{
	struct console *console = services->console;

	console_restore_terminal(services);
	if (console->bell >= 0)
		close(console->bell);
	pthread_mutex_destroy(&console->mutex);
	free(console->pool);
	free(console);
	services->console = NULL;
}

/* ---- the terminal ---- */

static void set_terminal(int fd, const struct termios *mode)
{
	tcsetattr(fd, TCSANOW, mode);
}

void console_restore_terminal(struct services *services)
{
	struct console *console = services->console;

	if (atomic_exchange_explicit(&console->changed, false, memory_order_acq_rel))
		set_terminal(console->streams[INPUT].fd, &console->before);
}

/* What each flag of the contract is to termios(3). */
static const struct {
	uint32_t flag;
	tcflag_t local, input, output;
} modes[] = {
	{ POSTERN_CONSOLE_MODE_LINES, ICANON | IEXTEN, ICRNL | IXON, 0 },
	{ POSTERN_CONSOLE_MODE_ECHO, ECHO, 0, 0 },
	{ POSTERN_CONSOLE_MODE_SIGNALS, ISIG, 0, 0 },
	{ POSTERN_CONSOLE_MODE_NEWLINES, 0, 0, OPOST | ONLCR },
};

static uint32_t mode_of(const struct termios *termios)
{
	uint32_t mode = 0;

	mode |= termios->c_lflag & ICANON ? POSTERN_CONSOLE_MODE_LINES : 0;
	mode |= termios->c_lflag & ECHO ? POSTERN_CONSOLE_MODE_ECHO : 0;
	mode |= termios->c_lflag & ISIG ? POSTERN_CONSOLE_MODE_SIGNALS : 0;
	mode |= termios->c_oflag & OPOST && termios->c_oflag & ONLCR ? POSTERN_CONSOLE_MODE_NEWLINES : 0;
	return mode;
}

static void put_bits(tcflag_t *word, tcflag_t bits, bool on)
{
	*word = on ? *word | bits : *word & ~bits;
}

static int64_t set_mode(struct console *console, uint32_t mode)
{
	const struct stream *input = &console->streams[INPUT];
	struct termios termios = console->before;

	if (!input->is_terminal)
		return -ENOTTY;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		const bool on = mode & modes[i].flag;

		put_bits(&termios.c_lflag, modes[i].local, on);
		put_bits(&termios.c_iflag, modes[i].input, on);
		put_bits(&termios.c_oflag, modes[i].output, on);
	}
	termios.c_cc[VMIN] = 1;
	termios.c_cc[VTIME] = 0;
	/* Said before it is done: a signal in between restores a mode too many, not one too few. */
	atomic_store_explicit(&console->changed, true, memory_order_release);
	return tcsetattr(input->fd, TCSANOW, &termios) ? -EIO : 0;
}

static int64_t serve_mode(struct gate_frame *frame, struct abi_console_mode *call)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));

	return set_mode(services->console, (uint32_t)call->mode);
}

void console_look_again(struct services *services)
{
	if (services->console->bell >= 0)
		ring_bell(services->console);
}

void console_make_terminal_raw(struct services *services)
{
	set_mode(services->console, 0);
}

static int64_t serve_info(struct gate_frame *frame, struct abi_console_info *call)
{
	const struct services *services = gate_owner(gate_frame_vm(frame));
	const struct console *console = services->console;
	const struct stream *input = &console->streams[INPUT];
	const struct stream *output = &console->streams[OUTPUT];
	const struct winsize window = window_of(console);
	struct termios termios;

	call->info.flags =
		(input->is_terminal ? POSTERN_CONSOLE_INFO_FLAGS_INPUT_TERMINAL : 0) |
		(output->is_terminal ? POSTERN_CONSOLE_INFO_FLAGS_OUTPUT_TERMINAL : 0) |
		(console->streams[ERROR].is_terminal ? POSTERN_CONSOLE_INFO_FLAGS_ERROR_TERMINAL : 0);
	if (input->is_terminal && !tcgetattr(input->fd, &termios))
		call->info.mode = mode_of(&termios);
	call->info.rows = window.ws_row;
	call->info.columns = window.ws_col;
	return 0;
}

/* ---- handlers ---- */

static int64_t serve_write(struct gate_frame *frame, struct abi_console_write *call)
{
	return serve_stream(frame, call->stream == POSTERN_CONSOLE_STREAM_ERROR ? ERROR : OUTPUT,
			    &call->data);
}

static int64_t serve_read(struct gate_frame *frame, struct abi_console_read *call)
{
	return serve_stream(frame, INPUT, &call->data);
}

static int64_t serve_watch(struct gate_frame *frame, struct abi_console_watch *call)
{
	const struct iovec known = { .iov_len = size_word(call->rows, call->columns) };

	return serve_stream(frame, SIZE, &known);
}

void service_console(struct abi_handlers *handlers)
{
	handlers->console_write = serve_write;
	handlers->console_read = serve_read;
	handlers->console_info = serve_info;
	handlers->console_mode = serve_mode;
	handlers->console_watch = serve_watch;
}
