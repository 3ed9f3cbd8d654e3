/* SPDX-License-Identifier: ISC */
/*
 * economics.c - the guest of `postern bench economics`: writes a stream of bytes to the console and reads words of a
 * file, in the way that it is asked to, and answers how long that took.
 */
#include "economics.h"
#include "sample.h"

#include <postern/guest.h>
#include <postern/guest_ring.h>

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE, CONSOLE_READ),
		   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
		   POSTERN_NEED(FILE, FILE_ROOT, FILE_READ));

enum { SERIAL_PORT = 0x3f8, ORDER = 8, SLOTS = 1 << ORDER };

static struct guest_ring ring;
static postern_handle_t file;
static uint64_t sum;
static uint32_t base; /* operations of the samples before */

/* What entries refer to, until they complete: one slot each. */
static struct slot {
	uint8_t byte;
	uint32_t word;
	struct postern_segment segment;
} slots[SLOTS];

static void must(int64_t result, const char *what)
{
	if (result < 0)
		guest_panic("%s: %s", what, guest_error_name(result));
}

static uint64_t offset_of(uint32_t operation)
{
	return (uint64_t)operation * ECONOMICS_WORD % ECONOMICS_SPAN;
}

/* ---- one operation ---- */

static void port_console(uint32_t operation)
{
	__asm__ volatile("outb %b0, %w1" : : "a"(operation), "d"((uint16_t)SERIAL_PORT));
}

static void port_file(uint32_t operation)
{
	uint32_t word;

	(void)operation; /* the port goes on by itself */
	__asm__ volatile("inl %w1, %0" : "=a"(word) : "d"((uint16_t)ECONOMICS_DATA_PORT));
	sum += word;
}

static void call_console(uint32_t operation)
{
	slots[0].byte = (uint8_t)operation;
	must(postern_console_write(POSTERN_CONSOLE_STREAM_ERROR, &slots[0].byte, 1), "console.write");
}

static void call_file(uint32_t operation)
{
	must(postern_file_read(file, offset_of(operation), &slots[0].segment, 1), "file.read");
	sum += slots[0].word;
}

static void prepare_console(struct postern_ring_entry *entry, uint32_t operation)
{
	struct slot *slot = &slots[operation % SLOTS];

	slot->byte = (uint8_t)operation;
	postern_prepare_console_write(entry, operation, POSTERN_CONSOLE_STREAM_ERROR, &slot->byte, 1);
}

static void prepare_file(struct postern_ring_entry *entry, uint32_t operation)
{
	postern_prepare_file_read(entry, operation, file, offset_of(operation),
				  &slots[operation % SLOTS].segment, 1);
}

static const struct {
	void (*port)(uint32_t operation);
	void (*call)(uint32_t operation);
	void (*prepare)(struct postern_ring_entry *entry, uint32_t operation);
} works[ECONOMICS_WORKS] = {
	[ECONOMICS_CONSOLE] = { port_console, call_console, prepare_console },
	[ECONOMICS_FILE] = { port_file, call_file, prepare_file },
};

/* ---- many ---- */

static void do_port(const struct economics_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++)
		works[question->work].port(base + i);
}

static void do_call(const struct economics_question *question)
{
	for (uint32_t i = 0; i < question->repeats; i++)
		works[question->work].call(base + i);
}

/* Looks at the completions that are there. Returns how many. */
static uint32_t take(const struct economics_question *question)
{
	struct postern_ring_completion completion;
	uint32_t count = 0;

	while (guest_ring_peek(&ring, &completion)) {
		must(completion.result, "a call over a ring");
		if (question->work == ECONOMICS_FILE)
			sum += slots[completion.token % SLOTS].word;
		guest_ring_seen(&ring);
		count++;
	}
	must(ring.error, "the ring");
	return count;
}

static void do_batch(const struct economics_question *question)
{
	for (uint32_t done = 0; done < question->repeats; done += question->batch) {
		uint32_t completed = 0;

		for (uint32_t i = 0; i < question->batch; i++)
			works[question->work].prepare(guest_ring_get_entry(&ring), base + done + i);
		while (completed < question->batch) {
			must(guest_ring_submit_and_wait(&ring, question->batch - completed), "a batch");
			completed += take(question);
		}
	}
}

static void do_ring(const struct economics_question *question)
{
	uint32_t submitted = 0;
	uint32_t completed = 0;

	while (completed < question->repeats) {
		struct postern_ring_entry *entry;
		uint32_t before = submitted;

		while (submitted < question->repeats && submitted - completed < question->batch &&
		       (entry = guest_ring_get_entry(&ring)) != NULL)
			works[question->work].prepare(entry, base + submitted++);
		if (submitted != before)
			must(guest_ring_submit(&ring), "submitting");
		completed += take(question);
	}
}

static const struct way {
	void (*run)(const struct economics_question *question);
	bool needs_ring;
	uint32_t flags; /* of ring_setup */
} ways[ECONOMICS_WAYS] = {
	[ECONOMICS_PORT] = { do_port },
	[ECONOMICS_CALL] = { do_call },
	[ECONOMICS_BATCH] = { do_batch, true },
	[ECONOMICS_RING] = { do_ring, true, POSTERN_RING_SETUP_FLAGS_POLLED },
};

/* ---- answering ---- */

static uint64_t measure(const struct way *way, const struct economics_question *question)
{
	uint64_t samples[SAMPLE_MOST];

	for (uint32_t i = 0; i < question->samples; i++) {
		uint64_t start = sample_ticks();

		way->run(question);
		samples[i] = sample_ticks() - start;
		base += question->repeats;
	}
	return sample_median(samples, question->samples);
}

static void answer(const struct economics_question *question)
{
	const struct way *way = &ways[question->way];
	struct economics_answer result;

	sum = 0;
	base = 0;
	__asm__ volatile("outb %b0, %w1" : : "a"(0), "d"((uint16_t)ECONOMICS_DATA_PORT)); /* from the start */
	if (way->needs_ring)
		must(guest_ring_init(&ring, ORDER, ORDER, way->flags, POSTERN_NO_HANDLE), "ring.setup");
	result.ticks = measure(way, question);
	result.sum = sum;
	if (way->needs_ring) {
		must(guest_ring_close(&ring), "ring.close");
		guest_ring_free(&ring);
	}
	must(guest_write(POSTERN_CONSOLE_STREAM_OUTPUT, &result, sizeof result), "answering");
}

int main(void)
{
	struct postern_file_mount mount = POSTERN_INIT(file_mount);
	struct economics_question question;
	int64_t result = postern_file_root(0, &mount);

	must(result, "file.root");
	file = (postern_handle_t)result;
	for (unsigned i = 0; i < SLOTS; i++)
		slots[i].segment = (struct postern_segment){
			.address = postern_address(&slots[i].word),
			.length = ECONOMICS_WORD,
		};
	while ((result = postern_console_read(&question, sizeof question)) == sizeof question)
		answer(&question);
	must(result, "console.read");
	return 0;
}
