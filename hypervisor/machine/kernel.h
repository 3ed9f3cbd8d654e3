/* SPDX-License-Identifier: ISC */
/*
 * kernel.h - kernels that know nothing of Postern, and the protocols by which they are started:
 *
 *   linux   a bzImage, by Linux's 64-bit boot protocol; with an initrd
 *   pvh     an ELF file with the note of Xen's PVH: entered in 32-bit mode; with an initrd
 *   bare    an ELF file linked as static PIE, without either: entered in 64-bit mode at its entry point, with
 *           interrupts off and nothing in any register. It has to bring its own stack.
 *
 * A kernel may come from anywhere, as an image may, and nothing in it is believed. Functions that can refuse answer
 * -ENOEXEC or another negative errno, and a message for the line `postern: FILE: cannot load: MESSAGE`.
 */
#ifndef POSTERN_MACHINE_KERNEL_H
#define POSTERN_MACHINE_KERNEL_H

#include "engine/engine.h"
#include "machine/image.h"
#include "machine/message.h"
#include "memory/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_kind { KERNEL_NONE, KERNEL_LINUX, KERNEL_PVH, KERNEL_BARE, KERNEL_KINDS };

/* What a bzImage says of itself. */
struct kernel_linux {
	uint64_t setup_size;  /* bytes before the part that is loaded */
	uint64_t loaded_size; /* bytes of the latter */
	uint64_t needs;       /* bytes of memory from where it is loaded on */
	uint64_t preferred;   /* where it is best loaded */
	uint64_t alignment;   /* of other places; 0: there are none */
	uint64_t initrd_end;  /* an initrd has to lie below */
	uint32_t max_command; /* bytes of the command line, without its NUL */
};

struct kernel {
	enum kernel_kind kind;
	struct kernel_linux linux_kernel;
	uint64_t pvh_entry; /* guest-physical */
};

/* What a kernel gets. */
struct kernel_config {
	struct guest_memory *memory; /* new: zero, and owned throughout */
	const char *command;
	const void *initrd; /* initrd_size 0: none */
	size_t initrd_size;
	unsigned vcpus;
	bool is_hardware; /* the engine runs what the processor runs; otherwise only `bare` is possible, with one vCPU */
};

/* How the engine is to start it. */
struct kernel_start {
	enum engine_start start;
	uint64_t page_tables;
	struct engine_state state;
};

/*
 * Finds out what kind of kernel a file is, and checks it. The bytes, from malloc(), become the image's on success; on
 * failure they stay the caller's. The image has segments and symbols as far as the kind has such.
 */
int kernel_open(struct kernel *kernel, struct image *image, uint8_t *bytes, size_t size,
		struct message *message);

/* Puts the kernel and what it is to find into memory. Errors: also -E2BIG for a command line that is too long. */
int kernel_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
		struct kernel_start *start, struct message *message);

/* The name of the kind, as above. */
const char *kernel_kind_name(enum kernel_kind kind);

/* For kernel.c: each kind's own. pvh_open() sets kind to NONE, and answers 0, where the file has no such note. */
int linux_open(struct kernel *kernel, struct image *image, struct message *message);
int linux_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
	       struct kernel_start *start, struct message *message);
int pvh_open(struct kernel *kernel, struct image *image, struct message *message);
int pvh_load(const struct kernel *kernel, const struct image *image, const struct kernel_config *config,
	     struct kernel_start *start, struct message *message);

#endif
