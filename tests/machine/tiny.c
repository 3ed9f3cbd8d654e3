/* SPDX-License-Identifier: ISC */
/* tiny.c - makes a tiny image. */
#include "tiny.h"

#include <stdlib.h>
#include <string.h>

static void fill_programs(struct tiny *tiny)
{
	tiny->programs[0] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_filesz = TINY_CODE,
		.p_memsz = TINY_CODE,
		.p_align = 4096,
	};
	tiny->programs[1] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = TINY_CODE,
		.p_vaddr = TINY_CODE,
		.p_filesz = sizeof tiny->code,
		.p_memsz = sizeof tiny->code,
		.p_align = 4096,
	};
	tiny->programs[2] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = TINY_DATA,
		.p_vaddr = TINY_DATA,
		.p_filesz = sizeof tiny->data,
		.p_memsz = sizeof tiny->data + TINY_BSS,
		.p_align = 4096,
	};
	tiny->programs[3] = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = offsetof(struct tiny, note),
		.p_vaddr = offsetof(struct tiny, note),
		.p_filesz = sizeof tiny->note,
		.p_memsz = sizeof tiny->note,
		.p_align = 4,
	};
}

static void fill_note(struct tiny *tiny)
{
	tiny->note.header = (Elf64_Nhdr){
		.n_namesz = sizeof tiny->note.owner,
		.n_descsz = sizeof tiny->note.note + sizeof tiny->note.needs,
		.n_type = POSTERN_NOTE_TYPE,
	};
	memcpy(tiny->note.owner, POSTERN_NOTE_OWNER, sizeof tiny->note.owner);
	tiny->note.note = (struct postern_note){ .major = 1, .minor = 0, .needs = TINY_NEEDS };
	tiny->note.needs[0] = (struct postern_note_need){ .section = 1, .required = 1, .calls = 1 };
	tiny->note.needs[1] = (struct postern_note_need){ .section = 200, .calls = ~0ULL, .features = ~0ULL };
}

static void fill_symbols(struct tiny *tiny)
{
	static const char names[sizeof tiny->names] = "\0first\0second\0tail\0w\033ld";
	const unsigned char function = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);

	memcpy(tiny->names, names, sizeof names);
	/* Out of order, as a table may be. */
	tiny->symbols[1] = (Elf64_Sym){ 7, function, 0, 1, TINY_CODE + 16, 16 };
	tiny->symbols[2] = (Elf64_Sym){ 1, function, 0, 1, TINY_CODE, 16 };
	tiny->symbols[3] = (Elf64_Sym){ 14, ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), 0, 1, TINY_CODE + 48, 0 };
	tiny->symbols[4] = (Elf64_Sym){ 19, function, 0, 1, TINY_CODE + 56, 8 };
	tiny->sections[1] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = offsetof(struct tiny, symbols),
		.sh_size = sizeof tiny->symbols,
		.sh_link = 2,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	tiny->sections[2] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct tiny, names),
		.sh_size = sizeof tiny->names,
	};
}

void tiny_fill(struct tiny *tiny)
{
	*tiny = (struct tiny){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_DYN,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = TINY_CODE + 16,
			.e_phoff = offsetof(struct tiny, programs),
			.e_shoff = offsetof(struct tiny, sections),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = TINY_PROGRAMS,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = TINY_SECTIONS,
		},
	};
	fill_programs(tiny);
	fill_note(tiny);
	fill_symbols(tiny);
	memset(tiny->code, 0x90, sizeof tiny->code);
	memset(tiny->data, 0xda, sizeof tiny->data);
}

uint8_t *tiny_copy(const struct tiny *tiny)
{
	uint8_t *bytes = malloc(sizeof *tiny);

	return bytes ? memcpy(bytes, tiny, sizeof *tiny) : NULL;
}
