/* SPDX-License-Identifier: ISC */
/*
 * balloon.c - pages that a guest gives back to the host, and takes again.
 *
 * A call first looks at every page, then claims each by making it a hole, then frees the memory, and only
 * then gives the pages their new state. A claimed page is nobody else's, so memory is never freed under a
 * page that another call has meanwhile made the guest's again.
 */
#include <errno.h>
#include <fcntl.h>

#include "memory/memory.h"

/* Why a page in `state` is not to be had. */
static int refusal(enum p2m_state state)
{
	return state == P2M_OWNED || state == P2M_SHARED ? -EBUSY : -EFAULT;
}

static enum p2m_state state_of(const struct guest_memory *mem, uint64_t page)
{
	return p2m_get(mem, (gpa_t){ .value = page << MEMORY_PAGE_SHIFT });
}

static int check_pages(const struct guest_memory *mem, uint64_t first, uint64_t count, enum p2m_state wanted)
{
	if (!memory_within(mem->size >> MEMORY_PAGE_SHIFT, first, count))
		return -EFAULT;
	for (uint64_t page = first; page < first + count; page++) {
		enum p2m_state state = state_of(mem, page);

		if (state != wanted)
			return refusal(state);
	}
	return 0;
}

/* Lets go of claimed pages. Should p2m_set() have been there since, then what it said stands. */
static void settle_pages(struct guest_memory *mem, uint64_t first, uint64_t count, enum p2m_state state)
{
	for (uint64_t page = first; page < first + count; page++)
		p2m_change(mem, page, P2M_HOLE, state);
}

/* Claims all the pages, or none if another thread was faster with one of them. */
static int claim_pages(struct guest_memory *mem, uint64_t first, uint64_t count, enum p2m_state from)
{
	for (uint64_t page = first; page < first + count; page++) {
		if (!p2m_change(mem, page, from, P2M_HOLE)) {
			int error = refusal(state_of(mem, page));

			settle_pages(mem, first, page - first, from);
			return error;
		}
	}
	return 0;
}

static int free_pages(struct guest_memory *mem, uint64_t first, uint64_t count)
{
	off_t start = (off_t)(first << MEMORY_PAGE_SHIFT);
	off_t length = (off_t)(count << MEMORY_PAGE_SHIFT);

	if (fallocate(mem->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, length) != 0)
		return -errno;
	return 0;
}

static int move_pages(struct guest_memory *mem, uint64_t first, uint64_t count, enum p2m_state from,
		      enum p2m_state to)
{
	int error;

	if (count == 0)
		return 0;
	error = check_pages(mem, first, count, from);
	if (error)
		return error;
	error = claim_pages(mem, first, count, from);
	if (error)
		return error;
	error = free_pages(mem, first, count);
	settle_pages(mem, first, count, error ? from : to);
	return error;
}

int memory_release(struct guest_memory *mem, uint64_t first_page, uint64_t count)
{
	return move_pages(mem, first_page, count, P2M_OWNED, P2M_RELEASED);
}

/*
 * The memory is freed here once more: a guest's own mapping, or an access that was under way during the
 * release, can have dirtied a page since.
 */
int memory_populate(struct guest_memory *mem, uint64_t first_page, uint64_t count)
{
	return move_pages(mem, first_page, count, P2M_RELEASED, P2M_OWNED);
}

/* No claim is needed: the pages stay the guest's, who may lose by this only what it has just said it does not need. */
int memory_report(struct guest_memory *mem, uint64_t first_page, uint64_t count)
{
	int error = count == 0 ? 0 : check_pages(mem, first_page, count, P2M_OWNED);

	return error || count == 0 ? error : free_pages(mem, first_page, count);
}
