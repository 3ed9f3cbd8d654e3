/* SPDX-License-Identifier: ISC */
/*
 * compat.c - compares two versions of a contract. Things are matched by name; what has gone is then
 * looked for by number, value or place, so that a rename is reported as one. A change that follows from
 * another (the fields behind an inserted one have moved) is not reported again.
 */
#include "compat.h"

#include "arena.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

struct comparison {
	const struct contract *old;
	const struct contract *new;
	const char *before; /* the old contract's version */
	struct diagnostics *list;
};

#define refuse(c, at, ...) diagnose((c)->list, (at), __VA_ARGS__)

/* ---- finding ---- */

/* The element called name in an array of structs that start with their name, or NULL. */
static const void *find_named(const char *name, const void *array, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		const void *element = (const char *)array + i * size;

		if (!strcmp(*(const char *const *)element, name))
			return element;
	}
	return NULL;
}

#define FIND(array, count, name) find_named((name), (array), (count), sizeof *(array))

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* ---- words ---- */

static void refuse_gone(const struct comparison *c, struct location at, const char *what)
{
	refuse(c, at, "%s is gone; what was built for %s uses it", what, c->before);
}

static void refuse_renamed(const struct comparison *c, struct location at, const char *what, const char *name)
{
	refuse(c, at, "%s: renamed, was '%s'; what was written for %s uses the old name", what, name,
	       c->before);
}

/* The versions since which two contracts have a thing. */
struct since {
	struct version old, new;
};

static void compare_since(const struct comparison *c, struct location at, const char *what,
			  struct version old, struct version new)
{
	if (version_compare(old, new) != 0)
		refuse(c, at, "%s: since %s, was %s; levels that were released would change", what,
		       version_text(new), version_text(old));
}

/* What has its version from its owner is not reported when it has changed with that one's. */
static void compare_inner_since(const struct comparison *c, struct location at, const char *what,
				struct since inner, struct since owner)
{
	bool owner_changed = version_compare(owner.old, owner.new) != 0;
	bool inherited = version_compare(inner.old, owner.old) == 0 &&
			 version_compare(inner.new, owner.new) == 0;

	if (!owner_changed || !inherited)
		compare_since(c, at, what, inner.old, inner.new);
}

/* What is new must say so: a host at the old level then keeps it from the guest. */
static void require_newer(const struct comparison *c, struct location at, const char *what,
			  struct version since)
{
	if (version_compare(since, c->old->version) <= 0)
		refuse(c, at,
		       "%s is new, but since %s; it needs a since above %s, or that level would change", what,
		       version_text(since), c->before);
}

/* ---- members ---- */

/* What owns some members, and what they are to it. */
struct member_owner {
	const char *noun; /* "value", "bit", "right", "state" */
	const char *name; /* "enum clock_id" */
	struct location at;
	struct since since;
	const struct member *old, *new;
	size_t old_count, new_count;
};

static const struct member *member_by_value(const struct member *members, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++) {
		if (members[i].value == value)
			return &members[i];
	}
	return NULL;
}

/* The old member that a new one, unknown by its name, has taken the place of; NULL: it is an addition. */
static const struct member *replaced_member(const struct member_owner *owner, const struct member *new)
{
	const struct member *old = member_by_value(owner->old, owner->old_count, new->value);

	return old && !FIND(owner->new, owner->new_count, old->name) ? old : NULL;
}

static void compare_old_member(const struct comparison *c, const struct member_owner *owner,
			       const struct member *old)
{
	const struct member *new = FIND(owner->new, owner->new_count, old->name);
	const char *what = arena_print("%s %s of %s", owner->noun, old->name, owner->name);

	if (new) {
		if (new->value != old->value)
			refuse(c, new->at, "%s: value %s, was %s; what was built for %s uses the old one",
			       what, number_text(new->value), number_text(old->value), c->before);
		compare_inner_since(c, new->at, what, (struct since){ old->since, new->since }, owner->since);
		return;
	}
	new = member_by_value(owner->new, owner->new_count, old->value);
	if (!new || FIND(owner->old, owner->old_count, new->name))
		refuse_gone(c, owner->at, what);
}

static void compare_members(const struct comparison *c, const struct member_owner *owner)
{
	for (size_t i = 0; i < owner->old_count; i++)
		compare_old_member(c, owner, &owner->old[i]);
	for (size_t i = 0; i < owner->new_count; i++) {
		const struct member *new = &owner->new[i];
		const char *what = arena_print("%s %s of %s", owner->noun, new->name, owner->name);
		const struct member *replaced;

		if (FIND(owner->old, owner->old_count, new->name))
			continue;
		replaced = replaced_member(owner, new);
		if (replaced)
			refuse_renamed(c, new->at, what, replaced->name);
		else
			require_newer(c, new->at, what, new->since);
	}
}

/* ---- constraints ---- */

/* A field or an argument in both contracts. */
struct pair {
	const char *what;
	const struct field *old, *new;
	bool relied_on; /* guests read the value: allowing more of them breaks them, too */
};

static bool is_below(const struct type *type, uint64_t a, uint64_t b)
{
	return type->is_signed ? (int64_t)a < (int64_t)b : a < b;
}

static const char *range_text(const struct field *field)
{
	return arena_print("%s..%s", value_text(&field->type, field->min),
			   value_text(&field->type, field->max));
}

static void compare_bounds(const struct comparison *c, const struct pair *pair)
{
	const struct type *type = &pair->new->type;
	bool narrowed = is_below(type, pair->old->min, pair->new->min) ||
			is_below(type, pair->new->max, pair->old->max);
	bool widened = is_below(type, pair->new->min, pair->old->min) ||
		       is_below(type, pair->old->max, pair->new->max);
	const char *ranges = arena_print("range %s, was %s", range_text(pair->new), range_text(pair->old));

	if (narrowed)
		refuse(c, pair->new->at, "%s: %s; values that were valid no longer are", pair->what, ranges);
	else if (widened && pair->relied_on)
		refuse(c, pair->new->at, "%s: %s; guests built for %s do not expect the new values",
		       pair->what, ranges, c->before);
}

static void compare_alignment(const struct comparison *c, const struct pair *pair)
{
	uint64_t old = pair->old->align ? pair->old->align : 1;
	uint64_t new = pair->new->align ? pair->new->align : 1;
	const char *change = arena_print("align %s, was %s", number_text(new), number_text(old));

	if (new > old)
		refuse(c, pair->new->at, "%s: %s; values that were valid no longer are", pair->what, change);
	else if (new < old && pair->relied_on)
		refuse(c, pair->new->at, "%s: %s; guests built for %s do not expect the new values",
		       pair->what, change, c->before);
}

static void compare_from(const struct comparison *c, const struct pair *pair)
{
	const char *old = pair->old->from.text;
	const char *new = pair->new->from.text;

	if (same_text(old, new))
		return;
	if (new)
		refuse(c, pair->new->at, "%s: from %s, was %s; sums that were valid no longer are",
		       pair->what, new, old ? old : "none");
	else if (pair->relied_on)
		refuse(c, pair->new->at,
		       "%s: no longer from %s; guests built for %s do not expect that it overflows",
		       pair->what, old, c->before);
}

static void compare_integers(const struct comparison *c, const struct pair *pair)
{
	if (pair->new->zero && !pair->old->zero) {
		refuse(c, pair->new->at, "%s: zero now, was not; values that were valid no longer are",
		       pair->what);
		return;
	}
	if (pair->old->zero && !pair->new->zero) {
		refuse(c, pair->new->at, "%s: was zero; what takes a reserved place needs a since above %s",
		       pair->what, c->before);
		return;
	}
	if (is_bounded(&pair->new->type)) {
		compare_bounds(c, pair);
		compare_alignment(c, pair);
		compare_from(c, pair);
	}
}

static void compare_lengths(const struct comparison *c, const struct pair *pair)
{
	const struct field *old = pair->old;
	const struct field *new = pair->new;

	if (new->max < old->max)
		refuse(c, new->at, "%s: max %s, was %s; lengths that were valid no longer are", pair->what,
		       number_text(new->max), number_text(old->max));
	if (new->min > old->min)
		refuse(c, new->at, "%s: min %s, was %s; lengths that were valid no longer are", pair->what,
		       number_text(new->min), number_text(old->min));
	if (new->total < old->total)
		refuse(c, new->at, "%s: total %s, was %s; lengths that were valid no longer are", pair->what,
		       number_text(new->total), number_text(old->total));
}

static bool needs_right(const struct field *field, const char *right)
{
	for (size_t i = 0; i < field->need_count; i++) {
		if (!strcmp(field->needs[i].text, right))
			return true;
	}
	return false;
}

static void compare_handle_states(const struct comparison *c, const struct pair *pair)
{
	const struct field *old = pair->old;
	const struct field *new = pair->new;

	if (!new->state.text)
		return; /* any state will do now */
	if (!same_text(old->state.text, new->state.text))
		refuse(c, new->at, "%s: while %s, was %s; objects that were accepted no longer are",
		       pair->what, new->state.text, old->state.text ? old->state.text : "any state");
	else if (!same_text(old->state_error.text, new->state_error.text))
		refuse(c, new->at, "%s: not %s is %s, was %s; guests built for %s do not expect it",
		       pair->what, new->state.text, new->state_error.text, old->state_error.text, c->before);
}

static void compare_handles_needs(const struct comparison *c, const struct pair *pair)
{
	for (size_t i = 0; i < pair->new->need_count; i++) {
		const char *right = pair->new->needs[i].text;

		if (!needs_right(pair->old, right))
			refuse(c, pair->new->at,
			       "%s: needs right %s, did not; handles that were accepted no longer are",
			       pair->what, right);
	}
	compare_handle_states(c, pair);
	if (pair->old->optional && !pair->new->optional)
		refuse(c, pair->new->at, "%s: no longer optional; guests built for %s leave it out",
		       pair->what, c->before);
}

static void compare_constraints(const struct comparison *c, const struct pair *pair)
{
	if (type_is_memory(pair->new->type.kind))
		compare_lengths(c, pair);
	else if (pair->new->type.kind == TYPE_HANDLE)
		compare_handles_needs(c, pair);
	else
		compare_integers(c, pair);
}

/* ---- fields and arguments ---- */

/* The fields of a struct, or the arguments of a call. */
struct field_owner {
	const char *noun;  /* "field", "argument" */
	const char *place; /* "offset", "register" */
	const char *name;  /* "struct clock_info" */
	struct location at;
	struct since since;
	const struct field *old, *new;
	size_t old_count, new_count;
	bool grows;
	bool relied_on;
};

/* Only one of the two is ever set: arguments have no offset, fields no register. */
static uint64_t place_of(const struct field *field)
{
	return field->offset + field->first_register;
}

static const struct field *field_at(const struct field *fields, size_t count, uint64_t place)
{
	for (size_t i = 0; i < count; i++) {
		if (place_of(&fields[i]) == place)
			return &fields[i];
	}
	return NULL;
}

/* A type with a name is compared where it is declared. */
static bool same_type(const struct field *old, const struct field *new)
{
	const struct type *a = &old->type;
	const struct type *b = &new->type;

	if (a->kind != b->kind || a->count != b->count || !same_text(a->name, b->name))
		return false;
	return a->name || (a->bytes == b->bytes && a->is_signed == b->is_signed);
}

/* A reserved place may be put to use: older callers have zero there, and zero means the old behaviour. */
static bool is_reserve_used(const struct comparison *c, const struct field *old, const struct field *new)
{
	return old->zero && !new->zero &&same_type(old, new) && place_of(old) == place_of(new) &&
	       version_compare(new->since, c->old->version) > 0;
}

static const char *name_field(const struct field_owner *owner, const struct field *field)
{
	return arena_print("%s %s of %s", owner->noun, field->name, owner->name);
}

static void compare_types(const struct comparison *c, const struct pair *pair)
{
	if (pair->old->direction != pair->new->direction)
		refuse(c, pair->new->at, "%s: %s, was %s; what was built for %s uses the other", pair->what,
		       direction_words[pair->new->direction], direction_words[pair->old->direction],
		       c->before);
	if (!same_type(pair->old, pair->new))
		refuse(c, pair->new->at, "%s: type %s, was %s; what was built for %s uses the other",
		       pair->what, type_text(&pair->new->type), type_text(&pair->old->type), c->before);
	else
		compare_constraints(c, pair);
}

/* The old field that a new one, unknown by its name, has taken the place of; NULL: it is an addition. */
static const struct field *replaced_field(const struct field_owner *owner, const struct field *new)
{
	const struct field *old = field_at(owner->old, owner->old_count, place_of(new));

	return old && !FIND(owner->new, owner->new_count, old->name) ? old : NULL;
}

static void compare_old_field(const struct comparison *c, const struct field_owner *owner,
			      const struct field *old)
{
	const struct field *new = FIND(owner->new, owner->new_count, old->name);
	struct pair pair = {
		.what = name_field(owner, old), .old = old, .new = new, .relied_on = owner->relied_on
	};

	if (new) {
		if (is_reserve_used(c, old, new))
			return;
		compare_inner_since(c, new->at, pair.what, (struct since){ old->since, new->since },
				    owner->since);
		compare_types(c, &pair);
		return;
	}
	new = field_at(owner->new, owner->new_count, place_of(old));
	if (!new || FIND(owner->old, owner->old_count, new->name))
		refuse_gone(c, owner->at, pair.what);
}

/* Whether anything that the old contract had comes after the new field. */
static const struct field *old_field_after(const struct field_owner *owner, const struct field *new)
{
	for (const struct field *field = new + 1; field < owner->new + owner->new_count; field++) {
		if (FIND(owner->old, owner->old_count, field->name))
			return field;
	}
	return NULL;
}

static void compare_replaced_field(const struct comparison *c, const char *what, const struct field *old,
				   const struct field *new)
{
	if (is_reserve_used(c, old, new))
		return;
	if (old->zero)
		refuse(c, new->at,
		       "%s: in the place of reserved '%s'; it takes the same type, %s, and a since above %s",
		       what, old->name, type_text(&old->type), c->before);
	else
		refuse_renamed(c, new->at, what, old->name);
}

static void compare_new_field(const struct comparison *c, const struct field_owner *owner,
			      const struct field *new)
{
	const struct field *replaced = replaced_field(owner, new);
	const struct field *behind = old_field_after(owner, new);
	const char *what = name_field(owner, new);

	if (replaced) {
		compare_replaced_field(c, what, replaced, new);
	} else if (behind) {
		refuse(c, new->at, "%s: inserted before '%s'; only appending keeps the places of the others",
		       what, behind->name);
	} else if (!owner->grows) {
		refuse(c, new->at,
		       "%s: appended, but %s is not extensible; guests built for %s use the old size", what,
		       owner->name, c->before);
	} else {
		require_newer(c, new->at, what, new->since);
	}
}

/* Names the first that has moved; those behind it have moved with it. */
static void refuse_moved(const struct comparison *c, const struct field_owner *owner)
{
	for (size_t i = 0; i < owner->old_count; i++) {
		const struct field *old = &owner->old[i];
		const struct field *new = FIND(owner->new, owner->new_count, old->name);

		if (!new || place_of(new) == place_of(old))
			continue;
		refuse(c, new->at,
		       "%s: %s %" PRIu64 ", was %" PRIu64 "; what was built for %s uses the old one",
		       name_field(owner, old), owner->place, place_of(new), place_of(old), c->before);
		return;
	}
}

static void compare_fields(const struct comparison *c, const struct field_owner *owner)
{
	size_t refused = c->list->count;

	for (size_t i = 0; i < owner->old_count; i++)
		compare_old_field(c, owner, &owner->old[i]);
	for (size_t i = 0; i < owner->new_count; i++) {
		if (!FIND(owner->old, owner->old_count, owner->new[i].name))
			compare_new_field(c, owner, &owner->new[i]);
	}
	if (c->list->count == refused)
		refuse_moved(c, owner);
}

/* ---- types ---- */

static void compare_choice(const struct comparison *c, const struct choice *old, const struct choice *new)
{
	const char *what = arena_print("%s %s", choice_words[new->is_flags], new->name);
	struct member_owner members = {
		.noun = new->is_flags ? "bit" : "value",
		.name = what,
		.at = new->at,
		.since = { old->since, new->since },
		.old = old->members,
		.old_count = old->member_count,
		.new = new->members,
		.new_count = new->member_count,
	};

	if (old->is_flags != new->is_flags) {
		refuse(c, new->at, "type %s: %s, was %s; what was built for %s uses the other", new->name,
		       choice_words[new->is_flags], choice_words[old->is_flags], c->before);
		return;
	}
	if (old->bytes != new->bytes)
		refuse(c, new->at, "%s: base type u%u, was u%u; what was built for %s uses the other", what,
		       8 * new->bytes, 8 * old->bytes, c->before);
	compare_since(c, new->at, what, old->since, new->since);
	compare_members(c, &members);
}

static void compare_handle(const struct comparison *c, const struct handle *old, const struct handle *new)
{
	const char *what = arena_print("handle %s", new->name);
	struct since since = { old->since, new->since };
	struct member_owner rights = { "right",     what,        new->at,          since,
				       old->rights, new->rights, old->right_count, new->right_count };
	struct member_owner states = { "state",     what,        new->at,          since,
				       old->states, new->states, old->state_count, new->state_count };

	if (old->kind != new->kind)
		refuse(c, new->at, "%s: kind %" PRIu64 ", was %" PRIu64 "; it is part of every handle", what,
		       new->kind, old->kind);
	if (new->max < old->max)
		refuse(c, new->at, "%s: max %s, was %s; guests built for %s may hold more", what,
		       number_text(new->max), number_text(old->max), c->before);
	compare_since(c, new->at, what, old->since, new->since);
	compare_members(c, &rights);
	compare_members(c, &states);
}

/* Whether the record is the wanted one or has it inside. */
static bool record_holds(const struct record *record, const struct record *wanted)
{
	if (record == wanted)
		return true;
	for (size_t i = 0; i < record->field_count; i++) {
		if (record->fields[i].type.record && record_holds(record->fields[i].type.record, wanted))
			return true;
	}
	return false;
}

/* Whether some call hands the struct to the guest. */
static bool is_answered(const struct contract *contract, const struct record *record)
{
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		for (size_t j = 0; j < call->arg_count; j++) {
			const struct field *arg = &call->args[j];

			if (arg->direction != DIRECTION_IN && arg->type.record &&
			    record_holds(arg->type.record, record))
				return true;
		}
	}
	return false;
}

static void compare_record(const struct comparison *c, const struct record *old, const struct record *new)
{
	static const char *const words[] = { "fixed", "extensible" };
	const char *what = arena_print("struct %s", new->name);
	struct field_owner fields = {
		.noun = "field",
		.place = "offset",
		.name = what,
		.at = new->at,
		.since = { old->since, new->since },
		.old = old->fields,
		.old_count = old->field_count,
		.new = new->fields,
		.new_count = new->field_count,
		.grows = new->extensible,
		.relied_on = is_answered(c->old, old),
	};

	if (old->extensible != new->extensible)
		refuse(c, new->at, "%s: %s, was %s; it crosses in another way", what, words[new->extensible],
		       words[old->extensible]);
	compare_since(c, new->at, what, old->since, new->since);
	compare_fields(c, &fields);
}

/* What kind of type the contract means by a name, or NULL. */
static const char *kind_of_type(const struct contract *contract, const char *name, struct location *at)
{
	const struct choice *choice = FIND(contract->choices, contract->choice_count, name);
	const struct handle *handle = FIND(contract->handles, contract->handle_count, name);
	const struct record *record = FIND(contract->records, contract->record_count, name);

	if (choice)
		*at = choice->at;
	else if (handle)
		*at = handle->at;
	else if (record)
		*at = record->at;
	else
		return NULL;
	return choice ? choice_words[choice->is_flags] : handle ? "handle" : "struct";
}

/* The type is not of its old kind: it is gone, or its name means something else. */
static void refuse_type(const struct comparison *c, const char *kind, const char *name)
{
	struct location at = c->new->at;
	const char *other = kind_of_type(c->new, name, &at);

	if (other)
		refuse(c, at, "type %s: %s, was %s; what was built for %s uses the other", name, other, kind,
		       c->before);
	else
		refuse_gone(c, at, arena_print("%s %s", kind, name));
}

static void compare_all_types(const struct comparison *c)
{
	for (size_t i = 0; i < c->old->choice_count; i++) {
		const struct choice *old = &c->old->choices[i];
		const struct choice *new = FIND(c->new->choices, c->new->choice_count, old->name);

		if (new)
			compare_choice(c, old, new);
		else
			refuse_type(c, choice_words[old->is_flags], old->name);
	}
	for (size_t i = 0; i < c->old->handle_count; i++) {
		const struct handle *old = &c->old->handles[i];
		const struct handle *new = FIND(c->new->handles, c->new->handle_count, old->name);

		if (new)
			compare_handle(c, old, new);
		else
			refuse_type(c, "handle", old->name);
	}
	for (size_t i = 0; i < c->old->record_count; i++) {
		const struct record *old = &c->old->records[i];
		const struct record *new = FIND(c->new->records, c->new->record_count, old->name);

		if (new)
			compare_record(c, old, new);
		else
			refuse_type(c, "struct", old->name);
	}
}

/* ---- calls ---- */

static void compare_cost(const struct comparison *c, const char *what, const struct call *old,
			 const struct call *new)
{
	/* The order of enum cost is from the best to the worst. */
	if (new->cost > old->cost)
		refuse(c, new->at, "%s: cost %s, was %s; guests built for %s do not expect the wait", what,
		       cost_words[new->cost], cost_words[old->cost], c->before);
	else if (new->cost == COST_PARTIAL && old->cost == COST_PARTIAL &&
		 !same_text(new->cost_arg.text, old->cost_arg.text))
		refuse(c, new->at, "%s: cost partial %s, was partial %s; the result counts something else",
		       what, new->cost_arg.text, old->cost_arg.text);
}

static void compare_crossings(const struct comparison *c, const char *what, const struct call *old,
			      const struct call *new)
{
	unsigned removed = old->crossings & ~new->crossings;

	if (removed)
		refuse(c, new->at, "%s: no longer crosses by %s; guests built for %s may cross that way",
		       what, crossings_text(removed, " and "), c->before);
}

static void compare_properties(const struct comparison *c, const char *what, const struct call *old,
			       const struct call *new)
{
	if (old->right == RIGHT_ALWAYS && new->right == RIGHT_GRANTED)
		refuse(c, new->at, "%s: right granted, was always; guests built for %s do not expect EPERM",
		       what, c->before);
	compare_cost(c, what, old, new);
	if (new->rate_limited && !old->rate_limited)
		refuse(c, new->at, "%s: rate limited, was not; guests built for %s may call it more often",
		       what, c->before);
	compare_crossings(c, what, old, new);
	if (new->async != old->async)
		refuse(c, new->at, "%s: %s, was %s; it completes in another way", what,
		       new->async ? "async" : "not async", old->async ? "async" : "not async");
}

/*
 * Only what new declares is looked at: an error newly implied follows from a change that is reported by
 * itself, or from an argument that older guests leave at zero.
 */
static void compare_errors(const struct comparison *c, const char *what, const struct call *old,
			   const struct call *new)
{
	struct error_rows known = call_errors(old);

	for (size_t i = 0; i < new->error_count; i++) {
		const struct call_error *error = &new->errors[i];

		if (!FIND(known.items, known.count, error->name))
			refuse(c, error->at, "%s: error %s is new; guests built for %s do not expect it",
			       what, error->name, c->before);
	}
}

static void compare_call(const struct comparison *c, const struct call *old, const struct call *new)
{
	const char *what = arena_print("call %s", new->name);
	struct field_owner arguments = {
		.noun = "argument",
		.place = "register",
		.name = what,
		.at = new->at,
		.since = { old->since, new->since },
		.old = old->args,
		.old_count = old->arg_count,
		.new = new->args,
		.new_count = new->arg_count,
		.grows = true,
	};

	if (old->number != new->number)
		refuse(c, new->number_at,
		       "%s: number 0x%04" PRIx64 ", was 0x%04" PRIx64 "; what was built for %s uses the "
		       "old one",
		       what, new->number, old->number, c->before);
	compare_since(c, new->at, what, old->since, new->since);
	compare_fields(c, &arguments);
	compare_properties(c, what, old, new);
	compare_errors(c, what, old, new);
}

static const struct call *call_by_number(const struct contract *contract, uint64_t number)
{
	for (size_t i = 0; i < contract->call_count; i++) {
		if (contract->calls[i].number == number)
			return &contract->calls[i];
	}
	return NULL;
}

static void compare_new_call(const struct comparison *c, const struct call *new)
{
	const struct call *had_number = call_by_number(c->old, new->number);
	const char *what = arena_print("call %s", new->name);

	if (!had_number)
		require_newer(c, new->at, what, new->since);
	else if (FIND(c->new->calls, c->new->call_count, had_number->name))
		refuse(c, new->number_at, "%s: number 0x%04" PRIx64 " was %s; a number is never used again",
		       what, new->number, had_number->name);
	else
		refuse_renamed(c, new->at, what, had_number->name);
}

static void compare_calls(const struct comparison *c)
{
	for (size_t i = 0; i < c->old->call_count; i++) {
		const struct call *old = &c->old->calls[i];
		const struct call *new = FIND(c->new->calls, c->new->call_count, old->name);

		if (new) {
			compare_call(c, old, new);
			continue;
		}
		new = call_by_number(c->new, old->number);
		if (!new || FIND(c->old->calls, c->old->call_count, new->name))
			refuse_gone(c, c->new->at, arena_print("call %s", old->name));
	}
	for (size_t i = 0; i < c->new->call_count; i++) {
		if (!FIND(c->old->calls, c->old->call_count, c->new->calls[i].name))
			compare_new_call(c, &c->new->calls[i]);
	}
}

/* ---- the whole ---- */

static const struct section *section_by_number(const struct contract *contract, uint64_t number)
{
	for (size_t i = 0; i < contract->section_count; i++) {
		if (contract->sections[i].number == number)
			return &contract->sections[i];
	}
	return NULL;
}

static void compare_sections(const struct comparison *c)
{
	for (size_t i = 0; i < c->old->section_count; i++) {
		const struct section *old = &c->old->sections[i];
		const struct section *new = FIND(c->new->sections, c->new->section_count, old->name);
		const struct section *taker = section_by_number(c->new, old->number);

		if (new &&new->number != old->number)
			refuse(c, new->at,
			       "section %s: number 0x%02" PRIx64 ", was 0x%02" PRIx64
			       "; what was built for %s uses the old one",
			       new->name, new->number, old->number, c->before);
		else if (!new &&taker && !FIND(c->old->sections, c->old->section_count, taker->name))
			refuse_renamed(c, taker->at, arena_print("section %s", taker->name), old->name);
		else if (!new)
			refuse_gone(c, c->new->at, arena_print("section %s", old->name));
	}
}

/* Whether new may be a later version of old at all. */
static bool compare_heads(const struct comparison *c)
{
	struct version old = c->old->version;
	struct version new = c->new->version;

	if (strcmp(c->old->name, c->new->name) != 0) {
		refuse(c, c->new->at, "abi %s, was %s; only versions of one contract can be compared",
		       c->new->name, c->old->name);
		return false;
	}
	if (old.major != new.major) {
		refuse(c, c->new->at, "abi %s: version %s, was %s; another major version keeps no promise",
		       c->new->name, version_text(new), version_text(old));
		return false;
	}
	if (new.minor < old.minor)
		refuse(c, c->new->at, "abi %s: version %s, was %s; versions only go up", c->new->name,
		       version_text(new), version_text(old));
	return true;
}

void compat_check(const struct contract *old, const struct contract *new, struct diagnostics *list)
{
	const struct comparison comparison = {
		.old = old,
		.new = new,
		.before = version_text(old->version),
		.list = list,
	};

	if (!compare_heads(&comparison))
		return;
	compare_sections(&comparison);
	compare_all_types(&comparison);
	compare_calls(&comparison);
}
