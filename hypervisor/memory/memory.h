/* SPDX-License-Identifier: ISC */
/*
 * memory.h - a guest's RAM: one memfd, mapped once and contiguously, and the p2m that says of
 * each 4 KiB page whether the guest owns it. Everything that touches guest memory by a
 * guest-physical address goes through memory_span() or is built on it.
 *
 * Guest memory is hostile: another vCPU may change it between any two loads. Read each value
 * once, with memory_load_words() or memory_copy_in(), and look only at the copy.
 *
 * Every function may be called by any number of threads at once, but for memory_create() and
 * memory_destroy(). None of them takes a lock.
 */
#ifndef POSTERN_MEMORY_H
#define POSTERN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory/words.h"

#define MEMORY_PAGE_SHIFT 12
#define MEMORY_PAGE_SIZE (UINT64_C(1) << MEMORY_PAGE_SHIFT)
#define MEMORY_MAX_SIZE (UINT64_C(1) << 40)

/* Bytes without access before and after RAM on the host, so that a copy that runs over faults. */
#define MEMORY_GUARD_SIZE (UINT64_C(64) << 10)

/* A guest-physical address, in bytes. A struct, so that none is dereferenced or added to by accident. */
typedef struct {
	uint64_t value;
} gpa_t;

/* What a page of guest-physical space is. The values are stored, one byte a page, in the p2m. */
enum p2m_state {
	P2M_HOLE = 0, /* nothing there */
	P2M_OWNED,    /* RAM of the guest */
	P2M_RELEASED, /* RAM that the guest gave back; populate makes it owned again */
	P2M_DEVICE,   /* a device's registers: accesses are exits, never memory */
	P2M_SHARED,   /* RAM of the guest that the host also uses (a ring, a vCPU page); cannot be released */
	P2M_STATES
};

enum memory_access { MEMORY_READ = 1, MEMORY_WRITE = 2 };

/* Made by memory_create(). Nothing in it changes after that but the bytes that `states` points to, and `shared`. */
struct guest_memory {
	uint8_t *base;   /* where guest-physical address 0 is mapped on the host */
	uint64_t size;   /* bytes of guest-physical space covered, a multiple of the page size */
	uint8_t *states; /* enum p2m_state of each page; read and written atomically, relaxed */
	int fd;          /* the memfd, sealed against resizing */
	uint64_t shared; /* pages that are P2M_SHARED; by p2m.c alone, atomically, relaxed */
};

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a guest's RAM must fit into an iovec");
_Static_assert(P2M_STATES <= UINT8_MAX, "a state is stored in a byte");

/*
 * The life of a guest's RAM (ram.c)
 */

/*
 * Creates `size` bytes of RAM, zeroed, owned by the guest throughout, and not resident until touched.
 * The mapping is kept out of core dumps. Whoever gets `mem->fd` can map the RAM, also to execute from it,
 * but cannot resize it, so no access of the host to it ends in SIGBUS for want of a file.
 *
 * Errors: -EINVAL if size is 0, over MEMORY_MAX_SIZE or no multiple of the page size; or what
 * memfd_create(2), ftruncate(2), fcntl(2), mmap(2) and madvise(2) say. On failure `mem` is empty.
 */
int memory_create(struct guest_memory *mem, uint64_t size);

/* Unmaps and closes all of it, and leaves `mem` empty. Does nothing to one that is empty. */
void memory_destroy(struct guest_memory *mem);

/*
 * Returns how much of the RAM the host has given memory for, in bytes, swapped pages included; or the
 * negative errno of fstat(2). A moment's figure: the guest may be touching pages meanwhile.
 */
int64_t memory_resident(const struct guest_memory *mem);

/*
 * The p2m: what each page is (p2m.c)
 *
 * States are read and written with relaxed atomics, and an access does not pin its page: another vCPU
 * may release the page between the check and the access. This suffices, because the host's mapping of
 * RAM stays whatever the state, so such an access still touches this guest's RAM and nothing else, as if
 * it had come a moment earlier; the guest loses only what it gave away itself. No other data is published
 * by a state: a service that sets up something next to a page (a ring, say) orders that by its own means.
 */

/* The rights (enum memory_access) that each state grants. */
extern const uint8_t p2m_allows[P2M_STATES];

/* Returns the state of the page that `at` lies in; P2M_HOLE beyond the end of RAM. */
enum p2m_state p2m_get(const struct guest_memory *mem, gpa_t at);

/*
 * Makes `count` pages from page number `first_page` (address / page size) on `state`, whatever they were:
 * for laying out a machine before its guest runs. The contents stay. Later, use p2m_change().
 *
 * Errors: -EINVAL if there is no such state, -EFAULT if the pages do not all exist; no page is changed
 * then. No pages at all (count 0) are right anywhere.
 */
int p2m_set(struct guest_memory *mem, uint64_t first_page, uint64_t count, enum p2m_state state);

/*
 * Makes page number `page` `to` if it is `from`, in one atomic step: of several threads that try, one
 * succeeds. Returns whether this one did; false also for a page or state that does not exist.
 */
bool p2m_change(struct guest_memory *mem, uint64_t page, enum p2m_state from, enum p2m_state to);

/* Returns how many pages are P2M_SHARED: a moment's figure. */
uint64_t p2m_shared(const struct guest_memory *mem);

/*
 * Pages going to the host and coming back (balloon.c)
 *
 * Both take `count` pages from page number `first_page` on, all or none: either each page is in the right
 * state and all are changed, or none is. No pages at all (count 0) are right anywhere. The work is
 * proportional to count; the caller sets the limit.
 *
 * Two calls that meet on a page: one gets it. The other fails, having put back what it had taken; that a
 * guest races with itself can thus cost it an error, never the content of a page that it owns. A page in
 * the hands of a call counts as a hole until the call is through.
 */

/*
 * Gives owned pages back to the host: they become P2M_RELEASED and their memory is freed.
 *
 * Errors: -EFAULT if not all pages exist; -EBUSY if a page is shared, -EFAULT if it is anything else but
 * owned, and the first such page decides. Or what fallocate(2) says: then the pages stay owned, some of
 * them perhaps zeroed.
 */
int memory_release(struct guest_memory *mem, uint64_t first_page, uint64_t count);

/*
 * Makes released pages owned again, and zero. The host finds memory for them when they are touched.
 *
 * Errors: -EFAULT if not all pages exist; -EBUSY if a page is in use (owned or shared), -EFAULT if it is
 * anything else but released, and the first such page decides. Or what fallocate(2) says: then the pages
 * stay released.
 */
int memory_populate(struct guest_memory *mem, uint64_t first_page, uint64_t count);

/*
 * Frees the memory of owned pages, which stay owned; they read as zero until they are written again.
 *
 * Errors: as memory_release(); should fallocate(2) fail, some of the pages may be zero.
 */
int memory_report(struct guest_memory *mem, uint64_t first_page, uint64_t count);

/*
 * Checked access (copy.c, and below)
 */

/*
 * Copies `length` bytes of guest memory at `from` to the private buffer `to`. What is in `to` afterwards
 * does not change with the guest's memory any more, so it can be checked and then used. For structs and
 * where values wider than a byte must not be torn: memory_span() and memory_load_words().
 *
 * Returns false, with `to` untouched, where the guest may not read.
 */
bool memory_copy_in(const struct guest_memory *mem, void *to, gpa_t from, size_t length)
	__attribute__((warn_unused_result));

/*
 * memory_copy_out() for much that goes where nobody has been yet: through the descriptor, so that the pages are not
 * first made zero, one fault each.
 */
bool memory_fill(const struct guest_memory *mem, gpa_t to, const void *from, size_t length)
	__attribute__((warn_unused_result));

/*
 * Copies `length` bytes of the private buffer `from` to guest memory at `to`. Returns false, with nothing
 * written, where the guest may not write.
 */
bool memory_copy_out(const struct guest_memory *mem, gpa_t to, const void *from, size_t length)
	__attribute__((warn_unused_result));

/* Whether each page from `first` to `last`, which both exist, grants `access`. Only for memory_span(). */
bool p2m_run_allows(const struct guest_memory *mem, uint64_t first, uint64_t last, unsigned access)
	__attribute__((cold));

/*
 * Returns all ones if [at, at + length) lies within [0, size), and zero if not, for any `at` and `length`
 * and a size below 2^63. Computed without a branch, and hidden from the compiler, which would otherwise
 * drop an AND with it after a test: so it also holds while the processor runs ahead past a mispredicted test
 * (Spectre v1). The idea is that of array_index_mask_nospec() in Linux.
 *
 * If at and length are below 2^63 then `room` is negative just if at > size. If it is not, at <= size, and
 * `rest` is negative just if length > room. Any top bit that is set thus says no.
 */
static inline uint64_t memory_within(uint64_t size, uint64_t at, uint64_t length)
{
	uint64_t room = size - at;
	uint64_t rest = room - length;
	uint64_t mask = ((at | length | room | rest) >> 63) - 1;

	__asm__("" : "+r"(mask));
	return mask;
}

/* The rights of page number `page`, which must exist. */
static inline unsigned p2m_page_allows(const struct guest_memory *mem, uint64_t page)
{
	return p2m_allows[__atomic_load_n(&mem->states[page], __ATOMIC_RELAXED)];
}

/*
 * Turns `length` bytes of guest-physical space at `at` into the span of host memory where they are. This is
 * the one judge of whether a guest-physical range may be touched: every byte must lie in a page that grants
 * all of `access` (MEMORY_READ, MEMORY_WRITE or both; nothing else is ever granted).
 *
 * Returns false, with `span` untouched, if not. No bytes (length 0) are right at any address; the span then
 * is empty and starts at the base of RAM. The span is valid until memory_destroy(), though what it holds
 * is at the guest's mercy; nobody may look at it but by the functions of words.h or as a buffer for I/O.
 *
 * Under speculation past a refusal the span is within RAM all the same. The p2m needs no such care: what
 * the host maps here is RAM of this guest, whatever the page's state.
 */
static inline __attribute__((warn_unused_result)) bool
memory_span(const struct guest_memory *mem, gpa_t at, uint64_t length, unsigned access, struct iovec *span)
{
	uint64_t within = memory_within(mem->size, at.value, length);
	uint64_t offset = at.value & within;
	uint64_t first = offset >> MEMORY_PAGE_SHIFT;
	uint64_t last = ((at.value + length - 1) & within) >> MEMORY_PAGE_SHIFT;

	if (length == 0) {
		*span = (struct iovec){ .iov_base = mem->base, .iov_len = 0 };
		return true;
	}
	if (!within || !access)
		return false;
	if (__builtin_expect(last - first > 1, 0)) {
		if (!p2m_run_allows(mem, first, last, access))
			return false;
	} else if (access & ~(p2m_page_allows(mem, first) & p2m_page_allows(mem, last))) {
		return false;
	}
	*span = (struct iovec){ .iov_base = mem->base + offset, .iov_len = length & within };
	return true;
}

#endif
