/* SPDX-License-Identifier: ISC */
/*
 * boot.h - how a guest finds its memory when it starts: where boot information, vCPU pages and image lie,
 * and with which registers vCPU 0 begins. What the guest may rely on is in the contract, struct boot_info.
 *
 * Guest-physical memory, from 0:
 *   page 0         a hole
 *   0x1000         boot information, and behind it the command line
 *   0x2000         a page for each vCPU
 *   0x200000       the image
 *   behind it      the module, if there is one; then free
 * The room between the vCPUs' pages and the image is not promised to the guest; an engine may need it.
 */
#ifndef POSTERN_MACHINE_BOOT_H
#define POSTERN_MACHINE_BOOT_H

#include "engine/engine.h"
#include "machine/image.h"
#include "machine/message.h"
#include "memory/memory.h"

#define BOOT_INFO UINT64_C(0x1000)
#define BOOT_VCPU_PAGES UINT64_C(0x2000)
#define BOOT_IMAGE UINT64_C(0x200000)

enum { BOOT_MAX_COMMAND = 2048 }; /* bytes of the command line, without its NUL */

struct boot_config {
	struct guest_memory *memory; /* new: zero, and owned throughout */
	const struct image *image;
	const char *command; /* the command line */
	const char *engine;  /* its name */
	const void *module;  /* for the guest, beside its image; module_size 0: none */
	size_t module_size;
	uint64_t mapper;     /* of the engine */
	uint64_t page_table; /* of the engine */
	unsigned vcpus;      /* 1 to ENGINE_MAX_VCPUS */
	unsigned minor;      /* of the ABI's level */
};

/*
 * Puts everything into memory. vcpu_pages gets the guest-physical address of each vCPU's page. Errors: -ENOEXEC
 * if the image does not fit, -E2BIG if the command line does not, each with a message.
 */
int boot_lay_out(const struct boot_config *config, uint64_t vcpu_pages[ENGINE_MAX_VCPUS],
		 struct message *message);

/* That part of it which every guest needs on an engine that has such pages. */
void boot_lay_out_vcpus(struct guest_memory *memory, unsigned vcpus, uint64_t vcpu_pages[ENGINE_MAX_VCPUS]);

/* Sets the registers with which vCPU 0 begins. */
void boot_state(const struct image *image, struct engine_state *state);

/* Sets the registers with which another begins, as vcpu.start says; addresses are guest-virtual. */
void boot_vcpu_state(unsigned vcpu, uint64_t entry, uint64_t stack, uint64_t argument,
		     struct engine_state *state);

/* Turns an address as linked into one as the guest sees it, and back. */
uint64_t boot_address(const struct image *image, uint64_t linked);
uint64_t boot_linked(const struct image *image, uint64_t address);

#endif
