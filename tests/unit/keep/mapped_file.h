/* SPDX-License-Identifier: ISC */
/* mapped_file.h - files for tests of mappings, that tell what was done to them. */
#ifndef TESTS_KEEP_MAPPED_FILE_H
#define TESTS_KEEP_MAPPED_FILE_H

#include "fs/file.h"
#include "machine.h"

enum { MAPPED_FILE_MOST = 128 };

struct mapped_file {
	uint64_t size; /* pages */
	struct page *pages[MAPPED_FILE_MOST];
	bool dirty[MAPPED_FILE_MOST];
	uint64_t disk[MAPPED_FILE_MOST]; /* the first word of each page, as it was written back */
	unsigned faults;                 /* calls of page() */
	unsigned punched, closed;
	void (*before_page)(void); /* called in page(), where others may run */
	int error;                 /* that page() answers */
};

/*
 * A file of `size` pages, of which the first word is value + index: with pages that are remembered as dirty and written
 * back, as the host's; or without, as tmpfs. `flags` as open(2).
 */
struct file *mapped_file_create(struct mapped_file *file, uint64_t size, uint64_t value, bool written_back,
				unsigned flags);
/* The word that a page of the file has now. */
uint64_t mapped_file_word(const struct mapped_file *file, uint64_t index);

#endif
