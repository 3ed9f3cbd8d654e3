/* SPDX-License-Identifier: ISC */
/* test_boot.c - what a guest finds in its memory and registers when it starts, as the contract promises it. */
#include "machine/boot.h"
#include "tiny.h"

#include "postern/abi.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

struct scene {
	struct guest_memory memory;
	struct image image;
	uint64_t vcpu_pages[ENGINE_MAX_VCPUS];
	struct message message;
};

static void set_up(struct scene *scene)
{
	struct tiny tiny;

	*scene = (struct scene){ 0 };
	tiny_fill(&tiny);
	assert_int_equal(image_open(&scene->image, tiny_copy(&tiny), sizeof tiny, &scene->message), 0);
	assert_int_equal(memory_create(&scene->memory, 8 * MIB), 0);
}

static void tear_down(struct scene *scene)
{
	memory_destroy(&scene->memory);
	image_close(&scene->image);
}

static int lay_out(struct scene *scene, const char *command, unsigned vcpus, const char *engine)
{
	const struct boot_config config = {
		.memory = &scene->memory,
		.image = &scene->image,
		.command = command,
		.engine = engine,
		.vcpus = vcpus,
		.minor = 0,
	};

	return boot_lay_out(&config, scene->vcpu_pages, &scene->message);
}

static void test_tells_the_guest_where_everything_is(void **state)
{
	const struct postern_boot_info *info;
	struct scene scene;

	(void)state;
	set_up(&scene);
	assert_int_equal(lay_out(&scene, "one two", 3, "ring3"), 0);
	info = (const struct postern_boot_info *)(scene.memory.base + BOOT_INFO);
	assert_int_equal(info->size, sizeof *info);
	assert_int_equal(info->engine, POSTERN_BOOT_ENGINE_RING3);
	assert_int_equal(info->major, POSTERN_ABI_MAJOR);
	assert_int_equal(info->minor, 0);
	assert_int_equal(info->vcpus, 3);
	assert_int_equal(info->physmap, 0x200000000000);
	assert_int_equal(info->memory, 8 * MIB);
	assert_int_equal(info->hypercall, 0x1ffffff00000);
	assert_int_equal(info->vcpu_pages, 0x2000);
	assert_int_equal(info->image, 2 * MIB);
	assert_int_equal(info->image_size, scene.image.memory_size);
	assert_int_equal(info->free, 2 * MIB + scene.image.memory_size);
	assert_int_equal(info->free % 4096, 0);
	assert_int_equal(info->command_length, 7);
	assert_string_equal((const char *)scene.memory.base + info->command, "one two");
	assert_memory_equal(scene.memory.base + info->image, "\177ELF", 4);
	for (uint64_t i = info->free; i < info->memory; i++)
		assert_int_equal(scene.memory.base[i], 0);
	tear_down(&scene);
}

static void test_names_the_engine(void **state)
{
	const struct postern_boot_info *info;
	struct scene scene;

	(void)state;
	set_up(&scene);
	info = (const struct postern_boot_info *)(scene.memory.base + BOOT_INFO);
	assert_int_equal(lay_out(&scene, "", 1, "kvm"), 0);
	assert_int_equal(info->engine, POSTERN_BOOT_ENGINE_KVM);
	assert_int_equal(lay_out(&scene, "", 1, "another"), 0);
	assert_int_equal(info->engine, POSTERN_BOOT_ENGINE_UNKNOWN);
	tear_down(&scene);
}

static void test_gives_each_vcpu_a_page(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene);
	assert_int_equal(lay_out(&scene, "", ENGINE_MAX_VCPUS, "ring3"), 0);
	for (unsigned i = 0; i < ENGINE_MAX_VCPUS; i++) {
		const uint64_t at = 0x2000 + i * UINT64_C(4096);
		struct postern_vcpu_page expected = { .number = i };

		assert_int_equal(scene.vcpu_pages[i], at);
		assert_int_equal(p2m_get(&scene.memory, (gpa_t){ at }), P2M_SHARED);
		assert_memory_equal(scene.memory.base + at, &expected, sizeof expected);
	}
	assert_int_equal(p2m_get(&scene.memory, (gpa_t){ 0x2000 + ENGINE_MAX_VCPUS * 4096 }), P2M_OWNED);
	tear_down(&scene);
}

static void test_page_0_is_a_hole_and_the_rest_is_owned(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene);
	assert_int_equal(lay_out(&scene, "", 1, "ring3"), 0);
	assert_int_equal(p2m_get(&scene.memory, (gpa_t){ 0 }), P2M_HOLE);
	assert_int_equal(p2m_get(&scene.memory, (gpa_t){ 0xfff }), P2M_HOLE);
	assert_int_equal(p2m_get(&scene.memory, (gpa_t){ 0x1000 }), P2M_OWNED);
	for (uint64_t at = 0x3000; at < 8 * MIB; at += 4096)
		assert_int_equal(p2m_get(&scene.memory, (gpa_t){ at }), P2M_OWNED);
	tear_down(&scene);
}

static void test_a_command_line_may_be_2_kib(void **state)
{
	const struct postern_boot_info *info;
	char command[BOOT_MAX_COMMAND + 2];
	struct scene scene;

	(void)state;
	set_up(&scene);
	memset(command, 'x', sizeof command);
	command[BOOT_MAX_COMMAND] = '\0';
	assert_int_equal(lay_out(&scene, command, 1, "ring3"), 0);
	info = (const struct postern_boot_info *)(scene.memory.base + BOOT_INFO);
	assert_int_equal(info->command_length, 2048);
	assert_string_equal((const char *)scene.memory.base + info->command, command);
	command[BOOT_MAX_COMMAND] = 'x';
	command[BOOT_MAX_COMMAND + 1] = '\0';
	assert_int_equal(lay_out(&scene, command, 1, "ring3"), -E2BIG);
	assert_string_equal(scene.message.text, "the command line has 2049 bytes, more than 2048");
	tear_down(&scene);
}

static void test_an_image_that_does_not_fit_is_refused(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene);
	memory_destroy(&scene.memory);
	assert_int_equal(memory_create(&scene.memory, 4096), 0);
	assert_int_equal(lay_out(&scene, "", 1, "ring3"), -ENOEXEC);
	assert_string_equal(scene.message.text, "too large for memory of 0 MiB: needs 3 MiB");
	tear_down(&scene);
}

static void test_vcpu_0_begins_at_the_entry_point(void **state)
{
	struct engine_state expected = {
		.rip = 0x200000200000 + TINY_CODE + 16,
		.rdi = 0x200000001000,
		.rflags = 0x202,
		.gs_base = 0x200000002000,
	};
	struct engine_state is;
	struct scene scene;

	(void)state;
	set_up(&scene);
	boot_state(&scene.image, &is);
	assert_memory_equal(&is, &expected, sizeof is);
	assert_int_equal(boot_linked(&scene.image, boot_address(&scene.image, 0x1234)), 0x1234);
	tear_down(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tells_the_guest_where_everything_is),
		cmocka_unit_test(test_names_the_engine),
		cmocka_unit_test(test_gives_each_vcpu_a_page),
		cmocka_unit_test(test_page_0_is_a_hole_and_the_rest_is_owned),
		cmocka_unit_test(test_a_command_line_may_be_2_kib),
		cmocka_unit_test(test_an_image_that_does_not_fit_is_refused),
		cmocka_unit_test(test_vcpu_0_begins_at_the_entry_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
