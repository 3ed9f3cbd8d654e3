/* SPDX-License-Identifier: ISC */
/* world.c - see world.h. There is one world at a time. */
#include "world.h"

#include "call_copy.h"
#include "levels.h"
#include "rings.h"

#include "gate/handle.h"
#include "gate/ring.h"
#include "service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_SERIALS = 1 << 16, LARGEST_RECORD = 4096, MOST_ANSWERS = 6, ARENA_PAGE = 1 };

struct world world;
uint64_t reached[ABI_CALLS];

static bool released[MOST_SERIALS]; /* by serial */
static unsigned last_serial;
static struct timespec began;

/* Structs that the gate will write when the handler has returned. */
static struct {
	uint8_t *host;
	size_t size;
	uint8_t bytes[LARGEST_RECORD];
} answers[MOST_ANSWERS];

static unsigned answer_count;

/* ---- objects ---- */

struct body {
	unsigned serial;
};

static void release(void *object)
{
	struct body *body = object;

	if (released[body->serial])
		die("an object is released twice");
	released[body->serial] = true;
	free(body);
}

static struct object *find_object(enum abi_handle_kind kind, uint64_t handle)
{
	for (size_t i = 0; i < world.object_count; i++) {
		struct object *object = &world.objects[i];

		if (object->open && object->kind == kind && object->handle == handle)
			return object;
	}
	return NULL;
}

/* A place for a new object: one that nobody needs to know any more, if there is no other. */
static struct object *free_object(void)
{
	if (world.object_count < MOST_OBJECTS)
		return &world.objects[world.object_count++];
	for (size_t i = 0; i < MOST_OBJECTS; i++) {
		if (!world.objects[i].open && !world.objects[i].users)
			return &world.objects[i];
	}
	return NULL;
}

static bool open_object(enum abi_handle_kind kind, uint32_t rights, uint32_t state)
{
	struct object *object = free_object();
	struct body *body;
	int error;

	if (!object || last_serial + 1 == MOST_SERIALS)
		return false;
	body = malloc(sizeof *body);
	body->serial = ++last_serial;
	released[last_serial] = false;
	*object = (struct object){
		.kind = kind, .rights = rights, .state = state, .serial = last_serial, .body = body
	};
	error = gate_handle_open(world.gate, kind, body, release, rights, state, &object->handle);
	if (error) {
		if (error != -EAGAIN)
			die("a handle cannot be opened: %d", error);
		free(body);
		released[object->serial] = true;
		return false;
	}
	object->open = true;
	return true;
}

void world_open_object(void)
{
	enum abi_handle_kind kind = (enum abi_handle_kind)(input_byte(&world.input) % ABI_HANDLE_KINDS);
	uint32_t rights = input_chance(&world.input, 128) ? UINT32_MAX : input_byte(&world.input);

	open_object(kind, rights, input_byte(&world.input) % 4);
}

static void close_object(struct object *object)
{
	object->open = false;
	if (gate_handle_close(world.gate, object->kind, object->handle))
		die("an open handle cannot be closed");
	if (gate_handle_close(world.gate, object->kind, object->handle) != -EBADF)
		die("a handle is closed twice");
}

static struct object *draw_object(void)
{
	return world.object_count ? &world.objects[input_byte(&world.input) % world.object_count] : NULL;
}

void world_close_object(void)
{
	struct object *object = draw_object();

	if (object && object->open)
		close_object(object);
}

void world_change_object(void)
{
	struct object *object = draw_object();
	uint32_t from = input_byte(&world.input) % 4;
	uint32_t to = input_byte(&world.input) % 4;

	if (!object)
		return;
	if (gate_handle_change(world.gate, object->kind, object->handle, from, to) !=
	    (object->open && object->state == from))
		die("a state has changed, or has not");
	if (object->open && object->state == from)
		object->state = to;
}

/* Until a slot is used again; with every generation, if there are few of them. */
void world_reuse_slots(void)
{
	enum abi_handle_kind kind = (enum abi_handle_kind)(input_byte(&world.input) % ABI_HANDLE_KINDS);
	postern_handle_t handle;

	for (unsigned i = 0; i < 300; i++) {
		if (gate_handle_open(world.gate, kind, NULL, NULL, 0, 0, &handle))
			return;
		if (find_object(kind, handle) || gate_handle_close(world.gate, kind, handle))
			die("a handle is given twice");
	}
}

/* Objects live as long as they are open or used, and no longer. */
static void check_objects(void)
{
	for (size_t i = 0; i < world.object_count; i++) {
		const struct object *object = &world.objects[i];

		if (object->serial && released[object->serial] != (!object->open && !object->users))
			die("an object is %s", released[object->serial] ? "released too soon" : "kept");
	}
}

static bool find_for_judge(struct judge *judge, enum abi_handle_kind kind, uint32_t handle,
			   struct judge_object *found)
{
	const struct object *object = find_object(kind, handle);

	(void)judge;
	if (object)
		*found = (struct judge_object){ object->body, object->rights, object->state };
	return object;
}

/* ---- what a maker draws ---- */

static uint64_t draw(struct maker *maker, uint64_t most)
{
	(void)maker;
	return input_number(&world.input, most);
}

static uint64_t place_in_arena(uint64_t size, uint64_t align)
{
	uint64_t at = (world.arena + align - 1) / align * align;

	if (size > HOLE_PAGE * MEMORY_PAGE_SIZE - at) /* over what was there before, or over the edge */
		at = ARENA_PAGE * MEMORY_PAGE_SIZE;
	world.arena = at + size < HOLE_PAGE * MEMORY_PAGE_SIZE ? at + size : ARENA_PAGE * MEMORY_PAGE_SIZE;
	return at;
}

static uint64_t place(struct maker *maker, uint64_t size, uint64_t align)
{
	uint8_t how = input_byte(&world.input);
	uint64_t page = (input_byte(&world.input) % (RAM_PAGES + 1)) * MEMORY_PAGE_SIZE;

	(void)maker;
	if (how < 208)
		return place_in_arena(size, align);
	if (how < 220) /* up to a page's end, or over it */
		return (page - size + input_number(&world.input, size)) / align * align;
	if (how < 228) /* up to the end of RAM */
		return (RAM_SIZE - size) / align * align;
	if (how < 236)
		return page;
	if (how < 244)
		return input_number(&world.input, RAM_SIZE) / align * align;
	if (how < 248)
		return HOLE_PAGE * MEMORY_PAGE_SIZE - input_number(&world.input, size) / align * align;
	return input_word(&world.input);
}

static bool is_of_sort(const struct object *object, const struct grammar_field *arg, enum made_handle sort)
{
	bool has_rights = (object->rights & arg->rights) == arg->rights;
	bool has_state = arg->state < 0 || object->state == (uint32_t)arg->state;

	if (sort == MADE_OTHER_KIND)
		return object->open && object->kind != arg->handle;
	if (object->kind != arg->handle || object->open == (sort == MADE_CLOSED))
		return false;
	return sort == MADE_CLOSED || (sort == MADE_GOOD && has_rights && has_state) ||
	       (sort == MADE_NO_RIGHT && !has_rights) ||
	       (sort == MADE_OTHER_STATE && has_rights && !has_state);
}

/* Of some kinds there may be so few that another one has to go. */
static void open_fitting(const struct grammar_field *arg)
{
	uint32_t rights = arg->rights | input_byte(&world.input);
	uint32_t state = arg->state >= 0 ? (uint32_t)arg->state : 0;

	for (size_t i = 0; !open_object(arg->handle, rights, state) && i < world.object_count; i++) {
		struct object *object = &world.objects[i];

		if (object->open && object->kind == arg->handle)
			close_object(object);
	}
}

/* One that fits is opened if there is none, more often than not. */
static bool handle(struct maker *maker, const struct grammar_field *arg, enum made_handle sort,
		   postern_handle_t *result)
{
	size_t first = world.object_count ? input_byte(&world.input) % world.object_count : 0;

	(void)maker;
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < world.object_count; i++) {
			const struct object *object = &world.objects[(first + i) % world.object_count];

			if (is_of_sort(object, arg, sort)) {
				*result = object->handle;
				return true;
			}
		}
		if (sort != MADE_GOOD || input_chance(&world.input, 16))
			return false;
		open_fitting(arg);
	}
	return false;
}

static void store(struct maker *maker, uint64_t at, const void *from, uint64_t size)
{
	(void)maker;
	ram_store(at, from, size);
}

static void looked(struct judge *judge, uint64_t at, uint64_t size)
{
	(void)judge;
	loads_allow(at, size);
	rings_looked(at, size);
}

/* ---- counting ---- */

void world_count_call(enum gate_crossing crossing, unsigned ordinal)
{
	world.tally.calls[crossing][ordinal]++;
}

void world_count_answer(enum gate_crossing crossing, unsigned ordinal, int64_t result)
{
	world.tally.failed[crossing][ordinal] += result < 0;
	world.traces_wanted += world.observed;
}

void world_count_refusal(enum gate_crossing crossing, unsigned ordinal, enum gate_refusal refusal)
{
	world_count_call(crossing, ordinal);
	world_count_answer(crossing, ordinal, -1);
	world.tally.refused[refusal]++;
}

static void check_tally(void)
{
	static struct gate_stats stats;

	gate_read_stats(world.gate, &stats);
	if (stats.undeclared)
		die("%llu errors count as undeclared", (unsigned long long)stats.undeclared);
	for (unsigned i = 0; i < GATE_CROSSINGS; i++) {
		for (unsigned j = 0; j < ABI_CALLS; j++) {
			const struct gate_count *count = &stats.counts[i][j];

			if (count->failed > count->calls)
				die("%s: more calls have failed than were made", abi_calls[j].name);
			if (!world.tally.unsure && (count->calls != world.tally.calls[i][j] ||
						    count->failed != world.tally.failed[i][j]))
				die("%s by %s: %llu calls and %llu failures are counted, not %llu and %llu",
				    abi_calls[j].name, gate_crossing_name(i),
				    (unsigned long long)count->calls, (unsigned long long)count->failed,
				    (unsigned long long)world.tally.calls[i][j],
				    (unsigned long long)world.tally.failed[i][j]);
		}
	}
	for (unsigned i = 0; i < GATE_REFUSALS && !world.tally.unsure; i++) {
		if (stats.refused[i] != world.tally.refused[i])
			die("%llu refusals are counted as %s, not %llu", (unsigned long long)stats.refused[i],
			    gate_refusal_name(i), (unsigned long long)world.tally.refused[i]);
	}
}

/* Tokens come back with time, which is not the input's: after a while nobody knows. */
int world_take_token(void)
{
	struct timespec now;

	if (!world.config.rate_per_second)
		return 1;
	if (world.tally.unsure)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000 > 900)
		return -1;
	if (!world.tokens)
		return 0;
	world.tokens--;
	return 1;
}

/* ---- handlers ---- */

/* Of all bytes of a call's arguments. */
static uint64_t sum_of(unsigned ordinal, const void *args)
{
	const uint8_t *bytes = args;
	uint64_t sum = 0;

	for (size_t i = 0; i < abi_calls[ordinal].args_size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

int64_t world_draw_result(unsigned ordinal)
{
	uint8_t how = input_byte(&world.input);
	const uint64_t *errors = abi_calls[ordinal].errors;

	if (how < 128)
		return 0;
	if (how < 160)
		return (int64_t)(input_word(&world.input) >> 1);
	if (how < 192)
		return how;
	for (unsigned i = 0, error = how; i < 192; i++, error++) {
		if (errors[error % 192 / 64] >> error % 64 & 1)
			return -(int64_t)(error % 192);
	}
	return 0;
}

static void use_span(void *context, const struct grammar_field *arg, const struct iovec *span)
{
	uint8_t bytes[4096];

	(void)context;
	memset(bytes, 0xb0 + (int)(span->iov_len % 16), sizeof bytes);
	for (size_t i = 0; i < span->iov_len; i += sizeof bytes) {
		uint8_t *at = (uint8_t *)span->iov_base + i;
		size_t size = span->iov_len - i < sizeof bytes ? span->iov_len - i : sizeof bytes;

		if (arg->direction == GRAMMAR_OUT) {
			memcpy(at, bytes, size);
			ram_expect(at, bytes, size);
		} else {
			memcpy(bytes, at, size);
			__asm__ volatile("" : : "r"(bytes) : "memory");
		}
	}
}

/* What the gate is going to write: the structs as they are now. */
static void expect_answers(unsigned ordinal, void *args)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];
		const struct gate_place *to;

		if (arg->kind != GRAMMAR_STRUCT || arg->direction == GRAMMAR_IN)
			continue;
		to = copy_place(args, arg);
		answers[answer_count].host = to->host + sizeof(uint32_t);
		answers[answer_count].size = to->size - sizeof(uint32_t);
		memcpy(answers[answer_count++].bytes, copy_of(args, arg) + sizeof(uint32_t),
		       to->size - sizeof(uint32_t));
	}
}

static void flush_answers(void)
{
	for (unsigned i = 0; i < answer_count; i++)
		ram_expect(answers[i].host, answers[i].bytes, answers[i].size);
	answer_count = 0;
}

static bool has_answers(unsigned ordinal)
{
	return abi_calls[ordinal].give;
}

/* Uses all that the arguments give: spans, objects, and the structs to be answered. */
static void use_arguments(const struct gate_vm *vm, unsigned ordinal, void *args)
{
	watch_each_span(vm, ordinal, args, use_span, NULL);
	watch_fill(ordinal, args, (uint8_t)(0xa0 + ordinal % 16));
}

/* Adds the objects of a call, and sees that they are alive. */
static void collect_used(unsigned ordinal, void *args, struct pending *call)
{
	const struct grammar_call *grammar = &grammar_calls[ordinal];

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];
		struct object *object;
		struct body *body;

		if (arg->kind != GRAMMAR_HANDLE || !*copy_object(args, arg))
			continue;
		body = *copy_object(args, arg);
		object = find_object(arg->handle, copy_load(copy_of(args, arg), sizeof(postern_handle_t)));
		if (!object || object->body != body || body->serial != object->serial)
			die("%s: %s is another object", abi_calls[ordinal].name, arg->name);
		call->used[call->used_count++] = object;
	}
}

/* A handle as it comes inside a struct. */
static void find_inside(struct gate_frame *frame, struct pending *call)
{
	struct object *wanted = draw_object();
	uint32_t rights = input_byte(&world.input) & 3;
	void *found = NULL;
	int expected = -EBADF;
	int error;

	if (!wanted)
		return;
	if (wanted->open && call->used_count < MOST_USED)
		expected = rights & ~wanted->rights ? -EACCES : 0;
	error = gate_handle_find(frame, wanted->kind, wanted->handle, rights, &found);
	if (error != expected || (!error && found != wanted->body))
		die("a handle is found, or not: %d, not %d", error, expected);
	/* One that lacks a right is held all the same. */
	if (error != -EBADF)
		call->used[call->used_count++] = wanted;
}

static void keep(const struct pending *call)
{
	struct pending *kept = &world.pending[world.pending_count++];

	*kept = *call;
	kept->sum = sum_of(call->ordinal, call->args);
	for (unsigned i = 0; i < kept->used_count; i++)
		kept->used[i]->users++;
}

/* The handler of an async call that does not answer at once. */
static int64_t pend(const struct pending *call, bool is_trap)
{
	bool now = is_trap || world.no_pending || world.pending_count == MOST_PENDING ||
		   input_chance(&world.input, 64);
	int64_t result;

	/* While the ring is in the gate's hands, nobody can tell when the structs are written. */
	if (!is_trap && has_answers(call->ordinal) && now)
		return world_draw_result(call->ordinal);
	if (!now) {
		keep(call);
		return GATE_PENDING;
	}
	result = world_draw_result(call->ordinal);
	if (is_trap) {
		world.result = result;
		if (result >= 0)
			expect_answers(call->ordinal, call->args);
	} else {
		rings_expect(call->vcpu, call->token, call->quiet, result);
		rings_completed_early();
		world_count_answer(rings_crossing(), call->ordinal, result);
	}
	gate_complete(call->frame, result);
	return GATE_PENDING;
}

static int64_t behave(struct gate_frame *frame, struct pending *call, bool is_trap)
{
	uint8_t how = input_byte(&world.input);

	use_arguments(gate_frame_vm(frame), call->ordinal, call->args);
	if (how & 1 && how & 2)
		find_inside(frame, call);
	if (how & 4 && how & 8)
		world_close_object();
	if (how & 16 && how & 32)
		world_change_object();
	if (abi_calls[call->ordinal].async && how & 64)
		return pend(call, is_trap);
	return world_draw_result(call->ordinal);
}

/* ---- the gate's own services ---- */

static void check_probe(const struct abi_abi_probe *call, int64_t result)
{
	int64_t expected = 0;

	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (abi_calls[i].number != call->number || abi_calls[i].since > world.config.level)
			continue;
		expected = POSTERN_ABI_PROBE_RESULT_KNOWN;
		if (world.judge.handled[i])
			expected |= POSTERN_ABI_PROBE_RESULT_HANDLED;
		if (abi_calls[i].always || world.config.policy.granted[i])
			expected |= POSTERN_ABI_PROBE_RESULT_PERMITTED;
	}
	if (result != expected)
		die("abi.probe(%#x) answers %lld, not %lld", call->number, (long long)result,
		    (long long)expected);
}

static void check_query(const struct abi_abi_query *call)
{
	uint64_t calls = 0;

	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (abi_calls[i].number >> 8 == call->section && abi_calls[i].since <= world.config.level &&
		    world.judge.handled[i] && (abi_calls[i].always || world.config.policy.granted[i]))
			calls |= UINT64_C(1) << (abi_calls[i].number & 0xff);
	}
	if (call->info.calls != calls || call->info.section != call->section ||
	    call->info.minor != world.config.level)
		die("abi.query(%#x) is wrong", call->section);
}

/* Returns whether the call is one of the gate's own. */
static bool serve_itself(struct gate_frame *frame, unsigned ordinal, void *args, int64_t *result)
{
	unsigned vcpu = gate_vcpu_number(gate_frame_vcpu(frame));

	if (ordinal == ABI_ABI_NOP) {
		*result = world.real.abi_nop(frame, args);
	} else if (ordinal == ABI_ABI_PROBE) {
		*result = world.real.abi_probe(frame, args);
		check_probe(args, *result);
	} else if (ordinal == ABI_ABI_QUERY) {
		*result = world.real.abi_query(frame, args);
		check_query(args);
	} else if (ordinal == ABI_RING_SETUP) {
		*result = world.real.ring_setup(frame, args);
		rings_set_up(vcpu, &((struct abi_ring_setup *)args)->setup, *result);
	} else if (ordinal == ABI_RING_ENTER) {
		rings_begin_enter(vcpu, args);
		*result = world.real.ring_enter(frame, args);
		rings_end_enter(vcpu, args, *result);
	} else if (ordinal == ABI_RING_CLOSE) {
		*result = world.real.ring_close(frame, args);
		rings_closed(vcpu, *result);
	} else {
		return false;
	}
	return true;
}

/* ---- all handlers ---- */

static void check_arguments(const struct gate_vm *vm, unsigned ordinal, void *args,
			    struct judgement *judgement)
{
	const char *where = "";
	const char *wrong = watch_check(vm, ordinal, args, &where);

	if (wrong)
		die("%s: %s: %s", abi_calls[ordinal].name, where, wrong);
	if (!judgement)
		return;
	if (judgement->ordinal != ordinal)
		die("%s is served, but %s comes next", abi_calls[ordinal].name,
		    abi_calls[judgement->ordinal].name);
	if (judgement->refusal != GATE_REFUSALS)
		die("%s is served, but should be refused: %s", abi_calls[ordinal].name,
		    gate_refusal_name(judgement->refusal));
	where = watch_compare(vm, ordinal, args, &judgement->args);
	if (where)
		die("%s: %s is not what the guest sent", abi_calls[ordinal].name, where);
}

static int64_t serve(struct watcher *watcher, struct gate_frame *frame, unsigned ordinal, void *args)
{
	const struct gate_vm *vm = gate_frame_vm(frame);
	struct pending call = { .frame = frame, .ordinal = ordinal, .args = args };
	bool is_trap = !rings_are_taken();
	struct judgement *judgement = &world.judgement;
	int64_t result;

	(void)watcher;
	loads_stop();
	flush_answers();
	call.vcpu = gate_vcpu_number(gate_frame_vcpu(frame));
	if (!is_trap)
		judgement = rings_next_handled(ordinal, &call.token, &call.quiet);
	check_arguments(vm, ordinal, args, judgement);
	reached[ordinal]++;
	if (is_trap)
		world.handled++;
	collect_used(ordinal, args, &call);
	if (!serve_itself(frame, ordinal, args, &result))
		result = behave(frame, &call, is_trap);
	if (result == GATE_PENDING)
		return result;
	if (result >= 0)
		expect_answers(ordinal, args);
	if (is_trap)
		world.result = result;
	else {
		rings_expect(call.vcpu, call.token, call.quiet, result);
		world_count_answer(rings_crossing(), ordinal, result);
	}
	return result;
}

/* ---- calls in flight ---- */

unsigned world_in_flight(unsigned vcpu)
{
	unsigned count = 0;

	for (size_t i = 0; i < world.pending_count; i++)
		count += world.pending[i].vcpu == vcpu;
	return count;
}

void world_complete(size_t index, int64_t result)
{
	struct pending call = world.pending[index];
	enum gate_crossing crossing = rings_now(call.vcpu).polled ? GATE_RING : GATE_BATCH;

	world.pending[index] = world.pending[--world.pending_count];
	if (sum_of(call.ordinal, call.args) != call.sum)
		die("%s: its arguments have changed in flight", abi_calls[call.ordinal].name);
	for (unsigned i = 0; i < call.used_count; i++) {
		if (((struct body *)call.used[i]->body)->serial != call.used[i]->serial)
			die("%s: an object is gone", abi_calls[call.ordinal].name);
		call.used[i]->users--;
	}
	flush_answers();
	use_arguments(world.gate, call.ordinal, call.args);
	rings_expect(call.vcpu, call.token, call.quiet, result);
	world_count_answer(crossing, call.ordinal, result);
	if (result >= 0)
		expect_answers(call.ordinal, call.args);
	gate_complete(call.frame, result);
	flush_answers();
}

/* The service gives up what might never end; the rest comes to an end by itself. */
static void cancel(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	for (size_t i = world.pending_count; i-- > 0;) {
		if (world.pending[i].vcpu == gate_vcpu_number(vcpu))
			world_complete(i, input_chance(&world.input, 64)
						  ? world_draw_result(world.pending[i].ordinal)
						  : -ECANCELED);
	}
}

static void doorbell(void *owner, struct gate_vcpu *vcpu)
{
	(void)owner;
	(void)vcpu;
	world.doorbells++;
}

static void notify(void *owner, struct gate_vcpu *vcpu, postern_handle_t event)
{
	(void)owner;
	(void)vcpu;
	if (event == POSTERN_NO_HANDLE)
		die("no event is raised");
	world.notified++;
}

/* ---- observation ---- */

static void on_trace(void *context, const struct gate_trace *trace)
{
	size_t size = (size_t)(trace->result & 127);
	char *text = malloc(size); /* of just that size, so that a byte beyond is found */
	char all[8192];
	int length = gate_trace_print(trace, text, size);

	(void)context;
	world.traces++;
	if (length < 1 || gate_trace_print(trace, all, sizeof all) != length)
		die("a trace is %d characters long", length);
	if (size && (strnlen(text, size) == size || strncmp(text, all, strlen(text)) != 0))
		die("a trace is cut wrongly");
	free(text);
}

void world_observe(bool traced, bool timed)
{
	world.observed = traced;
	gate_set_trace(world.gate, traced ? on_trace : NULL, NULL);
	gate_set_timing(world.gate, timed);
}

/* ---- steps ---- */

void world_enter(void)
{
	rings_step();
	world.notified = 0;
	/* A call in flight may go on in pages that were released since. */
	if (!world.pending_count)
		ram_close();
}

void world_leave(void)
{
	ram_open();
	flush_answers();
	rings_check();
	ram_check();
	check_objects();
	if (world.traces != world.traces_wanted && !world.tally.unsure)
		die("%llu calls were traced, not %llu", (unsigned long long)world.traces,
		    (unsigned long long)world.traces_wanted);
}

/* Changes a call that would wait for something that cannot come, since there is but one thread. */
static void make_safe(unsigned vcpu, uint64_t number, uint64_t args[6])
{
	struct ring_now ring = rings_now(vcpu);

	world.no_pending = false;
	if (number == POSTERN_CALL_RING_ENTER && ring.active && args[1]) {
		bool waits = world_in_flight(vcpu) || ring.polled;

		world.no_pending = !waits;
		if (waits)
			args[2] = 0;
	}
	if (number == POSTERN_CALL_RING_CLOSE && ring.active && !world.config.cancel) {
		for (size_t i = world.pending_count; i-- > 0;) {
			if (world.pending[i].vcpu == vcpu)
				world_complete(i, 0);
		}
	}
}

/* Whether the handler has to be called, or a limit says no; -1 if nobody knows. */
static int passes_limits(const struct judgement *judgement)
{
	if (judgement->refusal != GATE_REFUSALS)
		return 0;
	return abi_calls[judgement->ordinal].rate_limited ? world_take_token() : 1;
}

static void check_answer(const struct judgement *judgement, int passes, int64_t result)
{
	const char *name = abi_calls[judgement->ordinal].name;

	if (passes < 0)
		passes = world.handled > 0;
	if (passes) {
		if (world.handled != 1 || result != world.result)
			die("%s: its handler ran %u times and answered %lld; the guest gets %lld", name,
			    world.handled, (long long)world.result, (long long)result);
		world_count_call(GATE_TRAP, judgement->ordinal);
		world_count_answer(GATE_TRAP, judgement->ordinal, result);
		return;
	}
	if (world.handled)
		die("%s: its handler ran", name);
	if (judgement->refusal == GATE_REFUSALS) {
		if (result != -EAGAIN)
			die("%s answers %lld, not EAGAIN", name, (long long)result);
		world_count_refusal(GATE_TRAP, judgement->ordinal, GATE_LIMIT);
		return;
	}
	if (result != -judgement->error)
		die("%s answers %lld, not %d (%s)", name, (long long)result, -judgement->error,
		    gate_refusal_name(judgement->refusal));
	world_count_refusal(GATE_TRAP, judgement->ordinal, judgement->refusal);
}

void world_trap(unsigned vcpu, uint64_t number, const uint64_t args[6])
{
	uint64_t safe[6];
	int64_t result;
	int passes;

	memcpy(safe, args, sizeof safe);
	make_safe(vcpu, number, safe);
	world.handled = 0;
	loads_begin();
	judge_call(&world.judge, GATE_TRAP, number, safe, &world.judgement);
	passes = passes_limits(&world.judgement);
	world_enter();
	loads_start();
	result = gate_call(world.gate, gate_vcpu(world.gate, vcpu), number, safe);
	loads_stop();
	check_answer(&world.judgement, passes, result);
	world_leave();
	world.no_pending = false;
}

/* ---- the world ---- */

static void draw_policy(struct gate_policy *policy)
{
	uint8_t how = input_byte(&world.input);
	char error[128];

	if (how < 192)
		memset(policy->granted, 1, sizeof policy->granted);
	else if (how < 224)
		gate_policy_allow(policy, "compute,file,-file.remove,console", error, sizeof error);
	else if (how < 248)
		for (unsigned i = 0; i < ABI_CALLS; i++)
			policy->granted[i] = input_chance(&world.input, 160);
}

/* Some hosts have no handler for some calls. */
static void draw_handlers(void)
{
	bool all = !input_chance(&world.input, 48);

	watch_handlers(&world.handlers);
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		world.judge.handled[i] = all || !input_chance(&world.input, 48);
		if (!world.judge.handled[i])
			memset((char *)&world.handlers + abi_calls[i].handler, 0, sizeof(void (*)(void)));
	}
}

static void draw_config(void)
{
	static const uint8_t in_flight[] = { 8, 0, 1, 2 };
	uint8_t how = input_byte(&world.input);

	world.config = (struct gate_config){
		.memory = &ram,
		.handlers = &world.handlers,
		.level = (ABI_LEVELS - 1 + input_byte(&world.input)) % ABI_LEVELS,
		.vcpus = 1 + how % MOST_VCPUS,
		.in_flight = in_flight[how / 4 % 4],
		.owner = &world,
		.doorbell = how & 16 ? NULL : doorbell,
		.notify = how & 32 ? NULL : notify,
		.cancel = how & 64 ? NULL : cancel,
	};
	if (how & 128) {
		world.config.rate_per_second = 1;
		world.config.rate_burst = input_byte(&world.input) % 16;
		world.tokens = world.config.rate_burst ? world.config.rate_burst : 1;
	}
	draw_policy(&world.config.policy);
	draw_handlers();
}

void world_begin(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof world);
	world.input = (struct input){ data, data + size };
	world.watcher.serve = serve;
	world.arena = ARENA_PAGE * MEMORY_PAGE_SIZE;
	last_serial = 0;
	answer_count = 0;
	ram_written = rings_written;
	ram_reset();
	rings_begin();
	service_abi(&world.real);
	service_ring(&world.real);
	draw_config();
	world.maker = (struct maker){ &ram,  world.config.level,          draw, place, handle,
				      store, HOLE_PAGE * MEMORY_PAGE_SIZE };
	world.judge.memory = &ram;
	world.judge.level = world.config.level;
	world.judge.policy = &world.config.policy;
	world.judge.find = find_for_judge;
	world.judge.looked = looked;
	if (memory_release(&ram, HOLE_PAGE, 1) || gate_create(&world.config, &world.gate))
		die("the VM cannot be made");
	clock_gettime(CLOCK_MONOTONIC, &began);
}

void world_end(void)
{
	world_enter();
	while (world.pending_count)
		world_complete(world.pending_count - 1, -ECANCELED);
	world_leave();
	ram_check_all();
	check_tally();
	gate_destroy(world.gate);
	for (size_t i = 0; i < world.object_count; i++) {
		if (world.objects[i].serial && !released[world.objects[i].serial])
			die("an object is not released with the VM");
	}
}
