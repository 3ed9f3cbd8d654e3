/* SPDX-License-Identifier: ISC */
/* advise.c - madvise(2), msync(2), mlock(2): what is done to a range of mappings without changing where they are. */
#include "mm/internal.h"

#include <linux/mman.h>

/* A range that was asked for: begin and end, to whole pages. */
struct range {
	uint64_t begin, end;
};

/* Where a program names something impossible, it is told that nothing is mapped there. */
static int range_of(uint64_t address, uint64_t length, struct range *range)
{
	if (address & ~PAGE_MASK)
		return -EINVAL;
	if (!is_user_range(address, length))
		return -ENOMEM;
	*range = (struct range){ address, address + page_ceiling(length) };
	return 0;
}

/* The next mapping from *at on in a range, and what of it is in the range; moves *at behind that. */
static struct mapping *next_in(const struct space *space, uint64_t *at, uint64_t end, struct range *part)
{
	struct mapping *mapping = *at < end ? mappings_find(&space->mappings, *at) : NULL;

	if (!mapping || mapping->begin >= end)
		return NULL;
	*part = (struct range){ most(mapping->begin, *at), least(mapping->end, end) };
	*at = part->end;
	return mapping;
}

/* ---- madvise ---- */

/* Gives the pages up: they come again as they first were. */
static int give_up(struct space *space, struct mapping *mapping, const struct range *part)
{
	if (mapping->flags & SPACE_LOCKED)
		return -EINVAL;
	space_mark_dirty(space, mapping, part->begin, part->end);
	space_clear(space, part->begin, part->end);
	return 0;
}

/* To be free at any time: and now is one. Not for files, as in Linux. */
static int give_up_anonymous(struct space *space, struct mapping *mapping, const struct range *part)
{
	return mapping->file ? -EINVAL : give_up(space, mapping, part);
}

/* A hole in the file itself. */
static int punch(struct space *space, struct mapping *mapping, const struct range *part)
{
	enum { KEEP_SIZE = 1, PUNCH_HOLE = 2 };
	struct file *file = mapping->file;
	const uint64_t offset = mapping->offset + (part->begin - mapping->begin);
	int error;

	if (mapping->flags & SPACE_LOCKED)
		return -EINVAL;
	if (!(mapping->flags & SPACE_SHARED))
		return -EINVAL;
	if (!file_may_write(file))
		return -EACCES;
	if (!file->functions->allocate)
		return -EOPNOTSUPP;
	space_clear(space, part->begin, part->end);
	file_hold(file);
	error = file->functions->allocate(file, KEEP_SIZE | PUNCH_HOLE, offset, part->end - part->begin);
	file_drop(file);
	return error;
}

/* Brings all pages of a part; what has no page, as behind the end of a file, is a bad address. */
static int bring(struct space *space, const struct range *part, unsigned access)
{
	int error = 0;

	for (uint64_t at = part->begin; at < part->end && !error; at += PAGE_SIZE)
		(void)space_memory(space, at, access, &error);
	return error == -ENOMEM || !error ? error : -EFAULT;
}

static int bring_to_read(struct space *space, struct mapping *mapping, const struct range *part)
{
	return mapping->access ? bring(space, part, SPACE_READ) : -EINVAL;
}

static int bring_to_write(struct space *space, struct mapping *mapping, const struct range *part)
{
	return mapping->access & SPACE_WRITE ? bring(space, part, SPACE_WRITE) : -EINVAL;
}

typedef int advise_function(struct space *space, struct mapping *mapping, const struct range *part);

struct advice {
	int number;
	advise_function *run; /* NULL: a hint, which is taken and needs nothing done */
};

/* clang-format off */
static const struct advice advices[] = {
	{ MADV_NORMAL, NULL },
	{ MADV_RANDOM, NULL },
	{ MADV_SEQUENTIAL, NULL },
	{ MADV_WILLNEED, NULL },
	{ MADV_DONTNEED, give_up },
	{ MADV_FREE, give_up_anonymous },
	{ MADV_REMOVE, punch },
	{ MADV_DONTFORK, NULL },
	{ MADV_DOFORK, NULL },
	{ MADV_DONTDUMP, NULL },
	{ MADV_DODUMP, NULL },
	{ MADV_COLD, NULL },
	{ MADV_PAGEOUT, NULL },
	{ MADV_POPULATE_READ, bring_to_read },
	{ MADV_POPULATE_WRITE, bring_to_write },
};
/* clang-format on */

static const struct advice *find_advice(int number)
{
	for (size_t i = 0; i < COUNT_OF(advices); i++) {
		if (advices[i].number == number)
			return &advices[i];
	}
	return NULL;
}

int space_advise(struct space *space, uint64_t address, uint64_t length, int advice)
{
	const struct advice *found = find_advice(advice);
	struct mapping *mapping;
	struct range range, part;
	uint64_t at;
	int error = found ? range_of(address, length, &range) : -EINVAL;
	bool full;

	if (error)
		return error == -ENOMEM ? -EINVAL : error;
	full = space_is_full(space, range.begin, range.end);
	at = range.begin;
	while (!error && found->run && (mapping = next_in(space, &at, range.end, &part)))
		error = found->run(space, mapping, &part);
	/* What is mapped has been done, as in Linux. */
	return error || full ? error : -ENOMEM;
}

/* ---- msync ---- */

static int write_back(struct space *space, struct mapping *mapping, const struct range *part)
{
	struct file *file = mapping->file;
	int error;

	if (!(mapping->flags & SPACE_SHARED) || !file->functions->write_back)
		return 0;
	space_mark_dirty(space, mapping, part->begin, part->end);
	file_hold(file);
	error = file->functions->write_back(file, file_index(mapping, part->begin),
					    (part->end - part->begin) >> PAGE_SHIFT);
	file_drop(file);
	return error;
}

int space_sync(struct space *space, uint64_t address, uint64_t length)
{
	struct mapping *mapping;
	struct range range, part;
	uint64_t at;
	int error = range_of(address, length, &range);
	bool full;

	if (error)
		return error;
	full = space_is_full(space, range.begin, range.end);
	at = range.begin;
	while (!error && (mapping = next_in(space, &at, range.end, &part)))
		error = write_back(space, mapping, &part);
	return error || full ? error : -ENOMEM;
}

/* ---- mlock ---- */

static int set_locked(struct space *space, const struct range *range, bool locked)
{
	int error = space_split(space, range->begin);

	if (!error)
		error = space_split(space, range->end);
	if (error) {
		space_join(space, range->begin);
		return error;
	}
	for (struct mapping *at = space_at(space, range->begin); at && at->begin < range->end;
	     at = at->next) {
		const uint64_t length = at->end - at->begin;

		if (!(at->flags & SPACE_LOCKED) == !locked)
			continue;
		at->flags ^= SPACE_LOCKED;
		space->locked += locked ? length : -length;
	}
	space_join_all(space, range->begin, range->end);
	return 0;
}

int space_lock(struct space *space, uint64_t address, uint64_t length, bool locked, bool populate)
{
	const uint64_t into = address & ~PAGE_MASK;
	struct range range;
	int error;

	if (!is_user_range(address, length))
		return length > UINT64_MAX - address ? -EINVAL : -ENOMEM;
	error = range_of(address - into, length + into, &range);
	if (error || range.begin == range.end)
		return error;
	if (!space_is_full(space, range.begin, range.end))
		return -ENOMEM;
	error = set_locked(space, &range, locked);
	if (!error && populate && space_populate(space, range.begin, range.end))
		error = -ENOMEM;
	return error;
}
