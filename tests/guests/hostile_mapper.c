/* SPDX-License-Identifier: ISC */
/*
 * hostile_mapper.c - asks the engine ring3's mapper for what a guest may have, to the last byte, and for what it may
 * not. Command line: which of the cases; without, how many there are.
 */
#include "hostile.h"

enum { UNMAP, MAP, PROTECT };
enum { PAGE = 4096, ALL = 7 };

#define LOW UINT64_C(0x10000000)
#define USER_END UINT64_C(0x100000000000)
#define LONGEST UINT64_C(0xffeffffffff) /* and one byte more is too long */
#define RAM UINT64_C(0x200000000000)
#define CODE (RAM - 0x100000)

struct request {
	const char *name;
	uint64_t what, address, length, access, from;
	bool ends; /* it must end the VM */
};

/* clang-format off */
static const struct request requests[] = {
	{ "everything, unmapped", UNMAP, 0, LONGEST & ~UINT64_C(0xfff), 0, 0, false },
	{ "the last page, unmapped", UNMAP, USER_END - PAGE, PAGE, 0, 0, false },
	{ "from the last page on, unmapped", UNMAP, USER_END - PAGE, LONGEST & ~UINT64_C(0xfff), 0, 0, false },
	{ "the last page", MAP, USER_END - PAGE, PAGE, ALL, 0, false },
	{ "from nowhere in RAM", MAP, LOW, PAGE, ALL, UINT64_C(1) << 40, false },
	{ "from before RAM", MAP, LOW, PAGE, ALL, -UINT64_C(4096), false },
	{ "from the middle of a page", MAP, LOW, PAGE, ALL, 1, false },
	{ "at the middle of a page", MAP, LOW + 1, PAGE, ALL, 0, false },
	{ "nothing", MAP, LOW, 0, ALL, 0, false },
	{ "with no access", MAP, LOW, PAGE, 0, 0, false },
	{ "more than there may be", MAP, LOW, UINT64_C(1) << 43, ALL, 0, false },
	{ "what is not mapped, protected", PROTECT, LOW, PAGE, ALL, 0, false },
	{ "everything, protected", PROTECT, 0, LONGEST & ~UINT64_C(0xfff), ALL, 0, false },
	{ "another word for protect", UINT64_MAX, LOW, PAGE, ALL, 0, false },

	{ "one behind the last page", MAP, USER_END, PAGE, ALL, 0, true },
	{ "too long", MAP, LOW, LONGEST + 1, ALL, 0, true },
	{ "around the end of all", MAP, LOW, -UINT64_C(4096), ALL, 0, true },
	{ "more access than there is", MAP, LOW, PAGE, 8, 0, true },
	{ "access above 32 bits", MAP, LOW, PAGE, ALL | UINT64_C(1) << 32, 0, true },
	{ "the areas", MAP, HOSTILE_AREAS, PAGE, ALL, 0, true },
	{ "the engine's code", MAP, CODE, HOSTILE_CODE_SIZE, ALL, 0, true },
	{ "RAM", MAP, RAM, PAGE, ALL, 0, true },
	{ "the kernel's", MAP, UINT64_C(0xffff800000000000), PAGE, ALL, 0, true },
	{ "where no address is", MAP, UINT64_C(0x800000000000), PAGE, ALL, 0, true },
	{ "the areas, unmapped", UNMAP, HOSTILE_AREAS, HOSTILE_AREA_SIZE, 0, 0, true },
	{ "the engine's code, unmapped", UNMAP, CODE, HOSTILE_CODE_SIZE, 0, 0, true },
	{ "RAM, unmapped", UNMAP, RAM, PAGE, 0, 0, true },
	{ "all, unmapped", UNMAP, 0, UINT64_C(0x7ffffffff000), 0, 0, true },
	{ "one byte too much, unmapped", UNMAP, 0, LONGEST + 1, 0, 0, true },
	{ "the engine's code, protected", PROTECT, CODE, HOSTILE_CODE_SIZE, ALL, 0, true },
	{ "the areas, protected", PROTECT, HOSTILE_AREAS, PAGE, 0, 0, true },
	{ "RAM, protected", PROTECT, RAM, PAGE, 0, 0, true },
};
/* clang-format on */

enum { REQUESTS = sizeof requests / sizeof *requests };

static unsigned long faults;

static bool recover(struct guest_registers *registers)
{
	faults++;
	registers_recover(registers);
	return true;
}

static int64_t call_mapper(uint64_t what, uint64_t address, uint64_t length, uint64_t access, uint64_t from)
{
	uint64_t registers[REGISTERS] = {
		[RAX] = what, [RDI] = address, [RSI] = length, [RDX] = access, [R10] = from
	};

	EXPECT(registers_call(registers, guest_boot()->mapper));
	return (int64_t)registers[RAX];
}

extern const char touch[];
__asm__("touch: movq (%rdi), %rax; ret\n");

/* Whether there is something at an address: an access is a fault of the guest's, and nobody else's, if not. */
static bool is_there(uint64_t address)
{
	uint64_t registers[REGISTERS] = { [RDI] = address };
	unsigned long before = faults;
	bool returned = registers_call(registers, (uint64_t)touch);

	EXPECT(returned == (faults == before));
	return returned;
}

/* RAM over and over, until the host says that it is enough: that is before long, and then everything works. */
static void map_without_end(uint64_t bytes, uint64_t step)
{
	unsigned long times = 0;

	while (call_mapper(MAP, LOW + times * step, bytes, ALL, 0) == 0) {
		times++;
		EXPECT(times * bytes <= 3 * guest_boot()->memory);
	}
	EXPECT(times);
	EXPECT(is_there(LOW + PAGE) && !is_there(LOW - PAGE));
	EXPECT_RESULT(call_mapper(UNMAP, LOW, times * step, 0, 0), 0);
	EXPECT(!is_there(LOW + PAGE));
	guest_printf("%lu times 0x%lx bytes\n", times, (unsigned long)bytes);
}

int main(void)
{
	const char *command = guest_command();
	unsigned long number = expect_number(&command, REQUESTS);
	const struct request *request = &requests[number % REQUESTS];
	int64_t result;

	hostile_need_ring3();
	guest_on_page_fault(recover);
	guest_on_exception(recover);
	if (number >= REQUESTS) {
		map_without_end(guest_boot()->memory, guest_boot()->memory);
		map_without_end(2 * PAGE, UINT64_C(1) << 21);
		guest_printf("%u attacks at 1 places\n", REQUESTS);
		return 0;
	}
	guest_printf("%s: %s\n", request->ends ? "must end" : "is answered", request->name);
	result =
		call_mapper(request->what, request->address, request->length, request->access, request->from);
	if (request->ends)
		return 1;
	EXPECT(result > -4096 && result <= 0);
	is_there(request->address & ~UINT64_C(0xfff));
	EXPECT_RESULT(postern_abi_nop(), 0);
	EXPECT(is_there(CODE) && is_there(HOSTILE_AREAS) && is_there(RAM));
	return 0;
}
