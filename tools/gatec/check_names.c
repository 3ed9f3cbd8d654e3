/* SPDX-License-Identifier: ISC */
/*
 * check_names.c - whether the generated C can have the contract's names: none is a word of C or C++ where
 * it stands alone, and no two things get the same name, such as the members b_c of a and c of a_b.
 * It knows what the emitters write; tests/gatec/generated.sh holds them against it.
 */
#include "arena.h"
#include "model.h"

#include <ctype.h>
#include <string.h>

/* Things of one name space of C. */
struct names {
	struct diagnostics *list;
	struct c_name {
		const char *text;
		struct location at; /* line 0: gatec's own */
	} * items;
	size_t count;
};

static const char *capitals(const char *text)
{
	char *copy = arena_copy(text, strlen(text));

	for (char *c = copy; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return copy;
}

static bool is_before(struct location a, struct location b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Adds a name, and reports it if it is there already: at the later of the two places. */
static void claim(struct names *names, struct location at, const char *text)
{
	for (size_t i = 0; i < names->count; i++) {
		struct location other = names->items[i].at;
		struct location later = is_before(at, other) ? other : at;

		if (strcmp(names->items[i].text, text) != 0)
			continue;
		if (!other.line)
			diagnose(names->list, at, "its name in C, %s, is one that gatec uses itself", text);
		else
			diagnose(names->list, later,
				 "its name in C, %s, is also that of what line %u declares", text,
				 is_before(at, other) ? at.line : other.line);
		return;
	}
	*arena_push(names->items, names->count) = (struct c_name){ text, at };
}

static void claim_own(struct names *names, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		claim(names, (struct location){ .file = "" }, texts[i]);
}

#define CLAIM_OWN(names, texts) claim_own((names), (texts), sizeof(texts) / sizeof *(texts))

/* ---- macros and enumerators ---- */

static const char *const own_constants[] = {
	"POSTERN_ABI_H", "POSTERN_STUBS_H",   "POSTERN_ABI_ASSERT", "POSTERN_ABI_MAJOR", "POSTERN_ABI_MINOR",
	"POSTERN_INIT",  "POSTERN_NO_HANDLE", "ABI_NO_CALL",        "ABI_EACH_CALL",     "ABI_HANDLE_KINDS",
};

static void claim_members(struct names *names, const char *owner, const char *part,
			  const struct member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		claim(names, members[i].at,
		      capitals(arena_print("postern_%s_%s%s", owner, part, members[i].name)));
}

static void claim_handle(struct names *names, const struct handle *handle)
{
	claim(names, handle->at, capitals(arena_print("abi_handle_%s", handle->name)));
	claim(names, handle->at, capitals(arena_print("postern_handle_%s", handle->name)));
	claim(names, handle->at, capitals(arena_print("postern_handle_%s_max", handle->name)));
	claim_members(names, handle->name, "right_", handle->rights, handle->right_count);
	claim_members(names, handle->name, "state_", handle->states, handle->state_count);
}

static void check_constants(const struct contract *contract, struct diagnostics *list)
{
	struct names names = { .list = list };

	CLAIM_OWN(&names, own_constants);
	for (size_t i = 0; i < contract->section_count; i++) {
		const struct section *section = &contract->sections[i];

		claim(&names, section->at, capitals(arena_print("postern_section_%s", section->name)));
	}
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		claim(&names, call->at, capitals(arena_print("postern_call_%s", call->c_name)));
		claim(&names, call->at, capitals(arena_print("abi_%s", call->c_name)));
	}
	for (size_t i = 0; i < contract->choice_count; i++) {
		const struct choice *choice = &contract->choices[i];

		claim_members(&names, choice->name, "", choice->members, choice->member_count);
	}
	for (size_t i = 0; i < contract->handle_count; i++)
		claim_handle(&names, &contract->handles[i]);
}

/* ---- functions and tags ---- */

static const char *const own_functions[] = { "postern_address", "postern_handle_t", "postern_hypercall" };

static void check_functions(const struct contract *contract, struct diagnostics *list)
{
	struct names names = { .list = list };

	CLAIM_OWN(&names, own_functions);
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		claim(&names, call->at, arena_print("postern_%s", call->c_name));
		claim(&names, call->at, arena_print("postern_prepare_%s", call->c_name));
	}
}

/* C++ has typedefs among the tags. */
static const char *const own_tags[] = { "postern_section", "postern_call", "postern_handle_t",
					"abi_handle_kind" };

static void check_tags(const struct contract *contract, struct diagnostics *list)
{
	struct names names = { .list = list };

	CLAIM_OWN(&names, own_tags);
	for (size_t i = 0; i < contract->choice_count; i++)
		claim(&names, contract->choices[i].at, arena_print("postern_%s", contract->choices[i].name));
	for (size_t i = 0; i < contract->record_count; i++)
		claim(&names, contract->records[i].at, arena_print("postern_%s", contract->records[i].name));
	for (size_t i = 0; i < contract->call_count; i++)
		claim(&names, contract->calls[i].at, arena_print("abi_%s", contract->calls[i].c_name));
}

/* ---- arguments ---- */

/* What stands beside an argument, in the parameters of a stub or in the struct that a handler gets. */
static const char *const beside[TYPE_SEGMENTS + 1][2] = {
	[TYPE_HANDLE] = { "handle" },           [TYPE_STRUCT] = { "place" }, [TYPE_VECTOR] = { "count" },
	[TYPE_STRING] = { "length" },           [TYPE_BYTES] = { "length" }, [TYPE_BUFFER] = { "length" },
	[TYPE_SEGMENTS] = { "count", "bytes" },
};

static void check_arguments(const struct call *call, struct diagnostics *list)
{
	struct names names = { .list = list };

	CLAIM_OWN(&names, own_functions); /* which a stub's parameters would hide */
	for (size_t i = 0; i < call->arg_count; i++) {
		const struct field *arg = &call->args[i];

		claim(&names, arg->at, arg->name);
		for (size_t j = 0; j < 2; j++) {
			const char *suffix = beside[arg->type.kind][j];

			if (suffix)
				claim(&names, arg->at, arena_print("%s_%s", arg->name, suffix));
		}
	}
}

/* ---- words of C ---- */

/* Also of C++, of newer versions of C and of GNU, and macros and types that the generated C uses. */
/* clang-format off */
static const char *const c_words[] = {
	"alignas", "alignof", "and", "and_eq", "asm", "assert", "auto", "bitand", "bitor", "bool", "break",
	"case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return",
	"co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
	"continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "errno",
	"explicit", "export", "extern", "false", "float", "for", "friend", "goto", "gpa_t", "if", "inline",
	"int", "int16_t", "int32_t", "int64_t", "int8_t", "linux", "long", "mutable", "namespace", "new",
	"noexcept", "not", "not_eq", "nullptr", "offsetof", "operator", "or", "or_eq", "private", "protected",
	"public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed",
	"size_t", "sizeof", "static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct",
	"switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename",
	"typeof", "typeof_unqual", "uint16_t", "uint32_t", "uint64_t", "uint8_t", "union", "unix", "unsigned",
	"using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
};
/* clang-format on */

static void check_word(struct diagnostics *list, struct location at, const char *name)
{
	for (size_t i = 0; i < sizeof c_words / sizeof *c_words; i++) {
		if (!strcmp(c_words[i], name))
			diagnose(list, at, "'%s' has a meaning in C or C++ and cannot be a name there", name);
	}
}

static void check_field_words(struct diagnostics *list, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_word(list, fields[i].at, fields[i].name);
}

static void check_words(const struct contract *contract, struct diagnostics *list)
{
	for (size_t i = 0; i < contract->choice_count; i++)
		check_word(list, contract->choices[i].at, contract->choices[i].name);
	for (size_t i = 0; i < contract->record_count; i++) {
		const struct record *record = &contract->records[i];

		check_word(list, record->at, record->name);
		check_field_words(list, record->fields, record->field_count);
	}
	for (size_t i = 0; i < contract->call_count; i++) {
		const struct call *call = &contract->calls[i];

		check_word(list, call->at, call->c_name);
		check_field_words(list, call->args, call->arg_count);
	}
}

void check_c_names(const struct contract *contract, struct diagnostics *list)
{
	check_words(contract, list);
	check_constants(contract, list);
	check_functions(contract, list);
	check_tags(contract, list);
	for (size_t i = 0; i < contract->call_count; i++)
		check_arguments(&contract->calls[i], list);
}
