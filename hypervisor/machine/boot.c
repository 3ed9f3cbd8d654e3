/* SPDX-License-Identifier: ISC */
/* boot.c - lays out a guest's memory before it starts. */
#include "machine/boot.h"

#include "postern/abi.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { FLAGS_AT_START = 0x202 }; /* RFLAGS: interrupts of the processor on, and the bit that is always 1 */

_Static_assert(sizeof(struct postern_boot_info) + BOOT_MAX_COMMAND + 1 <= MEMORY_PAGE_SIZE,
	       "boot information and command line share a page");
_Static_assert(BOOT_INFO + MEMORY_PAGE_SIZE == BOOT_VCPU_PAGES,
	       "that page is all there is before the vCPUs'");
_Static_assert(BOOT_VCPU_PAGES + ENGINE_MAX_VCPUS * MEMORY_PAGE_SIZE <= BOOT_IMAGE,
	       "and theirs before the image");
_Static_assert(BOOT_IMAGE % IMAGE_MAX_ALIGNMENT == 0, "an image keeps the alignment that it was linked for");

static enum postern_boot_engine engine_number(const char *name)
{
	static const struct {
		const char *name;
		enum postern_boot_engine number;
	} engines[] = {
		{ "ring3", POSTERN_BOOT_ENGINE_RING3 },
		{ "kvm", POSTERN_BOOT_ENGINE_KVM },
	};

	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		if (!strcmp(engines[i].name, name))
			return engines[i].number;
	}
	return POSTERN_BOOT_ENGINE_UNKNOWN;
}

/* The pages are there: memory holds the image, which lies behind them. */
void boot_lay_out_vcpus(struct guest_memory *memory, unsigned vcpus, uint64_t vcpu_pages[ENGINE_MAX_VCPUS])
{
	p2m_set(memory, BOOT_VCPU_PAGES / MEMORY_PAGE_SIZE, vcpus, P2M_SHARED);
	for (uint32_t i = 0; i < vcpus; i++) {
		vcpu_pages[i] = BOOT_VCPU_PAGES + i * MEMORY_PAGE_SIZE;
		memory_store_u32(memory->base + vcpu_pages[i] + offsetof(struct postern_vcpu_page, number),
				 i);
	}
}

/* Behind the image, whose size is one of whole pages. */
static uint64_t module_at(const struct image *image)
{
	return BOOT_IMAGE + image->memory_size;
}

static uint64_t free_at(const struct boot_config *config)
{
	uint64_t end = module_at(config->image) + config->module_size;

	return (end + MEMORY_PAGE_SIZE - 1) & ~(uint64_t)(MEMORY_PAGE_SIZE - 1);
}

static int load_module(const struct boot_config *config, struct message *message)
{
	const uint64_t at = module_at(config->image);

	if (config->module_size > config->memory->size - at)
		return message_say(message, -ENOEXEC,
				   "memory ends at %llu MiB, before the module of %zu bytes does",
				   (unsigned long long)(config->memory->size >> 20), config->module_size);
	if (config->module_size)
		memcpy(config->memory->base + at, config->module, config->module_size);
	return 0;
}

static void write_info(const struct boot_config *config)
{
	const struct image *image = config->image;
	const struct postern_boot_info info = {
		.size = sizeof info,
		.engine = engine_number(config->engine),
		.major = POSTERN_ABI_MAJOR,
		.minor = (uint16_t)config->minor,
		.vcpus = config->vcpus,
		.physmap = ENGINE_PHYSMAP,
		.memory = config->memory->size,
		.hypercall = ENGINE_HYPERCALL_PAGE,
		.vcpu_pages = BOOT_VCPU_PAGES,
		.image = BOOT_IMAGE,
		.image_size = image->memory_size,
		.free = free_at(config),
		.command = BOOT_INFO + sizeof info,
		.command_length = strlen(config->command),
		.module = config->module_size ? module_at(image) : 0,
		.module_size = config->module_size,
		.mapper = config->mapper,
		.page_table = config->page_table,
	};
	uint8_t *to = config->memory->base + BOOT_INFO;

	memcpy(to, &info, sizeof info);
	memcpy(to + sizeof info, config->command, info.command_length + 1);
}

int boot_lay_out(const struct boot_config *config, uint64_t vcpu_pages[ENGINE_MAX_VCPUS],
		 struct message *message)
{
	size_t length = strlen(config->command);
	int error;

	if (length > BOOT_MAX_COMMAND)
		return message_say(message, -E2BIG, "the command line has %zu bytes, more than %d", length,
				   BOOT_MAX_COMMAND);
	error = image_load(config->image, config->memory, (gpa_t){ BOOT_IMAGE }, message);
	if (!error)
		error = load_module(config, message);
	if (error)
		return error;
	p2m_set(config->memory, 0, 1, P2M_HOLE);
	write_info(config);
	boot_lay_out_vcpus(config->memory, config->vcpus, vcpu_pages);
	return 0;
}

void boot_vcpu_state(unsigned vcpu, uint64_t entry, uint64_t stack, uint64_t argument,
		     struct engine_state *state)
{
	*state = (struct engine_state){
		.rip = entry,
		.rsp = stack,
		.rdi = argument,
		.rflags = FLAGS_AT_START,
		.gs_base = ENGINE_PHYSMAP + BOOT_VCPU_PAGES + vcpu * MEMORY_PAGE_SIZE,
	};
}

void boot_state(const struct image *image, struct engine_state *state)
{
	boot_vcpu_state(0, boot_address(image, image->entry), 0, ENGINE_PHYSMAP + BOOT_INFO, state);
}

uint64_t boot_address(const struct image *image, uint64_t linked)
{
	return ENGINE_PHYSMAP + BOOT_IMAGE + (linked - image->base);
}

uint64_t boot_linked(const struct image *image, uint64_t address)
{
	return address - ENGINE_PHYSMAP - BOOT_IMAGE + image->base;
}
