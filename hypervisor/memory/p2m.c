/* SPDX-License-Identifier: ISC */
/*
 * p2m.c - what each page of guest-physical space is, and what may be done to it. One byte a page, each
 * access to it a relaxed atomic; memory.h says why that suffices.
 */
#include <errno.h>

#include "memory/memory.h"

/* A state that is not named here grants nothing. */
const uint8_t p2m_allows[P2M_STATES] = {
	[P2M_OWNED] = MEMORY_READ | MEMORY_WRITE,
	[P2M_SHARED] = MEMORY_READ | MEMORY_WRITE,
};

/* The states of eight owned pages, as one load sees them; the same in either byte order. */
#define ALL_OWNED (P2M_OWNED * UINT64_C(0x0101010101010101))

static uint64_t pages_of(const struct guest_memory *mem)
{
	return mem->size >> MEMORY_PAGE_SHIFT;
}

static bool is_state(enum p2m_state state)
{
	return (unsigned)state < P2M_STATES;
}

enum p2m_state p2m_get(const struct guest_memory *mem, gpa_t at)
{
	uint64_t within = memory_within(mem->size, at.value, 1);

	if (!within)
		return P2M_HOLE;
	return __atomic_load_n(&mem->states[(at.value & within) >> MEMORY_PAGE_SHIFT], __ATOMIC_RELAXED);
}

/* A page has changed from one state to the other. */
static void count_change(struct guest_memory *mem, unsigned from, unsigned to)
{
	if (from != to && to == P2M_SHARED)
		__atomic_fetch_add(&mem->shared, 1, __ATOMIC_RELAXED);
	if (from != to && from == P2M_SHARED)
		__atomic_fetch_sub(&mem->shared, 1, __ATOMIC_RELAXED);
}

int p2m_set(struct guest_memory *mem, uint64_t first_page, uint64_t count, enum p2m_state state)
{
	if (!is_state(state))
		return -EINVAL;
	if (count != 0 && !memory_within(pages_of(mem), first_page, count))
		return -EFAULT;
	for (uint64_t i = 0; i < count; i++)
		count_change(
			mem,
			__atomic_exchange_n(&mem->states[first_page + i], (uint8_t)state, __ATOMIC_RELAXED),
			state);
	return 0;
}

bool p2m_change(struct guest_memory *mem, uint64_t page, enum p2m_state from, enum p2m_state to)
{
	uint64_t within = memory_within(pages_of(mem), page, 1);
	uint8_t expected = (uint8_t)from;

	if (!within || !is_state(from) || !is_state(to))
		return false;
	if (!__atomic_compare_exchange_n(&mem->states[page & within], &expected, (uint8_t)to, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	count_change(mem, from, to);
	return true;
}

uint64_t p2m_shared(const struct guest_memory *mem)
{
	return __atomic_load_n(&mem->shared, __ATOMIC_RELAXED);
}

/*
 * Long ranges are nearly always owned throughout, so eight states are looked at in one load, as long as they
 * are. Where they are not, the eight are judged one by one.
 */
bool p2m_run_allows(const struct guest_memory *mem, uint64_t first, uint64_t last, unsigned access)
{
	bool owned_allows = !(access & ~(unsigned)p2m_allows[P2M_OWNED]);
	uint64_t page = first;

	while (page <= last) {
		if (owned_allows && page % 8 == 0) {
			while (last - page >= 8 && memory_load_u64(&mem->states[page]) == ALL_OWNED)
				page += 8;
		}
		if (access & ~p2m_page_allows(mem, page))
			return false;
		page++;
	}
	return true;
}
