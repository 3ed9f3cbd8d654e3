/* SPDX-License-Identifier: ISC */
/*
 * text.h - what the emitters of text share: how numbers, types and limits are spelled, how prose is
 * wrapped, which errors a call may answer, and how the guest's stubs look in C. Every string
 * that is returned lives in the arena.
 */
#ifndef GATEC_TEXT_H
#define GATEC_TEXT_H

#include "model.h"

#include <stdio.h>

/* ---- pieces ---- */

/* A string written to with stdio: text_open() gives the stream, text_close() the string. */
struct text {
	char *bytes;
	size_t size;
	FILE *to;
};

FILE *text_open(struct text *text);
char *text_close(struct text *text);

/* "list, more"; only more when list is NULL. */
const char *join(const char *list, const char *separator, const char *more);

/* ---- numbers ---- */

/* "1.0" */
const char *version_text(struct version version);

/* As a person would write it: decimal when small or round, otherwise hexadecimal. */
const char *number_text(uint64_t value);

/* The same of a value of a type, with its sign. */
const char *value_text(const struct type *type, uint64_t value);

/* ---- the language's spelling ---- */

extern const char *const direction_words[]; /* by enum direction */
extern const char *const right_words[];     /* by enum right */
extern const char *const cost_words[];      /* by enum cost */
extern const char *const choice_words[];    /* by choice.is_flags: enum, flags */

/* "enum clock_id", "u8[16]", "vector of page_range": a type without its constraints. */
const char *type_text(const struct type *type);

/* "max 512 from first": the constraints of a field or argument; empty when there are none. */
const char *constraints_text(const struct field *field);

/* "linear ranges" */
const char *cost_text(const struct call *call);

/* "trap, ring", with any separator. */
const char *crossings_text(unsigned crossings, const char *separator);

/* Whether a value of the type may be bounded: an integer or an address, and not an array. */
bool is_bounded(const struct type *type);

/* The least value or length that a field of the type may have when it states none. */
uint64_t least_of(const struct type *type);

/* ---- for people ---- */

/* "1 to 512 elements; first + count does not overflow": empty when there are no limits. */
const char *limits_text(const struct field *field);

/* "0" or "1, 2" */
const char *registers_text(const struct field *arg);

/* limits_text(), and the version if it is not the one of what the field belongs to. */
const char *notes_text(const struct field *field, struct version owner);

/* "linear in ranges": a cost in words. */
const char *cost_meaning(const struct call *call);

/* The first sentence of prose, or nothing. */
const char *first_sentence(const char *prose);

/* The name with its first letter in capitals. */
const char *capitalized(const char *name);

/* How prose becomes lines. A NULL string is empty, a NULL function does nothing. */
struct wrap {
	size_t width;
	const char *indent;                     /* before every line */
	const char *between;                    /* between paragraphs, where one ends with its newline */
	bool sentence_ends_line;                /* as roff wants it */
	const char *(*guard)(const char *word); /* what to put before a word that starts a line */
};

/* Writes text, escaped already, with its paragraphs parted by "\n\n". Ends with a newline. */
void print_wrapped(const char *text, const struct wrap *wrap, FILE *to);

/* ---- errors ---- */

/* The rank of docs/contract.md; an error of the handler's own comes after all of them. */
enum error_rank {
	RANK_ENOSYS = 1,
	RANK_EPERM,
	RANK_EINVAL,
	RANK_EFAULT,
	RANK_E2BIG,
	RANK_EBADF,
	RANK_EACCES,
	RANK_STATE,
	RANK_EAGAIN,
	RANK_HANDLER,
};

/* One reason for which a call answers an error. */
struct error_row {
	const char *name;
	int number;
	enum error_rank rank;
	bool implied;       /* by the arguments and properties of the call, not declared */
	const char *reason; /* NULL: the contract does not say */
};

struct error_rows {
	struct error_row *items;
	size_t count;
};

/* Every error of a call in the order of their ranks, the implied ones of a rank before the declared. */
struct error_rows call_errors(const struct call *call);

/* ---- the guest's C ---- */

/* "uint32_t" */
const char *c_integer(unsigned bytes, bool is_signed);

/* `uint32_t clock, struct postern_clock_info *info`, or `void`. */
void print_c_parameters(const struct call *call, FILE *to);

/* `int64_t postern_clock_read(...)` */
const char *c_prototype(const struct call *call);

/* The same as a declaration for people: broken after commas into lines of some columns, with a semicolon. */
void print_prototype(const struct call *call, size_t width, FILE *to);

/* ---- order and place ---- */

/* The call of a name, or NULL. */
const struct call *find_call(const struct contract *contract, const char *name);

/* The section whose name a type's name starts with, the longest; NULL: it is shared. */
const struct section *type_section(const struct contract *contract, const char *type_name);

/* Pointers to all of a kind, in the order of their numbers or names: the same for any order in the file. */
const struct section **sections_in_order(const struct contract *contract);
const struct call **calls_in_order(const struct contract *contract);
const struct choice **choices_in_order(const struct contract *contract);
const struct handle **handles_in_order(const struct contract *contract);
const struct record **records_in_order(const struct contract *contract);
const struct profile **profiles_in_order(const struct contract *contract);

#endif
