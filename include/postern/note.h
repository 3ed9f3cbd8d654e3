/* SPDX-License-Identifier: ISC */
/*
 * note.h - the ELF note by which a guest image says what it needs. Read by the loader before anything of
 * the guest runs: an image that requires what this host lacks is refused, and the message names it.
 *
 * The note has the owner "Postern", the type POSTERN_NOTE_TYPE, and as its description a struct
 * postern_note and then `needs` structs postern_note_need. All of it is little-endian.
 */
#ifndef POSTERN_NOTE_H
#define POSTERN_NOTE_H

#include <stdint.h>

#define POSTERN_NOTE_OWNER "Postern"
#define POSTERN_NOTE_TYPE 1
#define POSTERN_NOTE_MAX_NEEDS 256

struct postern_note {
	uint16_t major; /* version of the ABI that the image was built for */
	uint16_t minor;
	uint32_t needs; /* how many follow */
};

/* What the image needs of one section of the contract. */
struct postern_note_need {
	uint16_t section;
	uint16_t required; /* 1: refuse the image without it. 0: wanted; the image finds out by abi.query */
	uint32_t reserved; /* 0 */
	uint64_t calls;    /* bit n: the call with the low byte n */
	uint64_t features; /* as in abi_info.features */
};

#ifdef __cplusplus
static_assert(sizeof(struct postern_note) == 8 && sizeof(struct postern_note_need) == 24, "no padding");
#else
_Static_assert(sizeof(struct postern_note) == 8 && sizeof(struct postern_note_need) == 24, "no padding");
#endif

#endif
