/* SPDX-License-Identifier: ISC */
#include "mapped_file.h"

static struct mapped_file *own(const struct file *file)
{
	return file->own;
}

static int get_page(struct file *file, uint64_t index, struct page **page)
{
	struct mapped_file *mapped = own(file);

	mapped->faults++;
	if (mapped->before_page)
		mapped->before_page();
	if (mapped->error)
		return mapped->error;
	if (index >= mapped->size)
		return -EIO;
	*page = mapped->pages[index];
	page_hold(*page);
	return 0;
}

static struct page *get_cached_page(struct file *file, uint64_t index)
{
	if (index >= own(file)->size)
		return NULL;
	page_hold(own(file)->pages[index]);
	return own(file)->pages[index];
}

static void mark_dirty(struct file *file, uint64_t index)
{
	CHECK(index < own(file)->size);
	own(file)->dirty[index] = true;
}

static int write_back(struct file *file, uint64_t index, uint64_t count)
{
	struct mapped_file *mapped = own(file);

	for (uint64_t i = index; i < index + count && i < mapped->size; i++) {
		if (!mapped->dirty[i])
			continue;
		mapped->disk[i] = mapped_file_word(mapped, i);
		mapped->dirty[i] = false;
	}
	return 0;
}

static int allocate(struct file *file, int mode, uint64_t offset, uint64_t length)
{
	struct mapped_file *mapped = own(file);

	CHECK_IS(mode, 3); /* FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE */
	for (uint64_t i = offset >> PAGE_SHIFT; i < (offset + length) >> PAGE_SHIFT && i < mapped->size;
	     i++) {
		page_drop(mapped->pages[i]);
		mapped->pages[i] = page_alloc(PAGES_KERNEL, true);
	}
	mapped->punched++;
	return 0;
}

static void closed(struct file *file)
{
	own(file)->closed++;
	for (uint64_t i = 0; i < own(file)->size; i++)
		page_drop(own(file)->pages[i]);
}

static const struct file_functions written_back_functions = {
	.page = get_page,
	.dirty = mark_dirty,
	.write_back = write_back,
	.cached_page = get_cached_page,
	.close = closed,
};
static const struct file_functions memory_functions = {
	.page = get_page,
	.cached_page = get_cached_page,
	.allocate = allocate,
	.close = closed,
};

struct file *mapped_file_create(struct mapped_file *file, uint64_t size, uint64_t value, bool is_written_back,
				unsigned flags)
{
	CHECK(size <= MAPPED_FILE_MOST);
	*file = (struct mapped_file){ .size = size };
	for (uint64_t i = 0; i < size; i++) {
		file->pages[i] = page_alloc(PAGES_KERNEL, true);
		*(uint64_t *)page_memory(file->pages[i]) = file->disk[i] = value + i;
	}
	return file_create(is_written_back ? &written_back_functions : &memory_functions, flags, file);
}

uint64_t mapped_file_word(const struct mapped_file *file, uint64_t index)
{
	return *(const uint64_t *)page_memory(file->pages[index]);
}
