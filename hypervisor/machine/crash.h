/* SPDX-License-Identifier: ISC */
/*
 * crash.h - what is known of a guest's crash: cause, registers, instruction, and the functions that led there.
 * All of it comes from the guest, and none of it is believed: it is copied, bounded, and shown.
 */
#ifndef POSTERN_MACHINE_CRASH_H
#define POSTERN_MACHINE_CRASH_H

#include "engine/engine.h"
#include "machine/image.h"
#include "memory/memory.h"
#include "postern/abi.h"

#include <stdbool.h>
#include <stdint.h>

enum { CRASH_MAX_FRAMES = 32, CRASH_MAX_MESSAGE = 1024 };

/* One function under way. */
struct crash_frame {
	uint64_t address; /* guest-virtual: the instruction, or where a call returns to */
	const char *name; /* of the function, as long as the image lives; NULL: not known */
	uint64_t offset;  /* of the address in it */
};

struct crash {
	unsigned vcpu;
	char cause[160];                     /* one line, no line end */
	bool has_state;                      /* all registers are known */
	struct engine_state state;           /* of a guest's own report, only rip, rsp and rbp */
	char instruction[96];                /* at rip, as an assembler writes it; empty: not known */
	bool is_reported;                    /* by the guest itself, with vm.crash */
	char message[CRASH_MAX_MESSAGE + 1]; /* of the guest, as it wrote it */
	unsigned frame_count;
	struct crash_frame frames[CRASH_MAX_FRAMES]; /* innermost first */
};

/* Where to look things up. */
struct crash_scene {
	const struct guest_memory *memory;
	const struct image *image;
};

/* An exit that ends the VM, with the registers at that moment (NULL: not known). */
void crash_from_exit(struct crash *crash, const struct crash_scene *scene, unsigned vcpu,
		     const struct engine_exit *exit, const struct engine_state *state);

/* The guest's own report. message has at most CRASH_MAX_MESSAGE bytes. */
void crash_from_guest(struct crash *crash, const struct crash_scene *scene, unsigned vcpu,
		      const struct postern_vm_crash *report, const char *message);

#endif
