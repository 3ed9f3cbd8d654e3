/* SPDX-License-Identifier: ISC */
/* judge_call.c - see judge_call.h. */
#include "judge_call.h"

#include "call_copy.h"
#include "levels.h"

#include <errno.h>
#include <string.h>

enum { LARGEST_RECORD = 4096 };

/* What is wrong with a call, collected: the lowest rank counts. */
struct hearing {
	struct judge *judge;
	const uint64_t *args;
	struct judgement *judgement;
	bool wrong[GATE_REFUSALS];
	int state_error;
};

static void find_fault(struct hearing *h, enum gate_refusal refusal)
{
	h->wrong[refusal] = true;
}

/* ---- memory ---- */

static bool page_is_accessible(const struct guest_memory *memory, uint64_t page)
{
	enum p2m_state state = p2m_get(memory, (gpa_t){ page * MEMORY_PAGE_SIZE });

	return state == P2M_OWNED || state == P2M_SHARED;
}

bool judge_memory(const struct guest_memory *memory, uint64_t at, uint64_t size)
{
	if (!size)
		return true;
	if (at >= memory->size || size > memory->size - at)
		return false;
	for (uint64_t page = at / MEMORY_PAGE_SIZE; page <= (at + size - 1) / MEMORY_PAGE_SIZE; page++) {
		if (!page_is_accessible(memory, page))
			return false;
	}
	return true;
}

/* Copies guest memory. Returns false where there is none. */
static bool look(struct hearing *h, uint64_t at, void *to, uint64_t size)
{
	struct judge *judge = h->judge;

	if (!judge_memory(judge->memory, at, size))
		return false;
	if (size)
		memcpy(to, judge->memory->base + at, size);
	if (judge->looked)
		judge->looked(judge, at, size);
	return true;
}

/* ---- values ---- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static bool is_in_range(const struct grammar_field *field, uint64_t value)
{
	if (field->is_signed)
		return (int64_t)value >= (int64_t)field->min && (int64_t)value <= (int64_t)field->max;
	return value >= field->min && value <= field->max;
}

bool judge_value(const struct grammar_field *field, unsigned level, uint64_t value, uint64_t base)
{
	switch (field->kind) {
	case GRAMMAR_ENUM:
		return value < 64 && grammar_mask(field, level) >> value & 1;
	case GRAMMAR_FLAGS:
		return !(value & ~grammar_mask(field, level));
	case GRAMMAR_INTEGER:
	case GRAMMAR_ADDRESS:
		if (field->zero)
			return !value;
		if (field->align && value % field->align)
			return false;
		if (field->from >= 0 && base + value < base)
			return false;
		return is_in_range(field, value);
	case GRAMMAR_HANDLE:
	case GRAMMAR_STRUCT:
	case GRAMMAR_VECTOR:
	case GRAMMAR_STRING:
	case GRAMMAR_BYTES:
	case GRAMMAR_BUFFER:
	case GRAMMAR_SEGMENTS:
		break;
	}
	return true;
}

/* The value of a field's element, with its sign. */
static uint64_t field_value(const struct grammar_field *field, const uint8_t *at)
{
	uint64_t value = copy_load(at, field->bytes);
	unsigned unused = 64U - 8U * field->bytes;

	return field->is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static bool field_is_valid(const struct grammar_record *record, const struct grammar_field *field,
			   unsigned level, const uint8_t *copy)
{
	const uint8_t *at = copy + field->at;
	uint64_t base = 0;

	if (field->kind == GRAMMAR_STRUCT)
		return judge_record(field->record, level, at);
	if (field->from >= 0)
		base = field_value(&record->fields[field->from], copy + record->fields[field->from].at);
	for (unsigned i = 0; i < field->count || !i; i++) {
		if (!judge_value(field, level, field_value(field, at + i * field->bytes), base))
			return false;
	}
	return true;
}

bool judge_record(const struct grammar_record *record, unsigned level, const uint8_t *copy)
{
	for (size_t i = record->extensible; i < record->field_count; i++) {
		const struct grammar_field *field = &record->fields[i];

		if (grammar_exists(field, level) && !field_is_valid(record, field, level, copy))
			return false;
	}
	return true;
}

/* ---- arguments ---- */

static void judge_scalar(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	const struct grammar_field *args = grammar_calls[h->judgement->ordinal].args;
	uint64_t value = h->args[arg->at];
	uint64_t base = arg->from >= 0 ? h->args[args[arg->from].at] : 0;

	memcpy(to, &value, arg->bytes);
	/* What does not fit its type is lost on the way back. */
	if (field_value(arg, to) != value || !judge_value(arg, h->judge->level, value, base))
		find_fault(h, GATE_MALFORMED);
}

static void judge_handle(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	uint64_t value = h->args[arg->at];
	struct judge_object object;

	memcpy(to, &value, sizeof(postern_handle_t));
	if (value > UINT32_MAX) {
		find_fault(h, GATE_MALFORMED);
	} else if (arg->optional && value == POSTERN_NO_HANDLE) {
		return;
	} else if (!h->judge->find(h->judge, arg->handle, (uint32_t)value, &object)) {
		find_fault(h, GATE_BAD_HANDLE);
	} else if ((object.rights & arg->rights) != arg->rights) {
		find_fault(h, GATE_NO_RIGHT);
	} else if (arg->state >= 0 && object.state != (uint32_t)arg->state) {
		find_fault(h, GATE_BAD_STATE);
		if (!h->state_error)
			h->state_error = arg->state_error;
	} else {
		*copy_object(&h->judgement->args, arg) = object.object;
	}
}

/* What the rules for extensible structs say, up to the fields. */
static enum gate_refusal read_struct(struct hearing *h, const struct grammar_field *arg,
				     uint8_t bytes[LARGEST_RECORD], size_t *kept)
{
	uint64_t address = h->args[arg->at];
	size_t known = grammar_size(arg->record, h->judge->level);
	uint32_t size;

	if (address % 8)
		return GATE_MALFORMED;
	if (!look(h, address, bytes, 8))
		return GATE_FAULT;
	memcpy(&size, bytes, sizeof size);
	if (size < grammar_first_size(arg->record) || size % 8)
		return GATE_MALFORMED;
	if (size > LARGEST_RECORD)
		return GATE_TOO_BIG;
	if (!look(h, address + 8, bytes + 8, size - 8))
		return GATE_FAULT;
	if (size > known && !is_zero(bytes + known, size - known))
		return GATE_TOO_BIG;
	*kept = size < known ? size : known;
	return GATE_REFUSALS;
}

static void judge_struct(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	size_t newest = grammar_size(arg->record, ABI_LEVELS - 1);
	uint8_t bytes[LARGEST_RECORD];
	size_t kept;
	enum gate_refusal refusal = read_struct(h, arg, bytes, &kept);

	if (refusal != GATE_REFUSALS) {
		find_fault(h, refusal);
		return;
	}
	memset(to, 0, newest);
	memcpy(to, bytes, arg->direction == GRAMMAR_OUT ? sizeof(uint32_t) : kept);
	if (arg->direction != GRAMMAR_OUT && !judge_record(arg->record, h->judge->level, to))
		find_fault(h, GATE_MALFORMED);
	if (arg->direction != GRAMMAR_IN)
		*copy_place(&h->judgement->args, arg) =
			(struct gate_place){ h->judge->memory->base + h->args[arg->at], kept };
}

/* Reads what has an address and a length. Returns its bytes, or -1 if it is refused. */
static int64_t read_elements(struct hearing *h, const struct grammar_field *arg, size_t each, void *to)
{
	uint64_t address = h->args[arg->at];
	uint64_t count = h->args[arg->at + 1];

	if (count < arg->min || count > arg->max || (each > 1 && address % 8))
		find_fault(h, GATE_MALFORMED);
	else if (!look(h, address, to, count * each))
		find_fault(h, GATE_FAULT);
	else
		return (int64_t)(count * each);
	return -1;
}

static void judge_vector(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	size_t each = grammar_size(arg->record, h->judge->level);
	int64_t size = read_elements(h, arg, each, to);

	if (size < 0)
		return;
	*copy_length(&h->judgement->args, h->judgement->ordinal, arg) = (uint32_t)h->args[arg->at + 1];
	for (size_t i = 0; i < (size_t)size; i += each) {
		if (!judge_record(arg->record, h->judge->level, to + i))
			find_fault(h, GATE_MALFORMED);
	}
}

static void judge_bytes(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	int64_t size = read_elements(h, arg, 1, to);

	if (size < 0)
		return;
	*copy_length(&h->judgement->args, h->judgement->ordinal, arg) = (uint32_t)size;
	if (arg->kind == GRAMMAR_STRING) {
		to[size] = '\0';
		if (memchr(to, '\0', (size_t)size))
			find_fault(h, GATE_MALFORMED);
	}
}

static void judge_buffer(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	uint64_t address = h->args[arg->at];
	uint64_t length = h->args[arg->at + 1];
	/* No bytes are right anywhere, and begin at the base of RAM. */
	struct iovec span = { h->judge->memory->base + (length ? address : 0), length };

	if (length < arg->min || length > arg->max)
		find_fault(h, GATE_MALFORMED);
	else if (!judge_memory(h->judge->memory, address, length))
		find_fault(h, GATE_FAULT);
	else
		memcpy(to, &span, sizeof span);
}

static void judge_segments(struct hearing *h, const struct grammar_field *arg, uint8_t *to)
{
	static struct postern_segment segments[65536 / sizeof(struct postern_segment)];
	int64_t size = read_elements(h, arg, sizeof *segments, segments);
	uint32_t count = (uint32_t)h->args[arg->at + 1];
	struct iovec *spans = (struct iovec *)to;
	uint64_t total = 0;

	if (size < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(total, segments[i].length, &total) || total > arg->total) {
			find_fault(h, GATE_MALFORMED);
			return;
		}
		if (!judge_memory(h->judge->memory, segments[i].address, segments[i].length)) {
			find_fault(h, GATE_FAULT);
			continue;
		}
		spans[i].iov_base = h->judge->memory->base + (segments[i].length ? segments[i].address : 0);
		spans[i].iov_len = segments[i].length;
	}
	*copy_length(&h->judgement->args, h->judgement->ordinal, arg) = count;
	*copy_total(&h->judgement->args, arg) = total;
}

/* clang-format off */
static void (*const argument_judges[])(struct hearing *h, const struct grammar_field *arg, uint8_t *to) = {
	[GRAMMAR_INTEGER] = judge_scalar,
	[GRAMMAR_ADDRESS] = judge_scalar,
	[GRAMMAR_ENUM] = judge_scalar,
	[GRAMMAR_FLAGS] = judge_scalar,
	[GRAMMAR_HANDLE] = judge_handle,
	[GRAMMAR_STRUCT] = judge_struct,
	[GRAMMAR_VECTOR] = judge_vector,
	[GRAMMAR_STRING] = judge_bytes,
	[GRAMMAR_BYTES] = judge_bytes,
	[GRAMMAR_BUFFER] = judge_buffer,
	[GRAMMAR_SEGMENTS] = judge_segments,
};
/* clang-format on */

/* ---- calls ---- */

static unsigned find_ordinal(uint64_t number)
{
	for (unsigned i = ABI_NO_CALL + 1; i < ABI_CALLS; i++) {
		if (abi_calls[i].number == number)
			return i;
	}
	return ABI_NO_CALL;
}

static void judge_arguments(struct hearing *h)
{
	const struct grammar_call *grammar = &grammar_calls[h->judgement->ordinal];
	bool used[6] = { false };

	for (size_t i = 0; i < grammar->arg_count; i++) {
		const struct grammar_field *arg = &grammar->args[i];

		if (!grammar_exists(arg, h->judge->level))
			continue;
		argument_judges[arg->kind](h, arg, copy_of(&h->judgement->args, arg));
		for (unsigned j = 0; j < grammar_registers(arg); j++)
			used[arg->at + j] = true;
	}
	for (unsigned i = 0; i < 6; i++) {
		if (!used[i] && h->args[i])
			find_fault(h, GATE_MALFORMED);
	}
}

static int error_of(const struct hearing *h, enum gate_refusal refusal)
{
	/* clang-format off */
	static const int numbers[GATE_REFUSALS + 1] = {
		[GATE_UNKNOWN] = ENOSYS,
		[GATE_DENIED] = EPERM,
		[GATE_MALFORMED] = EINVAL,
		[GATE_FAULT] = EFAULT,
		[GATE_TOO_BIG] = E2BIG,
		[GATE_BAD_HANDLE] = EBADF,
		[GATE_NO_RIGHT] = EACCES,
		[GATE_LIMIT] = EAGAIN,
	};
	/* clang-format on */

	return refusal == GATE_BAD_STATE ? h->state_error : numbers[refusal];
}

/* malformed: whether something outside the arguments is. */
static void judge(struct judge *judge, enum gate_crossing crossing, uint64_t number, const uint64_t args[6],
		  bool malformed, struct judgement *judgement)
{
	struct hearing h = { .judge = judge, .args = args, .judgement = judgement };
	unsigned ordinal = find_ordinal(number);
	const struct abi_call *call = &abi_calls[ordinal];

	memset(judgement, 0, sizeof *judgement);
	judgement->ordinal = ordinal;
	if (ordinal == ABI_NO_CALL || call->since > judge->level || !judge->handled[ordinal])
		find_fault(&h, GATE_UNKNOWN);
	else if (!call->always && !judge->policy->granted[ordinal])
		find_fault(&h, GATE_DENIED);
	else if (malformed || !(call->crossings & 1 << crossing))
		find_fault(&h, GATE_MALFORMED);
	else
		judge_arguments(&h);
	while (judgement->refusal < GATE_REFUSALS && !h.wrong[judgement->refusal])
		judgement->refusal++;
	judgement->error = error_of(&h, judgement->refusal);
}

void judge_call(struct judge *who, enum gate_crossing crossing, uint64_t number, const uint64_t args[6],
		struct judgement *judgement)
{
	judge(who, crossing, number, args, false, judgement);
}

void judge_entry(struct judge *who, enum gate_crossing crossing, const struct postern_ring_entry *entry,
		 struct judgement *judgement)
{
	bool malformed = entry->reserved || (entry->flags & ~abi_levels[who->level].mask.ring_entry_flags);

	judge(who, crossing, entry->call, entry->args, malformed, judgement);
}
