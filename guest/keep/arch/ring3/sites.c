/* SPDX-License-Identifier: ISC */
/*
 * sites.c - places in programs where system calls are made often. A trap costs the host a signal, some 1.5 us; a jump costs
 * nothing. So the move of the call's number into eax, which is in front of the instruction nearly always, is replaced by
 * a jump to ring3_gate by way of a stub.
 *
 * The instruction itself stays, and whoever jumps to it, returns to it or begins a call again makes it by trap. That
 * is possible because its two bytes are the upper half of the address in the jump that ends with them:
 *
 *     b8 27 00 00 00    mov $39, %eax          ff 24 25 08 00 0f 05    jmp *0x050f0008
 *     0f 05             syscall
 *
 * So that is where the pointers to the stubs are. The C library's read(2) has a shorter move, and is given a short jump
 * to the padding behind the function's end, where the other jump is.
 */
#include "arch/ring3/gate.h"
#include "arch/ring3/ring3.h"
#include "mm/space.h"
#include "mm/user.h"
#include "task/task.h"

/* Traps after which a site is rewritten: about what that costs. */
enum { OFTEN = 16, NEVER = UINT8_MAX };

#define POINTERS UINT64_C(0x050f0000)
#define STUBS UINT64_C(0x05100000)
enum { STUB_SIZE = 32, MOST_STUBS = 8192, REGION_SIZE = 0x10000 + MOST_STUBS * STUB_SIZE };

/* How often there was a trap, for the sites that come by. */
static struct {
	uint64_t address;
	uint8_t count;
} sites[256];

static struct {
	const struct space *space; /* that has the region */
	bool refused;
	unsigned used;
} stubs;

static const uint8_t system_call[] = { 0x0f, 0x05 };

/* Bytes of the instruction in front. */
enum { BEFORE = 5 };

/* ---- stubs ---- */

/* The region is the kernel's to write; the program has it without write access. */
static int write_region(struct space *space, uint64_t address, const void *bytes, size_t length)
{
	int error = 0;
	void *memory = space_memory(space, address, SPACE_READ, &error);

	if (memory)
		memcpy(memory, bytes, length);
	return error;
}

static bool prepare(struct space *space)
{
	const unsigned flags = SPACE_FIXED | SPACE_NO_REPLACE | SPACE_NO_RESERVE;

	if (stubs.space == space)
		return !stubs.refused;
	stubs.space = space;
	stubs.used = 0;
	memset(sites, 0, sizeof sites);
	/* A program that has something there itself keeps its traps. */
	stubs.refused = space_map(space, POINTERS, REGION_SIZE, SPACE_READ | SPACE_EXECUTE, flags, NULL, 0) <
			0;
	return !stubs.refused;
}

/* The instruction that was in front; movabs $behind, %rcx; jmp *0(%rip); the gate's address. */
static int make_stub(struct space *space, const uint8_t before[BEFORE], uint64_t behind, uint32_t *pointer)
{
	uint8_t code[STUB_SIZE] = { [BEFORE] = 0x48, 0xb9, [15] = 0xff, 0x25 };
	const uint64_t gate = (uint64_t)ring3_gate;
	const uint64_t stub = STUBS + stubs.used * (uint64_t)STUB_SIZE;
	int error;

	if (stubs.used == MOST_STUBS)
		return -ENOSPC;
	memcpy(code, before, BEFORE);
	memcpy(code + 7, &behind, sizeof behind);
	memcpy(code + 21, &gate, sizeof gate);
	error = write_region(space, stub, code, sizeof code);
	if (error)
		return error;
	*pointer = (uint32_t)(POINTERS + stubs.used * sizeof stub);
	stubs.used++;
	return write_region(space, *pointer, &stub, sizeof stub);
}

/* ---- sites ---- */

/* A page with a site in it, to be changed. */
struct code {
	uint8_t *bytes; /* PAGE_SIZE of them */
	size_t at;      /* of the instruction */
};

static bool has(const struct code *code, long from, const uint8_t *bytes, size_t length)
{
	const long begin = (long)code->at + from;

	return begin >= 0 && begin + (long)length <= PAGE_SIZE && !memcmp(code->bytes + begin, bytes, length);
}

/* The jump by a pointer, 7 bytes. */
enum { JUMP_SIZE = 7 };
static void write_jump(uint8_t *to, uint32_t pointer)
{
	const uint8_t jump[] = { 0xff, 0x24, 0x25 };

	memcpy(to, jump, sizeof jump);
	memcpy(to + sizeof jump, &pointer, sizeof pointer);
}

/*
 * mov $number, %eax. These bytes can also be the end of a longer instruction; then they are not likely to be the number
 * that is in rax, and a prefix is seen that makes it r8d.
 */
static bool is_move(const struct code *code, uint64_t number)
{
	enum { MOVE = 0xb8, PREFIX = 0x41, PREFIX_MASK = 0xf1 };
	uint32_t moved;

	if (code->at <= BEFORE || code->bytes[code->at - BEFORE] != MOVE ||
	    (code->bytes[code->at - BEFORE - 1] & PREFIX_MASK) == PREFIX)
		return false;
	memcpy(&moved, code->bytes + code->at - sizeof moved, sizeof moved);
	return moved == number;
}

/* The end of the C library's syscall(2): mov %r9, %r8; mov 8(%rsp), %r9. */
static bool is_generic(const struct code *code)
{
	static const uint8_t moves[] = { 0x4d, 0x89, 0xc8, 0x4c, 0x8b, 0x4c, 0x24, 0x08 };

	return has(code, -(long)sizeof moves, moves, sizeof moves);
}

/*
 * xor %eax, %eax; syscall; cmp $-4096, %rax; ja; ret; and then padding, into which nobody runs, since it is behind a
 * return that is one for sure.
 */
static bool is_short_read(const struct code *code)
{
	static const uint8_t before[] = { 0x31, 0xc0 };
	static const uint8_t compare[] = { 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x77 };
	static const uint8_t back = 0xc3;
	static const uint8_t paddings[][9] = {
		{ 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 },
	};

	if (!has(code, -2, before, sizeof before) || !has(code, 2, compare, sizeof compare) ||
	    !has(code, 10, &back, 1))
		return false;
	for (size_t i = 0; i < COUNT_OF(paddings); i++) {
		if (has(code, 11, paddings[i], i == COUNT_OF(paddings) - 1 ? JUMP_SIZE : 8))
			return true;
	}
	return false;
}

static int rewrite(struct space *space, struct code *code, uint64_t site, uint64_t number)
{
	static const uint8_t move_zero[BEFORE] = { 0xb8 };
	const uint64_t behind = site + sizeof system_call;
	uint32_t pointer;
	int error = -EINVAL;

	if (!has(code, 0, system_call, sizeof system_call))
		return error;
	if (is_move(code, number) || is_generic(code)) {
		error = make_stub(space, code->bytes + code->at - BEFORE, behind, &pointer);
		if (!error)
			write_jump(code->bytes + code->at - BEFORE, pointer);
	} else if (is_short_read(code)) {
		error = make_stub(space, move_zero, behind, &pointer);
		if (!error) {
			write_jump(code->bytes + code->at + 11, pointer);
			code->bytes[code->at - 2] = 0xeb; /* jmp to there, from behind this */
			code->bytes[code->at - 1] = 11;
		}
	}
	return error ? error : space_replace_code(space, page_floor(site), code->bytes);
}

static void try_site(uint64_t site, uint64_t number)
{
	struct space *space = current_process()->space;
	struct code code = { .bytes = guest_pages_alloc(1), .at = site % PAGE_SIZE };

	if (!code.bytes)
		return;
	if (!user_read(code.bytes, page_floor(site), PAGE_SIZE) && prepare(space))
		(void)rewrite(space, &code, site, number);
	guest_pages_free(code.bytes, 1);
}

void ring3_system_call(struct registers *registers)
{
	const uint64_t site = registers->rip - sizeof system_call;
	const size_t index = (site ^ site >> 8) % COUNT_OF(sites);

	if (registers->vector == RING3_BY_GATE)
		return;
	if (sites[index].address != site) {
		sites[index].address = site;
		sites[index].count = 0;
	}
	if (sites[index].count == NEVER || ++sites[index].count < OFTEN)
		return;
	/* Once: what cannot be rewritten now cannot later. */
	sites[index].count = NEVER;
	try_site(site, registers->rax);
}

bool ring3_keeps(uint64_t address, uint64_t length)
{
	return stubs.space == current_process()->space && !stubs.refused &&
	       address < POINTERS + REGION_SIZE && length > 0 &&
	       (address >= POINTERS || POINTERS - address < length);
}

void ring3_forget_sites(void)
{
	stubs.space = NULL;
}
