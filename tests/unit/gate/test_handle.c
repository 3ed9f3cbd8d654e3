/* SPDX-License-Identifier: ISC */
/* test_handle.c - handles: kinds, generations, rights, states, and objects that outlive their handle's close. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static struct vm vm;
static void *got;
static unsigned released;
static struct gate_frame *pending;

static void release(void *object)
{
	assert_ptr_equal(object, &released);
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
}

static int64_t serve_timer_cancel(struct gate_frame *frame, struct abi_timer_cancel *call)
{
	(void)frame;
	got = call->event;
	return 0;
}

static int64_t serve_vcpu_stop(struct gate_frame *frame, struct abi_vcpu_stop *call)
{
	got = call->vcpu;
	return gate_handle_change(gate_frame_vm(frame), ABI_HANDLE_VCPU, call->vcpu_handle,
				  POSTERN_VCPU_STATE_RUNNING, POSTERN_VCPU_STATE_STOPPED)
		       ? 0
		       : -EALREADY;
}

static int64_t serve_yield(struct gate_frame *frame, struct abi_vcpu_yield *call)
{
	(void)frame;
	got = call->to;
	return 0;
}

static int64_t serve_event_close(struct gate_frame *frame, struct abi_event_close *call)
{
	return gate_handle_close(gate_frame_vm(frame), ABI_HANDLE_EVENT, call->event_handle);
}

static int64_t serve_file_sync(struct gate_frame *frame, struct abi_file_sync *call)
{
	(void)call;
	__atomic_store_n(&pending, frame, __ATOMIC_RELEASE);
	return GATE_PENDING;
}

static int setup(void **state)
{
	(void)state;
	vm_prepare(&vm);
	vm.handlers.timer_cancel = serve_timer_cancel;
	vm.handlers.vcpu_stop = serve_vcpu_stop;
	vm.handlers.vcpu_yield = serve_yield;
	vm.handlers.event_close = serve_event_close;
	vm.handlers.file_sync = serve_file_sync;
	vm_create(&vm);
	released = 0;
	got = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(&vm);
	return 0;
}

static postern_handle_t open_event(uint32_t rights)
{
	postern_handle_t handle;

	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &released, release, rights, 0, &handle),
			 0);
	return handle;
}

static void a_handle_leads_to_its_object(void **state)
{
	postern_handle_t event = open_event(POSTERN_EVENT_RIGHT_RECEIVE);

	(void)state;
	assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, event), 0);
	assert_ptr_equal(got, &released);
	assert_int_equal(released, 0);
}

static void what_is_no_handle_of_the_kind_is_ebadf(void **state)
{
	postern_handle_t event = open_event(POSTERN_EVENT_RIGHT_RECEIVE);
	postern_handle_t file;
	const uint64_t wrong[] = {
		event + 1, event + 0x10000, event + 0x1000000, event ^ 0x1ff, 0, UINT32_MAX
	};

	(void)state;
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_FILE, &vm, NULL, UINT32_MAX, 0, &file), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, wrong[i]), -EBADF);
	assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, file), -EBADF);
	assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, event | UINT64_C(1) << 32), -EINVAL);
	assert_int_equal(vm_refused(&vm, GATE_BAD_HANDLE), 7);
	assert_null(got);
}

static void a_right_that_is_missing_is_eacces(void **state)
{
	postern_handle_t event = open_event(POSTERN_EVENT_RIGHT_SEND);

	(void)state;
	assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, event), -EACCES);
	assert_int_equal(vm_refused(&vm, GATE_NO_RIGHT), 1);
	assert_null(got);
}

static void a_closed_handle_is_dead_and_its_slot_rests(void **state)
{
	postern_handle_t event = open_event(POSTERN_EVENT_RIGHT_RECEIVE);

	(void)state;
	assert_int_equal(CALL(&vm, POSTERN_CALL_EVENT_CLOSE, event), 0);
	assert_int_equal(released, 1);
	assert_int_equal(CALL(&vm, POSTERN_CALL_EVENT_CLOSE, event), -EBADF);
	/* Until its slot comes round again, then with another generation. */
	for (unsigned i = 0; i < 2 * POSTERN_HANDLE_EVENT_MAX; i++) {
		postern_handle_t other = open_event(POSTERN_EVENT_RIGHT_RECEIVE);

		assert_int_not_equal(other, event);
		assert_int_equal(CALL(&vm, POSTERN_CALL_TIMER_CANCEL, event), -EBADF);
		assert_int_equal(CALL(&vm, POSTERN_CALL_EVENT_CLOSE, other), 0);
	}
}

static void the_maximum_of_the_kind_is_a_limit(void **state)
{
	postern_handle_t handle;

	(void)state;
	for (unsigned i = 0; i < POSTERN_HANDLE_EVENT_MAX; i++)
		handle = open_event(0);
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, 0, 0, &handle), -EAGAIN);
	gate_destroy(vm.gate);
	assert_int_equal(released, POSTERN_HANDLE_EVENT_MAX); /* what is open at the end is released */
	vm_create(&vm);
}

static void a_vcpus_handle_is_its_number_and_its_state_is_checked(void **state)
{
	postern_handle_t handle;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_VCPU, &vm, NULL, 0,
						  POSTERN_VCPU_STATE_RUNNING, &handle),
				 0);
		assert_int_equal(handle, i);
	}
	assert_int_equal(CALL(&vm, POSTERN_CALL_VCPU_STOP, 1), 0);
	assert_int_equal(CALL(&vm, POSTERN_CALL_VCPU_STOP, 1), -EALREADY);
	assert_int_equal(vm_refused(&vm, GATE_BAD_STATE), 1);
	assert_int_equal(CALL(&vm, POSTERN_CALL_VCPU_STOP, 3), -EBADF);
}

static void an_optional_handle_may_be_none(void **state)
{
	(void)state;
	got = &vm;
	assert_int_equal(CALL(&vm, POSTERN_CALL_VCPU_YIELD, POSTERN_NO_HANDLE), 0);
	assert_null(got);
	assert_int_equal(CALL(&vm, POSTERN_CALL_VCPU_YIELD, 0), -EBADF);
}

static void *call_sync(void *arg)
{
	assert_int_equal(CALL(&vm, POSTERN_CALL_FILE_SYNC, *(postern_handle_t *)arg), 0);
	return NULL;
}

static void an_object_lives_until_the_last_call_that_uses_it(void **state)
{
	postern_handle_t file;
	pthread_t thread;

	(void)state;
	pending = NULL;
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_FILE, &released, release, UINT32_MAX, 0, &file),
			 0);
	assert_int_equal(pthread_create(&thread, NULL, call_sync, &file), 0);
	while (!__atomic_load_n(&pending, __ATOMIC_ACQUIRE))
		;
	assert_int_equal(gate_handle_close(vm.gate, ABI_HANDLE_FILE, file), 0);
	assert_int_equal(released, 0);
	gate_complete(pending, 0);
	pthread_join(thread, NULL);
	assert_int_equal(released, 1);
}

enum { RACERS = 4, ROUNDS = 20000 };

/* Uses and closes handles that others close, too: each object is released once, by whoever is last. */
static _Atomic uint32_t current;

static void *race(void *arg)
{
	const bool opens = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (opens) {
			postern_handle_t handle;

			if (!gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &released, release, 0, 0, &handle))
				atomic_store(&current, handle);
		}
		gate_handle_change(vm.gate, ABI_HANDLE_EVENT, atomic_load(&current), 0, 1);
		gate_handle_close(vm.gate, ABI_HANDLE_EVENT, atomic_load(&current));
	}
	return NULL;
}

static void closing_races_with_use(void **state)
{
	pthread_t threads[RACERS];
	postern_handle_t handle;

	(void)state;
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, i ? NULL : &vm), 0);
	for (unsigned i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	/* Thread 0 closes what it opened unless another did: at the end, all are released and all slots free. */
	assert_int_equal(released, ROUNDS);
	for (unsigned i = 0; i < POSTERN_HANDLE_EVENT_MAX; i++)
		assert_int_equal(
			gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &released, release, 0, 0, &handle), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_handle_leads_to_its_object, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_handle_of_the_kind_is_ebadf, setup, teardown),
		cmocka_unit_test_setup_teardown(a_right_that_is_missing_is_eacces, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_handle_is_dead_and_its_slot_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(the_maximum_of_the_kind_is_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vcpus_handle_is_its_number_and_its_state_is_checked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_optional_handle_may_be_none, setup, teardown),
		cmocka_unit_test_setup_teardown(an_object_lives_until_the_last_call_that_uses_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(closing_races_with_use, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
