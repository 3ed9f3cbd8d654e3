/* SPDX-License-Identifier: ISC */
/* fixture.h - what the tests of engines share: a VM whose guest is one of guests.S, on the engine under test. */
#ifndef POSTERN_TEST_ENGINE_FIXTURE_H
#define POSTERN_TEST_ENGINE_FIXTURE_H

#include "engine/engine.h"

#include <postern/abi.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const char guests_start[], guests_end[];
extern const char guest_calls[], guest_privileged[], guest_tsc[], guest_cpuid[], guest_read[], guest_entry[],
	guest_bad_entry[], guest_spin[], guest_spin_enabled[], guest_calls_enabled[], guest_deaf[],
	guest_system_calls[], guest_registers[], guest_map[];

enum { RAM = 1 << 20, CODE = 0x20000, COUNTER = 0x30000, STACKS = 0x50000, PAGES = 0x2000, VCPUS = 4 };

struct fixture {
	struct guest_memory *memory;
	struct engine_vm *vm;
	struct engine_vcpu *vcpu; /* the first */
	struct engine_exit exit;
};

extern const struct engine *engine; /* under test */

/* Makes the engine the one under test. Returns false, and says why as a skip of TAP, if it does not work here. */
bool use_engine(const struct engine *which);

uint64_t address_of(const char *label);
struct engine_state state_at(const char *label, unsigned vcpu, uint64_t argument);
struct fixture make(const char *label, uint64_t argument, bool trap_tsc);
void destroy(struct fixture *f);
struct postern_vcpu_page *page_of(struct fixture *f, unsigned vcpu);
volatile uint64_t *counter(struct fixture *f);
struct engine_exit *next(struct fixture *f, enum engine_exit_kind kind);
struct engine_exit *next_call(struct fixture *f, uint64_t number);
void use_entries(struct fixture *f, const char *entry, bool events);
void wait_ms(long ms);

#endif
