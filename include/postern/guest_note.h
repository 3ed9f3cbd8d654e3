/* SPDX-License-Identifier: ISC */
/*
 * guest_note.h - says in C what a guest image needs, as the ELF note of note.h. At most once in an image, at
 * file scope; an image without it gets the SDK's own, which needs the sections abi and vm and console.write:
 *
 *	POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE),
 *			   POSTERN_NEED(RING, RING_SETUP, RING_ENTER, RING_CLOSE),
 *			   POSTERN_WANT(CLOCK, CLOCK_READ));
 *
 * The loader refuses the image where a need is not met. What is only wanted is asked for with abi.probe.
 */
#ifndef POSTERN_GUEST_NOTE_H
#define POSTERN_GUEST_NOTE_H

#include <postern/abi.h>
#include <postern/note.h>

/* clang-format off */
/* The bit of call NAME in postern_note_need.calls; and of up to 12 calls, or'ed. */
#define POSTERN_CALL_BIT(call) (UINT64_C(1) << ((unsigned)POSTERN_CALL_##call & 0xff))
#define POSTERN_CALLS_1(call) POSTERN_CALL_BIT(call)
#define POSTERN_CALLS_2(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_1(__VA_ARGS__))
#define POSTERN_CALLS_3(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_2(__VA_ARGS__))
#define POSTERN_CALLS_4(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_3(__VA_ARGS__))
#define POSTERN_CALLS_5(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_4(__VA_ARGS__))
#define POSTERN_CALLS_6(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_5(__VA_ARGS__))
#define POSTERN_CALLS_7(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_6(__VA_ARGS__))
#define POSTERN_CALLS_8(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_7(__VA_ARGS__))
#define POSTERN_CALLS_9(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_8(__VA_ARGS__))
#define POSTERN_CALLS_10(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_9(__VA_ARGS__))
#define POSTERN_CALLS_11(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_10(__VA_ARGS__))
#define POSTERN_CALLS_12(call, ...) (POSTERN_CALL_BIT(call) | POSTERN_CALLS_11(__VA_ARGS__))
#define POSTERN_CALLS_PICK(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, pick, ...) pick
#define POSTERN_CALLS(...) \
	POSTERN_CALLS_PICK(__VA_ARGS__, POSTERN_CALLS_12, POSTERN_CALLS_11, POSTERN_CALLS_10, \
			   POSTERN_CALLS_9, POSTERN_CALLS_8, POSTERN_CALLS_7, POSTERN_CALLS_6, \
			   POSTERN_CALLS_5, POSTERN_CALLS_4, POSTERN_CALLS_3, POSTERN_CALLS_2, \
			   POSTERN_CALLS_1, )(__VA_ARGS__)
/* clang-format on */

/* What is needed of a section, or only wanted: the section's name and 1 to 12 calls, in capitals. */
#define POSTERN_NEED(name, ...)                                                                       \
	{                                                                                             \
		.section = POSTERN_SECTION_##name, .required = 1, .calls = POSTERN_CALLS(__VA_ARGS__) \
	}
#define POSTERN_WANT(name, ...)                                                                       \
	{                                                                                             \
		.section = POSTERN_SECTION_##name, .required = 0, .calls = POSTERN_CALLS(__VA_ARGS__) \
	}
/* The same with a feature that the section must have: POSTERN_NEED_FEATURE(RING, RING_FEATURES_POLLED). */
#define POSTERN_NEED_FEATURE(name, feature)                                                     \
	{                                                                                       \
		.section = POSTERN_SECTION_##name, .required = 1, .features = POSTERN_##feature \
	}

#define POSTERN_NEED_COUNT(...) \
	(sizeof((struct postern_note_need[]){ __VA_ARGS__ }) / sizeof(struct postern_note_need))

/* An ELF note, with the padding that its format asks for and no other. */
#define POSTERN_GUEST_NOTE(...) POSTERN_GUEST_NOTE_WITH(, __VA_ARGS__)
#define POSTERN_GUEST_NOTE_WITH(attributes, ...)                                                           \
	attributes const struct {                                                                          \
		uint32_t owner_size, size, type;                                                           \
		char owner[sizeof POSTERN_NOTE_OWNER];                                                     \
		struct postern_note note;                                                                  \
		struct postern_note_need needs[POSTERN_NEED_COUNT(__VA_ARGS__)];                           \
	} __attribute__((packed, aligned(4)))                                                              \
	postern_guest_note __attribute__((section(".note.postern"), used, aligned(4))) = {                 \
		.owner_size = sizeof POSTERN_NOTE_OWNER,                                                   \
		.size = sizeof(struct postern_note) + sizeof((struct postern_note_need[]){ __VA_ARGS__ }), \
		.type = POSTERN_NOTE_TYPE,                                                                 \
		.owner = POSTERN_NOTE_OWNER,                                                               \
		.note = { .major = POSTERN_ABI_MAJOR,                                                      \
			  .minor = POSTERN_ABI_MINOR,                                                      \
			  .needs = POSTERN_NEED_COUNT(__VA_ARGS__) },                                      \
		.needs = { __VA_ARGS__ },                                                                  \
	}

_Static_assert(sizeof POSTERN_NOTE_OWNER % 4 == 0, "the owner of a note is padded to 4 bytes");

#endif
