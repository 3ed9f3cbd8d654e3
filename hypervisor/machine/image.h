/* SPDX-License-Identifier: ISC */
/*
 * image.h - guest images: ELF64 files for x86-64, linked as static PIE, with the note of
 * include/postern/note.h. An image may come from anywhere, so nothing in it is believed: every field is
 * checked before it is used, and a file that is refused is told why.
 *
 * Functions that can refuse answer -ENOEXEC and a message for the line `postern: FILE: cannot load: MESSAGE`.
 */
#ifndef POSTERN_MACHINE_IMAGE_H
#define POSTERN_MACHINE_IMAGE_H

#include "machine/message.h"
#include "machine/symbols.h"
#include "memory/memory.h"
#include "postern/note.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMAGE_MAX_HEADERS = 64,                      /* program headers */
	IMAGE_MAX_SEGMENTS = 16,                     /* of those, segments to load */
	IMAGE_MAX_NEEDS = 2 * POSTERN_NOTE_MAX_NEEDS /* in all notes together */
};

#define IMAGE_MAX_FILE (UINT64_C(1) << 30)
#define IMAGE_MAX_ALIGNMENT (UINT64_C(2) << 20)

/* A part of the file that goes to memory. */
struct image_segment {
	uint64_t address; /* as linked */
	uint64_t memory_size;
	uint64_t offset; /* in the file */
	uint64_t file_size;
};

/* Addresses are as linked; in memory, `base` is where the image is put. */
struct image {
	uint8_t *file;
	size_t file_size;
	bool file_stays; /* it is somebody else's */
	uint64_t base;
	uint64_t memory_size; /* bytes from base on, a multiple of the page size */
	uint64_t entry;
	unsigned segment_count;
	struct image_segment segments[IMAGE_MAX_SEGMENTS];
	unsigned need_count;
	struct postern_note_need needs[IMAGE_MAX_NEEDS];
	struct symbols symbols;
};

/* What a VM has of one section of the contract. Bit n of the call masks is the call with the low byte n. */
struct image_offer {
	uint64_t known;     /* at the VM's level */
	uint64_t handled;   /* there is a service for it */
	uint64_t permitted; /* the VM may make it */
	uint64_t features;
};

/*
 * Reads a file to its end. The bytes are the caller's, to free. Errors: -EFBIG beyond IMAGE_MAX_FILE, -ENOMEM,
 * or what read(2) says, each with a message.
 */
int image_read(int fd, uint8_t **bytes, size_t *size, struct message *message);

/*
 * Checks an image. The bytes, from malloc(), become the image's on success; on failure they stay the caller's.
 * Errors: -ENOEXEC, with a message.
 */
int image_open(struct image *image, uint8_t *bytes, size_t size, struct message *message);

/*
 * The same for an image that knows nothing of Postern: static PIE, and without our note. Errors: as image_open().
 */
int image_open_bare(struct image *image, uint8_t *bytes, size_t size, struct message *message);

/*
 * Judges what the notes of the image need by what a VM offers: offer() is asked for each section that the
 * image names. Errors: -ENOEXEC, with a message that names the first thing that is lacking.
 */
int image_check_needs(const struct image *image,
		      void (*offer)(void *context, unsigned section, struct image_offer *offered),
		      void *context, struct message *message);

/*
 * Copies the image to guest memory, from guest-physical address `at` on, a multiple of IMAGE_MAX_ALIGNMENT.
 * Memory there is zero before. Errors: -ENOEXEC if memory ends before the image does, with a message.
 */
int image_load(const struct image *image, const struct guest_memory *memory, gpa_t at,
	       struct message *message);

void image_close(struct image *image);

/*
 * For those who read ELF files: notes, one after another. image_take_note() returns false when what is left is cut
 * short; what a note points to are bytes of the file.
 */
struct image_notes {
	const uint8_t *bytes;
	uint64_t size;      /* what is left of them */
	uint64_t alignment; /* of owner and description: 4, or 8 in segments that are aligned so */
};

struct image_note {
	uint32_t type;
	uint32_t owner_size; /* with its NUL */
	uint32_t size;       /* of the description */
	const uint8_t *owner;
	const uint8_t *description;
};

bool image_take_note(struct image_notes *notes, struct image_note *note);
bool image_note_is(const struct image_note *note, const char *owner, uint32_t type);

/* For image.c: takes the needs of Postern's notes in `size` bytes of the file; sets *found if there are any. */
int image_read_notes(struct image *image, unsigned segment, uint64_t offset, uint64_t size,
		     uint64_t alignment, bool *found, struct message *message);

#endif
