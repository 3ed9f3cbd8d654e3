/* SPDX-License-Identifier: ISC */
/*
 * space.h - a program's address space: mappings, which say what is to be where, and page tables, which say what is
 * there. Pages come when they are touched (space_fault), in clusters where that pays.
 */
#ifndef KEEP_MM_SPACE_H
#define KEEP_MM_SPACE_H

#include "keep.h"
#include "mm/pages.h"

struct file;
struct space;

/* Access to memory, as Linux's PROT_ bits. */
enum { SPACE_READ = 1, SPACE_WRITE = 2, SPACE_EXECUTE = 4 };

/* How something is mapped. */
enum space_flags {
	SPACE_SHARED = 0x1,      /* writes go to the file, or to who else maps it */
	SPACE_FIXED = 0x2,       /* at the address, in place of what is there */
	SPACE_NO_REPLACE = 0x4,  /* at the address, or -EEXIST */
	SPACE_STACK = 0x8,       /* grows down to where it is touched */
	SPACE_POPULATE = 0x10,   /* with its pages at once */
	SPACE_LOCKED = 0x20,     /* mlock(2): counted, and not to be given up by madvise(2) */
	SPACE_NO_RESERVE = 0x40, /* may be larger than memory */
	SPACE_LOW = 0x80,        /* below 2 GiB */
};

struct space *space_create(void); /* NULL: no memory */
void space_hold(struct space *space);
void space_drop(struct space *space);
/* Makes the calling vCPU use it. */
void space_use(struct space *space);

/*
 * Maps `length` bytes; of the file from `offset` on, which is a multiple of the page size, or of nothing: zeros. The
 * mapping holds the file. Returns the address. Errors: -EINVAL, -ENOMEM, -EEXIST, -EACCES, -ENODEV as mmap(2).
 */
int64_t space_map(struct space *space, uint64_t hint, uint64_t length, unsigned access, unsigned flags,
		  struct file *file, uint64_t offset);
int space_unmap(struct space *space, uint64_t address, uint64_t length);
int space_protect(struct space *space, uint64_t address, uint64_t length, unsigned access);
/* As mremap(2), with its flags. */
int64_t space_remap(struct space *space, uint64_t old, uint64_t old_length, uint64_t new_length,
		    unsigned flags, uint64_t new_address);
/* As madvise(2), for what changes something: MADV_DONTNEED, MADV_FREE, MADV_REMOVE. */
int space_advise(struct space *space, uint64_t address, uint64_t length, int advice);
struct inode;
/* Takes the pages of a file that are behind its end, which has been moved to `size`, from all mappings of it. */
void space_file_ends(struct space *space, const struct inode *inode, uint64_t size);
/* Writes shared pages back to their files. */
int space_sync(struct space *space, uint64_t address, uint64_t length);
/* As mlock(2) and munlock(2): sets or clears SPACE_LOCKED; and brings the pages, if `populate`. */
int space_lock(struct space *space, uint64_t address, uint64_t length, bool locked, bool populate);
/* Says for each page of a range whether it is there, 1 or 0. -ENOMEM when something is not mapped. */
int space_is_present(struct space *space, uint64_t address, size_t pages, unsigned char *present);

/* The end of the heap, as brk(2): moves it if that is possible, and returns where it is. */
void space_set_brk(struct space *space, uint64_t begin);
uint64_t space_brk(struct space *space, uint64_t end);

/* Where the heap begins and ends. */
void space_heap(const struct space *space, uint64_t range[2]);

/*
 * Makes the page at an address accessible in this way (one of SPACE_READ, WRITE, EXECUTE). Errors: -EFAULT when nothing
 * is mapped there, -EACCES when it is mapped otherwise, -EIO behind the end of a file, -ENOMEM. May sleep.
 */
int space_fault(struct space *space, uint64_t address, unsigned access);

/*
 * Gives a page of a program's code other contents, of which the file and others who map it know nothing. Errors: -EACCES
 * for what is not private, not code, or can be written by the program; -EFAULT, -ENOMEM.
 */
int space_replace_code(struct space *space, uint64_t address, const void *page);

/*
 * The same for the kernel: the memory behind a program's address, up to the end of that page; NULL with the error in
 * *error. The pointer is good until the caller sleeps.
 */
void *space_memory(struct space *space, uint64_t address, unsigned access, int *error);

/* For /proc: calls show() for each mapping, by address, with its access, flags, file (or NULL) and offset. */
void space_list(struct space *space,
		void (*show)(void *context, uint64_t begin, uint64_t end, unsigned access, unsigned flags,
			     struct file *file, uint64_t offset),
		void *context);
/* Bytes that are mapped, and that are there. */
uint64_t space_size(const struct space *space);
uint64_t space_resident(const struct space *space);
uint64_t space_locked(const struct space *space);

#endif
