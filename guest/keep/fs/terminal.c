/* SPDX-License-Identifier: ISC */
/*
 * terminal.c - the console as the program sees it. If its input is a terminal of the host, that is set raw and the line
 * discipline is here (line.c), so that the interrupt key is the program's. If not, the streams are what they are on the
 * host: pipes or files, without a discipline.
 */
#include "fs/terminal.h"

#include "fs/devices.h"
#include "fs/inode.h"
#include "fs/line.h"
#include "fs/memory.h"
#include "fs/path.h"
#include "host.h"
#include "task/task.h"

#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>

enum { INPUT, OUTPUT, ERROR, STREAMS };
enum { INPUT_SIZE = 4096, BOUNCE_SIZE = 65536, NUMBER = 4 };

/* What has come from the host and was not read yet; one read is under way at most. */
static struct {
	struct host_work work;
	char *bytes; /* a page, which the host writes to while a read is under way */
	size_t begin, end;
	int64_t failure; /* to be told once: a negative errno */
	bool is_reading, has_ended;
	struct waiters waiters;
} input;

static uint32_t stream_flags; /* enum postern_console_info_flags */
static struct line line;

static bool is_terminal(unsigned stream)
{
	static const uint32_t flags[STREAMS] = {
		POSTERN_CONSOLE_INFO_FLAGS_INPUT_TERMINAL,
		POSTERN_CONSOLE_INFO_FLAGS_OUTPUT_TERMINAL,
		POSTERN_CONSOLE_INFO_FLAGS_ERROR_TERMINAL,
	};

	return stream_flags & flags[stream];
}

/* ---- output ---- */

/* Writes kernel memory, all of it. */
static int64_t write_all(uint32_t stream, const char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		struct postern_ring_entry entry;
		int64_t result;

		postern_prepare_console_write(&entry, 0, stream, bytes + done, (uint32_t)(length - done));
		result = host_call(&entry);
		if (result <= 0)
			return done ? (int64_t)done : result;
		done += (size_t)result;
	}
	return (int64_t)done;
}

/* A piece in one page goes as it is; more is gathered first, so that it stays together. */
static int64_t write_piece(uint32_t stream, struct transfer *from)
{
	size_t length = from->left;
	char *bounce;
	int64_t result;
	int error;
	char *memory = transfer_memory(from, false, &length, &error);

	if (!memory)
		return error;
	if (length == from->left || !(bounce = guest_pages_alloc(BOUNCE_SIZE / PAGE_SIZE))) {
		/* The host copies before it answers; nobody frees the page while this task waits for that. */
		struct page *page = page_at(postern_address(memory));

		page_hold(page);
		result = write_all(stream, memory, length);
		page_drop(page);
		if (result > 0)
			transfer_advance(from, (size_t)result);
		return result;
	}
	result = transfer_from(from, bounce, least(from->left, BOUNCE_SIZE));
	if (result > 0)
		result = write_all(stream, bounce, (size_t)result);
	guest_pages_free(bounce, BOUNCE_SIZE / PAGE_SIZE);
	return result;
}

static int64_t broken_pipe(void)
{
	const struct signal_info info = { .number = SIGPIPE, .code = 0x80 /* SI_KERNEL */ };

	signal_task(current_task(), &info);
	return -EPIPE;
}

static unsigned stream_of(const struct file *file)
{
	return (unsigned)(uintptr_t)file->own;
}

static int64_t terminal_write(struct file *file, struct transfer *from, uint64_t *position)
{
	const uint32_t stream = stream_of(file) == ERROR ? POSTERN_CONSOLE_STREAM_ERROR
							 : POSTERN_CONSOLE_STREAM_OUTPUT;
	int64_t done = 0;

	(void)position;
	while (from->left) {
		int64_t result = write_piece(stream, from);

		if (result <= 0) {
			if (done)
				return done;
			return result == -EPIPE ? broken_pipe() : result;
		}
		done += result;
	}
	return done;
}

static void echo(const char *bytes, size_t length)
{
	/* From a completion, which must not sleep: by trap, and what the terminal does not take at once is lost. */
	(void)postern_console_write(POSTERN_CONSOLE_STREAM_OUTPUT, bytes, length);
}

/* ---- input ---- */

static void start_reading(void);

static void on_input(struct host_work *work, int64_t result)
{
	(void)work;
	input.is_reading = false;
	if (result < 0)
		input.failure = result;
	else if (result == 0)
		input.has_ended = true;
	else
		input.end = (size_t)result;
	if (is_terminal(INPUT) && result > 0) {
		line_input(&line, input.bytes, input.end);
		input.end = 0;
		start_reading(); /* the interrupt key may come at any time */
	}
	waiters_wake_all(&input.waiters, POLLIN);
}

static void start_reading(void)
{
	struct postern_ring_entry entry;

	if (input.is_reading || input.has_ended || input.begin < input.end)
		return;
	input.begin = input.end = 0;
	input.work.done = on_input;
	postern_prepare_console_read(&entry, 0, input.bytes, INPUT_SIZE);
	input.is_reading = true;
	if (host_start(&input.work, &entry))
		input.is_reading = false; /* later: whoever waits tries again */
}

static bool has_input(void)
{
	if (is_terminal(INPUT))
		return line_ready(&line) || input.has_ended;
	return input.begin < input.end || input.has_ended || input.failure;
}

/* What is at hand of a stream that is no terminal. Whoever sleeps for the program's page has to look again what there is. */
static int64_t take_bytes(struct transfer *to)
{
	int64_t done = 0;

	while (to->left && input.begin < input.end) {
		size_t part = to->left;
		int error;
		char *memory = transfer_memory(to, true, &part, &error);

		if (!memory)
			return done ? done : error;
		part = least(part, input.end - input.begin);
		memcpy(memory, input.bytes + input.begin, part);
		input.begin += part;
		transfer_advance(to, part);
		done += (int64_t)part;
	}
	return done;
}

static int64_t take_input(struct transfer *to)
{
	int64_t result;

	if (is_terminal(INPUT))
		return line_read(&line, to);
	if (!input.failure)
		return take_bytes(to);
	result = input.failure;
	input.failure = 0;
	return result;
}

static int64_t terminal_read(struct file *file, struct transfer *to, uint64_t *position)
{
	(void)position;
	if (!to->left)
		return 0;
	for (;;) {
		size_t length = to->left;
		int error;

		/* The program's page first: nobody else comes between the look at the input and the copy then. */
		if (!transfer_memory(to, true, &length, &error))
			return error;
		if (!has_input())
			start_reading();
		if (has_input())
			return take_input(to);
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(&input.waiters, FOREVER, true) == -EINTR)
			return RESTART_IF_ASKED;
	}
}

static unsigned terminal_poll(struct file *file, struct poll_table *table)
{
	unsigned events = stream_of(file) == INPUT && !is_terminal(INPUT) ? 0 : POLLOUT | POLLWRNORM;

	if (stream_of(file) != INPUT && !is_terminal(stream_of(file)))
		return events;
	poll_add(table, &input.waiters);
	if (!has_input())
		start_reading();
	return has_input() ? events | POLLIN | POLLRDNORM : events;
}

/* ---- control ---- */

struct window_size {
	uint16_t rows, columns, width, height;
};

static int64_t get_window_size(uint64_t argument)
{
	struct postern_console_info info = POSTERN_INIT(console_info);
	struct window_size size;

	(void)postern_console_info(&info);
	size = (struct window_size){ info.rows, info.columns, 0, 0 };
	return user_write(argument, &size, sizeof size);
}

/* The host turns line feeds into what a terminal needs; the rest of the discipline is here. */
static void set_host_mode(void)
{
	(void)postern_console_mode(line_maps_newlines(&line) ? POSTERN_CONSOLE_MODE_NEWLINES : 0);
}

static int64_t set_termios(uint64_t argument)
{
	struct line_settings settings;

	if (user_read(&settings, argument, sizeof settings))
		return -EFAULT;
	line_set(&line, &settings);
	set_host_mode();
	waiters_wake_all(&input.waiters, POLLIN);
	return 0;
}

static int64_t count_input(uint64_t argument)
{
	const int32_t count = is_terminal(INPUT) ? (int32_t)line_count(&line)
						 : (int32_t)(input.end - input.begin);

	return user_write(argument, &count, sizeof count);
}

static int64_t write_process(uint64_t argument)
{
	const int32_t id = current_process()->id;

	return user_write(argument, &id, sizeof id);
}

static int64_t terminal_control(struct file *file, unsigned request, uint64_t argument)
{
	struct line_settings settings;

	if (!is_terminal(stream_of(file)))
		return request == FIONREAD && stream_of(file) == INPUT ? count_input(argument) : -ENOTTY;
	switch (request) {
	case TCGETS:
		line_get(&line, &settings);
		return user_write(argument, &settings, sizeof settings);
	case TCSETSF:
		line_flush(&line);
		return set_termios(argument);
	case TCSETS:
	case TCSETSW:
		return set_termios(argument);
	case TIOCGWINSZ:
		return get_window_size(argument);
	case TIOCGPGRP:
	case TIOCGSID:
		return write_process(argument);
	case TIOCSPGRP:
	case TIOCSCTTY:
	case TCSBRK: /* output is written when write(2) returns */
	case TCXONC:
		return 0;
	case TCFLSH:
		line_flush(&line);
		return 0;
	case FIONREAD:
		return count_input(argument);
	default:
		return -ENOTTY;
	}
}

static int terminal_status(struct file *file, struct file_status *status)
{
	int error = inode_get_status(file->inode, status);

	if (!error && !is_terminal(stream_of(file))) {
		status->mode = MODE_FIFO | 0600;
		status->special = 0;
	}
	return error;
}

static const struct file_functions functions = {
	.read = terminal_read,
	.write = terminal_write,
	.poll = terminal_poll,
	.control = terminal_control,
	.status = terminal_status,
};

/* ---- the size ---- */

static void start_watching(void);

static void on_size(struct host_work *work, int64_t result)
{
	const struct signal_info info = { .number = SIGWINCH, .code = 0x80 /* SI_KERNEL */ };

	(void)work;
	if (result < 0)
		return; /* a host that cannot tell */
	signal_process(process_first(), &info);
	start_watching();
}

static void start_watching(void)
{
	struct postern_console_info info = POSTERN_INIT(console_info);
	static struct host_work watching = { .done = on_size };
	struct postern_ring_entry entry;

	if (postern_console_info(&info))
		return;
	postern_prepare_console_watch(&entry, 0, info.rows, info.columns);
	(void)host_start(&watching, &entry);
}

/* ---- starting ---- */

static void on_signal_key(int signal)
{
	const struct signal_info info = { .number = signal, .code = 0x80 /* SI_KERNEL */ };

	signal_process(process_first(), &info);
}

void terminal_start(void)
{
	struct postern_console_info info = POSTERN_INIT(console_info);

	waiters_init(&input.waiters);
	input.bytes = guest_pages_alloc(INPUT_SIZE / PAGE_SIZE);
	if (!input.bytes)
		guest_panic("no memory for the terminal");
	if (postern_console_info(&info) == 0)
		stream_flags = info.flags;
	line_init(&line, echo, on_signal_key);
	if (is_terminal(INPUT) || is_terminal(OUTPUT))
		start_watching();
	if (!is_terminal(INPUT))
		return;
	set_host_mode();
	start_reading();
}

/* A terminal is one thing that can be read and written; a pipe only in its direction. */
static int open_terminal(unsigned number, struct file **file)
{
	int error = file_open("/dev/console", O_RDWR, 0, file);

	if (!error)
		(*file)->own = (void *)(uintptr_t)number;
	return error;
}

int terminal_stream(unsigned number, struct file **file)
{
	struct inode *inode;
	struct directory_entry *entry;
	char name[32];
	int error;

	if (is_terminal(number) && !open_terminal(number, file))
		return 0;
	inode = memory_nameless(MODE_CHARACTER | 0600, STREAM_DEVICE(number));
	if (!inode)
		return -ENOMEM;
	guest_snprintf(name, sizeof name, "%s:[%lu]", is_terminal(number) ? "console" : "pipe",
		       (unsigned long)inode->number);
	entry = entry_nowhere(inode, name);
	if (!entry)
		return -ENOMEM;
	error = file_open_entry(entry,
				is_terminal(number) ? O_RDWR
				: number == INPUT   ? O_RDONLY
						    : O_WRONLY,
				file);
	entry_drop(entry);
	return error;
}

int terminal_open_stream(struct file *file, unsigned number)
{
	file->functions = &functions;
	file->own = (void *)(uintptr_t)number;
	return 0;
}

int terminal_open(struct file *file)
{
	const unsigned stream = is_terminal(INPUT) ? INPUT : is_terminal(OUTPUT) ? OUTPUT : ERROR;

	return is_terminal(stream) ? terminal_open_stream(file, stream) : -ENXIO;
}
