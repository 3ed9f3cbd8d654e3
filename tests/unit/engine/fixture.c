/* SPDX-License-Identifier: ISC */
/* fixture.c - a VM of one of the guests in guests.S. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct engine *engine;

bool use_engine(const struct engine *which)
{
	char reason[256] = "";

	engine = which;
	if (!which->probe(reason, sizeof reason))
		return true;
	printf("1..0 # SKIP engine %s does not work here: %s\n", which->name, reason);
	return false;
}

uint64_t address_of(const char *label)
{
	return ENGINE_PHYSMAP + CODE + (uint64_t)(label - guests_start);
}

struct engine_state state_at(const char *label, unsigned vcpu, uint64_t argument)
{
	return (struct engine_state){
		.rip = address_of(label),
		.rbx = ENGINE_HYPERCALL_PAGE,
		.rdi = argument,
		.rsp = ENGINE_PHYSMAP + STACKS + (vcpu + 1) * 0x1000 - 0x100,
		.rflags = 0x202,
	};
}

struct fixture make(const char *label, uint64_t argument, bool trap_tsc)
{
	static uint64_t pages[VCPUS];
	struct fixture f = { .memory = calloc(1, sizeof(struct guest_memory)) };
	struct engine_config config = {
		.memory = f.memory,
		.vcpus = VCPUS,
		.vcpu_pages = pages,
		.trap_tsc = trap_tsc,
	};
	struct engine_state state = state_at(label, 0, argument);

	assert_non_null(f.memory);
	assert_int_equal(memory_create(f.memory, RAM), 0);
	memcpy(f.memory->base + CODE, guests_start, (size_t)(guests_end - guests_start));
	for (unsigned i = 0; i < VCPUS; i++) {
		pages[i] = PAGES + i * 0x1000;
		((struct postern_vcpu_page *)(f.memory->base + pages[i]))->number = i;
	}
	assert_int_equal(engine->create(&config, &f.vm), 0);
	if (engine->settle)
		assert_int_equal(engine->settle(f.vm), 0);
	f.vcpu = engine->vcpu(f.vm, 0);
	assert_null(engine->vcpu(f.vm, VCPUS));
	assert_int_equal(engine->set_state(f.vcpu, &state), 0);
	return f;
}

void destroy(struct fixture *f)
{
	engine->destroy(f->vm);
	memory_destroy(f->memory);
	free(f->memory);
}

struct postern_vcpu_page *page_of(struct fixture *f, unsigned vcpu)
{
	return (struct postern_vcpu_page *)(f->memory->base + PAGES + vcpu * 0x1000);
}

volatile uint64_t *counter(struct fixture *f)
{
	return (volatile uint64_t *)(f->memory->base + COUNTER);
}

/* Runs the first vCPU until the next exit, which must be of this kind. */
struct engine_exit *next(struct fixture *f, enum engine_exit_kind kind)
{
	assert_int_equal(engine->run(f->vcpu, &f->exit), 0);
	if (f->exit.kind != kind) {
		struct engine_state state;

		engine->get_state(f->vcpu, &state);
		print_error("exit %d at %#lx, exception %u, error %#x, address %#lx\n", (int)f->exit.kind,
			    state.rip, f->exit.exception.vector, f->exit.exception.error,
			    f->exit.exception.address);
	}
	assert_int_equal(f->exit.kind, kind);
	return &f->exit;
}

struct engine_exit *next_call(struct fixture *f, uint64_t number)
{
	struct engine_exit *exit = next(f, ENGINE_EXIT_HYPERCALL);

	assert_int_equal(exit->hypercall.number, number);
	return exit;
}

void use_entries(struct fixture *f, const char *entry, bool events)
{
	const uint64_t at = address_of(entry);
	const struct engine_callbacks callbacks = { events ? at : 0, at, at, at };

	assert_int_equal(engine->set_callbacks(f->vcpu, &callbacks), 0);
}

void wait_ms(long ms)
{
	const struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}
