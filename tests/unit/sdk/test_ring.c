/* SPDX-License-Identifier: ISC */
/* test_ring.c - the guest's ring library against the gate: batches, room, quiet entries, waiting, polling. */
#include "../gate/fixture.h"

#include <postern/guest.h>
#include <postern/guest_ring.h>

#include <pthread.h>
#include <sched.h>

enum { BASE = 0x10000, SCRATCH = 0x1000 };

static struct vm vm;
static struct guest_ring ring;
static size_t pages_taken;
static struct gate_frame *pended[16];
static unsigned pended_count;

/* ---- what the library stands on ---- */

/* The library's structs are on this program's stack, so they go to RAM first. */
int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	if (number == POSTERN_CALL_RING_SETUP) {
		memcpy(vm_at(&vm, SCRATCH), vm_at(&vm, a0), sizeof(struct postern_ring_setup));
		a0 = SCRATCH;
	}
	return vm_call(&vm, number, a0, a1, a2, a3, a4, a5);
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)pointer - (uint64_t)vm.memory.base;
}

void *guest_pages_alloc(size_t count)
{
	pages_taken += count;
	return vm_at(&vm, BASE);
}

void guest_pages_free(void *pages, size_t count)
{
	assert_ptr_equal(pages, vm_at(&vm, BASE));
	pages_taken -= count;
}

/* Events: one, which ends a halt. */
static pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t event_came = PTHREAD_COND_INITIALIZER;
static bool event_pending;
static unsigned halts;

bool guest_events_disable(void)
{
	return true;
}

void guest_events_restore(bool enabled)
{
	assert_true(enabled);
}

int64_t guest_idle(uint64_t deadline)
{
	(void)deadline;
	pthread_mutex_lock(&event_lock);
	halts++;
	while (!event_pending)
		pthread_cond_wait(&event_came, &event_lock);
	event_pending = false;
	pthread_mutex_unlock(&event_lock);
	return 1;
}

static void notify(void *owner, struct gate_vcpu *vcpu, postern_handle_t event)
{
	(void)owner;
	(void)vcpu;
	(void)event;
	pthread_mutex_lock(&event_lock);
	event_pending = true;
	pthread_cond_signal(&event_came);
	pthread_mutex_unlock(&event_lock);
}

/* ---- the host's side ---- */

/* Answers its argument, so that a result tells which call it is of. */
static int64_t serve_mode(struct gate_frame *frame, struct abi_console_mode *call)
{
	(void)frame;
	return call->mode;
}

static int64_t serve_read(struct gate_frame *frame, struct abi_console_read *call)
{
	(void)call;
	pended[pended_count++] = frame;
	return GATE_PENDING;
}

static void cancel(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	while (pended_count)
		gate_complete(pended[--pended_count], -ECANCELED);
}

/* The poller: sleeps by the rules when it has found nothing for a while. */
static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell_rang = PTHREAD_COND_INITIALIZER;
static bool bell;
static bool stop;
static unsigned sleeps;

static void ring_the_bell(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	pthread_mutex_lock(&bell_lock);
	bell = true;
	pthread_cond_signal(&bell_rang);
	pthread_mutex_unlock(&bell_lock);
}

static bool sleep_until_bell(void)
{
	bool stopped;

	pthread_mutex_lock(&bell_lock);
	sleeps++;
	while (!bell && !stop)
		pthread_cond_wait(&bell_rang, &bell_lock);
	bell = false;
	stopped = stop;
	pthread_mutex_unlock(&bell_lock);
	return !stopped;
}

static void *poll_ring(void *argument)
{
	bool running = true;

	(void)argument;
	while (running) {
		unsigned looks = 0;

		while (looks++ < 20) {
			if (gate_ring_poll(vm.vcpu, 64))
				looks = 0;
		}
		if (gate_ring_doze(vm.vcpu))
			running = sleep_until_bell();
		gate_ring_wake(vm.vcpu);
	}
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	vm_prepare(&vm);
	vm.handlers.console_mode = serve_mode;
	vm.handlers.console_read = serve_read;
	vm.config.doorbell = ring_the_bell;
	vm.config.notify = notify;
	vm.config.cancel = cancel;
	vm_create(&vm);
	pages_taken = pended_count = halts = sleeps = 0;
	event_pending = bell = stop = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(&vm);
	return 0;
}

static void open_ring(unsigned submit_order, unsigned complete_order, uint32_t flags)
{
	assert_int_equal(guest_ring_init(&ring, submit_order, complete_order, flags, POSTERN_NO_HANDLE), 0);
}

static void close_ring(void)
{
	assert_int_equal(guest_ring_close(&ring), 0);
	guest_ring_free(&ring);
	assert_int_equal(pages_taken, 0);
}

/* A call whose result is its token. */
static bool prepare(uint64_t token, uint16_t flags)
{
	struct postern_ring_entry *entry = guest_ring_get_entry(&ring);

	if (!entry)
		return false;
	postern_prepare_console_mode(entry, token, (uint32_t)token & 15);
	entry->flags = flags;
	return true;
}

static void expect_next(uint64_t token)
{
	struct postern_ring_completion completion;

	assert_true(guest_ring_peek(&ring, &completion));
	assert_int_equal(completion.token, token);
	assert_int_equal(completion.result, token & 15);
	guest_ring_seen(&ring);
}

/* ---- tests ---- */

static void set_up_refuses_what_does_not_fit(void **state)
{
	(void)state;
	assert_int_equal(guest_ring_init(&ring, 13, 13, 0, POSTERN_NO_HANDLE), -EINVAL);
	assert_int_equal(guest_ring_init(&ring, 4, 14, 0, POSTERN_NO_HANDLE), -EINVAL);
	assert_int_equal(guest_ring_init(&ring, 4, 3, 0, POSTERN_NO_HANDLE), -EINVAL);
	assert_int_equal(guest_ring_init(&ring, 4, 4, 0, 1), -EBADF);
	assert_int_equal(pages_taken, 0);
	open_ring(0, 0, 0);
	close_ring();
	open_ring(12, 13, 0);
	close_ring();
}

static void many_calls_cross_at_once(void **state)
{
	uint64_t before;

	(void)state;
	open_ring(4, 4, 0);
	before = vm_calls(&vm, ABI_RING_ENTER);
	for (uint64_t i = 0; i < 16; i++)
		assert_true(prepare(i, 0));
	assert_false(prepare(16, 0));
	assert_int_equal(guest_ring_submit_and_wait(&ring, 16), 16);
	assert_int_equal(vm_calls(&vm, ABI_RING_ENTER) - before, 1);
	for (uint64_t i = 0; i < 16; i++)
		expect_next(i);
	assert_false(guest_ring_ready(&ring));
	close_ring();
}

static void indices_go_round(void **state)
{
	uint64_t submitted = 0;
	uint64_t seen = 0;

	(void)state;
	open_ring(2, 3, 0);
	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned i = 0; i <= round % 4; i++) {
			assert_true(prepare(submitted, 0));
			submitted++;
		}
		assert_int_equal(guest_ring_submit(&ring), round % 4 + 1);
		while (seen < submitted)
			expect_next(seen++);
	}
	assert_int_equal(ring.error, 0);
	close_ring();
}

/* Entries that are published without room for completions are taken when the guest has made some. */
static void entries_wait_for_room(void **state)
{
	uint64_t seen = 0;

	(void)state;
	open_ring(2, 2, 0);
	for (uint64_t i = 0; i < 4; i++)
		assert_true(prepare(i, 0));
	assert_int_equal(guest_ring_submit(&ring), 4);
	for (uint64_t i = 4; i < 8; i++)
		assert_true(prepare(i, 0));
	assert_int_equal(guest_ring_submit(&ring), 4);
	assert_int_equal(guest_ring_ready(&ring), 4);
	assert_false(prepare(8, 0));
	while (seen < 8)
		expect_next(seen++);
	assert_int_equal(guest_ring_wait_until(&ring, 1, GUEST_FOREVER), 0);
	close_ring();
}

static void waiting_for_more_than_there_is_ends(void **state)
{
	struct postern_ring_completion completions[8];

	(void)state;
	open_ring(2, 2, 0);
	assert_int_equal(guest_ring_submit_and_wait(&ring, 100), 0);
	for (uint64_t i = 0; i < 4; i++)
		assert_true(prepare(i, 0));
	assert_int_equal(guest_ring_submit(&ring), 4);
	for (uint64_t i = 4; i < 7; i++)
		assert_true(prepare(i, 0));
	assert_int_equal(guest_ring_submit_and_wait(&ring, 100), 4);
	assert_int_equal(guest_ring_take(&ring, completions, 8), 4);
	assert_int_equal(guest_ring_wait_until(&ring, 100, GUEST_FOREVER), 3);
	assert_int_equal(guest_ring_take(&ring, completions, 2), 2);
	assert_int_equal(completions[1].token, 5);
	expect_next(6);
	assert_int_equal(guest_ring_wait(&ring, completions), -ENODATA);
	close_ring();
}

static void quiet_entries_complete_only_when_they_fail(void **state)
{
	struct postern_ring_completion completion;

	(void)state;
	open_ring(3, 3, 0);
	for (unsigned round = 0; round < 50; round++) {
		for (uint64_t i = 0; i < 7; i++)
			assert_true(prepare(i, POSTERN_RING_ENTRY_FLAGS_QUIET));
		assert_true(prepare(8, 0));
		assert_int_equal(guest_ring_submit_and_wait(&ring, 8), 1);
		expect_next(8);
	}
	postern_prepare_console_mode(guest_ring_get_entry(&ring), 9, 16);
	ring.entries[(ring.prepared - 1) & 7].flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	assert_int_equal(guest_ring_submit_and_wait(&ring, 0), 1);
	assert_true(guest_ring_peek(&ring, &completion));
	assert_int_equal(completion.token, 9);
	assert_int_equal(completion.result, -EINVAL);
	guest_ring_seen(&ring);
	close_ring();
}

static void a_later_call_may_complete_first(void **state)
{
	struct postern_ring_completion completion;

	(void)state;
	open_ring(2, 2, 0);
	postern_prepare_console_read(guest_ring_get_entry(&ring), 1, vm_at(&vm, 0x2000), 16);
	assert_true(prepare(2, 0));
	assert_int_equal(guest_ring_submit(&ring), 2);
	assert_int_equal(guest_ring_wait(&ring, &completion), 0);
	assert_int_equal(completion.token, 2);
	guest_ring_seen(&ring);
	assert_int_equal(guest_ring_wait_until(&ring, 1, 0), 0);
	gate_complete(pended[--pended_count], 5);
	assert_int_equal(guest_ring_wait(&ring, &completion), 0);
	assert_int_equal(completion.token, 1);
	assert_int_equal(completion.result, 5);
	guest_ring_seen(&ring);
	close_ring();
}

static void closing_ends_what_is_under_way(void **state)
{
	struct postern_ring_completion completion;

	(void)state;
	open_ring(2, 2, 0);
	postern_prepare_console_read(guest_ring_get_entry(&ring), 1, vm_at(&vm, 0x2000), 16);
	assert_int_equal(guest_ring_submit(&ring), 1);
	assert_false(guest_ring_ready(&ring));
	assert_int_equal(guest_ring_close(&ring), 0);
	assert_true(guest_ring_peek(&ring, &completion));
	assert_int_equal(completion.result, -ECANCELED);
	guest_ring_seen(&ring);
	guest_ring_free(&ring);
	assert_int_equal(pages_taken, 0);
}

/* ---- with a poller ---- */

static pthread_t poller;

/* ring.setup looks the event up; what it is does not matter here. */
static void open_polled(unsigned order)
{
	postern_handle_t event;

	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, UINT32_MAX, 0, &event), 0);
	assert_int_equal(guest_ring_init(&ring, order, order, POSTERN_RING_SETUP_FLAGS_POLLED, event), 0);
	assert_int_equal(pthread_create(&poller, NULL, poll_ring, NULL), 0);
}

static void close_polled(void)
{
	pthread_mutex_lock(&bell_lock);
	stop = true;
	pthread_cond_signal(&bell_rang);
	pthread_mutex_unlock(&bell_lock);
	pthread_join(poller, NULL);
	close_ring();
}

enum { POLLED_CALLS = 20000 };

static void run_polled(int64_t (*wait)(void))
{
	uint64_t submitted = 0;
	uint64_t seen = 0;

	while (seen < POLLED_CALLS) {
		while (submitted < POLLED_CALLS && prepare(submitted, 0))
			submitted++;
		assert_true(guest_ring_submit(&ring) >= 0);
		while (!guest_ring_ready(&ring))
			assert_true(wait() >= 0);
		/* Leave some, so that room lacks now and then. */
		expect_next(seen++);
		while (guest_ring_ready(&ring) > seen % 4)
			expect_next(seen++);
	}
}

static int64_t wait_by_call(void)
{
	struct postern_ring_completion completion;

	return guest_ring_wait(&ring, &completion);
}

static int64_t wait_by_event(void)
{
	return guest_ring_idle(&ring, GUEST_FOREVER);
}

static void run_on_polled_ring(int64_t (*wait)(void))
{
	open_polled(3);
	run_polled(wait);
	assert_int_equal(ring.error, 0);
	close_polled();
}

static void a_polled_ring_is_waited_for_by_call(void **state)
{
	(void)state;
	run_on_polled_ring(wait_by_call);
}

static void a_polled_ring_is_waited_for_by_event(void **state)
{
	(void)state;
	run_on_polled_ring(wait_by_event);
}

/* The poller sleeps in between, so each submission has to ring, and a wait to be woken. */
static void a_sleeping_poller_is_woken(void **state)
{
	(void)state;
	open_polled(2);
	for (unsigned i = 0; i < 200; i++) {
		unsigned slept;

		do {
			sched_yield();
			pthread_mutex_lock(&bell_lock);
			slept = sleeps;
			pthread_mutex_unlock(&bell_lock);
		} while (slept <= i);
		assert_true(prepare(i, 0));
		assert_int_equal(guest_ring_submit_and_wait(&ring, 1), 1);
		expect_next(i);
	}
	close_polled();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(set_up_refuses_what_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(many_calls_cross_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(indices_go_round, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_wait_for_room, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_for_more_than_there_is_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(quiet_entries_complete_only_when_they_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_call_may_complete_first, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_ends_what_is_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(a_polled_ring_is_waited_for_by_call, setup, teardown),
		cmocka_unit_test_setup_teardown(a_polled_ring_is_waited_for_by_event, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sleeping_poller_is_woken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
