/* SPDX-License-Identifier: ISC */
/* waiting.c - pipes, poll, select, epoll, eventfd, timerfd, signalfd and FIFOs: who waits for what, and is woken. */
#include "parts.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int ends[2];

static void open_pipe(int flags)
{
	CHECK(!pipe2(ends, flags));
}

static void close_pipe(void)
{
	close(ends[0]);
	close(ends[1]);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *write_late(void *argument)
{
	usleep(5000);
	CHECK(write((int)(intptr_t)argument, "12345678", 8) == 8);
	return NULL;
}

static pthread_t later(int descriptor)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, write_late, (void *)(intptr_t)descriptor));
	return thread;
}

/* ---- pipes ---- */

static void *pump(void *argument)
{
	char block[3001];
	size_t left = 1000000;

	(void)argument;
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 7);
	while (left) {
		const size_t length = left < sizeof block ? left : sizeof block;

		CHECK(write(ends[1], block, length) == (ssize_t)length);
		left -= length;
	}
	close(ends[1]);
	return NULL;
}

static void pipes(void)
{
	char block[777];
	pthread_t thread;
	size_t at = 0;
	ssize_t got;
	bool same = true;

	open_pipe(0);
	pthread_create(&thread, NULL, pump, NULL);
	while ((got = read(ends[0], block, sizeof block)) > 0) {
		for (ssize_t i = 0; i < got; i++, at++)
			same = same && block[i] == (char)(at % 3001 * 7);
	}
	pthread_join(thread, NULL);
	CHECK(got == 0 && at == 1000000 && same);
	close(ends[0]);
}

static void pipes_without_waiting(void)
{
	char block[4096] = "";
	int length = 0;
	size_t total = 0;
	struct stat status;

	open_pipe(O_NONBLOCK | O_CLOEXEC);
	CHECK_ERROR(read(ends[0], block, 1), EAGAIN);
	while (write(ends[1], block, sizeof block) == sizeof block)
		total += sizeof block;
	CHECK(errno == EAGAIN && total == 65536);
	CHECK(!ioctl(ends[0], FIONREAD, &length) && length == 65536);
	CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(ends[0], F_GETFL) == O_NONBLOCK && fcntl(ends[1], F_GETFL) == (O_NONBLOCK | O_WRONLY));
	CHECK(!fstat(ends[0], &status) && S_ISFIFO(status.st_mode));
	CHECK_ERROR(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERROR(read(ends[1], block, 1), EBADF);
	CHECK_ERROR(write(ends[0], block, 1), EBADF);
	CHECK(fcntl(ends[1], F_GETPIPE_SZ) == 65536);
	close_pipe();
	CHECK_ERROR(read(ends[0], block, 1), EBADF);
}

static void vectors(void)
{
	char first[5] = "";
	char second[6] = "";
	const struct iovec out[3] = { { "hello", 5 }, { "", 0 }, { " world", 6 } };
	const struct iovec in[2] = { { first, 5 }, { second, 6 } };

	open_pipe(0);
	CHECK(writev(ends[1], out, 3) == 11 && readv(ends[0], in, 2) == 11);
	CHECK(!memcmp(first, "hello", 5) && !memcmp(second, " world", 6));
	CHECK_ERROR(writev(ends[1], out, -1), EINVAL);
	CHECK_ERROR(write(ends[1], (void *)8, 1), EFAULT);
	close_pipe();
}

static void *open_other_end(void *argument)
{
	const int descriptor = open("out/fifo", O_WRONLY);

	(void)argument;
	CHECK(descriptor >= 0 && write(descriptor, "fifo", 4) == 4);
	close(descriptor);
	return NULL;
}

static void fifos(const char *path)
{
	char text[8] = "";
	pthread_t thread;
	int descriptor;

	CHECK(!mkfifo(path, 0600));
	CHECK_ERROR(open(path, O_WRONLY | O_NONBLOCK), ENXIO);
	pthread_create(&thread, NULL, open_other_end, NULL);
	descriptor = open(path, O_RDONLY);
	CHECK(descriptor >= 0 && read(descriptor, text, 8) == 4 && !strcmp(text, "fifo"));
	pthread_join(thread, NULL);
	CHECK(read(descriptor, text, 8) == 0);
	close(descriptor);
	CHECK(!unlink(path));
}

static void fifo(void)
{
	fifos("out/fifo");
}

/* ---- poll and select ---- */

static void polling(void)
{
	const sigset_t none = { 0 };
	struct pollfd both[3];
	pthread_t thread;
	int64_t before;
	char text[8];

	open_pipe(0);
	both[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	both[1] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
	both[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	CHECK(poll(both, 3, 0) == 1 && both[0].revents == 0 && both[1].revents == POLLOUT &&
	      both[2].revents == 0);
	before = now();
	CHECK(poll(both, 1, 12) == 0 && now() - before >= 12000000);
	thread = later(ends[1]);
	CHECK(poll(both, 1, -1) == 1 && both[0].revents == POLLIN);
	pthread_join(thread, NULL);
	CHECK(read(ends[0], text, 8) == 8);
	thread = later(ends[1]);
	CHECK(ppoll(both, 1, &(struct timespec){ .tv_sec = 50 }, &none) == 1);
	pthread_join(thread, NULL);
	CHECK(read(ends[0], text, 8) == 8);
	close(ends[1]);
	CHECK(poll(both, 2, -1) == 2 && both[0].revents == POLLHUP && both[1].revents == POLLNVAL);
	close(ends[0]);
	open_pipe(0);
	close(ends[0]);
	CHECK(poll(&(struct pollfd){ .fd = ends[1], .events = POLLOUT }, 1, -1) == 1);
	close(ends[1]);
	CHECK(poll(NULL, 0, 3) == 0);
}

static void selecting(void)
{
	struct timeval brief = { .tv_usec = 5000 };
	struct timespec soon = { .tv_nsec = 5000000 };
	pthread_t thread;
	fd_set in;
	fd_set out;

	open_pipe(0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	CHECK(select(ends[1] + 1, &in, &out, NULL, NULL) == 1 && !FD_ISSET(ends[0], &in) &&
	      FD_ISSET(ends[1], &out));
	FD_SET(ends[0], &in);
	CHECK(select(ends[0] + 1, &in, NULL, NULL, &brief) == 0 && !FD_ISSET(ends[0], &in));
	CHECK(brief.tv_sec == 0 && brief.tv_usec == 0);
	thread = later(ends[1]);
	FD_SET(ends[0], &in);
	CHECK(select(ends[0] + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &in));
	pthread_join(thread, NULL);
	CHECK(pselect(0, NULL, NULL, NULL, &soon, NULL) == 0);
	FD_ZERO(&in);
	FD_SET(ends[1] + 1, &in);
	CHECK_ERROR(select(ends[1] + 2, &in, NULL, NULL, NULL), EBADF);
	CHECK_ERROR(select(-1, &in, NULL, NULL, NULL), EINVAL);
	close_pipe();
}

/* ---- epoll ---- */

static int watch(int epoll, int operation, int descriptor, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = descriptor };

	return epoll_ctl(epoll, operation, descriptor, &event);
}

static void epolling(void)
{
	struct epoll_event events[4];
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	pthread_t thread;
	char text[16];

	open_pipe(O_NONBLOCK);
	CHECK(epoll >= 0 && !watch(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN));
	CHECK_ERROR(watch(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN), EEXIST);
	CHECK_ERROR(watch(epoll, EPOLL_CTL_MOD, ends[1], EPOLLIN), ENOENT);
	CHECK_ERROR(watch(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN), EINVAL);
	CHECK_ERROR(watch(epoll, EPOLL_CTL_ADD, 333, EPOLLIN), EBADF);
	CHECK(epoll_wait(epoll, events, 4, 0) == 0 && epoll_wait(epoll, events, 4, 5) == 0);
	thread = later(ends[1]);
	CHECK(epoll_wait(epoll, events, 4, -1) == 1 && events[0].events == EPOLLIN &&
	      events[0].data.fd == ends[0]);
	pthread_join(thread, NULL);
	/* Level-triggered: as long as there is something. */
	CHECK(epoll_wait(epoll, events, 4, 0) == 1 && read(ends[0], text, 16) == 8);
	CHECK(epoll_wait(epoll, events, 4, 0) == 0);
	/* Edge-triggered: once for each time that something comes. */
	CHECK(!watch(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET));
	CHECK(write(ends[1], "a", 1) == 1 && epoll_wait(epoll, events, 4, 0) == 1);
	CHECK(epoll_wait(epoll, events, 4, 0) == 0);
	CHECK(write(ends[1], "b", 1) == 1 && epoll_wait(epoll, events, 4, 0) == 1);
	CHECK(!watch(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT));
	CHECK(epoll_wait(epoll, events, 4, 0) == 1 && epoll_wait(epoll, events, 4, 0) == 0);
	CHECK(!watch(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT) &&
	      epoll_wait(epoll, events, 4, 0) == 1);
	CHECK(!watch(epoll, EPOLL_CTL_DEL, ends[0], 0) && epoll_wait(epoll, events, 4, 0) == 0);
	/* Several at once, one of which hangs up; what is closed is no longer watched. */
	CHECK(!watch(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT) &&
	      !watch(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN));
	CHECK(epoll_wait(epoll, events, 4, 0) == 2 && epoll_wait(epoll, events, 1, 0) == 1);
	close(ends[1]);
	CHECK(epoll_wait(epoll, events, 4, 0) == 1 && events[0].events == (EPOLLIN | EPOLLHUP));
	close(ends[0]);
	CHECK(epoll_wait(epoll, events, 4, 0) == 0);
	CHECK_ERROR(epoll_wait(epoll, events, 0, 0), EINVAL);
	close(epoll);
}

static void nested_epoll(void)
{
	struct epoll_event event;
	const int inner = epoll_create1(0);
	const int outer = epoll_create1(0);
	pthread_t thread;

	open_pipe(0);
	CHECK(!watch(inner, EPOLL_CTL_ADD, ends[0], EPOLLIN) && !watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN));
	CHECK(epoll_wait(outer, &event, 1, 0) == 0);
	thread = later(ends[1]);
	CHECK(epoll_wait(outer, &event, 1, -1) == 1 && event.data.fd == inner);
	CHECK(epoll_wait(inner, &event, 1, 0) == 1 && event.data.fd == ends[0]);
	CHECK(poll(&(struct pollfd){ .fd = outer, .events = POLLIN }, 1, 0) == 1);
	pthread_join(thread, NULL);
	CHECK_ERROR(watch(inner, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP);
	close(inner);
	close(outer);
	close_pipe();
}

/* ---- descriptors that count, and that tell time ---- */

static void eventfds(void)
{
	const int counter = eventfd(3, EFD_NONBLOCK);
	const int semaphore = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	const int waiting = eventfd(0, 0);
	const uint64_t five = 5;
	const uint64_t all = UINT64_MAX - 1;
	pthread_t thread;
	uint64_t value = 0;

	CHECK(read(counter, &value, 8) == 8 && value == 3);
	CHECK_ERROR(read(counter, &value, 8), EAGAIN);
	CHECK(write(counter, &five, 8) == 8 && write(counter, &five, 8) == 8);
	CHECK(read(counter, &value, 8) == 8 && value == 10);
	CHECK(write(counter, &all, 8) == 8);
	CHECK_ERROR(write(counter, &five, 8), EAGAIN);
	CHECK_ERROR(read(counter, &value, 4), EINVAL);
	CHECK(read(semaphore, &value, 8) == 8 && value == 1);
	CHECK(read(semaphore, &value, 8) == 8 && value == 1);
	CHECK_ERROR(read(semaphore, &value, 8), EAGAIN);
	thread = later(waiting);
	CHECK(read(waiting, &value, 8) == 8 && !memcmp(&value, "12345678", 8));
	pthread_join(thread, NULL);
	close(counter);
	close(semaphore);
	close(waiting);
}

static void timerfds(void)
{
	const struct itimerspec every = { { 0, 4000000 }, { 0, 4000000 } };
	const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	const int epoll = epoll_create1(0);
	struct itimerspec left = { 0 };
	struct epoll_event event;
	struct timespec time;
	uint64_t value = 0;
	uint64_t total = 0;

	CHECK_ERROR(read(timer, &value, 8), EAGAIN);
	CHECK(!timerfd_settime(timer, 0, &every, NULL) && !watch(epoll, EPOLL_CTL_ADD, timer, EPOLLIN));
	while (total < 4) {
		CHECK(epoll_wait(epoll, &event, 1, 5000) == 1);
		CHECK(read(timer, &value, 8) == 8 && value >= 1);
		total += value;
	}
	CHECK(!timerfd_gettime(timer, &left) && left.it_interval.tv_nsec == 4000000);
	usleep(20000);
	CHECK(read(timer, &value, 8) == 8 && value >= 4);
	CHECK(!timerfd_settime(timer, 0, &(struct itimerspec){ 0 }, &left));
	CHECK_ERROR(read(timer, &value, 8), EAGAIN);
	/* An absolute time in the past has come. */
	clock_gettime(CLOCK_MONOTONIC, &time);
	CHECK(!timerfd_settime(timer, TFD_TIMER_ABSTIME, &(struct itimerspec){ .it_value = time }, NULL));
	CHECK(poll(&(struct pollfd){ .fd = timer, .events = POLLIN }, 1, 5000) == 1);
	CHECK(read(timer, &value, 8) == 8 && value == 1);
	close(timer);
	close(epoll);
}

static void signalfds(void)
{
	struct signalfd_siginfo information;
	struct pollfd readable = { .events = POLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	readable.fd = signalfd(-1, &set, SFD_NONBLOCK);
	CHECK(readable.fd >= 0 && poll(&readable, 1, 0) == 0);
	raise(SIGUSR1);
	CHECK(poll(&readable, 1, 1000) == 1);
	CHECK(read(readable.fd, &information, sizeof information) == sizeof information);
	CHECK(information.ssi_signo == SIGUSR1 && information.ssi_pid == (uint32_t)getpid());
	CHECK_ERROR(read(readable.fd, &information, sizeof information), EAGAIN);
	close(readable.fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- sockets ---- */

static void pair_of_sockets(void)
{
	char text[32] = "";
	struct iovec vector[2] = { { "one ", 4 }, { "two", 3 } };
	struct msghdr message = { .msg_iov = vector, .msg_iovlen = 2 };
	struct sockaddr_un name;
	socklen_t length = sizeof name;
	struct pollfd poll_one;
	struct stat status;
	pthread_t thread;
	int both[2];
	int value = 0;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both));
	poll_one = (struct pollfd){ .fd = both[0], .events = POLLIN | POLLOUT | POLLRDHUP };
	CHECK(fcntl(both[0], F_GETFD) == FD_CLOEXEC && (fcntl(both[0], F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(!fstat(both[0], &status) && S_ISSOCK(status.st_mode));
	CHECK(poll(&poll_one, 1, 0) == 1 && poll_one.revents == POLLOUT);
	CHECK(write(both[0], "there", 5) == 5 && send(both[1], "and back", 8, MSG_NOSIGNAL) == 8);
	CHECK(poll(&poll_one, 1, 0) == 1 && poll_one.revents == (POLLIN | POLLOUT));
	CHECK(!ioctl(both[0], FIONREAD, &value) && value == 8);
	CHECK(recv(both[1], text, 32, 0) == 5 && read(both[0], text, 3) == 3 &&
	      recv(both[0], text, 32, 0) == 5);
	CHECK_ERROR(recv(both[0], text, 32, MSG_DONTWAIT), EAGAIN);
	CHECK(sendmsg(both[0], &message, 0) == 7);
	vector[0] = (struct iovec){ text, 2 };
	vector[1] = (struct iovec){ text + 2, 30 };
	CHECK(recvmsg(both[1], &message, 0) == 7 && !memcmp(text, "one two", 7) && message.msg_flags == 0);
	thread = later(both[1]);
	CHECK(recv(both[0], text, 8, MSG_WAITALL) == 8);
	pthread_join(thread, NULL);
	length = sizeof value;
	CHECK(!getsockopt(both[0], SOL_SOCKET, SO_TYPE, &value, &length) && value == SOCK_STREAM &&
	      length == 4);
	CHECK(!getsockopt(both[0], SOL_SOCKET, SO_ERROR, &value, &length) && value == 0);
	length = sizeof name;
	CHECK(!getsockname(both[0], (struct sockaddr *)&name, &length) && length == 2 &&
	      name.sun_family == AF_UNIX);
	CHECK_ERROR(listen(both[0], 1), EINVAL);
	close(both[1]);
	CHECK(poll(&poll_one, 1, 0) == 1 && poll_one.revents == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
	CHECK(read(both[0], text, 1) == 0);
	CHECK_ERROR(send(both[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(both[0]);
	CHECK_ERROR(recv(both[0], text, 1, 0), EBADF);
}

static void sockets_shut_down(void)
{
	char text[8] = "";
	char block[4096] = "";
	struct epoll_event event;
	const int epoll = epoll_create1(0);
	int both[2];
	long total = 0;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both));
	CHECK(!watch(epoll, EPOLL_CTL_ADD, both[0], EPOLLIN | EPOLLRDHUP));
	CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
	while (write(both[0], block, sizeof block) > 0)
		total += (long)sizeof block;
	CHECK(errno == EAGAIN && total >= 65536);
	CHECK(write(both[1], "last", 4) == 4 && !shutdown(both[1], SHUT_WR));
	CHECK(epoll_wait(epoll, &event, 1, 1000) == 1 && event.events == (EPOLLIN | EPOLLRDHUP));
	CHECK(read(both[0], text, 8) == 4 && read(both[0], text, 8) == 0);
	CHECK_ERROR(send(both[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	while (total > 0)
		total -= read(both[1], block, sizeof block);
	CHECK(total == 0);
	CHECK_ERROR(read(both[1], text, 1), EAGAIN);
	CHECK_ERROR(shutdown(both[0], 7), EINVAL);
	close(both[0]);
	close(both[1]);
	open_pipe(0);
	CHECK_ERROR(recv(ends[0], text, 1, 0), ENOTSOCK);
	close_pipe();
	CHECK_ERROR(socketpair(AF_UNIX, 99, 0, both), EINVAL);
	close(epoll);
}

/* ---- clocks and sleep ---- */

static void clocks(void)
{
	const clockid_t ids[] = { CLOCK_REALTIME,        CLOCK_MONOTONIC,        CLOCK_MONOTONIC_RAW,
				  CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
	struct timespec before;
	struct timespec after;
	struct timespec until;

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		CHECK(!clock_getres(ids[i], &before) && before.tv_sec == 0 && before.tv_nsec > 0);
		CHECK(!clock_gettime(ids[i], &before) && !clock_gettime(ids[i], &after));
		CHECK(after.tv_sec > before.tv_sec ||
		      (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
	}
	CHECK_ERROR(clock_gettime(99, &before), EINVAL);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 5000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	CHECK(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec > until.tv_sec ||
	      (after.tv_sec == until.tv_sec && after.tv_nsec >= until.tv_nsec));
	CHECK_ERROR(nanosleep(&(struct timespec){ .tv_nsec = 1000000000 }, NULL), EINVAL);
	/* Processor time goes up by work, and not by sleep. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	while (after.tv_sec == before.tv_sec && after.tv_nsec - before.tv_nsec < 1000000);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	usleep(30000);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	CHECK(after.tv_sec == before.tv_sec && after.tv_nsec - before.tv_nsec < 25000000);
	CHECK(clock() > 0 && time(NULL) > 1600000000);
}

static const struct part parts[] = {
	{ "pipes", pipes },
	{ "pipes-without-waiting", pipes_without_waiting },
	{ "vectors", vectors },
	{ "fifo", fifo },
	{ "polling", polling },
	{ "selecting", selecting },
	{ "epolling", epolling },
	{ "nested-epoll", nested_epoll },
	{ "eventfds", eventfds },
	{ "timerfds", timerfds },
	{ "signalfds", signalfds },
	{ "pair-of-sockets", pair_of_sockets },
	{ "sockets-shut-down", sockets_shut_down },
	{ "clocks", clocks },
};

PARTS_MAIN(parts)
