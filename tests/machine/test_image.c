/* SPDX-License-Identifier: ISC */
/* test_image.c - the loader: what it takes, what it refuses and in which words, and where things end up. */
#include "machine/image.h"
#include "tiny.h"

#include "postern/abi.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

/* ---- refusals of a file ---- */

/* One field of the tiny image, given a value that makes no sense. */
struct spoiling {
	const char *what;
	size_t offset;
	size_t size;
	uint64_t value;
	const char *message;
};

#define SPOIL(field, value, message)                                                                  \
	{                                                                                             \
#field " = " #value, offsetof(struct tiny, field), sizeof(((struct tiny *)0)->field), \
			(uint64_t)(value), message                                                    \
	}

#define OVERLAPS "segment 1 overlaps the one before, or lies below it"
#define BEYOND "segment 1 lies beyond the end of the file"

/* clang-format off */
static const struct spoiling spoilings[] = {
	SPOIL(header.e_ident[0], 0, "not an ELF file"),
	SPOIL(header.e_ident[EI_CLASS], ELFCLASS32, "not a 64-bit ELF file"),
	SPOIL(header.e_ident[EI_DATA], ELFDATA2MSB, "not a little-endian ELF file"),
	SPOIL(header.e_ident[EI_VERSION], 2, "an unknown version of ELF"),
	SPOIL(header.e_version, 2, "an unknown version of ELF"),
	SPOIL(header.e_machine, EM_AARCH64, "for another architecture, not x86-64"),
	SPOIL(header.e_type, ET_EXEC, "linked to a fixed address; link it with -static-pie"),
	SPOIL(header.e_type, ET_REL, "not an executable"),
	SPOIL(header.e_phnum, 0, "no program headers, so nothing to load"),
	SPOIL(header.e_phnum, 65, "65 program headers, more than 64"),
	SPOIL(header.e_phnum, 0xffff, "65535 program headers, more than 64"),
	SPOIL(header.e_phentsize, 32, "program headers of an unknown size"),
	SPOIL(header.e_phoff, sizeof(struct tiny) - 1, "program headers beyond the end of the file"),
	SPOIL(header.e_phoff, UINT64_MAX, "program headers beyond the end of the file"),
	SPOIL(header.e_phoff, UINT64_MAX - 100, "program headers beyond the end of the file"),
	SPOIL(header.e_entry, 0, "the entry point 0x0 lies in no code"),
	SPOIL(header.e_entry, 0x10000, "the entry point 0x10000 lies in no code"),
	SPOIL(programs[0].p_type, PT_INTERP, "needs a dynamic linker; link it with -static-pie"),
	SPOIL(programs[1].p_flags, PF_R, NULL /* the entry point, see the test */),
	SPOIL(programs[1].p_offset, sizeof(struct tiny) - 63, BEYOND),
	SPOIL(programs[1].p_offset, UINT64_MAX, BEYOND),
	SPOIL(programs[1].p_filesz, UINT64_MAX, BEYOND),
	SPOIL(programs[1].p_filesz, sizeof(struct tiny), BEYOND),
	SPOIL(programs[1].p_memsz, 63, "segment 1 is larger in the file than in memory"),
	SPOIL(programs[1].p_memsz, UINT64_MAX, "segment 1 ends beyond the address space"),
	SPOIL(programs[1].p_memsz, INT64_MAX, "segment 1 ends beyond the address space"),
	SPOIL(programs[1].p_memsz, 128, "segment 2 overlaps the one before, or lies below it"),
	SPOIL(programs[1].p_vaddr, UINT64_MAX, "segment 1 ends beyond the address space"),
	SPOIL(programs[0].p_vaddr, 4096, OVERLAPS),
	SPOIL(programs[1].p_vaddr, TINY_CODE + 1, "segment 1 is aligned differently in file and memory"),
	SPOIL(programs[1].p_align, 3, "segment 1 is aligned to 0x3, no power of two"),
	SPOIL(programs[1].p_align, UINT64_MAX, "segment 1 is aligned to 0xffffffffffffffff, no power of two"),
	SPOIL(programs[1].p_align, 0x400000, "segment 1 is aligned to 0x400000, more than 2 MiB"),
	SPOIL(programs[3].p_type, PT_NULL, "no Postern note: not built for Postern"),
	SPOIL(programs[3].p_filesz, UINT64_MAX, "segment 3 lies beyond the end of the file"),
	SPOIL(programs[3].p_filesz, 4, "a note in segment 3 is cut short"),
	SPOIL(programs[3].p_filesz, 40, "a note in segment 3 is cut short"),
	SPOIL(note.owner[0], 'p', "no Postern note: not built for Postern"),
	SPOIL(note.header.n_type, 2, "no Postern note: not built for Postern"),
	SPOIL(note.header.n_namesz, UINT32_MAX, "a note in segment 3 is cut short"),
	SPOIL(note.header.n_descsz, UINT32_MAX, "a note in segment 3 is cut short"),
	SPOIL(note.header.n_descsz, 4, "its Postern note is cut short"),
	SPOIL(note.header.n_descsz, 0, "its Postern note is cut short"),
	SPOIL(note.note.major, 2, "built for ABI 2.0, and this is 1"),
	SPOIL(note.note.needs, 257, "its Postern note has more than 256 needs"),
	SPOIL(note.note.needs, UINT32_MAX, "its Postern note has more than 256 needs"),
	SPOIL(note.note.needs, 1, "its Postern note has another size than its needs"),
	SPOIL(note.note.needs, 3, "its Postern note has another size than its needs"),
	SPOIL(note.needs[0].section, 256, "need 0 in its Postern note makes no sense"),
	SPOIL(note.needs[1].required, 2, "need 1 in its Postern note makes no sense"),
	SPOIL(note.needs[1].reserved, 1, "need 1 in its Postern note makes no sense"),
};
/* clang-format on */

static void refuse(const struct tiny *tiny, size_t size, const char *what, const char *expected)
{
	uint8_t *bytes = tiny_copy(tiny);
	struct message message = { "" };
	struct image image;

	assert_non_null(bytes);
	/* Exactly as many bytes as there are, so that AddressSanitizer sees every look beyond. */
	bytes = realloc(bytes, size ? size : 1);
	print_message("# %s\n", what);
	assert_int_equal(image_open(&image, bytes, size, &message), -ENOEXEC);
	if (expected)
		assert_string_equal(message.text, expected);
	assert_null(image.file);
	free(bytes);
}

static void test_refuses_each_spoiled_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof spoilings / sizeof *spoilings; i++) {
		const struct spoiling *spoiling = &spoilings[i];
		struct tiny tiny;

		tiny_fill(&tiny);
		memcpy((uint8_t *)&tiny + spoiling->offset, &spoiling->value, spoiling->size);
		refuse(&tiny, sizeof tiny, spoiling->what, spoiling->message);
	}
}

static void test_refuses_an_entry_point_in_data(void **state)
{
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	tiny.header.e_entry = TINY_DATA;
	refuse(&tiny, sizeof tiny, "entry point in data", NULL);
}

static void test_refuses_what_is_nearly_no_file(void **state)
{
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	refuse(&tiny, 0, "empty", "not an ELF file");
	refuse(&tiny, 63, "63 bytes", "not an ELF file");
	refuse(&tiny, 64, "only the header", "program headers beyond the end of the file");
	refuse(&tiny, offsetof(struct tiny, note) - 1, "cut in the program headers",
	       "program headers beyond the end of the file");
	refuse(&tiny, offsetof(struct tiny, data), "cut before the data",
	       "segment 2 lies beyond the end of the file");
}

static void test_refuses_more_segments_than_it_knows(void **state)
{
	enum { SEGMENTS = IMAGE_MAX_SEGMENTS + 1 };
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr programs[SEGMENTS];
	} many = { 0 };
	struct message message;
	struct image image;
	struct tiny tiny;
	uint8_t *bytes;

	(void)state;
	tiny_fill(&tiny);
	many.header = tiny.header;
	many.header.e_phnum = SEGMENTS;
	for (unsigned i = 0; i < SEGMENTS; i++)
		many.programs[i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = i, .p_memsz = 1 };
	bytes = malloc(sizeof many);
	memcpy(bytes, &many, sizeof many);
	assert_int_equal(image_open(&image, bytes, sizeof many, &message), -ENOEXEC);
	assert_string_equal(message.text, "more than 16 segments to load");
	free(bytes);
}

/* ---- what it takes ---- */

static void open_tiny(const struct tiny *tiny, struct image *image)
{
	struct message message = { "" };
	int error = image_open(image, tiny_copy(tiny), sizeof *tiny, &message);

	if (error)
		fail_msg("%s", message.text);
}

static void test_takes_what_is_right(void **state)
{
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	open_tiny(&tiny, &image);
	assert_int_equal(image.base, 0);
	assert_int_equal(image.entry, TINY_CODE + 16);
	assert_int_equal(image.memory_size % MEMORY_PAGE_SIZE, 0);
	assert_true(image.memory_size >= TINY_DATA + TINY_BSS);
	assert_true(image.memory_size < TINY_DATA + TINY_BSS + 2 * MEMORY_PAGE_SIZE);
	assert_int_equal(image.segment_count, 3);
	assert_int_equal(image.need_count, 2);
	assert_int_equal(image.needs[0].section, 1);
	assert_int_equal(image.needs[1].section, 200);
	image_close(&image);
}

/* Adds a part of a note, padded to `alignment`. Returns the end. */
static size_t add_part(uint8_t *to, size_t at, const void *part, size_t size, size_t alignment)
{
	memcpy(to + at, part, size);
	return (at + size + alignment - 1) & ~(alignment - 1);
}

/* A build id is a note too, and may come first. In a segment that is aligned to 8, padding is to 8. */
static void test_finds_its_note_behind_others(void **state)
{
	static const uint8_t build_id[] = { 4, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0 };

	(void)state;
	for (size_t alignment = 4; alignment <= 8; alignment += 4) {
		const size_t begin = (sizeof(struct tiny) + 7) & ~(size_t)7;
		uint8_t *bytes = calloc(1, begin + 256);
		struct message message = { "" };
		struct image image;
		struct tiny tiny;
		size_t end;

		assert_non_null(bytes);
		tiny_fill(&tiny);
		end = add_part(bytes, begin, build_id, sizeof build_id, alignment);
		end = add_part(bytes, end, "123456789", 9, alignment);
		end = add_part(bytes, end, &tiny.note,
			       offsetof(struct tiny, note.note) - offsetof(struct tiny, note), alignment);
		end = add_part(bytes, end, &tiny.note.note, tiny.note.header.n_descsz, 4);
		tiny.programs[3].p_offset = begin;
		tiny.programs[3].p_filesz = end - begin;
		tiny.programs[3].p_align = alignment;
		memcpy(bytes, &tiny, sizeof tiny);
		if (image_open(&image, bytes, end, &message))
			fail_msg("aligned to %zu: %s", alignment, message.text);
		assert_int_equal(image.need_count, 2);
		assert_int_equal(image.needs[1].section, 200);
		image_close(&image);
	}
}

static void test_takes_any_base(void **state)
{
	const uint64_t base = UINT64_C(0x123000);
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	for (unsigned i = 0; i < 3; i++)
		tiny.programs[i].p_vaddr += base;
	tiny.header.e_entry += base;
	open_tiny(&tiny, &image);
	assert_int_equal(image.base, base);
	image_close(&image);
	/* Some segments may have no alignment at all, ... */
	tiny.programs[0].p_align = 0;
	tiny.programs[2].p_align = 1;
	open_tiny(&tiny, &image);
	assert_int_equal(image.base, base);
	image_close(&image);
	/* ... and the greatest is that of the whole. */
	for (unsigned i = 0; i < 3; i++)
		tiny.programs[i].p_vaddr += 0x10000 - base;
	tiny.header.e_entry += 0x10000 - base;
	tiny.programs[1].p_align = 0x10000;
	tiny.programs[1].p_vaddr += 0x10000;
	tiny.programs[2].p_vaddr += 0x10000;
	tiny.programs[0].p_vaddr += 0x3000;
	tiny.header.e_entry += 0x10000;
	open_tiny(&tiny, &image);
	assert_int_equal(image.base, 0x10000);
	image_close(&image);
}

/* ---- reading ---- */

static void test_reads_a_file_to_its_end(void **state)
{
	const size_t length = 3 * MIB + 17;
	int fd = memfd_create("image", 0);
	struct message message;
	uint8_t *bytes;
	size_t size;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)length), 0);
	assert_int_equal(pwrite(fd, "end", 3, (off_t)length - 3), 3);
	assert_int_equal(image_read(fd, &bytes, &size, &message), 0);
	assert_int_equal(size, length);
	assert_memory_equal(bytes + length - 3, "end", 3);
	free(bytes);
	close(fd);
	assert_int_equal(image_read(fd, &bytes, &size, &message), -EBADF);
	assert_string_equal(message.text, "Bad file descriptor");
	assert_null(bytes);
}

/* ---- loading ---- */

static void test_loads_segments_and_leaves_zeros(void **state)
{
	struct guest_memory memory;
	struct message message;
	struct image image;
	struct tiny tiny;
	const uint64_t at = 2 * MIB;

	(void)state;
	tiny_fill(&tiny);
	open_tiny(&tiny, &image);
	assert_int_equal(memory_create(&memory, 4 * MIB), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ at }, &message), 0);
	assert_memory_equal(memory.base + at, &tiny, TINY_DATA + sizeof tiny.data);
	for (size_t i = TINY_DATA + sizeof tiny.data; i < image.memory_size; i++)
		assert_int_equal(memory.base[at + i], 0);
	assert_int_equal(memory.base[at - 1], 0);
	memory_destroy(&memory);
	image_close(&image);
}

static void test_loads_from_its_base_on(void **state)
{
	const uint64_t base = UINT64_C(0x7000000000);
	struct guest_memory memory;
	struct message message;
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	for (unsigned i = 0; i < 3; i++)
		tiny.programs[i].p_vaddr += base;
	tiny.header.e_entry += base;
	open_tiny(&tiny, &image);
	assert_int_equal(memory_create(&memory, 4 * MIB), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), 0);
	assert_memory_equal(memory.base + 2 * MIB, &tiny, TINY_DATA + sizeof tiny.data);
	memory_destroy(&memory);
	image_close(&image);
}

/* What does not fit may be no more than a page of zeros. */
static void test_refuses_an_image_that_is_a_page_too_large(void **state)
{
	struct guest_memory memory;
	struct message message;
	struct image image;
	struct tiny tiny;

	(void)state;
	assert_int_equal(memory_create(&memory, 4 * MIB), 0);
	tiny_fill(&tiny);
	tiny.programs[2].p_memsz = 2 * MIB - TINY_DATA;
	open_tiny(&tiny, &image);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), 0);
	image_close(&image);
	tiny.programs[2].p_memsz++;
	open_tiny(&tiny, &image);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), -ENOEXEC);
	assert_string_equal(message.text, "too large for memory of 4 MiB: needs 5 MiB");
	image_close(&image);
	memory_destroy(&memory);
}

static void test_refuses_an_image_that_does_not_fit(void **state)
{
	struct guest_memory memory;
	struct message message;
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	tiny.programs[2].p_memsz = 3 * MIB;
	open_tiny(&tiny, &image);
	assert_int_equal(memory_create(&memory, 4 * MIB), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), -ENOEXEC);
	assert_string_equal(message.text, "too large for memory of 4 MiB: needs 6 MiB");
	memory_destroy(&memory);
	assert_int_equal(memory_create(&memory, 6 * MIB), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), 0);
	assert_int_equal(p2m_set(&memory, 512, 1, P2M_DEVICE), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), -ENOEXEC);
	assert_string_equal(message.text, "its place in memory is in use");
	memory_destroy(&memory);
	image_close(&image);
}

/* The largest size that passes the checks of the file. */
static void test_refuses_a_gigantic_image(void **state)
{
	struct guest_memory memory;
	struct message message;
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	tiny.programs[2].p_memsz = INT64_MAX - TINY_DATA;
	open_tiny(&tiny, &image);
	assert_int_equal(memory_create(&memory, 4 * MIB), 0);
	assert_int_equal(image_load(&image, &memory, (gpa_t){ 2 * MIB }, &message), -ENOEXEC);
	assert_string_equal(message.text, "too large for memory of 4 MiB: needs 8796093022210 MiB");
	memory_destroy(&memory);
	image_close(&image);
}

/* ---- needs ---- */

static void offer(void *context, unsigned section, struct image_offer *offered)
{
	if (section != 200)
		*offered = *(const struct image_offer *)context;
}

struct demand {
	struct postern_note_need need;
	struct image_offer offered;
	const char *message; /* NULL: it has all it needs */
};

/* clang-format off */
static const struct demand demands[] = {
	{ { 1, 1, 0, 0x1, 0 }, { 0xf, 0xf, 0xf, 0 }, NULL },
	{ { 1, 0, 0, ~0ULL, ~0ULL }, { 0, 0, 0, 0 }, NULL },
	{ { 1, 1, 0, 0x3, 0 }, { 0xf, 0xf, 0x1, 0 },
	  "needs call console.read, which is not granted (--allow console)" },
	{ { 12, 1, 0, 0x4, 0 }, { ~0ULL, 0, 0, 0 },
	  "needs call file.close, which is not granted (--allow file)" },
	{ { 3, 1, 0, 0x1, 0 }, { 0x3, 0, 0x3, 0 },
	  "needs call clock.read, which this host does not serve" },
	{ { 3, 1, 0, 0x1, 0 }, { 0, 0, 0x3, 0 },
	  "needs call clock.read, which is newer than this VM's ABI (--abi)" },
	{ { 3, 1, 0, 1ULL << 63, 0 }, { 0x3, 0x3, 0x3, 0 },
	  "needs call 0x033f, which this version of Postern does not know" },
	{ { 255, 1, 0, 1ULL << 63, 0 }, { 0, 0, 0, 0 },
	  "needs call 0xff3f, which this version of Postern does not know" },
	{ { 7, 1, 0, 0, POSTERN_RING_FEATURES_POLLED }, { 7, 7, 7, 0 },
	  "needs feature polled of section ring, which this VM lacks" },
	{ { 7, 1, 0, 0, POSTERN_RING_FEATURES_POLLED }, { 7, 7, 7, 1 }, NULL },
	{ { 8, 1, 0, 0, 0x3 }, { 7, 7, 7, 0x1 },
	  "needs feature steal of section vcpu, which this VM lacks" },
	{ { 7, 1, 0, 0, 1ULL << 63 }, { 7, 7, 7, 1 },
	  "needs feature 0x8000000000000000 of section ring, which this VM lacks" },
	{ { 254, 1, 0, 0, 1 }, { 0, 0, 0, 0 },
	  "needs feature 0x1 of section unknown, which this VM lacks" },
};
/* clang-format on */

static void test_judges_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
		struct image_offer offered = demands[i].offered;
		struct message message = { "" };
		struct image image;
		struct tiny tiny;
		int error;

		tiny_fill(&tiny);
		tiny.note.needs[0] = demands[i].need;
		open_tiny(&tiny, &image);
		error = image_check_needs(&image, offer, &offered, &message);
		assert_int_equal(error, demands[i].message ? -ENOEXEC : 0);
		assert_string_equal(message.text, demands[i].message ? demands[i].message : "");
		image_close(&image);
	}
}

/* ---- symbols ---- */

static void expect_symbol(const struct symbols *symbols, uint64_t address, const char *name, uint64_t offset)
{
	uint64_t found = 0;
	const char *is = symbols_find(symbols, address, &found);

	if (!name) {
		assert_null(is);
		return;
	}
	assert_non_null(is);
	assert_string_equal(is, name);
	assert_int_equal(found, offset);
}

static void test_finds_symbols(void **state)
{
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	open_tiny(&tiny, &image);
	expect_symbol(&image.symbols, 0, NULL, 0);
	expect_symbol(&image.symbols, TINY_CODE - 1, NULL, 0);
	expect_symbol(&image.symbols, TINY_CODE, "first", 0);
	expect_symbol(&image.symbols, TINY_CODE + 15, "first", 15);
	expect_symbol(&image.symbols, TINY_CODE + 16, "second", 0);
	expect_symbol(&image.symbols, TINY_CODE + 32, NULL, 0);
	expect_symbol(&image.symbols, TINY_CODE + 50, "tail", 2);
	expect_symbol(&image.symbols, TINY_CODE + 60, "w?ld", 4);
	expect_symbol(&image.symbols, UINT64_MAX, NULL, 0);
	image_close(&image);
}

/* An image with a symbol table that makes no sense is one without symbols. */
static void test_does_without_symbols(void **state)
{
	/* clang-format off */
	static const struct spoiling spoiled[] = {
		SPOIL(header.e_shoff, UINT64_MAX, NULL),
		SPOIL(header.e_shoff, UINT64_MAX - 63, NULL),
		SPOIL(header.e_shoff, sizeof(struct tiny) - 1, NULL),
		SPOIL(header.e_shnum, 0, NULL),
		SPOIL(header.e_shentsize, 8, NULL),
		SPOIL(sections[1].sh_offset, UINT64_MAX, NULL),
		SPOIL(sections[1].sh_size, UINT64_MAX, NULL),
		SPOIL(sections[1].sh_size, 0, NULL),
		SPOIL(sections[1].sh_entsize, 0, NULL),
		SPOIL(sections[1].sh_link, 3, NULL),
		SPOIL(sections[1].sh_link, 1, NULL),
		SPOIL(sections[2].sh_offset, sizeof(struct tiny), NULL),
		SPOIL(sections[2].sh_size, UINT64_MAX, NULL),
		SPOIL(sections[2].sh_size, 0, NULL),
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
		struct image image;
		struct tiny tiny;

		tiny_fill(&tiny);
		memcpy((uint8_t *)&tiny + spoiled[i].offset, &spoiled[i].value, spoiled[i].size);
		print_message("# %s\n", spoiled[i].what);
		open_tiny(&tiny, &image);
		expect_symbol(&image.symbols, TINY_CODE, NULL, 0);
		image_close(&image);
	}
}

/* Names of which the end, or the start, is not there. */
static void test_bounds_names(void **state)
{
	struct image image;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	memset(tiny.names, 'x', sizeof tiny.names);
	tiny.symbols[2].st_name = UINT32_MAX;
	open_tiny(&tiny, &image);
	expect_symbol(&image.symbols, TINY_CODE, NULL, 0);
	assert_int_equal(strlen(symbols_find(&image.symbols, TINY_CODE + 16, &(uint64_t){ 0 })),
			 sizeof tiny.names - 7);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_each_spoiled_field),
		cmocka_unit_test(test_refuses_an_entry_point_in_data),
		cmocka_unit_test(test_refuses_what_is_nearly_no_file),
		cmocka_unit_test(test_refuses_more_segments_than_it_knows),
		cmocka_unit_test(test_takes_what_is_right),
		cmocka_unit_test(test_finds_its_note_behind_others),
		cmocka_unit_test(test_takes_any_base),
		cmocka_unit_test(test_reads_a_file_to_its_end),
		cmocka_unit_test(test_loads_segments_and_leaves_zeros),
		cmocka_unit_test(test_loads_from_its_base_on),
		cmocka_unit_test(test_refuses_an_image_that_is_a_page_too_large),
		cmocka_unit_test(test_refuses_an_image_that_does_not_fit),
		cmocka_unit_test(test_refuses_a_gigantic_image),
		cmocka_unit_test(test_judges_needs),
		cmocka_unit_test(test_finds_symbols),
		cmocka_unit_test(test_does_without_symbols),
		cmocka_unit_test(test_bounds_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
