/* SPDX-License-Identifier: ISC */
/* input.h - a fuzzer's input, read as a row of choices. When it is used up, every choice is the first one. */
#ifndef POSTERN_FUZZ_INPUT_H
#define POSTERN_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *next;
	const uint8_t *end;
};

static inline bool input_is_used_up(const struct input *input)
{
	return input->next == input->end;
}

static inline uint8_t input_byte(struct input *input)
{
	return input_is_used_up(input) ? 0 : *input->next++;
}

static inline uint64_t input_word(struct input *input)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word = word << 8 | input_byte(input);
	return word;
}

/* Whether something happens that does so in `often` of 256 cases. */
static inline bool input_chance(struct input *input, unsigned often)
{
	return input_byte(input) > 255 - often;
}

/* A number from 0 to most: mostly small, often one of the largest, or any. */
static inline uint64_t input_number(struct input *input, uint64_t most)
{
	uint8_t how = input_byte(input);
	uint64_t number = how % 16;

	if (how >= 224)
		number = input_word(input);
	else if (how >= 176)
		return number > most ? 0 : most - number;
	return number <= most ? number : number % (most + 1);
}

#endif
