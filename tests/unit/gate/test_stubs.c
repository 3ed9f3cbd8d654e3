/* SPDX-License-Identifier: ISC */
/* test_stubs.c - the guest's generated stubs against the host's generated decoders: what goes in comes out. */
#include "fixture.h"

#include <postern/stubs.h>

static struct vm vm;

int64_t postern_hypercall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			  uint64_t a5)
{
	return vm_call(&vm, number, a0, a1, a2, a3, a4, a5);
}

uint64_t postern_address(const void *pointer)
{
	return (uint64_t)((const uint8_t *)pointer - vm.memory.base);
}

static int64_t serve_clock_read(struct gate_frame *frame, struct abi_clock_read *call)
{
	(void)frame;
	call->info.clock = call->clock;
	call->info.nanoseconds = 7;
	return 0;
}

static int64_t serve_console_write(struct gate_frame *frame, struct abi_console_write *call)
{
	(void)frame;
	assert_int_equal(call->stream, POSTERN_CONSOLE_STREAM_ERROR);
	assert_memory_equal(call->data.iov_base, "hello", 5);
	return (int64_t)call->data.iov_len;
}

static int64_t serve_block_write(struct gate_frame *frame, struct abi_block_write *call)
{
	(void)frame;
	assert_int_equal(call->sector, UINT64_C(1) << 40);
	assert_int_equal(call->data_count, 2);
	return (int64_t)call->data_bytes;
}

static int setup(void **state)
{
	(void)state;
	vm_prepare(&vm);
	vm.handlers.clock_read = serve_clock_read;
	vm.handlers.console_write = serve_console_write;
	vm.handlers.block_write = serve_block_write;
	vm_create(&vm);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(&vm);
	return 0;
}

static void stubs_cross_by_trap(void **state)
{
	struct postern_clock_info *info = vm_at(&vm, 0x1000);
	struct postern_segment *segments = vm_at(&vm, 0x2000);
	char *text = vm_at(&vm, 0x3000);
	postern_handle_t device;

	(void)state;
	assert_int_equal(postern_abi_nop(), 0);
	*info = POSTERN_INIT(clock_info);
	assert_int_equal(postern_clock_read(POSTERN_CLOCK_ID_REALTIME, info), 0);
	assert_int_equal(info->clock, POSTERN_CLOCK_ID_REALTIME);
	assert_int_equal(info->nanoseconds, 7);
	memcpy(text, "hello", 5);
	assert_int_equal(postern_console_write(POSTERN_CONSOLE_STREAM_ERROR, text, 5), 5);
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_BLOCK, &vm, NULL, UINT32_MAX, 0, &device), 0);
	segments[0] = (struct postern_segment){ .address = 0x4000, .length = 512 };
	segments[1] = (struct postern_segment){ .address = 0x5000, .length = 1024 };
	assert_int_equal(postern_block_write(device, UINT64_C(1) << 40, segments, 2), 1536);
}

static void stubs_cross_by_ring(void **state)
{
	struct postern_ring_setup *how = vm_at(&vm, 0x1000);
	struct postern_ring_guest *guest = vm_at(&vm, 0x10000);
	struct postern_ring_entry *entries = vm_at(&vm, 0x10000 + 128);
	struct postern_ring_completion *completions = (void *)(entries + 2);
	char *text = vm_at(&vm, 0x3000);

	(void)state;
	*how = POSTERN_INIT(ring_setup);
	how->base = 0x10000;
	how->submit_order = how->complete_order = 1;
	how->event = POSTERN_NO_HANDLE;
	assert_int_equal(postern_ring_setup(how), 0);
	memcpy(text, "hello", 5);
	postern_prepare_abi_nop(&entries[0], 1);
	postern_prepare_console_write(&entries[1], 2, POSTERN_CONSOLE_STREAM_ERROR, text, 5);
	guest->submit_tail = 2;
	assert_int_equal(postern_ring_enter(2, 2, UINT64_MAX), 2);
	assert_int_equal(completions[0].result, 0);
	assert_int_equal(completions[1].token, 2);
	assert_int_equal(completions[1].result, 5);
	assert_int_equal(postern_ring_close(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stubs_cross_by_trap, setup, teardown),
		cmocka_unit_test_setup_teardown(stubs_cross_by_ring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
