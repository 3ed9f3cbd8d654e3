/* SPDX-License-Identifier: ISC */
/* test_console.c - the console over pipes, files and a pseudo-terminal: at once, waiting, cancelled. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

enum { TEXT_AT = 0x20000, MUCH = 65536 };

static struct world world;
static int input[2], output[2];

static void create(int in, int out, int error)
{
	signal(SIGPIPE, SIG_IGN);
	world_prepare(&world);
	world.config.input = in;
	world.config.output = out;
	world.config.error = error;
	world_create(&world);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	create(input[0], output[1], -1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(&world);
	for (int i = 0; i < 2; i++) {
		close(input[i]);
		close(output[i]);
	}
	return 0;
}

static int64_t write_text(unsigned stream, const char *text)
{
	strcpy(world_at(&world, TEXT_AT), text);
	return CALL(&world, 0, POSTERN_CALL_CONSOLE_WRITE, stream, TEXT_AT, strlen(text));
}

static void writes_arrive(void **state)
{
	char got[16] = "";

	(void)state;
	assert_int_equal(write_text(POSTERN_CONSOLE_STREAM_OUTPUT, "hello"), 5);
	assert_int_equal(read(output[0], got, sizeof got), 5);
	assert_string_equal(got, "hello");
	assert_int_equal(write_text(POSTERN_CONSOLE_STREAM_OUTPUT, ""), 0);
	assert_int_equal(write_text(POSTERN_CONSOLE_STREAM_ERROR, "nowhere"), 7);
	assert_int_equal(write_text(3, "x"), -EINVAL);
}

static void a_full_pipe_waits(void **state)
{
	struct call call;
	char got[4096];
	size_t bytes = 0;
	int64_t result;

	(void)state;
	memset(world_at(&world, TEXT_AT), 'x', MUCH);
	do {
		call_begin(&call, &world, 1, POSTERN_CALL_CONSOLE_WRITE, POSTERN_CONSOLE_STREAM_OUTPUT,
			   TEXT_AT, MUCH);
		sleep_for(20 * MILLISECOND);
		if (!atomic_load(&call.is_done))
			break;
		result = call_end(&call);
		assert_in_range(result, 1, MUCH);
		bytes += (size_t)result;
	} while (bytes < 100 * MUCH);
	assert_in_range(bytes, 1, 99 * MUCH);
	while (bytes)
		bytes -= (size_t)read(output[0], got, sizeof got < bytes ? sizeof got : bytes);
	assert_in_range(call_end(&call), 1, MUCH);
}

static void nobody_reads(void **state)
{
	(void)state;
	close(output[0]);
	assert_int_equal(write_text(POSTERN_CONSOLE_STREAM_OUTPUT, "x"), -EPIPE);
	output[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void reads_take_what_there_is(void **state)
{
	const char *text = world_at(&world, TEXT_AT);

	(void)state;
	assert_int_equal(write(input[1], "abc", 3), 3);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 2), 2);
	assert_memory_equal(text, "ab", 2);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 100), 1);
	assert_int_equal(text[0], 'c');
	close(input[1]);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 100), 0);
	input[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Reads wait, and input goes to the one that was first. */
static void reads_wait_in_order(void **state)
{
	struct call calls[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		call_begin(&calls[i], &world, i, POSTERN_CALL_CONSOLE_READ, TEXT_AT + i * 0x1000, 1, 0);
		sleep_for(20 * MILLISECOND);
		assert_false(atomic_load(&calls[i].is_done));
	}
	assert_int_equal(write(input[1], "12", 2), 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(call_end(&calls[i]), 1);
		assert_int_equal(*(char *)world_at(&world, TEXT_AT + i * 0x1000), '1' + (int)i);
	}
}

static void the_end_cancels(void **state)
{
	struct call call;
	char got;

	(void)state;
	call_begin(&call, &world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 1, 0);
	sleep_for(20 * MILLISECOND);
	services_stop(&world.services);
	assert_int_equal(call_end(&call), -ECANCELED);
	/* No input is lost. */
	assert_int_equal(write(input[1], "z", 1), 1);
	sleep_for(5 * MILLISECOND);
	assert_int_equal(read(input[0], &got, 1), 1);
	assert_int_equal(got, 'z');
}

static void a_file_takes_all(void **state)
{
	int file = memfd_create("out", MFD_CLOEXEC);

	(void)state;
	create(-1, file, file);
	memset(world_at(&world, TEXT_AT), 'y', MUCH);
	assert_int_equal(
		CALL(&world, 0, POSTERN_CALL_CONSOLE_WRITE, POSTERN_CONSOLE_STREAM_OUTPUT, TEXT_AT, MUCH),
		MUCH);
	assert_int_equal(lseek(file, 0, SEEK_END), MUCH);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 1), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_MODE, 0), -ENOTTY);
	world_destroy(&world);
	close(file);
}

static int open_terminal(int *keyboard)
{
	const struct winsize window = { .ws_row = 33, .ws_col = 99 };
	int terminal;

	*keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*keyboard >= 0);
	assert_int_equal(grantpt(*keyboard), 0);
	assert_int_equal(unlockpt(*keyboard), 0);
	terminal = open(ptsname(*keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	ioctl(terminal, TIOCSWINSZ, &window);
	return terminal;
}

/* Whoever watches is told of a size that is not the one that it knows, whatever others know. */
static void a_size_is_watched(void **state)
{
	const struct winsize window = { .ws_row = 40, .ws_col = 100 };
	struct call calls[3];
	int keyboard;
	int terminal = open_terminal(&keyboard);

	(void)state;
	create(terminal, terminal, -1);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_WATCH, 24, 80), 0);
	call_begin(&calls[0], &world, 0, POSTERN_CALL_CONSOLE_WATCH, 33, 99, 0);
	call_begin(&calls[1], &world, 1, POSTERN_CALL_CONSOLE_WATCH, 33, 99, 0);
	sleep_for(20 * MILLISECOND);
	services_terminal_resized(&world.services);
	sleep_for(20 * MILLISECOND);
	assert_false(atomic_load(&calls[0].is_done) || atomic_load(&calls[1].is_done));
	ioctl(terminal, TIOCSWINSZ, &window);
	services_terminal_resized(&world.services);
	assert_int_equal(call_end(&calls[0]), 0);
	assert_int_equal(call_end(&calls[1]), 0);
	call_begin(&calls[2], &world, 0, POSTERN_CALL_CONSOLE_WATCH, 40, 100, 0);
	sleep_for(20 * MILLISECOND);
	services_stop(&world.services);
	assert_int_equal(call_end(&calls[2]), -ECANCELED);
	world_destroy(&world);
	close(terminal);
	close(keyboard);
}

static void a_terminal_has_modes_and_a_size(void **state)
{
	struct postern_console_info *info;
	struct termios before;
	struct termios now;
	int keyboard;
	int terminal = open_terminal(&keyboard);

	(void)state;
	tcgetattr(terminal, &before);
	create(terminal, terminal, -1);
	info = world_struct(&world, 0);
	*info = (struct postern_console_info){ .size = sizeof *info };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_INFO, world_struct_at(0)), 0);
	assert_int_equal(info->flags, POSTERN_CONSOLE_INFO_FLAGS_INPUT_TERMINAL |
					      POSTERN_CONSOLE_INFO_FLAGS_OUTPUT_TERMINAL);
	assert_int_equal(info->rows, 33);
	assert_int_equal(info->columns, 99);
	assert_int_equal(info->mode, 15);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_MODE, 0), 0);
	tcgetattr(terminal, &now);
	assert_int_equal(now.c_lflag & (ICANON | ECHO | ISIG), 0);
	*info = (struct postern_console_info){ .size = sizeof *info };
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_INFO, world_struct_at(0)), 0);
	assert_int_equal(info->mode, 0);
	assert_int_equal(write(keyboard, "\x03", 1), 1);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_CONSOLE_READ, TEXT_AT, 10), 1);
	assert_int_equal(*(char *)world_at(&world, TEXT_AT), 3);
	world_destroy(&world);
	tcgetattr(terminal, &now);
	assert_int_equal(now.c_lflag, before.c_lflag);
	assert_int_equal(now.c_oflag, before.c_oflag);
	close(terminal);
	close(keyboard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_pipe_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_take_what_there_is, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_wait_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_cancels, setup, teardown),
		cmocka_unit_test(a_file_takes_all),
		cmocka_unit_test(a_terminal_has_modes_and_a_size),
		cmocka_unit_test(a_size_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
