/* SPDX-License-Identifier: ISC */
/*
 * watch_call.h - handlers for all calls, which lead to one function, and what such a function needs: to see
 * by the grammar that the arguments are what the gate promises, and to use them.
 */
#ifndef POSTERN_FUZZ_WATCH_CALL_H
#define POSTERN_FUZZ_WATCH_CALL_H

#include "grammar.h"

#include "gate/gate.h"

/* The owner of a VM whose handlers are watched. */
struct watcher {
	int64_t (*serve)(struct watcher *watcher, struct gate_frame *frame, unsigned ordinal, void *args);
};

/* Sets the handlers of all calls. */
void watch_handlers(struct abi_handlers *handlers);

/*
 * Looks for anything in a handler's arguments that the gate must not let through at the VM's level. Returns
 * what is wrong, or NULL. *where is the argument then.
 */
const char *watch_check(const struct gate_vm *vm, unsigned ordinal, void *args, const char **where);

/* Compares a handler's arguments with what it should have got. Returns an argument that differs, or NULL. */
const char *watch_compare(const struct gate_vm *vm, unsigned ordinal, void *args, void *expected);

/* Calls a function for each span of guest memory that a handler got. */
typedef void watch_span(void *context, const struct grammar_field *arg, const struct iovec *span);
void watch_each_span(const struct gate_vm *vm, unsigned ordinal, void *args, watch_span *function,
		     void *context);

/* Fills the structs that the call answers, all but their size. */
void watch_fill(unsigned ordinal, void *args, uint8_t pattern);

#endif
