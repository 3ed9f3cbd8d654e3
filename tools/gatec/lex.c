/* SPDX-License-Identifier: ISC */
/* lex.c - the contract language's tokens; see the table in docs/contract.md. */
#include "lex.h"

#include "arena.h"
#include "model.h"

#include <string.h>

struct lexer {
	const char *next;
	const char *end;
	const char *line_start;
	struct location at; /* of the line: column is computed from line_start */
	bool line_has_token;
	bool cut; /* the text ended inside prose */
	struct tokens tokens;
	struct diagnostics *list;
};

/* clang-format off */
static const char *const kind_names[] = {
	[TOKEN_END] = "the end of the file",
	[TOKEN_NAME] = "a name",
	[TOKEN_NUMBER] = "a number",
	[TOKEN_PROSE] = "prose in quotes",
	[TOKEN_OPEN] = "'{'",
	[TOKEN_CLOSE] = "'}'",
	[TOKEN_COLON] = "':'",
	[TOKEN_EQUALS] = "'='",
	[TOKEN_COMMA] = "','",
	[TOKEN_DOT] = "'.'",
	[TOKEN_RANGE] = "'..'",
	[TOKEN_MINUS] = "'-'",
	[TOKEN_AT] = "'@'",
	[TOKEN_LEFT] = "'['",
	[TOKEN_RIGHT] = "']'",
};

static const enum token_kind single[256] = {
	['{'] = TOKEN_OPEN,
	['}'] = TOKEN_CLOSE,
	[':'] = TOKEN_COLON,
	['='] = TOKEN_EQUALS,
	[','] = TOKEN_COMMA,
	['-'] = TOKEN_MINUS,
	['@'] = TOKEN_AT,
	['['] = TOKEN_LEFT,
	[']'] = TOKEN_RIGHT,
};
/* clang-format on */

const char *token_kind_name(enum token_kind kind)
{
	return kind_names[kind];
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* CR LF ends a line as LF does; a CR anywhere else is an error. */
static bool is_blank(const struct lexer *lexer)
{
	const char *c = lexer->next;

	return *c == ' ' || *c == '\t' || (*c == '\r' && lexer->end - c > 1 && c[1] == '\n');
}

static struct location here(const struct lexer *lexer)
{
	struct location at = lexer->at;

	at.column = (uint32_t)(lexer->next - lexer->line_start) + 1;
	return at;
}

static void new_line(struct lexer *lexer)
{
	lexer->at.line++;
	lexer->line_start = lexer->next;
	lexer->line_has_token = false;
}

static struct token *add(struct lexer *lexer, enum token_kind kind)
{
	struct token *token = arena_push(lexer->tokens.items, lexer->tokens.count);

	token->kind = kind;
	token->at = here(lexer);
	token->first_on_line = !lexer->line_has_token;
	lexer->line_has_token = true;
	return token;
}

static void lex_name(struct lexer *lexer)
{
	struct token *token = add(lexer, TOKEN_NAME);
	const char *start = lexer->next;

	while (lexer->next < lexer->end && (is_letter(*lexer->next) || is_digit(*lexer->next)))
		lexer->next++;

	size_t length = (size_t)(lexer->next - start);

	if (length > MAX_NAME)
		diagnose(lexer->list, token->at, "a name of %zu characters; at most %d are allowed", length,
			 MAX_NAME);
	token->text = arena_copy(start, length);
}

static void lex_number(struct lexer *lexer)
{
	struct token *token = add(lexer, TOKEN_NUMBER);
	bool hex = lexer->end - lexer->next > 1 && lexer->next[0] == '0' && lexer->next[1] == 'x';
	unsigned base = hex ? 16 : 10;
	bool overflow = false;
	size_t digits = 0;

	if (hex)
		lexer->next += 2;
	for (; lexer->next < lexer->end; lexer->next++, digits++) {
		int digit = hex_digit(*lexer->next);

		if (digit < 0 || (unsigned)digit >= base)
			break;
		overflow |= __builtin_mul_overflow(token->number, (uint64_t)base, &token->number);
		overflow |= __builtin_add_overflow(token->number, (uint64_t)digit, &token->number);
	}
	if (!digits || (lexer->next < lexer->end && is_letter(*lexer->next)))
		diagnose(lexer->list, token->at, "malformed number");
	else if (overflow)
		diagnose(lexer->list, token->at, "number above 2^64 - 1");
	while (lexer->next < lexer->end && (is_letter(*lexer->next) || is_digit(*lexer->next)))
		lexer->next++;
}

/* Collects prose with its blanks normalised. */
struct prose {
	char *text;
	size_t length;
	unsigned breaks; /* line breaks since the last word */
	bool blank;      /* any blank since the last word */
};

static void prose_add(struct prose *prose, char c)
{
	if (c == ' ' || c == '\t' || c == '\n') {
		prose->breaks += c == '\n';
		prose->blank = true;
		return;
	}
	if (prose->blank && prose->length) {
		if (prose->breaks > 1)
			prose->text[prose->length++] = '\n';
		prose->text[prose->length++] = prose->breaks > 1 ? '\n' : ' ';
	}
	prose->blank = false;
	prose->breaks = 0;
	prose->text[prose->length++] = c;
}

static char lex_escape(struct lexer *lexer)
{
	if (lexer->end - lexer->next == 1) /* what is reported is the missing quote */
		return '\\';

	char c = lexer->next[1];

	if (c != '"' && c != '\\') {
		diagnose(lexer->list, here(lexer), "unknown escape in prose; only \\\" and \\\\ exist");
		return '?';
	}
	lexer->next++;
	return c;
}

/* Where the prose that starts at lexer->next ends: at its closing quote, or the file's end. */
static const char *prose_end(const struct lexer *lexer)
{
	const char *p = lexer->next + 1;

	while (p < lexer->end && *p != '"')
		p += *p == '\\' && p + 1 < lexer->end ? 2 : 1;
	return p;
}

static void lex_prose(struct lexer *lexer)
{
	struct token *token = add(lexer, TOKEN_PROSE);
	/* Normalised text is never longer than what it came from. */
	struct prose prose = { .text = arena_alloc((size_t)(prose_end(lexer) - lexer->next) + 1) };

	for (lexer->next++; lexer->next < lexer->end && *lexer->next != '"'; lexer->next++) {
		char c = *lexer->next;

		if (is_blank(lexer))
			c = ' ';
		else if (c == '\\')
			c = lex_escape(lexer);
		if (((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			diagnose(lexer->list, here(lexer), "control character 0x%02x in prose", (unsigned)c);
		prose_add(&prose, c);
		if (*lexer->next == '\n') {
			lexer->at.line++;
			lexer->line_start = lexer->next + 1;
		}
	}
	token->text = arena_copy(prose.text, prose.length);
	if (lexer->next == lexer->end) {
		diagnose(lexer->list, token->at, "prose has no closing quote");
		lexer->cut = true;
		return;
	}
	if (!prose.length)
		diagnose(lexer->list, token->at, "empty prose");
	lexer->next++;
}

static void lex_dots(struct lexer *lexer)
{
	bool range = lexer->end - lexer->next > 1 && lexer->next[1] == '.';

	add(lexer, range ? TOKEN_RANGE : TOKEN_DOT);
	lexer->next += range ? 2 : 1;
}

/* A character that starts no token, reported once however many bytes it has. */
static void lex_unknown(struct lexer *lexer)
{
	struct location at = here(lexer);
	unsigned char first = (unsigned char)*lexer->next++;
	uint32_t code = first;

	if (first > ' ' && first < 0x7f) {
		diagnose(lexer->list, at, "'%c' has no meaning here", first);
		return;
	}
	if (first >= 0xc0)
		code &= first >= 0xf0 ? 0x07 : first >= 0xe0 ? 0x0f : 0x1f;
	for (; lexer->next < lexer->end && (*lexer->next & 0xc0) == 0x80; lexer->next++)
		code = code << 6 | (*lexer->next & 0x3f);
	diagnose(lexer->list, at, "the character U+%04X has no meaning here", (unsigned)code);
}

static void lex_one(struct lexer *lexer)
{
	char c = *lexer->next;

	if (c == '\n') {
		lexer->next++;
		new_line(lexer);
	} else if (is_blank(lexer)) {
		lexer->next++;
	} else if (c == '#') {
		while (lexer->next < lexer->end && *lexer->next != '\n')
			lexer->next++;
	} else if (is_letter(c)) {
		lex_name(lexer);
	} else if (is_digit(c)) {
		lex_number(lexer);
	} else if (c == '"') {
		lex_prose(lexer);
	} else if (c == '.') {
		lex_dots(lexer);
	} else if (single[(unsigned char)c]) {
		add(lexer, single[(unsigned char)c]);
		lexer->next++;
	} else {
		lex_unknown(lexer);
	}
}

struct tokens lex(const char *file, const char *text, size_t length, struct diagnostics *list)
{
	struct lexer lexer = {
		.next = text,
		.end = text + length,
		.line_start = text,
		.at = { .file = file, .line = 1, .column = 1 },
		.list = list,
	};

	while (lexer.next < lexer.end)
		lex_one(&lexer);
	add(&lexer, TOKEN_END)->cut = lexer.cut;
	return lexer.tokens;
}
