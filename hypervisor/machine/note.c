/* SPDX-License-Identifier: ISC */
/* note.c - what the notes of an image say it needs, and whether a VM has it. */
#include "machine/image.h"

#include "abi_host.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* ---- reading ---- */

/* Takes `length` bytes and the padding behind them, of which the last may be missing. */
static bool take(struct image_notes *notes, uint64_t length, const uint8_t **bytes)
{
	uint64_t padded = (length + notes->alignment - 1) & ~(notes->alignment - 1);

	if (length > notes->size)
		return false;
	*bytes = notes->bytes;
	if (padded > notes->size)
		padded = notes->size;
	notes->bytes += padded;
	notes->size -= padded;
	return true;
}

bool image_take_note(struct image_notes *notes, struct image_note *note)
{
	Elf64_Nhdr header;
	const uint8_t *bytes;

	if (notes->size < sizeof header)
		return false;
	/* Owners are padded as if they began with the header, which is no multiple of 8. */
	memcpy(&header, notes->bytes, sizeof header);
	if (!take(notes, sizeof header + (uint64_t)header.n_namesz, &bytes))
		return false;
	note->type = header.n_type;
	note->owner = bytes + sizeof header;
	note->owner_size = header.n_namesz;
	note->size = header.n_descsz;
	return take(notes, header.n_descsz, &note->description);
}

bool image_note_is(const struct image_note *note, const char *owner, uint32_t type)
{
	return note->type == type && note->owner_size == strlen(owner) + 1 &&
	       !memcmp(note->owner, owner, note->owner_size);
}

static int take_needs(struct image *image, const uint8_t *from, uint64_t size, struct message *message)
{
	struct postern_note note;

	if (size < sizeof note)
		return message_say(message, -ENOEXEC, "its Postern note is cut short");
	memcpy(&note, from, sizeof note);
	if (note.major != POSTERN_ABI_MAJOR)
		return message_say(message, -ENOEXEC, "built for ABI %u.%u, and this is %u", note.major,
				   note.minor, POSTERN_ABI_MAJOR);
	if (note.needs > POSTERN_NOTE_MAX_NEEDS || note.needs > IMAGE_MAX_NEEDS - image->need_count)
		return message_say(message, -ENOEXEC, "its Postern note has more than %u needs",
				   POSTERN_NOTE_MAX_NEEDS);
	if (size != sizeof note + note.needs * sizeof *image->needs)
		return message_say(message, -ENOEXEC, "its Postern note has another size than its needs");
	memcpy(&image->needs[image->need_count], from + sizeof note, note.needs * sizeof *image->needs);
	for (uint32_t i = 0; i < note.needs; i++) {
		const struct postern_note_need *need = &image->needs[image->need_count++];

		if (need->section > 255 || need->required > 1 || need->reserved)
			return message_say(message, -ENOEXEC, "need %u in its Postern note makes no sense",
					   i);
	}
	return 0;
}

int image_read_notes(struct image *image, unsigned segment, uint64_t offset, uint64_t size,
		     uint64_t alignment, bool *found, struct message *message)
{
	struct image_notes notes = { image->file + offset, size, alignment == 8 ? 8 : 4 };
	struct image_note note;

	while (notes.size) {
		int error;

		if (!image_take_note(&notes, &note))
			return message_say(message, -ENOEXEC, "a note in segment %u is cut short", segment);
		if (!image_note_is(&note, POSTERN_NOTE_OWNER, POSTERN_NOTE_TYPE))
			continue;
		error = take_needs(image, note.description, note.size, message);
		if (error)
			return error;
		*found = true;
	}
	return 0;
}

/* ---- judging ---- */

/* The names of features, which the contract's tables on this side do not have. */
static const struct {
	unsigned section;
	uint64_t feature;
	const char *name;
} features[] = {
	{ POSTERN_SECTION_RING, POSTERN_RING_FEATURES_POLLED, "polled" },
	{ POSTERN_SECTION_VCPU, POSTERN_VCPU_FEATURES_TABLES, "tables" },
	{ POSTERN_SECTION_VCPU, POSTERN_VCPU_FEATURES_STEAL, "steal" },
};

static const char *section_name(unsigned section)
{
	for (size_t i = 0; i < ABI_SECTIONS; i++) {
		if (abi_sections[i].number == section)
			return abi_sections[i].name;
	}
	return NULL;
}

/* Why a call of the section cannot be made, though it is needed. */
static int lack_call(unsigned section, unsigned call, const struct image_offer *offered,
		     struct message *message)
{
	const uint64_t bit = UINT64_C(1) << call;
	const unsigned number = section << 8 | call;
	const unsigned ordinal = number < ABI_NUMBERS ? abi_ordinals[number] : ABI_NO_CALL;
	const char *name = abi_calls[ordinal].name;

	if (ordinal == ABI_NO_CALL)
		return message_say(message, -ENOEXEC,
				   "needs call 0x%04x, which this version of Postern does not know", number);
	if (!(offered->known & bit))
		return message_say(message, -ENOEXEC,
				   "needs call %s, which is newer than this VM's ABI (--abi)", name);
	if (!(offered->permitted & bit))
		return message_say(message, -ENOEXEC, "needs call %s, which is not granted (--allow %s)",
				   name, section_name(section));
	return message_say(message, -ENOEXEC, "needs call %s, which this host does not serve", name);
}

static int lack_feature(unsigned section, uint64_t feature, struct message *message)
{
	const char *of = section_name(section);

	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		if (features[i].section == section && features[i].feature == feature)
			return message_say(message, -ENOEXEC,
					   "needs feature %s of section %s, which this VM lacks",
					   features[i].name, of);
	}
	return message_say(message, -ENOEXEC,
			   "needs feature 0x%" PRIx64 " of section %s, which this VM lacks", feature,
			   of ? of : "unknown");
}

int image_check_needs(const struct image *image,
		      void (*offer)(void *context, unsigned section, struct image_offer *offered),
		      void *context, struct message *message)
{
	for (unsigned i = 0; i < image->need_count; i++) {
		const struct postern_note_need *need = &image->needs[i];
		struct image_offer offered = { 0 };
		uint64_t calls;
		uint64_t lacking;

		if (!need->required)
			continue;
		offer(context, need->section, &offered);
		calls = need->calls & ~(offered.known & offered.handled & offered.permitted);
		if (calls)
			return lack_call(need->section, (unsigned)__builtin_ctzll(calls), &offered, message);
		lacking = need->features & ~offered.features;
		if (lacking)
			return lack_feature(need->section, lacking & -lacking, message);
	}
	return 0;
}
