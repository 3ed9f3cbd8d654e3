/* SPDX-License-Identifier: ISC */
/* rings.c - see rings.h. */
#include "rings.h"

#include "ram.h"
#include "world.h"

#include "gate/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 128, HOST_LINE = 64, MOST_ENTRIES = 4096, MOST_COMPLETIONS = 8192 };

/* The host's side of a ring, as it has to be. */
struct ring {
	struct ring_now now;
	/* The guest, or what it told the host to write, was where only the ring should be: nobody can tell. */
	bool wild;
	bool line_changed; /* the guest's line, during the step */
	uint32_t complete_tail;
	uint32_t flags;
	uint32_t event;
	struct postern_ring_completion expected[MOST_COMPLETIONS + MOST_ENTRIES];
	size_t expected_count;
	bool completed_early;
};

static struct ring rings[MOST_VCPUS];

/* The entries that are being taken. */
static struct {
	struct ring *ring; /* NULL: none are */
	enum gate_crossing crossing;
	uint32_t most;
	uint32_t next;                  /* the entry that has not been judged */
	struct postern_ring_guest line; /* the guest's, as it was */
	struct judgement judgement;
} taking;

static struct postern_ring_guest *guest_line(const struct ring *ring)
{
	return (struct postern_ring_guest *)(ram.base + ring->now.base);
}

static struct postern_ring_host *host_line(const struct ring *ring)
{
	return (struct postern_ring_host *)(ram.base + ring->now.base + HOST_LINE);
}

static uint64_t entries_at(const struct ring *ring)
{
	return ring->now.base + LINES;
}

static uint64_t completions_at(const struct ring *ring)
{
	return entries_at(ring) + ring->now.entries * sizeof(struct postern_ring_entry);
}

static unsigned vcpu_of(const struct ring *ring)
{
	return (unsigned)(ring - rings);
}

void rings_begin(void)
{
	for (unsigned i = 0; i < MOST_VCPUS; i++) {
		rings[i].now = (struct ring_now){ 0 };
		rings[i].expected_count = 0;
	}
	taking.ring = NULL;
}

struct ring_now rings_now(unsigned vcpu)
{
	return rings[vcpu].now;
}

static bool overlaps(uint64_t at, uint64_t size, uint64_t other, uint64_t other_size)
{
	return size && at < other + other_size && other < at + size;
}

static bool is_hosts(const struct ring *ring, uint64_t at, uint64_t size)
{
	return overlaps(at, size, ring->now.base + HOST_LINE, LINES - HOST_LINE) ||
	       overlaps(at, size, completions_at(ring),
			ring->now.completions * sizeof(struct postern_ring_completion));
}

void rings_written(uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < MOST_VCPUS; i++) {
		struct ring *ring = &rings[i];

		if (!ring->now.active)
			continue;
		ring->wild |= is_hosts(ring, at, size);
		ring->line_changed |= overlaps(at, size, ring->now.base, HOST_LINE);
	}
}

void rings_step(void)
{
	for (unsigned i = 0; i < MOST_VCPUS; i++)
		rings[i].line_changed = false;
}

/* The judge may look at an entry's arguments later than the gate: at what the host has written since. */
static void lose_track(struct ring *ring)
{
	ring->wild = true;
	world.tally.unsure = true;
}

void rings_looked(uint64_t at, uint64_t size)
{
	if (taking.ring && is_hosts(taking.ring, at, size))
		lose_track(taking.ring);
}

/* ---- entries ---- */

bool rings_are_taken(void)
{
	return taking.ring;
}

enum gate_crossing rings_crossing(void)
{
	return taking.crossing;
}

static void begin_taking(struct ring *ring, enum gate_crossing crossing, uint32_t most)
{
	taking.ring = ring;
	taking.crossing = crossing;
	taking.most = most;
	taking.next = ring->now.submit_head;
	taking.line = *guest_line(ring);
	ring->completed_early = false;
}

/* Whether an async call may pend: 1 yes, 0 no, -1 nobody knows. */
static int may_pend(const struct ring *ring)
{
	if (world_in_flight(vcpu_of(ring)) >= world.config.in_flight)
		return 0;
	/* Calls that were completed meanwhile count until the gate comes to them. */
	return ring->completed_early ? -1 : 1;
}

static int passes_limits(const struct ring *ring, unsigned ordinal)
{
	int passes = abi_calls[ordinal].async ? may_pend(ring) : 1;

	if (passes > 0 && abi_calls[ordinal].rate_limited)
		passes = world_take_token();
	return passes;
}

/* Judges the next entry. Returns whether a handler has to get it; if not, it has been refused. */
static bool judge_next(unsigned ordinal, struct postern_ring_entry *entry)
{
	struct ring *ring = taking.ring;
	struct judgement *judgement = &taking.judgement;
	enum gate_refusal refusal;
	int passes;

	memcpy(entry, ram.base + entries_at(ring) + (taking.next++ & (ring->now.entries - 1)) * sizeof *entry,
	       sizeof *entry);
	judge_entry(&world.judge, taking.crossing, entry, judgement);
	refusal = judgement->refusal;
	if (refusal == GATE_REFUSALS) {
		passes = passes_limits(ring, judgement->ordinal);
		if (passes < 0) {
			lose_track(ring);
			passes = judgement->ordinal == ordinal;
		}
		if (passes)
			return true;
		refusal = GATE_LIMIT;
		judgement->error = EAGAIN;
	}
	rings_expect(vcpu_of(ring), entry->token, false, -judgement->error);
	world_count_refusal(taking.crossing, judgement->ordinal, refusal);
	return false;
}

struct judgement *rings_next_handled(unsigned ordinal, uint64_t *token, bool *quiet)
{
	struct ring *ring = taking.ring;
	struct postern_ring_entry entry;

	while (!ring->wild) {
		if (taking.next - ring->now.submit_head >= ring->now.entries && !ring->line_changed)
			die("%s is served, but no entry is left that it could come from",
			    abi_calls[ordinal].name);
		if (!judge_next(ordinal, &entry) || ring->wild)
			continue;
		*token = entry.token;
		*quiet = entry.flags & POSTERN_RING_ENTRY_FLAGS_QUIET;
		world_count_call(taking.crossing, taking.judgement.ordinal);
		return &taking.judgement;
	}
	*token = 0;
	*quiet = false;
	return NULL;
}

static uint32_t unread(const struct ring *ring, uint32_t tail)
{
	return tail - guest_line(ring)->complete_head;
}

static bool indices_make_sense(const struct ring *ring, const struct postern_ring_guest *line)
{
	return line->submit_tail - ring->now.submit_head <= ring->now.entries &&
	       ring->complete_tail - line->complete_head <= ring->now.completions;
}

/* What a number of entries taken has to be, given what the guest had put there. */
static void check_taken(const struct ring *ring, uint32_t taken)
{
	const struct postern_ring_guest *line = &taking.line;
	uint32_t there = line->submit_tail - ring->now.submit_head;
	uint32_t wanted = taking.most < there ? taking.most : there;
	uint32_t used = unread(ring, ring->complete_tail + (uint32_t)ring->expected_count) +
			world_in_flight(vcpu_of(ring));

	if (taken > wanted)
		die("%u entries are taken, of %u", taken, wanted);
	if (taken < wanted && used < ring->now.completions)
		die("%u entries are taken, not %u, though %u of %u completions are free", taken, wanted,
		    ring->now.completions - used, ring->now.completions);
	if (taken && used > ring->now.completions)
		die("%u of %u completions are used", used, ring->now.completions);
}

/* Handlers have run for all entries but the last ones, which must have been refused. */
static void judge_rest(struct ring *ring, uint32_t taken)
{
	struct postern_ring_entry entry;

	if (!ring->wild && taking.next - ring->now.submit_head > taken)
		die("%u entries were served, %u taken", taking.next - ring->now.submit_head, taken);
	while (!ring->wild && taking.next - ring->now.submit_head < taken) {
		if (judge_next(ABI_NO_CALL, &entry) && !ring->wild)
			die("%s is not served", abi_calls[taking.judgement.ordinal].name);
	}
}

/* Returns whether the guest's indices made sense, or cannot be told to have made none. */
static bool end_taking(uint32_t taken)
{
	struct ring *ring = taking.ring;
	bool sane = indices_make_sense(ring, &taking.line);

	judge_rest(ring, taken);
	if (ring->wild)
		world.tally.unsure = true;
	else if (!ring->line_changed && taking.most && !sane && taken)
		die("indices that make no sense are believed");
	else if (!ring->line_changed && (sane || !taking.most))
		check_taken(ring, taken);
	ring->now.submit_head += taken;
	taking.ring = NULL;
	return sane || !taking.most;
}

void rings_begin_enter(unsigned vcpu, const struct abi_ring_enter *call)
{
	struct ring *ring = &rings[vcpu];

	world.doorbells = 0;
	if (ring->now.active && !ring->now.polled)
		begin_taking(ring, GATE_BATCH, call->wait > ring->now.completions ? 0 : call->submit);
}

void rings_end_enter(unsigned vcpu, const struct abi_ring_enter *call, int64_t result)
{
	struct ring *ring = &rings[vcpu];
	bool unsure = ring->wild || ring->line_changed;
	int64_t expected = result < 0 ? 0 : result;

	if (taking.ring && !end_taking((uint32_t)expected) && !unsure)
		expected = -EINVAL;
	if (!ring->now.active)
		expected = -ENXIO;
	else if (ring->now.broken || call->wait > ring->now.completions)
		expected = -EINVAL;
	if (result != expected && !unsure)
		die("ring.enter answers %lld, not %lld", (long long)result, (long long)expected);
	if (world.doorbells != (ring->now.polled && call->submit && result >= 0))
		die("ring.enter rings the doorbell %u times", world.doorbells);
}

void rings_begin_poll(unsigned vcpu, uint32_t most)
{
	struct ring *ring = &rings[vcpu];

	if (ring->now.polled)
		begin_taking(ring, GATE_RING, ring->now.broken ? 0 : most);
}

void rings_end_poll(uint32_t taken)
{
	struct ring *ring = taking.ring;

	if (!ring) {
		if (taken)
			die("%u entries are polled from no ring", taken);
		return;
	}

	bool broken = !end_taking(taken) || ring->now.broken;

	ring->now.broken = broken;
	if (ring->wild || ring->line_changed)
		ring->now.broken = host_line(ring)->flags & POSTERN_RING_HOST_FLAGS_BROKEN;
}

/* ---- completions ---- */

void rings_expect(unsigned vcpu, uint64_t token, bool quiet, int64_t result)
{
	struct ring *ring = &rings[vcpu];

	if (ring->wild || (quiet && result >= 0))
		return;
	if (ring->expected_count == sizeof ring->expected / sizeof *ring->expected)
		die("more completions are owed than a ring holds");
	ring->expected[ring->expected_count++] = (struct postern_ring_completion){ token, result };
}

void rings_completed_early(void)
{
	taking.ring->completed_early = true;
}

static int compare_completions(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct postern_ring_completion));
}

/* The completions that have come are those that were expected, in any order. */
static void check_completions(struct ring *ring)
{
	static struct postern_ring_completion found[MOST_COMPLETIONS + MOST_ENTRIES];
	uint32_t count = host_line(ring)->complete_tail - ring->complete_tail;

	if (count != ring->expected_count)
		die("%u completions have come, not %zu", count, ring->expected_count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t slot = (ring->complete_tail + i) & (ring->now.completions - 1);
		uint64_t at = completions_at(ring) + slot * sizeof *found;

		memcpy(&found[i], ram.base + at, sizeof *found);
		ram_accept(at, sizeof *found);
	}
	qsort(found, count, sizeof *found, compare_completions);
	qsort(ring->expected, count, sizeof *found, compare_completions);
	for (uint32_t i = 0; i < count; i++) {
		if (compare_completions(&found[i], &ring->expected[i]))
			die("a completion has token %#llx and result %lld, not %#llx and %lld",
			    (unsigned long long)found[i].token, (long long)found[i].result,
			    (unsigned long long)ring->expected[i].token, (long long)ring->expected[i].result);
	}
	ring->complete_tail += count;
	if (count && ring->event != POSTERN_NO_HANDLE && world.config.notify && !world.notified &&
	    !ring->line_changed && (guest_line(ring)->flags & POSTERN_RING_GUEST_FLAGS_WANT_EVENT))
		die("the guest wants an event, and gets none");
}

static void check_host_line(const struct ring *ring)
{
	const struct postern_ring_host *line = host_line(ring);
	uint32_t flags = ring->flags | (ring->now.broken ? POSTERN_RING_HOST_FLAGS_BROKEN : 0);

	if (line->submit_head != ring->now.submit_head)
		die("submit_head is %u, not %u", line->submit_head, ring->now.submit_head);
	if (line->flags != flags)
		die("the host's flags are %#x, not %#x", line->flags, flags);
	ram_accept(ring->now.base + HOST_LINE,
		   sizeof line->submit_head + sizeof line->complete_tail + sizeof line->flags);
}

void rings_check(void)
{
	for (unsigned i = 0; i < MOST_VCPUS; i++) {
		struct ring *ring = &rings[i];

		if (ring->now.active && ring->wild) {
			ram_accept(ring->now.base, ring->now.size);
		} else if (ring->now.active) {
			check_completions(ring);
			check_host_line(ring);
		}
		ring->expected_count = 0;
	}
}

/* ---- set-up ---- */

static bool event_is_valid(uint32_t event, int *error)
{
	struct judge_object object;

	*error = 0;
	if (event == POSTERN_NO_HANDLE)
		return true;
	if (!world.judge.find(&world.judge, ABI_HANDLE_EVENT, event, &object))
		*error = EBADF;
	else if (!(object.rights & POSTERN_EVENT_RIGHT_SEND))
		*error = EACCES;
	return !*error;
}

/* Whether all pages of a ring are in a state, or in that state or another. */
static bool pages_are(uint64_t base, uint64_t size, enum p2m_state a, enum p2m_state b)
{
	for (uint64_t at = base; at < base + size; at += MEMORY_PAGE_SIZE) {
		enum p2m_state state = p2m_get(&ram, (gpa_t){ at });

		if (state != a && state != b)
			return false;
	}
	return true;
}

static uint64_t size_of(const struct postern_ring_setup *setup)
{
	return LINES + (sizeof(struct postern_ring_entry) << setup->submit_order) +
	       (sizeof(struct postern_ring_completion) << setup->complete_order);
}

static void begin_ring(struct ring *ring, const struct postern_ring_setup *setup)
{
	struct postern_ring_host host = { .flags = POSTERN_RING_HOST_FLAGS_NEED_WAKEUP };
	uint8_t zero[HOST_LINE] = { 0 };

	ring->now = (struct ring_now){
		.active = true,
		.polled = setup->flags & POSTERN_RING_SETUP_FLAGS_POLLED,
		.base = setup->base,
		.size = size_of(setup),
		.entries = 1U << setup->submit_order,
		.completions = 1U << setup->complete_order,
	};
	ram_expect(ram.base + setup->base, zero, sizeof zero);
	ram_expect(ram.base + setup->base + HOST_LINE, &host, sizeof host);
	ring->wild = false;
	ring->complete_tail = 0;
	ring->flags = POSTERN_RING_HOST_FLAGS_NEED_WAKEUP;
	ring->event = setup->event;
	ring->expected_count = 0;
}

/* Whether ring.setup may answer a result: an error must have its reason, and success none against it. */
static bool is_explained(const struct ring *ring, const struct postern_ring_setup *setup, int64_t result)
{
	uint64_t size = size_of(setup);
	bool in_ram = setup->base < RAM_SIZE && size <= RAM_SIZE - setup->base;
	bool memory = in_ram && pages_are(setup->base, size, P2M_OWNED, P2M_SHARED);
	bool ours = memory && pages_are(setup->base, size, P2M_OWNED, P2M_OWNED);
	bool shared = memory && pages_are(setup->base, size, P2M_SHARED, P2M_SHARED);
	bool order = setup->complete_order >= setup->submit_order;
	bool served = !(setup->flags & POSTERN_RING_SETUP_FLAGS_POLLED) || world.config.doorbell;
	int event_error;
	bool event = event_is_valid(setup->event, &event_error);

	switch (result) {
	case 0:
		return event && order && served && shared && !ring->now.active;
	case -EINVAL:
		return !order;
	case -EFAULT:
		return !memory;
	case -EBUSY:
		return ring->now.active || !ours;
	case -EOPNOTSUPP:
		return !served;
	default:
		return result == -event_error;
	}
}

void rings_set_up(unsigned vcpu, const struct postern_ring_setup *setup, int64_t result)
{
	if (!is_explained(&rings[vcpu], setup, result))
		die("ring.setup answers %lld", (long long)result);
	if (!result)
		begin_ring(&rings[vcpu], setup);
}

void rings_closed(unsigned vcpu, int64_t result)
{
	struct ring *ring = &rings[vcpu];

	if (result != (ring->now.active ? 0 : -ENXIO))
		die("ring.close answers %lld", (long long)result);
	if (!ring->now.active)
		return;
	if (world_in_flight(vcpu))
		die("ring.close leaves calls in flight");
	if (!pages_are(ring->now.base, ring->now.size, P2M_OWNED, P2M_OWNED))
		die("ring.close leaves pages shared");
	rings_check();
	ring->now = (struct ring_now){ 0 };
}

/* Whether there is an entry, and room for its completion. */
static bool has_work(const struct ring *ring)
{
	uint32_t used = unread(ring, ring->complete_tail) + world_in_flight(vcpu_of(ring));

	return ring->now.polled && !ring->now.broken &&
	       guest_line(ring)->submit_tail != ring->now.submit_head && used < ring->now.completions;
}

void rings_dozed(unsigned vcpu, bool may)
{
	struct ring *ring = &rings[vcpu];

	if (ring->now.polled && !ring->now.broken) {
		ring->flags |= POSTERN_RING_HOST_FLAGS_NEED_WAKEUP;
		ring->now.broken = !indices_make_sense(ring, guest_line(ring));
	}
	if (!ring->wild && may == has_work(ring))
		die("the poller %s sleep", may ? "may" : "may not");
}

void rings_woken(unsigned vcpu)
{
	struct ring *ring = &rings[vcpu];

	if (ring->now.polled)
		ring->flags &= ~POSTERN_RING_HOST_FLAGS_NEED_WAKEUP;
}
