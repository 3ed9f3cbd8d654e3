/* SPDX-License-Identifier: ISC */
/*
 * stack.c - the stack with which a program begins: strings, the auxiliary vector, and the pointers to them, as the
 * System V ABI for x86-64 lays it out (section 3.4.1).
 */
#include "exec/exec.h"

#include "arch/arch.h"
#include "task/task.h"

#include <linux/auxvec.h>

enum { STACK_SIZE = 8 << 20, STACK_GAP = 1 << 20, MOST_STRINGS = STACK_SIZE / 4, RANDOM_BYTES = 16 };

#define STACK_END (ARCH_USER_END - STACK_GAP)

/* AT_HWCAP2: FSGSBASE may be used. */
enum { HWCAP2_FSGSBASE = 2, TICKS_PER_SECOND = 100, SIGNAL_FRAME = 1024 };

/* What is built, from the end down. */
struct stack {
	struct space *space;
	uint64_t at;
	int error;
};

/* A program's stack is new here, and nobody else sees it: no reason for user_write(), which is for the current space. */
static void write_at(struct stack *stack, uint64_t to, const void *from, size_t length)
{
	const char *bytes = from;

	while (length && !stack->error) {
		size_t part = least(length, PAGE_SIZE - to % PAGE_SIZE);
		void *memory = space_memory(stack->space, to, SPACE_WRITE, &stack->error);

		if (!memory)
			return;
		memcpy(memory, bytes, part);
		to += part;
		bytes += part;
		length -= part;
	}
}

static uint64_t push(struct stack *stack, const void *bytes, size_t length)
{
	stack->at -= length;
	write_at(stack, stack->at, bytes, length);
	return stack->at;
}

static void push_word(struct stack *stack, uint64_t word)
{
	push(stack, &word, sizeof word);
}

/* ---- strings ---- */

static uint64_t length_of(const char *const *strings, size_t count)
{
	uint64_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += strlen(strings[i]) + 1;
	return length;
}

/* In memory the strings follow each other. Remembers where they begin and end. */
static void push_strings(struct stack *stack, const char *const *strings, size_t count, uint64_t range[2])
{
	uint64_t at;

	range[1] = stack->at;
	stack->at -= length_of(strings, count);
	range[0] = at = stack->at;
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(strings[i]) + 1;

		write_at(stack, at, strings[i], length);
		at += length;
	}
}

/* An array of pointers to strings that lie from `at` on, with a NULL at its end. */
static void write_pointers(struct stack *stack, uint64_t *to, const char *const *strings, size_t count,
			   uint64_t at)
{
	const uint64_t null = 0;

	for (size_t i = 0; i < count; i++) {
		write_at(stack, *to, &at, sizeof at);
		*to += sizeof at;
		at += strlen(strings[i]) + 1;
	}
	write_at(stack, *to, &null, sizeof null);
	*to += sizeof null;
}

/* ---- the auxiliary vector ---- */

struct auxiliary {
	uint64_t type, value;
};

static uint32_t processor_features(void)
{
	uint32_t a = 1;
	uint32_t b;
	uint32_t c = 0;
	uint32_t d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
}

static uint64_t push_random(struct stack *stack)
{
	char bytes[RANDOM_BYTES];

	if (postern_entropy_read(bytes, sizeof bytes) != sizeof bytes)
		stack->error = -EIO;
	return push(stack, bytes, sizeof bytes);
}

static void push_auxiliary(struct stack *stack, const struct loaded *program,
			   const struct loaded *interpreter, uint64_t path, uint64_t random,
			   uint64_t platform, uint64_t range[2])
{
	const struct identity *identity = &current_process()->identity;
	const struct auxiliary vector[] = {
		{ AT_HWCAP, processor_features() },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, TICKS_PER_SECOND },
		{ AT_PHDR, program->headers },
		{ AT_PHENT, 56 },
		{ AT_PHNUM, program->header_count },
		{ AT_BASE, interpreter ? interpreter->base : 0 },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, program->entry },
		{ AT_UID, identity->user[ID_REAL] },
		{ AT_EUID, identity->user[ID_EFFECTIVE] },
		{ AT_GID, identity->group[ID_REAL] },
		{ AT_EGID, identity->group[ID_EFFECTIVE] },
		{ AT_SECURE, 0 },
		{ AT_RANDOM, random },
		{ AT_HWCAP2, HWCAP2_FSGSBASE },
		{ AT_EXECFN, path },
		{ AT_PLATFORM, platform },
		{ 51 /* AT_MINSIGSTKSZ */, arch_extended_size() + SIGNAL_FRAME },
		{ AT_NULL, 0 },
	};

	range[1] = stack->at;
	range[0] = push(stack, vector, sizeof vector);
}

/* ---- all of it ---- */

static int map_stack(struct space *space, bool executable)
{
	const unsigned access = SPACE_READ | SPACE_WRITE | (executable ? SPACE_EXECUTE : 0);
	int64_t result = space_map(space, STACK_END - STACK_SIZE, STACK_SIZE, access, SPACE_FIXED, NULL, 0);

	return result < 0 ? (int)result : 0;
}

int stack_build(struct space *space, const struct arguments *arguments, const struct loaded *program,
		const struct loaded *interpreter, struct stack_layout *layout)
{
	struct stack stack = { .space = space, .at = STACK_END - 8 };
	const uint64_t pointers = 1 + arguments->count + 1 + arguments->environment_count + 1;
	uint64_t path, random, platform, to;

	if (length_of(arguments->values, arguments->count) +
		    length_of(arguments->environment, arguments->environment_count) + 8 * pointers >
	    MOST_STRINGS)
		return -E2BIG;
	stack.error = map_stack(space, program->executable_stack);
	if (stack.error)
		return stack.error;
	path = push(&stack, arguments->path, strlen(arguments->path) + 1);
	push_strings(&stack, arguments->environment, arguments->environment_count, layout->environment);
	push_strings(&stack, arguments->values, arguments->count, layout->arguments);
	platform = push(&stack, "x86_64", sizeof "x86_64");
	random = push_random(&stack);
	/* The stack pointer is a multiple of 16 at the start. */
	stack.at &= ~UINT64_C(15);
	if (pointers % 2)
		push_word(&stack, 0);
	push_auxiliary(&stack, program, interpreter, path, random, platform, layout->auxiliary);
	stack.at -= 8 * pointers;
	layout->pointer = to = stack.at;
	write_at(&stack, to, &(uint64_t){ arguments->count }, 8);
	to += 8;
	write_pointers(&stack, &to, arguments->values, arguments->count, layout->arguments[0]);
	write_pointers(&stack, &to, arguments->environment, arguments->environment_count,
		       layout->environment[0]);
	return stack.error;
}
