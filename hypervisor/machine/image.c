/* SPDX-License-Identifier: ISC */
/*
 * image.c - checks the headers of a guest image, and copies its segments to memory. Headers are copied out
 * of the file before they are looked at, so it needs no alignment; sums are made where they cannot overflow.
 */
#include "machine/image.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

static int grow(uint8_t **bytes, size_t *capacity)
{
	size_t larger = *capacity ? 2 * *capacity : (size_t)1 << 20;
	uint8_t *moved = realloc(*bytes, larger);

	if (!moved)
		return -ENOMEM;
	*bytes = moved;
	*capacity = larger;
	return 0;
}

int image_read(int fd, uint8_t **bytes, size_t *size, struct message *message)
{
	size_t capacity = 0;
	int error = 0;

	*bytes = NULL;
	*size = 0;
	while (!error) {
		ssize_t got;

		if (*size > IMAGE_MAX_FILE) {
			error = -EFBIG;
			break;
		}
		if (*size == capacity && (error = grow(bytes, &capacity)) != 0)
			break;
		got = read(fd, *bytes + *size, capacity - *size);
		if (got == 0)
			return 0;
		if (got > 0)
			*size += (size_t)got;
		else if (errno != EINTR)
			error = -errno;
	}
	free(*bytes);
	*bytes = NULL;
	return message_say(message, error, "%s", strerror(-error));
}

/* ---- the ELF header ---- */

/* Why a file with this header is no image; NULL: it may be one. */
static const char *fault_of(const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return "not an ELF file";
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return "not a 64-bit ELF file";
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return "not a little-endian ELF file";
	if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
		return "an unknown version of ELF";
	if (header->e_machine != EM_X86_64)
		return "for another architecture, not x86-64";
	if (header->e_type == ET_EXEC)
		return "linked to a fixed address; link it with -static-pie";
	if (header->e_type != ET_DYN)
		return "not an executable";
	if (header->e_phnum == 0)
		return "no program headers, so nothing to load";
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return "program headers of an unknown size";
	return NULL;
}

static bool in_file(const struct image *image, uint64_t offset, uint64_t length)
{
	return offset <= image->file_size && length <= image->file_size - offset;
}

static int read_header(const struct image *image, Elf64_Ehdr *header, struct message *message)
{
	const char *fault;

	if (!in_file(image, 0, sizeof *header))
		return message_say(message, -ENOEXEC, "not an ELF file");
	memcpy(header, image->file, sizeof *header);
	fault = fault_of(header);
	if (fault)
		return message_say(message, -ENOEXEC, "%s", fault);
	if (header->e_phnum > IMAGE_MAX_HEADERS)
		return message_say(message, -ENOEXEC, "%u program headers, more than %u", header->e_phnum,
				   IMAGE_MAX_HEADERS);
	if (!in_file(image, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr)))
		return message_say(message, -ENOEXEC, "program headers beyond the end of the file");
	return 0;
}

/* ---- segments ---- */

/* What the checks of one program header after another find out about the whole. */
struct survey {
	Elf64_Ehdr header;
	uint64_t alignment; /* the greatest */
	uint64_t end;       /* of the segment before, as linked */
	bool has_note;
	bool has_entry; /* in code */
};

static int check_alignment(const Elf64_Phdr *program, unsigned number, struct message *message)
{
	uint64_t alignment = program->p_align;

	if (alignment & (alignment - 1))
		return message_say(message, -ENOEXEC,
				   "segment %u is aligned to 0x%" PRIx64 ", no power of two", number,
				   alignment);
	if (alignment > IMAGE_MAX_ALIGNMENT)
		return message_say(message, -ENOEXEC,
				   "segment %u is aligned to 0x%" PRIx64 ", more than 2 MiB", number,
				   alignment);
	if (alignment > 1 && ((program->p_vaddr ^ program->p_offset) & (alignment - 1)))
		return message_say(message, -ENOEXEC, "segment %u is aligned differently in file and memory",
				   number);
	return 0;
}

/* Checks a segment to load, and takes it. Segments come in ascending order, as the ELF specification has it. */
static int take_segment(struct image *image, struct survey *survey, const Elf64_Phdr *program,
			unsigned number, struct message *message)
{
	uint64_t end;
	int error;

	if (image->segment_count == IMAGE_MAX_SEGMENTS)
		return message_say(message, -ENOEXEC, "more than %u segments to load", IMAGE_MAX_SEGMENTS);
	if (program->p_filesz > program->p_memsz)
		return message_say(message, -ENOEXEC, "segment %u is larger in the file than in memory",
				   number);
	if (__builtin_add_overflow(program->p_vaddr, program->p_memsz, &end) || end > INT64_MAX)
		return message_say(message, -ENOEXEC, "segment %u ends beyond the address space", number);
	error = check_alignment(program, number, message);
	if (error)
		return error;
	if (program->p_vaddr < survey->end)
		return message_say(message, -ENOEXEC, "segment %u overlaps the one before, or lies below it",
				   number);
	if (program->p_align > survey->alignment)
		survey->alignment = program->p_align;
	if ((program->p_flags & PF_X) && survey->header.e_entry >= program->p_vaddr &&
	    survey->header.e_entry - program->p_vaddr < program->p_filesz)
		survey->has_entry = true;
	survey->end = end;
	image->segments[image->segment_count++] = (struct image_segment){
		.address = program->p_vaddr,
		.memory_size = program->p_memsz,
		.offset = program->p_offset,
		.file_size = program->p_filesz,
	};
	return 0;
}

static int survey_program(struct image *image, struct survey *survey, unsigned number,
			  struct message *message)
{
	Elf64_Phdr program;

	memcpy(&program, image->file + survey->header.e_phoff + number * sizeof program, sizeof program);
	if (program.p_type != PT_LOAD && program.p_type != PT_NOTE && program.p_type != PT_INTERP)
		return 0;
	if (!in_file(image, program.p_offset, program.p_filesz))
		return message_say(message, -ENOEXEC, "segment %u lies beyond the end of the file", number);
	if (program.p_type == PT_INTERP)
		return message_say(message, -ENOEXEC, "needs a dynamic linker; link it with -static-pie");
	if (program.p_type == PT_NOTE)
		return image_read_notes(image, number, program.p_offset, program.p_filesz, program.p_align,
					&survey->has_note, message);
	return program.p_memsz ? take_segment(image, survey, &program, number, message) : 0;
}

/* From where to where the image goes in memory. */
static int measure(struct image *image, const struct survey *survey, struct message *message)
{
	const uint64_t page = MEMORY_PAGE_SIZE;
	const uint64_t alignment = survey->alignment > page ? survey->alignment : page;

	if (!image->segment_count)
		return message_say(message, -ENOEXEC, "nothing to load");
	if (!survey->has_entry)
		return message_say(message, -ENOEXEC, "the entry point 0x%" PRIx64 " lies in no code",
				   survey->header.e_entry);
	image->base = image->segments[0].address & ~(alignment - 1);
	image->memory_size = ((survey->end - image->base - 1) | (page - 1)) + 1;
	image->entry = survey->header.e_entry;
	return 0;
}

static int open_image(struct image *image, uint8_t *bytes, size_t size, bool is_bare, struct message *message)
{
	struct survey survey = { 0 };
	int error;

	*image = (struct image){ .file = bytes, .file_size = size };
	error = read_header(image, &survey.header, message);
	for (unsigned i = 0; i < survey.header.e_phnum && !error; i++)
		error = survey_program(image, &survey, i, message);
	if (!error)
		error = measure(image, &survey, message);
	if (!error && survey.has_note == is_bare)
		error = message_say(message, -ENOEXEC,
				    is_bare ? "built for Postern; it runs without --kernel"
					    : "no Postern note: not built for Postern");
	if (error) {
		image->file = NULL;
		return error;
	}
	symbols_read(&image->symbols, bytes, size);
	return 0;
}

int image_open(struct image *image, uint8_t *bytes, size_t size, struct message *message)
{
	return open_image(image, bytes, size, false, message);
}

int image_open_bare(struct image *image, uint8_t *bytes, size_t size, struct message *message)
{
	return open_image(image, bytes, size, true, message);
}

/* ---- loading ---- */

/* As many MiB as hold so many bytes. */
static uint64_t in_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & 0xfffff) != 0);
}

int image_load(const struct image *image, const struct guest_memory *memory, gpa_t at,
	       struct message *message)
{
	uint64_t end;

	if (__builtin_add_overflow(at.value, image->memory_size, &end) || end > memory->size)
		return message_say(message, -ENOEXEC,
				   "too large for memory of %" PRIu64 " MiB: needs %" PRIu64 " MiB",
				   memory->size >> 20, in_mib(end));
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		const gpa_t to = { at.value + (segment->address - image->base) };

		if (!memory_fill(memory, to, image->file + segment->offset, segment->file_size))
			return message_say(message, -ENOEXEC, "its place in memory is in use");
	}
	return 0;
}

void image_close(struct image *image)
{
	symbols_free(&image->symbols);
	if (!image->file_stays)
		free(image->file);
	*image = (struct image){ 0 };
}
