/* SPDX-License-Identifier: ISC */
/*
 * reach.c - runs the filter of filter.c as the kernel does, for the instructions that it has. A test of what is not
 * known goes both ways.
 */
#include "engine/ring3/reach.h"

#include "engine/ring3/filter.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct run {
	const struct sock_filter *filter;
	size_t length;
	const struct seccomp_data *call;
	bool any_arguments;
};

/* The accumulator of BPF. */
struct word {
	uint32_t value;
	bool is_known;
};

static struct word load(const struct run *run, uint32_t offset)
{
	struct word word = { .is_known = !run->any_arguments ||
					 offset < offsetof(struct seccomp_data, args) };

	memcpy(&word.value, (const char *)run->call + offset, sizeof word.value);
	return word;
}

static unsigned answer_of(uint32_t action)
{
	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return RING3_ALLOWS;
	case SECCOMP_RET_TRAP:
		return RING3_TRAPS;
	case SECCOMP_RET_KILL_PROCESS:
		return RING3_KILLS;
	default:
		return RING3_DIFFERS;
	}
}

/* From an instruction on. It ends: jumps lead forward only. */
static unsigned run_from(const struct run *run, size_t at, struct word word)
{
	while (at < run->length) {
		const struct sock_filter *what = &run->filter[at++];
		bool holds = false;

		switch (what->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (what->k > sizeof *run->call - sizeof word.value)
				return RING3_DIFFERS;
			word = load(run, what->k);
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			holds = word.value == what->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			holds = word.value >= what->k;
			break;
		case BPF_RET | BPF_K:
			return answer_of(what->k);
		default:
			return RING3_DIFFERS;
		}
		if (!word.is_known)
			return run_from(run, at + what->jt, word) | run_from(run, at + what->jf, word);
		at += holds ? what->jt : what->jf;
	}
	return RING3_DIFFERS;
}

unsigned ring3_filter_answers(const struct seccomp_data *call, bool any_arguments)
{
	struct run run = { .call = call, .any_arguments = any_arguments };

	run.filter = ring3_filter(&run.length);
	return run_from(&run, 0, (struct word){ 0 });
}
