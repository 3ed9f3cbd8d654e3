/* SPDX-License-Identifier: ISC */
/* test_call.c - one call through the gate: what reaches a handler, what is answered, what is counted. */
#include "fixture.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* ---- handlers ---- */

static unsigned handled;
static int64_t answer;

static int64_t serve_clock_read(struct gate_frame *frame, struct abi_clock_read *call)
{
	(void)frame;
	handled++;
	call->info.clock = call->clock;
	call->info.nanoseconds = 1234567;
	call->info.resolution = 1000;
	return answer;
}

static struct gate_frame *pending;

static int64_t serve_file_info(struct gate_frame *frame, struct abi_file_info *call)
{
	handled++;
	call->info.inode = 77;
	__atomic_store_n(&pending, frame, __ATOMIC_RELEASE);
	return GATE_PENDING;
}

static int64_t serve_release(struct gate_frame *frame, struct abi_memory_release *call)
{
	(void)frame;
	handled++;
	return call->ranges_count;
}

static void create(struct vm *vm)
{
	handled = 0;
	answer = 0;
	vm_prepare(vm);
	vm->handlers.clock_read = serve_clock_read;
	vm->handlers.file_info = serve_file_info;
	vm->handlers.memory_release = serve_release;
}

static int setup(void **state)
{
	static struct vm vm;

	create(&vm);
	vm_create(&vm);
	*state = &vm;
	return 0;
}

static int teardown(void **state)
{
	vm_destroy(*state);
	return 0;
}

static struct postern_clock_info *info_at(struct vm *vm, uint64_t address, uint32_t size)
{
	struct postern_clock_info *info = vm_at(vm, address);

	info->size = size;
	return info;
}

/* ---- numbers ---- */

static void nop_answers_zero_and_is_counted(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_NOP), 0);
	assert_int_equal(vm_calls(vm, ABI_ABI_NOP), 1);
	assert_int_equal(vm_failed(vm, ABI_ABI_NOP), 0);
}

static void unknown_numbers_are_enosys(void **state)
{
	struct vm *vm = *state;
	const uint64_t numbers[] = { ABI_NUMBERS,       0x0003,    0x00ff, 0xffff, 0x10000,
				     UINT64_C(1) << 32, UINT64_MAX };
	const size_t count = sizeof numbers / sizeof *numbers;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(CALL(vm, numbers[i]), -ENOSYS);
	assert_int_equal(vm_calls(vm, ABI_NO_CALL), count);
	assert_int_equal(vm_refused(vm, GATE_UNKNOWN), count);
}

static void a_call_without_handler_is_enosys_and_probe_says_so(void **state)
{
	struct vm *vm = *state;

	/* Malformed, too: ENOSYS comes first. */
	assert_int_equal(CALL(vm, POSTERN_CALL_ENTROPY_READ, 1, UINT64_MAX, 3), -ENOSYS);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_PROBE, POSTERN_CALL_ENTROPY_READ),
			 POSTERN_ABI_PROBE_RESULT_KNOWN | POSTERN_ABI_PROBE_RESULT_PERMITTED);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_PROBE, POSTERN_CALL_CLOCK_READ),
			 POSTERN_ABI_PROBE_RESULT_KNOWN | POSTERN_ABI_PROBE_RESULT_HANDLED |
				 POSTERN_ABI_PROBE_RESULT_PERMITTED);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_PROBE, 0xffff), 0);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_PROBE, 0x10000), -EINVAL);
}

static void a_call_that_is_not_granted_is_eperm_before_anything_else(void **state)
{
	struct vm vm;
	char error[64];

	(void)state;
	create(&vm);
	assert_int_equal(gate_policy_allow(&vm.config.policy, "-clock", error, sizeof error), 0);
	vm_create(&vm);
	assert_int_equal(CALL(&vm, POSTERN_CALL_CLOCK_READ, UINT64_MAX, UINT64_MAX, 1), -EPERM);
	assert_int_equal(handled, 0);
	assert_int_equal(vm_refused(&vm, GATE_DENIED), 1);
	assert_int_equal(CALL(&vm, POSTERN_CALL_ABI_PROBE, POSTERN_CALL_CLOCK_READ),
			 POSTERN_ABI_PROBE_RESULT_KNOWN | POSTERN_ABI_PROBE_RESULT_HANDLED);
	/* `right always` needs no grant. */
	assert_int_equal(gate_policy_allow(&vm.config.policy, "-all", error, sizeof error), 0);
	gate_destroy(vm.gate);
	vm_create(&vm);
	assert_int_equal(CALL(&vm, POSTERN_CALL_ABI_NOP), 0);
	vm_destroy(&vm);
}

static void query_lists_the_calls_that_can_be_made(void **state)
{
	struct vm *vm = *state;
	struct postern_abi_info *info = vm_at(vm, 0x1000);

	*info = POSTERN_INIT(abi_info);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_QUERY, POSTERN_SECTION_RING, 0x1000), 0);
	assert_int_equal(info->section, POSTERN_SECTION_RING);
	assert_int_equal(info->major, POSTERN_ABI_MAJOR);
	assert_int_equal(info->minor, POSTERN_ABI_MINOR);
	assert_int_equal(info->calls, 0x7);
	assert_int_equal(info->limits[POSTERN_RING_LIMIT_IN_FLIGHT], 8);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_QUERY, POSTERN_SECTION_CLOCK, 0x1000), 0);
	assert_int_equal(info->calls, 0x1);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_QUERY, 200, 0x1000), 0);
	assert_int_equal(info->calls, 0);
}

/* ---- structs ---- */

static void an_out_struct_is_written_up_to_the_callers_size(void **state)
{
	struct vm *vm = *state;
	struct postern_clock_info *info = info_at(vm, 0x2000, sizeof *info);
	uint64_t *after = (uint64_t *)(info + 1);

	*after = 0x5555;
	info->clock = 99;
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, POSTERN_CLOCK_ID_REALTIME, 0x2000), 0);
	assert_int_equal(info->size, sizeof *info);
	assert_int_equal(info->clock, POSTERN_CLOCK_ID_REALTIME);
	assert_int_equal(info->nanoseconds, 1234567);
	assert_int_equal(info->resolution, 1000);
	assert_int_equal(*after, 0x5555);
}

static void a_larger_struct_needs_a_zero_tail(void **state)
{
	struct vm *vm = *state;
	struct postern_clock_info *info = info_at(vm, 0x2000, sizeof *info + 16);
	uint64_t *tail = (uint64_t *)(info + 1);

	tail[0] = tail[1] = 0;
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), 0);
	tail[1] = 1;
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), -E2BIG);
	assert_int_equal(handled, 1);
	assert_int_equal(vm_refused(vm, GATE_TOO_BIG), 1);
	assert_int_equal(tail[1], 1);
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
	struct vm *vm = *state;
	const struct {
		uint32_t size;
		int error;
	} cases[] = { { 0, EINVAL },   { 8, EINVAL },          { 16, EINVAL },
		      { 23, EINVAL },  { 25, EINVAL },         { 28, EINVAL },
		      { 4104, E2BIG }, { UINT32_MAX, EINVAL }, { UINT32_MAX - 7, E2BIG } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		info_at(vm, 0x2000, cases[i].size);
		assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), -cases[i].error);
	}
	assert_int_equal(handled, 0);
	memset(vm_at(vm, 0x2000), 0, 4096);
	info_at(vm, 0x2000, 4096);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), 0);
}

static void the_last_bytes_of_ram_are_usable_and_no_more(void **state)
{
	struct vm *vm = *state;
	uint64_t last = RAM_SIZE - sizeof(struct postern_clock_info);

	info_at(vm, last, sizeof(struct postern_clock_info));
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, last), 0);
	info_at(vm, last + 8, sizeof(struct postern_clock_info));
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, last + 8), -EFAULT);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, RAM_SIZE), -EFAULT);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, UINT64_MAX - 7), -EFAULT);
	assert_int_equal(vm_refused(vm, GATE_FAULT), 3);
}

static void released_pages_are_not_touched(void **state)
{
	struct vm *vm = *state;

	info_at(vm, 0x4ff8, 0)->size = 24; /* its second half lies in page 5 */
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x4ff8), 0);
	assert_int_equal(memory_release(&vm->memory, 5, 1), 0);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x4ff8), -EFAULT);
	assert_int_equal(memory_populate(&vm->memory, 5, 1), 0);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x4ff8), 0);
}

/* ---- the order of errors ---- */

static void the_lowest_rank_is_answered_whatever_the_order_of_arguments(void **state)
{
	struct vm *vm = *state;

	/* The second argument faults, the first and an unused register are malformed. */
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, RAM_SIZE), -EFAULT);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 63, RAM_SIZE), -EINVAL);
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, RAM_SIZE, 0, 0, 0, 1), -EINVAL);
	/* A bad handle ranks after a struct that is too large, which comes later in the registers. */
	struct postern_file_info *info = vm_at(vm, 0x3000);

	memset(info, 0, 4096);
	info->size = 4104;
	assert_int_equal(CALL(vm, POSTERN_CALL_FILE_INFO, 0x03000007, 0x3000), -E2BIG);
	info->size = sizeof *info;
	assert_int_equal(CALL(vm, POSTERN_CALL_FILE_INFO, 0x03000007, 0x3000), -EBADF);
	assert_int_equal(handled, 0);
}

static void unused_registers_must_be_zero(void **state)
{
	struct vm *vm = *state;

	for (unsigned i = 0; i < 6; i++) {
		uint64_t args[6] = { 0 };

		args[i] = UINT64_C(1) << (i * 9);
		assert_int_equal(gate_call(vm->gate, vm->vcpu, POSTERN_CALL_ABI_NOP, args), -EINVAL);
	}
	assert_int_equal(vm_refused(vm, GATE_MALFORMED), 6);
}

static void scalars_must_fit_their_type(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_QUERY, UINT64_C(1) << 32, 0x1000), -EINVAL);
	assert_int_equal(CALL(vm, POSTERN_CALL_ABI_QUERY, 256, 0x1000), -EINVAL);
}

/* ---- vectors ---- */

static void every_element_of_a_vector_is_checked(void **state)
{
	struct vm *vm = *state;
	struct postern_page_range *ranges = vm_at(vm, 0x8000);

	for (unsigned i = 0; i < 512; i++)
		ranges[i] = (struct postern_page_range){ .first = i, .count = 1 };
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8000, 512), 512);
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8000, 513), -EINVAL);
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8000, 0), -EINVAL);
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8004, 1), -EINVAL);
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, RAM_SIZE - 16, 2), -EFAULT);
	ranges[511].count = 0;
	assert_int_equal(CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8000, 512), -EINVAL);
	assert_int_equal(handled, 1);
}

/* ---- results ---- */

static void nothing_is_written_when_a_handler_fails(void **state)
{
	struct vm *vm = *state;
	struct postern_clock_info *info = info_at(vm, 0x2000, sizeof *info);

	info->nanoseconds = 42;
	answer = -EAGAIN;
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), -EAGAIN);
	assert_int_equal(info->nanoseconds, 42);
	assert_int_equal(vm_failed(vm, ABI_CLOCK_READ), 1);
	assert_int_equal(vm_refused(vm, GATE_LIMIT), 0); /* the gate did not refuse it */
}

static void an_error_that_is_not_declared_is_counted(void **state)
{
	struct vm *vm = *state;
	struct gate_stats stats;

	info_at(vm, 0x2000, sizeof(struct postern_clock_info));
	answer = -EXDEV;
	assert_int_equal(CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), -EXDEV);
	gate_read_stats(vm->gate, &stats);
	assert_int_equal(stats.undeclared, 1);
}

static void *complete_soon(void *arg)
{
	struct gate_frame *frame;

	(void)arg;
	while (!(frame = __atomic_load_n(&pending, __ATOMIC_ACQUIRE)))
		usleep(100);
	usleep(2000);
	gate_complete(frame, 0);
	return NULL;
}

static void a_trap_waits_for_an_async_call(void **state)
{
	struct vm *vm = *state;
	struct postern_file_info *info = vm_at(vm, 0x3000);
	postern_handle_t file;
	pthread_t thread;

	assert_int_equal(gate_handle_open(vm->gate, ABI_HANDLE_FILE, vm, NULL, 0, 0, &file), 0);
	memset(info, 0, sizeof *info);
	info->size = sizeof *info;
	pending = NULL;
	assert_int_equal(pthread_create(&thread, NULL, complete_soon, NULL), 0);
	assert_int_equal(CALL(vm, POSTERN_CALL_FILE_INFO, file, 0x3000), 0);
	assert_int_equal(info->inode, 77);
	pthread_join(thread, NULL);
	/* Once more: the frame must not still look complete. */
	pending = NULL;
	info->inode = 0;
	assert_int_equal(pthread_create(&thread, NULL, complete_soon, NULL), 0);
	assert_int_equal(CALL(vm, POSTERN_CALL_FILE_INFO, file, 0x3000), 0);
	assert_int_equal(info->inode, 77);
	pthread_join(thread, NULL);
}

/* ---- limits, levels, watching ---- */

static void rate_limited_calls_pass_a_token_bucket(void **state)
{
	struct vm vm;
	unsigned passed = 0;

	(void)state;
	create(&vm);
	vm.config.rate_per_second = 20;
	vm.config.rate_burst = 5;
	vm_create(&vm);
	info_at(&vm, 0x2000, sizeof(struct postern_clock_info));
	for (unsigned i = 0; i < 100; i++)
		passed += CALL(&vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000) == 0;
	/* The burst, and one more for each 50 ms that this took. */
	assert_in_range(passed, 5, 20);
	assert_int_equal(handled, passed);
	assert_int_equal(vm_refused(&vm, GATE_LIMIT), 100 - passed);
	assert_int_equal(CALL(&vm, POSTERN_CALL_CLOCK_READ, 99, 0x2000), -EINVAL); /* EAGAIN ranks last */
	usleep(120000);
	assert_int_equal(CALL(&vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000), 0);
	vm_destroy(&vm);
}

static void configurations_out_of_range_are_refused(void **state)
{
	struct vm vm;
	struct gate_vm *gate;

	(void)state;
	create(&vm);
	for (unsigned i = 0; i < 6; i++) {
		struct gate_config config = vm.config;

		if (i == 0)
			config.level = ABI_LEVELS;
		if (i == 1)
			config.vcpus = 0;
		if (i == 2)
			config.vcpus = POSTERN_HANDLE_VCPU_MAX + 1;
		if (i == 3)
			config.memory = NULL;
		if (i == 4)
			config.handlers = NULL;
		if (i == 5)
			config.in_flight = 4097;
		assert_int_equal(gate_create(&config, &gate), -EINVAL);
	}
	memory_destroy(&vm.memory);
}

static char line[512];

static void print_trace(void *context, const struct gate_trace *trace)
{
	(void)context;
	gate_trace_print(trace, line, sizeof line);
}

static void calls_are_traced_as_the_contract_names_them(void **state)
{
	struct vm *vm = *state;
	struct postern_page_range *ranges = vm_at(vm, 0x8000);

	info_at(vm, 0x2000, sizeof(struct postern_clock_info));
	gate_set_trace(vm->gate, print_trace, NULL);
	CALL(vm, POSTERN_CALL_CLOCK_READ, POSTERN_CLOCK_ID_REALTIME, 0x2000);
	assert_string_equal(line, "clock.read(clock=realtime, info={clock=realtime, nanoseconds=1234567, "
				  "resolution=1000}) = 0");
	CALL(vm, POSTERN_CALL_CLOCK_READ, 7, 0x2000);
	assert_string_equal(line, "clock.read(0x7, 0x2000, 0, 0, 0, 0) = -EINVAL");
	CALL(vm, 0x1234, 1);
	assert_string_equal(line, "0x1234(0x1, 0, 0, 0, 0, 0) = -ENOSYS");
	ranges[0] = (struct postern_page_range){ .first = 3, .count = 4 };
	CALL(vm, POSTERN_CALL_MEMORY_RELEASE, 0x8000, 1);
	assert_string_equal(line, "memory.release(ranges=[{first=3, count=4}]) = 1");
	gate_set_trace(vm->gate, NULL, NULL);
	line[0] = '\0';
	CALL(vm, POSTERN_CALL_ABI_NOP);
	assert_string_equal(line, "");
}

static void a_trace_is_cut_at_the_end_of_its_buffer(void **state)
{
	struct vm *vm = *state;
	const uint64_t args[6] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct gate_trace trace = { .vcpu = vm->vcpu, .number = 0x1234, .args = args, .result = -ENOSYS };
	char small[16];
	int whole = gate_trace_print(&trace, NULL, 0);

	assert_true(whole > 100);
	assert_int_equal(gate_trace_print(&trace, small, sizeof small), whole);
	assert_int_equal(strlen(small), sizeof small - 1);
}

static void time_is_measured_only_when_asked(void **state)
{
	struct vm *vm = *state;
	struct gate_stats stats;

	CALL(vm, POSTERN_CALL_ABI_NOP);
	gate_read_stats(vm->gate, &stats);
	assert_int_equal(stats.counts[GATE_TRAP][ABI_ABI_NOP].nanoseconds, 0);
	gate_set_timing(vm->gate, true);
	for (unsigned i = 0; i < 1000; i++)
		CALL(vm, POSTERN_CALL_ABI_NOP);
	gate_read_stats(vm->gate, &stats);
	assert_true(stats.counts[GATE_TRAP][ABI_ABI_NOP].nanoseconds > 0);
	assert_int_equal(stats.counts[GATE_TRAP][ABI_ABI_NOP].calls, 1001);
}

static void the_path_allocates_nothing(void **state)
{
	struct vm *vm = *state;
	size_t before;

	info_at(vm, 0x2000, sizeof(struct postern_clock_info));
	CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < 1000; i++)
		CALL(vm, POSTERN_CALL_CLOCK_READ, 0, 0x2000);
	assert_int_equal(mallinfo2().uordblks, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nop_answers_zero_and_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_numbers_are_enosys, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call_without_handler_is_enosys_and_probe_says_so, setup,
						teardown),
		cmocka_unit_test(a_call_that_is_not_granted_is_eperm_before_anything_else),
		cmocka_unit_test_setup_teardown(query_lists_the_calls_that_can_be_made, setup, teardown),
		cmocka_unit_test_setup_teardown(an_out_struct_is_written_up_to_the_callers_size, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_larger_struct_needs_a_zero_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_that_make_no_sense_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_bytes_of_ram_are_usable_and_no_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(released_pages_are_not_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(the_lowest_rank_is_answered_whatever_the_order_of_arguments,
						setup, teardown),
		cmocka_unit_test_setup_teardown(unused_registers_must_be_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(scalars_must_fit_their_type, setup, teardown),
		cmocka_unit_test_setup_teardown(every_element_of_a_vector_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_when_a_handler_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_that_is_not_declared_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_trap_waits_for_an_async_call, setup, teardown),
		cmocka_unit_test(rate_limited_calls_pass_a_token_bucket),
		cmocka_unit_test(configurations_out_of_range_are_refused),
		cmocka_unit_test_setup_teardown(calls_are_traced_as_the_contract_names_them, setup, teardown),
		cmocka_unit_test_setup_teardown(a_trace_is_cut_at_the_end_of_its_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(time_is_measured_only_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(the_path_allocates_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
