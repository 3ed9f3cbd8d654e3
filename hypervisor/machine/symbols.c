/* SPDX-License-Identifier: ISC */
/* symbols.c - reads the symbol table of an image, of which nothing is believed. */
#include "machine/symbols.h"

#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Enough for any kernel; a file that claims more is not worth the memory. */
enum { MOST_SYMBOLS = 1 << 20, MOST_NAMES = 1 << 26 };

struct file {
	const uint8_t *bytes;
	size_t size;
};

/* Whether [offset, offset + length) lies in the file. */
static bool has(const struct file *file, uint64_t offset, uint64_t length)
{
	return offset <= file->size && length <= file->size - offset;
}

static bool read_section(const struct file *file, const Elf64_Ehdr *header, unsigned number,
			 Elf64_Shdr *section)
{
	uint64_t offset;

	if (number >= header->e_shnum || header->e_shentsize != sizeof *section ||
	    __builtin_add_overflow(header->e_shoff, number * sizeof *section, &offset) ||
	    !has(file, offset, sizeof *section))
		return false;
	memcpy(section, file->bytes + offset, sizeof *section);
	return has(file, section->sh_offset, section->sh_type == SHT_NOBITS ? 0 : section->sh_size);
}

/* Finds the symbol table and the names that belong to it. */
static bool find_tables(const struct file *file, Elf64_Shdr *symbols, Elf64_Shdr *names)
{
	Elf64_Ehdr header;

	if (!has(file, 0, sizeof header))
		return false;
	memcpy(&header, file->bytes, sizeof header);
	for (unsigned i = 0; i < header.e_shnum; i++) {
		if (read_section(file, &header, i, symbols) && symbols->sh_type == SHT_SYMTAB &&
		    symbols->sh_entsize == sizeof(Elf64_Sym) &&
		    read_section(file, &header, symbols->sh_link, names) && names->sh_type == SHT_STRTAB)
			return names->sh_size > 0 && names->sh_size <= MOST_NAMES;
	}
	return false;
}

/* Code that has a name: functions, and the labels of assembly. */
static bool is_wanted(const Elf64_Sym *symbol, uint64_t names_size)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->st_shndx != SHN_UNDEF &&
	       symbol->st_shndx < SHN_LORESERVE && symbol->st_name != 0 && symbol->st_name < names_size;
}

static size_t take_symbols(struct symbol *to, const uint8_t *from, size_t count, uint64_t names_size)
{
	size_t taken = 0;

	for (size_t i = 0; i < count; i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, from + i * sizeof symbol, sizeof symbol);
		if (is_wanted(&symbol, names_size))
			to[taken++] = (struct symbol){ symbol.st_value, symbol.st_size, symbol.st_name };
	}
	return taken;
}

/* Names end up on a terminal and in JSON. */
static void take_names(char *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bool printable = from[i] > ' ' && from[i] < 0x7f;

		to[i] = '?';
		if (printable || !from[i])
			to[i] = (char)from[i];
	}
	to[size] = '\0';
}

/* By address; of two at the same one, the one that has a size comes last, and is the one that is found. */
static int compare(const void *left, const void *right)
{
	const struct symbol *a = left;
	const struct symbol *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->size > b->size) - (a->size < b->size);
}

void symbols_read(struct symbols *symbols, const uint8_t *bytes, size_t size)
{
	const struct file file = { bytes, size };
	Elf64_Shdr table;
	Elf64_Shdr names;
	size_t count;

	*symbols = (struct symbols){ 0 };
	if (!find_tables(&file, &table, &names))
		return;
	count = table.sh_size / sizeof(Elf64_Sym);
	if (count == 0 || count > MOST_SYMBOLS)
		return;
	symbols->table = calloc(count, sizeof *symbols->table);
	symbols->names = malloc(names.sh_size + 1);
	if (!symbols->table || !symbols->names) {
		symbols_free(symbols);
		return;
	}
	symbols->count = take_symbols(symbols->table, bytes + table.sh_offset, count, names.sh_size);
	take_names(symbols->names, bytes + names.sh_offset, names.sh_size);
	qsort(symbols->table, symbols->count, sizeof *symbols->table, compare);
}

const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset)
{
	size_t low = 0;
	size_t high = symbols->count;
	const struct symbol *found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->table[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	found = &symbols->table[low - 1];
	if (found->size && address - found->address >= found->size)
		return NULL;
	*offset = address - found->address;
	return symbols->names + found->name;
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->table);
	free(symbols->names);
	*symbols = (struct symbols){ 0 };
}
