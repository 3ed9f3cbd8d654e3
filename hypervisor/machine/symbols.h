/* SPDX-License-Identifier: ISC */
/*
 * symbols.h - the names of a guest image's functions, for backtraces. They come from the image's symbol
 * table. An image runs as well without them: a table that makes no sense is one with no symbols.
 */
#ifndef POSTERN_MACHINE_SYMBOLS_H
#define POSTERN_MACHINE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address; /* as linked */
	uint64_t size;    /* 0: not known */
	size_t name;      /* offset in names */
};

struct symbols {
	struct symbol *table; /* sorted by address */
	size_t count;
	char *names; /* printable, each with a NUL at its end */
};

/*
 * Reads the symbol table of an ELF64 file of `size` bytes. Copies what it keeps. Names are made printable:
 * whatever else an image has there becomes a question mark.
 */
void symbols_read(struct symbols *symbols, const uint8_t *file, size_t size);

/*
 * Finds the function that an address, as linked, lies in. Returns its name, which lives as long as the
 * symbols, and how far into it the address is; or NULL.
 */
const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset);

void symbols_free(struct symbols *symbols);

#endif
