/* SPDX-License-Identifier: ISC */
/*
 * parse.c - tokens to model. One function for each production of docs/contract.md. A function
 * that finds an error reports it and returns false; the item's caller then skips to the next line
 * that can start an item, so that one run reports several errors.
 */
#include "arena.h"
#include "lex.h"
#include "model.h"

#include <stdio.h>
#include <string.h>

struct parser {
	const struct token *next;
	struct diagnostics *list;
	struct contract *contract;
};

/* A word that may stand at some place, and what to do there. */
#define FIND_WORD(table, word) find_word((word), (table), sizeof(table) / sizeof *(table), sizeof *(table))

/* Each row of such a table starts with its word. Returns the row, or NULL. */
static const void *find_word(const char *word, const void *table, size_t rows, size_t row_size)
{
	for (size_t i = 0; i < rows; i++) {
		const void *row = (const char *)table + i * row_size;

		if (!strcmp(*(const char *const *)row, word))
			return row;
	}
	return NULL;
}

/* ---- tokens ---- */

static bool at_kind(const struct parser *p, enum token_kind kind)
{
	return p->next->kind == kind;
}

static bool at_word(const struct parser *p, const char *word)
{
	return at_kind(p, TOKEN_NAME) && !strcmp(p->next->text, word);
}

static void advance(struct parser *p)
{
	if (p->next->kind != TOKEN_END)
		p->next++;
}

static bool accept_word(struct parser *p, const char *word)
{
	bool found = at_word(p, word);

	if (found)
		advance(p);
	return found;
}

static bool accept_kind(struct parser *p, enum token_kind kind)
{
	bool found = at_kind(p, kind);

	if (found)
		advance(p);
	return found;
}

/* What the next token is, in words. */
static const char *found_text(const struct parser *p)
{
	if (at_kind(p, TOKEN_NAME))
		return arena_print("'%s'", p->next->text);
	if (at_kind(p, TOKEN_NUMBER))
		return arena_print("%llu", (unsigned long long)p->next->number);
	return token_kind_name(p->next->kind);
}

/* Whether the text ended too early for a reason that the lexer has reported. */
static bool at_cut(const struct parser *p)
{
	return at_kind(p, TOKEN_END) && p->next->cut;
}

static bool fail(struct parser *p, const char *wanted)
{
	if (!at_cut(p))
		diagnose(p->list, p->next->at, "expected %s, found %s", wanted, found_text(p));
	return false;
}

static bool expect(struct parser *p, enum token_kind kind, const char *where)
{
	if (accept_kind(p, kind))
		return true;
	return fail(p, arena_print("%s %s", token_kind_name(kind), where));
}

static bool expect_word(struct parser *p, const char *word)
{
	if (accept_word(p, word))
		return true;
	return fail(p, arena_print("'%s'", word));
}

static bool expect_name(struct parser *p, const char *what, struct name *name)
{
	*name = (struct name){ .text = p->next->text, .at = p->next->at };
	if (!at_kind(p, TOKEN_NAME))
		return fail(p, what);
	advance(p);
	return true;
}

/* A name that the contract declares: small letters, digits, underscores. */
static bool expect_new_name(struct parser *p, const char *what, const char **text, struct location *at)
{
	struct name name;

	if (!expect_name(p, what, &name))
		return false;
	*text = name.text;
	*at = name.at;
	for (const char *c = name.text; *c; c++) {
		bool good = (*c >= 'a' && *c <= 'z') ||
			    (c > name.text && ((*c >= '0' && *c <= '9') || *c == '_'));

		if (!good) {
			diagnose(p->list, name.at,
				 "'%s': a name is made of a-z, 0-9 and _, and starts with a letter",
				 name.text);
			break;
		}
	}
	return true;
}

static bool expect_number(struct parser *p, const char *what, uint64_t *number)
{
	*number = p->next->number;
	if (!at_kind(p, TOKEN_NUMBER))
		return fail(p, what);
	advance(p);
	return true;
}

static bool expect_version(struct parser *p, struct version *version)
{
	const struct token *start = p->next;
	uint64_t major = 0;
	uint64_t minor = 0;

	if (!expect_number(p, "a version such as 1.0", &major) ||
	    !expect(p, TOKEN_DOT, "between the parts of a version") ||
	    !expect_number(p, "a version such as 1.0", &minor))
		return false;
	if (major > 255 || minor > 255) {
		diagnose(p->list, start->at, "version parts are at most 255");
		return false;
	}
	*version = (struct version){ (unsigned)major, (unsigned)minor };
	return true;
}

/* `since V`, where it stands; otherwise the version is left as it is. A member may be called since. */
static bool accept_since(struct parser *p, struct version *version)
{
	if (!at_word(p, "since") || p->next[1].kind == TOKEN_EQUALS)
		return true;
	advance(p);
	return expect_version(p, version);
}

static const char *accept_prose(struct parser *p)
{
	const char *text = at_kind(p, TOKEN_PROSE) ? p->next->text : NULL;

	if (text)
		advance(p);
	return text;
}

/*
 * Whether a declaration starts here: one of their words, in the first column. Recovery relies on
 * the column; a contract without errors may be laid out in any way.
 */
static bool at_declaration(const struct parser *p);

/*
 * Skips an item from start on, to where the next may start: a new line, the body's end, or the file's.
 * A brace that the item opened is skipped to its end, but never beyond a '}' in the first column.
 */
static void skip_item(struct parser *p, const struct token *start)
{
	unsigned depth = 0;

	for (; !at_kind(p, TOKEN_END); advance(p)) {
		bool close = at_kind(p, TOKEN_CLOSE);

		if (p->next != start) {
			if (at_declaration(p) || (close && (!depth || p->next->at.column == 1)))
				return;
			if (!depth && p->next->first_on_line)
				return;
		}
		if (at_kind(p, TOKEN_OPEN))
			depth++;
		else if (close)
			depth--;
	}
}

/* `{ prose item... }`: calls item for each until the body's end. */
static bool parse_body(struct parser *p, const char **prose, bool (*item)(struct parser *, void *),
		       void *owner)
{
	const struct token *open = p->next;

	if (!expect(p, TOKEN_OPEN, "before the body"))
		return false;
	*prose = accept_prose(p);
	while (!at_kind(p, TOKEN_CLOSE)) {
		const struct token *start = p->next;

		if (at_kind(p, TOKEN_END) || at_declaration(p)) {
			if (!at_cut(p))
				diagnose(p->list, open->at, "this '{' is never closed");
			return false;
		}
		if (!item(p, owner))
			skip_item(p, p->next == start ? start : NULL);
	}
	advance(p);
	return true;
}

/* ---- types and constraints ---- */

struct integer_word {
	const char *word;
	unsigned bytes;
	bool is_signed;
};

static const struct integer_word integer_words[] = {
	{ "u8", 1, false }, { "u16", 2, false }, { "u32", 4, false }, { "u64", 8, false },
	{ "s8", 1, true },  { "s16", 2, true },  { "s32", 4, true },  { "s64", 8, true },
};

struct type_word {
	const char *word;
	enum type_kind kind;
	unsigned bytes;
	const char *name_of; /* what the name after the word is that of, or NULL */
};

/* clang-format off */
static const struct type_word type_words[] = {
	{ "gpa", TYPE_GPA, 8, NULL },
	{ "enum", TYPE_ENUM, 0, "enum" },
	{ "flags", TYPE_FLAGS, 0, "flags" },
	{ "handle", TYPE_HANDLE, 4, "handle" },
	{ "struct", TYPE_STRUCT, 0, "struct" },
	{ "vector", TYPE_VECTOR, 0, "struct" },
	{ "string", TYPE_STRING, 0, NULL },
	{ "bytes", TYPE_BYTES, 0, NULL },
	{ "buffer", TYPE_BUFFER, 0, NULL },
	{ "segments", TYPE_SEGMENTS, 0, NULL },
};
/* clang-format on */

/* `u8`, `enum NAME`, `vector of NAME`: a type without the elements of an array. */
static bool parse_base_type(struct parser *p, struct type *type)
{
	struct name word;
	struct name name;

	type->at = p->next->at;
	if (!expect_name(p, "a type", &word))
		return false;

	const struct integer_word *integer = FIND_WORD(integer_words, word.text);
	const struct type_word *other = FIND_WORD(type_words, word.text);

	if (integer) {
		type->kind = TYPE_INTEGER;
		type->bytes = integer->bytes;
		type->is_signed = integer->is_signed;
		return true;
	}
	if (!other) {
		diagnose(p->list, word.at, "unknown type '%s'", word.text);
		return false;
	}
	type->kind = other->kind;
	type->bytes = other->bytes;
	if (type->kind == TYPE_VECTOR && !expect_word(p, "of"))
		return false;
	if (!other->name_of)
		return true;
	type->at = p->next->at;
	if (!expect_name(p, arena_print("the name of the %s", other->name_of), &name))
		return false;
	type->name = name.text;
	return true;
}

static bool parse_type(struct parser *p, struct type *type)
{
	if (!parse_base_type(p, type))
		return false;
	if (!accept_kind(p, TOKEN_LEFT))
		return true;
	if (!expect_number(p, "the number of elements", &type->count) || !expect(p, TOKEN_RIGHT, "after it"))
		return false;
	if (!type->count || type->count > MAX_STRUCT_SIZE) {
		diagnose(p->list, type->at, "an array of %llu elements; 1 to %d are allowed",
			 (unsigned long long)type->count, MAX_STRUCT_SIZE);
		return false;
	}
	return true;
}

/* A bound, negative only if the type is signed; kept as two's complement. */
static bool parse_bound(struct parser *p, const struct field *field, const char *what, uint64_t *bound)
{
	const struct token *start = p->next;
	bool negative = accept_kind(p, TOKEN_MINUS);
	uint64_t most = negative ? 0 : UINT64_MAX;

	if (field->type.is_signed)
		most = (uint64_t)INT64_MAX + negative;
	if (!expect_number(p, what, bound))
		return false;
	if (*bound > most) {
		diagnose(p->list, start->at, "the bounds of '%s' do not fit its type", field->name);
		return false;
	}
	if (negative)
		*bound = -*bound;
	return true;
}

static bool parse_range(struct parser *p, struct field *field)
{
	field->has_min = field->has_max = true;
	return parse_bound(p, field, "the least value", &field->min) &&
	       expect(p, TOKEN_RANGE, "between the ends of the range") &&
	       parse_bound(p, field, "the greatest value", &field->max);
}

static bool parse_max(struct parser *p, struct field *field)
{
	field->has_max = true;
	return parse_bound(p, field, "the greatest value", &field->max);
}

static bool parse_min(struct parser *p, struct field *field)
{
	field->has_min = true;
	return parse_bound(p, field, "the least value", &field->min);
}

static bool parse_total(struct parser *p, struct field *field)
{
	field->has_total = true;
	return expect_number(p, "the most bytes of all segments together", &field->total);
}

static bool parse_align(struct parser *p, struct field *field)
{
	const struct token *number = p->next;

	if (!expect_number(p, "an alignment", &field->align))
		return false;
	if (!field->align || (field->align & (field->align - 1))) {
		diagnose(p->list, number->at, "align %llu is not a power of two",
			 (unsigned long long)field->align);
		return false;
	}
	return true;
}

static bool parse_zero(struct parser *p, struct field *field)
{
	(void)p;
	field->zero = true;
	return true;
}

static bool parse_from(struct parser *p, struct field *field)
{
	return expect_name(p, "the name of an earlier field or argument", &field->from);
}

static bool parse_field_since(struct parser *p, struct field *field)
{
	field->has_since = true;
	return expect_version(p, &field->since);
}

static bool parse_needs(struct parser *p, struct field *field)
{
	struct name *right = arena_push(field->needs, field->need_count);

	return expect_name(p, "the name of a right", right);
}

static bool parse_while(struct parser *p, struct field *field)
{
	return expect_name(p, "the name of a state", &field->state) && expect_word(p, "else") &&
	       expect_name(p, "the errno of another state", &field->state_error);
}

static bool parse_optional(struct parser *p, struct field *field)
{
	(void)p;
	field->optional = true;
	return true;
}

static bool parse_offset(struct parser *p, struct field *field)
{
	field->has_stated_offset = true;
	field->offset_at = p->next->at;
	return expect_number(p, "an offset in bytes", &field->stated_offset);
}

/* What an attribute sets, so that none is set twice. `needs` may be repeated. */
enum {
	SETS_MIN = 1 << 0,
	SETS_MAX = 1 << 1,
	SETS_TOTAL = 1 << 2,
	SETS_ALIGN = 1 << 3,
	SETS_ZERO = 1 << 4,
	SETS_FROM = 1 << 5,
	SETS_SINCE = 1 << 6,
	SETS_OPTIONAL = 1 << 7,
	SETS_STATE = 1 << 8,
	SETS_OFFSET = 1 << 9,
};

struct attribute_word {
	const char *word;
	bool (*parse)(struct parser *p, struct field *field);
	unsigned sets;
};

/* clang-format off */
static const struct attribute_word attribute_words[] = {
	{ "range", parse_range, SETS_MIN | SETS_MAX },
	{ "max", parse_max, SETS_MAX },
	{ "min", parse_min, SETS_MIN },
	{ "total", parse_total, SETS_TOTAL },
	{ "align", parse_align, SETS_ALIGN },
	{ "zero", parse_zero, SETS_ZERO },
	{ "from", parse_from, SETS_FROM },
	{ "since", parse_field_since, SETS_SINCE },
	{ "needs", parse_needs, 0 },
	{ "optional", parse_optional, SETS_OPTIONAL },
	{ "while", parse_while, SETS_STATE },
	{ "@", parse_offset, SETS_OFFSET },
};
/* clang-format on */

/*
 * The attribute that starts here, or NULL. A word is none when what follows it shows that it is the
 * next field's name (`max : u32`); in a call, no item starts with an attribute's word.
 */
static const struct attribute_word *find_attribute(const struct parser *p)
{
	if (at_kind(p, TOKEN_AT))
		return FIND_WORD(attribute_words, "@");
	if (!at_kind(p, TOKEN_NAME) || p->next[1].kind == TOKEN_COLON)
		return NULL;
	return FIND_WORD(attribute_words, p->next->text);
}

/* The attributes after a type. */
static bool parse_attributes(struct parser *p, struct field *field)
{
	const struct attribute_word *attribute;
	unsigned set = 0;

	field->bounds_at = p->next->at;
	while ((attribute = find_attribute(p))) {
		if (set & attribute->sets) {
			diagnose(p->list, p->next->at, "'%s' is stated twice for '%s'", attribute->word,
				 field->name);
			return false;
		}
		set |= attribute->sets;
		advance(p);
		if (!attribute->parse(p, field))
			return false;
	}
	return true;
}

/* `name : type attributes prose`, as a field and as an argument. */
static bool parse_field(struct parser *p, const char *what, struct field *field)
{
	if (!expect_new_name(p, what, &field->name, &field->at) ||
	    !expect(p, TOKEN_COLON, arena_print("after '%s'", field->name)) || !parse_type(p, &field->type) ||
	    !parse_attributes(p, field))
		return false;
	field->prose = accept_prose(p);
	return true;
}

/* ---- declarations ---- */

/* `name = value since V prose` */
static bool parse_member(struct parser *p, const char *what, struct version since, struct member *member)
{
	member->since = since;
	if (!expect_new_name(p, what, &member->name, &member->at) ||
	    !expect(p, TOKEN_EQUALS, arena_print("after '%s'", member->name)) ||
	    !expect_number(p, "a value", &member->value) || !accept_since(p, &member->since))
		return false;
	member->prose = accept_prose(p);
	return true;
}

static bool parse_choice_item(struct parser *p, void *owner)
{
	struct choice *choice = owner;
	struct member member = { 0 };

	if (!parse_member(p, "the name of a member", choice->since, &member))
		return false;
	*arena_push(choice->members, choice->member_count) = member;
	return true;
}

static bool parse_choice(struct parser *p, bool is_flags)
{
	struct choice choice = { .is_flags = is_flags, .since = { p->contract->version.major, 0 } };
	struct name base;

	if (!expect_new_name(p, "the name of the type", &choice.name, &choice.at) ||
	    !expect(p, TOKEN_COLON, "before the base type") || !expect_name(p, "a base type", &base))
		return false;

	const struct integer_word *integer = FIND_WORD(integer_words, base.text);

	if (!integer || integer->is_signed) {
		diagnose(p->list, base.at, "the base type is u8, u16, u32 or u64, not '%s'", base.text);
		return false;
	}
	choice.bytes = integer->bytes;
	if (!accept_since(p, &choice.since) || !parse_body(p, &choice.prose, parse_choice_item, &choice))
		return false;
	*arena_push(p->contract->choices, p->contract->choice_count) = choice;
	return true;
}

static bool parse_enum(struct parser *p)
{
	return parse_choice(p, false);
}

static bool parse_flags(struct parser *p)
{
	return parse_choice(p, true);
}

static bool parse_handle_item(struct parser *p, void *owner)
{
	struct handle *handle = owner;
	struct member member = { 0 };
	bool is_right = accept_word(p, "right");

	if (!is_right && !accept_word(p, "state"))
		return fail(p, "'right' or 'state'");
	if (!parse_member(p, is_right ? "the name of a right" : "the name of a state", handle->since,
			  &member))
		return false;
	if (is_right)
		*arena_push(handle->rights, handle->right_count) = member;
	else
		*arena_push(handle->states, handle->state_count) = member;
	return true;
}

static bool parse_handle(struct parser *p)
{
	struct handle handle = { .since = { p->contract->version.major, 0 } };

	if (!expect_new_name(p, "the name of the kind", &handle.name, &handle.at) ||
	    !expect(p, TOKEN_EQUALS, "before the number of the kind") ||
	    !expect_number(p, "the number of the kind", &handle.kind) || !expect_word(p, "max") ||
	    !expect_number(p, "how many a VM may have", &handle.max) || !accept_since(p, &handle.since) ||
	    !parse_body(p, &handle.prose, parse_handle_item, &handle))
		return false;
	*arena_push(p->contract->handles, p->contract->handle_count) = handle;
	return true;
}

static bool parse_struct_item(struct parser *p, void *owner)
{
	struct record *record = owner;
	struct field field = { .since = record->since };

	if (!parse_field(p, "the name of a field", &field))
		return false;
	*arena_push(record->fields, record->field_count) = field;
	return true;
}

static bool parse_struct(struct parser *p)
{
	struct record record = { .since = { p->contract->version.major, 0 } };

	if (!expect_new_name(p, "the name of the struct", &record.name, &record.at))
		return false;
	record.extensible = accept_word(p, "extensible");
	if (!accept_since(p, &record.since) || !parse_body(p, &record.prose, parse_struct_item, &record))
		return false;
	*arena_push(p->contract->records, p->contract->record_count) = record;
	return true;
}

static bool parse_section(struct parser *p)
{
	struct section section = { 0 };

	if (!expect_new_name(p, "the name of the section", &section.name, &section.at) ||
	    !expect(p, TOKEN_EQUALS, "before the number of the section") ||
	    !expect_number(p, "the number of the section", &section.number))
		return false;
	section.prose = accept_prose(p);
	*arena_push(p->contract->sections, p->contract->section_count) = section;
	return true;
}

/* ---- calls ---- */

static bool parse_argument(struct parser *p, struct call *call, enum direction direction)
{
	struct field field = { .since = call->since, .direction = direction };

	if (!parse_field(p, "the name of an argument", &field))
		return false;
	*arena_push(call->args, call->arg_count) = field;
	return true;
}

static bool parse_in(struct parser *p, struct call *call)
{
	return parse_argument(p, call, DIRECTION_IN);
}

static bool parse_out(struct parser *p, struct call *call)
{
	return parse_argument(p, call, DIRECTION_OUT);
}

static bool parse_inout(struct parser *p, struct call *call)
{
	return parse_argument(p, call, DIRECTION_INOUT);
}

/* Reports an item that a call has already. */
static bool once(struct parser *p, bool already, const char *item)
{
	if (already)
		diagnose(p->list, p->next[-1].at, "a second '%s' in one call", item);
	return !already;
}

static bool parse_returns(struct parser *p, struct call *call)
{
	if (!once(p, call->returns, "returns"))
		return false;
	call->returns = accept_prose(p);
	return call->returns || p->contract->lock || fail(p, "prose about the result");
}

static bool parse_errors(struct parser *p, struct call *call)
{
	if (!once(p, call->error_count, "errors"))
		return false;
	do {
		struct call_error error = { 0 };
		struct name name;

		if (!expect_name(p, "the name of an error", &name))
			return false;
		error.name = name.text;
		error.at = name.at;
		error.prose = accept_prose(p);
		*arena_push(call->errors, call->error_count) = error;
	} while (accept_kind(p, TOKEN_COMMA));
	return true;
}

static bool parse_right(struct parser *p, struct call *call)
{
	if (!once(p, call->right != RIGHT_MISSING, "right"))
		return false;
	if (accept_word(p, "always"))
		call->right = RIGHT_ALWAYS;
	else if (accept_word(p, "granted"))
		call->right = RIGHT_GRANTED;
	else
		return fail(p, "'always' or 'granted'");
	return true;
}

struct cost_word {
	const char *word;
	enum cost cost;
	bool has_argument;
};

static const struct cost_word cost_words[] = {
	{ "constant", COST_CONSTANT, false },
	{ "linear", COST_LINEAR, true },
	{ "partial", COST_PARTIAL, true },
	{ "blocking", COST_BLOCKING, false },
};

static bool parse_cost(struct parser *p, struct call *call)
{
	if (!once(p, call->cost != COST_MISSING, "cost"))
		return false;

	const struct cost_word *word = at_kind(p, TOKEN_NAME) ? FIND_WORD(cost_words, p->next->text) : NULL;

	if (!word)
		return fail(p, "'constant', 'linear', 'partial' or 'blocking'");
	advance(p);
	call->cost = word->cost;
	return !word->has_argument || expect_name(p, "the argument that sets the cost", &call->cost_arg);
}

static bool parse_rate(struct parser *p, struct call *call)
{
	if (!once(p, call->rate_limited, "rate"))
		return false;
	call->rate_limited = true;
	return expect_word(p, "limited");
}

struct crossing_word {
	const char *word;
	unsigned bit;
};

static const struct crossing_word crossing_words[] = {
	{ "trap", CROSSING_TRAP },
	{ "batch", CROSSING_BATCH },
	{ "ring", CROSSING_RING },
};

static bool parse_crossings(struct parser *p, struct call *call)
{
	if (!once(p, call->crossings, "crossings"))
		return false;
	while (at_kind(p, TOKEN_NAME)) {
		const struct crossing_word *word = FIND_WORD(crossing_words, p->next->text);

		if (!word)
			break;
		advance(p);
		if (!once(p, call->crossings & word->bit, word->word))
			return false;
		call->crossings |= word->bit;
	}
	return call->crossings || fail(p, "'trap', 'batch' or 'ring'");
}

static bool parse_async(struct parser *p, struct call *call)
{
	if (!once(p, call->async, "async"))
		return false;
	call->async = true;
	return true;
}

struct call_word {
	const char *word;
	bool (*parse)(struct parser *p, struct call *call);
};

static const struct call_word call_words[] = {
	{ "in", parse_in },           { "out", parse_out },       { "inout", parse_inout },
	{ "returns", parse_returns }, { "errors", parse_errors }, { "right", parse_right },
	{ "cost", parse_cost },       { "rate", parse_rate },     { "crossings", parse_crossings },
	{ "async", parse_async },
};

static bool parse_call_item(struct parser *p, void *owner)
{
	const struct call_word *word = at_kind(p, TOKEN_NAME) ? FIND_WORD(call_words, p->next->text) : NULL;

	if (!word)
		return fail(p, "an argument or a property of the call");
	advance(p);
	return word->parse(p, owner);
}

static bool parse_call(struct parser *p)
{
	struct call call = { .since = { p->contract->version.major, 0 } };
	const char *section;
	const char *name;
	struct location name_at;

	if (!expect_new_name(p, "the call's section", &section, &call.at) ||
	    !expect(p, TOKEN_DOT, "between section and call") ||
	    !expect_new_name(p, "the name of the call", &name, &name_at) ||
	    !expect(p, TOKEN_EQUALS, "before the call's number"))
		return false;
	call.name = arena_print("%s.%s", section, name);
	call.c_name = arena_print("%s_%s", section, name);
	call.number_at = p->next->at;
	if (!expect_number(p, "the call's number", &call.number) || !accept_since(p, &call.since) ||
	    !parse_body(p, &call.prose, parse_call_item, &call))
		return false;
	if (!call.crossings)
		call.crossings = CROSSING_ALL;
	*arena_push(p->contract->calls, p->contract->call_count) = call;
	return true;
}

/* ---- profiles and the whole ---- */

static bool parse_profile_item(struct parser *p, void *owner)
{
	struct profile *profile = owner;
	struct name entry;
	struct name call;

	if (!expect_name(p, "a profile, a section or a call", &entry))
		return false;
	if (accept_kind(p, TOKEN_DOT)) {
		if (!expect_name(p, "the name of a call", &call))
			return false;
		entry.text = arena_print("%s.%s", entry.text, call.text);
	}
	*arena_push(profile->entries, profile->entry_count) = entry;
	return true;
}

static bool parse_profile(struct parser *p)
{
	struct profile profile = { 0 };

	if (!expect_new_name(p, "the name of the profile", &profile.name, &profile.at) ||
	    !parse_body(p, &profile.prose, parse_profile_item, &profile))
		return false;
	*arena_push(p->contract->profiles, p->contract->profile_count) = profile;
	return true;
}

struct declaration_word {
	const char *word;
	bool (*parse)(struct parser *p);
};

static const struct declaration_word declaration_words[] = {
	{ "section", parse_section }, { "enum", parse_enum },     { "flags", parse_flags },
	{ "handle", parse_handle },   { "struct", parse_struct }, { "call", parse_call },
	{ "profile", parse_profile },
};

static const struct declaration_word *find_declaration(const struct parser *p)
{
	return at_kind(p, TOKEN_NAME) ? FIND_WORD(declaration_words, p->next->text) : NULL;
}

static bool at_declaration(const struct parser *p)
{
	const struct token *token = p->next;

	if (!find_declaration(p) || token->at.column != 1 || token[1].kind != TOKEN_NAME)
		return false;
	/* In a profile, such words may be names of sections; only names follow then, up to its end. */
	while (token->kind == TOKEN_NAME || token->kind == TOKEN_DOT)
		token++;
	return token->kind != TOKEN_CLOSE;
}

static void skip_declaration(struct parser *p)
{
	while (!at_kind(p, TOKEN_END) && !(find_declaration(p) && p->next->at.column == 1))
		advance(p);
}

static bool parse_declaration(struct parser *p)
{
	const struct declaration_word *word = find_declaration(p);

	if (at_word(p, "abi")) {
		diagnose(p->list, p->next->at, "a second 'abi'; a contract has one, at its start");
		return false;
	}
	if (!word)
		return fail(p, "a declaration");
	advance(p);
	return word->parse(p);
}

static bool parse_abi(struct parser *p)
{
	struct contract *contract = p->contract;

	if (!expect_word(p, "abi") ||
	    !expect_new_name(p, "the name of the ABI", &contract->name, &contract->at) ||
	    !expect_version(p, &contract->version))
		return false;
	contract->draft = accept_word(p, "draft");
	contract->lock = accept_word(p, "lock");
	contract->prose = accept_prose(p);
	return true;
}

struct contract *parse_contract(const char *file, const char *text, size_t length, struct diagnostics *list)
{
	struct contract *contract = arena_alloc(sizeof *contract);
	struct tokens tokens = lex(file, text, length, list);
	struct parser parser = { .next = tokens.items, .list = list, .contract = contract };

	contract->file = file;
	contract->at = (struct location){ file, 1, 1 };
	if (!parse_abi(&parser))
		skip_declaration(&parser);
	while (!at_kind(&parser, TOKEN_END)) {
		if (!parse_declaration(&parser))
			skip_declaration(&parser);
	}
	return contract;
}
