/* SPDX-License-Identifier: ISC */
/* report.c - prints what became of a VM. Whatever a guest had a hand in is escaped before it is shown. */
#include "report.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* ---- text of a guest ---- */

/* Code points that act on what is around them: the direction of writing, and line ends. */
static bool is_harmless(uint32_t point)
{
	return point >= 0xa0 && point != 0xad && point != 0x61c && !(point >= 0x200b && point <= 0x200f) &&
	       !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2060 && point <= 0x206f) &&
	       point != 0xfeff && !(point >= 0xfff0 && point <= 0xffff) &&
	       !(point >= 0xe0000 && point <= 0xe0fff);
}

/* Bytes of the printable character at the start of text; 0: it is none. */
static size_t printable(const char *text)
{
	const uint8_t *byte = (const uint8_t *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = 0;
	uint32_t point;

	if (*byte < 0x80)
		return *byte >= ' ' && *byte != 0x7f && *byte != '\\';
	if (*byte >= 0xc2 && *byte <= 0xf4)
		length = *byte < 0xe0 ? 2 : *byte < 0xf0 ? 3 : 4;
	point = *byte & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (byte[i] & 0x3f);
	}
	if (!length || point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	return is_harmless(point) ? length : 0;
}

void report_escape(char *to, size_t size, const char *text)
{
	while (*text && size > 4) {
		size_t length = printable(text);

		if (length) {
			memcpy(to, text, length);
		} else {
			length = (size_t)snprintf(to, size,
						  *text == '\n'   ? "\\n"
						  : *text == '\\' ? "\\\\"
								  : "\\x%02x",
						  (uint8_t)*text);
			text -= length - 1;
		}
		to += length;
		text += length;
		size -= length;
	}
	*to = '\0';
}

/* ---- a crash ---- */

/* In the order in which they are printed, four in a line. */
/* clang-format off */
static const struct {
	const char *name;
	size_t offset;
} registers[] = {
	{ "rip", offsetof(struct engine_state, rip) }, { "rsp", offsetof(struct engine_state, rsp) },
	{ "rbp", offsetof(struct engine_state, rbp) }, { "rflags", offsetof(struct engine_state, rflags) },
	{ "rax", offsetof(struct engine_state, rax) }, { "rbx", offsetof(struct engine_state, rbx) },
	{ "rcx", offsetof(struct engine_state, rcx) }, { "rdx", offsetof(struct engine_state, rdx) },
	{ "rsi", offsetof(struct engine_state, rsi) }, { "rdi", offsetof(struct engine_state, rdi) },
	{ "r8", offsetof(struct engine_state, r8) }, { "r9", offsetof(struct engine_state, r9) },
	{ "r10", offsetof(struct engine_state, r10) }, { "r11", offsetof(struct engine_state, r11) },
	{ "r12", offsetof(struct engine_state, r12) }, { "r13", offsetof(struct engine_state, r13) },
	{ "r14", offsetof(struct engine_state, r14) }, { "r15", offsetof(struct engine_state, r15) },
	{ "fs", offsetof(struct engine_state, fs_base) }, { "gs", offsetof(struct engine_state, gs_base) },
};
/* clang-format on */

enum { REGISTERS = sizeof registers / sizeof *registers };

static uint64_t value_of(const struct engine_state *state, size_t number)
{
	uint64_t value;

	memcpy(&value, (const char *)state + registers[number].offset, sizeof value);
	return value;
}

static void print_registers(FILE *to, const struct engine_state *state)
{
	for (size_t i = 0; i < REGISTERS; i++)
		fprintf(to, "%s%6s %016" PRIx64 "%s", i % 4 ? "" : "  ", registers[i].name,
			value_of(state, i), i % 4 == 3 ? "\n" : " ");
}

static void print_frames(FILE *to, const struct crash *crash)
{
	for (unsigned i = 0; i < crash->frame_count; i++) {
		const struct crash_frame *frame = &crash->frames[i];

		fprintf(to, "  #%-3u %016" PRIx64, i, frame->address);
		if (frame->name)
			fprintf(to, " %s+0x%" PRIx64, frame->name, frame->offset);
		fputc('\n', to);
	}
	if (crash->frame_count == CRASH_MAX_FRAMES)
		fputs("  and more\n", to);
}

static void print_crash(FILE *to, const struct report *report)
{
	const struct crash *crash = &report->result->crash;
	char message[4 * CRASH_MAX_MESSAGE + 8];

	fprintf(to, "postern: %s: vCPU %u %s: %s\n", report->image, crash->vcpu,
		crash->is_reported ? "reports a crash" : "crashed", crash->cause);
	report_escape(message, sizeof message, crash->message);
	if (*message)
		fprintf(to, "  \"%s\"\n", message);
	if (crash->instruction[0])
		fprintf(to, "  at %016" PRIx64 ": %s\n", crash->state.rip, crash->instruction);
	if (crash->has_state)
		print_registers(to, &crash->state);
	print_frames(to, crash);
}

/* ---- the end ---- */

static void print_nothing(FILE *to, const struct report *report)
{
	(void)to;
	(void)report;
}

static void print_reset(FILE *to, const struct report *report)
{
	fprintf(to, "postern: %s: ended when the guest reset itself\n", report->image);
}

static void print_timeout(FILE *to, const struct report *report)
{
	fprintf(to, "postern: %s: ended after %.3f s (--timeout)\n", report->image, report->seconds);
}

static void print_signal(FILE *to, const struct report *report)
{
	fprintf(to, "postern: %s: ended by signal %d (%s)\n", report->image, report->result->code,
		strsignal(report->result->code));
}

static void print_failure(FILE *to, const struct report *report)
{
	fprintf(to, "postern: %s: the engine %s failed: %s\n", report->image, report->engine,
		strerror(-report->result->code));
}

static const struct {
	const char *name;
	void (*print)(FILE *to, const struct report *report);
} ends[MACHINE_ENDS] = {
	[MACHINE_EXITED] = { "exited", print_nothing },
	[MACHINE_RESET] = { "reset", print_reset },
	[MACHINE_CRASHED] = { "crashed", print_crash },
	[MACHINE_TIMED_OUT] = { "timed out", print_timeout },
	[MACHINE_SIGNALLED] = { "signalled", print_signal },
	[MACHINE_FAILED] = { "failed", print_failure },
};

void report_end(FILE *to, const struct report *report)
{
	ends[report->result->end].print(to, report);
}

/* ---- statistics ---- */

static void print_count(FILE *to, const struct report *report, const char *call, enum gate_crossing crossing,
			const struct gate_count *count)
{
	fprintf(to, "  %-20s %-8s %10" PRIu64 " %10" PRIu64, call, gate_crossing_name(crossing), count->calls,
		count->failed);
	if (report->timed)
		fprintf(to, " %12.3f %10" PRIu64, (double)count->nanoseconds / 1e6,
			count->nanoseconds / count->calls);
	fputc('\n', to);
}

static const char *call_name(unsigned ordinal)
{
	return ordinal == ABI_NO_CALL ? "(unknown)" : abi_calls[ordinal].name;
}

/* Hypercalls that crossed in a batch or over a ring were no exits; so this tells traps from calls. */
static void print_exits(FILE *to, const struct machine *machine)
{
	uint64_t counts[ENGINE_EXITS];

	machine_exits(machine, counts);
	fprintf(to, "  %-20s %10s\n", "exit", "count");
	for (unsigned kind = 0; kind < ENGINE_EXITS; kind++) {
		if (counts[kind])
			fprintf(to, "  %-20s %10" PRIu64 "\n", machine_exit_name(kind), counts[kind]);
	}
}

static void print_devices(FILE *to, const struct machine *machine)
{
	struct bus_count count;
	const char *name;

	for (unsigned i = 0; (name = machine_device(machine, i, &count)); i++) {
		if (!i)
			fprintf(to, "  %-20s %10s %10s\n", "device", "reads", "writes");
		if (count.reads || count.writes)
			fprintf(to, "  %-20s %10" PRIu64 " %10" PRIu64 "\n", name, count.reads, count.writes);
	}
}

void report_stats(FILE *to, const struct report *report)
{
	struct gate_stats stats;

	gate_read_stats(machine_gate(report->machine), &stats);
	fprintf(to, "postern: %s: %.3f s on engine %s, %" PRId64 " KiB of RAM touched\n", report->image,
		report->seconds, report->engine, machine_resident(report->machine) / 1024);
	fprintf(to, "  %-20s %-8s %10s %10s%s\n", "call", "crossing", "calls", "failed",
		report->timed ? "      time/ms    ns/call" : "");
	for (unsigned ordinal = 0; ordinal < ABI_CALLS; ordinal++) {
		for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++) {
			if (stats.counts[crossing][ordinal].calls)
				print_count(to, report, call_name(ordinal), crossing,
					    &stats.counts[crossing][ordinal]);
		}
	}
	print_exits(to, report->machine);
	print_devices(to, report->machine);
	for (enum gate_refusal refusal = 0; refusal < GATE_REFUSALS; refusal++) {
		if (stats.refused[refusal])
			fprintf(to, "  turned away: %" PRIu64 " %s\n", stats.refused[refusal],
				gate_refusal_name(refusal));
	}
	if (stats.undeclared)
		fprintf(to, "  errors that the contract does not declare: %" PRIu64 "\n", stats.undeclared);
}

/* ---- JSON ---- */

/* 64-bit numbers: beyond 2^53 most readers of JSON are no longer exact, so addresses are text. */
static json_t *json_address(uint64_t address)
{
	return json_sprintf("0x%" PRIx64, address);
}

static json_t *json_frames(const struct crash *crash)
{
	json_t *frames = json_array();

	for (unsigned i = 0; i < crash->frame_count; i++) {
		const struct crash_frame *frame = &crash->frames[i];
		json_t *object = json_pack("{s:o}", "address", json_address(frame->address));

		if (frame->name) {
			json_object_set_new(object, "name", json_string(frame->name));
			json_object_set_new(object, "offset", json_integer((json_int_t)frame->offset));
		}
		json_array_append_new(frames, object);
	}
	return frames;
}

static json_t *json_registers(const struct engine_state *state)
{
	json_t *object = json_object();

	for (size_t i = 0; i < REGISTERS; i++)
		json_object_set_new(object, registers[i].name, json_address(value_of(state, i)));
	return object;
}

static json_t *json_crash(const struct crash *crash)
{
	char message[4 * CRASH_MAX_MESSAGE + 8];
	json_t *object;

	report_escape(message, sizeof message, crash->message);
	object = json_pack("{s:i, s:b, s:s, s:s}", "vcpu", (int)crash->vcpu, "reported", crash->is_reported,
			   "cause", crash->cause, "message", message);
	if (crash->instruction[0])
		json_object_set_new(object, "instruction", json_string(crash->instruction));
	if (crash->has_state)
		json_object_set_new(object, "registers", json_registers(&crash->state));
	json_object_set_new(object, "backtrace", json_frames(crash));
	return object;
}

static json_t *json_count(const struct report *report, unsigned ordinal, enum gate_crossing crossing,
			  const struct gate_count *count)
{
	json_t *object = json_pack("{s:s, s:s, s:I, s:I}", "call", call_name(ordinal), "crossing",
				   gate_crossing_name(crossing), "calls", (json_int_t)count->calls, "failed",
				   (json_int_t)count->failed);

	if (report->timed)
		json_object_set_new(object, "nanoseconds", json_integer((json_int_t)count->nanoseconds));
	return object;
}

static json_t *json_exits(const struct machine *machine)
{
	uint64_t counts[ENGINE_EXITS];
	json_t *object = json_object();

	machine_exits(machine, counts);
	for (unsigned kind = 0; kind < ENGINE_EXITS; kind++)
		json_object_set_new(object, machine_exit_name(kind), json_integer((json_int_t)counts[kind]));
	return object;
}

static json_t *json_devices(const struct machine *machine)
{
	json_t *array = json_array();
	struct bus_count count;
	const char *name;

	for (unsigned i = 0; (name = machine_device(machine, i, &count)); i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:I, s:I}", "device", name, "reads",
						(json_int_t)count.reads, "writes", (json_int_t)count.writes));
	return array;
}

static json_t *json_stats(const struct report *report)
{
	struct gate_stats stats;
	json_t *calls = json_array();
	json_t *refused = json_object();

	gate_read_stats(machine_gate(report->machine), &stats);
	for (unsigned ordinal = 0; ordinal < ABI_CALLS; ordinal++) {
		for (enum gate_crossing crossing = 0; crossing < GATE_CROSSINGS; crossing++) {
			const struct gate_count *count = &stats.counts[crossing][ordinal];

			if (count->calls)
				json_array_append_new(calls, json_count(report, ordinal, crossing, count));
		}
	}
	for (enum gate_refusal refusal = 0; refusal < GATE_REFUSALS; refusal++)
		json_object_set_new(refused, gate_refusal_name(refusal),
				    json_integer((json_int_t)stats.refused[refusal]));
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "calls", calls, "exits",
			 json_exits(report->machine), "devices", json_devices(report->machine), "refused",
			 refused, "undeclared", (json_int_t)stats.undeclared, "resident",
			 (json_int_t)machine_resident(report->machine));
}

/* In ns of CLOCK_MONOTONIC. */
static json_t *json_times(const struct machine_times *times)
{
	json_t *object = json_pack("{s:I}", "begin", (json_int_t)times->begin);

	for (unsigned step = 0; step < MACHINE_STEPS; step++)
		json_object_set_new(object, machine_step_name((enum machine_step)step),
				    json_integer((json_int_t)times->end[step]));
	return object;
}

json_t *report_json(const struct report *report)
{
	const struct machine_result *result = report->result;
	char image[4096];
	json_t *object;

	report_escape(image, sizeof image, report->image); /* a file's name need not be UTF-8 */
	object = json_pack("{s:s, s:s, s:s, s:i, s:f}", "image", image, "engine", report->engine, "end",
			   ends[result->end].name, "status", report->status, "seconds", report->seconds);

	if (result->end == MACHINE_CRASHED)
		json_object_set_new(object, "crash", json_crash(&result->crash));
	if (result->end == MACHINE_SIGNALLED)
		json_object_set_new(object, "signal", json_integer(result->code));
	json_object_set_new(object, "stats", json_stats(report));
	json_object_set_new(object, "times", json_times(machine_times(report->machine)));
	return object;
}
