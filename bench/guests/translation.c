/* SPDX-License-Identifier: ISC */
/* translation.c - the guest of `postern bench translation`: chases pointers through as much memory as it is asked to. */
#include "translation.h"

#include "sample.h"

#include <postern/guest.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE, CONSOLE_READ));

enum { PAGE = 4096 };

static void must(int64_t result, const char *what)
{
	if (result < 0)
		guest_panic("%s: %s", what, guest_error_name(result));
}

static uint64_t measure(struct translation_node *node, const struct translation_question *question)
{
	uint64_t samples[SAMPLE_MOST];

	node = translation_chase(node, question->steps);
	for (uint32_t i = 0; i < question->samples; i++) {
		const uint64_t start = sample_ticks();

		node = translation_chase(node, question->steps);
		__asm__ volatile("" : : "r"(node));
		samples[i] = sample_ticks() - start;
	}
	return sample_median(samples, question->samples);
}

static void answer(const struct translation_question *question)
{
	const size_t order_pages = (translation_count(question->size) * sizeof(uint32_t) + PAGE - 1) / PAGE;
	struct translation_answer result = { 0 };
	uint32_t *order = guest_pages_alloc(order_pages);
	void *memory = guest_pages_alloc(question->size / PAGE);

	if (order && memory)
		result.ticks = measure(translation_link(memory, question->size, order), question);
	if (memory)
		guest_pages_free(memory, question->size / PAGE);
	if (order)
		guest_pages_free(order, order_pages);
	must(guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, &result, sizeof result), "answering");
}

int main(void)
{
	struct translation_question question;
	int64_t result;

	while ((result = postern_console_read(&question, sizeof question)) == sizeof question)
		answer(&question);
	must(result, "console.read");
	return 0;
}
