/* SPDX-License-Identifier: ISC */
/* terminal.c - a program on a terminal: terminal raw|timed|size|modes|lines. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void show_keys(void)
{
	unsigned char key = 0;

	while (key != 'q' && read(0, &key, 1) == 1)
		printf("<%02x>", key);
	puts("\r");
}

/* Keys come one by one and as they are, without an echo. */
static int raw(void)
{
	struct termios before;
	struct termios mode;

	tcgetattr(0, &before);
	mode = before;
	cfmakeraw(&mode);
	tcsetattr(0, TCSAFLUSH, &mode);
	setbuf(stdout, NULL);
	fputs("ready\r\n", stdout);
	show_keys();
	return tcsetattr(0, TCSANOW, &before);
}

/* VTIME: a read that gets nothing ends. */
static int timed(void)
{
	struct termios before;
	struct termios mode;
	char key;

	tcgetattr(0, &before);
	mode = before;
	mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	mode.c_cc[VMIN] = 0;
	mode.c_cc[VTIME] = 1;
	tcsetattr(0, TCSANOW, &mode);
	printf("nothing: %zd\n", read(0, &key, 1));
	tcsetattr(0, TCSANOW, &before);
	return 0;
}

static volatile sig_atomic_t resized;

static void note(int signal)
{
	(void)signal;
	resized = 1;
}

static void print_size(void)
{
	struct winsize size = { 0 };

	printf("%d ", ioctl(1, TIOCGWINSZ, &size));
	printf("%u x %u\n", size.ws_row, size.ws_col);
	fflush(stdout);
}

/* Once at the start, and again when the window changes. */
static int size(void)
{
	signal(SIGWINCH, note);
	print_size();
	for (int i = 0; i < 3000 && !resized; i++)
		poll(NULL, 0, 10);
	print_size();
	return !resized;
}

static int modes(void)
{
	struct termios mode;
	const char *name = ttyname(0);

	printf("%d %d %d\n", isatty(0), isatty(1), isatty(2));
	printf("%d %s\n", tcgetattr(0, &mode), name && !strncmp(name, "/dev/", 5) ? "a name" : "no name");
	printf("%x %x %x\n", mode.c_iflag & (ICRNL | IXON), mode.c_oflag & (OPOST | ONLCR),
	       mode.c_lflag & (ISIG | ICANON | ECHO | ECHOE));
	printf("%d %d %d %d\n", mode.c_cc[VINTR], mode.c_cc[VEOF], mode.c_cc[VERASE], mode.c_cc[VKILL]);
	printf("%d\n", tcgetpgrp(0) == getpgrp());
	return 0;
}

/* Output goes on while a read waits for a line. */
static int lines(void)
{
	char line[100];

	fputs("? ", stdout);
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		printf("[%s]\n? ", line);
		fflush(stdout);
	}
	puts("end");
	return 0;
}

int main(int count, char **arguments)
{
	const char *what = count > 1 ? arguments[1] : "";

	return !strcmp(what, "raw")     ? raw()
	       : !strcmp(what, "timed") ? timed()
	       : !strcmp(what, "size")  ? size()
	       : !strcmp(what, "modes") ? modes()
	       : !strcmp(what, "lines") ? lines()
					: 2;
}
