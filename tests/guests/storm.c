/* SPDX-License-Identifier: ISC */
/*
 * storm.c - another vCPU sends events as fast as it can, while this one looks whether any register ever
 * changes; and the last of them is not lost, or this never ends. Needs two vCPUs.
 */
#include "expect.h"
#include "registers.h"

POSTERN_GUEST_NOTE(POSTERN_NEED(CONSOLE, CONSOLE_WRITE), POSTERN_NEED(EVENT, EVENT_BIND, EVENT_SEND),
		   POSTERN_NEED(VCPU, VCPU_START, VCPU_STOP, VCPU_CALLBACKS));

enum { BIT = 33, SENDS = 20000 };

static postern_handle_t event;
static uint32_t sent;          /* the sender writes it, before it sends */
static volatile uint32_t seen; /* of that, the handler */
static volatile uint32_t handled;
static volatile double sum;

/* With vector registers, which are the interrupted code's, too. */
static void see(unsigned bit, void *argument)
{
	(void)bit;
	(void)argument;
	seen = __atomic_load_n(&sent, __ATOMIC_SEQ_CST);
	sum += 0.5;
	handled++;
	EXPECT_RESULT(postern_abi_probe(0xffff), 0);
}

static void send_all(void *argument)
{
	(void)argument;
	for (uint32_t i = 1; i <= SENDS; i++) {
		__atomic_store_n(&sent, i, __ATOMIC_SEQ_CST);
		EXPECT_RESULT(postern_event_send(event), 0);
	}
}

/* For registers_call(): takes a while, and changes no register. */
extern const char take_a_while[];
__asm__(".text\n"
	"take_a_while: movq $2000, left(%rip)\n"
	"1: subq $1, left(%rip)\n"
	"	jnz 1b\n"
	"	ret\n"
	".bss\n"
	".balign 8\n"
	"left: .skip 8\n"
	".text\n");

static void look_at_registers(uint64_t *seed)
{
	uint64_t before[REGISTERS];
	uint64_t after[REGISTERS];

	for (unsigned i = 0; i < REGISTERS; i++)
		before[i] = after[i] = expect_random(seed);
	EXPECT(registers_call(after, (uint64_t)take_a_while));
	EXPECT(!memcmp(after, before, sizeof before));
}

/* An event may come in the middle of a call, too: neither takes anything from the other. */
static void look_at_calls(void)
{
	uint64_t registers[REGISTERS] = {
		[RAX] = POSTERN_CALL_ABI_PROBE, [RBX] = 1, [RBP] = 2, [R12] = 3, [R15] = 4
	};

	EXPECT(registers_call(registers, postern_hypercall_page));
	EXPECT(registers[RAX] == 7 && registers[RBX] == 1 && registers[RBP] == 2 && registers[R12] == 3);
	EXPECT(registers[R15] == 4 && !registers[RDI] && !registers[RSI] && !registers[RDX] &&
	       !registers[R8]);
}

static void look_at_vectors(void)
{
	double total = 0;

	for (unsigned i = 0; i < 1000; i++)
		total += i;
	EXPECT(total == 499500);
}

int main(void)
{
	struct postern_event_bind how = POSTERN_INIT(event_bind);
	uint64_t seed = 1;
	unsigned long looks = 0;

	if (guest_boot()->vcpus < 2) {
		guest_print("storm: nobody is there to send events\n");
		return 0;
	}
	how.bit = BIT;
	event = (postern_handle_t)postern_event_bind(&how);
	guest_on_event(BIT, see, NULL);
	guest_events_enable();
	EXPECT_RESULT(guest_vcpu_start(1, send_all, NULL), 0);
	while (seen != SENDS) {
		look_at_registers(&seed);
		look_at_calls();
		look_at_vectors();
		looks++;
	}
	guest_events_disable();
	EXPECT(sum == handled * 0.5);
	guest_printf("storm: %u of %u events in %lu looks\n", handled, SENDS, looks);
	return 0;
}
