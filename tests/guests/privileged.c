/* SPDX-License-Identifier: ISC */
/*
 * privileged.c - instructions that only a kernel may execute: the host emulates them, or the guest gets a
 * general protection fault. It prints which, and checks what emulation has to keep.
 */
#include "expect.h"

static bool refused;
static uint64_t resume;

static bool handle(struct guest_registers *registers)
{
	refused = true;
	registers->rip = resume;
	return registers->vector == 13 || registers->vector == 6;
}

/* Executes an instruction with rax, rcx and rdx as given; returns rax afterwards. */
#define EXECUTE(instruction, rax, rcx, rdx)                                                     \
	({                                                                                      \
		uint64_t a = (rax), c = (rcx), d = (rdx);                                       \
		refused = false;                                                                \
		__asm__ volatile("leaq 9f(%%rip), %%r8\n\tmovq %%r8, %3\n\t" instruction "\n9:" \
				 : "+a"(a), "+c"(c), "+d"(d), "=m"(resume)                      \
				 :                                                              \
				 : "r8", "cc", "memory");                                       \
		a;                                                                              \
	})

static void say(const char *instruction)
{
	guest_printf("privileged: %s: %s\n", instruction, refused ? "refused" : "done");
}

/* The processor's own flag stands beside the page's then, and does not change it. */
static bool has_tables(void)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	EXPECT_RESULT(postern_abi_query(POSTERN_SECTION_VCPU, &info), 0);
	return info.features & POSTERN_VCPU_FEATURES_TABLES;
}

static void mask_events(void)
{
	const bool own_flag = has_tables();

	EXECUTE("sti", 0, 0, 0);
	say("sti");
	EXPECT(refused || own_flag || guest_events_enabled());
	EXECUTE("cli", 0, 0, 0);
	say("cli");
	EXPECT(refused || own_flag || !guest_events_enabled());
}

static void use_ports(void)
{
	const uint64_t before = 0x1122334455667788;
	uint64_t after;

	/* The line status of the first serial port: ready to send. */
	after = EXECUTE("inb %%dx, %%al", before, 0, 0x3fd);
	say("in from 0x3fd");
	EXPECT((after & ~UINT64_C(0xff)) == (before & ~UINT64_C(0xff)));
	if (!refused && (after & 0x20)) {
		EXECUTE("outb %%al, %%dx", '\n', 0, 0x3f8);
		say("out to 0x3f8");
	}
	/* Nothing is there. */
	after = EXECUTE("inl %%dx, %%eax", before, 0, 0xf00);
	say("in from 0xf00");
	EXPECT(refused || after == 0xffffffff);
	EXECUTE("outl %%eax, %%dx", before, 0, 0xf00);
	say("out to 0xf00");
}

static void use_registers(void)
{
	EXECUTE("rdmsr", 0, 0xc0000080, 0);
	say("rdmsr 0xc0000080");
	EXECUTE("rdmsr", 0, 0xdeadbeef, 0);
	say("rdmsr 0xdeadbeef");
	EXECUTE("wrmsr", 0, 0xdeadbeef, 0);
	say("wrmsr 0xdeadbeef");
	EXECUTE("movq %%cr3, %%rax", 0, 0, 0);
	say("read cr3");
	EXECUTE("wbinvd", 0, 0, 0);
	say("wbinvd");
}

int main(void)
{
	struct postern_event_bind how = POSTERN_INIT(event_bind);
	int64_t event;

	guest_on_exception(handle);
	mask_events();
	use_ports();
	use_registers();
	/* With an event pending, it does not wait. */
	event = postern_event_bind(&how);
	if (event >= 0) {
		EXPECT_RESULT(postern_event_send((postern_handle_t)event), 0);
		EXECUTE("hlt", 0, 0, 0);
		say("hlt");
	}
	return 0;
}
