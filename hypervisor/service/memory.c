/* SPDX-License-Identifier: ISC */
/* memory.c - section memory: RAM that goes back to the host, and comes again. The work is memory/balloon.c's. */
#include "service/service.h"
#include "service/services.h"

#include <errno.h>

/* Pages after which a call stops early, so that none takes long: 64 MiB, the most that one range can have. */
enum { PAGES_AT_ONCE = 0x4000 };

static struct services *services_of(const struct gate_frame *frame)
{
	return gate_owner(gate_frame_vm(frame));
}

/* The contract knows of no other error of the host. */
static int declared(int error)
{
	return error == 0 || error == -EFAULT || error == -EBUSY || error == -EAGAIN ? error : -EIO;
}

static int release(struct services *services, const struct postern_page_range *range)
{
	const int error = memory_release(gate_memory(services->gate), range->first, range->count);

	if (!error)
		atomic_fetch_sub_explicit(&services->owned_pages, range->count, memory_order_relaxed);
	return error;
}

/* Why pages cannot be populated that would be too many: what is wrong with them comes before that. */
static int refusal(const struct guest_memory *memory, const struct postern_page_range *range)
{
	for (uint64_t i = 0; i < range->count; i++) {
		const enum p2m_state state =
			p2m_get(memory, (gpa_t){ (range->first + i) << MEMORY_PAGE_SHIFT });

		if (state == P2M_OWNED || state == P2M_SHARED)
			return -EBUSY;
		if (state != P2M_RELEASED)
			return -EFAULT;
	}
	return -EAGAIN;
}

/* The pages are counted first, so that no two calls together get past the limit. */
static int populate(struct services *services, const struct postern_page_range *range)
{
	struct guest_memory *memory = gate_memory(services->gate);
	const uint64_t before =
		atomic_fetch_add_explicit(&services->owned_pages, range->count, memory_order_relaxed);
	int error;

	if (before + range->count > services->config.max_owned)
		error = refusal(memory, range);
	else
		error = memory_populate(memory, range->first, range->count);
	if (error)
		atomic_fetch_sub_explicit(&services->owned_pages, range->count, memory_order_relaxed);
	return error;
}

static int report(struct services *services, const struct postern_page_range *range)
{
	return memory_report(gate_memory(services->gate), range->first, range->count);
}

static int64_t each(struct gate_frame *frame, const struct postern_page_range *ranges, uint32_t count,
		    int (*change)(struct services *services, const struct postern_page_range *range))
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < count; i++) {
		int error;

		pages += ranges[i].count;
		if (i && pages > PAGES_AT_ONCE)
			return i;
		error = change(services_of(frame), &ranges[i]);
		if (error)
			return i ? (int64_t)i : declared(error);
	}
	return count;
}

static int64_t serve_release(struct gate_frame *frame, struct abi_memory_release *call)
{
	return each(frame, call->ranges, call->ranges_count, release);
}

static int64_t serve_populate(struct gate_frame *frame, struct abi_memory_populate *call)
{
	return each(frame, call->ranges, call->ranges_count, populate);
}

static int64_t serve_report(struct gate_frame *frame, struct abi_memory_report *call)
{
	return each(frame, call->ranges, call->ranges_count, report);
}

static int64_t serve_info(struct gate_frame *frame, struct abi_memory_info *call)
{
	struct services *services = services_of(frame);
	const uint64_t owned = atomic_load_explicit(&services->owned_pages, memory_order_relaxed);

	call->info.total = services->total_pages;
	call->info.owned = owned;
	call->info.shared = p2m_shared(gate_memory(services->gate));
	call->info.released = services->total_pages - owned;
	return 0;
}

void service_memory(struct abi_handlers *handlers)
{
	handlers->memory_info = serve_info;
	handlers->memory_release = serve_release;
	handlers->memory_populate = serve_populate;
	handlers->memory_report = serve_report;
}
