/* SPDX-License-Identifier: ISC */
/* test_event.c - how events reach a vCPU: by its pending word, by an interrupt, by the end of a wait. */
#include "fixture.h"

#include "gate/handle.h"

static struct world world;
static struct gate_frame *_Atomic pended;

static int64_t serve_sync(struct gate_frame *frame, struct abi_file_sync *call)
{
	(void)call;
	atomic_store(&pended, frame);
	return GATE_PENDING;
}

static int setup(void **state)
{
	(void)state;
	world_prepare(&world);
	world.handlers.file_sync = serve_sync;
	world_create(&world);
	atomic_store(&pended, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_destroy(&world);
	return 0;
}

static int64_t send(postern_handle_t event)
{
	return CALL(&world, 0, POSTERN_CALL_EVENT_SEND, event);
}

/* ---- the pending word ---- */

static void a_sent_event_is_pending(void **state)
{
	postern_handle_t event = world_bind(&world, 1, 63);
	postern_handle_t other = world_bind(&world, 1, 0);

	(void)state;
	assert_int_equal(send(event), 0);
	assert_int_equal(world_pending(&world, 1), UINT64_C(1) << 63);
	assert_int_equal(send(other), 0);
	assert_int_equal(world_pending(&world, 1), UINT64_C(1) << 63 | 1);
	assert_int_equal(world_pending(&world, 0), 0);
}

static void only_a_deliverable_event_interrupts(void **state)
{
	struct postern_vcpu_page *page = world.pages[0];
	postern_handle_t event = world_bind(&world, 0, 3);

	(void)state;
	page->enabled = 1;
	send(event); /* no entry */
	assert_int_equal(world.raised[0], 0);
	world_enable(&world, 0);
	page->masked = 8;
	world_clear(&world, 0, 8);
	send(event);
	assert_int_equal(world.raised[0], 0);
	page->masked = ~UINT64_C(8);
	page->enabled = 0;
	world_clear(&world, 0, 8);
	send(event);
	assert_int_equal(world.raised[0], 0);
	page->enabled = 1;
	page->delivered = 1;
	world_clear(&world, 0, 8);
	send(event);
	assert_int_equal(world.raised[0], 0);
	page->taken = 1;
	world_clear(&world, 0, 8);
	send(event);
	assert_int_equal(world.raised[0], 1);
	send(event); /* pending already */
	assert_int_equal(world.raised[0], 1);
	assert_int_equal(world.raised[1], 0);
}

static void binding_looks_at_its_arguments(void **state)
{
	struct postern_event_bind *how = world_struct(&world, 0);

	(void)state;
	*how = POSTERN_INIT(event_bind);
	how->vcpu = VCPUS;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_BIND, world_struct_at(0)), -EBADF);
	how->vcpu = 0;
	how->bit = 64;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_BIND, world_struct_at(0)), -EINVAL);
	for (unsigned i = 0; i < POSTERN_HANDLE_EVENT_MAX; i++)
		world_bind(&world, 0, i % 64);
	how->bit = 0;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_BIND, world_struct_at(0)), -EAGAIN);
}

static void a_closed_event_is_no_event(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);

	(void)state;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_CLOSE, event), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_CLOSE, event), -EBADF);
	assert_int_equal(send(event), -EBADF);
	assert_int_equal(world_pending(&world, 0), 0);
}

static void a_masked_event_is_held_back(void **state)
{
	postern_handle_t event = world_bind(&world, 1, 5);
	postern_handle_t same_bit = world_bind(&world, 1, 5);

	(void)state;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_MASK, event, 1), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_MASK, event, 1), 1);
	send(event);
	send(event);
	assert_int_equal(world_pending(&world, 1), 0);
	send(same_bit);
	assert_int_equal(world_pending(&world, 1), 1 << 5);
	world_clear(&world, 1, 1 << 5);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_MASK, event, 0), 1);
	assert_int_equal(world_pending(&world, 1), 1 << 5);
	world_clear(&world, 1, 1 << 5);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_EVENT_MASK, event, 0), 0);
	assert_int_equal(world_pending(&world, 1), 0);
}

/* ---- waits ---- */

static void halt_ends_for_an_unmasked_event(void **state)
{
	postern_handle_t masked = world_bind(&world, 1, 0);
	postern_handle_t event = world_bind(&world, 1, 1);
	struct call halt;

	(void)state;
	world.pages[1]->masked = 1;
	world.pages[1]->running = 1;
	call_begin(&halt, &world, 1, POSTERN_CALL_VCPU_HALT, NEVER, 0, 0);
	sleep_for(20 * MILLISECOND);
	send(masked);
	sleep_for(20 * MILLISECOND);
	assert_false(halt.is_done);
	send(event);
	assert_int_equal(call_end(&halt), 1);
	assert_int_equal(world_pending(&world, 1), 3);
	assert_int_equal(world.pages[1]->running, 1);
	/* It is not cleared, so the next one does not wait. */
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_HALT, NEVER), 1);
}

static void halt_ends_at_its_deadline_and_not_before(void **state)
{
	uint64_t deadline = world_now(&world) + 30 * MILLISECOND;

	(void)state;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_HALT, deadline), 0);
	assert_true(world_now(&world) >= deadline);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_HALT, 0), 0);
	send(world_bind(&world, 0, 0));
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_HALT, 0), 1);
}

static void wait_is_for_its_bits_whether_masked_or_not(void **state)
{
	postern_handle_t other = world_bind(&world, 1, 0);
	postern_handle_t event = world_bind(&world, 1, 1);
	struct call wait;

	(void)state;
	world.pages[1]->masked = UINT64_MAX;
	call_begin(&wait, &world, 1, POSTERN_CALL_EVENT_WAIT, 2, NEVER, 0);
	sleep_for(20 * MILLISECOND);
	send(other);
	sleep_for(20 * MILLISECOND);
	assert_false(wait.is_done);
	send(event);
	assert_int_equal(call_end(&wait), 1);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_EVENT_WAIT, 4, world_now(&world) + MILLISECOND), 0);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_EVENT_WAIT, 0, 0), 0);
}

static void wait_ends_for_another_event_that_is_delivered(void **state)
{
	postern_handle_t other = world_bind(&world, 1, 0);
	struct call wait;

	(void)state;
	world_enable(&world, 1);
	world.pages[1]->running = 1;
	call_begin(&wait, &world, 1, POSTERN_CALL_EVENT_WAIT, 2, NEVER, 0);
	world_await_idle(&world, 1);
	send(other);
	assert_int_equal(call_end(&wait), 2);
	/* It was told by the result; there was no guest code to interrupt. */
	assert_int_equal(world.raised[1], 0);
	/* The bits go first. */
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_EVENT_WAIT, 1, NEVER), 1);
}

enum { ROUNDS = 3000 };

static postern_handle_t ping_pong[2];
static _Atomic unsigned lost;

/* Takes its event, sends the other's, and halts: one lost wake-up, and both wait for ever. */
static void *play(void *argument)
{
	const unsigned me = *(const unsigned *)argument;

	for (unsigned i = 0; i < ROUNDS && !lost; i++) {
		if (me == 0)
			CALL(&world, me, POSTERN_CALL_EVENT_SEND, ping_pong[1]);
		if (CALL(&world, me, POSTERN_CALL_VCPU_HALT, world_now(&world) + LONG) != 1)
			atomic_fetch_add(&lost, 1);
		world_clear(&world, me, 1);
		if (me == 1)
			CALL(&world, me, POSTERN_CALL_EVENT_SEND, ping_pong[0]);
	}
	return NULL;
}

static void no_wake_up_is_lost(void **state)
{
	static const unsigned numbers[2] = { 0, 1 };
	pthread_t threads[2];

	(void)state;
	atomic_store(&lost, 0);
	for (unsigned i = 0; i < 2; i++)
		ping_pong[i] = world_bind(&world, i, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play, (void *)&numbers[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lost, 0);
}

static void the_end_of_the_vm_ends_all_waits(void **state)
{
	struct call calls[3];

	(void)state;
	call_begin(&calls[0], &world, 0, POSTERN_CALL_VCPU_HALT, NEVER, 0, 0);
	call_begin(&calls[1], &world, 1, POSTERN_CALL_VCPU_PARK, NEVER, 0, 0);
	call_begin(&calls[2], &world, 2, POSTERN_CALL_EVENT_WAIT, 1, NEVER, 0);
	sleep_for(20 * MILLISECOND);
	for (unsigned i = 0; i < 3; i++)
		assert_false(calls[i].is_done);
	services_stop(&world.services);
	for (unsigned i = 0; i < 3; i++)
		call_end(&calls[i]);
	CALL(&world, 0, POSTERN_CALL_VCPU_HALT, NEVER);
}

/* ---- rings ---- */

static struct postern_ring_guest *line;

static void open_ring(postern_handle_t event)
{
	struct postern_ring_setup *how = world_struct(&world, 0);

	*how = POSTERN_INIT(ring_setup);
	how->base = RING_AT;
	how->submit_order = how->complete_order = 3;
	how->event = event;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_SETUP, world_struct_at(0)), 0);
	line = world_at(&world, RING_AT);
}

static void submit(uint16_t number, uint64_t argument)
{
	struct postern_ring_entry *entries = world_at(&world, RING_AT + 128);
	struct postern_ring_entry *entry = &entries[line->submit_tail % 8];

	memset(entry, 0, sizeof *entry);
	entry->call = number;
	entry->args[0] = argument;
	memory_store_release_u32(&line->submit_tail, line->submit_tail + 1);
}

static void a_completion_raises_the_rings_event(void **state)
{
	postern_handle_t event = world_bind(&world, 2, 7);

	(void)state;
	open_ring(event);
	submit(POSTERN_CALL_ABI_NOP, 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_ENTER, 1), 1);
	assert_int_equal(world_pending(&world, 2), 0);
	memory_store_u32(&line->flags, POSTERN_RING_GUEST_FLAGS_WANT_EVENT);
	submit(POSTERN_CALL_ABI_NOP, 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_ENTER, 1), 1);
	assert_int_equal(world_pending(&world, 2), 1 << 7);
}

static void a_rings_event_cannot_be_closed(void **state)
{
	postern_handle_t event = world_bind(&world, 0, 0);
	struct postern_ring_setup *how = world_struct(&world, 0);

	(void)state;
	open_ring(event);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_EVENT_CLOSE, event), -EBUSY);
	assert_int_equal(send(event), 0);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_CLOSE), 0);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_EVENT_CLOSE, event), 0);
	*how = POSTERN_INIT(ring_setup);
	how->base = RING_AT;
	how->event = event;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_SETUP, world_struct_at(0)), -EBADF);
}

static void complete_pended(int64_t result)
{
	gate_complete(atomic_load(&pended), result);
}

/* A file handle is needed only to get past the decoder. */
static void submit_pending_call(void)
{
	postern_handle_t file;

	assert_int_equal(gate_handle_open(world.gate, ABI_HANDLE_FILE, &world, NULL, UINT32_MAX, 0, &file),
			 0);
	submit(POSTERN_CALL_FILE_SYNC, file);
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_ENTER, 1), 1);
	assert_non_null(atomic_load(&pended));
}

static void an_event_ends_ring_enter(void **state)
{
	postern_handle_t masked = world_bind(&world, 0, 0);
	postern_handle_t event = world_bind(&world, 0, 1);
	struct call enter;

	(void)state;
	open_ring(POSTERN_NO_HANDLE);
	submit_pending_call();
	world.pages[0]->masked = 1;
	call_begin(&enter, &world, 0, POSTERN_CALL_RING_ENTER, 0, 1, NEVER);
	sleep_for(30 * MILLISECOND);
	CALL(&world, 1, POSTERN_CALL_EVENT_SEND, masked);
	sleep_for(30 * MILLISECOND);
	assert_false(enter.is_done);
	CALL(&world, 1, POSTERN_CALL_EVENT_SEND, event);
	assert_int_equal(call_end(&enter), 0);
	/* One that is pending already is seen before the wait begins. */
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_RING_ENTER, 0, 1, NEVER), 0);
	complete_pended(0);
}

/* What was submitted goes on, and the ring stays. */
static void stopping_ends_ring_enter(void **state)
{
	struct postern_vcpu_start *how = world_struct(&world, 1);
	struct postern_ring_host *host = world_at(&world, RING_AT + 64);
	struct call enter;

	(void)state;
	*how = POSTERN_INIT(vcpu_start);
	how->entry = KERNEL;
	assert_int_equal(CALL(&world, 0, POSTERN_CALL_VCPU_START, 1, world_struct_at(1)), 0);
	open_ring(POSTERN_NO_HANDLE);
	submit_pending_call();
	call_begin(&enter, &world, 0, POSTERN_CALL_RING_ENTER, 0, 1, NEVER);
	sleep_for(30 * MILLISECOND);
	assert_false(enter.is_done);
	assert_int_equal(CALL(&world, 1, POSTERN_CALL_VCPU_STOP, 0), 0);
	call_end(&enter);
	assert_int_equal(host->complete_tail, 0);
	complete_pended(0);
	assert_int_equal(host->complete_tail, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_sent_event_is_pending),
		TEST(only_a_deliverable_event_interrupts),
		TEST(binding_looks_at_its_arguments),
		TEST(a_closed_event_is_no_event),
		TEST(a_masked_event_is_held_back),
		TEST(halt_ends_for_an_unmasked_event),
		TEST(halt_ends_at_its_deadline_and_not_before),
		TEST(wait_is_for_its_bits_whether_masked_or_not),
		TEST(wait_ends_for_another_event_that_is_delivered),
		TEST(no_wake_up_is_lost),
		TEST(the_end_of_the_vm_ends_all_waits),
		TEST(a_completion_raises_the_rings_event),
		TEST(a_rings_event_cannot_be_closed),
		TEST(an_event_ends_ring_enter),
		TEST(stopping_ends_ring_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
