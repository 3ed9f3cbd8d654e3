/* SPDX-License-Identifier: ISC */
/* test_kernel.c - kernels that know nothing of Postern: what is taken, what is refused and in which words, and what they find. */
#include "kernels.h"
#include "machine/boot.h"
#include "machine/kernel.h"
#include "machine/pc.h"
#include "tiny.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

struct scene {
	struct guest_memory memory;
	struct kernel kernel;
	struct image image;
	struct kernel_config config;
	struct kernel_start start;
	struct message message;
};

/* Exactly as many bytes as there are, so that AddressSanitizer sees every look beyond. */
static uint8_t *copy(const void *bytes, size_t size)
{
	uint8_t *result = malloc(size ? size : 1);

	assert_non_null(result);
	memcpy(result, bytes, size);
	return result;
}

static void refuse(const void *bytes, size_t size, const char *what, const char *expected)
{
	uint8_t *file = copy(bytes, size);
	struct message message = { "" };
	struct kernel kernel;
	struct image image;

	if (what)
		print_message("# %s\n", what);
	assert_int_equal(kernel_open(&kernel, &image, file, size, &message), -ENOEXEC);
	if (expected)
		assert_string_equal(message.text, expected);
	assert_true(message.text[0]);
	assert_null(image.file);
	free(file);
}

static void set_up(struct scene *scene, const void *bytes, size_t size, uint64_t memory)
{
	*scene = (struct scene){ .message = { "" } };
	assert_int_equal(memory_create(&scene->memory, memory), 0);
	if (kernel_open(&scene->kernel, &scene->image, copy(bytes, size), size, &scene->message))
		fail_msg("%s", scene->message.text);
	scene->config = (struct kernel_config){
		.memory = &scene->memory,
		.command = "one two",
		.vcpus = 1,
		.is_hardware = true,
	};
}

static int load(struct scene *scene)
{
	return kernel_load(&scene->kernel, &scene->image, &scene->config, &scene->start, &scene->message);
}

static void tear_down(struct scene *scene)
{
	image_close(&scene->image);
	memory_destroy(&scene->memory);
}

static const void *at(const struct scene *scene, uint64_t address)
{
	return scene->memory.base + address;
}

/* ---- one field that makes no sense ---- */

struct spoiling {
	const char *what;
	size_t offset;
	size_t size;
	uint64_t value;
	const char *message;
};

#define SPOIL(kind, field, value, message)                                                            \
	{                                                                                             \
#field " = " #value, offsetof(struct kind, field), sizeof(((struct kind *)0)->field), \
			(uint64_t)(value), message                                                    \
	}
#define BZ(field, value, message) SPOIL(bz, header.field, value, message)
#define PVH(field, value, message) SPOIL(pvh, field, value, message)
#define CONTRADICTS "its header contradicts itself on where the kernel is"
#define OVERLAPS "segment 1 overlaps the one before, or lies below it"
#define BEYOND "segment 1 lies beyond the end of the file"

/* clang-format off */
static const struct spoiling bz_spoilings[] = {
	BZ(header, 0, "neither a Linux bzImage nor an ELF file"),
	BZ(boot_flag, 0, "a Linux kernel without its boot flag"),
	BZ(version, 0x20b, "it speaks version 2.11 of Linux's boot protocol, and 2.12 is needed"),
	BZ(version, 0, "it speaks version 0.00 of Linux's boot protocol, and 2.12 is needed"),
	BZ(xloadflags, 0, "a Linux kernel without a 64-bit entry"),
	BZ(loadflags, 0, "a zImage; only a bzImage can be loaded"),
	BZ(setup_sects, 0, "cut short: 3072 bytes, where its header speaks of 4608"),
	BZ(setup_sects, 255, "cut short: 3072 bytes, where its header speaks of 133120"),
	BZ(syssize, 129, "cut short: 3072 bytes, where its header speaks of 3088"),
	BZ(syssize, UINT32_MAX, "cut short: 3072 bytes, where its header speaks of 68719477744"),
	BZ(syssize, 0, CONTRADICTS),
	BZ(syssize, 32, CONTRADICTS),
	BZ(payload_offset, 0x500, CONTRADICTS),
	BZ(payload_offset, UINT32_MAX, CONTRADICTS),
	BZ(payload_length, UINT32_MAX, CONTRADICTS),
	BZ(kernel_alignment, 0, "a Linux kernel that is aligned to 0x0"),
	BZ(kernel_alignment, 0x300000, "a Linux kernel that is aligned to 0x300000"),
	BZ(kernel_alignment, 0x80000000, "a Linux kernel that is aligned to 0x80000000"),
	BZ(init_size, 0, "a Linux kernel that needs less memory than it has bytes"),
	BZ(init_size, BZ_KERNEL - 1, "a Linux kernel that needs less memory than it has bytes"),
};

static const struct spoiling pvh_spoilings[] = {
	PVH(header.e_ident[EI_CLASS], ELFCLASS32, "not a 64-bit ELF file"),
	PVH(header.e_machine, EM_386, "for another architecture, not x86-64"),
	PVH(header.e_phoff, UINT64_MAX - 8, "linked to a fixed address; link it with -static-pie"),
	PVH(note.header.n_type, 17, "linked to a fixed address; link it with -static-pie"),
	PVH(note.header.n_descsz, 2, "linked to a fixed address; link it with -static-pie"),
	PVH(note.header.n_namesz, UINT32_MAX, "linked to a fixed address; link it with -static-pie"),
	PVH(note.owner[0], 'x', "linked to a fixed address; link it with -static-pie"),
	PVH(note.entry, PVH_AT + 64, "its PVH entry 0x200040 lies in no segment"),
	PVH(note.entry, UINT64_MAX, "its PVH entry 0xffffffffffffffff lies in no segment"),
	PVH(note.entry, PVH_AT + 0x1100, "its PVH entry 0x201100 lies in no segment"),
	PVH(programs[0].p_type, PT_NULL, "its PVH entry 0x200010 lies in no segment"),
	PVH(programs[0].p_memsz, 0x2000, OVERLAPS),
	PVH(programs[1].p_paddr, PVH_AT, OVERLAPS),
	PVH(programs[1].p_paddr, 0xff000, "segment 1 lies at 0xff000, below 1 MiB"),
	PVH(programs[1].p_paddr, 0xfffff000, "segment 1 ends beyond 4 GiB"),
	PVH(programs[1].p_paddr, UINT64_MAX, "segment 1 ends beyond 4 GiB"),
	PVH(programs[1].p_memsz, UINT64_MAX, "segment 1 ends beyond 4 GiB"),
	PVH(programs[1].p_memsz, 16, "segment 1 is larger in the file than in memory"),
	PVH(programs[1].p_offset, sizeof(struct pvh), BEYOND),
	PVH(programs[1].p_offset, UINT64_MAX, BEYOND),
	PVH(programs[1].p_filesz, UINT64_MAX, BEYOND),
};
/* clang-format on */

static void test_refuses_each_spoiled_field_of_a_bzimage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bz_spoilings / sizeof *bz_spoilings; i++) {
		const struct spoiling *it = &bz_spoilings[i];
		struct bz bz;

		bz_fill(&bz);
		memcpy((uint8_t *)&bz + it->offset, &it->value, it->size);
		refuse(&bz, sizeof bz, it->what, it->message);
	}
}

static void test_refuses_each_spoiled_field_of_a_pvh_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pvh_spoilings / sizeof *pvh_spoilings; i++) {
		const struct spoiling *it = &pvh_spoilings[i];
		struct pvh pvh;

		pvh_fill(&pvh);
		memcpy((uint8_t *)&pvh + it->offset, &it->value, it->size);
		refuse(&pvh, sizeof pvh, it->what, it->message);
	}
}

/* Cut anywhere, a file is refused or, where nothing of it is missing, taken. */
static void test_refuses_what_is_cut_short(void **state)
{
	struct bz bz;
	struct pvh pvh;

	(void)state;
	bz_fill(&bz);
	pvh_fill(&pvh);
	for (size_t size = 0; size < sizeof bz; size += 7)
		refuse(&bz, size, NULL, NULL);
	for (size_t size = 0; size < sizeof pvh; size++)
		refuse(&pvh, size, NULL, NULL);
}

static void test_refuses_what_is_built_for_postern(void **state)
{
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	refuse(&tiny, sizeof tiny, "with our note", "built for Postern; it runs without --kernel");
}

/* ---- Linux ---- */

static void test_linux_finds_what_it_needs(void **state)
{
	static const uint8_t initrd[5000] = { 1, 2, 3 };
	const struct boot_params *params;
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	assert_int_equal(scene.kernel.kind, KERNEL_LINUX);
	scene.config.initrd = initrd;
	scene.config.initrd_size = sizeof initrd;
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.start, ENGINE_START_LINUX64);
	assert_int_equal(scene.start.state.rip, 16 * MIB + 0x200);
	assert_memory_equal(at(&scene, 16 * MIB), bz.kernel, sizeof bz.kernel);

	params = at(&scene, scene.start.state.rsi);
	assert_int_equal(params->hdr.header, 0x53726448);
	assert_int_equal(params->hdr.version, 0x20f);
	assert_int_equal(params->hdr.init_size, 0x100000);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_string_equal(at(&scene, params->hdr.cmd_line_ptr), "one two");
	assert_int_equal(params->hdr.ramdisk_size, sizeof initrd);
	assert_int_equal(params->hdr.ramdisk_image, 64 * MIB - 8192);
	assert_memory_equal(at(&scene, params->hdr.ramdisk_image), initrd, sizeof initrd);
	assert_memory_equal(at(&scene, params->acpi_rsdp_addr), "RSD PTR ", 8);
	tear_down(&scene);
}

static void test_linux_is_told_of_all_ram(void **state)
{
	const struct boot_params *params;
	uint64_t ram = 0;
	uint64_t end = 0;
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	assert_int_equal(load(&scene), 0);
	params = at(&scene, scene.start.state.rsi);
	for (unsigned i = 0; i < params->e820_entries; i++) {
		const struct boot_e820_entry *entry = &params->e820_table[i];

		assert_int_equal(entry->addr, end);
		end = entry->addr + entry->size;
		ram += entry->type == 1 ? entry->size : 0;
	}
	assert_int_equal(end, 64 * MIB);
	assert_int_equal(ram, 64 * MIB - 0x60000);
	tear_down(&scene);
}

/* Each large page of the first 4 GiB is where it is. */
static void test_linux_finds_page_tables(void **state)
{
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	assert_int_equal(load(&scene), 0);
	for (uint64_t address = 0; address < 4096 * MIB; address += 2 * MIB) {
		const uint64_t *table = at(&scene, scene.start.page_tables);
		const uint64_t first = table[address >> 39 & 511];
		const uint64_t *second = at(&scene, first & ~UINT64_C(0xfff));
		const uint64_t middle = second[address >> 30 & 511];
		const uint64_t *third = at(&scene, middle & ~UINT64_C(0xfff));

		assert_int_equal(first & 3, 3);
		assert_int_equal(middle & 3, 3);
		assert_true(third[address >> 21 & 511] == (address | 0x83));
	}
	tear_down(&scene);
}

static void test_linux_goes_elsewhere_where_memory_is_small(void **state)
{
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 16 * MIB + 4096);
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.state.rip, 2 * MIB + 0x200);
	tear_down(&scene);
	bz.header.relocatable_kernel = 0;
	set_up(&scene, &bz, sizeof bz, 16 * MIB + 4096);
	assert_int_equal(load(&scene), -ENOEXEC);
	assert_string_equal(scene.message.text,
			    "too large for memory of 16 MiB: needs 1048576 bytes from address 0x1000000 on");
	tear_down(&scene);
	bz.header.relocatable_kernel = 1;
	bz.header.init_size = UINT32_MAX;
	set_up(&scene, &bz, sizeof bz, 16 * MIB);
	assert_int_equal(load(&scene), -ENOEXEC);
	tear_down(&scene);
	bz.header.pref_address = UINT64_MAX - 4095; /* nonsense that is no reason not to run it */
	bz.header.init_size = 0x100000;
	set_up(&scene, &bz, sizeof bz, 16 * MIB);
	assert_int_equal(load(&scene), 0);
	tear_down(&scene);
}

static void test_what_is_behind_the_kernel_is_not_loaded(void **state)
{
	struct {
		struct bz bz;
		uint8_t signature[512];
	} file;
	struct scene scene;

	(void)state;
	bz_fill(&file.bz);
	memset(file.signature, 0xee, sizeof file.signature);
	set_up(&scene, &file, sizeof file, 64 * MIB);
	assert_int_equal(load(&scene), 0);
	assert_int_equal(*(const uint8_t *)at(&scene, 16 * MIB + BZ_KERNEL - 1), 0xff);
	assert_int_equal(*(const uint8_t *)at(&scene, 16 * MIB + BZ_KERNEL), 0);
	tear_down(&scene);
}

static void test_an_initrd_that_does_not_fit_is_refused(void **state)
{
	uint8_t *initrd = calloc(1, 48 * MIB);
	struct scene scene;
	struct bz bz;

	(void)state;
	assert_non_null(initrd);
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.initrd = initrd;
	scene.config.initrd_size = 47 * MIB + 1;
	assert_int_equal(load(&scene), -ENOEXEC);
	assert_string_equal(scene.message.text,
			    "the initrd of 49283073 bytes does not fit into memory of 64 MiB, "
			    "of which the kernel leaves 49283072 bytes");
	scene.config.initrd_size = 47 * MIB;
	assert_int_equal(load(&scene), 0);
	tear_down(&scene);
	bz.header.initrd_addr_max = 0xffffff; /* it would have to lie below the kernel */
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.initrd = initrd;
	scene.config.initrd_size = 1;
	assert_int_equal(load(&scene), -ENOEXEC);
	tear_down(&scene);
	bz.header.initrd_addr_max = 0x1ffffff;
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.initrd = initrd;
	scene.config.initrd_size = 1;
	assert_int_equal(load(&scene), 0);
	assert_int_equal(((const struct boot_params *)at(&scene, scene.start.state.rsi))->hdr.ramdisk_image,
			 0x1fff000);
	tear_down(&scene);
	free(initrd);
}

static void test_a_command_line_as_long_as_the_kernel_says(void **state)
{
	char command[300];
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	memset(command, 'x', sizeof command);
	command[255] = '\0';
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.command = command;
	assert_int_equal(load(&scene), 0);
	assert_string_equal(at(&scene, PC_COMMAND), command);
	command[255] = 'x';
	command[256] = '\0';
	assert_int_equal(load(&scene), -E2BIG);
	assert_string_equal(scene.message.text, "the command line has 256 bytes, more than 255");
	tear_down(&scene);
}

/* A kernel may take what we have no room for. */
static void test_a_command_line_beyond_our_own_room(void **state)
{
	char *command = malloc(0x10001);
	struct scene scene;
	struct bz bz;

	(void)state;
	assert_non_null(command);
	bz_fill(&bz);
	bz.header.cmdline_size = UINT32_MAX;
	memset(command, 'x', 0x10000);
	command[0x10000] = '\0';
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.command = command;
	assert_int_equal(load(&scene), -E2BIG);
	command[0xffff] = '\0';
	assert_int_equal(load(&scene), 0);
	tear_down(&scene);
	free(command);
}

/* ---- PVH ---- */

struct pvh_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, command, acpi, memory_map;
	uint32_t regions, reserved;
};

static void test_pvh_finds_what_it_needs(void **state)
{
	static const uint8_t initrd[100] = { 7 };
	const struct pvh_info *info;
	const uint64_t *module;
	struct scene scene;
	struct pvh pvh;

	(void)state;
	pvh_fill(&pvh);
	set_up(&scene, &pvh, sizeof pvh, 16 * MIB);
	assert_int_equal(scene.kernel.kind, KERNEL_PVH);
	scene.config.initrd = initrd;
	scene.config.initrd_size = sizeof initrd;
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.start, ENGINE_START_PVH);
	assert_int_equal(scene.start.state.rip, PVH_AT + 16);
	assert_memory_equal(at(&scene, PVH_AT), pvh.code, sizeof pvh.code);
	assert_memory_equal(at(&scene, PVH_AT + 0x1000), pvh.data, sizeof pvh.data);

	info = at(&scene, scene.start.state.rbx);
	assert_int_equal(info->magic, 0x336ec578);
	assert_int_equal(info->version, 1);
	assert_string_equal(at(&scene, info->command), "one two");
	assert_memory_equal(at(&scene, info->acpi), "RSD PTR ", 8);
	assert_int_equal(info->regions, PC_REGIONS);
	assert_int_equal(info->modules, 1);
	module = at(&scene, info->module_list);
	assert_int_equal(module[1], sizeof initrd);
	assert_memory_equal(at(&scene, module[0]), initrd, sizeof initrd);
	tear_down(&scene);
}

static void test_a_pvh_entry_of_32_bits(void **state)
{
	struct scene scene;
	struct pvh pvh;

	(void)state;
	pvh_fill(&pvh);
	pvh.note.header.n_descsz = 4;
	pvh.note.entry |= UINT64_C(0xffffffff) << 32;
	set_up(&scene, &pvh, sizeof pvh, 16 * MIB);
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.state.rip, PVH_AT + 16);
	tear_down(&scene);
}

static void test_pvh_that_does_not_fit(void **state)
{
	struct scene scene;
	struct pvh pvh;

	(void)state;
	pvh_fill(&pvh);
	pvh.programs[1].p_memsz = 64 * MIB;
	set_up(&scene, &pvh, sizeof pvh, 16 * MIB);
	assert_int_equal(load(&scene), -ENOEXEC);
	assert_string_equal(scene.message.text, "too large for memory of 16 MiB: needs 67 MiB");
	tear_down(&scene);
}

/* ---- ACPI ---- */

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t result = 0;

	while (size)
		result = (uint8_t)(result + bytes[--size]);
	return result;
}

static const uint8_t *table_at(const struct scene *scene, const uint8_t *pointer, const char *signature)
{
	const uint8_t *table;
	uint64_t address;
	uint32_t length;

	memcpy(&address, pointer, sizeof address);
	assert_in_range(address, PC_ACPI, PC_ACPI_END - 1);
	table = at(scene, address);
	memcpy(&length, table + 4, sizeof length);
	assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(table, length), 0);
	return table;
}

static void test_acpi_tables(void **state)
{
	const uint8_t *rsdp, *xsdt, *fadt, *madt, *dsdt;
	uint32_t length;
	unsigned processors = 0;
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.vcpus = ENGINE_MAX_VCPUS;
	assert_int_equal(load(&scene), 0);
	rsdp = at(&scene, PC_ACPI);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	xsdt = table_at(&scene, rsdp + 24, "XSDT");
	fadt = table_at(&scene, xsdt + 36, "FACP");
	madt = table_at(&scene, xsdt + 44, "APIC");
	dsdt = table_at(&scene, fadt + 140, "DSDT");
	assert_memory_equal(dsdt + 36, "\x08_S5_", 5);
	assert_int_equal(fadt[64] | fadt[65] << 8, 0x604);
	assert_int_equal(fadt[120] | fadt[121] << 8, 0xcf9);
	memcpy(&length, madt + 4, sizeof length);
	for (size_t i = 44; i < length; i += madt[i + 1]) {
		assert_true(madt[i + 1] >= 6 && i + madt[i + 1] <= length);
		if (madt[i] == 0)
			assert_int_equal(madt[i + 3], processors++);
	}
	assert_int_equal(processors, ENGINE_MAX_VCPUS);
	tear_down(&scene);
}

/* ---- what an engine lacks ---- */

static void test_bare_on_both_kinds_of_engine(void **state)
{
	struct scene scene;
	struct tiny tiny;

	(void)state;
	tiny_fill(&tiny);
	tiny.programs[3].p_type = PT_NULL;
	set_up(&scene, &tiny, sizeof tiny, 8 * MIB);
	assert_int_equal(scene.kernel.kind, KERNEL_BARE);
	assert_int_equal(load(&scene), -EINVAL);
	assert_string_equal(scene.message.text, "this kernel takes no initrd and no command line");
	scene.config.command = "";
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.start, ENGINE_START_LINUX64);
	assert_int_equal(scene.start.state.rip, BOOT_IMAGE + tiny.header.e_entry);
	assert_int_equal(scene.start.page_tables, PC_PAGE_TABLES);
	scene.config.is_hardware = false;
	assert_int_equal(load(&scene), 0);
	assert_int_equal(scene.start.start, ENGINE_START_PARAVIRTUAL);
	assert_true(scene.start.state.rip == ENGINE_PHYSMAP + BOOT_IMAGE + tiny.header.e_entry);
	scene.config.vcpus = 2;
	assert_int_equal(load(&scene), -ENOTSUP);
	tear_down(&scene);
}

static void test_others_need_hardware(void **state)
{
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 64 * MIB);
	scene.config.is_hardware = false;
	assert_int_equal(load(&scene), -ENOTSUP);
	assert_string_equal(scene.message.text,
			    "a linux kernel needs hardware virtualization, which this engine does not use; "
			    "'postern doctor' tells what works here");
	tear_down(&scene);
}

static void test_how_much_memory_there_can_be(void **state)
{
	struct scene scene;
	struct bz bz;

	(void)state;
	bz_fill(&bz);
	set_up(&scene, &bz, sizeof bz, 4 * MIB - 4096);
	assert_int_equal(load(&scene), -EINVAL);
	tear_down(&scene);
	set_up(&scene, &bz, sizeof bz, 3072 * MIB);
	assert_int_equal(load(&scene), 0);
	tear_down(&scene);
	set_up(&scene, &bz, sizeof bz, 3072 * MIB + 4096);
	assert_int_equal(load(&scene), -EINVAL);
	tear_down(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_each_spoiled_field_of_a_bzimage),
		cmocka_unit_test(test_refuses_each_spoiled_field_of_a_pvh_file),
		cmocka_unit_test(test_refuses_what_is_cut_short),
		cmocka_unit_test(test_refuses_what_is_built_for_postern),
		cmocka_unit_test(test_linux_finds_what_it_needs),
		cmocka_unit_test(test_linux_is_told_of_all_ram),
		cmocka_unit_test(test_linux_finds_page_tables),
		cmocka_unit_test(test_linux_goes_elsewhere_where_memory_is_small),
		cmocka_unit_test(test_what_is_behind_the_kernel_is_not_loaded),
		cmocka_unit_test(test_an_initrd_that_does_not_fit_is_refused),
		cmocka_unit_test(test_a_command_line_as_long_as_the_kernel_says),
		cmocka_unit_test(test_a_command_line_beyond_our_own_room),
		cmocka_unit_test(test_pvh_finds_what_it_needs),
		cmocka_unit_test(test_a_pvh_entry_of_32_bits),
		cmocka_unit_test(test_pvh_that_does_not_fit),
		cmocka_unit_test(test_acpi_tables),
		cmocka_unit_test(test_bare_on_both_kinds_of_engine),
		cmocka_unit_test(test_others_need_hardware),
		cmocka_unit_test(test_how_much_memory_there_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
