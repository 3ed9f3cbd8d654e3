/* SPDX-License-Identifier: ISC */
/*
 * processor.c - keep's arch, of an invented processor: contexts are stacks of the host's, and the entries by which it
 * reaches memory are those that it was told of (arch_tables_changed), as a TLB that never forgets by itself.
 */
#include "machine.h"

#include "mm/table.h"

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_SIZE = 512 << 10, SHOWN_BITS = 17, SHOWN = 1 << SHOWN_BITS };

/* ---- stacks ---- */

/* A flow of control, with its stack. */
struct fiber {
	uint64_t *pointer; /* where it was left: see below */
	void *stack, *fake;
	void (*start)(void *argument);
	void *argument;
};

static struct fiber first, *running = &first;
static struct fiber *of_vcpus[POSTERN_HANDLE_VCPU_MAX];

/* Keeps on the stack what a function keeps; the other stack has the same. */
enum { KEPT_WORDS = 8 };
void processor_switch_stacks(uint64_t **from, uint64_t *to);
__asm__(".text\n"
	"processor_switch_stacks:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n");

static void leave(struct fiber *from, struct fiber *to)
{
	running = to;
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&from->fake, to->stack, STACK_SIZE);
#endif
	processor_switch_stacks(&from->pointer, to->pointer);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

static void begin(void)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
	running->start(running->argument);
	machine_fail("a context has ended");
}

static struct fiber *make_fiber(void (*start)(void *argument), void *argument)
{
	struct fiber *fiber = calloc(1, sizeof *fiber);
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(fiber && stack != MAP_FAILED);
	*fiber = (struct fiber){ .stack = stack, .start = start, .argument = argument };
	/* What is popped are zeros, and begin() finds a stack as after a call. */
	fiber->pointer = (uint64_t *)(stack + STACK_SIZE) - KEPT_WORDS;
	fiber->pointer[KEPT_WORDS - 2] = (uint64_t)begin;
	return fiber;
}

void processor_begin(void (*function)(void))
{
	leave(&first, make_fiber((void (*)(void *))(void *)function, NULL));
}

void processor_make_vcpu(uint32_t number, void (*function)(void))
{
	of_vcpus[number] = make_fiber((void (*)(void *))(void *)function, NULL);
}

void processor_switch_vcpu(uint32_t from, uint32_t to)
{
	struct fiber *self = running;

	of_vcpus[from] = self;
	leave(self, of_vcpus[to]);
}

/* ---- contexts ---- */

uint8_t machine_extended[EXTENDED_SIZE];
static uint64_t fs_base;

void arch_registers_reset(struct registers *registers)
{
	*registers = (struct registers){ .cs = 0x33, .ss = 0x2b, .rflags = 0x202 };
}

bool arch_emulate(struct registers *registers)
{
	(void)registers;
	return false;
}

uint64_t arch_fs_base(void)
{
	return fs_base;
}

void arch_set_fs_base(uint64_t base)
{
	fs_base = base;
}

void arch_context_make(struct context *context, void *stack_end, void (*start)(void *argument),
		       void *argument)
{
	CHECK((uint64_t)stack_end % 16 == 0);
	context->rsp = (uint64_t)make_fiber(start, argument);
}

void arch_context_switch(struct context *from, const struct context *to, void *entry_stack)
{
	struct fiber *self = running;

	(void)entry_stack;
	if (from->extended) {
		arch_extended_save(from->extended);
		from->fs_base = fs_base;
	}
	if (to->extended) {
		arch_extended_load(to->extended);
		fs_base = to->fs_base;
	}
	from->rsp = (uint64_t)self;
	leave(self, (struct fiber *)to->rsp);
}

void arch_system_call(struct registers *registers)
{
	(void)registers;
}

bool arch_keeps(uint64_t address, uint64_t length)
{
	(void)address;
	(void)length;
	return false;
}

void arch_enter_program(struct registers *registers)
{
	program_enter(registers);
}

void arch_start_vcpu(void)
{
}

/* ---- extended state: x87 and SSE, and something of 256 bytes ---- */

enum { LEGACY_SIZE = 512, HEADER_SIZE = 64, MXCSR_AT = 24 };

void arch_extended_start(void)
{
}

size_t arch_extended_size(void)
{
	return EXTENDED_SIZE;
}

uint64_t arch_extended_features(void)
{
	return EXTENDED_FEATURES;
}

void arch_extended_save(void *to)
{
	const uint64_t features = EXTENDED_FEATURES;

	CHECK((uint64_t)to % 64 == 0);
	memcpy(to, machine_extended, EXTENDED_SIZE);
	memset((char *)to + LEGACY_SIZE, 0, HEADER_SIZE);
	memcpy((char *)to + LEGACY_SIZE, &features, sizeof features);
}

/* What XRSTOR would fault for is a failure: the kernel has no answer to that. */
void arch_extended_load(const void *from)
{
	uint64_t header[HEADER_SIZE / 8];
	uint32_t mxcsr;

	memcpy(header, (const char *)from + LEGACY_SIZE, sizeof header);
	memcpy(&mxcsr, (const char *)from + MXCSR_AT, sizeof mxcsr);
	CHECK((uint64_t)from % 64 == 0);
	CHECK(!(header[0] & ~(uint64_t)EXTENDED_FEATURES));
	for (size_t i = 1; i < COUNT_OF(header); i++)
		CHECK(!header[i]);
	CHECK(!(mxcsr & ~UINT32_C(0xffff)));
	memcpy(machine_extended, from, EXTENDED_SIZE);
}

void arch_extended_reset(void *to)
{
	const uint32_t values[] = { 0x1f80, 0xffff };

	memset(to, 0, EXTENDED_SIZE);
	memcpy((char *)to + MXCSR_AT, values, sizeof values);
}

/* ---- what the processor goes by ---- */

struct shown {
	uint64_t page; /* its number, plus 1; 0: the place is free */
	uint64_t entry;
};
static struct shown shown[SHOWN];
static size_t shown_count;
long machine_maps = -1;

static struct shown *place_of(uint64_t page)
{
	size_t at = page * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SHOWN_BITS);

	while (shown[at].page && shown[at].page != page + 1)
		at = (at + 1) % SHOWN;
	return &shown[at];
}

uint64_t machine_shows(uint64_t address)
{
	return place_of(address >> PAGE_SHIFT)->entry;
}

bool machine_shown_next(size_t *at, uint64_t *address, uint64_t *entry)
{
	for (; *at < SHOWN; (*at)++) {
		if (!shown[*at].page || !shown[*at].entry)
			continue;
		*address = (shown[*at].page - 1) << PAGE_SHIFT;
		*entry = shown[(*at)++].entry;
		return true;
	}
	return false;
}

static void set_shown(uint64_t page, uint64_t entry)
{
	struct shown *place = place_of(page);

	if (!place->page && !entry)
		return;
	shown_count += !place->page;
	CHECK(shown_count < SHOWN / 4 * 3);
	*place = (struct shown){ page + 1, entry };
}

/* In numbers of pages. */
static void forget(uint64_t begin, uint64_t end)
{
	if (end - begin < SHOWN) {
		for (uint64_t page = begin; page < end; page++)
			set_shown(page, 0);
		return;
	}
	for (size_t i = 0; i < SHOWN; i++) {
		if (shown[i].page && shown[i].page - 1 >= begin && shown[i].page - 1 < end)
			shown[i].entry = 0;
	}
}

/* Takes over what the tables have in a range. Returns -ENOMEM if that is more than the host has room for. */
static int take(const uint64_t *table, unsigned level, uint64_t first_page, uint64_t begin, uint64_t end)
{
	const uint64_t step = UINT64_C(1) << level * 9;
	int error = 0;

	for (unsigned i = 0; i < 512 && !error; i++) {
		const uint64_t page = first_page + i * step;

		if (page + step <= begin || page >= end || !(table[i] & TABLE_PRESENT))
			continue;
		if (level)
			error = take((const uint64_t *)(table[i] & TABLE_ADDRESS), level - 1, page, begin,
				     end);
		else if (machine_maps)
			set_shown(page, table[i]);
		else
			error = -ENOMEM;
	}
	return error;
}

/* With `added`, a processor with a TLB need not be told, so what it has must still be right. */
static void check_added(uint64_t begin, uint64_t end, const uint64_t *root)
{
	if (end - begin >= SHOWN)
		return;
	for (uint64_t page = begin; page < end; page++) {
		const uint64_t old = place_of(page)->entry;
		const uint64_t new = table_get(root, page << PAGE_SHIFT);

		if (!old)
			continue;
		CHECK((new &TABLE_PRESENT) && (old & TABLE_ADDRESS) == (new &TABLE_ADDRESS));
		CHECK(!(old & TABLE_WRITE) || (new &TABLE_WRITE));
		CHECK((old & TABLE_NO_EXECUTE) || !(new &TABLE_NO_EXECUTE));
	}
}

int arch_tables_changed(const uint64_t *root, uint64_t address, size_t pages, bool added)
{
	const uint64_t begin = address >> PAGE_SHIFT;
	int error;

	CHECK(address % PAGE_SIZE == 0 && begin + pages <= ARCH_USER_END >> PAGE_SHIFT);
	if (added)
		check_added(begin, begin + pages, root);
	forget(begin, begin + pages);
	error = take(root, TABLE_LEVELS - 1, 0, begin, begin + pages);
	if (!error && machine_maps > 0)
		machine_maps--;
	return error;
}

void arch_tables_begin(uint64_t *root)
{
	CHECK(root);
}

void arch_tables_end(uint64_t *root)
{
	CHECK(root);
}

void arch_tables_use(const uint64_t *root)
{
	CHECK(root);
}
