/* SPDX-License-Identifier: ISC */
/*
 * test_scanner.c - gatec's parts: tokens and their places, what the checker works out for the emitters,
 * the order of diagnostics, and that an output depends on the contract alone.
 */
#include "arena.h"
#include "c_names.h"
#include "diagnostic.h"
#include "emit.h"
#include "lex.h"
#include "model.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int free_arena(void **state)
{
	(void)state;
	arena_free_all();
	return 0;
}

/* ---- tokens ---- */

static struct tokens lex_bytes(const char *text, size_t length, struct diagnostics *list)
{
	/* A copy of its own, so that a read beyond the end is seen by a sanitizer. */
	char *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, text, length);

	struct tokens tokens = lex("text", copy, length, list);

	free(copy);
	return tokens;
}

/* The tokens of a text without errors. */
static struct tokens lex_text(const char *text)
{
	struct diagnostics list = { 0 };
	struct tokens tokens = lex_bytes(text, strlen(text), &list);

	if (list.count)
		fail_msg("%s", list.items[0].message);
	return tokens;
}

static void assert_kinds(const char *text, const enum token_kind *kinds, size_t count)
{
	struct tokens tokens = lex_text(text);

	assert_int_equal(tokens.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(tokens.items[i].kind, kinds[i]);
}

#define ASSERT_KINDS(text, ...)                                         \
	do {                                                            \
		static const enum token_kind kinds[] = { __VA_ARGS__ }; \
		assert_kinds((text), kinds, COUNT(kinds));              \
	} while (0)

static void test_kinds(void **state)
{
	(void)state;
	ASSERT_KINDS("", TOKEN_END);
	ASSERT_KINDS(" \t\n\r\n# a comment", TOKEN_END);
	ASSERT_KINDS("{}:=,-@[]", TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COLON, TOKEN_EQUALS, TOKEN_COMMA,
		     TOKEN_MINUS, TOKEN_AT, TOKEN_LEFT, TOKEN_RIGHT, TOKEN_END);
	ASSERT_KINDS(". .. ...", TOKEN_DOT, TOKEN_RANGE, TOKEN_RANGE, TOKEN_DOT, TOKEN_END);
	ASSERT_KINDS(".", TOKEN_DOT, TOKEN_END);
	ASSERT_KINDS("a a1 _a A_B9_", TOKEN_NAME, TOKEN_NAME, TOKEN_NAME, TOKEN_NAME, TOKEN_END);
	ASSERT_KINDS("1.0", TOKEN_NUMBER, TOKEN_DOT, TOKEN_NUMBER, TOKEN_END);
	ASSERT_KINDS("1..0x2", TOKEN_NUMBER, TOKEN_RANGE, TOKEN_NUMBER, TOKEN_END);
	ASSERT_KINDS("\"a\"\"b\"c", TOKEN_PROSE, TOKEN_PROSE, TOKEN_NAME, TOKEN_END);
	ASSERT_KINDS("a#b\"c\nd", TOKEN_NAME, TOKEN_NAME, TOKEN_END);
}

static void test_names_and_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t number;
	} numbers[] = {
		{ "0", 0 },
		{ "0x0", 0 },
		{ "007", 7 },
		{ "10", 10 },
		{ "0x10", 16 },
		{ "0xaBcDeF", 0xabcdef },
		{ "0xAbCdEf90", 0xabcdef90 },
		{ "18446744073709551615", UINT64_MAX },
		{ "00018446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++)
		assert_int_equal(lex_text(numbers[i].text).items[0].number, numbers[i].number);
	assert_string_equal(lex_text("clock_id:").items[0].text, "clock_id");
	assert_string_equal(lex_text("EAZaz_09").items[0].text, "EAZaz_09");
}

static void test_places(void **state)
{
	static const struct {
		uint32_t line, column;
		bool first;
	} places[] = {
		{ 1, 1, true },  /* a */
		{ 1, 3, false }, /* { */
		{ 2, 2, true },  /* b, after a tab, which is one column */
		{ 2, 4, false }, /* = */
		{ 4, 3, true },  /* c, after an empty line */
		{ 4, 5, false }, /* prose, over three lines */
		{ 6, 6, false }, /* d, behind it */
		{ 7, 1, true },  /* prose with an e of two bytes */
		{ 7, 6, false }, /* f */
		{ 8, 1, true },  /* the end */
	};
	struct tokens tokens = lex_text("a {\n\tb = # c\n\n  c \"one\n\ntwo\" d\n\"\xc3\xa9\" f\n");

	(void)state;
	assert_int_equal(tokens.count, COUNT(places));
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_string_equal(tokens.items[i].at.file, "text");
		assert_int_equal(tokens.items[i].at.line, places[i].line);
		assert_int_equal(tokens.items[i].at.column, places[i].column);
		assert_int_equal(tokens.items[i].first_on_line, places[i].first);
	}
}

static void test_prose(void **state)
{
	static const struct {
		const char *text, *prose;
	} rows[] = {
		{ "\"a\"", "a" },
		{ "\"  a  b\tc \"", "a b c" },
		{ "\"a\n   b\"", "a b" },
		{ "\"a \n b\"", "a b" },
		{ "\"a\n\nb\"", "a\n\nb" },
		{ "\"a\n  \t\n\n   b\n\n\"", "a\n\nb" },
		{ "\"\n\n a\n\"", "a" },
		{ "\"a\r\n  b\r\n\r\nc\"", "a b\n\nc" },
		{ "\"say \\\"a\\\"\"", "say \"a\"" },
		{ "\"\\\\\"", "\\" },
		{ "\"\\\\\\\"\"", "\\\"" },
		{ "\"a\\\\\n\\\\b\"", "a\\ \\b" },
		{ "\"# { } .. @\"", "# { } .. @" },
		{ "\"\xc3\xa9 \xe2\x82\xac\"", "\xc3\xa9 \xe2\x82\xac" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tokens tokens = lex_text(rows[i].text);

		assert_int_equal(tokens.count, 2);
		assert_string_equal(tokens.items[0].text, rows[i].prose);
		assert_false(tokens.items[1].cut);
	}
}

/* What is wrong is reported where it is, and what is beside it is read all the same. */
static void test_wrong_tokens(void **state)
{
	static const struct {
		const char *text;
		uint32_t column;
		size_t tokens;
		bool cut;
	} rows[] = {
		{ "a ; b", 3, 3, false },        { "a 0x b", 3, 4, false },
		{ "a 1b c", 3, 4, false },       { "a \"\\n\" b", 4, 4, false },
		{ "a \"\x01\" b", 4, 4, false }, { "a \"\" b", 3, 4, false },
		{ "a \"b", 3, 3, true },         { "a \"b\\", 3, 3, true },
		{ "a \"b\\\"", 3, 3, true },     { "a\rb", 2, 3, false },
		{ "a\r", 2, 2, false },          { "a \xc3\xa9 b", 3, 3, false },
		{ "a \xc3", 3, 2, false },       { "a \xff\xbf\xbf\xbf\xbf\xbf\xbf\xbf\xbf b", 3, 3, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diagnostics list = { 0 };
		struct tokens tokens = lex_bytes(rows[i].text, strlen(rows[i].text), &list);

		assert_int_equal(list.count, 1);
		assert_int_equal(list.items[0].at.line, 1);
		assert_int_equal(list.items[0].at.column, rows[i].column);
		assert_int_equal(tokens.count, rows[i].tokens);
		assert_int_equal(tokens.items[tokens.count - 1].kind, TOKEN_END);
		assert_int_equal(tokens.items[tokens.count - 1].cut, rows[i].cut);
	}
}

static void test_nul(void **state)
{
	struct diagnostics list = { 0 };
	struct tokens tokens = lex_bytes("a\0b", 3, &list);

	(void)state;
	assert_int_equal(list.count, 1);
	assert_int_equal(tokens.count, 3);
	assert_string_equal(tokens.items[1].text, "b");
}

static void test_kind_names(void **state)
{
	(void)state;
	for (int kind = TOKEN_END; kind <= TOKEN_RIGHT; kind++)
		assert_non_null(token_kind_name((enum token_kind)kind));
	assert_string_equal(token_kind_name(TOKEN_OPEN), "'{'");
}

/* ---- what the checker works out ---- */

#define HEAD "abi t 1.2 \"T.\" "
#define SECTION "section s = 1 \"S.\" "
#define CALL_END "returns \"Zero.\" right always cost constant } "

static struct contract *contract_of(const char *text)
{
	struct diagnostics list = { 0 };
	struct contract *contract = parse_contract("text", text, strlen(text), &list);

	if (!list.count)
		check_contract(contract, &list);
	if (list.count)
		fail_msg("column %u: %s", list.items[0].at.column, list.items[0].message);
	return contract;
}

static const struct record *record_of(const struct contract *contract, const char *name)
{
	for (size_t i = 0; i < contract->record_count; i++) {
		if (!strcmp(contract->records[i].name, name))
			return &contract->records[i];
	}
	fail_msg("no struct %s", name);
	return NULL;
}

static void assert_offsets(const struct record *record, const uint64_t *offsets, size_t count)
{
	assert_int_equal(record->field_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(record->fields[i].offset, offsets[i]);
}

static void test_layout(void **state)
{
	static const uint64_t offsets[] = { 0, 1, 2, 4, 8, 16, 17, 20, 24, 40, 56 };
	const struct contract *contract = contract_of(
		HEAD
		"enum e : u8 { \"E.\" a = 0 } flags f : u64 { \"F.\" a = 1 } handle h = 1 max 1 { \"H.\" }"
		"struct all { \"A.\" a : u8 b : s8 c : u16 d : s32 e : gpa f : enum e g : u8[3] h : handle h"
		" i : u16[8] j : struct pair k : flags f }"
		"struct pair { \"P.\" a : u64 b : u32 c : u16 d : u8[2] }"
		"struct bytes { \"B.\" a : u8[5] }");
	const struct record *all = record_of(contract, "all");

	(void)state;
	assert_offsets(all, offsets, COUNT(offsets));
	assert_int_equal(all->size, 64);
	assert_int_equal(all->alignment, 8);
	assert_int_equal(record_of(contract, "pair")->size, 16);
	assert_int_equal(record_of(contract, "bytes")->size, 5);
	assert_int_equal(record_of(contract, "bytes")->alignment, 1);
	assert_ptr_equal(all->fields[9].type.record, record_of(contract, "pair"));
	assert_ptr_equal(all->fields[10].type.choice, &contract->choices[1]);
	assert_ptr_equal(all->fields[7].type.handle, &contract->handles[0]);
}

static void test_sizes_at_versions(void **state)
{
	const struct contract *contract =
		contract_of(HEAD "struct x extensible { \"X.\" size : u32 a : u32 b : u64 since 1.1"
				 " c : u32 since 1.2 d : u32 since 1.2 }"
				 "struct y extensible since 1.1 { \"Y.\" size : u32 a : u32[3] }"
				 "struct z extensible { \"Z.\" size : u32 a : u32 since 1.0 }");
	static const struct {
		const char *name;
		uint64_t sizes[4];
	} rows[] = {
		{ "x", { 8, 16, 24, 24 } },
		{ "y", { 0, 16, 16, 16 } },
		{ "z", { 8, 8, 8, 8 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct record *record = record_of(contract, rows[i].name);

		assert_int_equal(record->alignment, 8);
		for (unsigned minor = 0; minor < 4; minor++)
			assert_int_equal(record_size_at(record, (struct version){ 1, minor }),
					 rows[i].sizes[minor]);
		assert_int_equal(record->size, rows[i].sizes[3]);
	}
}

static void test_zero_acceptance(void **state)
{
	const struct contract *contract =
		contract_of(HEAD "enum none : u8 { \"N.\" a = 1 }"
				 "struct good { \"G.\" a : u8 max 5 b : s8 range -1..1 }"
				 "struct bad { \"B.\" a : u8 b : enum none }"
				 "struct worse { \"W.\" a : struct good b : struct bad }");

	(void)state;
	assert_false(record_of(contract, "good")->refuses_zero);
	assert_true(record_of(contract, "bad")->refuses_zero);
	assert_true(record_of(contract, "worse")->refuses_zero);
}

static void test_registers(void **state)
{
	static const unsigned registers[][2] = { { 0, 1 }, { 1, 2 }, { 3, 1 }, { 4, 2 } };
	const struct contract *contract = contract_of(
		HEAD SECTION
		"struct p { \"P.\" a : u64 } struct q extensible { \"Q.\" size : u32 a : u32 }"
		"call s.six = 0x0100 { \"C.\" in a : u8 in b : vector of p max 2 inout c : struct q"
		" out d : buffer max 9 " CALL_END "call s.none = 0x0101 { \"C.\" " CALL_END);
	const struct call *call = &contract->calls[0];

	(void)state;
	assert_int_equal(call->arg_count, COUNT(registers));
	for (size_t i = 0; i < COUNT(registers); i++) {
		assert_int_equal(call->args[i].first_register, registers[i][0]);
		assert_int_equal(call->args[i].register_count, registers[i][1]);
	}
	assert_int_equal(call->register_count, 6);
	assert_int_equal(contract->calls[1].register_count, 0);
	assert_string_equal(contract->calls[1].name, "s.none");
	assert_string_equal(contract->calls[1].c_name, "s_none");
	assert_ptr_equal(contract->calls[1].section, &contract->sections[0]);
}

static void assert_lengths(const struct call *call, const uint64_t (*lengths)[2])
{
	for (size_t i = 0; i < call->arg_count; i++) {
		assert_int_equal(call->args[i].min, lengths[i][0]);
		assert_int_equal(call->args[i].max, lengths[i][1]);
	}
}

static void test_default_lengths(void **state)
{
	static const uint64_t lengths[2][3][2] = {
		{ { 1, 9 }, { 1, 9 }, { 0, 9 } },
		{ { 0, 9 }, { 0, 9 }, { 3, 9 } },
	};
	const struct contract *contract = contract_of(
		HEAD SECTION
		"struct p { \"P.\" a : u64 }"
		"call s.a = 0x0100 { \"C.\" in a : vector of p max 9 in b : segments max 9 total 9"
		" in c : string max 9 " CALL_END
		"call s.b = 0x0101 { \"C.\" in a : bytes max 9 in b : buffer max 9"
		" in c : vector of p max 9 min 3 " CALL_END);

	(void)state;
	assert_lengths(&contract->calls[0], lengths[0]);
	assert_lengths(&contract->calls[1], lengths[1]);
}

static void test_default_bounds(void **state)
{
	static const uint64_t bounds[][2] = {
		{ 0, UINT8_MAX },
		{ (uint64_t)INT16_MIN, INT16_MAX },
		{ 0, UINT64_MAX },
		{ (uint64_t)INT64_MIN, INT64_MAX },
		{ 0, UINT64_MAX },
		{ 5, UINT32_MAX },
		{ (uint64_t)-7, (uint64_t)-3 },
		{ 0, 9 },
	};
	const struct contract *contract = contract_of(
		HEAD "struct s { \"S.\" a : u8 x : u8 b : s16 y : u32 c : u64 d : s64 e : gpa f : u32 min 5"
		     " g : s32 range -7..-3"
		     " h : u64 max 9 }");
	const struct record *record = &contract->records[0];
	size_t row = 0;

	(void)state;
	for (size_t i = 0; i < record->field_count; i++) {
		if (!strcmp(record->fields[i].name, "x") || !strcmp(record->fields[i].name, "y"))
			continue;
		assert_int_equal(record->fields[i].min, bounds[row][0]);
		assert_int_equal(record->fields[i].max, bounds[row][1]);
		row++;
	}
	assert_int_equal(row, COUNT(bounds));
}

static void test_other_defaults(void **state)
{
	const struct contract *contract = contract_of(
		"abi t 3.2 \"T.\" " SECTION
		"enum e : u8 { \"E.\" a = 0 } enum f : u8 since 3.1 { \"F.\" a = 0 b = 1 since 3.2 }"
		"call s.a = 0x0100 since 3.1 { \"C.\" in a : u8 in b : u8 since 3.2 " CALL_END
		"call s.b = 0x0101 { \"C.\" crossings ring trap " CALL_END);
	const struct call *call = &contract->calls[0];

	(void)state;
	assert_int_equal(version_compare(contract->choices[0].since, (struct version){ 3, 0 }), 0);
	assert_int_equal(version_compare(contract->choices[1].members[0].since, (struct version){ 3, 1 }), 0);
	assert_int_equal(version_compare(contract->choices[1].members[1].since, (struct version){ 3, 2 }), 0);
	assert_int_equal(version_compare(call->args[0].since, (struct version){ 3, 1 }), 0);
	assert_int_equal(version_compare(call->args[1].since, (struct version){ 3, 2 }), 0);
	assert_int_equal(call->crossings, CROSSING_ALL);
	assert_int_equal(contract->calls[1].crossings, CROSSING_TRAP | CROSSING_RING);
	assert_false(contract->draft);
	assert_false(contract->lock);
	contract = contract_of("abi t 255.255 draft lock");
	assert_int_equal(version_compare(contract->version, (struct version){ 255, 255 }), 0);
	assert_true(contract->draft);
	assert_true(contract->lock);
}

static void test_references(void **state)
{
	const struct contract *contract = contract_of(
		HEAD SECTION "handle h = 1 max 1 { \"H.\" right r = 1 right w = 4 state x = 0 state y = 9 }"
			     "call s.a = 0x0100 { \"C.\" in a : handle h needs w needs r while y else EBUSY"
			     " in b : gpa in c : u32 from b"
			     " errors EIO, EAGAIN \"busy\" " CALL_END);
	const struct call *call = &contract->calls[0];

	(void)state;
	assert_int_equal(call->args[0].needed_rights, 5);
	assert_int_equal(call->args[0].needed_state->value, 9);
	assert_string_equal(call->args[0].state_error.text, "EBUSY");
	assert_ptr_equal(call->args[2].from_field, &call->args[1]);
	assert_int_equal(call->errors[0].number, errno_number("EIO"));
	assert_int_equal(call->errors[1].number, 11);
	assert_string_equal(call->errors[1].prose, "busy");
	assert_int_equal(errno_number("EWHATEVER"), 0);
}

static void test_profiles(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		bool calls[4];
	} rows[] = {
		{ "one", { false, true, false, false } },
		{ "whole", { true, true, false, false } },
		{ "both", { true, true, false, true } },
		{ "none", { false, false, false, false } },
		{ "all", { true, true, true, true } },
	};
	/* clang-format on */
	const struct contract *contract = contract_of(
		HEAD SECTION "section u = 2 \"U.\" section empty = 3 \"E.\""
			     "profile one { \"P.\" s.b } profile whole { \"P.\" s }"
			     "profile both { \"P.\" later one whole }"
			     "profile none { \"P.\" empty } profile all { \"P.\" u both none }"
			     "profile later { \"P.\" u.d }"
			     "call s.a = 0x0100 { \"C.\" " CALL_END "call s.b = 0x0101 { \"C.\" " CALL_END
			     "call u.c = 0x0200 { \"C.\" " CALL_END "call u.d = 0x0201 { \"C.\" " CALL_END);

	(void)state;
	assert_int_equal(contract->profile_count, COUNT(rows) + 1);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(contract->profiles[i].name, rows[i].name);
		for (size_t j = 0; j < 4; j++)
			assert_int_equal(contract->profiles[i].calls[j], rows[i].calls[j]);
	}
}

/* ---- diagnostics ---- */

static const char *printed(struct diagnostics *list)
{
	struct text text;

	diagnostics_print(list, text_open(&text));
	return text_close(&text);
}

static void test_order_of_diagnostics(void **state)
{
	struct diagnostics list = { 0 };

	(void)state;
	diagnose(&list, (struct location){ "b", 1, 1 }, "other file");
	diagnose(&list, (struct location){ "a", 10, 2 }, "z");
	diagnose(&list, (struct location){ "a", 10, 2 }, "%s", "y");
	diagnose(&list, (struct location){ "a", 2, 10 }, "line 2");
	diagnose(&list, (struct location){ "a", 10, 2 }, "z");
	diagnose(&list, (struct location){ "a", 10, 1 }, "column 1");
	diagnose(&list, (struct location){ .file = "a" }, "whole file");
	assert_string_equal(printed(&list), "a: error: whole file\n"
					    "a:2:10: error: line 2\n"
					    "a:10:1: error: column 1\n"
					    "a:10:2: error: y\n"
					    "a:10:2: error: z\n"
					    "b:1:1: error: other file\n");
	assert_int_equal(list.count, 6);
}

static void test_many_diagnostics(void **state)
{
	struct diagnostics list = { 0 };
	const char *text;

	(void)state;
	for (uint32_t line = 51; line; line--)
		diagnose(&list, (struct location){ "a", line, 1 }, "e");
	text = printed(&list);
	assert_non_null(strstr(text, "a:50:1: error: e\ngatec: 1 more error\n"));
	diagnose(&list, (struct location){ "a", 52, 1 }, "e");
	text = printed(&list);
	assert_non_null(strstr(text, "a:50:1: error: e\ngatec: 2 more errors\n"));
	assert_null(strstr(text, "a:51:"));
}

/* ---- pieces of generated C ---- */

static void test_wide_lines(void **state)
{
	struct text text;
	FILE *to = text_open(&text);
	char word[61];

	(void)state;
	memset(word, 'x', 60);
	word[60] = '\0';
	print_line(to, 1, "call(%s, b);", "a");
	print_line(to, 1, "call(%s, %s, b);", word, word);
	print_line(to, 0, "call(%s, a || %s, b);", word, word);
	print_line(to, 0, "%s%s", word, word);
	assert_string_equal(text_close(&text), arena_print("\tcall(a, b);\n"
							   "\tcall(%s,\n\t\t%s, b);\n"
							   "call(%s, a ||\n\t%s, b);\n"
							   "%s%s\n",
							   word, word, word, word, word, word));
}

static void test_comments(void **state)
{
	struct text text;
	FILE *to = text_open(&text);
	const char *wide = "A comment that is so long that it does not fit behind the code any more,"
			   " so it comes before it";

	(void)state;
	print_comment(NULL, 0, to);
	print_comment("Short. */ /* \xc3\xa9", 1, to);
	print_comment("One.\n\nTwo.", 0, to);
	print_with_comment("int a;", NULL, 1, to);
	print_with_comment("int a;", "One. Two.", 1, to);
	print_with_comment("int a;", "One\n\nTwo. Three.", 0, to);
	print_with_comment("int a_name_of_some_length;", arena_print("%s. Not this.", wide), 0, to);
	assert_string_equal(text_close(&text), arena_print("\t/* Short. * / / * \xc3\xa9 */\n"
							   "/*\n * One.\n *\n * Two.\n */\n"
							   "\tint a;\n"
							   "\tint a; /* One. */\n"
							   "int a; /* One */\n"
							   "/* %s. */\n"
							   "int a_name_of_some_length;\n",
							   wide));
}

/* ---- determinism ---- */

typedef void emit_function(const struct contract *contract, FILE *to);

static emit_function *const emitters[] = {
	emit_header, emit_stubs,    emit_host_header, emit_host, emit_trace, emit_fuzz,
	emit_json,   emit_markdown, emit_man,         emit_lock, emit_next,
};

static const char *emitted(emit_function *emit, const struct contract *contract)
{
	struct text text;

	emit(contract, text_open(&text));
	return text_close(&text);
}

#define ENUM "enum e : u8 { \"E.\" a = 0 b = 1 since 1.1 } "
#define FLAGS "flags f : u32 { \"F.\" a = 1 } "
#define HANDLE "handle h = 1 max 4 { \"H.\" right r = 1 state x = 0 } "
#define OTHER_HANDLE "handle g = 2 max 4 { \"G.\" } "
#define STRUCT "struct p { \"P.\" a : u64 b : struct o } "
#define OTHER_STRUCT "struct o { \"O.\" a : u64 max 5 } "
#define RING_ENTRY "struct ring_entry { \"R.\" call : u16 flags : u16 x : u32 token : u64 args : u64[6] } "
#define CALL \
	"call s.a = 0x0100 { \"A.\" in a : vector of p max 3 in b : enum e in c : handle h needs r " CALL_END
#define OTHER_CALL "call s.b = 0x0101 { \"B.\" in a : flags f errors EIO, EBUSY " CALL_END
#define OTHER_SECTION "section r = 2 \"R.\" "
#define PROFILE "profile w { \"W.\" s.a s.b } "
#define OTHER_PROFILE "profile v { \"V.\" w r } "

/* Lines of generated C that were once wrong in ways that no compiler sees, or for odd contracts alone. */
static void test_lines_of_generated_code(void **state)
{
	/* clang-format off */
	static const struct {
		emit_function *emit;
		const char *items; /* of a call s.c */
		const char *line;
	} rows[] = {
		{ emit_host, "in a : u8 in b : buffer max 9",
		  "\twrong |= gate_malformed((args[3] | args[4] | args[5]) != 0);" },
		{ emit_host, "in a : string max 9 in b : string max 9 in c : u8",
		  "\twrong |= gate_malformed(args[5] != 0);" },
		{ emit_host, "in a : vector of p max 9 min 0 since 1.1", "\t\tcall->a_count = 0;" },
		{ emit_host, "in a : string max 9 since 1.1", "\t\tcall->a_length = 0;" },
		{ emit_host, "in a : bytes max 9 since 1.1", "\t\tcall->a_length = 0;" },
		{ emit_host, "in a : segments max 9 min 0 total 9 since 1.1", "\t\tcall->a_bytes = 0;" },
		{ emit_host, "in a : s64 max -0x8000000000000000",
		  "\twrong |= gate_malformed(call->a > INT64_MIN);" },
		{ emit_host, "in a : u8 in b : u32 from a",
		  "\twrong |= gate_malformed(args[1] > 0xffffffff);" },
		{ emit_host, "in a : gpa in b : u32 from a", " || call->b > UINT64_MAX - call->a.value);" },
		{ emit_stubs, "in token : u8", "\t\t.token = ring_token," },
		{ emit_stubs, "in entry : u8", "\t*ring_entry = (struct postern_ring_entry){" },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *call = arena_print("call s.c = 0x0100 { \"C.\" %s " CALL_END, rows[i].items);
		const char *contract = arena_print("%s%s", HEAD SECTION STRUCT OTHER_STRUCT RING_ENTRY, call);
		const char *text = emitted(rows[i].emit, contract_of(contract));

		if (!strstr(text, arena_print("%s\n", rows[i].line)))
			fail_msg("for %s: no line %s", rows[i].items, rows[i].line);
	}
}

/* Two loads of one text give the same bytes, though nothing is at the same address; so do two calls. */
static void test_same_text_same_bytes(void **state)
{
	const char *text = HEAD SECTION ENUM FLAGS HANDLE STRUCT OTHER_STRUCT CALL OTHER_CALL PROFILE;
	const struct contract *one = contract_of(text);

	(void)state;
	arena_alloc(12345);

	const struct contract *two = contract_of(text);

	for (size_t i = 0; i < COUNT(emitters); i++) {
		const char *first = emitted(emitters[i], one);

		assert_true(strlen(first) > 0);
		assert_string_equal(first, emitted(emitters[i], one));
		assert_string_equal(first, emitted(emitters[i], two));
	}
}

static void test_order_does_not_matter_to_a_lock(void **state)
{
	static const char *const texts[] = {
		HEAD SECTION OTHER_SECTION ENUM FLAGS HANDLE OTHER_HANDLE STRUCT OTHER_STRUCT CALL OTHER_CALL
			PROFILE OTHER_PROFILE,
		HEAD OTHER_PROFILE PROFILE OTHER_CALL CALL OTHER_STRUCT STRUCT OTHER_HANDLE HANDLE FLAGS ENUM
			OTHER_SECTION SECTION,
		HEAD CALL STRUCT ENUM OTHER_SECTION HANDLE PROFILE SECTION OTHER_STRUCT OTHER_HANDLE FLAGS
			OTHER_PROFILE OTHER_CALL,
	};
	const char *lock = emitted(emit_lock, contract_of(texts[0]));

	(void)state;
	for (size_t i = 1; i < COUNT(texts); i++)
		assert_string_equal(emitted(emit_lock, contract_of(texts[i])), lock);
	assert_string_equal(emitted(emit_lock, contract_of(lock)), lock);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_kinds, free_arena),
		cmocka_unit_test_teardown(test_names_and_numbers, free_arena),
		cmocka_unit_test_teardown(test_places, free_arena),
		cmocka_unit_test_teardown(test_prose, free_arena),
		cmocka_unit_test_teardown(test_wrong_tokens, free_arena),
		cmocka_unit_test_teardown(test_nul, free_arena),
		cmocka_unit_test_teardown(test_kind_names, free_arena),
		cmocka_unit_test_teardown(test_layout, free_arena),
		cmocka_unit_test_teardown(test_sizes_at_versions, free_arena),
		cmocka_unit_test_teardown(test_zero_acceptance, free_arena),
		cmocka_unit_test_teardown(test_registers, free_arena),
		cmocka_unit_test_teardown(test_default_lengths, free_arena),
		cmocka_unit_test_teardown(test_default_bounds, free_arena),
		cmocka_unit_test_teardown(test_other_defaults, free_arena),
		cmocka_unit_test_teardown(test_references, free_arena),
		cmocka_unit_test_teardown(test_profiles, free_arena),
		cmocka_unit_test_teardown(test_order_of_diagnostics, free_arena),
		cmocka_unit_test_teardown(test_many_diagnostics, free_arena),
		cmocka_unit_test_teardown(test_wide_lines, free_arena),
		cmocka_unit_test_teardown(test_comments, free_arena),
		cmocka_unit_test_teardown(test_lines_of_generated_code, free_arena),
		cmocka_unit_test_teardown(test_same_text_same_bytes, free_arena),
		cmocka_unit_test_teardown(test_order_does_not_matter_to_a_lock, free_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
