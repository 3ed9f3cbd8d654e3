/* SPDX-License-Identifier: ISC */
/* lex.h - splits a contract's text into tokens. */
#ifndef GATEC_LEX_H
#define GATEC_LEX_H

#include "diagnostic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME, /* [A-Za-z_][A-Za-z0-9_]* */
	TOKEN_NUMBER,
	TOKEN_PROSE,
	TOKEN_OPEN,  /* { */
	TOKEN_CLOSE, /* } */
	TOKEN_COLON,
	TOKEN_EQUALS,
	TOKEN_COMMA,
	TOKEN_DOT,
	TOKEN_RANGE, /* .. */
	TOKEN_MINUS,
	TOKEN_AT,    /* @ */
	TOKEN_LEFT,  /* [ */
	TOKEN_RIGHT, /* ] */
};

struct token {
	enum token_kind kind;
	struct location at;
	bool first_on_line;
	bool cut;         /* of END: the text stops inside prose, which was reported */
	const char *text; /* a name; or prose, normalised: single blanks, paragraphs apart by "\n\n" */
	uint64_t number;
};

struct tokens {
	struct token *items; /* the last is TOKEN_END */
	size_t count;
};

/* Splits length bytes of text. Errors go to the list; what can be read is returned all the same. */
struct tokens lex(const char *file, const char *text, size_t length, struct diagnostics *list);

/* What a kind of token is called in messages: "a name", "'{'". */
const char *token_kind_name(enum token_kind kind);

#endif
