/* SPDX-License-Identifier: ISC */
/* tiny.h - the smallest guest image that is right, as a struct, so that a test can spoil each field of it. */
#ifndef POSTERN_TESTS_TINY_H
#define POSTERN_TESTS_TINY_H

#include "postern/note.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum { TINY_PROGRAMS = 4, TINY_SYMBOLS = 5, TINY_SECTIONS = 3, TINY_NEEDS = 2 };

/* The file. Everything that is loaded lies at its offset in the file. */
struct tiny {
	Elf64_Ehdr header;
	Elf64_Phdr programs[TINY_PROGRAMS]; /* read-only, code, data, note */
	struct {
		Elf64_Nhdr header;
		char owner[8];
		struct postern_note note;
		struct postern_note_need needs[TINY_NEEDS];
	} __attribute__((packed, aligned(4))) note;
	uint8_t code[64];
	uint8_t data[16];
	Elf64_Shdr sections[TINY_SECTIONS]; /* none, symbols, names */
	Elf64_Sym symbols[TINY_SYMBOLS];
	char names[32];
};

enum {
	TINY_BSS = 8192, /* bytes of zeros behind the data */
	TINY_CODE = offsetof(struct tiny, code),
	TINY_DATA = offsetof(struct tiny, data),
};

/* Makes one that is right. It needs the call console.write, and wants others. */
void tiny_fill(struct tiny *tiny);

/* A copy in memory from malloc(), as image_open() takes it. */
uint8_t *tiny_copy(const struct tiny *tiny);

#endif
