/* SPDX-License-Identifier: ISC */
/* peer.c - a process that answers. */
#include "peer.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OURS, THEIRS };

static void wait_while(uint32_t *turn, uint32_t whose)
{
	while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) == whose)
		syscall(SYS_futex, turn, FUTEX_WAIT, whose, NULL, NULL, 0);
}

static void hand_over(uint32_t *turn, uint32_t whose)
{
	__atomic_store_n(turn, whose, __ATOMIC_RELEASE);
	syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void use_processor(int number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)number, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static _Noreturn void wake_back(uint32_t *turn)
{
	for (;;) {
		wait_while(turn, OURS);
		hand_over(turn, OURS);
	}
}

static void look_while(uint32_t *turn, uint32_t whose)
{
	while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) == whose)
		__builtin_ia32_pause();
}

static _Noreturn void look_back(uint32_t *turn)
{
	for (;;) {
		look_while(turn, OURS);
		__atomic_store_n(turn, OURS, __ATOMIC_RELEASE);
	}
}

int bench_peer_start(struct bench_peer *peer, int ours, int theirs, bool looks)
{
	int error;

	*peer = (struct bench_peer){ .processor = ours };
	peer->turn =
		mmap(NULL, sizeof *peer->turn, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (peer->turn == MAP_FAILED)
		return -errno;
	peer->pid = fork();
	error = -errno;
	if (peer->pid < 0)
		munmap(peer->turn, sizeof *peer->turn);
	if (peer->pid < 0)
		return error;
	/* Not before it has stopped: what lets it go on would be lost. */
	if (peer->pid) {
		while (waitpid(peer->pid, NULL, WUNTRACED) < 0 && errno == EINTR)
			;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	use_processor(theirs);
	raise(SIGSTOP); /* who looks keeps others from the processor, so it does so only while it is needed */
	if (looks)
		look_back(peer->turn);
	wake_back(peer->turn);
}

void bench_peer_join(struct bench_peer *peer)
{
	if (!peer->pid)
		return;
	sched_getaffinity(0, sizeof peer->before, &peer->before);
	use_processor(peer->processor);
	kill(peer->pid, SIGCONT);
}

void bench_peer_leave(struct bench_peer *peer)
{
	if (!peer->pid)
		return;
	kill(peer->pid, SIGSTOP);
	sched_setaffinity(0, sizeof peer->before, &peer->before);
}

void bench_peer_wake(struct bench_peer *peer, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		hand_over(peer->turn, THEIRS);
		wait_while(peer->turn, THEIRS);
	}
}

void bench_peer_look(struct bench_peer *peer, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		__atomic_store_n(peer->turn, THEIRS, __ATOMIC_RELEASE);
		look_while(peer->turn, THEIRS);
	}
}

void bench_peer_end(struct bench_peer *peer)
{
	if (peer->pid <= 0)
		return;
	kill(peer->pid, SIGKILL);
	while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(peer->turn, sizeof *peer->turn);
	peer->pid = 0;
}
