/* SPDX-License-Identifier: ISC */
/* text.c - spelling, wrapping and the order of things, for the emitters of text. */
#include "text.h"

#include "arena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces ---- */

FILE *text_open(struct text *text)
{
	*text = (struct text){ 0 };
	text->to = open_memstream(&text->bytes, &text->size);
	if (!text->to) {
		fputs("gatec: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return text->to;
}

char *text_close(struct text *text)
{
	if (fclose(text->to)) {
		fputs("gatec: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}

	char *copy = arena_copy(text->bytes, text->size);

	free(text->bytes);
	return copy;
}

const char *join(const char *list, const char *separator, const char *more)
{
	return list ? arena_print("%s%s%s", list, separator, more) : more;
}

/* ---- numbers ---- */

const char *version_text(struct version version)
{
	return arena_print("%u.%u", version.major, version.minor);
}

const char *number_text(uint64_t value)
{
	bool is_decimal = value <= 9999 || (value <= UINT64_C(1000000000000) && value % 1000 == 0);

	return is_decimal ? arena_print("%" PRIu64, value) : arena_print("0x%" PRIx64, value);
}

const char *value_text(const struct type *type, uint64_t value)
{
	bool is_negative = type->is_signed && (int64_t)value < 0;

	return is_negative ? arena_print("-%s", number_text(-value)) : number_text(value);
}

/* ---- the language's spelling ---- */

const char *const direction_words[] = {
	[DIRECTION_IN] = "in",
	[DIRECTION_OUT] = "out",
	[DIRECTION_INOUT] = "inout",
};

const char *const right_words[] = {
	[RIGHT_MISSING] = "",
	[RIGHT_ALWAYS] = "always",
	[RIGHT_GRANTED] = "granted",
};

const char *const cost_words[] = {
	[COST_MISSING] = "",        [COST_CONSTANT] = "constant", [COST_LINEAR] = "linear",
	[COST_PARTIAL] = "partial", [COST_BLOCKING] = "blocking",
};

const char *const choice_words[] = { "enum", "flags" };

static const char *const type_words[] = {
	[TYPE_GPA] = "gpa",          [TYPE_ENUM] = "enum",         [TYPE_FLAGS] = "flags",
	[TYPE_HANDLE] = "handle",    [TYPE_STRUCT] = "struct",     [TYPE_STRING] = "string",
	[TYPE_VECTOR] = "vector of", [TYPE_BYTES] = "bytes",       [TYPE_BUFFER] = "buffer",
	[TYPE_INTEGER] = "",         [TYPE_SEGMENTS] = "segments",
};

const char *type_text(const struct type *type)
{
	const char *text = type_words[type->kind];

	if (type->kind == TYPE_INTEGER)
		text = arena_print("%c%u", type->is_signed ? 's' : 'u', 8 * type->bytes);
	if (type->name)
		text = arena_print("%s %s", text, type->name);
	if (type->count)
		text = arena_print("%s[%" PRIu64 "]", text, type->count);
	return text;
}

bool is_bounded(const struct type *type)
{
	return (type->kind == TYPE_INTEGER || type->kind == TYPE_GPA) && !type->count;
}

static uint64_t greatest_of(const struct type *type)
{
	return unsigned_limit(type->bytes) >> type->is_signed;
}

uint64_t least_of(const struct type *type)
{
	if (type->kind == TYPE_VECTOR || type->kind == TYPE_SEGMENTS)
		return 1;
	return is_bounded(type) && type->is_signed ? ~greatest_of(type) : 0;
}

static bool has_least(const struct field *field)
{
	return field->has_min && field->min != least_of(&field->type);
}

/* A stated max is kept even when it bounds nothing: the cost of a call may refer to it. */
static const char *bounds_text(const struct field *field)
{
	const char *max = value_text(&field->type, field->max);
	const char *min = value_text(&field->type, field->min);

	if (has_least(field))
		return field->has_max ? arena_print(" range %s..%s", min, max) : arena_print(" min %s", min);
	return field->has_max ? arena_print(" max %s", max) : "";
}

static void print_lengths(const struct field *field, FILE *to)
{
	fprintf(to, " max %s", number_text(field->max));
	if (field->has_total)
		fprintf(to, " total %s", number_text(field->total));
	if (has_least(field))
		fprintf(to, " min %s", number_text(field->min));
}

static void print_handle_constraints(const struct field *field, FILE *to)
{
	for (size_t i = 0; i < field->need_count; i++)
		fprintf(to, " needs %s", field->needs[i].text);
	if (field->state.text)
		fprintf(to, " while %s else %s", field->state.text, field->state_error.text);
	if (field->optional)
		fputs(" optional", to);
}

const char *constraints_text(const struct field *field)
{
	struct text text;
	FILE *to = text_open(&text);

	if (type_is_memory(field->type.kind))
		print_lengths(field, to);
	else if (is_bounded(&field->type))
		fputs(bounds_text(field), to);
	if (field->align)
		fprintf(to, " align %s", number_text(field->align));
	if (field->zero)
		fputs(" zero", to);
	if (field->from.text)
		fprintf(to, " from %s", field->from.text);
	print_handle_constraints(field, to);

	const char *all = text_close(&text);

	return *all ? all + 1 : all;
}

const char *cost_text(const struct call *call)
{
	return call->cost_arg.text ? arena_print("%s %s", cost_words[call->cost], call->cost_arg.text)
				   : cost_words[call->cost];
}

const char *crossings_text(unsigned crossings, const char *separator)
{
	static const char *const names[] = { "trap", "batch", "ring" };
	const char *text = NULL;

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		if (crossings & 1U << i)
			text = join(text, separator, names[i]);
	}
	return text ? text : "";
}

/* ---- for people ---- */

/* What the length of a memory argument counts. */
static const char *const length_units[] = {
	[TYPE_VECTOR] = "elements", [TYPE_STRING] = "bytes",      [TYPE_BYTES] = "bytes",
	[TYPE_BUFFER] = "bytes",    [TYPE_SEGMENTS] = "segments",
};

static const char *length_limits(const struct field *field)
{
	const char *unit = length_units[field->type.kind];
	const char *limits = field->min ? arena_print("%s to %s %s", number_text(field->min),
						      number_text(field->max), unit)
					: arena_print("at most %s %s", number_text(field->max), unit);

	if (field->has_total)
		limits = arena_print("%s, %s bytes together", limits, number_text(field->total));
	return limits;
}

static const char *value_limits(const struct field *field)
{
	const char *min = value_text(&field->type, field->min);
	const char *max = value_text(&field->type, field->max);
	bool has_greatest = field->has_max && field->max != greatest_of(&field->type);

	if (field->zero)
		return "zero";
	if (has_least(field))
		return has_greatest ? arena_print("%s to %s", min, max) : arena_print("at least %s", min);
	return has_greatest ? arena_print("at most %s", max) : NULL;
}

static const char *handle_limits(const struct field *field)
{
	const char *rights = NULL;
	const char *limits = NULL;

	for (size_t i = 0; i < field->need_count; i++)
		rights = join(rights, " and ", field->needs[i].text);
	if (rights)
		limits = arena_print("with right %s", rights);
	if (field->state.text)
		limits = join(limits, "; ",
			      arena_print("%s, else %s", field->state.text, field->state_error.text));
	if (field->optional)
		limits = join(limits, "; ", "0xffffffff: none");
	return limits;
}

const char *limits_text(const struct field *field)
{
	const char *limits = handle_limits(field);

	if (type_is_memory(field->type.kind))
		limits = length_limits(field);
	else if (is_bounded(&field->type) || field->zero)
		limits = value_limits(field);
	if (field->align)
		limits = join(limits, "; ", arena_print("multiple of %s", number_text(field->align)));
	if (field->from.text)
		limits = join(limits, "; ",
			      arena_print("%s + %s does not overflow", field->from.text, field->name));
	return limits ? limits : "";
}

const char *registers_text(const struct field *arg)
{
	return arg->register_count == 2 ? arena_print("%u, %u", arg->first_register, arg->first_register + 1)
					: arena_print("%u", arg->first_register);
}

const char *notes_text(const struct field *field, struct version owner)
{
	const char *limits = limits_text(field);

	if (version_compare(field->since, owner) == 0)
		return limits;
	return join(*limits ? limits : NULL, "; ", arena_print("since %s", version_text(field->since)));
}

const char *cost_meaning(const struct call *call)
{
	static const char *const meanings[] = {
		[COST_MISSING] = "",
		[COST_CONSTANT] = "constant",
		[COST_LINEAR] = "linear in %s",
		[COST_PARTIAL] = "partial (may stop early; the result counts %s)",
		[COST_BLOCKING] = "blocking",
	};
	const char *meaning = meanings[call->cost];
	const char *place = strstr(meaning, "%s");

	if (!place)
		return meaning;
	return arena_print("%.*s%s%s", (int)(place - meaning), meaning, call->cost_arg.text, place + 2);
}

/* Whether a sentence ends at this character: what follows it is a blank, or nothing. */
static bool ends_sentence(const char *text, size_t i)
{
	return strchr(".?!", text[i]) && (text[i + 1] == ' ' || text[i + 1] == '\n' || !text[i + 1]);
}

const char *first_sentence(const char *prose)
{
	size_t length = 0;

	if (!prose)
		return "";
	while (prose[length] && prose[length] != '\n') {
		if (ends_sentence(prose, length++))
			break;
	}
	return arena_copy(prose, length);
}

/* Columns of some bytes of UTF-8, one for each character. */
static size_t columns(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

const char *capitalized(const char *name)
{
	char *copy = arena_copy(name, strlen(name));

	if (*copy >= 'a' && *copy <= 'z')
		*copy = (char)(*copy - 'a' + 'A');
	return copy;
}

static void start_line(const char *word, const struct wrap *wrap, FILE *to)
{
	if (wrap->indent)
		fputs(wrap->indent, to);
	if (wrap->guard)
		fputs(wrap->guard(word), to);
}

void print_wrapped(const char *text, const struct wrap *wrap, FILE *to)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " \n");
		size_t width = columns(text, length);

		if (column && column + 1 + width > wrap->width) {
			fputc('\n', to);
			column = 0;
		}
		if (column)
			fputc(' ', to);
		else
			start_line(text, wrap, to);
		fwrite(text, 1, length, to);
		column += width + 1;
		if (wrap->sentence_ends_line && length && ends_sentence(text, length - 1) &&
		    text[length] == ' ') {
			fputc('\n', to);
			column = 0;
		}
		text += length;
		if (*text == '\n') {
			fprintf(to, "\n%s", wrap->between ? wrap->between : "");
			column = 0;
		}
		text += strspn(text, " \n");
	}
	fputc('\n', to);
}

/* ---- errors ---- */

static void add_error(struct error_rows *rows, const char *name, enum error_rank rank, const char *reason)
{
	if (reason)
		*arena_push(rows->items, rows->count) = (struct error_row){
			.name = name,
			.number = errno_number(name),
			.rank = rank,
			.implied = true,
			.reason = reason,
		};
}

/* "not memory of the VM: data, name": what is wrong and with which arguments; NULL when with none. */
static const char *reason_about(const struct call *call, const char *wrong,
				const char *(*culprit)(const struct field *arg))
{
	const char *list = NULL;

	for (size_t i = 0; i < call->arg_count; i++) {
		const char *more = culprit(&call->args[i]);

		if (more)
			list = join(list, ", ", more);
	}
	return list ? arena_print("%s: %s", wrong, list) : NULL;
}

/* Whether some value of the argument's registers is refused before guest memory or objects are looked at. */
static const char *malformed_culprit(const struct field *arg)
{
	bool is_whole_register = (arg->type.kind == TYPE_INTEGER || arg->type.kind == TYPE_GPA) &&
				 arg->type.bytes == 8;

	return !is_whole_register || *constraints_text(arg) ? arg->name : NULL;
}

static const char *memory_culprit(const struct field *arg)
{
	static const char *const accesses[] = {
		[DIRECTION_IN] = "to be read",
		[DIRECTION_OUT] = "to be written",
		[DIRECTION_INOUT] = "to be read and written",
	};

	if (!type_is_memory(arg->type.kind) && arg->type.kind != TYPE_STRUCT)
		return NULL;
	return arena_print("%s (%s)", arg->name, accesses[arg->direction]);
}

static const char *tail_culprit(const struct field *arg)
{
	return arg->type.kind == TYPE_STRUCT ? arg->name : NULL;
}

static const char *handle_culprit(const struct field *arg)
{
	return arg->type.kind == TYPE_HANDLE ? arg->name : NULL;
}

static const char *rights_culprit(const struct field *arg)
{
	const char *rights = NULL;

	for (size_t i = 0; i < arg->need_count; i++)
		rights = join(rights, ", ", arg->needs[i].text);
	return rights ? arena_print("%s (%s)", arg->name, rights) : NULL;
}

static const char *malformed_reason(const struct call *call)
{
	const char *reason = reason_about(call, "malformed", malformed_culprit);

	if (call->register_count < MAX_REGISTERS)
		reason = join(reason, "; ", "an unused register is not zero");
	if (call->crossings != CROSSING_ALL)
		reason = join(reason, "; ",
			      arena_print("crossed by %s",
					  crossings_text(~call->crossings & CROSSING_ALL, " or ")));
	return reason;
}

static void add_state_errors(struct error_rows *rows, const struct call *call)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct field *arg = &call->args[i];

		if (arg->state.text)
			add_error(rows, arg->state_error.text, RANK_STATE,
				  arena_print("%s is not %s", arg->name, arg->state.text));
	}
}

static const struct call_error *declared_error(const struct call *call, const char *name)
{
	for (size_t i = 0; i < call->error_count; i++) {
		if (!strcmp(call->errors[i].name, name))
			return &call->errors[i];
	}
	return NULL;
}

/* The contract's own words about the rate limit, where it has some, are better than ours. */
static void add_limit_errors(struct error_rows *rows, const struct call *call)
{
	const struct call_error *declared = declared_error(call, "EAGAIN");

	if (call->rate_limited && !(declared && declared->prose))
		add_error(rows, "EAGAIN", RANK_EAGAIN, "the VM's rate limit is reached");
	if (call->async)
		add_error(rows, "EAGAIN", RANK_EAGAIN, "too many calls are in flight");
}

static enum error_rank rank_of(const char *name)
{
	static const struct {
		const char *name;
		enum error_rank rank;
	} ranks[] = {
		{ "ENOSYS", RANK_ENOSYS }, { "EPERM", RANK_EPERM },   { "EINVAL", RANK_EINVAL },
		{ "EFAULT", RANK_EFAULT }, { "E2BIG", RANK_E2BIG },   { "EBADF", RANK_EBADF },
		{ "EACCES", RANK_EACCES }, { "EAGAIN", RANK_EAGAIN },
	};

	for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
		if (!strcmp(ranks[i].name, name))
			return ranks[i].rank;
	}
	return RANK_HANDLER;
}

static struct error_rows implied_errors(const struct call *call)
{
	static const char tail[] = "nonzero beyond what is known here, or over 4096 bytes";
	struct error_rows rows = { 0 };

	add_error(&rows, "ENOSYS", RANK_ENOSYS,
		  "the VM's level does not have the call, or nothing serves it");
	if (call->right == RIGHT_GRANTED)
		add_error(&rows, "EPERM", RANK_EPERM, "the VM's policy does not grant the call");
	add_error(&rows, "EINVAL", RANK_EINVAL, malformed_reason(call));
	add_error(&rows, "EFAULT", RANK_EFAULT, reason_about(call, "not memory of the VM", memory_culprit));
	add_error(&rows, "E2BIG", RANK_E2BIG, reason_about(call, tail, tail_culprit));
	add_error(&rows, "EBADF", RANK_EBADF,
		  reason_about(call, "not a live handle of its kind", handle_culprit));
	add_error(&rows, "EACCES", RANK_EACCES, reason_about(call, "lacks a right", rights_culprit));
	add_state_errors(&rows, call);
	add_limit_errors(&rows, call);
	return rows;
}

struct error_rows call_errors(const struct call *call)
{
	struct error_rows implied = implied_errors(call);
	struct error_rows all = { 0 };

	for (unsigned rank = RANK_ENOSYS; rank <= RANK_HANDLER; rank++) {
		for (size_t i = 0; i < implied.count; i++) {
			if (implied.items[i].rank == rank)
				*arena_push(all.items, all.count) = implied.items[i];
		}
		for (size_t i = 0; i < call->error_count; i++) {
			const struct call_error *error = &call->errors[i];

			if (rank_of(error->name) == rank)
				*arena_push(all.items, all.count) = (struct error_row){
					.name = error->name,
					.number = error->number,
					.rank = rank,
					.reason = error->prose,
				};
		}
	}
	return all;
}

/* ---- the guest's C ---- */

const char *c_integer(unsigned bytes, bool is_signed)
{
	return arena_print("%sint%u_t", is_signed ? "" : "u", 8 * bytes);
}

/* The pointer and the length of an argument in memory. */
struct memory_spelling {
	const char *pointer; /* a format for the name of the struct, where there is one */
	const char *length_type;
	const char *length_suffix;
};

static const struct memory_spelling memory_spellings[] = {
	[TYPE_VECTOR] = { "struct postern_", "uint32_t", "count" },
	[TYPE_STRING] = { "char", "uint32_t", "length" },
	[TYPE_BYTES] = { "void", "uint32_t", "length" },
	[TYPE_BUFFER] = { "void", "uint64_t", "length" },
	[TYPE_SEGMENTS] = { "struct postern_segment", "uint32_t", "count" },
};

/* Segments only say where the memory is: their array is never written. */
static bool is_written(const struct field *arg)
{
	return arg->direction != DIRECTION_IN && arg->type.kind != TYPE_SEGMENTS;
}

static void print_c_parameter(const struct field *arg, FILE *to)
{
	const char *constant = is_written(arg) ? "" : "const ";
	const char *name = arg->name;

	if (type_is_memory(arg->type.kind)) {
		const struct memory_spelling *spelling = &memory_spellings[arg->type.kind];

		fprintf(to, "%s%s%s *%s, %s %s_%s", constant, spelling->pointer,
			arg->type.name ? arg->type.name : "", name, spelling->length_type, name,
			spelling->length_suffix);
	} else if (arg->type.kind == TYPE_STRUCT) {
		fprintf(to, "%sstruct postern_%s *%s", constant, arg->type.name, name);
	} else if (arg->type.kind == TYPE_HANDLE) {
		fprintf(to, "postern_handle_t %s", name);
	} else {
		fprintf(to, "%s %s", c_integer(arg->type.bytes, arg->type.is_signed), name);
	}
}

void print_c_parameters(const struct call *call, FILE *to)
{
	if (!call->arg_count)
		fputs("void", to);
	for (size_t i = 0; i < call->arg_count; i++) {
		if (i)
			fputs(", ", to);
		print_c_parameter(&call->args[i], to);
	}
}

const char *c_prototype(const struct call *call)
{
	struct text text;
	FILE *to = text_open(&text);

	fprintf(to, "int64_t postern_%s(", call->c_name);
	print_c_parameters(call, to);
	fputc(')', to);
	return text_close(&text);
}

void print_prototype(const struct call *call, size_t width, FILE *to)
{
	const char *rest = c_prototype(call);
	size_t column = 0;

	while (*rest) {
		const char *comma = strchr(rest, ',');
		size_t length = comma ? (size_t)(comma - rest) + 1 : strlen(rest);

		if (column && column + 1 + length >= width) {
			fputs("\n    ", to);
			column = 4;
		} else if (column) {
			fputc(' ', to);
			column++;
		}
		fwrite(rest, 1, length, to);
		column += length;
		rest += length;
		rest += *rest == ' ';
	}
	fputs(";\n", to);
}

/* ---- order and place ---- */

const struct call *find_call(const struct contract *contract, const char *name)
{
	for (size_t i = 0; i < contract->call_count; i++) {
		if (!strcmp(contract->calls[i].name, name))
			return &contract->calls[i];
	}
	return NULL;
}

const struct section *type_section(const struct contract *contract, const char *type_name)
{
	const struct section *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < contract->section_count; i++) {
		const struct section *section = &contract->sections[i];
		size_t length = strlen(section->name);
		bool starts = !strncmp(type_name, section->name, length) &&
			      (type_name[length] == '_' || !type_name[length]);

		if (starts && length > longest) {
			found = section;
			longest = length;
		}
	}
	return found;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Defines TYPES_in_order() over contract->TYPES, which compares two elements a and b. */
#define DEFINE_IN_ORDER(type, compare)                                            \
	static int compare_##type(const void *left, const void *right)            \
	{                                                                         \
		const struct type *a = *(const struct type *const *)left;         \
		const struct type *b = *(const struct type *const *)right;        \
                                                                                  \
		return compare;                                                   \
	}                                                                         \
                                                                                  \
	const struct type **type##s_in_order(const struct contract *contract)     \
	{                                                                         \
		size_t count = contract->type##_count;                            \
		const struct type **all = arena_alloc((count + 1) * sizeof *all); \
                                                                                  \
		for (size_t i = 0; i < count; i++)                                \
			all[i] = &contract->type##s[i];                           \
		qsort(all, count, sizeof *all, compare_##type);                   \
		return all;                                                       \
	}

DEFINE_IN_ORDER(section, compare_numbers(a->number, b->number))
DEFINE_IN_ORDER(call, compare_numbers(a->number, b->number))
DEFINE_IN_ORDER(choice, strcmp(a->name, b->name))
DEFINE_IN_ORDER(handle, compare_numbers(a->kind, b->kind))
DEFINE_IN_ORDER(record, strcmp(a->name, b->name))
DEFINE_IN_ORDER(profile, strcmp(a->name, b->name))
