/* SPDX-License-Identifier: ISC */
/*
 * gate_fuzz.c - the gate's fuzzer. It takes its input for a program of a hostile guest and of the host beside
 * it: calls by trap, batch and ring, made from the grammar and then spoiled, with all that they can refer to
 * changing meanwhile. What has to come of each step is known beforehand; see world.h, judge_call.h, rings.h.
 */
#include "levels.h"
#include "ram.h"
#include "rings.h"
#include "spoil_call.h"
#include "world.h"

#include "gate/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 200, FIRST_RING_PAGE = 32 };

static struct input *in = &world.input;

static unsigned draw_vcpu(void)
{
	return input_byte(in) % world.config.vcpus;
}

/* ---- calls ---- */

/* Values that are more often wrong, or at the edge of being so, than others. */
static uint64_t odd_value(void)
{
	static const uint64_t values[] = {
		0,
		1,
		7,
		8,
		63,
		64,
		4095,
		4096,
		4104,
		65535,
		65536,
		INT32_MAX,
		UINT32_MAX,
		INT64_MAX,
		UINT64_MAX,
		RAM_SIZE - 8,
		RAM_SIZE - 1,
		RAM_SIZE,
		RAM_SIZE - 4096,
		UINT64_C(1) << 63,
		POSTERN_NO_HANDLE,
		UINT64_MAX - 7,
	};
	uint8_t which = input_byte(in);

	if (which < 32)
		return UINT64_C(1) << (input_byte(in) % 64);
	if (which < 64)
		return input_word(in);
	return values[which % (sizeof values / sizeof *values)] + input_byte(in) % 3;
}

/* A store into what an argument points to, or anywhere. */
static void change_memory(const struct made_call *call)
{
	const struct made_place *at = &call->places[input_byte(in) % 6];
	uint64_t value = odd_value();
	uint64_t offset = input_number(in, at->size ? at->size - 1 : 4096);
	size_t bytes = 1U << input_byte(in) % 4;

	ram_store(at->at + offset / bytes * bytes, &value, bytes);
}

/* A struct of another size, perhaps with something in its tail. */
static void change_size(struct made_call *call)
{
	const struct grammar_call *grammar = &grammar_calls[call->ordinal];
	size_t index = grammar->arg_count ? input_byte(in) % grammar->arg_count : 0;
	uint32_t size = (uint32_t)input_number(in, 4096 / 8) * 8;
	uint8_t tail[4096] = { 0 };
	uint64_t at;

	if (!grammar->arg_count || grammar->args[index].kind != GRAMMAR_STRUCT ||
	    size < grammar_first_size(grammar->args[index].record))
		return;
	at = world.maker.place(&world.maker, size, 8);
	if (input_chance(in, 64))
		tail[input_byte(in) % size] = input_byte(in);
	if (judge_memory(&ram, call->places[index].at, call->places[index].size))
		memcpy(tail, ram.base + call->places[index].at,
		       size < call->places[index].size ? size : call->places[index].size);
	memcpy(tail, &size, sizeof size);
	ram_store(at, tail, size);
	call->places[index] = (struct made_place){ at, size };
	call->args[grammar->args[index].at] = at;
}

static void spoil(struct made_call *call)
{
	size_t arg = input_byte(in) % (grammar_calls[call->ordinal].arg_count + 1);
	struct spoiled spoiled;
	uint8_t how = input_byte(in);

	if (how < 160)
		spoil_call(&world.maker, call, arg, input_byte(in) % 64, &spoiled);
	else if (how < 192)
		change_memory(call);
	else if (how < 240)
		call->args[input_byte(in) % 6] = odd_value();
	else
		call->number = input_word(in) & 0x1fff;
}

/* A call that is valid as often as not. */
static void draw_call(struct made_call *call, unsigned ordinal)
{
	uint8_t how = input_byte(in);

	make_call(&world.maker, ordinal, call);
	if (how & 1 && how & 2)
		change_size(call);
	if (how >= 128)
		spoil(call);
	if (how >= 224)
		spoil(call);
}

static unsigned draw_ordinal(void)
{
	return ABI_NO_CALL + 1 + (input_byte(in) + (ABI_CALLS > 256 ? input_byte(in) : 0U)) % (ABI_CALLS - 1);
}

static void trap_call(unsigned vcpu, const struct made_call *call)
{
	world_trap(vcpu, call->number, call->args);
}

static void step_call(void)
{
	unsigned vcpu = draw_vcpu();
	struct made_call call;

	draw_call(&call, draw_ordinal());
	trap_call(vcpu, &call);
}

/* Registers of which nothing is known. */
static void step_raw_call(void)
{
	struct made_call call = { .number = odd_value() };

	if (input_chance(in, 192))
		call.number = abi_calls[draw_ordinal()].number;
	for (unsigned i = input_byte(in) % 7; i > 0; i--)
		call.args[i - 1] = odd_value();
	trap_call(draw_vcpu(), &call);
}

/* ---- rings ---- */

static void set_up_ring(unsigned vcpu)
{
	struct made_call call;
	struct postern_ring_setup setup;
	uint8_t how = input_byte(in);
	unsigned order = how & 1 && how & 2 ? input_byte(in) % 13 : input_byte(in) % 6;

	make_call(&world.maker, ABI_RING_SETUP, &call);
	if (!judge_memory(&ram, call.args[0], sizeof setup))
		return;
	memcpy(&setup, ram.base + call.args[0], sizeof setup);
	setup.size = (uint32_t)call.places[0].size;
	setup.flags = how & 4 && how & 8 ? 0 : POSTERN_RING_SETUP_FLAGS_POLLED;
	setup.base = (FIRST_RING_PAGE + (order > 5 ? 0 : 4 * vcpu)) * MEMORY_PAGE_SIZE;
	setup.submit_order = order;
	setup.complete_order = order + (how >> 4) % 3 - (how == 0xff);
	if (how & 64)
		setup.event = POSTERN_NO_HANDLE;
	ram_store(call.args[0], &setup, setup.size);
	if (how == 0xf7)
		spoil(&call);
	trap_call(vcpu, &call);
}

static struct postern_ring_guest *line_of(unsigned vcpu)
{
	return (struct postern_ring_guest *)(ram.base + rings_now(vcpu).base);
}

static void store_line(unsigned vcpu, size_t offset, uint32_t value)
{
	ram_store(rings_now(vcpu).base + offset, &value, sizeof value);
}

static void draw_entry(struct postern_ring_entry *entry)
{
	struct made_call call;
	uint8_t how = input_byte(in);

	if (how < 32) { /* cheap ones, so that a ring is soon full */
		*entry = (struct postern_ring_entry){ .call = POSTERN_CALL_ABI_NOP };
	} else {
		draw_call(&call, draw_ordinal());
		*entry = (struct postern_ring_entry){ .call = (uint16_t)call.number };
		memcpy(entry->args, call.args, sizeof entry->args);
	}
	entry->token = ++world.token;
	if (input_chance(in, 64))
		entry->flags = POSTERN_RING_ENTRY_FLAGS_QUIET;
	if (input_chance(in, 8))
		entry->flags = (uint16_t)input_word(in);
	if (input_chance(in, 8))
		entry->reserved = (uint32_t)odd_value();
}

/* Up to as many entries as there is room for, and sometimes more. */
static void submit(unsigned vcpu, uint32_t count)
{
	struct ring_now ring = rings_now(vcpu);
	uint32_t tail = line_of(vcpu)->submit_tail;
	uint32_t room = ring.entries - (tail - ring.submit_head);
	struct postern_ring_entry entry;

	if (room > ring.entries || count > room)
		count = room > ring.entries ? 0 : room;
	for (uint32_t i = 0; i < count; i++, tail++) {
		draw_entry(&entry);
		ram_store(ring.base + 128 + (tail & (ring.entries - 1)) * sizeof entry, &entry, sizeof entry);
	}
	store_line(vcpu, 0, tail);
}

/* As many as there is room for, at once, of a call that is soon done. */
static void flood(unsigned vcpu)
{
	struct ring_now ring = rings_now(vcpu);
	uint32_t tail = line_of(vcpu)->submit_tail;
	struct postern_ring_entry entry = { .call = POSTERN_CALL_ABI_NOP };
	uint8_t quiet = input_byte(in);

	for (uint32_t i = tail - ring.submit_head; i < ring.entries; i++, tail++) {
		entry.token = ++world.token;
		entry.flags = i % 8 < quiet % 9 ? POSTERN_RING_ENTRY_FLAGS_QUIET : 0;
		ram_store(ring.base + 128 + (tail & (ring.entries - 1)) * sizeof entry, &entry, sizeof entry);
	}
	store_line(vcpu, 0, tail);
}

static void consume(unsigned vcpu)
{
	uint32_t tail = ((struct postern_ring_host *)(line_of(vcpu) + 1))->complete_tail;
	uint32_t head = line_of(vcpu)->complete_head;

	store_line(vcpu, 4, input_chance(in, 192) ? tail : head + (uint32_t)input_number(in, tail - head));
	store_line(vcpu, 8, input_byte(in) & POSTERN_RING_GUEST_FLAGS_WANT_EVENT);
}

static void enter_ring(unsigned vcpu)
{
	struct made_call call = { .number = POSTERN_CALL_RING_ENTER };

	call.args[0] = input_chance(in, 192) ? 4096 : input_number(in, 4097);
	call.args[1] = input_chance(in, 96) ? input_number(in, rings_now(vcpu).completions + 1) : 0;
	call.args[2] = UINT64_MAX;
	trap_call(vcpu, &call);
}

static void poll_ring(unsigned vcpu)
{
	unsigned most = input_chance(in, 192) ? 4096 : input_byte(in);
	unsigned taken;

	world_enter();
	rings_begin_poll(vcpu, most);
	taken = gate_ring_poll(gate_vcpu(world.gate, vcpu), most);
	rings_end_poll(taken);
	world_leave();
}

static void doze_and_wake(unsigned vcpu)
{
	uint8_t how = input_byte(in);

	world_enter();
	if (how & 1) {
		rings_dozed(vcpu, gate_ring_doze(gate_vcpu(world.gate, vcpu)));
	}
	if (how & 2) {
		gate_ring_wake(gate_vcpu(world.gate, vcpu));
		rings_woken(vcpu);
	}
	world_leave();
}

static void close_ring(unsigned vcpu)
{
	struct made_call call = { .number = POSTERN_CALL_RING_CLOSE };

	trap_call(vcpu, &call);
}

/* Indices that make no sense, or make another one; entries and completions that are changed meanwhile. */
static void scribble(unsigned vcpu)
{
	struct ring_now ring = rings_now(vcpu);
	uint8_t how = input_byte(in);
	uint64_t value = odd_value();

	if (how < 128)
		store_line(vcpu, how & 4, line_of(vcpu)->submit_tail + (uint32_t)value);
	else if (how < 224)
		ram_store(ring.base + 128 + input_number(in, ring.entries - 1) * 64 + how % 8 * 8, &value, 8);
	else
		ram_store(ring.base + input_number(in, ring.size - 8), &value, 8);
}

static void step_ring(void)
{
	unsigned vcpu = draw_vcpu();
	uint8_t what = input_byte(in) % 32;

	if (!rings_now(vcpu).active)
		set_up_ring(vcpu);
	else if (what < 16)
		submit(vcpu, 1 + input_byte(in) % 16);
	else if (what == 16)
		flood(vcpu);
	else if (what < 20)
		consume(vcpu);
	else if (what == 20)
		scribble(vcpu);
	else if (what == 21)
		doze_and_wake(vcpu);
	else if (what == 22)
		close_ring(vcpu);
	else if (what == 23)
		set_up_ring(vcpu);
	/* What was scribbled may also be found later, and elsewhere. */
	if (!rings_now(vcpu).active || what == 20)
		return;
	if (rings_now(vcpu).polled && !input_chance(in, 32))
		poll_ring(vcpu);
	else if (what < 30)
		enter_ring(vcpu);
}

/* ---- the host ---- */

static void step_objects(void)
{
	uint8_t what = input_byte(in) % 8;

	if (what < 4)
		world_open_object();
	else if (what < 6)
		world_close_object();
	else if (what == 6)
		world_change_object();
	else if (input_chance(in, 32))
		world_reuse_slots();
}

/* Either way, what the pages held is gone. */
static void move_pages(int (*move)(struct guest_memory *memory, uint64_t first, uint64_t count),
		       uint64_t page, uint64_t count)
{
	static const uint8_t zero[4096];

	if (move(&ram, page, count))
		return;
	for (uint64_t i = 0; i < count; i++)
		ram_expect(ram.base + (page + i) * sizeof zero, zero, sizeof zero);
}

static void step_pages(void)
{
	uint64_t page = input_byte(in) % RAM_PAGES;
	uint64_t count = 1 + input_byte(in) % 4;
	uint8_t what = input_byte(in) % 8;

	if (what < 3)
		move_pages(memory_release, page, count);
	else if (what < 6)
		move_pages(memory_populate, page, count);
	else if (what == 6)
		p2m_change(&ram, page, P2M_OWNED, count & 1 ? P2M_DEVICE : P2M_HOLE);
	else if (p2m_get(&ram, (gpa_t){ page * MEMORY_PAGE_SIZE }) != P2M_SHARED)
		p2m_change(&ram, page, count & 1 ? P2M_DEVICE : P2M_HOLE, P2M_OWNED);
}

static void step_complete(void)
{
	uint8_t how = input_byte(in);

	world_enter();
	for (unsigned i = 0; i <= how % 8U && world.pending_count; i++) {
		size_t index = input_byte(in) % world.pending_count;

		world_complete(index, world_draw_result(world.pending[index].ordinal));
	}
	world_leave();
}

static void step_observe(void)
{
	uint8_t how = input_byte(in);

	world_observe(how & 1, how & 2);
	if (how >= 250 && !world.stopped) {
		world.stopped = true;
		gate_stop(world.gate);
	}
}

static void step(void)
{
	uint8_t what = input_byte(in);

	if (what < 96)
		step_call();
	else if (what < 112)
		step_raw_call();
	else if (what < 200)
		step_ring();
	else if (what < 220)
		step_complete();
	else if (what < 232)
		step_objects();
	else if (what < 246)
		step_pages();
	else
		step_observe();
}

/* ---- the program ---- */

static void report(void)
{
	unsigned count = 0;

	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++)
		count += reached[i] > 0;
	fprintf(stderr, "calls reached: %u of %u\n", count, ABI_CALLS - 1);
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (!reached[i])
			fprintf(stderr, "not reached: %s\n", abi_calls[i].name);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	atexit(report);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_begin(data, size);
	for (unsigned i = 0; i < MOST_STEPS && !input_is_used_up(in); i++)
		step();
	world_end();
	return 0;
}
