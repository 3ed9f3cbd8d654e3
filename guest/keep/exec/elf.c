/* SPDX-License-Identifier: ISC */
/*
 * elf.c - loads ELF64 programs for x86-64: static, position-independent, and interpreters. A file may come from
 * anywhere: every number in it is checked before it is used.
 */
#include "exec/exec.h"

#include "arch/arch.h"
#include "fs/file.h"

#include <linux/elf.h>

enum { MAX_HEADERS = 64 };

/* Where position-independent programs go; interpreters go where there is room. */
#define PROGRAM_BASE UINT64_C(0x055555554000)

struct image {
	struct file *file;
	Elf64_Ehdr header;
	Elf64_Phdr headers[MAX_HEADERS];
	const char **reason;
};

static int refuse(const struct image *image, const char *reason)
{
	*image->reason = reason;
	return -ENOEXEC;
}

/* ---- reading ---- */

static int check_header(const struct image *image)
{
	const Elf64_Ehdr *header = &image->header;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return refuse(image, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64)
		return refuse(image, "a program for another processor than x86-64");
	if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_version != EV_CURRENT)
		return refuse(image, "an ELF file of an unknown version or byte order");
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return refuse(image, "an ELF file that is not a program");
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
	    header->e_phnum > MAX_HEADERS)
		return refuse(image, "an ELF file with program headers that make no sense");
	return 0;
}

static int read_headers(struct image *image)
{
	size_t size;
	int64_t result = file_read_at(image->file, &image->header, sizeof image->header, 0);

	if (result < 0)
		return (int)result;
	if ((size_t)result < sizeof image->header)
		return refuse(image, "not an ELF file");
	result = check_header(image);
	if (result < 0)
		return (int)result;
	size = image->header.e_phnum * sizeof(Elf64_Phdr);
	result = file_read_at(image->file, image->headers, size, image->header.e_phoff);
	if (result < 0)
		return (int)result;
	return (size_t)result < size ? refuse(image, "an ELF file that was cut short") : 0;
}

/* ---- judging ---- */

static bool is_sound(const Elf64_Phdr *segment)
{
	return segment->p_filesz <= segment->p_memsz && segment->p_memsz <= ARCH_USER_END &&
	       segment->p_vaddr <= ARCH_USER_END - segment->p_memsz &&
	       segment->p_offset <= INT64_MAX - segment->p_filesz &&
	       (segment->p_vaddr - segment->p_offset) % PAGE_SIZE == 0;
}

/* The addresses that the segments take, as linked. */
static int measure(const struct image *image, struct loaded *loaded)
{
	uint64_t before = 0;
	bool any = false;

	loaded->begin = UINT64_MAX;
	loaded->end = 0;
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &image->headers[i];

		if (segment->p_type != PT_LOAD || !segment->p_memsz)
			continue;
		if (!is_sound(segment) || (any && segment->p_vaddr < before))
			return refuse(image, "an ELF file with segments that make no sense");
		any = true;
		before = segment->p_vaddr + segment->p_memsz;
		loaded->begin = least(loaded->begin, page_floor(segment->p_vaddr));
		loaded->end = most(loaded->end, before);
	}
	return any ? 0 : refuse(image, "an ELF file with nothing to load");
}

static int read_interpreter(const struct image *image, struct loaded *loaded)
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &image->headers[i];
		int64_t result;

		if (segment->p_type != PT_INTERP)
			continue;
		if (segment->p_filesz < 2 || segment->p_filesz > sizeof loaded->interpreter)
			return refuse(image, "an ELF file with an interpreter whose name makes no sense");
		result = file_read_at(image->file, loaded->interpreter, segment->p_filesz, segment->p_offset);
		if (result < 0)
			return (int)result;
		if ((uint64_t)result < segment->p_filesz || loaded->interpreter[result - 1])
			return refuse(image, "an ELF file with an interpreter whose name makes no sense");
		return 0;
	}
	return 0;
}

/* ---- mapping ---- */

static unsigned access_of(const Elf64_Phdr *segment)
{
	unsigned access = 0;

	if (segment->p_flags & PF_R)
		access |= SPACE_READ;
	if (segment->p_flags & PF_W)
		access |= SPACE_WRITE;
	if (segment->p_flags & PF_X)
		access |= SPACE_EXECUTE;
	return access;
}

/* The room for all segments of a file that may lie anywhere. */
static int choose_base(struct space *space, const struct image *image, enum elf_role role,
		       struct loaded *loaded)
{
	const uint64_t size = page_ceiling(loaded->end) - loaded->begin;
	int64_t at;

	loaded->base = 0;
	if (image->header.e_type == ET_EXEC)
		return 0;
	if (role == ELF_PROGRAM) {
		loaded->base = PROGRAM_BASE - loaded->begin;
		return PROGRAM_BASE + size < ARCH_USER_END ? 0 : -ENOMEM;
	}
	at = space_map(space, 0, size, 0, 0, NULL, 0);
	if (at < 0)
		return (int)at;
	loaded->base = (uint64_t)at - loaded->begin;
	return 0;
}

static int map_at(struct space *space, uint64_t begin, uint64_t end, unsigned access, struct file *file,
		  uint64_t offset)
{
	int64_t result;

	if (begin >= end)
		return 0;
	result = space_map(space, begin, end - begin, access, SPACE_FIXED, file, offset);
	return result < 0 ? (int)result : 0;
}

/* Zero from the end of the file's bytes to the end of that page. */
static int zero_rest(struct space *space, uint64_t from, uint64_t to)
{
	int error = 0;
	char *memory;

	if (from >= to)
		return 0;
	memory = space_memory(space, from, SPACE_WRITE, &error);
	if (!memory)
		return error;
	memset(memory, 0, to - from);
	return 0;
}

static int map_segment(struct space *space, const struct image *image, const Elf64_Phdr *segment,
		       uint64_t base)
{
	const uint64_t begin = segment->p_vaddr + base;
	const uint64_t file_end = begin + segment->p_filesz;
	const uint64_t end = page_ceiling(begin + segment->p_memsz);
	const uint64_t boundary = segment->p_filesz ? page_ceiling(file_end) : page_floor(begin);
	const unsigned access = access_of(segment);
	int error = 0;

	if (segment->p_filesz)
		error = map_at(space, page_floor(begin), boundary, access, image->file,
			       segment->p_offset - (begin - page_floor(begin)));
	if (!error && segment->p_filesz && segment->p_memsz > segment->p_filesz && (access & SPACE_WRITE))
		error = zero_rest(space, file_end, boundary);
	return error ? error : map_at(space, boundary, end, access, NULL, 0);
}

static int map_segments(struct space *space, const struct image *image, const struct loaded *loaded)
{
	int error = 0;

	for (unsigned i = 0; i < image->header.e_phnum && !error; i++) {
		const Elf64_Phdr *segment = &image->headers[i];

		if (segment->p_type == PT_LOAD && segment->p_memsz)
			error = map_segment(space, image, segment, loaded->base);
	}
	return error;
}

/* Where the program headers are once they are loaded, as AT_PHDR tells; 0 if they are not. */
static uint64_t find_headers(const struct image *image, uint64_t base)
{
	const uint64_t offset = image->header.e_phoff;
	const uint64_t size = image->header.e_phnum * sizeof(Elf64_Phdr);

	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &image->headers[i];

		if (segment->p_type == PT_LOAD && offset >= segment->p_offset &&
		    offset + size <= segment->p_offset + segment->p_filesz)
			return segment->p_vaddr + (offset - segment->p_offset) + base;
	}
	return 0;
}

static bool wants_executable_stack(const struct image *image)
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		if (image->headers[i].p_type == PT_GNU_STACK)
			return image->headers[i].p_flags & PF_X;
	}
	return false;
}

static int load(struct space *space, struct image *image, enum elf_role role, struct loaded *loaded)
{
	int error = read_headers(image);

	if (!error)
		error = measure(image, loaded);
	if (!error)
		error = read_interpreter(image, loaded);
	if (!error)
		error = choose_base(space, image, role, loaded);
	if (!error)
		error = map_segments(space, image, loaded);
	if (error)
		return error;
	loaded->entry = image->header.e_entry + loaded->base;
	/* Elsewhere it would be the kernel that faults, on its way there. */
	if (loaded->entry >= ARCH_USER_END)
		return refuse(image, "a program that begins at an address which programs do not have");
	loaded->headers = find_headers(image, loaded->base);
	loaded->header_count = image->header.e_phnum;
	loaded->executable_stack = wants_executable_stack(image);
	loaded->begin += loaded->base;
	loaded->end += loaded->base;
	return 0;
}

int elf_load(struct space *space, struct file *file, enum elf_role role, struct loaded *loaded,
	     const char **reason)
{
	struct image *image = calloc(1, sizeof *image); /* too large for a kernel stack */
	int error;

	*reason = NULL;
	*loaded = (struct loaded){ 0 };
	if (!image)
		return -ENOMEM;
	image->file = file;
	image->reason = reason;
	error = load(space, image, role, loaded);
	free(image);
	return error;
}
