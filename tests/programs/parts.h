/* SPDX-License-Identifier: ISC */
/*
 * parts.h - what the test programs share: a program is a table of parts, which run one after the other, or only those
 * that are named as arguments. Each says on standard output what became of it, so that host and guest compare.
 */
#ifndef PROGRAMS_PARTS_H
#define PROGRAMS_PARTS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
	const char *name;
	void (*run)(void);
};

static int parts_failed;

/* Says so and goes on when a condition does not hold. */
#define CHECK(condition) ((condition) ? true : (part_fails(__FILE__, __LINE__, #condition, errno), false))

/* The same for a call that must fail with an error number. */
#define CHECK_ERROR(call, error) CHECK((errno = 0, (call) == -1 && errno == (error)))

static inline void part_fails(const char *file, int line, const char *condition, int error)
{
	__atomic_add_fetch(&parts_failed, 1, __ATOMIC_RELAXED);
	printf("%s:%d: not so: %s (errno: %s)\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line,
	       condition, strerror(error));
	fflush(stdout);
}

static inline bool part_is_asked_for(const char *name, int count, char **names)
{
	for (int i = 1; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return count < 2;
}

/* For main(): returns its result. */
static inline int parts_run(const struct part *parts, size_t count, int argument_count, char **arguments)
{
	for (size_t i = 0; i < count; i++) {
		if (!part_is_asked_for(parts[i].name, argument_count, arguments))
			continue;
		const int before = parts_failed;

		parts[i].run();
		printf("%s: %s\n", parts[i].name, parts_failed == before ? "good" : "failed");
		fflush(stdout);
	}
	return parts_failed ? 1 : 0;
}

#define PARTS_MAIN(parts)                                                                            \
	int main(int argument_count, char **arguments)                                               \
	{                                                                                            \
		return parts_run(parts, sizeof(parts) / sizeof *(parts), argument_count, arguments); \
	}

#endif
