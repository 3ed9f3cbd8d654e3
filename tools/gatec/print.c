/* SPDX-License-Identifier: ISC */
/* print.c - declarations of the contract language; docs/contract.md describes it. */
#include "print.h"

#include "arena.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { LINE_WIDTH = 100, INDENT = 4 };

struct printer {
	FILE *to;
	bool lock;
};

/* ---- prose ---- */

/* Prose as the language quotes it. */
static const char *quoted(const char *prose)
{
	struct text text;
	FILE *to = text_open(&text);

	fputc('"', to);
	for (; *prose; prose++) {
		if (*prose == '"' || *prose == '\\')
			fputc('\\', to);
		fputc(*prose, to);
	}
	fputc('"', to);
	return text_close(&text);
}

static void print_block(const struct printer *p, const char *prose, const char *indent)
{
	struct wrap wrap = { .width = LINE_WIDTH - strlen(indent), .indent = indent, .between = "\n" };

	if (prose && !p->lock)
		print_wrapped(quoted(prose), &wrap, p->to);
}

/* Ends an item of a body: its prose stands in the same line if there is room, otherwise below. */
static void end_item(const struct printer *p, const char *item, const char *prose)
{
	fprintf(p->to, "%*s%s", INDENT, "", item);
	if (!prose || p->lock) {
		fputc('\n', p->to);
	} else if (INDENT + strlen(item) + strlen(prose) + 3 <= LINE_WIDTH && !strchr(prose, '\n')) {
		fprintf(p->to, " %s\n", quoted(prose));
	} else {
		fputc('\n', p->to);
		print_block(p, prose, "        ");
	}
}

/* ---- items ---- */

static void print_members(const struct printer *p, const char *keyword, const struct member *members,
			  size_t count, bool are_bits)
{
	for (size_t i = 0; i < count; i++) {
		const struct member *member = &members[i];

		const char *value = arena_print(are_bits ? "0x%" PRIx64 : "%" PRIu64, member->value);

		end_item(p,
			 arena_print("%s%s = %s since %s", keyword, member->name, value,
				     version_text(member->since)),
			 member->prose);
	}
}

/* `name : type @ offset constraints since V`; only fields of structs have an offset. */
static const char *field_text(const struct field *field, bool has_offset)
{
	const char *constraints = constraints_text(field);
	struct text text;
	FILE *to = text_open(&text);

	fprintf(to, "%s : %s", field->name, type_text(&field->type));
	if (has_offset)
		fprintf(to, " @ %" PRIu64, field->offset);
	fprintf(to, "%s%s since %s", *constraints ? " " : "", constraints, version_text(field->since));
	return text_close(&text);
}

/* One error a line where there is prose. */
static void print_errors(const struct printer *p, const struct call *call)
{
	for (size_t i = 0; i < call->error_count; i++) {
		const struct call_error *error = &call->errors[i];

		if (i)
			fputs(p->lock ? ", " : ",\n           ", p->to);
		else
			fprintf(p->to, "%*serrors ", INDENT, "");
		fputs(error->name, p->to);
		if (error->prose && !p->lock)
			fprintf(p->to, " %s", quoted(error->prose));
	}
	if (call->error_count)
		fputc('\n', p->to);
}

/* ---- declarations ---- */

static void print_head(const struct printer *p, const struct contract *contract)
{
	fprintf(p->to, "abi %s %s%s%s\n", contract->name, version_text(contract->version),
		contract->draft ? " draft" : "", p->lock ? " lock" : "");
	print_block(p, contract->prose, "    ");
}

static void print_section(const struct printer *p, const struct section *section)
{
	fprintf(p->to, "\nsection %s = 0x%02" PRIx64 "\n", section->name, section->number);
	print_block(p, section->prose, "    ");
}

static void print_choice(const struct printer *p, const struct choice *choice)
{
	fprintf(p->to, "\n%s %s : u%u since %s {\n", choice_words[choice->is_flags], choice->name,
		8 * choice->bytes, version_text(choice->since));
	print_block(p, choice->prose, "    ");
	print_members(p, "", choice->members, choice->member_count, choice->is_flags);
	fputs("}\n", p->to);
}

static void print_handle(const struct printer *p, const struct handle *handle)
{
	fprintf(p->to, "\nhandle %s = %" PRIu64 " max %s since %s {\n", handle->name, handle->kind,
		number_text(handle->max), version_text(handle->since));
	print_block(p, handle->prose, "    ");
	print_members(p, "right ", handle->rights, handle->right_count, true);
	print_members(p, "state ", handle->states, handle->state_count, false);
	fputs("}\n", p->to);
}

static void print_record(const struct printer *p, const struct record *record)
{
	fprintf(p->to, "\nstruct %s%s since %s {\n", record->name, record->extensible ? " extensible" : "",
		version_text(record->since));
	print_block(p, record->prose, "    ");
	for (size_t i = 0; i < record->field_count; i++)
		end_item(p, field_text(&record->fields[i], p->lock), record->fields[i].prose);
	fputs("}\n", p->to);
}

static void print_call(const struct printer *p, const struct call *call)
{
	fprintf(p->to, "\ncall %s = 0x%04" PRIx64 " since %s {\n", call->name, call->number,
		version_text(call->since));
	print_block(p, call->prose, "    ");
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct field *arg = &call->args[i];

		end_item(p, arena_print("%s %s", direction_words[arg->direction], field_text(arg, false)),
			 arg->prose);
	}
	if (!p->lock)
		end_item(p, "returns", call->returns);
	print_errors(p, call);
	end_item(p, arena_print("right %s", right_words[call->right]), NULL);
	end_item(p, arena_print("cost %s", cost_text(call)), NULL);
	if (call->rate_limited)
		end_item(p, "rate limited", NULL);
	end_item(p, arena_print("crossings %s", crossings_text(call->crossings, " ")), NULL);
	if (call->async)
		end_item(p, "async", NULL);
	fputs("}\n", p->to);
}

static void print_profile(const struct printer *p, const struct profile *profile)
{
	fprintf(p->to, "\nprofile %s {\n", profile->name);
	print_block(p, profile->prose, "    ");
	for (size_t i = 0; i < profile->entry_count; i++)
		end_item(p, profile->entries[i].text, NULL);
	fputs("}\n", p->to);
}

/* ---- the whole ---- */

void print_contract(const struct contract *contract, bool lock, FILE *to)
{
	const struct printer printer = { .to = to, .lock = lock };
	const struct printer *p = &printer;
	const struct section **sections = sections_in_order(contract);
	const struct choice **choices = choices_in_order(contract);
	const struct handle **handles = handles_in_order(contract);
	const struct record **records = records_in_order(contract);
	const struct call **calls = calls_in_order(contract);
	const struct profile **profiles = profiles_in_order(contract);

	print_head(p, contract);
	for (size_t i = 0; i < contract->section_count; i++)
		print_section(p, lock ? sections[i] : &contract->sections[i]);
	for (size_t i = 0; i < contract->choice_count; i++)
		print_choice(p, lock ? choices[i] : &contract->choices[i]);
	for (size_t i = 0; i < contract->handle_count; i++)
		print_handle(p, lock ? handles[i] : &contract->handles[i]);
	for (size_t i = 0; i < contract->record_count; i++)
		print_record(p, lock ? records[i] : &contract->records[i]);
	for (size_t i = 0; i < contract->call_count; i++)
		print_call(p, lock ? calls[i] : &contract->calls[i]);
	for (size_t i = 0; i < contract->profile_count; i++)
		print_profile(p, lock ? profiles[i] : &contract->profiles[i]);
}
