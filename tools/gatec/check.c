/* SPDX-License-Identifier: ISC */
/*
 * check.c - makes a parsed contract whole: resolves names, lays out structs and registers, and
 * reports everything that the language's rules forbid. docs/contract.md states the rules.
 */
#include "arena.h"
#include "model.h"

#include <stdlib.h>
#include <string.h>

struct checker {
	struct contract *contract;
	struct diagnostics *list;
};

enum {
	MAX_SECTION = 255,
	MAX_HANDLE_KIND = 254, /* 255 is in the number that means no handle */
	MAX_HANDLES = 65536,
	MAX_STATE = 31,
};

#define error(c, at, ...) diagnose((c)->list, (at), __VA_ARGS__)

/* ---- names ---- */

/* The element called name in an array of structs that start with their name, or NULL. */
static const void *find_named(const char *name, const void *array, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		const void *element = (const char *)array + i * size;

		if (!strcmp(*(const char *const *)element, name))
			return element;
	}
	return NULL;
}

#define FIND(array, count, name) find_named((name), (array), (count), sizeof *(array))

/* Elements of these arrays start with `const char *name; struct location at`. */
struct named {
	const char *name;
	struct location at;
};

static void check_unique(struct checker *c, const char *what, const void *array, size_t count, size_t size)
{
	for (size_t i = 1; i < count; i++) {
		const struct named *element = (const void *)((const char *)array + i * size);
		const struct named *earlier = find_named(element->name, array, i, size);

		if (earlier)
			error(c, element->at, "%s '%s' is already declared in line %u", what, element->name,
			      earlier->at.line);
	}
}

#define CHECK_UNIQUE(c, what, array, count) check_unique((c), (what), (array), (count), sizeof *(array))

static int by_place(const void *left, const void *right)
{
	const struct location *a = &((const struct named *)left)->at;
	const struct location *b = &((const struct named *)right)->at;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

/* Types of every kind share one name space, since C's would collide. */
static void check_type_names(struct checker *c)
{
	const struct contract *contract = c->contract;
	struct named *all = NULL;
	size_t count = 0;

	for (size_t i = 0; i < contract->choice_count; i++)
		*arena_push(all, count) =
			(struct named){ contract->choices[i].name, contract->choices[i].at };
	for (size_t i = 0; i < contract->record_count; i++)
		*arena_push(all, count) =
			(struct named){ contract->records[i].name, contract->records[i].at };
	for (size_t i = 0; i < contract->handle_count; i++)
		*arena_push(all, count) =
			(struct named){ contract->handles[i].name, contract->handles[i].at };
	if (count)
		qsort(all, count, sizeof *all, by_place);
	CHECK_UNIQUE(c, "type", all, count);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(all[i].name, "segment"))
			error(c, all[i].at, "'segment' is the language's own struct");
	}
}

static void check_prose(struct checker *c, struct location at, const char *what, const char *name,
			const char *prose)
{
	if (!prose && !c->contract->lock)
		error(c, at, "%s '%s' has no prose", what, name);
}

static bool is_version_of(const struct contract *contract, struct version version)
{
	return version.major == contract->version.major && version.minor <= contract->version.minor;
}

/* since is a version of the contract, and not before that of its owner, which is checked by itself. */
static bool check_since(struct checker *c, struct location at, const char *name, struct version since,
			struct version owner)
{
	struct version now = c->contract->version;

	if (!version_compare(since, owner))
		return true;
	if (!is_version_of(c->contract, since))
		error(c, at, "'%s' is since %u.%u, which is not a version of this contract (%u.0 to %u.%u)",
		      name, since.major, since.minor, now.major, now.major, now.minor);
	else if (version_compare(since, owner) < 0)
		error(c, at, "'%s' is since %u.%u, but what it belongs to is since %u.%u", name, since.major,
		      since.minor, owner.major, owner.minor);
	else
		return true;
	return false;
}

static struct version first_version(const struct checker *c)
{
	return (struct version){ c->contract->version.major, 0 };
}

/* ---- members ---- */

static bool is_single_bit(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Names and values of members are unique, and no member is older than its type. */
static void check_members(struct checker *c, const char *what, const struct member *members, size_t count,
			  struct version since)
{
	CHECK_UNIQUE(c, what, members, count);
	for (size_t i = 0; i < count; i++) {
		check_since(c, members[i].at, members[i].name, members[i].since, since);
		for (size_t j = 0; j < i; j++) {
			if (members[j].value == members[i].value)
				error(c, members[i].at, "%s '%s' has the value of '%s', %llu", what,
				      members[i].name, members[j].name, (unsigned long long)members[i].value);
		}
	}
}

static void check_bits(struct checker *c, const char *what, const struct member *members, size_t count,
		       unsigned bytes)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_single_bit(members[i].value))
			error(c, members[i].at, "%s '%s' is not a single bit: 0x%llx", what, members[i].name,
			      (unsigned long long)members[i].value);
		else if (members[i].value > unsigned_limit(bytes))
			error(c, members[i].at, "%s '%s' does not fit %u bits", what, members[i].name,
			      8 * bytes);
	}
}

static void check_small(struct checker *c, const char *what, const struct member *members, size_t count,
			uint64_t limit)
{
	for (size_t i = 0; i < count; i++) {
		if (members[i].value > limit)
			error(c, members[i].at, "%s '%s' is %llu; at most %llu is allowed", what,
			      members[i].name, (unsigned long long)members[i].value,
			      (unsigned long long)limit);
	}
}

/* At its first version, a type without members would have no valid value, or none but zero. */
static void check_first_member(struct checker *c, const struct choice *choice)
{
	size_t newer = 0;

	for (size_t i = 0; i < choice->member_count; i++)
		newer += version_compare(choice->members[i].since, choice->since) > 0;
	if (newer && newer == choice->member_count)
		error(c, choice->at, "'%s' is since %u.%u, but all its members are newer", choice->name,
		      choice->since.major, choice->since.minor);
}

static void check_choice(struct checker *c, const struct choice *choice)
{
	const char *what = choice->is_flags ? "flag" : "value";

	check_prose(c, choice->at, choice->is_flags ? "flags" : "enum", choice->name, choice->prose);
	check_since(c, choice->at, choice->name, choice->since, first_version(c));
	if (!choice->member_count)
		error(c, choice->at, "'%s' has no members", choice->name);
	check_members(c, what, choice->members, choice->member_count, choice->since);
	check_first_member(c, choice);
	if (choice->is_flags)
		check_bits(c, what, choice->members, choice->member_count, choice->bytes);
	else
		check_small(c, what, choice->members, choice->member_count, MAX_ENUM_VALUE);
}

static void check_handle(struct checker *c, const struct handle *handle)
{
	check_prose(c, handle->at, "handle", handle->name, handle->prose);
	check_since(c, handle->at, handle->name, handle->since, first_version(c));
	if (handle->kind > MAX_HANDLE_KIND)
		error(c, handle->at, "handle '%s' is kind %llu; at most %d is allowed", handle->name,
		      (unsigned long long)handle->kind, MAX_HANDLE_KIND);
	if (!handle->max || handle->max > MAX_HANDLES)
		error(c, handle->at, "handle '%s' has max %llu; 1 to %d are allowed", handle->name,
		      (unsigned long long)handle->max, MAX_HANDLES);
	check_members(c, "right", handle->rights, handle->right_count, handle->since);
	check_bits(c, "right", handle->rights, handle->right_count, 4);
	check_members(c, "state", handle->states, handle->state_count, handle->since);
	check_small(c, "state", handle->states, handle->state_count, MAX_STATE);
	for (const struct handle *other = c->contract->handles; other < handle; other++) {
		if (other->kind == handle->kind)
			error(c, handle->at, "handle '%s' has the kind of '%s', %llu", handle->name,
			      other->name, (unsigned long long)handle->kind);
	}
}

/* ---- fields and arguments ---- */

/* What the name of a type must be, by its kind; a vector's is that of its elements. */
static const char *const named_kinds[] = {
	[TYPE_ENUM] = "enum",     [TYPE_FLAGS] = "flags",   [TYPE_HANDLE] = "handle",
	[TYPE_STRUCT] = "struct", [TYPE_VECTOR] = "struct",
};

static void resolve_type(struct checker *c, struct type *type)
{
	const struct contract *contract = c->contract;
	const struct choice *choice;

	switch (type->kind) {
	case TYPE_ENUM:
	case TYPE_FLAGS:
		choice = FIND(contract->choices, contract->choice_count, type->name);
		if (choice && choice->is_flags == (type->kind == TYPE_FLAGS)) {
			type->choice = choice;
			type->bytes = choice->bytes;
			return;
		}
		break;
	case TYPE_HANDLE:
		type->handle = FIND(contract->handles, contract->handle_count, type->name);
		if (type->handle)
			return;
		break;
	case TYPE_STRUCT:
	case TYPE_VECTOR:
		type->record = FIND(contract->records, contract->record_count, type->name);
		if (type->record)
			return;
		break;
	case TYPE_INTEGER:
	case TYPE_GPA:
	case TYPE_STRING:
	case TYPE_BYTES:
	case TYPE_BUFFER:
	case TYPE_SEGMENTS:
		return;
	}
	error(c, type->at, "there is no %s '%s'", named_kinds[type->kind], type->name);
}

static bool type_resolved(const struct type *type)
{
	return !type->name || type->choice || type->handle || type->record;
}

static struct version type_since(const struct checker *c, const struct type *type)
{
	if (type->choice)
		return type->choice->since;
	if (type->handle)
		return type->handle->since;
	if (type->record)
		return type->record->since;
	return first_version(c);
}

/* Bounds of an integer: they fit the type, and the least is not above the greatest. */
static void check_integer_bounds(struct checker *c, struct field *field)
{
	bool is_signed = field->type.is_signed;
	uint64_t most = unsigned_limit(field->type.bytes) >> is_signed;
	uint64_t least = is_signed ? ~most : 0;

	if (!field->has_min)
		field->min = least;
	if (!field->has_max)
		field->max = most;

	bool fits = is_signed ? (int64_t)field->min >= (int64_t)least && (int64_t)field->max <= (int64_t)most
			      : field->min <= most && field->max <= most;
	bool empty = is_signed ? (int64_t)field->min > (int64_t)field->max : field->min > field->max;

	if (!fits)
		error(c, field->bounds_at, "the bounds of '%s' do not fit its type", field->name);
	else if (empty)
		error(c, field->bounds_at, "the range of '%s' is empty", field->name);
}

static bool has_integer_attributes(const struct field *field)
{
	return field->has_min || field->has_max || field->align || field->from.text;
}

/* Attributes stand only where they mean something. */
static void check_attributes_apply(struct checker *c, const struct field *field)
{
	enum type_kind kind = field->type.kind;
	bool integer = (kind == TYPE_INTEGER || kind == TYPE_GPA) && !field->type.count;
	bool memory = type_is_memory(kind);
	const char *other = field->type.count ? "an array" : "no integer";

	if ((field->has_min || field->has_max) && !integer && !memory)
		error(c, field->bounds_at, "'%s' cannot have bounds: it is %s", field->name, other);
	if (field->has_total && kind != TYPE_SEGMENTS)
		error(c, field->bounds_at, "'%s' cannot have a total: only segments have one", field->name);
	if (field->align && !integer)
		error(c, field->bounds_at, "'%s' cannot have an alignment: it is %s", field->name, other);
	if (field->from.text && !integer)
		error(c, field->from.at, "'%s' cannot be counted from another: it is %s", field->name, other);
	if (field->zero && kind != TYPE_INTEGER)
		error(c, field->bounds_at, "'%s' cannot be reserved: it is no integer", field->name);
	if (field->zero && has_integer_attributes(field))
		error(c, field->bounds_at, "'%s' is reserved and cannot have other constraints", field->name);
	if (kind != TYPE_HANDLE && (field->need_count || field->state.text || field->optional))
		error(c, field->bounds_at, "'%s' is no handle: needs, while and optional do not apply",
		      field->name);
}

/* `from NAME`: an unsigned integer or address beside the field, before it. */
static void resolve_from(struct checker *c, struct field *field, const struct field *fields)
{
	if (!field->from.text)
		return;
	field->from_field = FIND(fields, (size_t)(field - fields), field->from.text);
	if (!field->from_field) {
		error(c, field->from.at, "no field '%s' before '%s'", field->from.text, field->name);
		return;
	}

	const struct type *type = &field->from_field->type;
	bool good = (type->kind == TYPE_INTEGER || type->kind == TYPE_GPA) && !type->count &&
		    !type->is_signed;

	if (!good || field->type.is_signed)
		error(c, field->from.at, "'%s' and '%s' must be unsigned integers", field->from.text,
		      field->name);
}

static void resolve_handle_needs(struct checker *c, struct field *field)
{
	const struct handle *handle = field->type.handle;

	if (!handle)
		return;
	for (size_t i = 0; i < field->need_count; i++) {
		const struct member *right = FIND(handle->rights, handle->right_count, field->needs[i].text);

		if (right && field->needed_rights & right->value)
			error(c, field->needs[i].at, "right '%s' is needed twice", right->name);
		else if (right)
			field->needed_rights |= right->value;
		else
			error(c, field->needs[i].at, "handle '%s' has no right '%s'", handle->name,
			      field->needs[i].text);
	}
	if (!field->state.text)
		return;
	field->needed_state = FIND(handle->states, handle->state_count, field->state.text);
	if (!field->needed_state)
		error(c, field->state.at, "handle '%s' has no state '%s'", handle->name, field->state.text);
	if (!errno_number(field->state_error.text))
		error(c, field->state_error.at, "'%s' is no errno", field->state_error.text);
}

static void check_field(struct checker *c, struct field *field, const struct field *fields,
			struct version owner)
{
	resolve_type(c, &field->type);
	if (!type_resolved(&field->type))
		return;
	if (!check_since(c, field->at, field->name, field->since, owner))
		field->since = owner; /* one error is enough */

	struct version since = type_since(c, &field->type);

	if (is_version_of(c->contract, since) && version_compare(since, field->since) > 0)
		error(c, field->type.at, "'%s' is older than its type '%s'", field->name, field->type.name);
	check_attributes_apply(c, field);
	if (field->type.kind == TYPE_INTEGER || field->type.kind == TYPE_GPA)
		check_integer_bounds(c, field);
	resolve_from(c, field, fields);
	resolve_handle_needs(c, field);
}

/* ---- structs ---- */

static void lay_out(struct checker *c, struct record *record);

static uint64_t element_size(const struct type *type)
{
	return type->kind == TYPE_STRUCT ? type->record->size : type->bytes;
}

static uint64_t natural_alignment(const struct type *type)
{
	return type->kind == TYPE_STRUCT ? type->record->alignment : type->bytes;
}

/*
 * A caller of an older version leaves what it does not know at zero, and zero means the old
 * behaviour: so a field or argument that is newer than its struct or call must accept zero.
 */
static bool accepts_zero(const struct field *field)
{
	const struct choice *choice = field->type.choice;

	if (choice && !choice->is_flags) {
		for (size_t i = 0; i < choice->member_count; i++) {
			const struct member *member = &choice->members[i];

			if (!member->value)
				return version_compare(member->since, field->since) <= 0;
		}
		return false;
	}
	if (field->type.kind == TYPE_STRUCT)
		return !field->type.record->refuses_zero;
	if (field->type.is_signed)
		return (int64_t)field->min <= 0 && (int64_t)field->max >= 0;
	return !field->min;
}

static void check_struct_field(struct checker *c, struct record *record, struct field *field)
{
	if (type_is_memory(field->type.kind)) {
		error(c, field->type.at, "'%s': only an argument can be memory of the guest", field->name);
		return;
	}
	check_field(c, field, record->fields, record->since);
	if (field->type.count && field->type.kind != TYPE_INTEGER)
		error(c, field->type.at, "'%s': only integers can be an array", field->name);
	if (field->type.kind == TYPE_HANDLE && (field->need_count || field->state.text || field->optional))
		error(c, field->bounds_at,
		      "'%s': a struct's handle is only a number; needs, while and optional "
		      "apply to arguments",
		      field->name);
	if (field->type.record) {
		if (field->type.record->extensible)
			error(c, field->type.at, "'%s': an extensible struct cannot be inside another",
			      field->name);
		lay_out(c, (struct record *)field->type.record);
	}
	if (version_compare(field->since, record->since) > 0 && !accepts_zero(field))
		error(c, field->at,
		      "'%s' is newer than its struct and must accept zero, which older callers send",
		      field->name);
	if (field->has_since && !record->extensible && version_compare(field->since, record->since) > 0)
		error(c, field->at, "'%s' is newer than its struct, which is not extensible", field->name);
}

static void check_size_field(struct checker *c, const struct record *record)
{
	const struct field *first = record->fields;

	if (!record->extensible)
		return;
	if (strcmp(first->name, "size") != 0 || first->type.kind != TYPE_INTEGER || first->type.bytes != 4 ||
	    first->type.is_signed || first->type.count)
		error(c, first->at, "the first field of an extensible struct is 'size : u32'");
	else if (has_integer_attributes(first) || first->zero)
		error(c, first->bounds_at, "'size' has rules of its own and takes no constraints");
	else if (version_compare(first->since, record->since) != 0)
		error(c, first->at, "'size' is as old as its struct, and states no other version");
}

/* A version's fields end where a caller of that version ends: on a multiple of 8. */
static void check_version_end(struct checker *c, const struct record *record, const struct field *field)
{
	const struct field *before = field - 1;

	if (version_compare(field->since, before->since) < 0)
		error(c, field->at, "'%s' is older than '%s' before it; fields are only appended",
		      field->name, before->name);
	else if (record->extensible && version_compare(field->since, before->since) > 0 && record->size % 8)
		error(c, field->at,
		      "the fields before '%s' end at %llu; a version's fields must end at a "
		      "multiple of 8: add a reserved field to them",
		      field->name, (unsigned long long)record->size);
}

static void place_field(struct checker *c, struct record *record, struct field *field)
{
	uint64_t alignment = natural_alignment(&field->type);
	uint64_t count = field->type.count ? field->type.count : 1;

	if (!alignment) /* a type that was reported already */
		return;
	if (record->size % alignment) {
		error(c, field->at,
		      "'%s' would be at offset %llu, which is not a multiple of %llu: add a reserved "
		      "field before it",
		      field->name, (unsigned long long)record->size, (unsigned long long)alignment);
		/* The rest is laid out as if it were there, so that one error is enough. */
		record->size += alignment - record->size % alignment;
	}
	field->offset = record->size;
	if (field->has_stated_offset && field->stated_offset != field->offset)
		error(c, field->offset_at, "'%s' is at offset %llu, not at %llu", field->name,
		      (unsigned long long)field->offset, (unsigned long long)field->stated_offset);
	else if (!field->has_stated_offset && c->contract->lock)
		error(c, field->at, "'%s' states no offset, as every field in a lock file does", field->name);
	record->size += count * element_size(&field->type);
	if (alignment > record->alignment)
		record->alignment = alignment;
}

static void lay_out(struct checker *c, struct record *record)
{
	if (record->mark == 1) {
		error(c, record->at, "struct '%s' contains itself", record->name);
		return;
	}
	if (record->mark)
		return;
	record->mark = 1;
	record->alignment = record->extensible ? 8 : 1;
	check_prose(c, record->at, "struct", record->name, record->prose);
	check_since(c, record->at, record->name, record->since, first_version(c));
	CHECK_UNIQUE(c, "field", record->fields, record->field_count);
	if (!record->field_count)
		error(c, record->at, "struct '%s' has no fields", record->name);
	else
		check_size_field(c, record);
	for (size_t i = 0; i < record->field_count; i++) {
		struct field *field = &record->fields[i];

		check_struct_field(c, record, field);
		if (type_is_memory(field->type.kind) || !type_resolved(&field->type))
			continue;
		if (i)
			check_version_end(c, record, field);
		place_field(c, record, field);
		if (!accepts_zero(field))
			record->refuses_zero = true;
	}
	if (record->size % record->alignment)
		error(c, record->at,
		      "struct '%s' is %llu bytes, not a multiple of %llu: add a reserved field", record->name,
		      (unsigned long long)record->size, (unsigned long long)record->alignment);
	if (record->size > MAX_STRUCT_SIZE)
		error(c, record->at, "struct '%s' is %llu bytes; at most %d are allowed", record->name,
		      (unsigned long long)record->size, MAX_STRUCT_SIZE);
	record->mark = 2;
}

uint64_t record_size_at(const struct record *record, struct version version)
{
	uint64_t end = 0;

	for (size_t i = 0; i < record->field_count; i++) {
		const struct field *field = &record->fields[i];
		uint64_t count = field->type.count ? field->type.count : 1;

		if (version_compare(field->since, version) <= 0)
			end = field->offset + count * element_size(&field->type);
	}
	return end;
}

/* ---- arguments ---- */

/* What each kind of argument may be. */
struct argument_rule {
	unsigned registers;
	bool in, out, inout;
	bool needs_max;
	bool copied; /* so that its size is bounded by MAX_COPY_SIZE */
	uint64_t default_min;
};

/* clang-format off */
static const struct argument_rule argument_rules[] = {
	[TYPE_INTEGER] = { .registers = 1, .in = true },
	[TYPE_GPA] = { .registers = 1, .in = true },
	[TYPE_ENUM] = { .registers = 1, .in = true },
	[TYPE_FLAGS] = { .registers = 1, .in = true },
	[TYPE_HANDLE] = { .registers = 1, .in = true },
	[TYPE_STRUCT] = { .registers = 1, .in = true, .out = true, .inout = true },
	[TYPE_VECTOR] = { .registers = 2, .in = true, .needs_max = true, .copied = true, .default_min = 1 },
	[TYPE_STRING] = { .registers = 2, .in = true, .needs_max = true, .copied = true },
	[TYPE_BYTES] = { .registers = 2, .in = true, .needs_max = true, .copied = true },
	[TYPE_BUFFER] = { .registers = 2, .in = true, .out = true, .needs_max = true },
	[TYPE_SEGMENTS] = {
		.registers = 2, .in = true, .out = true, .needs_max = true, .copied = true, .default_min = 1
	},
};
/* clang-format on */

static void check_direction(struct checker *c, const struct field *arg)
{
	const struct argument_rule *rule = &argument_rules[arg->type.kind];
	bool allowed[] = {
		[DIRECTION_IN] = rule->in,
		[DIRECTION_OUT] = rule->out,
		[DIRECTION_INOUT] = rule->inout,
	};
	static const char *const words[] = { "in", "out", "inout" };

	if (!allowed[arg->direction])
		error(c, arg->at, "'%s' cannot be '%s': its type does not allow it", arg->name,
		      words[arg->direction]);
}

/* Lengths of memory arguments are bounded, and so is what the host must copy. */
static void check_lengths(struct checker *c, struct field *arg)
{
	const struct argument_rule *rule = &argument_rules[arg->type.kind];
	uint64_t each = arg->type.kind == TYPE_SEGMENTS ? 16 : arg->type.record ? arg->type.record->size : 1;

	if (!rule->needs_max)
		return;
	if (!arg->has_max)
		error(c, arg->at, "'%s' has no max; every length has a limit", arg->name);
	if (!arg->has_min)
		arg->min = rule->default_min;
	if (arg->has_max && (!arg->max || arg->max > UINT32_MAX))
		error(c, arg->bounds_at, "'%s' has a max of %llu; 1 to %u are allowed", arg->name,
		      (unsigned long long)arg->max, UINT32_MAX);
	else if (arg->has_max && arg->min > arg->max)
		error(c, arg->bounds_at, "'%s' has a min above its max", arg->name);
	else if (rule->copied && each && arg->max > MAX_COPY_SIZE / each)
		error(c, arg->bounds_at, "'%s' makes the host copy up to %llu bytes; at most %d are allowed",
		      arg->name, (unsigned long long)(arg->max * each), MAX_COPY_SIZE);
	if (arg->type.kind == TYPE_SEGMENTS && (!arg->has_total || !arg->total))
		error(c, arg->at, "'%s' has no total; the bytes of all segments have a limit", arg->name);
}

static void check_argument_type(struct checker *c, const struct field *arg)
{
	const struct type *type = &arg->type;

	if (type->count)
		error(c, type->at, "'%s': an argument cannot be an array", arg->name);
	if (type->kind == TYPE_INTEGER && type->is_signed && type->bytes < 4)
		error(c, type->at, "'%s': a signed argument is s32 or s64", arg->name);
	if (type->kind == TYPE_STRUCT && !type->record->extensible)
		error(c, type->at, "'%s': struct '%s' must be extensible to be an argument by itself",
		      arg->name, type->name);
	if (type->kind == TYPE_VECTOR && (type->record->extensible || type->record->alignment != 8))
		error(c, type->at, "'%s': elements of a vector are fixed structs aligned to 8 bytes",
		      arg->name);
	if (arg->has_stated_offset)
		error(c, arg->offset_at, "'%s': arguments have registers, not offsets", arg->name);
}

static void check_argument(struct checker *c, struct call *call, struct field *arg)
{
	check_field(c, arg, call->args, call->since);
	if (!type_resolved(&arg->type))
		return;
	check_direction(c, arg);
	check_argument_type(c, arg);
	check_lengths(c, arg);
	if (version_compare(arg->since, call->since) > 0 &&
	    (arg->type.kind == TYPE_STRUCT || arg->type.kind == TYPE_HANDLE || !accepts_zero(arg)))
		error(c, arg->at,
		      "'%s' is newer than its call and must accept zero, which older callers send",
		      arg->name);
	if (arg > call->args && version_compare(arg->since, arg[-1].since) < 0)
		error(c, arg->at, "'%s' is older than '%s' before it; arguments are only appended", arg->name,
		      arg[-1].name);
	arg->first_register = call->register_count;
	arg->register_count = argument_rules[arg->type.kind].registers;
	call->register_count += arg->register_count;
	if (call->register_count > MAX_REGISTERS && arg->first_register <= MAX_REGISTERS)
		error(c, arg->at, "'%s' needs register %u; a call has %d", arg->name, call->register_count,
		      MAX_REGISTERS);
}

/* ---- calls ---- */

static void check_call_number(struct checker *c, struct call *call)
{
	const struct contract *contract = c->contract;
	const char *dot = strchr(call->name, '.');
	const char *name = arena_copy(call->name, (size_t)(dot - call->name));

	call->section = FIND(contract->sections, contract->section_count, name);
	if (!call->section)
		error(c, call->at, "there is no section '%s'", name);
	else if (call->section->number <= MAX_SECTION && call->number >> 8 != call->section->number)
		error(c, call->number_at,
		      "0x%04llx is not a number of section '%s' (0x%02llx00 to 0x%02llx%02x)",
		      (unsigned long long)call->number, name, (unsigned long long)call->section->number,
		      (unsigned long long)call->section->number, MAX_CALLS_IN_SECTION - 1);
	else if ((call->number & 0xff) >= MAX_CALLS_IN_SECTION)
		error(c, call->number_at, "0x%04llx: a section has at most %d calls",
		      (unsigned long long)call->number, MAX_CALLS_IN_SECTION);
	for (const struct call *other = contract->calls; other < call; other++) {
		if (other->number == call->number)
			error(c, call->number_at, "'%s' has the number of '%s', 0x%04llx", call->name,
			      other->name, (unsigned long long)call->number);
	}
}

static void check_errors(struct checker *c, struct call *call)
{
	CHECK_UNIQUE(c, "error", call->errors, call->error_count);
	for (size_t i = 0; i < call->error_count; i++) {
		struct call_error *item = &call->errors[i];

		item->number = errno_number(item->name);
		if (!item->number)
			error(c, item->at, "'%s' is no errno", item->name);
	}
}

static void check_cost(struct checker *c, const struct call *call)
{
	const struct field *arg;

	if (call->cost == COST_MISSING)
		error(c, call->at, "call '%s' does not state its cost", call->name);
	if (!call->cost_arg.text)
		return;
	arg = FIND(call->args, call->arg_count, call->cost_arg.text);
	if (!arg)
		error(c, call->cost_arg.at, "call '%s' has no argument '%s'", call->name,
		      call->cost_arg.text);
	else if (!type_is_memory(arg->type.kind) && !(arg->type.kind == TYPE_INTEGER && arg->has_max))
		error(c, call->cost_arg.at, "the cost of '%s' is set by '%s', which has no max", call->name,
		      arg->name);
}

static void check_call(struct checker *c, struct call *call)
{
	check_prose(c, call->at, "call", call->name, call->prose);
	check_since(c, call->at, call->name, call->since, first_version(c));
	check_call_number(c, call);
	CHECK_UNIQUE(c, "argument", call->args, call->arg_count);
	for (size_t i = 0; i < call->arg_count; i++)
		check_argument(c, call, &call->args[i]);
	check_errors(c, call);
	check_cost(c, call);
	if (!call->returns && !c->contract->lock)
		error(c, call->at, "call '%s' does not state what it returns", call->name);
	if (call->right == RIGHT_MISSING)
		error(c, call->at, "call '%s' does not state its right", call->name);
}

/* ---- profiles ---- */

static void resolve_profile(struct checker *c, struct profile *profile);

/* Adds what one entry names: a profile, a section, or a call. */
static bool resolve_entry(struct checker *c, struct profile *profile, const struct name *entry)
{
	struct contract *contract = c->contract;
	struct profile *other =
		(struct profile *)FIND(contract->profiles, contract->profile_count, entry->text);
	bool found = other || FIND(contract->sections, contract->section_count, entry->text);

	if (other) {
		resolve_profile(c, other);
		for (size_t i = 0; i < contract->call_count; i++)
			profile->calls[i] |= other->calls[i];
	}
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		if ((call->section && !strcmp(call->section->name, entry->text)) ||
		    !strcmp(call->name, entry->text))
			profile->calls[i] = found = true;
	}
	return found;
}

static void resolve_profile(struct checker *c, struct profile *profile)
{
	if (profile->mark == 1)
		error(c, profile->at, "profile '%s' contains itself", profile->name);
	if (profile->mark)
		return;
	profile->mark = 1;
	profile->calls = arena_alloc(c->contract->call_count + 1);
	check_prose(c, profile->at, "profile", profile->name, profile->prose);
	CHECK_UNIQUE(c, "entry", profile->entries, profile->entry_count);
	for (size_t i = 0; i < profile->entry_count; i++) {
		if (!resolve_entry(c, profile, &profile->entries[i]))
			error(c, profile->entries[i].at, "'%s' is no profile, section or call",
			      profile->entries[i].text);
	}
	profile->mark = 2;
}

static void check_profile_names(struct checker *c)
{
	const struct contract *contract = c->contract;

	CHECK_UNIQUE(c, "profile", contract->profiles, contract->profile_count);
	for (size_t i = 0; i < contract->profile_count; i++) {
		if (FIND(contract->sections, contract->section_count, contract->profiles[i].name))
			error(c, contract->profiles[i].at,
			      "'%s' is a section, too; --allow could not tell them apart",
			      contract->profiles[i].name);
	}
}

/* ---- the whole ---- */

static void check_sections(struct checker *c)
{
	const struct contract *contract = c->contract;

	CHECK_UNIQUE(c, "section", contract->sections, contract->section_count);
	for (size_t i = 0; i < contract->section_count; i++) {
		const struct section *section = &contract->sections[i];

		check_prose(c, section->at, "section", section->name, section->prose);
		if (section->number > MAX_SECTION)
			error(c, section->at, "section '%s' is 0x%llx; at most 0x%x is allowed",
			      section->name, (unsigned long long)section->number, MAX_SECTION);
		for (size_t j = 0; j < i; j++) {
			if (contract->sections[j].number == section->number)
				error(c, section->at, "section '%s' has the number of '%s', 0x%02llx",
				      section->name, contract->sections[j].name,
				      (unsigned long long)section->number);
		}
	}
}

void check_contract(struct contract *contract, struct diagnostics *list)
{
	struct checker c = { .contract = contract, .list = list };
	size_t before = list->count;

	check_sections(&c);
	check_type_names(&c);
	for (size_t i = 0; i < contract->choice_count; i++)
		check_choice(&c, &contract->choices[i]);
	for (size_t i = 0; i < contract->handle_count; i++)
		check_handle(&c, &contract->handles[i]);
	for (size_t i = 0; i < contract->record_count; i++)
		lay_out(&c, &contract->records[i]);
	CHECK_UNIQUE(&c, "call", contract->calls, contract->call_count);
	for (size_t i = 0; i < contract->call_count; i++)
		check_call(&c, &contract->calls[i]);
	if (contract->call_count > MAX_CALLS)
		error(&c, contract->at, "%zu calls; at most %d are allowed", contract->call_count, MAX_CALLS);
	check_profile_names(&c);
	for (size_t i = 0; i < contract->profile_count; i++)
		resolve_profile(&c, &contract->profiles[i]);
	if (list->count == before)
		check_c_names(contract, list);
}
