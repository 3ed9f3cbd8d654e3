/* SPDX-License-Identifier: ISC */
/*
 * pvh.c - Xen's PVH boot protocol, as docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h of Xen have it: an ELF
 * file with a note that tells its 32-bit entry, and what that finds at ebx.
 */
#include "machine/kernel.h"
#include "machine/pc.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { NOTE_ENTRY = 18, MAGIC = 0x336ec578, VERSION = 1 };

static const char owner[] = "Xen";

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, command, acpi, memory_map;
	uint32_t memory_regions, reserved;
};

struct module {
	uint64_t at, size, command, reserved;
};

struct region {
	uint64_t first, size;
	uint32_t kind, reserved;
};

/* All in one page. */
struct start_page {
	struct start_info info;
	struct module initrd;
	struct region regions[PC_REGIONS];
};

_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32 && sizeof(struct region) == 24,
	       "as others have them");
_Static_assert(PC_START_INFO + sizeof(struct start_page) <= PC_BOOT_PARAMS, "it has its room");

/* ---- opening ---- */

/* What a look at all program headers finds out. */
struct survey {
	Elf64_Ehdr header;
	bool has_entry;     /* a note tells it */
	bool entry_is_code; /* and it lies in a segment */
};

static bool in_file(const struct image *image, uint64_t offset, uint64_t length)
{
	return offset <= image->file_size && length <= image->file_size - offset;
}

static bool read_program(const struct image *image, const struct survey *survey, unsigned number,
			 Elf64_Phdr *program)
{
	const uint64_t offset = survey->header.e_phoff + number * sizeof *program;

	if (offset < survey->header.e_phoff || !in_file(image, offset, sizeof *program))
		return false;
	memcpy(program, image->file + offset, sizeof *program);
	return true;
}

/* Looks for the entry. Notes that are cut short are not ours to complain of: the file may be none of ours. */
static void look_at_notes(struct kernel *kernel, const struct image *image, struct survey *survey,
			  const Elf64_Phdr *program)
{
	struct image_notes notes = { image->file + program->p_offset, program->p_filesz,
				     program->p_align == 8 ? 8 : 4 };
	struct image_note note;

	if (!in_file(image, program->p_offset, program->p_filesz))
		return;
	while (notes.size && image_take_note(&notes, &note)) {
		if (!image_note_is(&note, owner, NOTE_ENTRY) || (note.size != 4 && note.size != 8))
			continue;
		memcpy(&kernel->pvh_entry, note.description, note.size);
		survey->has_entry = true;
	}
}

static int take_segment(struct image *image, struct survey *survey, const struct kernel *kernel,
			const Elf64_Phdr *program, unsigned number, struct message *message)
{
	const struct image_segment *before = image->segment_count ? &image->segments[image->segment_count - 1]
								  : NULL;
	uint64_t end;

	if (image->segment_count == IMAGE_MAX_SEGMENTS)
		return message_say(message, -ENOEXEC, "more than %u segments to load", IMAGE_MAX_SEGMENTS);
	if (!in_file(image, program->p_offset, program->p_filesz))
		return message_say(message, -ENOEXEC, "segment %u lies beyond the end of the file", number);
	if (program->p_filesz > program->p_memsz)
		return message_say(message, -ENOEXEC, "segment %u is larger in the file than in memory",
				   number);
	if (__builtin_add_overflow(program->p_paddr, program->p_memsz, &end) || end > UINT32_MAX)
		return message_say(message, -ENOEXEC, "segment %u ends beyond 4 GiB", number);
	if (program->p_paddr < PC_HIGH)
		return message_say(message, -ENOEXEC, "segment %u lies at 0x%" PRIx64 ", below 1 MiB", number,
				   program->p_paddr);
	if (before && program->p_paddr < before->address + before->memory_size)
		return message_say(message, -ENOEXEC, "segment %u overlaps the one before, or lies below it",
				   number);
	survey->entry_is_code |= kernel->pvh_entry >= program->p_paddr &&
				 kernel->pvh_entry - program->p_paddr < program->p_filesz;
	image->segments[image->segment_count++] = (struct image_segment){
		.address = program->p_paddr,
		.memory_size = program->p_memsz,
		.offset = program->p_offset,
		.file_size = program->p_filesz,
	};
	return 0;
}

/* Where the kernel is in memory, from its first page to its last. */
static void measure(struct image *image, const struct kernel *kernel)
{
	const struct image_segment *last = &image->segments[image->segment_count - 1];
	const uint64_t page = MEMORY_PAGE_SIZE;

	image->base = image->segments[0].address & ~(page - 1);
	image->memory_size = ((last->address + last->memory_size - image->base - 1) | (page - 1)) + 1;
	image->entry = kernel->pvh_entry;
}

static int take_segments(struct kernel *kernel, struct image *image, struct survey *survey,
			 struct message *message)
{
	Elf64_Phdr program;
	int error = 0;

	for (unsigned i = 0; i < survey->header.e_phnum && !error; i++) {
		if (!read_program(image, survey, i, &program))
			return message_say(message, -ENOEXEC, "program headers beyond the end of the file");
		if (program.p_type == PT_LOAD && program.p_memsz)
			error = take_segment(image, survey, kernel, &program, i, message);
	}
	if (!error && !survey->entry_is_code)
		error = message_say(message, -ENOEXEC, "its PVH entry 0x%" PRIx64 " lies in no segment",
				    kernel->pvh_entry);
	if (!error)
		measure(image, kernel);
	return error;
}

int pvh_open(struct kernel *kernel, struct image *image, struct message *message)
{
	struct survey survey = { 0 };
	Elf64_Phdr program;
	int error;

	if (!in_file(image, 0, sizeof survey.header))
		return 0;
	memcpy(&survey.header, image->file, sizeof survey.header);
	if (survey.header.e_ident[EI_CLASS] != ELFCLASS64 || survey.header.e_machine != EM_X86_64 ||
	    survey.header.e_phentsize != sizeof program || survey.header.e_phnum > IMAGE_MAX_HEADERS)
		return 0;
	for (unsigned i = 0; i < survey.header.e_phnum; i++) {
		if (read_program(image, &survey, i, &program) && program.p_type == PT_NOTE)
			look_at_notes(kernel, image, &survey, &program);
	}
	if (!survey.has_entry)
		return 0;
	kernel->kind = KERNEL_PVH;
	error = take_segments(kernel, image, &survey, message);
	if (!error)
		symbols_read(&image->symbols, image->file, image->file_size);
	return error;
}

/* ---- loading ---- */

static void write_start_page(const struct kernel_config *config, uint64_t initrd)
{
	struct pc_region regions[PC_REGIONS];
	struct start_page page = {
		.info = {
			.magic = MAGIC,
			.version = VERSION,
			.modules = config->initrd_size ? 1 : 0,
			.module_list = PC_START_INFO + offsetof(struct start_page, initrd),
			.command = PC_COMMAND,
			.acpi = PC_ACPI,
			.memory_map = PC_START_INFO + offsetof(struct start_page, regions),
			.memory_regions = PC_REGIONS,
		},
		.initrd = { .at = initrd, .size = config->initrd_size },
	};

	pc_map(config->memory, regions);
	for (unsigned i = 0; i < PC_REGIONS; i++)
		page.regions[i] = (struct region){ regions[i].first, regions[i].size, regions[i].kind, 0 };
	memcpy(config->memory->base + PC_START_INFO, &page, sizeof page);
}

int pvh_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
	     struct kernel_start *start, struct message *message)
{
	uint64_t initrd = 0;
	int error = image_load(image, config->memory, (gpa_t){ image->base }, message);

	if (!error)
		error = pc_load_initrd(config->memory, config->initrd, config->initrd_size,
				       image->base + image->memory_size, UINT32_MAX, &initrd, message);
	if (!error)
		error = pc_write_command(config->memory, config->command, UINT64_MAX, message);
	if (error)
		return error;
	write_start_page(config, initrd);
	pc_write_acpi(config->memory, config->vcpus);
	*start = (struct kernel_start){
		.start = ENGINE_START_PVH,
		.state = { .rip = kernel->pvh_entry, .rbx = PC_START_INFO },
	};
	return 0;
}
