/* SPDX-License-Identifier: ISC */
/*
 * test_hostile_host.c - a host that writes anything into its part of a ring, and answers anything: the
 * guest's library may lose its way, but not its memory. The ring's parts are allocated one by one here, so
 * that AddressSanitizer sees each step beyond one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <postern/guest.h>
#include <postern/guest_ring.h>

enum { SUBMIT_SIZE = 4, COMPLETE_SIZE = 8, ROUNDS = 200000 };

static uint64_t seed = 1;
static struct guest_ring ring;
static struct postern_ring_host *line;
static struct postern_ring_completion *completions;
static bool is_honest;
static unsigned patience; /* calls until the host gives an error, so that no wait is for ever */

static uint64_t random_word(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* Mostly near what an honest host would write. */
static uint32_t random_index(uint32_t near)
{
	uint64_t bits = random_word();

	switch (bits % 4) {
	case 0:
		return (uint32_t)(bits >> 16);
	case 1:
		return near - (uint32_t)(bits >> 16) % 4;
	default:
		return near + (uint32_t)(bits >> 16) % 4;
	}
}

static void be_hostile(void)
{
	line->submit_head = random_index(ring.submitted);
	line->complete_tail = random_index(ring.consumed);
	line->flags = (uint32_t)random_word() & (random_word() % 8 ? 1 : UINT32_MAX);
	completions[random_word() % COMPLETE_SIZE] =
		(struct postern_ring_completion){ random_word(), (int64_t)random_word() };
}

/* One that keeps to the rules: takes what there is room for, and completes it. */
static int64_t be_honest(uint64_t most)
{
	uint32_t taken = 0;

	while (taken < most && line->submit_head != ring.guest->submit_tail &&
	       line->complete_tail - ring.guest->complete_head < COMPLETE_SIZE) {
		const struct postern_ring_entry *entry = &ring.entries[line->submit_head++ % SUBMIT_SIZE];

		completions[line->complete_tail++ % COMPLETE_SIZE] =
			(struct postern_ring_completion){ .token = entry->token, .result = 0 };
		taken++;
	}
	return taken;
}

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	(void)number, (void)a0, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	if (is_honest)
		return be_honest(a0);
	be_hostile();
	if (!patience--) {
		patience = 3;
		return -1;
	}
	return (int64_t)random_word() >> random_word() % 64;
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer;
}

bool guest_events_disable(void)
{
	return false;
}

void guest_events_restore(bool enabled)
{
	(void)enabled;
}

int64_t guest_idle(uint64_t deadline)
{
	return postern_hypercall(0, deadline, 0, 0, 0, 0, 0);
}

void *guest_pages_alloc(size_t count)
{
	(void)count;
	return NULL;
}

void guest_pages_free(void *pages, size_t count)
{
	(void)pages, (void)count;
}

static void open_ring(bool polled)
{
	ring = (struct guest_ring){
		.guest = calloc(1, sizeof *ring.guest),
		.entries = calloc(SUBMIT_SIZE, sizeof *ring.entries),
		.submit_size = SUBMIT_SIZE,
		.complete_size = COMPLETE_SIZE,
		.polled = polled,
		.spin = polled ? 16 : 0,
		.open = true,
	};
	ring.host = line = calloc(1, sizeof *line);
	ring.completions = completions = calloc(COMPLETE_SIZE, sizeof *completions);
}

static void close_ring(void)
{
	free(ring.guest);
	free(line);
	free(ring.entries);
	free(completions);
}

static void use(void)
{
	struct postern_ring_completion seen[COMPLETE_SIZE];
	struct postern_ring_entry *entry;

	be_hostile();
	switch (random_word() % 8) {
	case 0:
	case 1:
		entry = guest_ring_get_entry(&ring);
		if (entry) {
			assert_true(entry >= ring.entries && entry < ring.entries + SUBMIT_SIZE);
			postern_prepare_abi_nop(entry, random_word());
			entry->flags = random_word() & 1;
		}
		break;
	case 2:
		(void)guest_ring_submit(&ring);
		break;
	case 3:
		(void)guest_ring_submit_and_wait(&ring, (uint32_t)random_word() % 16);
		break;
	case 4:
		(void)guest_ring_wait(&ring, seen);
		break;
	case 5:
		assert_true(guest_ring_take(&ring, seen, COMPLETE_SIZE) <= COMPLETE_SIZE);
		break;
	case 6:
		guest_ring_seen(&ring);
		break;
	default:
		(void)guest_ring_idle(&ring, 0);
		break;
	}
	assert_true(ring.prepared - ring.taken <= SUBMIT_SIZE);
	assert_true(guest_ring_ready(&ring) <= COMPLETE_SIZE);
}

static void garbage_leads_nowhere(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 50 == 0) {
			if (i)
				close_ring();
			open_ring(i % 100 == 0);
		}
		use();
	}
	close_ring();
}

/* Each way of lying is found, and nothing goes on after that. */
static void a_lie_is_the_end(void **state)
{
	struct postern_ring_completion completion;

	(void)state;
	open_ring(false);
	line->complete_tail = COMPLETE_SIZE + 1;
	assert_int_equal(guest_ring_ready(&ring), 0);
	assert_int_equal(ring.error, -EPROTO);
	line->complete_tail = 1;
	assert_false(guest_ring_peek(&ring, &completion));
	assert_null(guest_ring_get_entry(&ring));
	assert_int_equal(guest_ring_submit(&ring), -EPROTO);
	assert_int_equal(guest_ring_submit_and_wait(&ring, 1), -EPROTO);
	assert_int_equal(guest_ring_wait(&ring, &completion), -EPROTO);
	assert_int_equal(guest_ring_idle(&ring, 0), -EPROTO);
	close_ring();

	open_ring(true);
	for (unsigned i = 0; i < SUBMIT_SIZE; i++)
		assert_non_null(guest_ring_get_entry(&ring));
	line->submit_head = 1;
	assert_null(guest_ring_get_entry(&ring));
	assert_int_equal(ring.error, -EPROTO);
	close_ring();

	open_ring(true);
	line->flags = POSTERN_RING_HOST_FLAGS_BROKEN;
	assert_int_equal(guest_ring_submit(&ring), -EPROTO);
	close_ring();
}

/* Indices count on through 2^32: the same goes on behind it as before. */
static void indices_wrap(void **state)
{
	const uint32_t start = UINT32_MAX - 50;

	(void)state;
	open_ring(false);
	is_honest = true;
	line->flags = POSTERN_RING_HOST_FLAGS_NEED_WAKEUP;
	line->submit_head = line->complete_tail = start;
	ring.guest->submit_tail = ring.guest->complete_head = start;
	ring.prepared = ring.submitted = ring.taken = ring.consumed = start;
	for (uint64_t token = 0; token < 200;) {
		struct postern_ring_completion seen[COMPLETE_SIZE];
		struct postern_ring_entry *entry;
		uint32_t count = 0;

		while (count < 1 + token % SUBMIT_SIZE && (entry = guest_ring_get_entry(&ring)) != NULL)
			postern_prepare_abi_nop(entry, token + count++);
		assert_int_equal(guest_ring_submit_and_wait(&ring, count), count);
		assert_int_equal(guest_ring_take(&ring, seen, COMPLETE_SIZE), count);
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(seen[i].token, token++);
	}
	assert_int_equal(ring.error, 0);
	is_honest = false;
	close_ring();
}

/* console.write may answer what it likes. */
static void output_ends(void **state)
{
	static const char text[100];

	(void)state;
	open_ring(false);
	for (unsigned i = 0; i < 1000; i++)
		(void)guest_write(1, text, sizeof text);
	close_ring();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_leads_nowhere),
		cmocka_unit_test(a_lie_is_the_end),
		cmocka_unit_test(indices_wrap),
		cmocka_unit_test(output_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
