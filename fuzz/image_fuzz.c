/* SPDX-License-Identifier: ISC */
/*
 * image_fuzz.c - fuzzes the loader of guest images. An input is a file as it is, or, since few random bytes
 * are nearly an image, changes to one that is right: the first byte tells which.
 */
#include "change.h"
#include "machine/image.h"

#include "../tests/machine/tiny.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_memory memory;

static uint8_t *make_file(const uint8_t *data, size_t size, size_t *file_size)
{
	struct tiny tiny;
	uint8_t *file;

	if (size && (data[0] & 1)) {
		tiny_fill(&tiny);
		change_file(&tiny, sizeof tiny, data + 1, size - 1);
		data = (const uint8_t *)&tiny;
		size = sizeof tiny;
	}
	/* Exactly as large as it is, so that a look beyond its end is seen. */
	file = malloc(size ? size : 1);
	if (file)
		memcpy(file, data, size);
	*file_size = size;
	return file;
}

static void offer(void *context, unsigned section, struct image_offer *offered)
{
	(void)context;
	assert(section < 256);
	*offered = (struct image_offer){ ~0ULL, ~0ULL, section & 1 ? ~0ULL : 0, section };
}

/* What the loader promises of an image that it takes. */
static void judge(const struct image *image, size_t size)
{
	uint64_t end = image->base;
	bool has_entry = false;

	assert(image->segment_count >= 1 && image->segment_count <= IMAGE_MAX_SEGMENTS);
	assert(image->memory_size && image->memory_size % MEMORY_PAGE_SIZE == 0);
	assert(image->base % MEMORY_PAGE_SIZE == 0 && image->need_count <= IMAGE_MAX_NEEDS);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		assert(segment->address >= end && segment->file_size <= segment->memory_size);
		assert(segment->offset <= size && segment->file_size <= size - segment->offset);
		end = segment->address + segment->memory_size;
		assert(end >= segment->address && end - image->base <= image->memory_size);
		has_entry |= image->entry >= segment->address &&
			     image->entry - segment->address < segment->file_size;
	}
	assert(has_entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message = { "" };
	struct image image;
	size_t file_size;
	uint64_t offset;
	uint8_t *file = make_file(data, size, &file_size);

	if (!memory.base && memory_create(&memory, RAM))
		abort();
	if (!file)
		return 0;
	if (image_open(&image, file, file_size, &message)) {
		assert(message.text[0]);
		free(file);
		return 0;
	}
	judge(&image, file_size);
	message.text[0] = '\0';
	if (image_check_needs(&image, offer, NULL, &message) ||
	    image_load(&image, &memory, (gpa_t){ 0 }, &message))
		assert(message.text[0]);
	for (unsigned i = 0; i < image.symbols.count && i < 64; i++) {
		const struct symbol *symbol = &image.symbols.table[i];
		const char *name = symbols_find(&image.symbols, symbol->address, &offset);

		assert(!name || strlen(name) < file_size);
		symbols_find(&image.symbols, symbol->address + symbol->size, &offset);
	}
	image_close(&image);
	return 0;
}
