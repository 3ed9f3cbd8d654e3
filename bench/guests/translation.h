/* SPDX-License-Identifier: ISC */
/*
 * translation.h - what `postern bench translation` and its guest share: the chase itself, which both run, and what they
 * say to each other over the console.
 */
#ifndef POSTERN_BENCH_TRANSLATION_H
#define POSTERN_BENCH_TRANSLATION_H

#include <stdint.h>

/* A question: how many bytes to chase through, a power of two, and how many steps at a time. */
struct translation_question {
	uint64_t size;
	uint64_t steps;
	uint32_t samples; /* odd, up to SAMPLE_MOST of sample.h */
	uint32_t reserved;
};

struct translation_answer {
	uint64_t
		ticks; /* of the time-stamp counter: a sample, median of them; 0: so much memory there is not */
};

enum { TRANSLATION_LINE = 64, TRANSLATION_MOST_NODES = 1 << 20 };

/* A node is alone on its cache line, and all that is known of the next is where it is. */
struct translation_node {
	struct translation_node *next;
};

static inline uint64_t translation_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint64_t translation_count(uint64_t size)
{
	const uint64_t lines = size / TRANSLATION_LINE;

	return lines < TRANSLATION_MOST_NODES ? lines : TRANSLATION_MOST_NODES;
}

/*
 * Links nodes all over `size` bytes of memory into one circle in random order, the same each time. Where there are more
 * lines than nodes, each node is on a random one of its share of them, so that all pages are used. order is for
 * translation_count(size) numbers. Returns a node.
 */
static inline struct translation_node *translation_link(void *memory, uint64_t size, uint32_t *order)
{
	const uint64_t count = translation_count(size);
	const uint64_t share = size / TRANSLATION_LINE / count;
	uint64_t state = 88172645463325252ULL;
	char *at = (char *)memory;

	for (uint64_t i = 0; i < count; i++)
		order[i] = (uint32_t)(i * share + translation_random(&state) % share);
	/* After Sattolo: a permutation that is one cycle is what a shuffled list makes, closed. */
	for (uint64_t i = count - 1; i > 0; i--) {
		const uint64_t j = translation_random(&state) % i;
		const uint32_t line = order[i];

		order[i] = order[j];
		order[j] = line;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct translation_node *node = (void *)(at + (uint64_t)order[i] * TRANSLATION_LINE);

		node->next = (void *)(at + (uint64_t)order[(i + 1) % count] * TRANSLATION_LINE);
	}
	return (void *)(at + (uint64_t)order[0] * TRANSLATION_LINE);
}

/* Each step needs the one before. */
static inline struct translation_node *translation_chase(struct translation_node *node, uint64_t steps)
{
	for (; steps >= 8; steps -= 8)
		node = node->next->next->next->next->next->next->next->next;
	return node;
}

#endif
