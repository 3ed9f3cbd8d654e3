/* SPDX-License-Identifier: ISC */
/*
 * gate.c - `postern bench gate`: what the host's side of a call costs, without any engine, against a
 * call through a pointer and a system call of the host, in the same run.
 */
#include "bench.h"
#include "measure.h"

#include "gate/gate.h"
#include "gate/handle.h"
#include "gate/ring.h"
#include "memory/memory.h"
#include "service/service.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUNDS = 31, MILLISECONDS = 10, BATCH = 256, SEGMENTS = 16, EXIT_USAGE = 2 };

/* Where things lie in the guest's memory. */
enum { STRUCT_AT = 0x1000, SEGMENTS_AT = 0x2000, RING_AT = 0x10000, RAM_SIZE = 1 << 20 };

struct bench {
	struct guest_memory memory;
	struct abi_handlers handlers;
	struct gate_vm *vm;
	struct gate_vcpu *vcpu;
	postern_handle_t device;
	struct postern_ring_guest *guest;
};

/* ---- handlers that do next to nothing ---- */

static int64_t serve_clock_read(struct gate_frame *frame, struct abi_clock_read *call)
{
	(void)frame;
	call->info.nanoseconds = 1;
	return 0;
}

static int64_t serve_callbacks(struct gate_frame *frame, struct abi_vcpu_callbacks *call)
{
	(void)frame;
	return (int64_t)(call->entries.event & 1);
}

static int64_t serve_block_write(struct gate_frame *frame, struct abi_block_write *call)
{
	(void)frame;
	return (int64_t)call->data_bytes;
}

/* ---- cases ---- */

static long answer_zero(long value)
{
	return value & 0;
}

static long (*volatile through_pointer)(long) = answer_zero;

static void run_pointer(void *context, uint64_t count)
{
	(void)context;
	while (count--)
		through_pointer((long)count);
}

static void run_getppid(void *context, uint64_t count)
{
	(void)context;
	while (count--)
		syscall(SYS_getppid);
}

static void must(int64_t result, int64_t wanted)
{
	if (result != wanted) {
		fprintf(stderr, "postern bench gate: a call answered %lld, not %lld\n", (long long)result,
			(long long)wanted);
		exit(EXIT_FAILURE);
	}
}

static void call_often(struct bench *bench, uint64_t number, const uint64_t args[6], int64_t wanted,
		       uint64_t count)
{
	while (count--)
		must(gate_call(bench->vm, bench->vcpu, number, args), wanted);
}

static void run_null(void *context, uint64_t count)
{
	call_often(context, POSTERN_CALL_ABI_NOP, (const uint64_t[6]){ 0 }, 0, count);
}

static void run_timed(void *context, uint64_t count)
{
	struct bench *bench = context;

	gate_set_timing(bench->vm, true);
	run_null(context, count);
	gate_set_timing(bench->vm, false);
}

static void run_struct_in(void *context, uint64_t count)
{
	struct bench *bench = context;
	struct postern_vcpu_callbacks *entries = (void *)(bench->memory.base + STRUCT_AT);

	*entries = POSTERN_INIT(vcpu_callbacks);
	call_often(bench, POSTERN_CALL_VCPU_CALLBACKS, (const uint64_t[6]){ STRUCT_AT }, 0, count);
}

static void run_struct_out(void *context, uint64_t count)
{
	struct bench *bench = context;
	struct postern_clock_info *info = (void *)(bench->memory.base + STRUCT_AT);

	*info = POSTERN_INIT(clock_info);
	call_often(bench, POSTERN_CALL_CLOCK_READ, (const uint64_t[6]){ 0, STRUCT_AT }, 0, count);
}

static void run_segments(void *context, uint64_t count)
{
	struct bench *bench = context;
	struct postern_segment *segments = (void *)(bench->memory.base + SEGMENTS_AT);

	for (unsigned i = 0; i < SEGMENTS; i++)
		segments[i] = (struct postern_segment){ .address = 0x20000 + 0x1000 * i, .length = 4096 };
	call_often(bench, POSTERN_CALL_BLOCK_WRITE,
		   (const uint64_t[6]){ bench->device, 0, SEGMENTS_AT, SEGMENTS }, SEGMENTS * 4096, count);
}

/* The entries stay as they are; only the indices move, as a guest that writes the same batch again would. */
static void run_batch(void *context, uint64_t count)
{
	struct bench *bench = context;

	while (count--) {
		memory_store_release_u32(&bench->guest->submit_tail, bench->guest->submit_tail + BATCH);
		must(gate_call(bench->vm, bench->vcpu, POSTERN_CALL_RING_ENTER, (const uint64_t[6]){ BATCH }),
		     BATCH);
		memory_store_release_u32(&bench->guest->complete_head, bench->guest->complete_head + BATCH);
	}
}

/* ---- the VM ---- */

static int create(struct bench *bench)
{
	struct gate_config config = {
		.memory = &bench->memory,
		.handlers = &bench->handlers,
		.level = ABI_LEVELS - 1,
		.vcpus = 1,
		.owner = bench,
	};
	char message[128];
	int error = memory_create(&bench->memory, RAM_SIZE);

	if (error)
		return error;
	service_abi(&bench->handlers);
	service_ring(&bench->handlers);
	bench->handlers.clock_read = serve_clock_read;
	bench->handlers.vcpu_callbacks = serve_callbacks;
	bench->handlers.block_write = serve_block_write;
	error = gate_policy_allow(&config.policy, "all", message, sizeof message);
	if (!error)
		error = gate_create(&config, &bench->vm);
	if (error)
		return error;
	bench->vcpu = gate_vcpu(bench->vm, 0);
	return gate_handle_open(bench->vm, ABI_HANDLE_BLOCK, bench, NULL, POSTERN_BLOCK_RIGHT_WRITE, 0,
				&bench->device);
}

static void create_ring(struct bench *bench)
{
	struct postern_ring_setup *setup = (void *)(bench->memory.base + STRUCT_AT);
	struct postern_ring_entry *entries = (void *)(bench->memory.base + RING_AT + 128);

	*setup = POSTERN_INIT(ring_setup);
	setup->base = RING_AT;
	setup->submit_order = setup->complete_order = 8;
	setup->event = POSTERN_NO_HANDLE;
	must(gate_call(bench->vm, bench->vcpu, POSTERN_CALL_RING_SETUP, (const uint64_t[6]){ STRUCT_AT }), 0);
	for (unsigned i = 0; i < BATCH; i++)
		entries[i] = (struct postern_ring_entry){ .call = POSTERN_CALL_ABI_NOP, .token = i };
	bench->guest = (void *)(bench->memory.base + RING_AT);
}

/* ---- results ---- */

static void print_table(const struct measure_case *cases, size_t count)
{
	double pointer = measure_find(cases, count, "pointer")->nanoseconds;
	double getppid_time = measure_find(cases, count, "getppid")->nanoseconds;

	printf("%-46s %9s %9s %9s %10s %10s\n", "the host's side of a call", "median ns", "least", "most",
	       "x pointer", "x getppid");
	for (size_t i = 0; i < count; i++)
		printf("%-46s %9.2f %9.2f %9.2f %10.2f %10.3f\n", cases[i].what, cases[i].nanoseconds,
		       cases[i].least, cases[i].most, cases[i].nanoseconds / pointer,
		       cases[i].nanoseconds / getppid_time);
	printf("processor time, medians of %d interleaved rounds of about %d ms each\n", ROUNDS,
	       MILLISECONDS);
}

static int print_json(const struct measure_case *cases, size_t count)
{
	json_t *list = json_array();
	json_t *whole = json_pack("{s:s, s:i, s:i, s:o}", "benchmark", "gate", "rounds", ROUNDS,
				  "milliseconds", MILLISECONDS, "cases", list);
	int error;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:f}", "name", cases[i].name,
						      "what", cases[i].what, "ns", cases[i].nanoseconds,
						      "least_ns", cases[i].least, "most_ns", cases[i].most));
	error = json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(whole);
	return error;
}

int bench_gate(int argc, char **argv)
{
	static struct bench bench;
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct measure_case cases[] = {
		{ .name = "pointer", .what = "function call through a pointer", .run = run_pointer },
		{ .name = "getppid", .what = "getppid, a system call of the host", .run = run_getppid },
		{ .name = "null", .what = "null call", .run = run_null, .context = &bench },
		{ .name = "null_timed",
		  .what = "null call, its time measured (--stats)",
		  .run = run_timed,
		  .context = &bench },
		{ .name = "struct_in",
		  .what = "extensible struct of 40 bytes in",
		  .run = run_struct_in,
		  .context = &bench },
		{ .name = "struct_out",
		  .what = "extensible struct of 24 bytes in and out",
		  .run = run_struct_out,
		  .context = &bench },
		{ .name = "segments",
		  .what = "handle and vector of 16 segments in",
		  .run = run_segments,
		  .context = &bench },
		{ .name = "batch",
		  .what = "null call in a batch of 256, per entry",
		  .run = run_batch,
		  .context = &bench,
		  .per_run = BATCH },
	};
	const size_t count = sizeof cases / sizeof *cases;
	int error;

	if (argc > 2 || (argc == 2 && !json)) {
		fprintf(stderr, "postern bench gate: takes no argument but --json\n");
		return EXIT_USAGE;
	}
	error = create(&bench);
	if (error) {
		fprintf(stderr, "postern bench gate: cannot make a VM: %s\n", strerror(-error));
		return EXIT_FAILURE;
	}
	create_ring(&bench);
	measure(cases, count, ROUNDS, MILLISECONDS);
	if (json)
		error = print_json(cases, count);
	else
		print_table(cases, count);
	gate_destroy(bench.vm);
	memory_destroy(&bench.memory);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
