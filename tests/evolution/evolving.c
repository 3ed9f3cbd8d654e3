/* SPDX-License-Identifier: ISC */
/*
 * evolving.c - a guest that is built for either version of the contract. It asks the host what that has, uses it, and
 * says for each addition whether it was there. Where one is missing it does without, as a guest should.
 */
#include "../guests/expect.h"

#include <postern/errno.h>
#include <postern/guest_note.h>
#include <postern/stubs.h>

/* What every version has, of either side. */
static void use_what_has_always_been(void)
{
	struct postern_memory_info info = { .size = POSTERN_MEMORY_INFO_SIZE_1_0 };
	struct postern_event_bind bind = { .size = POSTERN_EVENT_BIND_SIZE_1_0, .bit = 3 };

	EXPECT_RESULT(postern_memory_info(&info), 0);
	EXPECT(info.owned && info.owned + info.released == info.total);
	EXPECT(postern_event_bind(&bind) > 0);
}

static unsigned minor_of_host(void)
{
	struct postern_abi_info info = { .size = sizeof info };

	EXPECT_RESULT(postern_abi_query(POSTERN_SECTION_ABI, &info), 0);
	EXPECT(info.major == POSTERN_ABI_MAJOR && info.minor == guest_boot()->minor);
	return info.minor;
}

#if POSTERN_ABI_MINOR >= 1

static void say(const char *what, bool is_there)
{
	guest_printf("%s: %s\n", what, is_there ? "used" : "missing");
}

/* abi.probe and abi.query agree on whether there is a call, and so does the call. */
static void use_new_call(void)
{
	struct postern_abi_info info = { .size = sizeof info };
	const bool is_there = postern_abi_probe(POSTERN_CALL_MORE_DOUBLE) > 0;

	EXPECT_RESULT(postern_abi_query(POSTERN_SECTION_MORE, &info), 0);
	EXPECT(info.calls == (is_there ? POSTERN_CALL_BIT(MORE_DOUBLE) : 0));
	EXPECT_RESULT(postern_more_double(21), is_there ? 42 : -ENOSYS);
	if (is_there)
		EXPECT_RESULT(postern_more_double(1001), -EINVAL);
	say("new call", is_there);
}

/* A host that does not know a field of its answer leaves it zero. */
static void use_new_field_of_an_answer(void)
{
	struct postern_memory_info info = { .size = sizeof info, .next_word = 1 };

	EXPECT_RESULT(postern_memory_info(&info), minor_of_host() ? 0 : -E2BIG);
	info = (struct postern_memory_info){ .size = sizeof info };
	EXPECT_RESULT(postern_memory_info(&info), 0);
	EXPECT(info.next_word == 0 || info.next_word == info.owned * 4096);
	say("new field of an answer", info.next_word);
}

/* A host that does not know a field of a question says so, unless the field says nothing new. */
static void use_new_field_of_a_question(void)
{
	struct postern_event_bind bind = {
		.size = sizeof bind,
		.bit = 5,
		.next_word = 1,
	};
	const int64_t result = postern_event_bind(&bind);

	bind.next_word = 0;
	EXPECT(result > 0 || result == -E2BIG);
	EXPECT(postern_event_bind(&bind) > 0);
	say("new field of a question", result > 0);
}

static void use_additions(void)
{
	use_new_call();
	use_new_field_of_an_answer();
	use_new_field_of_a_question();
}

#ifdef DEMANDING
POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(MORE, MORE_DOUBLE));
#else
POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_WANT(MORE, MORE_DOUBLE));
#endif

#else

static void use_additions(void)
{
}

#endif

int main(void)
{
	guest_printf("built for 1.%u, runs on 1.%u\n", POSTERN_ABI_MINOR, minor_of_host());
	use_what_has_always_been();
	use_additions();
	return 0;
}
