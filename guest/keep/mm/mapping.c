/* SPDX-License-Identifier: ISC */
/* mapping.c - the tree of mappings. Depth is logarithmic by chance, whatever a program does: it does not see priorities. */
#include "mm/mapping.h"

#include "mm/space.h"

/* ---- gaps ---- */

/* The free room before a mapping. */
static uint64_t gap_begin(const struct mapping *mapping)
{
	return mapping->previous ? mapping->previous->end : 0;
}

static uint64_t gap_end(const struct mapping *mapping)
{
	const uint64_t guard = mapping->flags & SPACE_STACK ? STACK_GAP : 0;
	const uint64_t begin = gap_begin(mapping);

	return mapping->begin - begin > guard ? mapping->begin - guard : begin;
}

static uint64_t largest_gap(const struct mapping *mapping)
{
	return mapping ? mapping->largest_gap : 0;
}

static void update(struct mapping *mapping)
{
	mapping->largest_gap = most(gap_end(mapping) - gap_begin(mapping),
				    most(largest_gap(mapping->left), largest_gap(mapping->right)));
}

static void update_up(struct mapping *mapping)
{
	for (; mapping; mapping = mapping->parent)
		update(mapping);
}

void mappings_changed(struct mappings *mappings, struct mapping *mapping)
{
	(void)mappings;
	update_up(mapping);
	update_up(mapping->next);
}

/* ---- the tree ---- */

struct mapping *mappings_find(const struct mappings *mappings, uint64_t address)
{
	struct mapping *found = NULL;

	for (struct mapping *at = mappings->root; at;) {
		if (at->end > address) {
			found = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return found;
}

static uint32_t random_priority(struct mappings *mappings)
{
	uint32_t value = mappings->seed ? mappings->seed : 0x9e3779b9;

	value ^= value << 13;
	value ^= value >> 17;
	value ^= value << 5;
	return mappings->seed = value;
}

/* The place where a mapping hangs. */
static struct mapping **place_of(struct mappings *mappings, const struct mapping *mapping)
{
	struct mapping *parent = mapping->parent;

	if (!parent)
		return &mappings->root;
	return parent->left == mapping ? &parent->left : &parent->right;
}

/* Puts a child in its parent's place, and the parent below it. */
static void rotate_up(struct mappings *mappings, struct mapping *child)
{
	struct mapping *parent = child->parent;
	struct mapping **inner = parent->left == child ? &child->right : &child->left;
	struct mapping **from = parent->left == child ? &parent->left : &parent->right;

	*place_of(mappings, parent) = child;
	child->parent = parent->parent;
	*from = *inner;
	if (*inner)
		(*inner)->parent = parent;
	*inner = parent;
	parent->parent = child;
	update(parent);
	update(child);
}

static void link_between(struct mappings *mappings, struct mapping *mapping, struct mapping *previous,
			 struct mapping *next)
{
	mapping->previous = previous;
	mapping->next = next;
	*(previous ? &previous->next : &mappings->first) = mapping;
	if (next)
		next->previous = mapping;
}

void mappings_insert(struct mappings *mappings, struct mapping *mapping)
{
	struct mapping **place = &mappings->root;
	struct mapping *previous = NULL;
	struct mapping *next = NULL;

	mapping->parent = mapping->left = mapping->right = NULL;
	while (*place) {
		mapping->parent = *place;
		if (mapping->begin < (*place)->begin) {
			next = *place;
			place = &(*place)->left;
		} else {
			previous = *place;
			place = &(*place)->right;
		}
	}
	*place = mapping;
	link_between(mappings, mapping, previous, next);
	mapping->priority = random_priority(mappings);
	mappings_changed(mappings, mapping);
	while (mapping->parent && mapping->parent->priority < mapping->priority)
		rotate_up(mappings, mapping);
	mappings->count++;
}

void mappings_remove(struct mappings *mappings, struct mapping *mapping)
{
	struct mapping *next = mapping->next;

	while (mapping->left || mapping->right) {
		struct mapping *left = mapping->left;
		struct mapping *right = mapping->right;

		rotate_up(mappings, !right || (left && left->priority > right->priority) ? left : right);
	}
	*place_of(mappings, mapping) = NULL;
	*(mapping->previous ? &mapping->previous->next : &mappings->first) = next;
	if (next)
		next->previous = mapping->previous;
	update_up(mapping->parent);
	update_up(next);
	mappings->count--;
}

/* ---- finding room ---- */

struct request {
	uint64_t length, floor, ceiling;
};

/* The address for a request in a gap, at its end or its beginning; 0: it does not fit. */
static uint64_t fit(const struct request *request, uint64_t begin, uint64_t end, bool high)
{
	begin = most(begin, request->floor);
	end = least(end, request->ceiling);
	if (end < begin || end - begin < request->length)
		return 0;
	return high ? end - request->length : begin;
}

static struct mapping *first_of(struct mapping *mapping, bool high)
{
	return high ? mapping->right : mapping->left;
}

/* Subtrees without a gap that is large enough, or on the wrong side of a bound, are left out. */
static uint64_t search(struct mapping *mapping, const struct request *request, bool high)
{
	uint64_t found = 0;

	if (!mapping || mapping->largest_gap < request->length)
		return 0;
	if (high ? mapping->end < request->ceiling : mapping->begin > request->floor)
		found = search(first_of(mapping, high), request, high);
	if (!found)
		found = fit(request, gap_begin(mapping), gap_end(mapping), high);
	if (!found && (high ? mapping->begin > request->floor : mapping->end < request->ceiling))
		found = search(first_of(mapping, !high), request, high);
	return found;
}

static uint64_t last_end(const struct mappings *mappings)
{
	const struct mapping *last = mappings->root;

	while (last && last->right)
		last = last->right;
	return last ? last->end : 0;
}

uint64_t mappings_highest_room(const struct mappings *mappings, uint64_t length, uint64_t floor,
			       uint64_t ceiling)
{
	const struct request request = { length, floor, ceiling };
	const uint64_t behind = fit(&request, last_end(mappings), UINT64_MAX, true);

	return behind ? behind : search(mappings->root, &request, true);
}

uint64_t mappings_lowest_room(const struct mappings *mappings, uint64_t length, uint64_t floor,
			      uint64_t ceiling)
{
	const struct request request = { length, floor, ceiling };
	const uint64_t found = search(mappings->root, &request, false);

	return found ? found : fit(&request, last_end(mappings), UINT64_MAX, false);
}
