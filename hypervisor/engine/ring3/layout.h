/* SPDX-License-Identifier: ISC */
/*
 * layout.h - what the monitor and the code inside a guest process share: addresses, the mailbox, and each
 * vCPU's area. Included by C and by assembly.
 *
 * All of it is within the guest's reach, and hostile: the monitor reads each word once and believes none.
 */
#ifndef POSTERN_RING3_LAYOUT_H
#define POSTERN_RING3_LAYOUT_H

#define RING3_PHYSMAP 0x200000000000
#define RING3_CODE (RING3_PHYSMAP - 0x100000) /* the hypercall page, and the rest of the engine's code */
#define RING3_CODE_SIZE 0x4000
#define RING3_CODE_AT 0x1000 /* offset of what is copied there; before it is the hypercall page */
#define RING3_CODE_FILL 0xcc /* INT3, where there is no code */
#define RING3_MAPPER_AT 0x40 /* in the hypercall page: where boot information says that the mapper is */
#define RING3_AREAS (RING3_PHYSMAP - 0x10000000) /* one area a vCPU */
#define RING3_AREA_SHIFT 17
#define RING3_AREA_SIZE (1 << RING3_AREA_SHIFT)
#define RING3_STACK_END 0x8000   /* offsets in an area: the engine's own stack grows down from here */
#define RING3_TOP 0x7ffffffff000 /* end of what a process can map */

/* The only descriptor that a guest process has. */
#define RING3_RAM_FD 3

/*
 * What a guest may map: addresses and lengths whose upper halves are below these, so that every range ends before
 * RING3_AREAS.
 */
#define RING3_USER_END_HIGH 0x1000
#define RING3_USER_LENGTH_HIGH 0xfff
#define RING3_USER_TIMES 2 /* and how much at once: so many times its RAM */

/* Bits of ring3_mailbox.turn. */
#define RING3_TURN_HOST 1   /* the request is the monitor's */
#define RING3_GUEST_WAITS 2 /* the vCPU sleeps until the turn is its own */
#define RING3_HOST_WAITS 4  /* the monitor sleeps until the turn is its own */
#define RING3_KICKED 8      /* the monitor's sleep is over for another reason */

/* Offsets that the assembly needs; asserted below. */
#define RING3_MAILBOX_TURN 0
#define RING3_MAILBOX_KIND 4
#define RING3_MAILBOX_NUMBER 8
#define RING3_MAILBOX_ARGS 16
#define RING3_AREA_SPIN 64
#define RING3_AREA_KICKED 68
#define RING3_AREA_EVENT 72
#define RING3_AREA_PROCESSOR 116
#define RING3_VCPU_PAGE_PENDING 0
#define RING3_VCPU_PAGE_MASKED 8
#define RING3_VCPU_PAGE_ENABLED 16
#define RING3_VCPU_PAGE_NUMBER 128

#ifndef __ASSEMBLER__

#include "engine/engine.h"

#include <postern/abi.h>
#include <stddef.h>
#include <stdint.h>

/* Requests to the monitor. */
enum ring3_kind {
	RING3_HYPERCALL,
	RING3_READY,        /* the vCPU's thread waits for its first state */
	RING3_EXCEPTION,    /* state is saved; number: vector, args: error code, address */
	RING3_DOUBLE_FAULT, /* the same, but the guest was not done with the one before */
	RING3_INTERRUPTED,  /* state is saved; the monitor wanted it */
};

/* The monitor's answers where the state is saved, in number. */
enum ring3_answer {
	RING3_RESUME,  /* load the state */
	RING3_DELIVER, /* continue at the guest's entry for exceptions */
	RING3_START,   /* load the state, and begin with all other registers as they are at a start */
};

/* One cache line, handed back and forth. */
struct ring3_mailbox {
	uint32_t turn; /* exchanged by both; the rest belongs to whose turn it is */
	uint32_t kind;
	uint64_t number; /* of a hypercall, and then its result */
	uint64_t args[6];
};

/* A vCPU's area, at RING3_AREAS + number * RING3_AREA_SIZE. The rest of it are the engine's stacks. */
struct ring3_area {
	struct ring3_mailbox mailbox;
	uint32_t spin;   /* the monitor writes it: how often the vCPU looks before it sleeps */
	uint32_t kicked; /* nonzero: when this hypercall is over, the vCPU is INTERRUPTED; both write it */
	struct engine_callbacks callbacks; /* the monitor writes them */
	uint64_t vcpu_page;                /* guest-virtual; the monitor writes it, once */
	uint32_t thread;                   /* id of the vCPU's thread, which writes it once */
	uint32_t
		processor; /* 1 more than the one that the vCPU was on when it last woke the monitor; 0: not known */
	struct engine_state state; /* saved before all requests but the first two, loaded after */
};

_Static_assert(sizeof(struct ring3_mailbox) == 64, "the mailbox is a cache line");
_Static_assert(offsetof(struct ring3_mailbox, number) == RING3_MAILBOX_NUMBER, "see the assembly");
_Static_assert(offsetof(struct ring3_mailbox, args) == RING3_MAILBOX_ARGS, "see the assembly");
_Static_assert(offsetof(struct ring3_area, spin) == RING3_AREA_SPIN, "see the assembly");
_Static_assert(offsetof(struct ring3_area, kicked) == RING3_AREA_KICKED, "see the assembly");
_Static_assert(offsetof(struct ring3_area, processor) == RING3_AREA_PROCESSOR, "see the assembly");
_Static_assert(offsetof(struct ring3_area, callbacks.event) == RING3_AREA_EVENT, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, pending) == RING3_VCPU_PAGE_PENDING, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, masked) == RING3_VCPU_PAGE_MASKED, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, enabled) == RING3_VCPU_PAGE_ENABLED, "see the assembly");
_Static_assert(offsetof(struct postern_vcpu_page, number) == RING3_VCPU_PAGE_NUMBER, "see the assembly");

/* What the code in the guest process needs to know when it starts, at the start of area 0's second page. */
struct ring3_boot {
	uint32_t vcpus;
	uint32_t ram_fd;
	uint64_t ram_size;
	uint32_t has_fsgsbase; /* the processor lets programs set the FS and GS bases */
	uint32_t trap_tsc;     /* reading the time-stamp counter is to be an exception */
	uint32_t has_xsave;    /* the processor and the kernel have XRSTOR */
	uint32_t padding;
	uint64_t filter_length; /* instructions */
	uint64_t filter[256];   /* struct sock_filter */
};

#define RING3_BOOT_AT 0x1000

/* The signals by which the monitor makes a vCPU look at its events, and give itself up to the monitor. */
#define RING3_RAISE_SIGNAL 10 /* SIGUSR1 */
#define RING3_KICK_SIGNAL 12  /* SIGUSR2 */

/* Exit statuses of a guest process that could not be set up. */
enum { RING3_NO_MEMORY = 101, RING3_NO_FILTER, RING3_NO_THREAD, RING3_ORPHAN };

/* The code, as linked into the monitor: position-independent, copied to RING3_CODE. */
extern const char __start_ring3_code[], __stop_ring3_code[]; /* NOLINT: the linker's names for the section */
#define ring3_code_start __start_ring3_code
#define ring3_code_end __stop_ring3_code

#endif
#endif
