/* SPDX-License-Identifier: ISC */
/* test_ring.c - batches and rings: set-up, results, room, hostile indices, async calls, waiting, polling. */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { BASE = 0x10000, ENTRIES_AT = 128 };

static struct vm vm;
static struct postern_ring_guest *guest;
static struct postern_ring_host *host;
static struct postern_ring_entry *entries;
static struct postern_ring_completion *completions;
static uint32_t submit_mask, complete_mask;

static struct gate_frame *pended[16];
static _Atomic unsigned pended_count;
static _Atomic unsigned notified, rung, cancelled;

static int64_t serve_sync(struct gate_frame *frame, struct abi_file_sync *call)
{
	(void)call;
	pended[pended_count] = frame;
	atomic_fetch_add(&pended_count, 1);
	return GATE_PENDING;
}

/* Answers its argument, so that a result tells which call it is of. */
static int64_t serve_mode(struct gate_frame *frame, struct abi_console_mode *call)
{
	(void)frame;
	return call->mode;
}

static void ring_the_bell(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	atomic_fetch_add(&rung, 1);
}

static void notify(void *owner, struct gate_vcpu *vcpu, postern_handle_t event)
{
	(void)owner;
	(void)vcpu;
	(void)event;
	atomic_fetch_add(&notified, 1);
}

/* Gives up everything that pends, as services do when a ring is closed. */
static void cancel(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	atomic_fetch_add(&cancelled, 1);
	for (unsigned i = 0; i < atomic_load(&pended_count); i++)
		gate_complete(pended[i], -ECANCELED);
	pended_count = 0;
}

static int setup(void **state)
{
	(void)state;
	vm_prepare(&vm);
	vm.handlers.file_sync = serve_sync;
	vm.handlers.console_mode = serve_mode;
	vm.config.doorbell = ring_the_bell;
	vm.config.notify = notify;
	vm.config.cancel = cancel;
	vm_create(&vm);
	pended_count = notified = rung = cancelled = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(&vm);
	return 0;
}

static int64_t try_setup(uint64_t base, uint32_t submit_order, uint32_t complete_order, uint32_t flags)
{
	struct postern_ring_setup *how = vm_at(&vm, 0x2000);

	*how = POSTERN_INIT(ring_setup);
	how->base = base;
	how->submit_order = submit_order;
	how->complete_order = complete_order;
	how->flags = flags;
	how->event = POSTERN_NO_HANDLE;
	return CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000);
}

static void open_ring(uint32_t submit_order, uint32_t complete_order, uint32_t flags)
{
	assert_int_equal(try_setup(BASE, submit_order, complete_order, flags), 0);
	guest = vm_at(&vm, BASE);
	host = vm_at(&vm, BASE + 64);
	entries = vm_at(&vm, BASE + ENTRIES_AT);
	completions = (void *)(entries + (1U << submit_order));
	submit_mask = (1U << submit_order) - 1;
	complete_mask = (1U << complete_order) - 1;
}

/* The entry that the next publish() submits. */
static struct postern_ring_entry *prepare(uint16_t call, uint64_t token)
{
	struct postern_ring_entry *entry = &entries[memory_load_u32(&guest->submit_tail) & submit_mask];

	memset(entry, 0, sizeof *entry);
	entry->call = call;
	entry->token = token;
	return entry;
}

static void publish(void)
{
	memory_store_release_u32(&guest->submit_tail, memory_load_u32(&guest->submit_tail) + 1);
}

/* For the tests in which nobody takes entries meanwhile: the entry may be changed until ring.enter. */
static struct postern_ring_entry *submit(uint16_t call, uint64_t token)
{
	struct postern_ring_entry *entry = prepare(call, token);

	publish();
	return entry;
}

/* A console.mode whose result is value. */
static void submit_value(uint64_t token, uint64_t value)
{
	prepare(POSTERN_CALL_CONSOLE_MODE, token)->args[0] = value;
	publish();
}

static int64_t enter(uint32_t count, uint32_t wait)
{
	return CALL(&vm, POSTERN_CALL_RING_ENTER, count, wait, UINT64_MAX);
}

static uint32_t unread(void)
{
	return memory_load_acquire_u32(&host->complete_tail) - guest->complete_head;
}

static struct postern_ring_completion take(void)
{
	struct postern_ring_completion completion = completions[guest->complete_head & complete_mask];

	assert_true(unread() > 0);
	memory_store_release_u32(&guest->complete_head, guest->complete_head + 1);
	return completion;
}

static void expect_completion(uint64_t token, int64_t result)
{
	struct postern_ring_completion completion = take();

	assert_int_equal(completion.token, token);
	assert_int_equal(completion.result, result);
}

/* ---- set-up ---- */

static void set_up_checks_sizes_memory_and_ownership(void **state)
{
	(void)state;
	assert_int_equal(enter(1, 0), -ENXIO);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_CLOSE), -ENXIO);
	assert_int_equal(try_setup(BASE, 13, 13, 0), -EINVAL);
	assert_int_equal(try_setup(BASE, 4, 3, 0), -EINVAL);
	assert_int_equal(try_setup(BASE + 64, 4, 4, 0), -EINVAL);
	assert_int_equal(try_setup(BASE, 4, 4, 2), -EINVAL);
	assert_int_equal(try_setup(RAM_SIZE, 4, 4, 0), -EFAULT);
	assert_int_equal(try_setup(RAM_SIZE - 4096, 6, 6, 0), -EFAULT);
	assert_int_equal(p2m_get(&vm.memory, (gpa_t){ RAM_SIZE - 4096 }), P2M_OWNED);
	assert_int_equal(memory_release(&vm.memory, (BASE >> 12) + 1, 1), 0);
	assert_int_equal(try_setup(BASE, 6, 6, 0), -EFAULT);
	assert_int_equal(try_setup(BASE, 4, 4, 0), 0);
	assert_int_equal(try_setup(BASE + 0x4000, 4, 4, 0), -EBUSY);
}

static void the_pages_of_a_ring_are_shared_until_it_is_closed(void **state)
{
	(void)state;
	open_ring(6, 6, 0); /* 128 + 4096 + 1024 bytes: two pages */
	assert_int_equal(p2m_get(&vm.memory, (gpa_t){ BASE + 4096 }), P2M_SHARED);
	assert_int_equal(p2m_get(&vm.memory, (gpa_t){ BASE + 8192 }), P2M_OWNED);
	assert_int_equal(memory_release(&vm.memory, BASE >> 12, 1), -EBUSY);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_CLOSE), 0);
	assert_int_equal(p2m_get(&vm.memory, (gpa_t){ BASE + 4096 }), P2M_OWNED);
	assert_int_equal(enter(1, 0), -ENXIO);
	open_ring(6, 6, 0);
}

static void the_event_of_a_ring_must_be_one_that_may_be_sent(void **state)
{
	struct postern_ring_setup *how = vm_at(&vm, 0x2000);
	postern_handle_t event;

	(void)state;
	try_setup(RAM_SIZE, 4, 4, 0); /* fails, but fills in */
	how->base = BASE;
	how->event = 0x01000005;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000), -EBADF);
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, POSTERN_EVENT_RIGHT_RECEIVE,
					  0, &event),
			 0);
	how->event = event;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000), -EACCES);
	assert_int_equal(
		gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, POSTERN_EVENT_RIGHT_SEND, 0, &event),
		0);
	how->event = event;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000), 0);
}

static void a_ring_is_not_polled_where_nobody_can(void **state)
{
	(void)state;
	gate_destroy(vm.gate);
	vm.config.doorbell = NULL;
	vm_create(&vm);
	assert_int_equal(try_setup(BASE, 4, 4, POSTERN_RING_SETUP_FLAGS_POLLED), -EOPNOTSUPP);
	assert_int_equal(try_setup(BASE, 4, 4, 0), 0);
}

/* ---- batches ---- */

static void a_batch_answers_each_call_with_its_token(void **state)
{
	(void)state;
	open_ring(4, 4, 0);
	assert_int_equal(host->flags, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
	submit_value(100, 3);
	submit(POSTERN_CALL_ABI_NOP, 101);
	submit(0x7777, 102);
	submit_value(103, 1);
	assert_int_equal(enter(4, 0), 4);
	assert_int_equal(host->submit_head, 4);
	expect_completion(100, 3);
	expect_completion(101, 0);
	expect_completion(102, -ENOSYS);
	expect_completion(103, 1);
	assert_int_equal(unread(), 0);
}

static void enter_takes_at_most_what_it_is_asked_to(void **state)
{
	(void)state;
	open_ring(4, 4, 0);
	for (unsigned i = 0; i < 5; i++)
		submit_value(i, i);
	assert_int_equal(enter(2, 0), 2);
	assert_int_equal(unread(), 2);
	assert_int_equal(enter(16, 16), 3); /* less than asked for: it does not wait */
	assert_int_equal(enter(16, 0), 0);
	for (unsigned i = 0; i < 5; i++)
		expect_completion(i, i);
}

static void indices_run_freely(void **state)
{
	uint64_t next = 0, expected = 0;

	(void)state;
	open_ring(3, 3, 0);
	for (unsigned round = 0; round < 1000; round++) {
		unsigned n = round % 8 + 1;

		for (unsigned i = 0; i < n; i++, next++)
			submit_value(next, next & 15);
		assert_int_equal(enter(n, n), n);
		while (unread()) {
			expect_completion(expected, expected & 15);
			expected++;
		}
	}
	assert_int_equal(expected, next);
}

static void reserved_bits_of_an_entry_are_malformed(void **state)
{
	(void)state;
	open_ring(4, 4, 0);
	submit(POSTERN_CALL_ABI_NOP, 1)->flags = 0x8000;
	submit(POSTERN_CALL_ABI_NOP, 2)->reserved = 1;
	submit(0x7777, 3)->reserved = 1; /* ENOSYS ranks first */
	submit(POSTERN_CALL_ABI_NOP, 4)->args[5] = 1;
	submit(POSTERN_CALL_RING_ENTER, 5); /* cannot cross like this */
	submit(POSTERN_CALL_RING_CLOSE, 6);
	assert_int_equal(enter(6, 0), 6);
	expect_completion(1, -EINVAL);
	expect_completion(2, -EINVAL);
	expect_completion(3, -ENOSYS);
	expect_completion(4, -EINVAL);
	expect_completion(5, -EINVAL);
	expect_completion(6, -EINVAL);
	assert_int_equal(vm_refused(&vm, GATE_MALFORMED), 5);
}

static void a_quiet_entry_is_heard_only_if_it_fails(void **state)
{
	(void)state;
	open_ring(4, 4, 0);
	submit(POSTERN_CALL_ABI_NOP, 1)->flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	submit(0x7777, 2)->flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	submit(POSTERN_CALL_ABI_NOP, 3);
	assert_int_equal(enter(3, 0), 3);
	expect_completion(2, -ENOSYS);
	expect_completion(3, 0);
	assert_int_equal(unread(), 0);
	assert_int_equal(vm_calls(&vm, ABI_ABI_NOP), 2);
}

static void completions_never_overflow(void **state)
{
	(void)state;
	open_ring(3, 3, 0);
	for (unsigned i = 0; i < 8; i++)
		submit_value(i, i);
	assert_int_equal(enter(8, 0), 8);
	for (unsigned i = 8; i < 16; i++)
		submit_value(i, i);
	assert_int_equal(enter(8, 0), 0); /* no room */
	expect_completion(0, 0);
	expect_completion(1, 1);
	assert_int_equal(enter(8, 0), 2);
	for (unsigned i = 2; i < 10; i++)
		expect_completion(i, i);
	assert_int_equal(enter(8, 0), 6);
	for (unsigned i = 10; i < 16; i++)
		expect_completion(i, i);
}

static void indices_out_of_range_are_refused_and_harm_nothing(void **state)
{
	(void)state;
	open_ring(3, 4, 0);
	submit_value(1, 1);
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t wild[] = { 9, UINT32_MAX, 0x80000000, 17 };
		uint32_t *index = i < 3 ? &guest->submit_tail : &guest->complete_head;
		uint32_t right = *index;

		*index = wild[i];
		assert_int_equal(enter(8, 0), -EINVAL);
		assert_int_equal(host->submit_head, 0);
		*index = right;
	}
	assert_int_equal(enter(8, 0), 1); /* what is right again works again */
	expect_completion(1, 1);
	/* What the guest does to the host's line changes nothing for the host. */
	memset(host, 0xff, sizeof *host);
	submit_value(2, 2);
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(host->submit_head, 2);
	assert_int_equal(host->complete_tail, 2);
	assert_int_equal(enter(0, 17), -EINVAL); /* more than there are slots */
}

/* ---- async calls ---- */

static postern_handle_t open_file(void)
{
	postern_handle_t file;

	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_FILE, &vm, NULL, UINT32_MAX, 0, &file), 0);
	return file;
}

static void submit_sync(uint64_t token, postern_handle_t file)
{
	submit(POSTERN_CALL_FILE_SYNC, token)->args[0] = file;
}

static void async_calls_complete_out_of_order(void **state)
{
	postern_handle_t file = open_file();

	(void)state;
	open_ring(4, 4, 0);
	submit_sync(1, file);
	submit_value(2, 2);
	submit_sync(3, file);
	submit_value(4, 4);
	assert_int_equal(enter(4, 0), 4);
	expect_completion(2, 2);
	expect_completion(4, 4);
	assert_int_equal(unread(), 0);
	gate_complete(pended[1], 33);
	expect_completion(3, 33);
	gate_complete(pended[0], -EIO);
	expect_completion(1, -EIO);
}

static void calls_in_flight_are_limited(void **state)
{
	postern_handle_t file = open_file();

	(void)state;
	open_ring(4, 4, 0);
	for (unsigned i = 0; i < 10; i++)
		submit_sync(i, file);
	submit_sync(10, file ^ 1); /* EBADF ranks before EAGAIN */
	assert_int_equal(enter(11, 0), 11);
	assert_int_equal(pended_count, 8);
	expect_completion(8, -EAGAIN);
	expect_completion(9, -EAGAIN);
	expect_completion(10, -EBADF);
	for (unsigned i = 0; i < 8; i++)
		gate_complete(pended[i], i);
	for (unsigned i = 0; i < 8; i++)
		expect_completion(i, i);
	submit_sync(11, file);
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(pended_count, 9);
	gate_complete(pended[8], 0);
}

static void room_is_kept_for_calls_in_flight(void **state)
{
	postern_handle_t file = open_file();

	(void)state;
	open_ring(2, 2, 0);
	submit_sync(0, file);
	submit_sync(1, file);
	submit_value(2, 2);
	submit_value(3, 3);
	assert_int_equal(enter(4, 0), 4);
	submit_value(4, 4);
	assert_int_equal(enter(1, 0), 0);
	expect_completion(2, 2);
	assert_int_equal(enter(1, 0), 1);
	gate_complete(pended[0], 10);
	gate_complete(pended[1], 11);
	expect_completion(3, 3);
	expect_completion(4, 4);
	expect_completion(0, 10);
	expect_completion(1, 11);
}

static void *complete_later(void *arg)
{
	(void)arg;
	usleep(3000);
	gate_complete(pended[0], 5);
	return NULL;
}

static void enter_waits_for_completions(void **state)
{
	pthread_t thread;

	(void)state;
	open_ring(4, 4, 0);
	submit_sync(7, open_file());
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(pthread_create(&thread, NULL, complete_later, NULL), 0);
	assert_int_equal(enter(0, 1), 0);
	expect_completion(7, 5);
	pthread_join(thread, NULL);
	assert_int_equal(enter(0, 4), 0); /* nothing is in flight: it does not wait */
}

static void enter_gives_up_at_the_deadline(void **state)
{
	uint64_t deadline;

	(void)state;
	open_ring(4, 4, 0);
	submit_sync(7, open_file());
	deadline = gate_monotonic(vm.gate) + 20000000;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_ENTER, 1, 1, deadline), 1);
	assert_true(gate_monotonic(vm.gate) >= deadline);
	assert_int_equal(unread(), 0);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_ENTER, 0, 1, 0), 0); /* long past */
	gate_complete(pended[0], 0);
}

static void *stop_later(void *arg)
{
	(void)arg;
	usleep(3000);
	gate_stop(vm.gate);
	return NULL;
}

static void stopping_the_vm_ends_a_wait(void **state)
{
	pthread_t thread;

	(void)state;
	open_ring(4, 4, 0);
	submit_sync(7, open_file());
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(pthread_create(&thread, NULL, stop_later, NULL), 0);
	assert_int_equal(enter(0, 1), 0);
	pthread_join(thread, NULL);
	gate_complete(pended[0], 0);
}

static void close_gives_up_what_may_never_end(void **state)
{
	(void)state;
	open_ring(4, 4, 0);
	submit_sync(7, open_file());
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_CLOSE), 0);
	assert_int_equal(cancelled, 1);
	expect_completion(7, -ECANCELED); /* published before the ring was gone */
	assert_int_equal(p2m_get(&vm.memory, (gpa_t){ BASE }), P2M_OWNED);
}

static void completions_raise_the_event_if_it_is_wanted(void **state)
{
	struct postern_ring_setup *how = vm_at(&vm, 0x2000);
	postern_handle_t event;

	(void)state;
	assert_int_equal(
		gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, POSTERN_EVENT_RIGHT_SEND, 0, &event),
		0);
	open_ring(4, 4, 0);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_CLOSE), 0);
	how->event = event;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000), 0);
	submit_value(1, 1);
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(notified, 0);
	guest->flags = POSTERN_RING_GUEST_FLAGS_WANT_EVENT;
	submit_value(2, 2);
	assert_int_equal(enter(1, 0), 1);
	assert_int_equal(notified, 1);
}

/* ---- polling ---- */

static void the_poller_takes_entries_without_a_call(void **state)
{
	(void)state;
	open_ring(4, 4, POSTERN_RING_SETUP_FLAGS_POLLED);
	assert_int_equal(host->flags, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
	assert_int_equal(enter(1, 0), 0);
	assert_int_equal(rung, 1);
	gate_ring_wake(vm.vcpu);
	assert_int_equal(host->flags, 0);
	submit_value(1, 1);
	submit_value(2, 2);
	assert_false(gate_ring_doze(vm.vcpu));
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 2);
	expect_completion(1, 1);
	expect_completion(2, 2);
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 0);
	assert_true(gate_ring_doze(vm.vcpu));
	assert_int_equal(host->flags, POSTERN_RING_HOST_FLAGS_NEED_WAKEUP);
}

static void the_poller_leaves_alone_what_is_not_its_own(void **state)
{
	(void)state;
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 0);
	open_ring(4, 4, 0);
	submit_value(1, 1);
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 0);
	assert_true(gate_ring_doze(vm.vcpu));
	assert_int_equal(enter(1, 0), 1);
}

static void the_poller_finds_a_broken_ring_once(void **state)
{
	(void)state;
	open_ring(4, 4, POSTERN_RING_SETUP_FLAGS_POLLED);
	gate_ring_wake(vm.vcpu);
	guest->submit_tail = 17;
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 0);
	assert_int_equal(host->flags, POSTERN_RING_HOST_FLAGS_BROKEN);
	guest->submit_tail = 1;
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 0);
	assert_int_equal(enter(1, 0), -EINVAL);
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_CLOSE), 0);
	open_ring(4, 4, POSTERN_RING_SETUP_FLAGS_POLLED);
	submit_value(1, 1);
	assert_int_equal(gate_ring_poll(vm.vcpu, 16), 1);
}

/* ---- with threads ---- */

enum { CALLS = 30000 };

static _Atomic bool over;
static _Atomic uint32_t bell;

static void ring_the_real_bell(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	atomic_store(&bell, 1);
}

/* A poller that dozes as soon as it finds nothing; its sleep is a spin on the bell. */
static void *poller(void *arg)
{
	(void)arg;
	while (!atomic_load(&over)) {
		if (gate_ring_poll(vm.vcpu, 64))
			continue;
		if (gate_ring_doze(vm.vcpu)) {
			while (!atomic_exchange(&bell, 0) && !atomic_load(&over))
				sched_yield();
		}
		gate_ring_wake(vm.vcpu);
	}
	return NULL;
}

static bool look_for_wakeup(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!(memory_load_u32(&host->flags) & POSTERN_RING_HOST_FLAGS_NEED_WAKEUP))
		return false;
	assert_int_equal(enter(1, 0), 0);
	return true;
}

static void every_call_of_a_polled_ring_is_answered(void **state)
{
	unsigned submitted = 0, answered = 0, wakeups = 0;
	pthread_t thread;

	(void)state;
	gate_destroy(vm.gate);
	vm.config.doorbell = ring_the_real_bell;
	vm_create(&vm);
	over = false;
	bell = 0;
	open_ring(5, 5, POSTERN_RING_SETUP_FLAGS_POLLED);
	assert_int_equal(pthread_create(&thread, NULL, poller, NULL), 0);
	while (answered < CALLS) {
		if (submitted < CALLS && submitted - answered < 32) {
			submit_value(submitted, submitted & 15);
			submitted++;
			wakeups += look_for_wakeup();
		}
		while (unread()) {
			expect_completion(answered, answered & 15);
			answered++;
		}
		if (submitted == CALLS || submitted - answered == 32)
			assert_int_equal(enter(0, 1), 0); /* a lost wake-up would hang here */
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	assert_true(wakeups > 0);
	assert_int_equal(vm_calls(&vm, ABI_CONSOLE_MODE), CALLS);
}

static void *complete_everything(void *arg)
{
	unsigned done = 0;

	(void)arg;
	while (!atomic_load(&over)) {
		if (done == atomic_load(&pended_count)) {
			sched_yield();
			continue;
		}
		gate_complete(pended[done % 8], done);
		done++;
	}
	return NULL;
}

static int64_t serve_sync_round(struct gate_frame *frame, struct abi_file_sync *call)
{
	(void)call;
	pended[atomic_load(&pended_count) % 8] = frame;
	atomic_fetch_add(&pended_count, 1);
	return GATE_PENDING;
}

/* Calls complete on another thread, at any moment of a batch. */
static void completions_race_with_batches(void **state)
{
	unsigned submitted = 0, answered = 0;
	postern_handle_t file;
	pthread_t thread;

	(void)state;
	gate_destroy(vm.gate);
	vm.handlers.file_sync = serve_sync_round;
	vm_create(&vm);
	file = open_file();
	over = false;
	open_ring(4, 4, 0);
	assert_int_equal(pthread_create(&thread, NULL, complete_everything, NULL), 0);
	while (answered < CALLS) {
		while (submitted < CALLS && submitted - answered < 4) {
			submit_sync(submitted, file);
			submitted++;
		}
		enter(16, 0);
		assert_int_equal(enter(0, 1), 0);
		while (unread()) {
			assert_true(take().result >= 0);
			answered++;
		}
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	assert_int_equal(answered, CALLS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(set_up_checks_sizes_memory_and_ownership),
		TEST(the_pages_of_a_ring_are_shared_until_it_is_closed),
		TEST(the_event_of_a_ring_must_be_one_that_may_be_sent),
		TEST(a_ring_is_not_polled_where_nobody_can),
		TEST(a_batch_answers_each_call_with_its_token),
		TEST(enter_takes_at_most_what_it_is_asked_to),
		TEST(indices_run_freely),
		TEST(reserved_bits_of_an_entry_are_malformed),
		TEST(a_quiet_entry_is_heard_only_if_it_fails),
		TEST(completions_never_overflow),
		TEST(indices_out_of_range_are_refused_and_harm_nothing),
		TEST(async_calls_complete_out_of_order),
		TEST(calls_in_flight_are_limited),
		TEST(room_is_kept_for_calls_in_flight),
		TEST(enter_waits_for_completions),
		TEST(enter_gives_up_at_the_deadline),
		TEST(stopping_the_vm_ends_a_wait),
		TEST(close_gives_up_what_may_never_end),
		TEST(completions_raise_the_event_if_it_is_wanted),
		TEST(the_poller_takes_entries_without_a_call),
		TEST(the_poller_leaves_alone_what_is_not_its_own),
		TEST(the_poller_finds_a_broken_ring_once),
		TEST(every_call_of_a_polled_ring_is_answered),
		TEST(completions_race_with_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
