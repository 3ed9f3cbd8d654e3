/* SPDX-License-Identifier: ISC */
/*
 * witness.h - what would show that a VM has had an effect outside of itself: an innocent VM, whose every word is known
 * beforehand; a process; and a folder with a file, in which the attackers' monitors work.
 */
#ifndef TEST_HOSTILE_WITNESS_H
#define TEST_HOSTILE_WITNESS_H

#include "vm.h"

struct witness {
	struct vm vm;
	pid_t process;
	unsigned long *memory; /* of that process */
	char folder[64];
	char host[65]; /* its name */
};

void witness_start(struct witness *witness);

/* Fails unless all is as it was, nobody is left that was not there before, and the VM has gone on since the last call. */
void witness_check(struct witness *witness);

void witness_end(struct witness *witness);

#endif
