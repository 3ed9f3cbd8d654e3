/* SPDX-License-Identifier: ISC */
/*
 * make_call.h - makes calls as a guest would, with arguments that the grammar allows. Which of them is drawn:
 * a test draws always the same, a fuzzer from its input.
 */
#ifndef POSTERN_FUZZ_MAKE_CALL_H
#define POSTERN_FUZZ_MAKE_CALL_H

#include "grammar.h"

#include "memory/memory.h"

/* Where an argument is in guest memory. */
struct made_place {
	uint64_t at;
	uint64_t size; /* bytes; of segments: of the array */
};

struct made_call {
	unsigned ordinal;
	uint64_t number;
	uint64_t args[6];
	struct made_place places[6]; /* by argument; size is 0 for what has no memory */
};

enum made_handle {
	MADE_GOOD,        /* accepted */
	MADE_CLOSED,      /* was open once */
	MADE_OTHER_KIND,  /* open, of another kind */
	MADE_NO_RIGHT,    /* lacks a right that is needed */
	MADE_OTHER_STATE, /* has the rights, and is in another state than is needed */
};

/* Who makes calls. The functions get the maker itself, which is part of something larger. */
struct maker {
	struct guest_memory *memory;
	unsigned level;
	/* A number from 0 to most. */
	uint64_t (*draw)(struct maker *maker, uint64_t most);
	/* An address for that many bytes; a multiple of align, if the call is to be valid. */
	uint64_t (*place)(struct maker *maker, uint64_t size, uint64_t align);
	/* A handle for an argument. Returns false if there is none of that sort. */
	bool (*handle)(struct maker *maker, const struct grammar_field *arg, enum made_handle sort,
		       postern_handle_t *handle);
	/* Stores bytes in guest memory, as far as there is memory. */
	void (*store)(struct maker *maker, uint64_t at, const void *from, uint64_t size);
	uint64_t hole; /* address of a page without access, behind pages with access; for spoil_call.h */
};

/* A valid call, its arguments in guest memory. */
void make_call(struct maker *maker, unsigned ordinal, struct made_call *call);

/*
 * A valid value of a field or of an argument in one register. base: the value of the one that it is counted
 * from, if there is one.
 */
uint64_t make_value(struct maker *maker, const struct grammar_field *field, uint64_t base);

/* A valid struct of size bytes; no more than the level knows. */
void make_record(struct maker *maker, const struct grammar_record *record, size_t size, void *to);

/* A store of one value of up to 8 bytes. */
void make_store(struct maker *maker, uint64_t at, uint64_t value, size_t bytes);

#endif
