/* SPDX-License-Identifier: ISC */
/*
 * test_copies.c - guest memory that another thread changes without a pause. Whatever a handler gets must
 * have passed its checks and must stay as it is: a second fetch would show a value that did not.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { CALLS = 100000, AT = 0x3000 };

static struct vm vm;
static _Atomic bool over;
static unsigned handled, violations;
static uint64_t hash;

/* Each pair: a valid and an invalid word, which the flipper writes in turn. */
struct flip {
	uint64_t address;
	uint64_t good;
	uint64_t bad;
};

static struct flip flips[4];
static unsigned flip_count;

/* Changes one word at a time, so that each is good and bad about as often, in all combinations. */
static void *flip_all(void *arg)
{
	bool bad[4] = { false };

	(void)arg;
	for (unsigned step = 0; !atomic_load_explicit(&over, memory_order_relaxed); step++) {
		unsigned i = step % flip_count;

		bad[i] = !bad[i];
		memory_store_u64(vm_at(&vm, flips[i].address), bad[i] ? flips[i].bad : flips[i].good);
		/* Of uneven length, or the flips fall in step with the calls. */
		for (unsigned pause = (step * 7) % 61; pause; pause--)
			__asm__ volatile("pause");
	}
	return NULL;
}

static uint64_t sum(const void *copy, size_t size)
{
	const uint8_t *byte = copy;
	uint64_t value = 14695981039346656037U;

	for (size_t i = 0; i < size; i++)
		value = (value ^ byte[i]) * 1099511628211U;
	return value;
}

/* Sees that the copy holds only what may pass, and that it is the same at both ends of a pause. */
static int64_t judge(bool valid, const void *copy, size_t size)
{
	uint64_t before = sum(copy, size);

	for (unsigned i = 0; i < 50; i++)
		__asm__ volatile("pause" ::: "memory");
	handled++;
	violations += !valid || sum(copy, size) != before;
	hash ^= before;
	return 0;
}

static int64_t serve_timer(struct gate_frame *frame, struct abi_timer_set *call)
{
	const struct postern_timer_set *how = &call->how;

	(void)frame;
	return judge(how->size == sizeof *how && how->clock <= 1 && how->flags <= 1 && !how->reserved, how,
		     sizeof *how);
}

static int64_t serve_release(struct gate_frame *frame, struct abi_memory_release *call)
{
	bool valid = call->ranges_count == 3;

	(void)frame;
	for (uint32_t i = 0; i < call->ranges_count; i++)
		valid &= call->ranges[i].count >= 1 && call->ranges[i].count <= 0x4000 &&
			 call->ranges[i].first <= UINT64_MAX - call->ranges[i].count;
	return judge(valid, call->ranges, 3 * sizeof *call->ranges);
}

static int64_t serve_remove(struct gate_frame *frame, struct abi_file_remove *call)
{
	(void)frame;
	return judge(strlen(call->path) == call->path_length, call->path, call->path_length);
}

static int64_t serve_block_read(struct gate_frame *frame, struct abi_block_read *call)
{
	const uint8_t *ram = vm.memory.base;
	uint64_t bytes = 0;
	bool valid = true;

	(void)frame;
	for (uint32_t i = 0; i < call->data_count; i++) {
		const uint8_t *start = call->data[i].iov_base;

		bytes += call->data[i].iov_len;
		valid &= start >= ram && call->data[i].iov_len <= RAM_SIZE &&
			 start + call->data[i].iov_len <= ram + RAM_SIZE;
	}
	return judge(valid && bytes == call->data_bytes && bytes <= 0x1000000, call->data,
		     2 * sizeof *call->data);
}

static void flip_word(uint64_t address, uint64_t good, uint64_t bad)
{
	memory_store_u64(vm_at(&vm, address), good);
	flips[flip_count++] = (struct flip){ address, good, bad };
}

static int setup(void **state)
{
	(void)state;
	vm_prepare(&vm);
	vm.handlers.timer_set = serve_timer;
	vm.handlers.memory_release = serve_release;
	vm.handlers.file_remove = serve_remove;
	vm.handlers.block_read = serve_block_read;
	vm_create(&vm);
	over = false;
	handled = violations = flip_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vm_destroy(&vm);
	return 0;
}

/* Makes a call again and again while its input flips. Both outcomes must occur, or nothing was tried. */
static void call_under_attack(uint64_t number, const uint64_t args[6])
{
	pthread_t thread;
	unsigned refused = 0;
	unsigned calls = 0;

	assert_int_equal(pthread_create(&thread, NULL, flip_all, NULL), 0);
	while (calls < CALLS || ((!refused || !handled) && calls < 100 * CALLS)) {
		refused += gate_call(vm.gate, vm.vcpu, number, args) < 0;
		calls++;
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	print_message("# %u handled, %u refused\n", handled, refused);
	assert_int_equal(handled + refused, calls);
	assert_true(handled > 0);
	assert_true(refused > 0);
	assert_int_equal(violations, 0);
}

static void a_struct_is_fetched_once(void **state)
{
	postern_handle_t event;

	(void)state;
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_EVENT, &vm, NULL, UINT32_MAX, 0, &event), 0);
	/* size and clock; flags and reserved */
	flip_word(AT, sizeof(struct postern_timer_set) | UINT64_C(1) << 32, 8 | UINT64_C(77) << 32);
	flip_word(AT + 8, 1, UINT64_MAX);
	call_under_attack(POSTERN_CALL_TIMER_SET, (const uint64_t[6]){ event, AT });
}

static void a_vector_is_fetched_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		memory_store_u64(vm_at(&vm, AT + 16 * i), 5);
		flip_word(AT + 16 * i + 8, 1, UINT64_MAX);
	}
	call_under_attack(POSTERN_CALL_MEMORY_RELEASE, (const uint64_t[6]){ AT, 3 });
}

static void a_string_is_fetched_once(void **state)
{
	postern_handle_t dir;

	(void)state;
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_FILE, &vm, NULL, UINT32_MAX, 0, &dir), 0);
	memset(vm_at(&vm, AT), 'a', 64);
	flip_word(AT + 24, 0x6161616161616161, 0x6161006161616161);
	call_under_attack(POSTERN_CALL_FILE_REMOVE, (const uint64_t[6]){ dir, AT, 64 });
}

static void segments_are_fetched_once(void **state)
{
	postern_handle_t device;

	(void)state;
	assert_int_equal(gate_handle_open(vm.gate, ABI_HANDLE_BLOCK, &vm, NULL, UINT32_MAX, 0, &device), 0);
	flip_word(AT, 0x8000, RAM_SIZE - 16);
	memory_store_u64(vm_at(&vm, AT + 8), 512);
	memory_store_u64(vm_at(&vm, AT + 16), 0x9000);
	flip_word(AT + 24, 512, UINT64_MAX - 100);
	call_under_attack(POSTERN_CALL_BLOCK_READ, (const uint64_t[6]){ device, 0, AT, 2 });
}

/* An entry of a batch whose call, flags and arguments change while it is taken. */
static void an_entry_is_fetched_once(void **state)
{
	struct postern_ring_setup *how = vm_at(&vm, 0x2000);
	struct postern_ring_guest *guest = vm_at(&vm, 0x10000);
	struct postern_ring_completion *completions = vm_at(&vm, 0x10000 + 128 + 64);
	unsigned outcomes[3] = { 0 };
	pthread_t thread;

	(void)state;
	*how = POSTERN_INIT(ring_setup);
	how->base = 0x10000;
	how->event = POSTERN_NO_HANDLE;
	assert_int_equal(CALL(&vm, POSTERN_CALL_RING_SETUP, 0x2000), 0);
	flip_word(0x10000 + 128, POSTERN_CALL_ABI_NOP, 0x7777 | UINT64_C(1) << 32);
	flip_word(0x10000 + 128 + 16, 0, 5);
	assert_int_equal(pthread_create(&thread, NULL, flip_all, NULL), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		memory_store_release_u32(&guest->submit_tail, i + 1);
		assert_int_equal(CALL(&vm, POSTERN_CALL_RING_ENTER, 1, 0, 0), 1);
		/* Call and reserved field change together, so malformed can only be the argument. */
		int64_t result = completions[0].result;

		outcomes[result == 0 ? 0 : result == -ENOSYS ? 1 : 2]++;
		assert_true(result == 0 || result == -ENOSYS || result == -EINVAL);
		memory_store_release_u32(&guest->complete_head, i + 1);
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	print_message("# %u answered, %u unknown, %u malformed\n", outcomes[0], outcomes[1], outcomes[2]);
	assert_int_equal(vm_refused(&vm, GATE_UNKNOWN), outcomes[1]);
	assert_int_equal(vm_refused(&vm, GATE_MALFORMED), outcomes[2]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_struct_is_fetched_once), TEST(a_vector_is_fetched_once),
		TEST(a_string_is_fetched_once), TEST(segments_are_fetched_once),
		TEST(an_entry_is_fetched_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
