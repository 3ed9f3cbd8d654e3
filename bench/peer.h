/* SPDX-License-Identifier: ISC */
/*
 * peer.h - two processes of the host that answer each other: what a hypercall costs at least on this machine, since
 * guest and monitor are two processes, too. On one processor they have to wake each other; on two they can look.
 */
#ifndef POSTERN_BENCH_PEER_H
#define POSTERN_BENCH_PEER_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_peer {
	pid_t pid;
	int processor;    /* of the caller, while it takes part */
	cpu_set_t before; /* where the caller may run otherwise */
	uint32_t *turn;   /* shared by both: whose turn it is; a futex */
};

/* Starts the other process on a processor. Returns 0 or a negative errno. */
int bench_peer_start(struct bench_peer *peer, int ours, int theirs, bool looks);

/* Takes the calling thread to its processor, and back to where it may run otherwise. Without a peer, nothing. */
void bench_peer_join(struct bench_peer *peer);
void bench_peer_leave(struct bench_peer *peer);

/* Wakes it, and sleeps until its answer, count times. */
void bench_peer_wake(struct bench_peer *peer, uint32_t count);
/* The same with one that looks, looking. */
void bench_peer_look(struct bench_peer *peer, uint32_t count);

/* Does nothing to one that is all zero. */
void bench_peer_end(struct bench_peer *peer);

#endif
